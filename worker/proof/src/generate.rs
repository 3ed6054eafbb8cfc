//! Answers: prefill, then one token after the other, each chosen by the seeded sampler, and the
//! proofs of having computed them.

use crate::{Assignment, ComputeError, Generation, Model, Watcher, stop::StopRule};
use infergrid_primitives::{
	model::ProofParams,
	sampler::{self, History, Noise},
	toploc::{BuildError, Proof, chunks, f32_to_bf16, points},
};
use std::time::Instant;

/// Computes an answer and shows each token to `watcher` as soon as it is chosen.
pub fn generate(
	model: &(impl Model + ?Sized),
	assignment: &Assignment,
	watcher: &mut dyn Watcher,
) -> Result<Generation, ComputeError> {
	let started = Instant::now();
	let Assignment { prompt, params, .. } = assignment;
	let facts = model.facts();
	let mut rule = StopRule::new(&facts, params, prompt.len(), assignment.context)?;
	let noise = Noise::new(&assignment.seed);
	let mut sequence = model.sequence(prompt.len().saturating_add(params.max_tokens as usize));
	let mut history = History::default();
	let mut tokens = Vec::new();
	let mut rows = Vec::new();
	let mut time_to_first_token = None;

	let mut hidden = sequence.extend(prompt, watcher)?;
	let finish = loop {
		rows.extend(hidden.iter().map(|value| f32_to_bf16(*value)));
		let logits = sequence.logits(&hidden)?;
		let token = sampler::choose(&logits, &history, params, &noise, tokens.len() as u32)?;
		history.record(token);
		tokens.push(token);
		time_to_first_token.get_or_insert_with(|| started.elapsed());
		watcher.token(token)?;
		if let Some(finish) = rule.after(token, tokens.len())? {
			break finish;
		}
		watcher.rest()?;
		hidden = sequence.extend(&[token], watcher)?;
	};
	let total_time = started.elapsed();
	let proofs = prove(&rows, facts.hidden, &assignment.proof)?;
	Ok(Generation {
		tokens,
		finish,
		proofs,
		time_to_first_token: time_to_first_token.unwrap_or(total_time),
		total_time,
	})
}

/// The proofs of an answer whose hidden states are the rows of `rows` `[n_out, hidden]`, as bf16 bit
/// patterns: one for each chunk.
pub fn prove(
	rows: &[u16],
	hidden: usize,
	params: &ProofParams,
) -> Result<Vec<Vec<u8>>, BuildError> {
	chunks(rows.len() / hidden, params.chunk.into())
		.map(|range| {
			let k = points(params.top_k, range.len(), hidden);
			let values = &rows[range.start * hidden..range.end * hidden];
			Ok(Proof::build(values, k)?.to_bytes())
		})
		.collect()
}

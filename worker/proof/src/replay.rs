//! Re-checking an answer: one prefill over prompt and answer shows what the model would have chosen.

use infergrid_primitives::{
	AuditId, Hash, TokenId,
	audit::Fingerprint,
	request::SamplingParams,
	sampler::{self, BadLogits, History, Margin, Noise, Tolerance},
};
use rayon::prelude::*;

/// Tokens that one thread judges in a row: each block counts the tokens before it.
const MARGIN_BLOCK: usize = 8;

/// An answer to re-check.
#[derive(Clone, Copy, Debug)]
pub struct ReplayRequest<'a> {
	/// Token ids, template included.
	pub prompt: &'a [TokenId],
	/// The answer's token ids.
	pub output: &'a [TokenId],
	/// How it was sampled.
	pub params: &'a SamplingParams,
	/// The request's seed.
	pub seed: &'a Hash,
	/// The randomness of the audit's draw and the audit, from which the fingerprint follows.
	pub probe: Option<(&'a Hash, AuditId)>,
}

/// What the model says about an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
	/// Width of a row.
	pub hidden: usize,
	/// `[n_out, hidden]`: the hidden states from which the answer's tokens follow, as bf16 bit
	/// patterns.
	pub rows: Vec<u16>,
	/// For each token of the answer, how far it is from the model's own choice.
	pub margins: Vec<Margin>,
	/// Proof of having run the model; zero without a probe.
	pub fingerprint: Fingerprint,
}

/// How far each token of the answer from place `first` on is from the model's own choice, by the
/// model's `logits` for these places, `[places, vocab]`.
pub fn margins(
	request: &ReplayRequest<'_>,
	first: usize,
	logits: &[f32],
	vocab: usize,
) -> Result<Vec<Margin>, BadLogits> {
	let ReplayRequest { output, params, .. } = *request;
	let noise = Noise::new(request.seed);
	let tolerance = Tolerance::default();
	let blocks = logits.par_chunks(MARGIN_BLOCK * vocab).zip(
		output[first..]
			.par_chunks(MARGIN_BLOCK)
			.zip((first..output.len()).into_par_iter().step_by(MARGIN_BLOCK)),
	);
	let judged = blocks.map(|(logits, (tokens, start))| {
		let mut history: History = output[..start].iter().copied().collect();
		let rows = logits.chunks(vocab).zip(tokens).zip(start as u32..);
		rows.map(|((logits, &token), step)| {
			let margin = sampler::margin(logits, &history, params, &noise, step, token, &tolerance);
			history.record(token);
			margin
		})
		.collect::<Result<Vec<_>, _>>()
	});
	let blocks: Vec<Vec<Margin>> = judged.collect::<Result<_, _>>()?;
	Ok(blocks.into_iter().flatten().collect())
}

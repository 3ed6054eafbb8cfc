//! Re-checking an answer: one prefill over prompt and answer shows what the model would have chosen.

use crate::{
	engine::{Engine, values},
	error::GenerateError,
};
use infergrid_primitives::{
	AuditId, Hash, TokenId,
	audit::{FINGERPRINT_LEN, Fingerprint},
	fingerprint::Probe,
	request::SamplingParams,
	sampler::{self, History, Margin, Noise, Tolerance},
	toploc::f32_to_bf16,
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

impl Engine {
	/// Computes what the model says about an answer.
	pub fn replay(&self, request: &ReplayRequest<'_>) -> Result<Replay, GenerateError> {
		let ReplayRequest { prompt, output, .. } = *request;
		if prompt.is_empty() || output.is_empty() {
			return Err(GenerateError::EmptyPrompt);
		}
		let ids = [prompt, output].concat();
		let config = self.config();
		let hidden = config.hidden_size;
		let probe = request.probe.and_then(|(randomness, audit)| {
			Probe::draw(randomness, audit, config.layers as u32, ids.len() as u32)
		});

		let mut probed = None;
		let mut states = Vec::with_capacity(output.len() * hidden);
		// The answer's first token follows from the prompt's last, the last one from the one before.
		let wanted = prompt.len() - 1..ids.len() - 1;
		self.prefill(
			&ids,
			|number, start, stream| {
				let Some(probe) = probe.filter(|probe| probe.layer as usize + 1 == number) else {
					return;
				};
				let position = probe.position as usize;
				if let Some(row) = position
					.checked_sub(start)
					.filter(|row| *row < stream.dims()[0])
				{
					probed = Some(values(stream.clone().slice([row..row + 1, 0..hidden])));
				}
			},
			|start, rows| {
				let [tokens, _] = rows.dims();
				let from = wanted.start.clamp(start, start + tokens) - start;
				let to = wanted.end.clamp(start, start + tokens) - start;
				if from < to {
					states.extend(values(rows.slice([from..to, 0..hidden])));
				}
			},
		)?;

		let margins = self.margins(&states, request)?;
		let fingerprint = match (probe, probed) {
			(Some(probe), Some(state)) => probe.project(&state)?,
			_ => [0; FINGERPRINT_LEN],
		};
		let rows = states.into_iter().map(f32_to_bf16).collect();
		Ok(Replay {
			hidden,
			rows,
			margins,
			fingerprint,
		})
	}

	/// How far each token of the answer is from the model's own choice after `states`,
	/// `[n_out, hidden]`.
	fn margins(
		&self,
		states: &[f32],
		request: &ReplayRequest<'_>,
	) -> Result<Vec<Margin>, GenerateError> {
		let ReplayRequest { output, params, .. } = *request;
		let noise = Noise::new(request.seed);
		let tolerance = Tolerance::default();
		let vocab = self.config().vocab_size;
		let mut margins = Vec::with_capacity(output.len());
		self.each_logits(states, |first, logits| {
			let blocks = logits.par_chunks(MARGIN_BLOCK * vocab).zip(
				output[first..]
					.par_chunks(MARGIN_BLOCK)
					.zip((first..output.len()).into_par_iter().step_by(MARGIN_BLOCK)),
			);
			let judged = blocks.map(|(logits, (tokens, start))| {
				let mut history: History = output[..start].iter().copied().collect();
				let rows = logits.chunks(vocab).zip(tokens).zip(start as u32..);
				rows.map(|((logits, &token), step)| {
					let margin =
						sampler::margin(logits, &history, params, &noise, step, token, &tolerance);
					history.record(token);
					margin
				})
				.collect::<Result<Vec<_>, _>>()
			});
			for block in judged.collect::<Result<Vec<_>, _>>()? {
				margins.extend(block);
			}
			Ok(())
		})?;
		Ok(margins)
	}
}

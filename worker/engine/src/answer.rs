//! What the rules of answers ask of a model: sequences, and re-checking an answer by one prefill over
//! prompt and answer.

use crate::{
	cache::Cache,
	engine::{Engine, values},
};
use infergrid_primitives::{
	TokenId, audit::FINGERPRINT_LEN, fingerprint::Probe, sampler::Margin, toploc::f32_to_bf16,
};
use infergrid_proof::{
	ComputeError, Encoder, Facts, Model, Replay, ReplayRequest, Sequence, Watcher, margins,
};

/// Room in the cache of a sequence to begin with, in tokens; it doubles when it is full.
const INITIAL_ROOM: usize = 512;

/// A sequence in an engine.
struct EngineSequence<'a> {
	engine: &'a Engine,
	cache: Cache,
}

impl Sequence for EngineSequence<'_> {
	fn extend(
		&mut self,
		ids: &[TokenId],
		watcher: &mut dyn Watcher,
	) -> Result<Vec<f32>, ComputeError> {
		self.engine.extend_watched(ids, &mut self.cache, watcher)
	}

	fn logits(&self, hidden: &[f32]) -> Result<Vec<f32>, ComputeError> {
		self.engine.logits(hidden)
	}
}

impl Model for Engine {
	fn facts(&self) -> Facts<'_> {
		let checkpoint = self.checkpoint();
		Facts {
			vocab: checkpoint.config.vocab_size,
			hidden: checkpoint.config.hidden_size,
			context: checkpoint.config.context,
			eos: &checkpoint.eos,
			tokenizer: checkpoint.tokenizer.as_ref(),
		}
	}

	fn encoder(&self) -> Encoder {
		let checkpoint = self.checkpoint().clone();
		std::sync::Arc::new(move |text| checkpoint.encode_inline(text))
	}

	fn sequence(&self, tokens: usize) -> Box<dyn Sequence + '_> {
		Box::new(EngineSequence {
			engine: self,
			cache: self.cache(tokens.min(INITIAL_ROOM)),
		})
	}

	fn replay(
		&self,
		request: &ReplayRequest<'_>,
		watcher: &mut dyn Watcher,
	) -> Result<Replay, ComputeError> {
		let ReplayRequest { prompt, output, .. } = *request;
		if prompt.is_empty() || output.is_empty() {
			return Err(ComputeError::EmptyPrompt);
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
			watcher,
		)?;

		let mut found: Vec<Margin> = Vec::with_capacity(output.len());
		self.each_logits(&states, |first, logits| {
			watcher.rest()?;
			found.extend(margins(request, first, logits, config.vocab_size)?);
			Ok(())
		})?;
		let fingerprint = match (probe, probed) {
			(Some(probe), Some(state)) => probe.project(&state)?,
			_ => [0; FINGERPRINT_LEN],
		};
		Ok(Replay {
			hidden,
			rows: states.into_iter().map(f32_to_bf16).collect(),
			margins: found,
			fingerprint,
		})
	}
}

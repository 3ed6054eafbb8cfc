//! The choice that the noise makes.

use super::{
	distribution::{BadLogits, Distribution, History, Tolerance},
	noise::Noise,
};
use crate::{TokenId, request::SamplingParams};

/// The token to put at place `step` (counted from 0) of the answer. `logits` holds one value for each
/// token of the vocabulary, `history` the `step` tokens before.
pub fn choose(
	logits: &[f32],
	history: &History,
	params: &SamplingParams,
	noise: &Noise,
	step: u32,
) -> Result<TokenId, BadLogits> {
	let distribution = Distribution::new(logits, history, params)?;
	let Some(sampling) = distribution.sampling else {
		return Ok(distribution.argmax);
	};
	let kept = distribution.kept(
		&sampling,
		&Tolerance {
			logit: 0.0,
			mass: 0.0,
		},
	);
	let mut best = Leader::NONE;
	distribution.for_each_kept(kept.strict, |token, score| {
		best.offer(noise, step, token, score)
	});
	Ok(best.token)
}

/// The best candidate so far; candidates come in any order.
pub(super) struct Leader {
	pub(super) token: TokenId,
	pub(super) value: f64,
}

impl Leader {
	pub(super) const NONE: Self = Self {
		token: TokenId::MAX,
		value: f64::NEG_INFINITY,
	};

	pub(super) fn offer(&mut self, noise: &Noise, step: u32, token: TokenId, score: f64) {
		let Some(value) = noise.scored(step, token, score, self.value) else {
			return;
		};
		if value > self.value || (value == self.value && token < self.token) {
			*self = Self { token, value };
		}
	}
}

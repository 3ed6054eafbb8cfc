//! A verifier's judgement of a choice that somebody else made.

use super::{
	choice::Leader,
	distribution::{BadLogits, Distribution, History, Tolerance},
	noise::Noise,
};
use crate::{TokenId, request::SamplingParams};

/// How far a token is from the verifier's own choice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Margin {
	/// What the token lacks in logits, noise × temperature included; 0 when nothing beats it, and ∞
	/// for a token outside the widened top-k or top-p set or outside the vocabulary.
	pub delta: f64,
	/// It is the token that the verifier would have chosen.
	pub exact: bool,
}

/// Judges the claim that `token` stands at place `step`, from the verifier's own `logits`.
///
/// Tokens that the tolerance leaves in doubt may be claimed but beat nobody.
pub fn margin(
	logits: &[f32],
	history: &History,
	params: &SamplingParams,
	noise: &Noise,
	step: u32,
	token: TokenId,
	tolerance: &Tolerance,
) -> Result<Margin, BadLogits> {
	let distribution = Distribution::new(logits, history, params)?;
	let outside = Margin {
		delta: f64::INFINITY,
		exact: false,
	};
	let Some(&claimed) = distribution.scores.get(token as usize) else {
		return Ok(outside);
	};
	let Some(sampling) = distribution.sampling else {
		let delta = distribution.scores[distribution.argmax as usize] - claimed;
		return Ok(Margin {
			delta,
			exact: token == distribution.argmax,
		});
	};
	let kept = distribution.kept(&sampling, tolerance);
	if claimed < kept.widened.score {
		return Ok(outside);
	}
	let mut certain = Leader::NONE;
	let mut own = Leader::NONE;
	distribution.for_each_kept(kept.strict, |candidate, score| {
		own.offer(noise, step, candidate, score);
		if score >= kept.narrowed.score {
			certain.offer(noise, step, candidate, score);
		}
	});
	let reached = claimed + noise.gumbel(step, token);
	let delta = ((certain.value - reached) * sampling.temperature).max(0.0);
	Ok(Margin {
		delta,
		exact: token == own.token,
	})
}

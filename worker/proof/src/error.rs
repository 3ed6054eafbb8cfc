//! Why a computation failed, and what a caller should do about it.

use infergrid_checkpoint::{CheckpointError, TokenizerError};
use infergrid_primitives::{
	TokenId, fingerprint::NoFingerprint, request::InvalidParams, sampler::BadLogits,
	toploc::BuildError,
};

/// What to do about a failed computation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
	/// The same call may work later or elsewhere.
	Retry,
	/// This job cannot be done; others can.
	Skip,
	/// The model is unusable; the process should end and be started again.
	Die,
}

/// A job that has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ComputeError {
	/// Nothing to continue.
	#[error("the prompt is empty")]
	EmptyPrompt,
	/// A token outside the vocabulary.
	#[error("token id {token} is outside the vocabulary of {vocab}")]
	UnknownToken { token: TokenId, vocab: usize },
	/// No room for an answer.
	#[error("{tokens} tokens exceed the context of {context}; shorten the prompt")]
	ContextFull { tokens: usize, context: usize },
	/// Stop strings need text.
	#[error("stop strings need a tokenizer.json in the model's directory")]
	NoTokenizer,
	/// Decoding for stop strings.
	#[error(transparent)]
	Tokenizer(#[from] TokenizerError),
	/// Sampling parameters out of range.
	#[error("a sampling parameter is out of range: {0:?}")]
	Params(InvalidParams),
	/// A text on chain that the model's template or tokenizer refuses.
	#[error("the inline prompt cannot be encoded: {0}")]
	InlinePrompt(#[source] CheckpointError),
	/// The answer needs more memory than there is.
	#[error("{tokens} tokens need more memory than there is, which is enough for {limit}")]
	TooLarge { tokens: u64, limit: u64 },
	/// The queue is full.
	#[error("{waiting} jobs wait for the model already")]
	Busy { waiting: usize },
	/// The deadline has passed, or comes before the least that the job needs.
	#[error("the job cannot be done by its deadline")]
	TooLate,
	/// Whoever reads the answer wants no more of it.
	#[error("the answer was cancelled")]
	Cancelled,
	/// NaN or infinity, from broken weights or a broken device.
	#[error("the model computed no usable logits: {0}")]
	Logits(#[from] BadLogits),
	/// The same, seen in the hidden states.
	#[error("the model computed no usable hidden states: {0}")]
	Proof(#[from] BuildError),
	/// The same, seen by the fingerprint.
	#[error("the model computed no usable hidden states: {0}")]
	Fingerprint(#[from] NoFingerprint),
	/// The device failed, or ran out of memory.
	#[error("the device failed, {in_a_row} times in a row: {reason}")]
	Crashed { reason: String, in_a_row: u32 },
	/// The model's thread has ended.
	#[error("the model has stopped")]
	Stopped,
}

impl ComputeError {
	/// Crashes in a row after which the model is given up.
	pub const MAX_CRASHES: u32 = 3;

	/// What to do about it.
	pub fn remedy(&self) -> Remedy {
		match self {
			Self::EmptyPrompt
			| Self::UnknownToken { .. }
			| Self::ContextFull { .. }
			| Self::NoTokenizer
			| Self::Tokenizer(_)
			| Self::Params(_)
			| Self::InlinePrompt(_)
			| Self::TooLarge { .. }
			| Self::TooLate
			| Self::Cancelled => Remedy::Skip,
			Self::Busy { .. } => Remedy::Retry,
			Self::Crashed { in_a_row, .. } if *in_a_row < Self::MAX_CRASHES => Remedy::Retry,
			// Honest weights give finite numbers for every prompt.
			Self::Logits(_) | Self::Proof(_) | Self::Fingerprint(_) => Remedy::Die,
			Self::Crashed { .. } | Self::Stopped => Remedy::Die,
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_device_that_fails_once_is_tried_again_and_given_up_if_it_goes_on() {
		let crashed = |in_a_row| ComputeError::Crashed {
			reason: "out of memory".into(),
			in_a_row,
		};
		assert_eq!(crashed(1).remedy(), Remedy::Retry);
		assert_eq!(crashed(2).remedy(), Remedy::Retry);
		assert_eq!(crashed(3).remedy(), Remedy::Die);
	}
}

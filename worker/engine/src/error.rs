//! Errors, and what a caller should do about them.

use infergrid_checkpoint::{CheckpointError, TokenizerError, WeightsError};
use infergrid_primitives::{
	TokenId, fingerprint::NoFingerprint, sampler::BadLogits, toploc::BuildError,
};

/// What to do about a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
	/// The same call may work later or elsewhere.
	Retry,
	/// This request cannot be computed; others can.
	Skip,
	/// The engine is unusable; the process should end and be started again.
	Die,
}

/// A device that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
	/// The program was built without the feature.
	#[error(
		"this program was built without CUDA; build it with `--features cuda`, or choose the device \"cpu\""
	)]
	NotBuilt,
	/// No driver.
	#[error(
		"the NVIDIA driver's libcuda.so.1 cannot be loaded ({reason}); install the NVIDIA driver \
		 (570 or newer; `nvidia-smi` must work), or choose the device \"cpu\""
	)]
	NoDriver { reason: String },
	/// The driver does not start.
	#[error(
		"the NVIDIA driver does not start (CUDA error {code}); check that `nvidia-smi` shows a GPU \
		 and, in a container, that it was started with access to it, or choose the device \"cpu\""
	)]
	Driver { code: i32 },
	/// No such GPU.
	#[error(
		"there is no CUDA device {index}: the driver shows {count}, counted from cuda:0; choose one of \
		 them, or the device \"cpu\""
	)]
	NoGpu { index: usize, count: i32 },
	/// The compiler of kernels is missing.
	#[error(
		"NVRTC, which compiles the kernels, cannot be used ({reason}); install the CUDA toolkit's \
		 nvrtc and headers (12.8 or newer) and point CUDA_PATH at them"
	)]
	NoToolkit { reason: String },
	/// It fell over at first touch.
	#[error("the GPU fails at its first computation: {reason}")]
	Failed { reason: String },
	/// Not a device's name.
	#[error("{name:?} is no device; write \"cpu\", \"cuda\" or \"cuda:N\"")]
	Unknown { name: String },
}

/// A model that cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
	/// Configuration, tokenizer or template.
	#[error(transparent)]
	Checkpoint(#[from] CheckpointError),
	/// Weights.
	#[error(transparent)]
	Weights(#[from] WeightsError),
	/// Device.
	#[error(transparent)]
	Device(#[from] DeviceError),
}

/// A computation that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError {
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
	Params(infergrid_primitives::request::InvalidParams),
	/// NaN or infinity, from broken weights or a broken device.
	#[error("the model computed no usable logits: {0}")]
	Logits(#[from] BadLogits),
	/// The same, seen in the hidden states.
	#[error("the model computed no usable hidden states: {0}")]
	Proof(#[from] BuildError),
	/// The same, seen by the fingerprint.
	#[error("the model computed no usable hidden states: {0}")]
	Fingerprint(#[from] NoFingerprint),
	/// Whoever reads the answer wants no more of it.
	#[error("the answer was cancelled")]
	Cancelled,
	/// The device failed.
	#[error("the device failed: {reason}")]
	Device { reason: String },
}

impl GenerateError {
	/// What to do about it.
	pub fn remedy(&self) -> Remedy {
		match self {
			Self::EmptyPrompt
			| Self::UnknownToken { .. }
			| Self::ContextFull { .. }
			| Self::NoTokenizer
			| Self::Tokenizer(_)
			| Self::Params(_)
			| Self::Cancelled => Remedy::Skip,
			// Honest weights give finite numbers for every prompt.
			Self::Logits(_) | Self::Proof(_) | Self::Fingerprint(_) => Remedy::Die,
			Self::Device { .. } => Remedy::Die,
		}
	}
}

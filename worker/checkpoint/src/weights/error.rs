//! What is wrong with weights.

use safetensors::Dtype;
use std::{io, path::PathBuf};

/// Weights that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
	/// Neither form of the weights is there.
	#[error(
		"{} has neither model.safetensors nor model.safetensors.index.json{there}; copy the safetensors \
		 files from the model's repository, or convert what there is with `save_pretrained` of \
		 transformers",
		directory.display()
	)]
	Missing { directory: PathBuf, there: String },
	/// The index cannot be used.
	#[error("{reason}; download the file again")]
	Index { reason: String },
	/// A file that the index names, and that is needed, is absent.
	#[error("{} is missing, which holds the tensor {tensor}; download it", path.display())]
	NoFile { path: PathBuf, tensor: String },
	/// A decoder without what makes tokens of its states.
	#[error(
		"{} has no lm_head.weight, and config.json does not say that the embedding is used for it \
		 (tie_word_embeddings): this is a bare model without output head; take the checkpoint of a \
		 language model",
		directory.display()
	)]
	NoHead { directory: PathBuf },
	/// A file could not be read.
	#[error("cannot read {}: {source}", path.display())]
	Read { path: PathBuf, source: io::Error },
	/// Not a safetensors file.
	#[error("{}: {reason}; download the file again", path.display())]
	Malformed { path: PathBuf, reason: String },
	/// The index names a file outside the directory.
	#[error("{}: shard name {name:?} must be a plain file name", path.display())]
	ShardName { path: PathBuf, name: String },
	/// The names have a prefix that whatever was around the model when it was saved has put there.
	#[error(
		"{} has {found} in the place of {name}: its weights were saved together with a wrapper (of \
		 training, compiling or adapting) whose prefix is {prefix}; save the model inside it, merged if it \
		 is an adapter's, or take that prefix off all names",
		directory.display()
	)]
	Wrapped {
		directory: PathBuf,
		prefix: String,
		found: String,
		name: String,
	},
	/// A tensor that the architecture needs is absent.
	#[error("tensor {name} is missing from {}; the checkpoint is incomplete", directory.display())]
	NoTensor { directory: PathBuf, name: String },
	/// A tensor does not fit the configuration.
	#[error("tensor {name} has shape {found:?}, but config.json asks for {expected:?}")]
	Shape {
		name: String,
		found: Vec<usize>,
		expected: Vec<usize>,
	},
	/// A tensor with a value that is no number.
	#[error(
		"tensor {name} has values that are not finite numbers (NaN or infinity); the checkpoint is \
		 damaged: download it again"
	)]
	NotFinite { name: String },
	/// A pointer of Git LFS in the place of the file.
	#[error("{} is a Git LFS pointer, not the file itself: run `git lfs pull` in its repository, or download the file", path.display())]
	LfsPointer { path: PathBuf },
	/// Packed weights of GPTQ, AWQ, MLX, bitsandbytes and their like.
	#[error(
		"tensor {name} belongs to quantised weights (GPTQ, AWQ, MLX or the like); supported are unquantised F32, F16 and BF16: take the original checkpoint"
	)]
	Quantised { name: String },
	/// Tensors that the architecture, as config.json describes it, has no place for.
	#[error(
		"{count} tensors such as {name}{part} have no place in the architecture that config.json \
		 describes, and leaving them out would change the answers; take a config.json and weights that \
		 belong together"
	)]
	Unused {
		name: String,
		/// What such a tensor is part of.
		part: &'static str,
		count: usize,
	},
	/// A tensor in a number format that this program does not read.
	#[error("tensor {name} is {found}; supported are F32, F16 and BF16")]
	Dtype { name: String, found: Dtype },
}

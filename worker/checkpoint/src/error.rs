use crate::{TemplateError, TokenizerError};
use std::path::PathBuf;

/// Why a model's directory cannot be used. Every variant names the file and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
	/// The directory does not exist.
	#[error("{} is not a directory; give the folder that holds config.json", path.display())]
	NoDirectory { path: PathBuf },
	/// A file that is needed does not exist.
	#[error("{} is missing; copy it from the model's repository", path.display())]
	Missing { path: PathBuf },
	/// A file could not be read.
	#[error("cannot read {}: {source}", path.display())]
	Read {
		path: PathBuf,
		source: std::io::Error,
	},
	/// A file is longer than any honest one.
	#[error("{} has {size} bytes, more than the {limit} allowed for this file", path.display())]
	TooLarge {
		path: PathBuf,
		size: u64,
		limit: u64,
	},
	/// A pointer of Git LFS in the place of the file.
	#[error("{} is a Git LFS pointer, not the file itself: run `git lfs pull` in its repository, or \
	         download the file", path.display())]
	LfsPointer { path: PathBuf },
	/// A file is not JSON, or lacks a field.
	#[error("{}: {source}", path.display())]
	Json {
		path: PathBuf,
		source: serde_json::Error,
	},
	/// A value that no model of the family can have.
	#[error("{}: {field} {reason}", path.display())]
	Invalid {
		path: PathBuf,
		field: &'static str,
		reason: String,
	},
	/// A well-formed model that this program cannot run.
	#[error("{}: {what} is not supported; supported are {supported}", path.display())]
	Unsupported {
		path: PathBuf,
		what: String,
		supported: &'static str,
	},
	/// A conversation needs a template.
	#[error(
		"{} has no chat_template.jinja and no chat_template in tokenizer_config.json; \
		 add one, or use plain completions",
		directory.display()
	)]
	NoChatTemplate { directory: PathBuf },
	/// The tokenizer.
	#[error(transparent)]
	Tokenizer(#[from] TokenizerError),
	/// The chat template.
	#[error(transparent)]
	Template(#[from] TemplateError),
}

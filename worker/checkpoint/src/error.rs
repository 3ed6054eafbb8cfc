//! What is wrong with a model's files, or with what was asked of them.

use infergrid_primitives::TokenId;
use std::path::PathBuf;

/// Why a model's directory cannot be used. Every variant names the file and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
	/// The directory does not exist.
	#[error("{} is not a directory; give the folder that holds config.json", path.display())]
	NoDirectory { path: PathBuf },
	/// A file that is needed does not exist.
	#[error(
		"{} is missing; copy it from the model's repository, or write it with `save_pretrained` of \
		 transformers where the repository has an older form of it",
		path.display()
	)]
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

/// Text could not be turned into token ids, or back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
	/// The file cannot be used.
	#[error("{path}: {reason}; it must be a tokenizer.json of the `tokenizers` library")]
	Load { path: String, reason: String },
	/// The text was refused.
	#[error("cannot tokenize the text: {reason}")]
	Encode { reason: String },
	/// The tokenizer makes a control token of plain text.
	#[error(
		"a message spells a control token of this model, whose tokenizer cannot take it for text; \
		 leave it out"
	)]
	Control,
	/// The token ids were refused.
	#[error("cannot decode token ids: {reason}")]
	Decode { reason: String },
	/// An id outside the vocabulary.
	#[error("token id {id} is outside the vocabulary of {size}")]
	UnknownId { id: TokenId, size: usize },
}

/// A conversation could not be rendered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
	/// The template is not Jinja that this program knows.
	#[error(
		"the chat template does not compile: {0:#}; put another one into chat_template.jinja, or report \
		 this one if transformers takes it"
	)]
	Compile(#[source] minijinja::Error),
	/// The template needs a filter, a test, a function or a method that this program does not have.
	#[error(
		"the chat template cannot be used: {0:#}; put another one into chat_template.jinja, or report \
		 this one if transformers takes it"
	)]
	Lacking(#[source] minijinja::Error),
	/// The template refused the conversation, in its own words.
	#[error("the chat template refuses the conversation: {0}")]
	Refused(String),
	/// The template failed, or took too much time or space.
	#[error("the chat template fails: {0:#}")]
	Render(#[source] minijinja::Error),
}

//! `tokenizer.json`: text to token ids and back, whole or as a stream.

use crate::{CheckpointError, files};
use infergrid_primitives::TokenId;
use serde_json::Value;
use std::{fmt, path::Path, sync::Arc};

/// A token that never completes a character is given up after this many more tokens: four bytes are
/// the longest character of UTF-8.
const MAX_PENDING: usize = 8;

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
	/// The token ids were refused.
	#[error("cannot decode token ids: {reason}")]
	Decode { reason: String },
	/// An id outside the vocabulary.
	#[error("token id {id} is outside the vocabulary of {size}")]
	UnknownId { id: TokenId, size: usize },
}

/// A tokenizer. Clones share it.
#[derive(Clone)]
pub struct Tokenizer(Arc<tokenizers::Tokenizer>);

impl fmt::Debug for Tokenizer {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Tokenizer")
			.field("vocab_size", &self.vocab_size())
			.finish()
	}
}

impl Tokenizer {
	/// Reads `tokenizer.json` in `directory`; `None` when there is none.
	pub(crate) fn read(directory: &Path) -> Result<Option<Self>, CheckpointError> {
		let path = directory.join("tokenizer.json");
		let Some(bytes) = files::read(&path, files::TOKENIZER_LIMIT)? else {
			return Ok(None);
		};
		let mut tokenizer =
			tokenizers::Tokenizer::from_bytes(bytes).map_err(|error| TokenizerError::Load {
				path: path.display().to_string(),
				reason: error.to_string(),
			})?;
		// Prompts are never cut or filled up behind the caller's back.
		tokenizer.with_padding(None);
		tokenizer
			.with_truncation(None)
			.map_err(|error| TokenizerError::Load {
				path: path.display().to_string(),
				reason: error.to_string(),
			})?;
		Ok(Some(Self(Arc::new(tokenizer))))
	}

	/// Token ids of `text`; `special` adds what the model wants around a plain text, such as a
	/// beginning-of-sequence token. The chat template writes those itself.
	pub fn encode(&self, text: &str, special: bool) -> Result<Vec<TokenId>, TokenizerError> {
		self.0
			.encode_fast(text, special)
			.map(|encoding| encoding.get_ids().to_vec())
			.map_err(|error| TokenizerError::Encode {
				reason: error.to_string(),
			})
	}

	/// Text of `ids`, special tokens left out.
	pub fn decode(&self, ids: &[TokenId]) -> Result<String, TokenizerError> {
		self.0
			.decode(ids, true)
			.map_err(|error| TokenizerError::Decode {
				reason: error.to_string(),
			})
	}

	/// The id of the token written `token`, special tokens included.
	pub fn id(&self, token: &str) -> Option<TokenId> {
		self.0.token_to_id(token)
	}

	/// Entries of the vocabulary, added tokens included.
	pub fn vocab_size(&self) -> usize {
		self.0.get_vocab_size(true)
	}

	/// Starts turning a stream of ids into text.
	pub fn stream(&self) -> TextStream {
		TextStream {
			tokenizer: self.clone(),
			window: Vec::new(),
			shown: 0,
			tail: String::new(),
		}
	}
}

/// Turns ids into text as they come, never giving out half a character.
#[derive(Clone, Debug)]
pub struct TextStream {
	tokenizer: Tokenizer,
	// The last ids whose text was given out, for context, then those whose text was not.
	window: Vec<TokenId>,
	shown: usize,
	// Text of the shown part of the window.
	tail: String,
}

impl TextStream {
	/// The text that `id` completes; empty while a character is unfinished.
	pub fn push(&mut self, id: TokenId) -> Result<String, TokenizerError> {
		self.window.push(id);
		let text = self.tokenizer.decode(&self.window)?;
		let unfinished = text.ends_with(char::REPLACEMENT_CHARACTER);
		if unfinished && self.window.len() - self.shown <= MAX_PENDING {
			return Ok(String::new());
		}
		self.give(&text)
	}

	/// What is left when no more ids come: a broken character shows as U+FFFD.
	pub fn finish(mut self) -> Result<String, TokenizerError> {
		let text = self.tokenizer.decode(&self.window)?;
		self.give(&text)
	}

	fn give(&mut self, text: &str) -> Result<String, TokenizerError> {
		// A decoder that rewrites what was already given out shows nothing rather than a repeat.
		let new = text
			.strip_prefix(self.tail.as_str())
			.unwrap_or_default()
			.to_owned();
		self.window.drain(..self.shown);
		self.shown = self.window.len();
		self.tail = self.tokenizer.decode(&self.window)?;
		Ok(new)
	}
}

/// Says when an answer's text contains a stop string. Miner and verifier run the same one over the
/// same ids, so they agree.
#[derive(Clone, Debug)]
pub struct StopMatcher {
	stream: TextStream,
	stops: Vec<String>,
	text: String,
	longest: usize,
}

impl StopMatcher {
	/// Watches for `stops`, of which none is empty.
	pub fn new(tokenizer: &Tokenizer, stops: impl IntoIterator<Item = String>) -> Self {
		let stops: Vec<_> = stops.into_iter().filter(|stop| !stop.is_empty()).collect();
		let longest = stops.iter().map(String::len).max().unwrap_or(0);
		Self {
			stream: tokenizer.stream(),
			stops,
			text: String::new(),
			longest,
		}
	}

	/// Whether the text contains a stop string once `id` is added.
	pub fn push(&mut self, id: TokenId) -> Result<bool, TokenizerError> {
		if self.stops.is_empty() {
			return Ok(false);
		}
		self.text.push_str(&self.stream.push(id)?);
		let found = self
			.stops
			.iter()
			.any(|stop| self.text.contains(stop.as_str()));
		// Only an end shorter than the longest stop string can still grow into one.
		let mut keep = self.text.len().saturating_sub(self.longest);
		while !self.text.is_char_boundary(keep) {
			keep -= 1;
		}
		self.text.drain(..keep);
		Ok(found)
	}
}

/// The parts of `tokenizer_config.json` that the chat template needs.
#[derive(Debug, Default)]
pub(crate) struct TokenizerConfig {
	pub(crate) chat_template: Option<String>,
	/// `bos_token`, `eos_token` and their like, by name.
	pub(crate) tokens: Vec<(&'static str, String)>,
}

/// Reads `tokenizer_config.json` in `directory`; `None` when there is none.
pub(crate) fn read_config(directory: &Path) -> Result<Option<TokenizerConfig>, CheckpointError> {
	let path = directory.join("tokenizer_config.json");
	let Some(value) = files::read_json::<Value>(&path)? else {
		return Ok(None);
	};
	let text = |value: &Value| value.as_str().map(str::to_owned);
	let chat_template = value
		.get("chat_template")
		.and_then(|template| match template {
			Value::Array(named) => named
				.iter()
				.find(|entry| entry.get("name").and_then(Value::as_str) == Some("default"))
				.and_then(|entry| entry.get("template"))
				.and_then(text),
			other => text(other),
		});
	let tokens = ["bos_token", "eos_token", "unk_token", "pad_token"]
		.into_iter()
		.filter_map(|name| {
			let token = value.get(name)?;
			Some((
				name,
				text(token).or_else(|| token.get("content").and_then(text))?,
			))
		})
		.collect();
	Ok(Some(TokenizerConfig {
		chat_template,
		tokens,
	}))
}

#[cfg(test)]
#[path = "tokenizer_tests.rs"]
mod tests;

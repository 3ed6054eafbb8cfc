//! `tokenizer.json`: text to token ids and back, whole or as a stream.

use crate::{CheckpointError, files, tokens::TokenizerConfig};
use infergrid_primitives::TokenId;
use std::{fmt, path::Path, sync::Arc};

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
pub struct Tokenizer(Arc<Inner>);

struct Inner {
	tokenizer: tokenizers::Tokenizer,
	/// The same, for which control tokens are text.
	plain: tokenizers::Tokenizer,
	/// Texts of control tokens, the longest first.
	controls: Vec<String>,
}

impl fmt::Debug for Tokenizer {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Tokenizer")
			.field("vocab_size", &self.vocab_size())
			.finish()
	}
}

impl Tokenizer {
	/// Reads `tokenizer.json` in `directory`; `None` when there is none.
	pub(crate) fn read(
		directory: &Path,
		config: &TokenizerConfig,
	) -> Result<Option<Self>, CheckpointError> {
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
		config
			.add_tokens(&mut tokenizer)
			.map_err(|reason| TokenizerError::Load {
				path: path.display().to_string(),
				reason,
			})?;
		let mut plain = tokenizer.clone();
		plain.set_encode_special_tokens(true);
		let mut controls: Vec<_> = tokenizer
			.get_added_tokens_decoder()
			.into_values()
			.filter(|token| token.special && !token.content.is_empty())
			.map(|token| token.content)
			.collect();
		// Of two that begin alike the longer one is meant.
		controls.sort_unstable_by_key(|control| std::cmp::Reverse(control.len()));
		Ok(Some(Self(Arc::new(Inner {
			tokenizer,
			plain,
			controls,
		}))))
	}

	/// Texts that become control tokens.
	pub(crate) fn controls(&self) -> &[String] {
		&self.0.controls
	}

	/// Token ids of `text` in which nothing becomes a control token.
	pub(crate) fn encode_plain(&self, text: &str) -> Result<Vec<TokenId>, TokenizerError> {
		encode(&self.0.plain, text, false)
	}

	/// Token ids of `text`; `special` adds what the model wants around a plain text, such as a
	/// beginning-of-sequence token. The chat template writes those itself.
	pub fn encode(&self, text: &str, special: bool) -> Result<Vec<TokenId>, TokenizerError> {
		encode(&self.0.tokenizer, text, special)
	}

	/// Text of `ids`, special tokens left out.
	pub fn decode(&self, ids: &[TokenId]) -> Result<String, TokenizerError> {
		self.0
			.tokenizer
			.decode(ids, true)
			.map_err(|error| TokenizerError::Decode {
				reason: error.to_string(),
			})
	}

	/// The id of the token written `token`, special tokens included.
	pub fn id(&self, token: &str) -> Option<TokenId> {
		self.0.tokenizer.token_to_id(token)
	}

	/// Entries of the vocabulary, added tokens included.
	pub fn vocab_size(&self) -> usize {
		self.0.tokenizer.get_vocab_size(true)
	}

	/// Starts turning a stream of ids into text.
	pub fn stream(&self) -> TextStream {
		TextStream {
			tokenizer: self.clone(),
			ids: Vec::new(),
			prefix: String::new(),
			prefix_index: 0,
		}
	}
}

fn encode(
	tokenizer: &tokenizers::Tokenizer,
	text: &str,
	special: bool,
) -> Result<Vec<TokenId>, TokenizerError> {
	tokenizer
		.encode_fast(text, special)
		.map(|encoding| encoding.get_ids().to_vec())
		.map_err(|error| TokenizerError::Encode {
			reason: error.to_string(),
		})
}

/// Turns ids into text as they come, never giving out half a character: the library's own way.
#[derive(Clone, Debug)]
pub struct TextStream {
	tokenizer: Tokenizer,
	/// Ids whose text matters for what comes next.
	ids: Vec<TokenId>,
	/// Text of the first `prefix_index` of them, which was given out.
	prefix: String,
	prefix_index: usize,
}

impl TextStream {
	/// The text that `id` completes; empty while a character is unfinished.
	pub fn push(&mut self, id: TokenId) -> Result<String, TokenizerError> {
		let text = tokenizers::tokenizer::step_decode_stream(
			&self.tokenizer.0.tokenizer,
			vec![id],
			true,
			&mut self.ids,
			&mut self.prefix,
			&mut self.prefix_index,
		);
		text.map(Option::unwrap_or_default)
			.map_err(|error| TokenizerError::Decode {
				reason: error.to_string(),
			})
	}

	/// What is left when no more ids come: a broken character shows as U+FFFD.
	pub fn finish(self) -> Result<String, TokenizerError> {
		let text = self.tokenizer.decode(&self.ids)?;
		Ok(text
			.strip_prefix(self.prefix.as_str())
			.unwrap_or_default()
			.to_owned())
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

#[cfg(test)]
#[path = "tokenizer_tests.rs"]
mod tests;

//! `tokenizer.json`: text to token ids and back, whole or as a stream.

use crate::{CheckpointError, TokenizerError, files, tokens::TokenizerConfig};
use infergrid_primitives::TokenId;
use std::{collections::HashSet, fmt, path::Path, sync::Arc};
use tokenizers::{AddedToken, pre_tokenizers::PreTokenizerWrapper};

/// A tokenizer. Clones share it.
#[derive(Clone)]
pub struct Tokenizer(Arc<Inner>);

struct Inner {
	tokenizer: tokenizers::Tokenizer,
	/// Ids that show nothing.
	special: HashSet<TokenId>,
	/// Ids that are said to be special, whether or not they show something.
	controls: HashSet<TokenId>,
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
		let failed = |reason: String| TokenizerError::Load {
			path: path.display().to_string(),
			reason,
		};
		let mut tokenizer =
			tokenizers::Tokenizer::from_bytes(bytes).map_err(|error| failed(error.to_string()))?;
		// Prompts are never cut or filled up behind the caller's back.
		tokenizer.with_padding(None);
		tokenizer
			.with_truncation(None)
			.map_err(|error| failed(error.to_string()))?;
		if let Some(flag) = config.prefix_space {
			let changed = tokenizer
				.get_pre_tokenizer()
				.map(|from| changed(from, "add_prefix_space", |value| *value = flag.into()));
			tokenizer.with_pre_tokenizer(changed);
		}
		config.add_tokens(&mut tokenizer).map_err(failed)?;
		let vocabulary = tokenizer.get_added_vocabulary();
		let special = tokenizer
			.get_added_tokens_decoder()
			.into_iter()
			.filter_map(|(id, token)| vocabulary.is_special_token(&token.content).then_some(id))
			.collect();
		let controls = config
			.special()
			.filter_map(|token| tokenizer.token_to_id(&token.content))
			.collect();
		Ok(Some(Self(Arc::new(Inner {
			tokenizer,
			special,
			controls,
		}))))
	}

	pub(crate) fn inner(&self) -> &tokenizers::Tokenizer {
		&self.0.tokenizer
	}

	/// The tokens that are found in a text before the model sees it.
	pub(crate) fn added(&self) -> Vec<(TokenId, AddedToken)> {
		self.0
			.tokenizer
			.get_added_tokens_decoder()
			.into_iter()
			.filter(|(_, token)| !token.content.is_empty())
			.collect()
	}

	/// Whether `id` is no text, whatever it shows.
	pub(crate) fn is_control(&self, id: TokenId) -> bool {
		self.is_special(id) || self.0.controls.contains(&id)
	}

	/// Whether `id` shows nothing in a text.
	pub(crate) fn is_special(&self, id: TokenId) -> bool {
		self.0.special.contains(&id)
	}

	/// Token ids of `text`; `special` adds what the model wants around a plain text, such as a
	/// beginning-of-sequence token. The chat template writes those itself.
	pub fn encode(&self, text: &str, special: bool) -> Result<Vec<TokenId>, TokenizerError> {
		self.0
			.tokenizer
			.encode_fast(text, special)
			.map(|encoding| encoding.get_ids().to_vec())
			.map_err(|error| TokenizerError::Encode {
				reason: error.to_string(),
			})
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
}

/// `from` with all its fields `name` changed, which the library offers in JSON only.
pub(crate) fn changed(
	from: &PreTokenizerWrapper,
	name: &str,
	change: impl Fn(&mut serde_json::Value),
) -> PreTokenizerWrapper {
	fn walk(value: &mut serde_json::Value, name: &str, change: &dyn Fn(&mut serde_json::Value)) {
		match value {
			serde_json::Value::Object(fields) => {
				fields.get_mut(name).into_iter().for_each(change);
				fields
					.values_mut()
					.for_each(|value| walk(value, name, change));
			}
			serde_json::Value::Array(items) => {
				items.iter_mut().for_each(|item| walk(item, name, change));
			}
			_ => {}
		}
	}
	let changed = serde_json::to_value(from).and_then(|mut value| {
		walk(&mut value, name, &change);
		serde_json::from_value(value)
	});
	changed.unwrap_or_else(|_| from.clone())
}

#[cfg(test)]
#[path = "tokenizer_tests.rs"]
pub(crate) mod tests;

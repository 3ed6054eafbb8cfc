//! What stands beside `tokenizer.json`: the chat template, and tokens that it may lack.

use crate::{CheckpointError, files};
use infergrid_primitives::TokenId;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, path::Path};
use tokenizers::AddedToken;

const NAMES: [&str; 7] = [
	"bos_token",
	"eos_token",
	"unk_token",
	"pad_token",
	"sep_token",
	"cls_token",
	"mask_token",
];

/// The parts of `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` that matter.
#[derive(Debug, Default)]
pub(crate) struct TokenizerConfig {
	pub(crate) chat_template: Option<String>,
	/// `bos_token`, `eos_token` and their like, by name.
	pub(crate) tokens: Vec<(&'static str, String)>,
	/// Tokens with the ids that they must have.
	added: BTreeMap<TokenId, AddedToken>,
	/// Further tokens that are special, whatever id they have.
	special: Vec<String>,
}

/// Reads the files in `directory`, of which each may be missing.
pub(crate) fn read(directory: &Path) -> Result<TokenizerConfig, CheckpointError> {
	let object = |name: &str| -> Result<Map<String, Value>, CheckpointError> {
		let value = files::read_json::<Value>(&directory.join(name))?;
		Ok(match value {
			Some(Value::Object(object)) => object,
			_ => Map::new(),
		})
	};
	let config = object("tokenizer_config.json")?;
	let map = object("special_tokens_map.json")?;
	let mut added = BTreeMap::new();
	for (content, id) in object("added_tokens.json")? {
		if let Some(id) = id.as_u64().and_then(|id| TokenId::try_from(id).ok()) {
			added.insert(id, AddedToken::from(content, false).normalized(false));
		}
	}
	let decoder = config
		.get("added_tokens_decoder")
		.and_then(Value::as_object);
	for (id, entry) in decoder.into_iter().flatten() {
		if let (Ok(id), Some(token)) = (id.parse(), added_token(entry)) {
			added.insert(id, token);
		}
	}
	let named = |name: &str| {
		config
			.get(name)
			.and_then(text)
			.or_else(|| map.get(name).and_then(text))
	};
	let tokens: Vec<_> = NAMES
		.into_iter()
		.filter_map(|name| Some((name, named(name)?)))
		.collect();
	let additional = map
		.get("additional_special_tokens")
		.or_else(|| config.get("additional_special_tokens"))
		.and_then(Value::as_array);
	let mut special: Vec<_> = additional.into_iter().flatten().filter_map(text).collect();
	// Newer files have a list under another name, or names of the model's own for them.
	special.extend(match config.get("extra_special_tokens") {
		Some(Value::Array(extra)) => extra.iter().filter_map(text).collect(),
		Some(Value::Object(extra)) => extra.values().filter_map(text).collect(),
		_ => Vec::new(),
	});
	special.extend(tokens.iter().map(|(_, token)| token.clone()));
	Ok(TokenizerConfig {
		chat_template: config.get("chat_template").and_then(template),
		tokens,
		added,
		special,
	})
}

impl TokenizerConfig {
	/// Adds the tokens that `tokenizer` lacks; the error says what does not fit.
	pub(crate) fn add_tokens(&self, tokenizer: &mut tokenizers::Tokenizer) -> Result<(), String> {
		let before = tokenizer.get_added_tokens_decoder();
		for (id, token) in &self.added {
			// What tokenizer.json says counts more.
			if before.values().any(|known| known.content == token.content) {
				continue;
			}
			let content = token.content.clone();
			tokenizer
				.add_tokens([token.clone()])
				.map_err(|error| error.to_string())?;
			let found = tokenizer.token_to_id(&content);
			if found != Some(*id) {
				return Err(format!(
					"the token {content:?} should have the id {id} and gets {found:?}; the files beside it are \
					 of another model"
				));
			}
		}
		let known = tokenizer.get_added_tokens_decoder();
		for content in &self.special {
			// A name for a token that the model does not have is only that.
			let Some(id) = tokenizer.token_to_id(content) else {
				continue;
			};
			let token = match known.get(&id) {
				Some(token) if token.special => continue,
				Some(token) => AddedToken {
					special: true,
					..token.clone()
				},
				None => AddedToken::from(content.clone(), true),
			};
			tokenizer
				.add_special_tokens([token])
				.map_err(|error| error.to_string())?;
		}
		Ok(())
	}
}

fn text(value: &Value) -> Option<String> {
	value
		.as_str()
		.or_else(|| value.get("content")?.as_str())
		.map(str::to_owned)
}

fn added_token(entry: &Value) -> Option<AddedToken> {
	let flag = |name: &str| entry.get(name).and_then(Value::as_bool).unwrap_or_default();
	let special = flag("special");
	let token = AddedToken::from(text(entry)?, special)
		.single_word(flag("single_word"))
		.lstrip(flag("lstrip"))
		.rstrip(flag("rstrip"))
		.normalized(flag("normalized"));
	Some(token)
}

/// A template, or the one named `default` of several.
fn template(value: &Value) -> Option<String> {
	match value {
		Value::Array(named) => named
			.iter()
			.find(|entry| entry.get("name").and_then(Value::as_str) == Some("default"))
			.and_then(|entry| entry.get("template")?.as_str())
			.map(str::to_owned),
		other => other.as_str().map(str::to_owned),
	}
}

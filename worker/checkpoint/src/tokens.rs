//! What stands beside `tokenizer.json`: the chat template, and what is said of tokens.

use crate::{CheckpointError, Family, files};
use infergrid_primitives::TokenId;
use serde_json::{Map, Value};
use std::{
	collections::{BTreeMap, HashSet},
	path::Path,
};
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
/// Classes that put a blank before a text as the configuration says, whatever tokenizer.json says. The
/// first is what a Qwen2 has whatever it names, and a Qwen3 that names none.
const BLANK_BY_CONFIGURATION: [&str; 2] = ["Qwen2Tokenizer", "GPT2Tokenizer"];

/// The parts of `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` that matter.
#[derive(Debug, Default)]
pub(crate) struct TokenizerConfig {
	pub(crate) chat_template: Option<String>,
	/// `bos_token`, `eos_token`, their like, and those that the model has of its own, by name.
	named: BTreeMap<String, AddedToken>,
	/// Further tokens that are special.
	extra: Vec<AddedToken>,
	/// Tokens by the ids that they should have.
	added: BTreeMap<TokenId, AddedToken>,
	/// `added` is in the configuration itself and counts more than tokenizer.json, not less.
	is_added_first: bool,
	/// Whether a blank comes before a text, where tokenizer.json does not decide it.
	pub(crate) prefix_space: Option<bool>,
}

type Object = Map<String, Value>;

/// Reads the files in `directory`, of which each may be missing, beside a model of `family`.
pub(crate) fn read(directory: &Path, family: Family) -> Result<TokenizerConfig, CheckpointError> {
	let object = |name: &str| -> Result<Object, CheckpointError> {
		let value = files::read_json::<Value>(&directory.join(name))?;
		Ok(match value {
			Some(Value::Object(object)) => object,
			_ => Map::new(),
		})
	};
	let config = object("tokenizer_config.json")?;
	let decoder = config
		.get("added_tokens_decoder")
		.and_then(Value::as_object);
	// Where the configuration lists the tokens, the older files beside it say nothing.
	let (map, older) = match decoder {
		Some(_) => Default::default(),
		None => (
			object("special_tokens_map.json")?,
			object("added_tokens.json")?,
		),
	};
	let mut read = TokenizerConfig {
		chat_template: config.get("chat_template").and_then(template),
		named: named(&config, &map),
		extra: extra(&config, &map),
		added: BTreeMap::new(),
		is_added_first: decoder.is_some(),
		prefix_space: prefix_space(&config, family),
	};
	for (content, id) in older {
		if let Some(id) = id.as_u64().and_then(|id| TokenId::try_from(id).ok()) {
			let special = read.special().any(|token| token.content == content);
			read.added.insert(id, AddedToken::from(content, special));
		}
	}
	for (id, entry) in decoder.into_iter().flatten() {
		if let (Ok(id), Some(token)) = (id.parse(), token(entry, false)) {
			read.added.insert(id, token);
		}
	}
	Ok(read)
}

impl TokenizerConfig {
	/// Texts of the tokens that have a name, by name.
	pub(crate) fn names(&self) -> BTreeMap<String, String> {
		let named = self.named.iter();
		named
			.map(|(name, token)| (name.clone(), token.content.clone()))
			.collect()
	}

	/// Tokens that are said to be special.
	pub(crate) fn special(&self) -> impl Iterator<Item = &AddedToken> {
		self.named.values().chain(&self.extra)
	}

	/// Tells `tokenizer` what is said of tokens here. Those that it lacks get the ids that are free, in
	/// the order of those that they should have.
	pub(crate) fn add_tokens(&self, tokenizer: &mut tokenizers::Tokenizer) -> Result<(), String> {
		let there = tokenizer.get_added_tokens_decoder();
		let mut known: HashSet<&str> = there.values().map(|token| token.content.as_str()).collect();
		known.extend(self.added.values().map(|token| token.content.as_str()));
		let mut tokens = self.added.clone();
		if !self.is_added_first {
			tokens.extend(there.clone());
		}
		let is_named = |content: &str| self.named.values().any(|token| token.content == content);
		let tokens = tokens.into_values().map(|token| AddedToken {
			special: token.special || is_named(&token.content),
			..token
		});
		// A name for a token that the model does not have is only that.
		let lacking = self
			.special()
			.filter(|token| !known.contains(token.content.as_str()))
			.filter(|token| tokenizer.token_to_id(&token.content).is_some());
		let tokens: Vec<_> = tokens.chain(lacking.cloned()).collect();
		tokenizer
			.add_tokens(tokens)
			.map(drop)
			.map_err(|error| error.to_string())
	}
}

/// Tokens with a name: the usual ones as the older file has them, if it does, and the model's own as the
/// configuration has them, if it does.
fn named(config: &Object, map: &Object) -> BTreeMap<String, AddedToken> {
	let mut named = BTreeMap::new();
	let mut own = |entries: &Object, is_own: &dyn Fn(&str) -> bool| {
		let entries = entries.iter().filter(|(name, _)| is_own(name));
		named.extend(entries.filter_map(|(name, entry)| Some((name.clone(), token(entry, true)?))));
	};
	let is_own = |name: &str| name.ends_with("_token") && !NAMES.contains(&name);
	own(map, &is_own);
	own(config, &is_own);
	for key in ["extra_special_tokens", "model_specific_special_tokens"] {
		for file in [config, map] {
			if let Some(Value::Object(entries)) = file.get(key) {
				own(entries, &|_| true);
			}
		}
	}
	for name in NAMES {
		let entry = map.get(name).or_else(|| config.get(name));
		if let Some(token) = entry.and_then(|entry| token(entry, true)) {
			named.insert(name.to_owned(), token);
		}
	}
	named
}

/// Special tokens without a name: in newer files the list has another name, which counts more.
fn extra(config: &Object, map: &Object) -> Vec<AddedToken> {
	let list = |file: &Object, key: &str| file.get(key).and_then(Value::as_array).cloned();
	let own = list(config, "extra_special_tokens")
		.filter(|list| !list.is_empty())
		.or_else(|| list(config, "additional_special_tokens"));
	let list = match (own, list(map, "extra_special_tokens")) {
		(own, Some(further)) => [own.unwrap_or_default(), further].concat(),
		(Some(own), None) => own,
		(None, None) => list(map, "additional_special_tokens").unwrap_or_default(),
	};
	list.iter().filter_map(|entry| token(entry, true)).collect()
}

fn prefix_space(config: &Object, family: Family) -> Option<bool> {
	let class = config.get("tokenizer_class").and_then(Value::as_str);
	let class = class.map(|class| class.strip_suffix("Fast").unwrap_or(class));
	let is_asked = match (family, class) {
		(Family::Qwen2, _) | (Family::Qwen3, None) => true,
		(Family::Mistral, _) | (Family::Llama, None) => false,
		(_, Some(class)) => BLANK_BY_CONFIGURATION.contains(&class),
	};
	let flag = config.get("add_prefix_space").and_then(Value::as_bool);
	is_asked.then(|| flag.unwrap_or(false))
}

/// A token, written as its text or with what is said of it; `special` where that does not matter.
fn token(entry: &Value, special: bool) -> Option<AddedToken> {
	let content = entry.as_str().or_else(|| entry.get("content")?.as_str())?;
	let given = |name: &str| entry.get(name).and_then(Value::as_bool);
	let flag = |name: &str| given(name).unwrap_or(false);
	let special = special || flag("special");
	let token = AddedToken::from(content, special)
		.single_word(flag("single_word"))
		.lstrip(flag("lstrip"))
		.rstrip(flag("rstrip"))
		.normalized(given("normalized").unwrap_or(!special));
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

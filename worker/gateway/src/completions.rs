//! `POST /v1/completions`.

use crate::{
	errors::{ApiError, Kind},
	params::{Common, is_empty},
	stream::Shape,
	validate::{Fields, invalid, wrong_type},
};
use infergrid_primitives::TokenId;
use serde_json::{Value, json};

/// Tokens of an answer when the request names no limit, as OpenAI has it.
pub(crate) const DEFAULT_MAX_TOKENS: u32 = 16;

/// A valid completion request.
#[derive(Clone, Debug)]
pub(crate) struct CompletionRequest {
	pub(crate) prompt: Prompt,
	pub(crate) common: Common,
}

/// What is to be continued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Prompt {
	Text(String),
	Ids(Vec<TokenId>),
}

impl CompletionRequest {
	/// Reads a request's body.
	pub(crate) fn parse(body: &[u8]) -> Result<Self, ApiError> {
		let mut fields = Fields::parse(body)?;
		let common = Common::read(&mut fields, &["max_tokens"])?;
		let prompt = prompt(fields.required("prompt")?)?;
		fields.unsupported("best_of", |best_of| best_of.as_u64() == Some(1))?;
		fields.unsupported("echo", is_empty)?;
		fields.unsupported("logprobs", |logprobs| *logprobs == false)?;
		fields.unsupported("suffix", is_empty)?;
		fields.finish()?;
		Ok(Self { prompt, common })
	}
}

/// A string, an array of token ids, or an array of one of these.
fn prompt(value: Value) -> Result<Prompt, ApiError> {
	match value {
		Value::String(text) => Ok(Prompt::Text(text)),
		Value::Array(items) if items.iter().any(Value::is_number) => ids(items),
		Value::Array(mut items) => match (items.pop(), items.is_empty()) {
			(Some(Value::String(text)), true) => Ok(Prompt::Text(text)),
			(Some(Value::Array(items)), true) => ids(items),
			(Some(other), true) => Err(wrong_prompt(&other)),
			(None, _) => Err(invalid("prompt", "must not be empty")),
			(Some(_), false) => {
				let message =
					"Only one prompt per request is supported. Send one request for each.";
				Err(ApiError::about(
					Kind::UnsupportedParameter,
					"prompt",
					message,
				))
			}
		},
		other => Err(wrong_prompt(&other)),
	}
}

fn ids(items: Vec<Value>) -> Result<Prompt, ApiError> {
	let id = |item: &Value| {
		item.as_u64()
			.and_then(|id| TokenId::try_from(id).ok())
			.ok_or_else(|| wrong_prompt(item))
	};
	items
		.iter()
		.map(id)
		.collect::<Result<_, _>>()
		.map(Prompt::Ids)
}

fn wrong_prompt(got: &Value) -> ApiError {
	wrong_type("prompt", "a string or an array of token ids", got)
}

/// The shape of text completions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Completions;

impl Shape for Completions {
	const CHAT: bool = false;
	const ID_PREFIX: &'static str = "cmpl-";
	const WHOLE: &'static str = "text_completion";
	const CHUNK: &'static str = "text_completion";

	fn whole(text: &str, finish: &str) -> Value {
		json!({"index": 0, "text": text, "logprobs": null, "finish_reason": finish})
	}

	fn opening() -> Option<Value> {
		None
	}

	fn delta(text: &str) -> Value {
		json!({"index": 0, "text": text, "logprobs": null, "finish_reason": null})
	}

	fn closing(finish: &str) -> Value {
		Self::whole("", finish)
	}
}

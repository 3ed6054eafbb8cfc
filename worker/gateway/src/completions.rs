//! `POST /v1/completions`.

use crate::{
	answer::tokenizer,
	errors::ApiError,
	market::Model,
	params::{Common, Input, is_empty},
	shape::Shape,
	validate::{Fields, invalid, wrong_type},
};
use infergrid_checkpoint::CheckpointError;
use infergrid_primitives::TokenId;
use serde_json::{Value, json};

/// Tokens of an answer when the request names no limit, as OpenAI has it.
pub(crate) const DEFAULT_MAX_TOKENS: u32 = 16;
/// Prompts in a request: LangChain sends 20 at a time.
const MAX_PROMPTS: usize = 32;

/// A valid completion request.
#[derive(Clone, Debug)]
pub(crate) struct CompletionRequest {
	/// At least one.
	pub(crate) prompts: Vec<Prompt>,
	pub(crate) common: Common,
}

/// What is to be continued.
#[derive(Clone, Debug)]
pub(crate) struct Prompt {
	/// What errors call it.
	param: String,
	content: Content,
}

#[derive(Clone, Debug)]
enum Content {
	Text(String),
	Ids(Vec<TokenId>),
}

impl CompletionRequest {
	/// Reads a request's body.
	pub(crate) fn parse(body: &[u8]) -> Result<Self, ApiError> {
		let mut fields = Fields::parse(body)?;
		let common = Common::read(&mut fields, &["max_tokens"])?;
		let prompts = prompts(fields.required("prompt")?)?;
		fields.unsupported("best_of", |best_of| best_of.as_u64() == Some(1))?;
		fields.unsupported("echo", is_empty)?;
		fields.unsupported("logprobs", |logprobs| *logprobs == false)?;
		fields.unsupported("suffix", is_empty)?;
		fields.finish()?;
		Ok(Self { prompts, common })
	}
}

impl Prompt {
	/// A string, or an array of token ids.
	fn parse(param: String, value: Value) -> Result<Self, ApiError> {
		let content = match value {
			Value::String(text) => Content::Text(text),
			Value::Array(ids) => {
				let id = |id: &Value| {
					let known = id.as_u64().and_then(|id| TokenId::try_from(id).ok());
					known.ok_or_else(|| wrong_prompt(&param, id))
				};
				Content::Ids(ids.iter().map(id).collect::<Result<_, _>>()?)
			}
			other => return Err(wrong_prompt(&param, &other)),
		};
		Ok(Self { param, content })
	}

	/// Its tokens in the vocabulary of `model`.
	pub(crate) fn tokenize(self, model: &Model) -> Result<Input, ApiError> {
		let Self { param, content } = self;
		let tokens = match content {
			Content::Text(text) => tokenizer(model)?
				.encode(&text, true)
				.map_err(CheckpointError::from)?,
			Content::Ids(ids) => {
				let size = model.checkpoint.config.vocab_size;
				if ids.iter().any(|id| *id as usize >= size) {
					let rule = format!("must have token ids below {size}");
					return Err(invalid(&param, &rule));
				}
				ids
			}
		};
		Ok(Input { param, tokens })
	}
}

/// One prompt, or an array of them.
fn prompts(value: Value) -> Result<Vec<Prompt>, ApiError> {
	let param = "prompt";
	let several = match value {
		Value::Array(items) if !items.iter().any(Value::is_number) => items,
		one => return Ok(vec![Prompt::parse(param.into(), one)?]),
	};
	match several.len() {
		0 => Err(invalid(param, "must not be empty")),
		1 => several
			.into_iter()
			.map(|one| Prompt::parse(param.into(), one))
			.collect(),
		2..=MAX_PROMPTS => several
			.into_iter()
			.enumerate()
			.map(|(i, one)| Prompt::parse(format!("{param}[{i}]"), one))
			.collect(),
		_ => {
			let rule = format!("must have at most {MAX_PROMPTS} prompts; send the others apart");
			Err(invalid(param, &rule))
		}
	}
}

fn wrong_prompt(param: &str, got: &Value) -> ApiError {
	wrong_type(param, "a string or an array of token ids", got)
}

/// The shape of text completions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Completions;

impl Shape for Completions {
	const CHAT: bool = false;
	const ID_PREFIX: &'static str = "cmpl-";
	const WHOLE: &'static str = "text_completion";
	const CHUNK: &'static str = "text_completion";

	fn whole(index: usize, text: &str, finish: &str) -> Value {
		json!({"index": index, "text": text, "logprobs": null, "finish_reason": finish})
	}

	fn opening(_: usize) -> Option<Value> {
		None
	}

	fn delta(index: usize, text: &str) -> Value {
		json!({"index": index, "text": text, "logprobs": null, "finish_reason": null})
	}

	fn closing(index: usize, finish: &str) -> Value {
		Self::whole(index, "", finish)
	}
}

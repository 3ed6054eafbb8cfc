//! `POST /v1/chat/completions`.

use crate::{
	errors::{ApiError, Kind},
	params::{Common, is_empty},
	shape::Shape,
	validate::{Fields, invalid, missing, wrong_type},
};
use infergrid_checkpoint::ChatMessage;
use serde_json::{Value, json};

/// Messages in a request.
const MAX_MESSAGES: usize = 1_024;

/// A valid chat request.
#[derive(Clone, Debug)]
pub(crate) struct ChatRequest {
	pub(crate) messages: Vec<ChatMessage>,
	pub(crate) common: Common,
}

impl ChatRequest {
	/// Reads a request's body.
	pub(crate) fn parse(body: &[u8]) -> Result<Self, ApiError> {
		let mut fields = Fields::parse(body)?;
		let common = Common::read(&mut fields, &["max_completion_tokens", "max_tokens"])?;
		let messages = messages(fields.required("messages")?)?;
		fields.unsupported("logprobs", is_empty)?;
		fields.unsupported("top_logprobs", is_empty)?;
		fields.unsupported("tools", is_empty)?;
		fields.unsupported("tool_choice", |choice| choice == "none")?;
		fields.unsupported("functions", is_empty)?;
		fields.unsupported("function_call", |choice| choice == "none")?;
		fields.unsupported("response_format", |format| {
			*format == json!({"type": "text"})
		})?;
		fields.unsupported("modalities", |modalities| *modalities == json!(["text"]))?;
		fields.unsupported("audio", is_empty)?;
		fields.unsupported("prediction", is_empty)?;
		fields.unsupported("reasoning_effort", |effort| effort == "none")?;
		fields.unsupported("verbosity", |verbosity| verbosity == "medium")?;
		fields.unsupported("web_search_options", is_empty)?;
		// Says how tool calls are made; there are none.
		fields.ignore(&["parallel_tool_calls"]);
		fields.finish()?;
		Ok(Self { messages, common })
	}
}

fn messages(value: Value) -> Result<Vec<ChatMessage>, ApiError> {
	let Value::Array(items) = value else {
		return Err(wrong_type("messages", "an array", &value));
	};
	if items.is_empty() {
		return Err(invalid("messages", "must have at least one message"));
	}
	if items.len() > MAX_MESSAGES {
		return Err(invalid(
			"messages",
			&format!("must have at most {MAX_MESSAGES} messages"),
		));
	}
	items
		.into_iter()
		.enumerate()
		.map(|(i, item)| message(item, &format!("messages[{i}]")))
		.collect()
}

fn message(value: Value, path: &str) -> Result<ChatMessage, ApiError> {
	let mut fields = Fields::of(value, path)?;
	let role_name = fields.name("role");
	let role = match fields.required("role")? {
		Value::String(role) => match role.as_str() {
			// Newer clients say `developer` where templates say `system`.
			"system" | "developer" => "system",
			"user" => "user",
			"assistant" => "assistant",
			"tool" | "function" => {
				let message = "Tool calls are not supported by this gateway.";
				return Err(ApiError::about(
					Kind::UnsupportedParameter,
					role_name,
					message,
				));
			}
			_ => {
				return Err(invalid(
					&role_name,
					"must be `system`, `developer`, `user` or `assistant`",
				));
			}
		},
		other => return Err(wrong_type(&role_name, "a string", &other)),
	};
	let content_name = fields.name("content");
	let refusal = fields.string("refusal")?;
	let content = match (fields.take("content"), refusal) {
		(Some(content), _) => self::content(content, &content_name)?,
		// What an assistant said instead of an answer.
		(None, Some(refusal)) if role == "assistant" => refusal,
		(None, _) => {
			fields.unsupported("tool_calls", is_empty)?;
			fields.unsupported("function_call", is_empty)?;
			return Err(missing(&content_name));
		}
	};
	fields.unsupported("tool_calls", is_empty)?;
	fields.unsupported("function_call", is_empty)?;
	fields.unsupported("audio", is_empty)?;
	// A speaker's name: templates do not know it. Clients send whole answers
	// back, annotations included.
	fields.ignore(&["name", "annotations"]);
	fields.finish()?;
	Ok(ChatMessage {
		role: role.into(),
		content,
	})
}

/// Content as a string, or as an array of text parts.
fn content(value: Value, name: &str) -> Result<String, ApiError> {
	match value {
		Value::String(text) => Ok(text),
		Value::Array(parts) => {
			let parts = parts
				.into_iter()
				.enumerate()
				.map(|(i, part)| text_part(part, &format!("{name}[{i}]")));
			parts.collect()
		}
		other => Err(wrong_type(
			name,
			"a string or an array of text parts",
			&other,
		)),
	}
}

fn text_part(value: Value, path: &str) -> Result<String, ApiError> {
	let mut fields = Fields::of(value, path)?;
	let kind_name = fields.name("type");
	match fields.required("type")? {
		Value::String(kind) if kind == "text" => {}
		Value::String(kind) if kind == "refusal" => {
			let refusal = fields.string("refusal")?.unwrap_or_default();
			fields.finish()?;
			return Ok(refusal);
		}
		Value::String(_) => {
			let message = format!("Only text is supported: `{kind_name}` must be `text`.");
			return Err(ApiError::about(
				Kind::UnsupportedParameter,
				kind_name,
				message,
			));
		}
		other => return Err(wrong_type(&kind_name, "a string", &other)),
	}
	let text_name = fields.name("text");
	match fields.required("text")? {
		Value::String(text) => {
			fields.finish()?;
			Ok(text)
		}
		other => Err(wrong_type(&text_name, "a string", &other)),
	}
}

/// The shape of chat completions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chat;

impl Shape for Chat {
	const CHAT: bool = true;
	const ID_PREFIX: &'static str = "chatcmpl-";
	const WHOLE: &'static str = "chat.completion";
	const CHUNK: &'static str = "chat.completion.chunk";

	fn whole(index: usize, text: &str, finish: &str) -> Value {
		json!({
			"index": index,
			"message": {"role": "assistant", "content": text, "refusal": null},
			"logprobs": null,
			"finish_reason": finish,
		})
	}

	fn opening(index: usize) -> Option<Value> {
		let delta = json!({"role": "assistant", "content": "", "refusal": null});
		Some(json!({"index": index, "delta": delta, "logprobs": null, "finish_reason": null}))
	}

	fn delta(index: usize, text: &str) -> Value {
		json!({"index": index, "delta": {"content": text}, "logprobs": null, "finish_reason": null})
	}

	fn closing(index: usize, finish: &str) -> Value {
		json!({"index": index, "delta": {}, "logprobs": null, "finish_reason": finish})
	}
}

//! Chat templates: Jinja as `transformers` runs it, with fuel, because a template is somebody's code.

use crate::{CheckpointError, files, tokenizer::TokenizerConfig};
use chrono::{DateTime, format::StrftimeItems};
use minijinja::{Environment, Error, ErrorKind, Value, syntax::SyntaxConfig, value::Kwargs};
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};
use std::{fmt, io, path::Path};

/// Instructions a template may take: a thousand messages need about a tenth.
const FUEL: u64 = 2_000_000;
/// Bytes a template may write.
const OUTPUT_LIMIT: usize = 16 << 20;
const NAME: &str = "chat_template";

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChatMessage {
	/// `system`, `user`, `assistant`, or what else the template knows.
	pub role: String,
	/// The text.
	pub content: String,
}

/// How a conversation is rendered.
#[derive(Clone, Debug)]
pub struct RenderOptions {
	/// Ends with the header of the assistant's turn.
	pub add_generation_prompt: bool,
	/// The time that `strftime_now` shows, in seconds since 1970 UTC. Without it the function does
	/// not exist, and templates that ask first use their own fixed date.
	pub now: Option<i64>,
}

impl Default for RenderOptions {
	fn default() -> Self {
		Self {
			add_generation_prompt: true,
			now: None,
		}
	}
}

/// A conversation could not be rendered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
	/// The template is not Jinja that this program knows.
	#[error("the chat template does not compile: {0:#}")]
	Compile(#[source] Error),
	/// The template refused the conversation, in its own words.
	#[error("the chat template refuses the conversation: {0}")]
	Refused(String),
	/// The template failed, or took too much time or space.
	#[error("the chat template fails: {0:#}")]
	Render(#[source] Error),
}

/// A compiled chat template.
pub struct ChatTemplate {
	environment: Environment<'static>,
	tokens: Vec<(&'static str, String)>,
}

impl fmt::Debug for ChatTemplate {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("ChatTemplate")
			.field("tokens", &self.tokens)
			.finish_non_exhaustive()
	}
}

impl ChatTemplate {
	/// `chat_template.jinja` in `directory`, else the template in `tokenizer_config.json`.
	pub(crate) fn read(
		directory: &Path,
		config: Option<&TokenizerConfig>,
	) -> Result<Option<Self>, CheckpointError> {
		let path = directory.join("chat_template.jinja");
		let source = match files::read(&path, files::TEMPLATE_LIMIT)? {
			Some(bytes) => {
				Some(
					String::from_utf8(bytes).map_err(|_| CheckpointError::Invalid {
						path,
						field: "chat_template",
						reason: "is not UTF-8".into(),
					})?,
				)
			}
			None => config.and_then(|config| config.chat_template.clone()),
		};
		let tokens = config
			.map(|config| config.tokens.clone())
			.unwrap_or_default();
		Ok(source
			.map(|source| Self::compile(source, tokens))
			.transpose()?)
	}

	/// Compiles `source`; `tokens` are variables the template sees, such as `bos_token`.
	pub fn compile(
		source: String,
		tokens: Vec<(&'static str, String)>,
	) -> Result<Self, TemplateError> {
		let mut environment = Environment::new();
		let syntax = SyntaxConfig::builder()
			.trim_blocks(true)
			.lstrip_blocks(true)
			.build();
		environment.set_syntax(syntax.map_err(TemplateError::Compile)?);
		environment.set_fuel(Some(FUEL));
		environment
			.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
		environment.add_filter("tojson", tojson);
		environment.add_function(
			"raise_exception",
			|message: String| -> Result<Value, Error> {
				Err(Error::new(ErrorKind::InvalidOperation, "raised").with_source(Raised(message)))
			},
		);
		environment
			.add_template_owned(NAME, source)
			.map_err(TemplateError::Compile)?;
		Ok(Self {
			environment,
			tokens,
		})
	}

	/// The text of a conversation.
	pub fn render(
		&self,
		messages: &[ChatMessage],
		options: &RenderOptions,
	) -> Result<String, TemplateError> {
		let mut variables: Vec<(&str, Value)> = self
			.tokens
			.iter()
			.map(|(name, token)| (*name, Value::from(token.as_str())))
			.collect();
		let message = |message: &ChatMessage| {
			Value::from_pairs([
				("role", message.role.as_str()),
				("content", message.content.as_str()),
			])
		};
		let messages: Vec<Value> = messages.iter().map(message).collect();
		variables.push(("messages", messages.into()));
		variables.push((
			"add_generation_prompt",
			options.add_generation_prompt.into(),
		));
		if let Some(now) = options.now {
			let strftime = move |format: String| strftime(now, &format);
			variables.push(("strftime_now", Value::from_function(strftime)));
		}
		let context = Value::from_pairs(variables);
		let mut output = Bounded { bytes: Vec::new() };
		self.environment
			.get_template(NAME)
			.and_then(|template| template.render_captured_to(context, &mut output).map(drop))
			.map_err(refused_or_failed)?;
		String::from_utf8(output.bytes).map_err(|error| {
			TemplateError::Render(
				Error::new(ErrorKind::BadSerialization, "not UTF-8").with_source(error),
			)
		})
	}
}

/// What a template says through `raise_exception`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Raised(String);

fn refused_or_failed(error: Error) -> TemplateError {
	let mut source = std::error::Error::source(&error);
	while let Some(cause) = source {
		if let Some(Raised(message)) = cause.downcast_ref() {
			return TemplateError::Refused(message.clone());
		}
		source = cause.source();
	}
	TemplateError::Render(error)
}

/// Refuses what goes beyond [`OUTPUT_LIMIT`].
struct Bounded {
	bytes: Vec<u8>,
}

impl io::Write for Bounded {
	fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
		if self.bytes.len() + bytes.len() > OUTPUT_LIMIT {
			return Err(io::Error::other(format!(
				"more than {OUTPUT_LIMIT} bytes of output"
			)));
		}
		self.bytes.extend_from_slice(bytes);
		Ok(bytes.len())
	}

	fn flush(&mut self) -> io::Result<()> {
		Ok(())
	}
}

fn strftime(now: i64, format: &str) -> Result<String, Error> {
	let invalid = |what: &'static str| Error::new(ErrorKind::InvalidOperation, what);
	let items = StrftimeItems::new(format)
		.parse()
		.map_err(|_| invalid("strftime_now: unknown date format"))?;
	let time = DateTime::from_timestamp(now, 0).ok_or_else(|| invalid("strftime_now: bad time"))?;
	Ok(time.format_with_items(items.iter()).to_string())
}

/// JSON as Python's `json.dumps(value, ensure_ascii=False)` writes it. Minijinja's own filter escapes
/// for HTML, which would change the prompt.
fn tojson(value: &Value, options: Kwargs) -> Result<Value, Error> {
	let indent: Option<usize> = options.get("indent")?;
	// Accepted because templates write it; it is the only behaviour here.
	let _ensure_ascii: Option<bool> = options.get("ensure_ascii")?;
	options.assert_all_used()?;
	let mut bytes = Vec::new();
	let spaces = " ".repeat(indent.unwrap_or(0).min(16));
	let written = match indent {
		Some(_) => {
			let formatter = PrettyFormatter::with_indent(spaces.as_bytes());
			value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter))
		}
		None => value.serialize(&mut Serializer::with_formatter(&mut bytes, Spaced)),
	};
	let failed = |error: &dyn fmt::Display| {
		Error::new(ErrorKind::BadSerialization, format!("tojson: {error}"))
	};
	written.map_err(|error| failed(&error))?;
	String::from_utf8(bytes)
		.map(Value::from_safe_string)
		.map_err(|error| failed(&error))
}

/// Python's separators: `, ` and `: `.
struct Spaced;

impl Formatter for Spaced {
	fn begin_array_value<W: ?Sized + io::Write>(
		&mut self,
		w: &mut W,
		first: bool,
	) -> io::Result<()> {
		if first { Ok(()) } else { w.write_all(b", ") }
	}

	fn begin_object_key<W: ?Sized + io::Write>(
		&mut self,
		w: &mut W,
		first: bool,
	) -> io::Result<()> {
		if first { Ok(()) } else { w.write_all(b", ") }
	}

	fn begin_object_value<W: ?Sized + io::Write>(&mut self, w: &mut W) -> io::Result<()> {
		w.write_all(b": ")
	}
}

#[cfg(test)]
#[path = "chat_tests.rs"]
mod tests;

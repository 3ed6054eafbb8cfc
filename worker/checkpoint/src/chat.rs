//! Chat templates: Jinja as `transformers` runs it, with fuel, because a template is somebody's code.

use crate::{CheckpointError, TemplateError, files, python, tokens::TokenizerConfig};
use chrono::{DateTime, format::StrftimeItems};
use minijinja::{Environment, Error, ErrorKind, Value, syntax::SyntaxConfig};
use serde::Serialize;
use std::{collections::BTreeMap, fmt, io, path::Path};

/// Instructions a template may take: a thousand messages need about a tenth.
const FUEL: u64 = 2_000_000;
/// Bytes a template may write.
const OUTPUT_LIMIT: usize = 16 << 20;
const NAME: &str = "chat_template";
/// What templates are shown that want a date where there must be none: 26 July 2024.
pub const FIXED_DATE: i64 = 1_721_952_000;

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
	/// not exist for templates that ask first, which use their own fixed date; others are shown
	/// [`FIXED_DATE`].
	pub now: Option<i64>,
	/// Lets messages spell control tokens, as `transformers` does: whoever writes a message can then end
	/// its turn and begin another.
	pub allow_control_tokens: bool,
}

impl Default for RenderOptions {
	fn default() -> Self {
		Self {
			add_generation_prompt: true,
			now: None,
			allow_control_tokens: false,
		}
	}
}

/// A compiled chat template.
pub struct ChatTemplate {
	environment: Environment<'static>,
	source: String,
	tokens: BTreeMap<String, String>,
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
		config: &TokenizerConfig,
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
			None => config.chat_template.clone(),
		};
		let Some(source) = source else {
			return Ok(None);
		};
		let template = Self::compile(source, config.names())?;
		template.try_out()?;
		Ok(Some(template))
	}

	/// An error if the template is made of what this program lacks, which every conversation would meet.
	/// Others may be refused: a template need not like this one.
	fn try_out(&self) -> Result<(), TemplateError> {
		let message = ChatMessage {
			role: "user".into(),
			content: "Hello".into(),
		};
		match self.render(&[message], &RenderOptions::default()) {
			Err(TemplateError::Render(error)) if is_lacking(&error) => {
				Err(TemplateError::Lacking(error))
			}
			_ => Ok(()),
		}
	}

	/// Compiles `source`; `tokens` are variables the template sees, such as `bos_token`.
	pub fn compile(
		source: String,
		tokens: BTreeMap<String, String>,
	) -> Result<Self, TemplateError> {
		let mut environment = Environment::new();
		let syntax = SyntaxConfig::builder()
			.trim_blocks(true)
			.lstrip_blocks(true)
			.build();
		environment.set_syntax(syntax.map_err(TemplateError::Compile)?);
		environment.set_fuel(Some(FUEL));
		python::install(&mut environment);
		environment.add_function(
			"raise_exception",
			|message: String| -> Result<Value, Error> {
				Err(Error::new(ErrorKind::InvalidOperation, "raised").with_source(Raised(message)))
			},
		);
		let source = python::source(&source);
		environment
			.add_template_owned(NAME, source.clone())
			.map_err(TemplateError::Compile)?;
		Ok(Self {
			environment,
			source,
			tokens,
		})
	}

	pub(crate) fn source(&self) -> &str {
		&self.source
	}

	/// The text of a conversation.
	pub fn render(
		&self,
		messages: &[ChatMessage],
		options: &RenderOptions,
	) -> Result<String, TemplateError> {
		match self.render_at(messages, options, options.now) {
			Err(TemplateError::Render(error))
				if options.now.is_none() && error.kind() == ErrorKind::UnknownFunction =>
			{
				self.render_at(messages, options, Some(FIXED_DATE))
			}
			rendered => rendered,
		}
	}

	fn render_at(
		&self,
		messages: &[ChatMessage],
		options: &RenderOptions,
		now: Option<i64>,
	) -> Result<String, TemplateError> {
		let mut variables: Vec<(&str, Value)> = self
			.tokens
			.iter()
			.map(|(name, token)| (name.as_str(), Value::from(token.as_str())))
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
		// Templates ask whether they are none, which is not the same as absent.
		variables.push(("tools", Value::from(())));
		variables.push(("documents", Value::from(())));
		if let Some(now) = now {
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

fn is_lacking(error: &Error) -> bool {
	let is_unknown = matches!(
		error.kind(),
		ErrorKind::UnknownFilter
			| ErrorKind::UnknownTest
			| ErrorKind::UnknownFunction
			| ErrorKind::UnknownMethod
	);
	let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref());
	is_unknown || cause.is_some_and(is_lacking)
}

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

#[cfg(test)]
#[path = "chat_tests.rs"]
mod tests;

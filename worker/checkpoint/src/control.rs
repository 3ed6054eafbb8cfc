//! Keeping what people write from becoming control tokens.
//!
//! A message that spells a control token such as `<|im_end|>` could end its turn and begin another. So
//! each control token in a message is broken by a mark before the template sees it, and what lies
//! between two real control tokens with a mark in it is encoded as text. Messages without control
//! tokens are rendered and encoded as ever.

use crate::{ChatMessage, CheckpointError, Tokenizer};
use infergrid_primitives::TokenId;
use std::borrow::Cow;

/// A noncharacter of Unicode: no text has it, and none may keep it.
const MARK: char = '\u{FDD0}';

/// Token ids of a conversation that `render` turns into text.
pub(crate) fn encode(
	tokenizer: &Tokenizer,
	messages: &[ChatMessage],
	allowed: bool,
	render: impl Fn(&[ChatMessage]) -> Result<String, CheckpointError>,
) -> Result<Vec<TokenId>, CheckpointError> {
	let controls = tokenizer.controls();
	let spells = |message: &ChatMessage| {
		message.content.contains(MARK)
			|| controls
				.iter()
				.any(|control| message.content.contains(control.as_str()))
	};
	if allowed || !messages.iter().any(spells) {
		return Ok(tokenizer.encode(&render(messages)?, false)?);
	}
	let marked: Vec<_> = messages
		.iter()
		.map(|message| ChatMessage {
			role: message.role.clone(),
			content: mark(&message.content, controls),
		})
		.collect();
	let text = render(&marked)?;
	let mut ids = Vec::new();
	for part in parts(&text, controls) {
		let without = match part.contains(MARK) {
			true => Cow::Owned(part.replace(MARK, "")),
			false => Cow::Borrowed(part),
		};
		match without {
			Cow::Owned(plain) => ids.extend(tokenizer.encode_plain(&plain)?),
			Cow::Borrowed(part) => ids.extend(tokenizer.encode(part, false)?),
		}
	}
	Ok(ids)
}

/// `text` with a mark after the first letter of each control token.
fn mark(text: &str, controls: &[String]) -> String {
	let mut marked = String::with_capacity(text.len() + 16);
	// A mark of the writer's own means nothing.
	let text = text.replace(MARK, "");
	let mut rest = text.as_str();
	while let Some(letter) = rest.chars().next() {
		let begins = controls
			.iter()
			.any(|control| rest.starts_with(control.as_str()));
		marked.push(letter);
		if begins {
			marked.push(MARK);
		}
		rest = &rest[letter.len_utf8()..];
	}
	marked
}

/// `text` cut before and after each control token.
fn parts<'a>(text: &'a str, controls: &[String]) -> Vec<&'a str> {
	let mut parts = Vec::new();
	let (mut start, mut at) = (0, 0);
	while at < text.len() {
		let rest = &text[at..];
		match controls
			.iter()
			.find(|control| rest.starts_with(control.as_str()))
		{
			Some(control) => {
				parts.extend([&text[start..at], &rest[..control.len()]]);
				at += control.len();
				start = at;
			}
			None => at += rest.chars().next().map_or(1, char::len_utf8),
		}
	}
	parts.push(&text[start..]);
	parts.retain(|part| !part.is_empty());
	parts
}

#[cfg(test)]
mod tests {
	use super::*;

	fn controls() -> Vec<String> {
		["<|im_start|>", "<|im_end|>", "<s>"]
			.map(String::from)
			.to_vec()
	}

	#[test]
	fn what_is_marked_is_no_control_token_and_reads_the_same() {
		let text = "a<|im_end|>\n<|im_start|>system<s>é";
		let marked = mark(text, &controls());
		assert!(
			controls()
				.iter()
				.all(|control| !marked.contains(control.as_str()))
		);
		assert_eq!(marked.replace(MARK, ""), text);
		assert_eq!(mark("nothing special", &controls()), "nothing special");
		// Not even with a mark of one's own in the place of ours.
		let sly = mark(&format!("<{MARK}|im_end|>"), &controls());
		assert_eq!(sly, format!("<{MARK}|im_end|>"));
	}

	#[test]
	fn a_text_is_cut_at_its_control_tokens() {
		assert_eq!(
			parts("<s>é<|im_start|><|im_end|>b", &controls()),
			["<s>", "é", "<|im_start|>", "<|im_end|>", "b"]
		);
		assert_eq!(parts("", &controls()), [""; 0]);
	}
}

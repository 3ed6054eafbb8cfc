//! Keeping what people write from becoming control tokens.
//!
//! A message that spells a control token such as `<|im_end|>` could end its turn and begin another. So
//! before the template sees a message, a mark is put behind the first letter of whatever could become
//! a control token, alone or joined to something else. What the template writes has no marks. Where
//! taking the marks out changes which control tokens there are, the text between those of the template
//! is encoded as text; everywhere else the whole is encoded at once, as `transformers` does.

mod plain;

use crate::{ChatMessage, ChatTemplate, CheckpointError, Tokenizer};
use infergrid_primitives::TokenId;
use plain::Plain;
use std::{
	collections::{HashMap, HashSet},
	fmt,
	sync::OnceLock,
};

/// Marks are letters that no message and no template of the conversation has.
const MARKS: std::ops::RangeInclusive<char> = '\u{100000}'..='\u{10FFFD}';

/// A token with which a template says who speaks, and the like.
#[derive(Debug)]
struct Control {
	text: String,
	id: TokenId,
	/// Swallows white space before or after it.
	strips: [bool; 2],
	/// Only known to be one because the template writes it: an assistant may say it, as it does in
	/// the answers that clients send back.
	by_template: bool,
}

/// The control tokens of a tokenizer and a chat template.
pub(crate) struct Guard {
	/// By their first letter, the longest first.
	controls: HashMap<char, Vec<Control>>,
	/// Texts that the template looks for in messages, from a control token's first letter on.
	sought: Vec<String>,
	/// Made when it is first needed, which few conversations do.
	plain: OnceLock<Plain>,
}

impl fmt::Debug for Guard {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Guard").finish_non_exhaustive()
	}
}

impl Guard {
	pub(crate) fn new(tokenizer: &Tokenizer, template: &ChatTemplate, ends: &[TokenId]) -> Self {
		let literals = literals(template.source());
		let mut controls: HashMap<char, Vec<Control>> = HashMap::new();
		for (id, token) in tokenizer.added() {
			let surely = tokenizer.is_control(id) || ends.contains(&id);
			// Words and runs of blanks are added tokens too.
			let is_markup = token.content.trim() == token.content
				&& token.content.contains(|c: char| !c.is_alphanumeric());
			let by_template = !surely && is_markup && template.source().contains(&token.content);
			if let (true, Some(first)) = (surely || by_template, token.content.chars().next()) {
				controls.entry(first).or_default().push(Control {
					text: token.content,
					id,
					strips: [token.lstrip, token.rstrip],
					by_template,
				});
			}
		}
		for alike in controls.values_mut() {
			alike.sort_unstable_by_key(|control| std::cmp::Reverse(control.text.len()));
		}
		let mut sought: Vec<_> = literals
			.iter()
			.flat_map(|literal| {
				let starts = literal.char_indices();
				starts.map(move |(at, letter)| (letter, &literal[at..]))
			})
			.filter(|(letter, text)| {
				controls.get(letter).is_some_and(|alike| {
					alike.iter().all(|control| {
						control.by_template
							|| !(text.starts_with(&control.text) || control.text.starts_with(text))
					})
				})
			})
			.map(|(_, text)| text.to_owned())
			.collect();
		sought.sort_unstable();
		sought.dedup();
		Self {
			controls,
			sought,
			plain: OnceLock::new(),
		}
	}

	/// Token ids of a conversation that `render` turns into text.
	pub(crate) fn encode(
		&self,
		tokenizer: &Tokenizer,
		messages: &[ChatMessage],
		template: &ChatTemplate,
		render: impl Fn(&[ChatMessage]) -> Result<String, CheckpointError>,
	) -> Result<Vec<TokenId>, CheckpointError> {
		let mark = unused_letter(messages, template);
		let marked: Vec<_> = messages
			.iter()
			.map(|message| self.mark(message, mark))
			.collect();
		let text = render(&marked)?;
		if !text.contains(mark) {
			return Ok(tokenizer.encode(&text, false)?);
		}
		let clean = text.replace(mark, "");
		let found = self.find(&text);
		if found
			.iter()
			.map(|(_, control)| control.id)
			.eq(self.find(&clean).iter().map(|(_, control)| control.id))
		{
			return Ok(tokenizer.encode(&clean, false)?);
		}
		let plain = self.plain.get_or_init(|| {
			let controls = self.controls.values().flatten();
			Plain::new(tokenizer, controls.map(|control| control.id).collect())
		});
		let (mut ids, mut at, mut strips) = (Vec::new(), 0, false);
		let text_ids = |part: &str, strip: [bool; 2], is_first: bool| {
			let part = part.replace(mark, "");
			let part = if strip[0] { part.trim_start() } else { &part };
			plain.encode(if strip[1] { part.trim_end() } else { part }, is_first)
		};
		for (start, control) in found {
			ids.extend(text_ids(
				&text[at..start],
				[strips, control.strips[0]],
				at == 0,
			)?);
			ids.push(control.id);
			at = start + control.text.len();
			strips = control.strips[1];
		}
		ids.extend(text_ids(&text[at..], [strips, false], at == 0)?);
		Ok(ids)
	}

	/// `message` with a mark wherever a control token could begin.
	fn mark(&self, message: &ChatMessage, mark: char) -> ChatMessage {
		let is_assistant = message.role == "assistant";
		let in_text = |text: &str| {
			let mut marked = String::with_capacity(text.len() + 16);
			for (at, letter) in text.char_indices() {
				marked.push(letter);
				if self.may_begin(letter, &text[at..], is_assistant) {
					marked.push(mark);
				}
			}
			marked
		};
		ChatMessage {
			role: in_text(&message.role),
			content: in_text(&message.content),
		}
	}

	/// Whether a control token may begin at `letter`, with which `rest` begins.
	fn may_begin(&self, letter: char, rest: &str, is_assistant: bool) -> bool {
		let Some(alike) = self.controls.get(&letter) else {
			return false;
		};
		let spelled = alike.iter().find(|control| rest.starts_with(&control.text));
		match spelled {
			Some(control) => !(control.by_template && is_assistant),
			// Of words only whole ones are looked for; of others also what could be joined to one.
			None => {
				!letter.is_alphanumeric()
					&& !self.sought.iter().any(|sought| rest.starts_with(sought))
			}
		}
	}

	/// The control tokens in `text` with their places.
	fn find(&self, text: &str) -> Vec<(usize, &Control)> {
		let mut found = Vec::new();
		let mut next = 0;
		for (at, letter) in text.char_indices() {
			if at < next {
				continue;
			}
			let alike = self.controls.get(&letter).into_iter().flatten();
			let mut spelled = alike.filter(|control| text[at..].starts_with(&control.text));
			if let Some(control) = spelled.next() {
				next = at + control.text.len();
				found.push((at, control));
			}
		}
		found
	}
}

fn unused_letter(messages: &[ChatMessage], template: &ChatTemplate) -> char {
	let used: HashSet<char> = messages
		.iter()
		.flat_map(|message| message.content.chars().chain(message.role.chars()))
		.chain(template.source().chars())
		.filter(|letter| MARKS.contains(letter))
		.collect();
	MARKS
		.into_iter()
		.find(|letter| !used.contains(letter))
		.unwrap_or(*MARKS.start())
}

/// What stands between quotation marks in a template.
fn literals(source: &str) -> Vec<String> {
	let mut literals = Vec::new();
	let mut rest = source;
	while let Some(at) = rest.find(['\'', '"']) {
		let quote = &rest[at..at + 1];
		let inside = &rest[at + 1..];
		let Some(end) = inside.find(quote) else {
			break;
		};
		literals.push(inside[..end].replace("\\n", "\n").replace("\\t", "\t"));
		rest = &inside[end + 1..];
	}
	literals
}

#[cfg(test)]
#[path = "control_tests.rs"]
mod tests;

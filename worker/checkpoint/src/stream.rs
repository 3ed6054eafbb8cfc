//! Token ids to text as they come, and the strings at which an answer stops.

use crate::{Tokenizer, TokenizerError};
use infergrid_primitives::TokenId;

/// A token that never completes a character is given up after this many more tokens: four bytes are
/// the longest character of UTF-8.
const MAX_PENDING: usize = 8;

/// Turns ids into text as they come, never giving out half a character.
#[derive(Clone, Debug)]
pub struct TextStream {
	tokenizer: Tokenizer,
	// The last ids whose text was given out, for context, then those whose text was not.
	window: Vec<TokenId>,
	shown: usize,
	// Text of the shown part of the window.
	tail: String,
}

impl Tokenizer {
	/// Starts turning a stream of ids into text.
	pub fn stream(&self) -> TextStream {
		TextStream::new(self.clone())
	}
}

impl TextStream {
	pub(crate) fn new(tokenizer: Tokenizer) -> Self {
		Self {
			tokenizer,
			window: Vec::new(),
			shown: 0,
			tail: String::new(),
		}
	}

	/// The text that `id` completes; empty while a character is unfinished.
	pub fn push(&mut self, id: TokenId) -> Result<String, TokenizerError> {
		// It shows nothing, and as context it would hide what decoders do between its neighbours.
		if self.tokenizer.is_special(id) {
			return Ok(String::new());
		}
		self.window.push(id);
		let text = self.tokenizer.decode(&self.window)?;
		let unfinished = text.ends_with(char::REPLACEMENT_CHARACTER);
		let new = self.new_part(&text);
		if self.window.len() - self.shown > MAX_PENDING {
			return match new {
				// Ids that show nothing are no context either.
				"" => {
					self.window.truncate(self.shown);
					Ok(String::new())
				}
				_ => self.give(new.to_owned()),
			};
		}
		match unfinished || new.is_empty() {
			true => Ok(String::new()),
			false => self.give(new.to_owned()),
		}
	}

	/// What is left when no more ids come: a broken character shows as U+FFFD.
	pub fn finish(self) -> Result<String, TokenizerError> {
		let text = self.tokenizer.decode(&self.window)?;
		Ok(self.new_part(&text).to_owned())
	}

	/// What `text` has after the tail. A decoder that rewrites what was already given out shows what
	/// follows the first difference rather than a repeat.
	fn new_part<'a>(&self, text: &'a str) -> &'a str {
		let same = text
			.char_indices()
			.zip(self.tail.chars())
			.find(|((_, new), old)| new != old)
			.map_or(self.tail.len().min(text.len()), |((at, _), _)| at);
		&text[same..]
	}

	fn give(&mut self, new: String) -> Result<String, TokenizerError> {
		self.window.drain(..self.shown);
		self.shown = self.window.len();
		self.tail = self.tokenizer.decode(&self.window)?;
		Ok(new)
	}
}

/// Says when an answer's text contains a stop string. Miner and verifier run the same one over the
/// same ids, so they agree.
#[derive(Clone, Debug)]
pub struct StopMatcher {
	stream: TextStream,
	stops: Vec<String>,
	text: String,
	longest: usize,
}

impl StopMatcher {
	/// Watches for `stops`, of which none is empty.
	pub fn new(tokenizer: &Tokenizer, stops: impl IntoIterator<Item = String>) -> Self {
		let stops: Vec<_> = stops.into_iter().filter(|stop| !stop.is_empty()).collect();
		let longest = stops.iter().map(String::len).max().unwrap_or(0);
		Self {
			stream: tokenizer.stream(),
			stops,
			text: String::new(),
			longest,
		}
	}

	/// Whether the text contains a stop string once `id` is added.
	pub fn push(&mut self, id: TokenId) -> Result<bool, TokenizerError> {
		if self.stops.is_empty() {
			return Ok(false);
		}
		self.text.push_str(&self.stream.push(id)?);
		let found = self
			.stops
			.iter()
			.any(|stop| self.text.contains(stop.as_str()));
		// Only an end shorter than the longest stop string can still grow into one.
		let mut keep = self.text.len().saturating_sub(self.longest);
		while !self.text.is_char_boundary(keep) {
			keep -= 1;
		}
		self.text.drain(..keep);
		Ok(found)
	}
}

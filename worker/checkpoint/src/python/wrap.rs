//! `wordwrap`, which is `textwrap.wrap` of Python on each line.

use super::{arguments::Arguments, methods::lines, text};
use minijinja::{
	Error, Value,
	value::{Kwargs, Rest},
};

/// How a line is cut.
struct Wrap {
	width: usize,
	breaks_words: bool,
	at_hyphens: bool,
}

/// `wordwrap(width=79, break_long_words=True, wrapstring='\n', break_on_hyphens=True)`.
pub(super) fn wordwrap(value: &Value, places: Rest<Value>, names: Kwargs) -> Result<String, Error> {
	let given = Arguments { places, names };
	let flag = |place, name| -> Result<bool, Error> {
		Ok(given.raw(place, name)?.is_none_or(|flag| flag.is_true()))
	};
	let wrap = Wrap {
		width: given.count(0, "width", 79)?.max(1),
		breaks_words: flag(1, "break_long_words")?,
		at_hyphens: flag(3, "break_on_hyphens")?,
	};
	let mark = given.text(2, "wrapstring", "\n")?;
	given.finish()?;
	let text = text::str(value);
	let wrapped = lines(&text, false).into_iter().map(|line| {
		let letters: Vec<char> = line.chars().collect();
		wrap.lines(&letters).join(&mark)
	});
	Ok(wrapped.collect::<Vec<_>>().join(&mark))
}

fn is_blank(letter: char) -> bool {
	matches!(letter, '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

impl Wrap {
	fn lines(&self, letters: &[char]) -> Vec<String> {
		let mut chunks = self.chunks(letters);
		chunks.reverse();
		let mut lines = Vec::new();
		let is_white = |chunk: &[char]| chunk.iter().all(|letter| letter.is_whitespace());
		while let Some(first) = chunks.last() {
			if is_white(first) && !lines.is_empty() {
				chunks.pop();
			}
			let mut line: Vec<&[char]> = Vec::new();
			let mut room = self.width;
			while let Some(chunk) = chunks.pop_if(|chunk| chunk.len() <= room) {
				room -= chunk.len();
				line.push(chunk);
			}
			if let Some(long) = chunks.pop_if(|chunk| chunk.len() > self.width) {
				let cut = match self.breaks_words {
					true => self.cut(long, room),
					false if line.is_empty() => long.len(),
					false => 0,
				};
				let (now, later) = long.split_at(cut);
				line.extend((!now.is_empty()).then_some(now));
				chunks.extend((!later.is_empty()).then_some(later));
			}
			line.pop_if(|chunk| is_white(chunk));
			if !line.is_empty() {
				lines.push(line.concat().into_iter().collect());
			}
		}
		lines
	}

	/// How much of a word goes into `room`.
	fn cut(&self, word: &[char], room: usize) -> usize {
		let hyphen = word[..room].iter().rposition(|letter| *letter == '-');
		let hyphen = hyphen.filter(|at| word[..*at].iter().any(|letter| *letter != '-'));
		match hyphen.filter(|_| self.at_hyphens) {
			Some(at) => at + 1,
			None => room,
		}
	}

	/// Words, the blanks between them, and parts of words that may stand on lines of their own.
	fn chunks<'a>(&self, letters: &'a [char]) -> Vec<&'a [char]> {
		let mut chunks = Vec::new();
		let mut start = 0;
		while start < letters.len() {
			let run = |from: usize, holds: &dyn Fn(char) -> bool| {
				let rest = &letters[from..];
				from + rest.iter().take_while(|letter| holds(**letter)).count()
			};
			let end = match is_blank(letters[start]) {
				true => run(start, &is_blank),
				false if !self.at_hyphens => run(start, &|letter| !is_blank(letter)),
				false => match is_dash(letters, start) {
					true => run(start, &|letter| letter == '-'),
					false => part(letters, start),
				},
			};
			chunks.push(&letters[start..end]);
			start = end;
		}
		chunks
	}
}

/// Whether two or more hyphens between words begin at `at`.
fn is_dash(letters: &[char], at: usize) -> bool {
	let is_word = |c: &char| c.is_alphanumeric() || *c == '_';
	let before = at.checked_sub(1).map(|before| letters[before]);
	// Asked first, so that a run of hyphens is looked through once.
	before.is_some_and(|c| is_word(&c) || "!\"'&.,?".contains(c)) && {
		let count = letters[at..].iter().take_while(|c| **c == '-').count();
		count >= 2 && letters.get(at + count).is_some_and(is_word)
	}
}

/// Where the part of a word ends that begins at `start`.
fn part(letters: &[char], start: usize) -> usize {
	let is_letter = |at: usize| letters.get(at).is_some_and(|c| c.is_alphabetic());
	let is_hyphen = |at: usize| letters.get(at) == Some(&'-');
	for at in start + 1..letters.len() {
		let before = |count: usize| at.checked_sub(count).is_some_and(is_letter);
		let may_follow = before(1) && (before(2) || before(3) && is_hyphen(at - 2));
		let goes_on =
			is_letter(at + 1) && (is_letter(at + 2) || is_hyphen(at + 2) && is_letter(at + 3));
		if is_hyphen(at) && may_follow && goes_on {
			return at + 1;
		}
		if is_blank(letters[at]) || is_dash(letters, at) {
			return at;
		}
	}
	letters.len()
}

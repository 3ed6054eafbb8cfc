//! The commands in the operators' documents, and which of them a test has given.

use crate::root;
use anyhow::{Context, Result, ensure};
use std::{collections::BTreeSet, fs, sync::Mutex};

const DIRECTORY: &str = "docs/operators";
/// What a span of code starts with that is a command.
const PROGRAMS: [&str; 3] = ["infergrid ", "infergrid-node ", "scripts/"];
/// Words of a span that gives a command; fewer only name it.
const WORDS: usize = 3;

/// A command as a page has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
	page: String,
	heading: String,
	line: String,
}

/// All pages for operators.
#[derive(Debug)]
pub struct Manual {
	entries: Vec<Entry>,
	given: Mutex<BTreeSet<usize>>,
}

impl Manual {
	/// Reads every page.
	pub fn read() -> Result<Self> {
		let mut entries = Vec::new();
		let files = fs::read_dir(root().join(DIRECTORY))?;
		let mut files = files.collect::<Result<Vec<_>, _>>()?;
		files.sort_unstable_by_key(fs::DirEntry::path);
		for path in files.iter().map(fs::DirEntry::path) {
			let page = path.file_name().unwrap_or_default().to_string_lossy();
			let text = fs::read_to_string(&path)?;
			entries.extend(commands(&text).into_iter().map(|(heading, line)| Entry {
				page: page.clone().into_owned(),
				heading,
				line,
			}));
		}
		Ok(Self {
			entries,
			given: Mutex::default(),
		})
	}

	/// The commands under a heading, in their order, which count as given from now on.
	pub fn section(&self, page: &str, heading: &str) -> Result<Vec<String>> {
		let found = self.take(|entry| entry.page == page && entry.heading == heading);
		ensure!(!found.is_empty(), "{page} has no commands under {heading}");
		Ok(found)
	}

	/// The first command of `page` that holds `part`. From now on it counts as given, wherever it stands.
	pub fn command(&self, page: &str, part: &str) -> Result<String> {
		let mut entries = self.entries.iter();
		let found = entries.find(|entry| entry.page == page && entry.line.contains(part));
		let line = &found
			.with_context(|| format!("{page} has no command with {part}"))?
			.line;
		self.take(|entry| entry.line == *line);
		Ok(line.clone())
	}

	/// Commands that were not given.
	pub fn left(&self) -> Vec<String> {
		let given = self.given.lock().map(|given| given.clone());
		let given = given.unwrap_or_default();
		let entries = self.entries.iter().enumerate();
		entries
			.filter(|(at, _)| !given.contains(at))
			.map(|(_, entry)| format!("{}: {}", entry.page, entry.line))
			.collect()
	}

	fn take(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<String> {
		let entries = self.entries.iter().enumerate();
		let found: Vec<_> = entries.filter(|(_, entry)| wanted(entry)).collect();
		if let Ok(mut given) = self.given.lock() {
			given.extend(found.iter().map(|(at, _)| *at));
		}
		found
			.into_iter()
			.map(|(_, entry)| entry.line.clone())
			.collect()
	}
}

/// The commands of a page with the headings that they stand under: those in fences of no language, and
/// spans of code with arguments. What is left out of a span cannot be given.
fn commands(text: &str) -> Vec<(String, String)> {
	let (mut found, mut heading) = (Vec::new(), String::new());
	let (mut fence, mut begun) = (None, String::new());
	for line in text.lines() {
		let bare = line.trim();
		if let Some(language) = bare.strip_prefix("```") {
			fence = fence.is_none().then(|| language.to_owned());
		} else if fence.as_deref() == Some("") {
			begun.push_str(bare);
			if let Some(first) = begun.strip_suffix('\\') {
				begun = first.to_owned();
			} else if quote_is_open(&begun) {
				begun.push(' ');
			} else {
				found.push((heading.clone(), std::mem::take(&mut begun)));
			}
		} else if fence.is_none() {
			if bare.starts_with('#') {
				bare.trim_start_matches(['#', ' ']).clone_into(&mut heading);
			}
			let spans = line.split('`').skip(1).step_by(2);
			let spans = spans.filter(|span| {
				PROGRAMS.iter().any(|program| span.starts_with(program))
					&& span.split_whitespace().count() >= WORDS
					&& !span.contains('…')
			});
			found.extend(spans.map(|span| (heading.clone(), span.to_owned())));
		}
	}
	found.retain(|(_, line)| !line.is_empty());
	found
}

/// Whether the next line belongs to the same word. A comment has no quotes.
fn quote_is_open(line: &str) -> bool {
	let (mut quote, mut before) = (None, ' ');
	for letter in line.chars() {
		match (quote, letter) {
			(None, '#') if before == ' ' => break,
			(None, '\'' | '"') => quote = Some(letter),
			(Some(open), _) if open == letter => quote = None,
			_ => {}
		}
		before = letter;
	}
	quote.is_some()
}

#[cfg(test)]
mod tests {
	use super::*;

	const PAGE: &str = "\
# Page

`infergrid mine` asks `infergrid status ADDRESS`, `infergrid … all`.

## First

1. Do:

   ```
   one \\
   	two
   say '{\"a\": 1,
     \"b\": \"it is\"}' # that's why
   ```

```toml
node = 1
```

| a | `scripts/call a.b C` |
";

	#[test]
	fn commands_are_found_whole_and_under_their_headings() {
		let expected = [
			("Page", "infergrid status ADDRESS"),
			("First", "one two"),
			("First", "say '{\"a\": 1, \"b\": \"it is\"}' # that's why"),
			("First", "scripts/call a.b C"),
		];
		let found = commands(PAGE);
		let found: Vec<_> = found
			.iter()
			.map(|(heading, line)| (heading.as_str(), line.as_str()))
			.collect();
		assert_eq!(found, expected);
	}

	#[test]
	fn what_was_given_is_not_left() {
		let manual = Manual::read().unwrap();
		let all = manual.left().len();
		assert!(all > 40, "only {all} commands were found");
		manual
			.command("verifier.md", "infergrid stake bond verifier")
			.unwrap();
		assert_eq!(manual.left().len(), all - 1);
		assert!(manual.command("verifier.md", "no such command").is_err());
	}
}

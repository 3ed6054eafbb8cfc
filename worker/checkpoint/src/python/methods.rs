//! Methods of Python's strings, lists and dictionaries that the library lacks or does otherwise.

use super::format::Given;
use minijinja::{
	Error, ErrorKind, State, Value,
	value::{Kwargs, Tuple, ValueKind, from_args},
};
use minijinja_contrib::pycompat;

/// Calls the method `name` of `value`.
pub(super) fn call(
	state: &mut State,
	value: &Value,
	name: &str,
	arguments: &[Value],
) -> Result<Value, Error> {
	let found = match value.kind() {
		ValueKind::String => cut(value.as_str().unwrap_or_default(), name, arguments)?,
		ValueKind::Seq => of_list(value, name, arguments)?,
		ValueKind::Map if name == "copy" && arguments.is_empty() => Some(value.clone()),
		_ => None,
	};
	match found {
		Some(found) => Ok(found),
		None => pycompat::unknown_method_callback(state, value, name, arguments),
	}
}

fn of_list(list: &Value, name: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
	Ok(Some(match name {
		"copy" => list.try_iter()?.collect(),
		"index" => {
			let (wanted,): (Value,) = from_args(arguments)?;
			let place = list.try_iter()?.position(|item| item == wanted);
			Value::from(place.ok_or_else(|| invalid("the list does not have the item"))?)
		}
		_ => return Ok(None),
	}))
}

/// Methods that cut a string, or else other ones.
fn cut(text: &str, name: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
	Ok(Some(match name {
		"split" | "rsplit" => {
			let (mark, most, names): (Option<&str>, Option<i64>, Kwargs) = from_args(arguments)?;
			let mark = mark.or(names.get("sep")?);
			let most = most.or(names.get("maxsplit")?).unwrap_or(-1);
			names.assert_all_used()?;
			if mark == Some("") {
				return Err(invalid("empty separator"));
			}
			let most = usize::try_from(most).unwrap_or(usize::MAX);
			match (name, mark) {
				("split", Some(mark)) => list(text.splitn(most.saturating_add(1), mark)),
				("split", None) => list(words(text, most).into_iter()),
				(_, Some(mark)) => {
					let parts: Vec<_> = text.rsplitn(most.saturating_add(1), mark).collect();
					list(parts.into_iter().rev())
				}
				(_, None) => list(words_from_the_end(text, most).into_iter().rev()),
			}
		}
		"splitlines" => {
			let (keep, names): (Option<bool>, Kwargs) = from_args(arguments)?;
			let keep = keep.or(names.get("keepends")?).unwrap_or(false);
			names.assert_all_used()?;
			list(lines(text, keep).into_iter())
		}
		"strip" | "lstrip" | "rstrip" => {
			let (letters,): (Option<&str>,) = from_args(arguments)?;
			let strips = |c: char| letters.map_or_else(|| is_space(c), |set| set.contains(c));
			Value::from(match name {
				"strip" => text.trim_matches(strips),
				"lstrip" => text.trim_start_matches(strips),
				_ => text.trim_end_matches(strips),
			})
		}
		"removeprefix" => {
			let (prefix,): (&str,) = from_args(arguments)?;
			Value::from(text.strip_prefix(prefix).unwrap_or(text))
		}
		"removesuffix" => {
			let (suffix,): (&str,) = from_args(arguments)?;
			Value::from(text.strip_suffix(suffix).unwrap_or(text))
		}
		"partition" | "rpartition" => {
			let (mark,): (&str,) = from_args(arguments)?;
			let parts = match name {
				"partition" => text.split_once(mark).ok_or([text, "", ""]),
				_ => text.rsplit_once(mark).ok_or(["", "", text]),
			};
			let parts = parts.map_or_else(|none| none, |(before, after)| [before, mark, after]);
			Value::from(Tuple::from(parts.map(Value::from)))
		}
		_ => return of_string(text, name, arguments),
	}))
}

fn of_string(text: &str, name: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
	Ok(Some(match name {
		"find" | "index" | "rfind" | "rindex" => {
			let (part, from, to): (&str, Option<i64>, Option<i64>) = from_args(arguments)?;
			let (range, before) = slice(text, from, to);
			let found = match name.starts_with('r') {
				true => range.rfind(part),
				false => range.find(part),
			};
			match found.map(|at| before + range[..at].chars().count()) {
				Some(at) => Value::from(at),
				None if name.ends_with("find") => Value::from(-1),
				None => return Err(invalid("substring not found")),
			}
		}
		"count" => {
			let (part, from, to): (&str, Option<i64>, Option<i64>) = from_args(arguments)?;
			Value::from(slice(text, from, to).0.matches(part).count())
		}
		"zfill" => {
			let (width,): (usize,) = from_args(arguments)?;
			let digits = text.trim_start_matches(['+', '-']);
			let sign = &text[..text.len() - digits.len()];
			Value::from(format!(
				"{sign}{}{digits}",
				fill('0', missing(text, width)?)
			))
		}
		"ljust" | "rjust" | "center" => {
			let (width, with): (usize, Option<char>) = from_args(arguments)?;
			let (all, with) = (missing(text, width)?, with.unwrap_or(' '));
			match name {
				"ljust" => Value::from(format!("{text}{}", fill(with, all))),
				"rjust" => Value::from(format!("{}{text}", fill(with, all))),
				_ => Value::from(centred(text, width, with)),
			}
		}
		"casefold" => Value::from(text.replace('ß', "ss").to_lowercase()),
		"swapcase" => Value::from(text.chars().flat_map(swapped).collect::<String>()),
		"title" => Value::from(title(text)),
		"istitle" => Value::from(title(text) == text && text.chars().any(is_cased)),
		"expandtabs" => {
			let (width, names): (Option<i64>, Kwargs) = from_args(arguments)?;
			let width = width.or(names.get("tabsize")?).unwrap_or(8);
			names.assert_all_used()?;
			Value::from(expanded(text, usize::try_from(width).unwrap_or(0))?)
		}
		"format" => {
			let (places, names): (&[Value], Kwargs) = from_args(arguments)?;
			Value::from(Given::new(places, names.into()).format(text)?)
		}
		"format_map" => {
			let (names,): (Value,) = from_args(arguments)?;
			Value::from(Given::new(&[], names).format(text)?)
		}
		"isidentifier" => {
			let starts = text.starts_with(|c: char| c.is_alphabetic() || c == '_');
			Value::from(starts && text.chars().all(|c| c.is_alphanumeric() || c == '_'))
		}
		"isdecimal" => Value::from(!text.is_empty() && text.chars().all(|c| c.is_ascii_digit())),
		_ => return Ok(None),
	}))
}

fn invalid(reason: &'static str) -> Error {
	Error::new(ErrorKind::InvalidOperation, reason)
}

fn list<'a>(parts: impl Iterator<Item = &'a str>) -> Value {
	parts.map(Value::from).collect()
}

/// What Python takes for white space.
pub(super) fn is_space(letter: char) -> bool {
	letter.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&letter)
}

/// `text` cut at white space at most `most` times; what remains keeps its inner white space.
fn words(text: &str, most: usize) -> Vec<&str> {
	let mut words = Vec::new();
	let mut rest = text.trim_start_matches(is_space);
	while !rest.is_empty() {
		let end = rest.find(is_space).filter(|_| words.len() < most);
		let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
		words.push(word);
		rest = after.trim_start_matches(is_space);
	}
	words
}

/// As [`words`], cut from the end and given in that order.
fn words_from_the_end(text: &str, most: usize) -> Vec<&str> {
	let mut words = Vec::new();
	let mut rest = text.trim_end_matches(is_space);
	while !rest.is_empty() {
		let before = rest.trim_end_matches(|c| !is_space(c)).len();
		let start = if words.len() < most { before } else { 0 };
		let (rest_before, word) = rest.split_at(start);
		words.push(word);
		rest = rest_before.trim_end_matches(is_space);
	}
	words
}

pub(super) fn lines(text: &str, keep: bool) -> Vec<&str> {
	const ENDS: [char; 10] = [
		'\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}',
		'\u{2029}',
	];
	let mut lines = Vec::new();
	let mut rest = text;
	while !rest.is_empty() {
		let content = rest.find(ENDS).unwrap_or(rest.len());
		let end = match rest[content..].chars().next() {
			Some('\r') if rest[content..].starts_with("\r\n") => content + 2,
			Some(letter) => content + letter.len_utf8(),
			None => content,
		};
		lines.push(&rest[..if keep { end } else { content }]);
		rest = &rest[end..];
	}
	lines
}

/// `text[from:to]` by letters, and the letters before it.
fn slice(text: &str, from: Option<i64>, to: Option<i64>) -> (&str, usize) {
	let count = text.chars().count();
	let place = |place: i64| match usize::try_from(place) {
		Ok(place) => place.min(count),
		Err(_) => count.saturating_sub(usize::try_from(place.unsigned_abs()).unwrap_or(count)),
	};
	let start = from.map_or(0, place);
	let end = to.map_or(count, place).max(start);
	let byte = |letters: usize| {
		text.char_indices()
			.nth(letters)
			.map_or(text.len(), |(at, _)| at)
	};
	(&text[byte(start)..byte(end)], start)
}

/// Letters that `text` lacks of `width`, which is bounded.
fn missing(text: &str, width: usize) -> Result<usize, Error> {
	const MAX_WIDTH: usize = 1 << 16;
	match width <= MAX_WIDTH {
		true => Ok(width.saturating_sub(text.chars().count())),
		false => Err(invalid("a width above 65536")),
	}
}

/// `text` in the middle of `width` letters, where Python puts it.
pub(super) fn centred(text: &str, width: usize, with: char) -> String {
	let all = width.saturating_sub(text.chars().count());
	let left = all / 2 + (all & width & 1);
	format!("{}{text}{}", fill(with, left), fill(with, all - left))
}

fn fill(letter: char, count: usize) -> String {
	String::from(letter).repeat(count)
}

fn swapped(letter: char) -> Vec<char> {
	match letter.is_uppercase() {
		true => letter.to_lowercase().collect(),
		false => letter.to_uppercase().collect(),
	}
}

fn is_cased(letter: char) -> bool {
	letter.is_lowercase() || letter.is_uppercase()
}

/// Each run of letters that have a case begins with a capital.
fn title(text: &str) -> String {
	let mut out = String::with_capacity(text.len());
	let mut inside = false;
	for letter in text.chars() {
		match inside {
			true => out.extend(letter.to_lowercase()),
			// Of a letter that becomes several only the first is one.
			false => {
				let mut capital = letter.to_uppercase();
				out.extend(capital.next());
				out.extend(capital.flat_map(char::to_lowercase));
			}
		}
		inside = is_cased(letter);
	}
	out
}

/// `text` with blanks up to the next multiple of `width` in the place of tabulators.
fn expanded(text: &str, width: usize) -> Result<String, Error> {
	let mut out = String::with_capacity(text.len());
	let mut column = 0;
	missing("", width)?;
	for letter in text.chars() {
		match letter {
			'\t' => {
				let blanks = width.saturating_sub(column % width.max(1));
				out.push_str(&fill(' ', blanks));
				column += blanks;
			}
			_ => {
				out.push(letter);
				column = if matches!(letter, '\n' | '\r') {
					0
				} else {
					column + 1
				};
			}
		}
	}
	Ok(out)
}

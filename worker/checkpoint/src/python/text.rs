//! `str`, `repr` and `pprint`.

use minijinja::{Error, ErrorKind, Value, value::ValueKind};

/// Containers in containers that are written out; no template needs more.
const MAX_DEPTH: usize = 32;

/// What Python's `str` gives, and nothing for a value that is not there.
pub(super) fn str(value: &Value) -> String {
	match value.as_str() {
		Some(text) => text.to_owned(),
		None if value.is_undefined() => String::new(),
		None => repr(value),
	}
}

/// What Python's `repr` gives.
pub(super) fn repr(value: &Value) -> String {
	let mut out = String::new();
	write(value, MAX_DEPTH, false, &mut out);
	out
}

/// What Python's `pprint.pformat` gives, as far as that is one line.
pub(super) fn pprint(value: &Value) -> Result<String, Error> {
	const WIDTH: usize = 80;
	let mut out = String::new();
	write(value, MAX_DEPTH, true, &mut out);
	match out.chars().count() <= WIDTH {
		true => Ok(out),
		false => Err(Error::new(
			ErrorKind::InvalidOperation,
			"pprint: what does not fit into one line is not supported",
		)),
	}
}

/// A number with a point as Python writes it: with an exponent where it is very large or small.
pub(super) fn float(number: f64) -> String {
	if number.is_nan() {
		return "nan".into();
	}
	let text = format!("{number:?}");
	let exponent = |text: &str| text.parse::<i32>().ok();
	match text.split_once('e') {
		Some((digits, power)) => format!("{digits}e{:+03}", exponent(power).unwrap_or_default()),
		None => text,
	}
}

fn write(value: &Value, depth: usize, sorted: bool, out: &mut String) {
	match value.kind() {
		ValueKind::Undefined => out.push_str("Undefined"),
		ValueKind::None => out.push_str("None"),
		ValueKind::Bool => out.push_str(if value.is_true() { "True" } else { "False" }),
		ValueKind::String => quoted(value.as_str().unwrap_or_default(), out),
		ValueKind::Number if !value.is_integer() => {
			out.push_str(&float(f64::try_from(value.clone()).unwrap_or(f64::NAN)));
		}
		_ if depth == 0 => out.push_str("..."),
		ValueKind::Map => {
			out.push('{');
			let mut keys: Vec<_> = value.try_iter().into_iter().flatten().collect();
			if sorted {
				keys.sort();
			}
			for (number, key) in keys.into_iter().enumerate() {
				if number > 0 {
					out.push_str(", ");
				}
				write(&key, depth - 1, sorted, out);
				out.push_str(": ");
				let value = value.get_item(&key).unwrap_or_default();
				write(&value, depth - 1, sorted, out);
			}
			out.push('}');
		}
		ValueKind::Seq => {
			let is_tuple = value.is_tuple();
			out.push(if is_tuple { '(' } else { '[' });
			let mut count = 0;
			for item in value.try_iter().into_iter().flatten() {
				if count > 0 {
					out.push_str(", ");
				}
				write(&item, depth - 1, sorted, out);
				count += 1;
			}
			match (is_tuple, count) {
				(true, 1) => out.push_str(",)"),
				(true, _) => out.push(')'),
				(false, _) => out.push(']'),
			}
		}
		_ => out.push_str(&value.to_string()),
	}
}

/// A string literal: in single quotes unless only double ones spare an escape.
fn quoted(text: &str, out: &mut String) {
	let quote = match text.contains('\'') && !text.contains('"') {
		true => '"',
		false => '\'',
	};
	out.push(quote);
	for letter in text.chars() {
		match letter {
			'\n' => out.push_str("\\n"),
			'\r' => out.push_str("\\r"),
			'\t' => out.push_str("\\t"),
			'\\' => out.push_str("\\\\"),
			_ if letter == quote => out.extend(['\\', letter]),
			_ if is_printable(letter) => out.push(letter),
			_ => out.push_str(&match letter as u32 {
				code @ ..0x100 => format!("\\x{code:02x}"),
				code @ ..0x1_0000 => format!("\\u{code:04x}"),
				code => format!("\\U{code:08x}"),
			}),
		}
	}
	out.push(quote);
}

/// Whether Python shows a letter as it is. Rust asks the same, but marks on a letter need one before.
fn is_printable(letter: char) -> bool {
	let text = String::from_iter(['a', letter]);
	matches!(letter, '\'' | '"') || text.escape_debug().eq(text.chars())
}

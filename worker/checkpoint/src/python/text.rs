//! `str` and `repr`.

use minijinja::{Value, value::ValueKind};

/// Containers in containers that are written out; no template needs more.
const MAX_DEPTH: usize = 32;

/// What Python's `str` gives, and nothing for a value that is not there.
pub(super) fn str(value: &Value) -> String {
	match value.as_str() {
		Some(text) => text.to_owned(),
		None if value.is_undefined() => String::new(),
		None => {
			let mut out = String::new();
			repr(value, MAX_DEPTH, &mut out);
			out
		}
	}
}

fn repr(value: &Value, depth: usize, out: &mut String) {
	match value.kind() {
		ValueKind::Undefined => out.push_str("Undefined"),
		ValueKind::None => out.push_str("None"),
		ValueKind::Bool => out.push_str(if value.is_true() { "True" } else { "False" }),
		ValueKind::String => quoted(value.as_str().unwrap_or_default(), out),
		_ if depth == 0 => out.push_str("..."),
		ValueKind::Map => {
			out.push('{');
			for (number, key) in value.try_iter().into_iter().flatten().enumerate() {
				if number > 0 {
					out.push_str(", ");
				}
				repr(&key, depth - 1, out);
				out.push_str(": ");
				repr(&value.get_item(&key).unwrap_or_default(), depth - 1, out);
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
				repr(&item, depth - 1, out);
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
			_ if (letter as u32) < 0x20 || (0x7f..0xa0).contains(&(letter as u32)) => {
				out.push_str(&format!("\\x{:02x}", letter as u32));
			}
			_ => out.push(letter),
		}
	}
	out.push(quote);
}

//! JSON as Python writes and reads it: `NaN` and `Infinity` are numbers there, and of doubled keys the
//! last one counts.

use serde::de::DeserializeOwned;
use serde_json::Value;
use std::borrow::Cow;

/// Parses `bytes`. Numbers that JSON does not have become null.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
	// By way of a value, in which a later key takes the place of an earlier one.
	let value: Value = serde_json::from_slice(&without_bare_words(bytes))?;
	serde_json::from_value(value)
}

/// `bytes` with `NaN`, `Infinity` and `-Infinity` outside strings replaced by null.
fn without_bare_words(bytes: &[u8]) -> Cow<'_, [u8]> {
	let mut out: Option<Vec<u8>> = None;
	let mut at = 0;
	let mut copied = 0;
	let mut in_string = false;
	while at < bytes.len() {
		match bytes[at] {
			b'\\' if in_string => at += 1,
			b'"' => in_string = !in_string,
			b'N' | b'I' | b'-' if !in_string => {
				let words: [&[u8]; 3] = [b"NaN", b"-Infinity", b"Infinity"];
				let word = words.iter().find(|word| bytes[at..].starts_with(word));
				if let Some(word) = word {
					let out = out.get_or_insert_with(Vec::new);
					out.extend_from_slice(&bytes[copied..at]);
					out.extend_from_slice(b"null");
					at += word.len();
					copied = at;
					continue;
				}
			}
			_ => {}
		}
		at += 1;
	}
	match out {
		None => Cow::Borrowed(bytes),
		Some(mut out) => {
			out.extend_from_slice(&bytes[copied..]);
			Cow::Owned(out)
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use serde_json::json;

	#[test]
	fn what_python_writes_is_read() {
		let text = r#"{"a": NaN, "b": [Infinity, -Infinity, -1], "c": "NaN \" Infinity", "a": 2}"#;
		let value: Value = parse(text.as_bytes()).unwrap();
		assert_eq!(
			value,
			json!({"a": 2, "b": [null, null, -1], "c": "NaN \" Infinity"})
		);
	}

	#[test]
	fn what_is_no_json_stays_an_error() {
		for text in ["", "{", "{\"a\": Nan}", "{\"a\": Infinit}", "{\"a\": \"\\"] {
			assert!(parse::<Value>(text.as_bytes()).is_err(), "{text}");
		}
	}
}

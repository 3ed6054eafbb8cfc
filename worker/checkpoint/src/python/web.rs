//! What Jinja in Python makes of texts for web pages.

use super::{arguments::Arguments, text};
use minijinja::{
	Environment, Error, ErrorKind, Value,
	value::{Kwargs, Rest, ValueKind},
};

pub(super) fn install(environment: &mut Environment<'static>) {
	let escape = |value: &Value| match value.is_safe() {
		true => value.clone(),
		false => Value::from_safe_string(escaped(&text::str(value))),
	};
	environment.add_filter("e", escape);
	environment.add_filter("escape", escape);
	environment.add_filter("forceescape", |value: &Value| {
		Value::from_safe_string(escaped(&text::str(value)))
	});
	environment.add_filter("urlencode", urlencode);
	environment.add_filter("xmlattr", xmlattr);
}

/// `text` with the five letters replaced that HTML takes for its own.
pub(super) fn escaped(text: &str) -> String {
	let mut out = String::with_capacity(text.len());
	for letter in text.chars() {
		match letter {
			'&' => out.push_str("&amp;"),
			'<' => out.push_str("&lt;"),
			'>' => out.push_str("&gt;"),
			'\'' => out.push_str("&#39;"),
			'"' => out.push_str("&#34;"),
			_ => out.push(letter),
		}
	}
	out
}

/// A part of an address, or pairs of names and values for a query.
fn urlencode(value: &Value) -> Result<String, Error> {
	let pair = |name: &Value, value: &Value| {
		let [name, value] = [name, value].map(|part| quoted(&text::str(part), ""));
		format!("{name}={value}").replace("%20", "+")
	};
	let mut pairs = Vec::new();
	match value.kind() {
		ValueKind::Map => {
			for name in value.try_iter()? {
				pairs.push(pair(&name, &value.get_item(&name)?));
			}
		}
		ValueKind::Seq | ValueKind::Iterable => {
			for item in value.try_iter()? {
				pairs.push(pair(
					&item.get_item_by_index(0)?,
					&item.get_item_by_index(1)?,
				));
			}
		}
		_ => return Ok(quoted(&text::str(value), "/")),
	}
	Ok(pairs.join("&"))
}

fn quoted(text: &str, also_safe: &str) -> String {
	let mut out = String::with_capacity(text.len());
	for byte in text.bytes() {
		let letter = char::from(byte);
		match letter.is_ascii_alphanumeric()
			|| "_.-~".contains(letter)
			|| also_safe.contains(letter)
		{
			true => out.push(letter),
			false => out.push_str(&format!("%{byte:02X}")),
		}
	}
	out
}

/// `xmlattr(autospace=True)`.
fn xmlattr(value: &Value, places: Rest<Value>, names: Kwargs) -> Result<Value, Error> {
	let given = Arguments { places, names };
	let blank = given.raw(0, "autospace")?.is_none_or(|flag| flag.is_true());
	given.finish()?;
	let mut out = String::new();
	for name in value.try_iter()? {
		let attribute = value.get_item(&name)?;
		if attribute.is_none() || attribute.is_undefined() {
			continue;
		}
		let name = text::str(&name);
		if name.contains(|c: char| c.is_whitespace() || "/>=".contains(c)) {
			let reason = format!("invalid character in attribute name {name:?}");
			return Err(Error::new(ErrorKind::InvalidOperation, reason));
		}
		if blank || !out.is_empty() {
			out.push(' ');
		}
		out.push_str(&escaped(&name));
		out.push_str(&format!("=\"{}\"", escaped(&text::str(&attribute))));
	}
	Ok(Value::from_safe_string(out))
}

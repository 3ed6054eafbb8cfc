//! `tojson` as `transformers` has it: `json.dumps`, which does not escape for HTML.

use super::{arguments::Arguments, text};
use minijinja::{
	Error, ErrorKind, Value,
	value::{Kwargs, Rest},
};
use serde_json::Value as Json;

/// Letters of indentation per level.
const MAX_INDENT: usize = 16;

/// How `json.dumps` is asked to write.
struct Style {
	ascii: bool,
	indent: Option<usize>,
	/// Between items, and between a key and its value.
	separators: [String; 2],
	sorted: bool,
}

/// `tojson(ensure_ascii=False, indent=None, separators=None, sort_keys=False)`.
pub(super) fn tojson(value: &Value, places: Rest<Value>, names: Kwargs) -> Result<Value, Error> {
	let given = Arguments { places, names };
	let indent = given
		.get(1, "indent")?
		.map(|indent| usize::try_from(indent).map_or(0, |indent| indent.min(MAX_INDENT)));
	let separators = match given.get(2, "separators")? {
		Some(pair) => {
			let part = |place: usize| {
				let part = pair.get_item_by_index(place).unwrap_or_default();
				part.as_str().map(str::to_owned).ok_or_else(|| {
					Error::new(
						ErrorKind::InvalidOperation,
						"tojson: separators are two strings",
					)
				})
			};
			[part(0)?, part(1)?]
		}
		None if indent.is_some() => [",".to_owned(), ": ".to_owned()],
		None => [", ".to_owned(), ": ".to_owned()],
	};
	let style = Style {
		ascii: given.flag(0, "ensure_ascii")?,
		indent,
		separators,
		sorted: given.flag(3, "sort_keys")?,
	};
	given.finish()?;
	let json = serde_json::to_value(value)
		.map_err(|error| Error::new(ErrorKind::BadSerialization, format!("tojson: {error}")))?;
	let mut out = String::new();
	style.write(&json, 0, &mut out);
	Ok(Value::from(out))
}

impl Style {
	fn write(&self, json: &Json, level: usize, out: &mut String) {
		match json {
			Json::Null => out.push_str("null"),
			Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
			Json::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
				Some(number) => out.push_str(&text::float(number)),
				None => out.push_str(&number.to_string()),
			},
			Json::String(text) => self.string(text, out),
			Json::Array(items) => self.block(['[', ']'], level, out, |list| {
				for item in items {
					list.next();
					self.write(item, level + 1, list.out);
				}
			}),
			Json::Object(fields) => self.block(['{', '}'], level, out, |list| {
				let mut fields: Vec<_> = fields.iter().collect();
				if self.sorted {
					fields.sort_unstable_by_key(|(key, _)| *key);
				}
				for (key, value) in fields {
					list.next();
					self.string(key, list.out);
					list.out.push_str(&self.separators[1]);
					self.write(value, level + 1, list.out);
				}
			}),
		}
	}

	/// Brackets around what `fill` writes, on lines of its own where there is an indentation.
	fn block(
		&self,
		[open, close]: [char; 2],
		level: usize,
		out: &mut String,
		fill: impl FnOnce(&mut List<'_>),
	) {
		out.push(open);
		let mut list = List {
			style: self,
			level,
			is_empty: true,
			out,
		};
		fill(&mut list);
		if !list.is_empty {
			list.line(level);
		}
		out.push(close);
	}

	fn string(&self, text: &str, out: &mut String) {
		out.push('"');
		for letter in text.chars() {
			match letter {
				'"' => out.push_str("\\\""),
				'\\' => out.push_str("\\\\"),
				'\n' => out.push_str("\\n"),
				'\r' => out.push_str("\\r"),
				'\t' => out.push_str("\\t"),
				'\u{8}' => out.push_str("\\b"),
				'\u{c}' => out.push_str("\\f"),
				_ if letter < ' ' || (self.ascii && letter > '~') => {
					for unit in letter.encode_utf16(&mut [0; 2]) {
						out.push_str(&format!("\\u{unit:04x}"));
					}
				}
				_ => out.push(letter),
			}
		}
		out.push('"');
	}
}

/// A list that is being written.
struct List<'a> {
	style: &'a Style,
	level: usize,
	is_empty: bool,
	out: &'a mut String,
}

impl List<'_> {
	/// Begins an item.
	fn next(&mut self) {
		if !self.is_empty {
			self.out.push_str(&self.style.separators[0]);
		}
		self.is_empty = false;
		self.line(self.level + 1);
	}

	fn line(&mut self, level: usize) {
		if let Some(indent) = self.style.indent {
			self.out.push('\n');
			self.out.push_str(&" ".repeat(indent * level));
		}
	}
}

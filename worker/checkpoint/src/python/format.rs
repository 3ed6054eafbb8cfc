//! `text % values` and `text.format(values)`. The library formats single values as Python does; what it
//! is given are those fields.

use super::text;
use minijinja::{
	Error, ErrorKind, Value,
	formatting::{FormatStyle, format},
	value::ValueKind,
};

/// Letters that one field may be widened to.
const MAX_WIDTH: usize = 1 << 16;

fn invalid(reason: impl Into<String>) -> Error {
	Error::new(ErrorKind::InvalidOperation, reason.into())
}

/// One value, as `spec` says.
fn field(style: FormatStyle, spec: &str, value: Value) -> Result<String, Error> {
	let mut numbers = spec.split(|c: char| !c.is_ascii_digit());
	let is_bounded = |digits: &str| {
		digits.is_empty()
			|| digits
				.parse::<usize>()
				.is_ok_and(|number| number <= MAX_WIDTH)
	};
	match numbers.all(is_bounded) {
		true => format(style, spec, &[value]),
		false => Err(invalid("a width above 65536")),
	}
}

/// `text % given`.
pub(super) fn percent(text: &str, given: &Value) -> Result<String, Error> {
	let mut values = match given.is_tuple() {
		true => given.try_iter()?.collect(),
		false => vec![given.clone()],
	}
	.into_iter();
	let next = |values: &mut std::vec::IntoIter<Value>| {
		let value = values.next();
		value.ok_or_else(|| invalid("not enough arguments for format string"))
	};
	let mut out = String::new();
	let mut rest = text;
	while let Some((before, after)) = rest.split_once('%') {
		out.push_str(before);
		let (key, after) = match after.strip_prefix('(').map(|after| after.split_once(')')) {
			None => (None, after),
			Some(Some((key, after))) => (Some(key), after),
			Some(None) => return Err(invalid("incomplete format key")),
		};
		let mut letters = after.chars();
		let mut spec = String::from("%");
		let kind = loop {
			match letters.next() {
				Some('*') => spec.push_str(&text::str(&next(&mut values)?)),
				Some('h' | 'l' | 'L') => {}
				Some(flag) if flag.is_ascii_digit() || "#-+ .".contains(flag) => spec.push(flag),
				Some(kind) => break kind,
				None => return Err(invalid("incomplete format")),
			}
		};
		rest = letters.as_str();
		if kind == '%' {
			out.push('%');
			continue;
		}
		let value = match key {
			None => next(&mut values)?,
			Some(key) => Some(given.get_attr(key)?)
				.filter(|value| !value.is_undefined())
				.ok_or_else(|| invalid(format!("there is no {key:?} to format")))?,
		};
		let (kind, value) = match kind {
			's' => ('s', text::str(&value).into()),
			'r' => ('s', text::repr(&value).into()),
			'd' | 'i' | 'u' => ('d', whole(value)?),
			'c' | 'o' | 'x' | 'X' | 'e' | 'E' | 'f' | 'F' | 'g' | 'G' => (kind, value),
			_ => return Err(invalid(format!("unsupported format character {kind:?}"))),
		};
		spec.push(kind);
		out.push_str(&field(FormatStyle::Printf, &spec, value)?);
	}
	out.push_str(rest);
	// Of a dictionary or a list Python does not ask that it is used.
	let may_be_left = !given.is_tuple() && matches!(given.kind(), ValueKind::Map | ValueKind::Seq);
	match values.next() {
		Some(_) if !may_be_left => Err(invalid(
			"not all arguments converted during string formatting",
		)),
		_ => Ok(out),
	}
}

/// A number without what is behind its point.
fn whole(value: Value) -> Result<Value, Error> {
	match value.kind() {
		ValueKind::Bool => Ok(Value::from(i64::from(value.is_true()))),
		ValueKind::Number if value.is_integer() => Ok(value),
		ValueKind::Number => Ok(Value::from(f64::try_from(value)? as i128)),
		_ => Err(invalid("%d: a real number is required")),
	}
}

/// What `text.format` takes its values from.
pub(super) struct Given<'a> {
	places: &'a [Value],
	names: Value,
	/// Fields without a name so far.
	counted: usize,
}

impl<'a> Given<'a> {
	pub(super) fn new(places: &'a [Value], names: Value) -> Self {
		Self {
			places,
			names,
			counted: 0,
		}
	}

	/// `text.format(places, names)`.
	pub(super) fn format(&mut self, text: &str) -> Result<String, Error> {
		self.nested(text, 2)
	}

	/// A text with fields, whose formats may have fields, but not those again.
	fn nested(&mut self, text: &str, depth: usize) -> Result<String, Error> {
		let depth = depth.checked_sub(1);
		let depth = depth.ok_or_else(|| invalid("fields in formats of fields in formats"))?;
		let mut out = String::new();
		let mut rest = text;
		while let Some(at) = rest.find(['{', '}']) {
			out.push_str(&rest[..at]);
			let (brace, after) = rest[at..].split_at(1);
			if after.starts_with(brace) {
				out.push_str(brace);
				rest = &after[1..];
				continue;
			}
			let mut open = 1;
			let closing = after.find(|c: char| {
				open += i32::from(c == '{') - i32::from(c == '}');
				open == 0
			});
			let closing = closing.filter(|_| brace == "{");
			let closing = closing.ok_or_else(|| invalid("a single brace in a format string"))?;
			out.push_str(&self.field(&after[..closing], depth)?);
			rest = &after[closing + 1..];
		}
		out.push_str(rest);
		Ok(out)
	}

	/// What stands between braces: `name!conversion:spec`.
	fn field(&mut self, inside: &str, depth: usize) -> Result<String, Error> {
		let (name, spec) = inside.split_once(':').unwrap_or((inside, ""));
		let (name, conversion) = match name.split_once('!') {
			Some((name, conversion)) => (name, Some(conversion)),
			None => (name, None),
		};
		let value = match conversion {
			None => self.value(name)?,
			Some("s") => text::str(&self.value(name)?).into(),
			Some("r") => text::repr(&self.value(name)?).into(),
			Some(other) => return Err(invalid(format!("unknown conversion {other:?}"))),
		};
		if spec.is_empty() {
			return Ok(text::str(&value));
		}
		let spec = match spec.contains(['{', '}']) {
			true => self.nested(spec, depth)?,
			false => spec.to_owned(),
		};
		match value.kind() {
			ValueKind::String | ValueKind::Number | ValueKind::Bool => {
				field(FormatStyle::StrFormat, &format!("{{:{spec}}}"), value)
			}
			other => Err(invalid(format!("{other} has no format {spec:?}"))),
		}
	}

	/// The value called `name`, which a path may follow: `a.b[c]`.
	fn value(&mut self, name: &str) -> Result<Value, Error> {
		let (first, mut path) = name.split_at(name.find(['.', '[']).unwrap_or(name.len()));
		let mut value = match first.parse::<usize>() {
			Ok(place) => self.places.get(place).cloned(),
			Err(_) if first.is_empty() => {
				self.counted += 1;
				self.places.get(self.counted - 1).cloned()
			}
			Err(_) => Some(self.names.get_attr(first)?).filter(|value| !value.is_undefined()),
		}
		.ok_or_else(|| invalid(format!("there is no {first:?} to format")))?;
		while !path.is_empty() {
			let (inside, end) = match path.strip_prefix('[') {
				Some(inside) => (inside, inside.find(']').map(|end| (end, end + 1))),
				None => {
					let inside = &path[1..];
					let end = inside.find(['.', '[']).unwrap_or(inside.len());
					(inside, Some((end, end)))
				}
			};
			let (end, next) = end.ok_or_else(|| invalid("a bracket without end"))?;
			let step = &inside[..end];
			value = match step.parse::<usize>() {
				Ok(place) => value.get_item_by_index(place)?,
				Err(_) => value.get_attr(step)?,
			};
			path = &inside[next..];
		}
		Ok(value)
	}
}

//! What templates take for granted of Python and of `transformers`.

use minijinja::{
	Environment, Error, ErrorKind, State, Value, filters,
	value::{Enumerator, Kwargs, Object, ObjectRepr, Rest, ValueKind, ValueOrKwargs},
};
use minijinja_contrib::pycompat;
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};
use std::{fmt, io, sync::Arc};

/// A template's source as Jinja reads it: line ends are one character, and the tags with which
/// `transformers` marks what an assistant says mean nothing else.
pub(crate) fn source(text: &str) -> String {
	let lines = text.replace("\r\n", "\n").replace('\r', "\n");
	let mut out = String::with_capacity(lines.len());
	let mut rest = lines.as_str();
	while let Some(at) = rest.find("{%") {
		let (before, tag) = rest.split_at(at);
		out.push_str(before);
		let Some(end) = tag.find("%}") else {
			rest = tag;
			break;
		};
		let (inside, after) = (&tag[2..end], &tag[end + 2..]);
		let word = inside.trim_matches(|c: char| c.is_whitespace() || c == '-' || c == '+');
		let replaced = match word {
			"generation" => inside.replacen("generation", "if true", 1),
			"endgeneration" => inside.replacen("endgeneration", "endif", 1),
			_ => inside.to_owned(),
		};
		out.push_str("{%");
		out.push_str(&replaced);
		out.push_str("%}");
		rest = after;
	}
	out.push_str(rest);
	out
}

/// Makes filters, tests and methods behave as in Python.
pub(crate) fn install(environment: &mut Environment<'static>) {
	environment.set_unknown_method_callback(method);
	environment.add_filter("tojson", tojson);
	environment.add_test("sequence", |value: &Value| {
		matches!(
			value.kind(),
			ValueKind::Seq | ValueKind::String | ValueKind::Map | ValueKind::Bytes
		)
	});
	environment.add_test("iterable", |value: &Value| {
		value.kind() == ValueKind::String || value.try_iter().is_ok()
	});
	environment.add_filter("eager_select", filters::select);
	environment.add_filter("eager_reject", filters::reject);
	environment.add_filter("eager_selectattr", filters::selectattr);
	environment.add_filter("eager_rejectattr", filters::rejectattr);
	environment.add_filter("eager_map", filters::map);
	for (name, eager) in [
		("select", "eager_select"),
		("reject", "eager_reject"),
		("selectattr", "eager_selectattr"),
		("rejectattr", "eager_rejectattr"),
		("map", "eager_map"),
	] {
		environment.add_filter(
			name,
			move |state: &mut State, value: Value, rest: Rest<ValueOrKwargs>| {
				let mut arguments = vec![value];
				arguments.extend(rest.into_values());
				let found = state.apply_filter(eager, &arguments)?;
				let items = found.try_iter()?.collect();
				Ok::<_, Error>(Value::from_object(Generator(items)))
			},
		);
	}
}

/// What Python's lazy filters give: true even if nothing comes out of it.
#[derive(Debug)]
struct Generator(Vec<Value>);

impl Object for Generator {
	fn repr(self: &Arc<Self>) -> ObjectRepr {
		ObjectRepr::Iterable
	}

	fn enumerate(self: &Arc<Self>) -> Enumerator {
		Enumerator::Values(self.0.clone())
	}

	fn is_true(self: &Arc<Self>) -> bool {
		true
	}
}

/// Methods of Python's strings that the library lacks.
fn method(
	state: &mut State,
	value: &Value,
	name: &str,
	arguments: &[Value],
) -> Result<Value, Error> {
	let Some(text) = value.as_str() else {
		return pycompat::unknown_method_callback(state, value, name, arguments);
	};
	let argument = |at: usize| arguments.get(at).and_then(Value::as_str);
	let fill = |at: usize| {
		argument(at)
			.and_then(|fill| fill.chars().next())
			.unwrap_or(' ')
	};
	let missing = |width: usize| width.saturating_sub(text.chars().count());
	let width = || {
		arguments
			.first()
			.and_then(|width| usize::try_from(width.clone()).ok())
	};
	let pad = |left: usize, right: usize, fill: char| {
		let side = |count: usize| String::from(fill).repeat(count);
		Value::from(format!("{}{text}{}", side(left), side(right)))
	};
	Ok(match (name, argument(0), width()) {
		("removeprefix", Some(prefix), _) => Value::from(text.strip_prefix(prefix).unwrap_or(text)),
		("removesuffix", Some(suffix), _) => Value::from(text.strip_suffix(suffix).unwrap_or(text)),
		("partition", Some(mark), _) => parts(text, mark, text.find(mark)),
		("rpartition", Some(mark), _) => match text.rfind(mark) {
			None => Value::from(vec!["", "", text]),
			found => parts(text, mark, found),
		},
		("rsplit", _, _) => rsplit(text, argument(0), arguments),
		("casefold", _, _) => Value::from(text.to_lowercase()),
		("swapcase", _, _) => Value::from(text.chars().map(swapped).collect::<String>()),
		("index", Some(part), _) => match text.find(part) {
			Some(at) => Value::from(text[..at].chars().count()),
			None => {
				return Err(Error::new(
					ErrorKind::InvalidOperation,
					"substring not found",
				));
			}
		},
		("zfill", _, Some(width)) => {
			let (sign, digits) = match text.strip_prefix('-') {
				Some(digits) => ("-", digits),
				None => ("", text),
			};
			Value::from(format!("{sign}{}{digits}", "0".repeat(missing(width))))
		}
		("ljust", _, Some(width)) => pad(0, missing(width), fill(1)),
		("rjust", _, Some(width)) => pad(missing(width), 0, fill(1)),
		("center", _, Some(width)) => {
			let all = missing(width);
			pad(all / 2, all - all / 2, fill(1))
		}
		_ => return pycompat::unknown_method_callback(state, value, name, arguments),
	})
}

fn parts(text: &str, mark: &str, at: Option<usize>) -> Value {
	Value::from(match at {
		Some(at) => vec![&text[..at], mark, &text[at + mark.len()..]],
		None => vec![text, "", ""],
	})
}

/// `rsplit(sep=None, maxsplit=-1)`, the arguments by place or by name.
fn rsplit(text: &str, mark: Option<&str>, arguments: &[Value]) -> Value {
	let named = |name: &str| arguments.last().and_then(|last| last.get_attr(name).ok());
	let most = arguments
		.get(1)
		.cloned()
		.filter(|most| most.kind() == ValueKind::Number)
		.or_else(|| named("maxsplit").filter(|most| most.kind() == ValueKind::Number))
		.and_then(|most| i64::try_from(most).ok())
		.and_then(|most| usize::try_from(most).ok());
	let count = most.map_or(usize::MAX, |most| most.saturating_add(1));
	let mut found: Vec<&str> = match mark {
		Some(mark) if !mark.is_empty() => text.rsplitn(count, mark).collect(),
		_ => {
			let mut words = Vec::new();
			let mut rest = text.trim();
			while words.len() + 1 < count {
				let Some(at) = rest.rfind(char::is_whitespace) else {
					break;
				};
				let after = at + rest[at..].chars().next().map_or(1, char::len_utf8);
				words.push(&rest[after..]);
				rest = rest[..at].trim_end();
			}
			words.extend(Some(rest).filter(|rest| !rest.is_empty()));
			words
		}
	};
	found.reverse();
	Value::from(found)
}

fn swapped(letter: char) -> char {
	let mut other: Vec<char> = match letter.is_uppercase() {
		true => letter.to_lowercase().collect(),
		false => letter.to_uppercase().collect(),
	};
	match other.len() {
		1 => other.remove(0),
		_ => letter,
	}
}

/// A value whose objects have their keys in order.
fn sort(value: serde_json::Value) -> serde_json::Value {
	match value {
		serde_json::Value::Object(object) => {
			let mut entries: Vec<_> = object
				.into_iter()
				.map(|(key, value)| (key, sort(value)))
				.collect();
			entries.sort_by(|a, b| a.0.cmp(&b.0));
			entries
				.into_iter()
				.collect::<serde_json::Map<_, _>>()
				.into()
		}
		serde_json::Value::Array(items) => items.into_iter().map(sort).collect::<Vec<_>>().into(),
		other => other,
	}
}

/// JSON as Python's `json.dumps(value, ensure_ascii=False)` writes it. Minijinja's own filter escapes
/// for HTML, which would change the prompt.
fn tojson(value: &Value, options: Kwargs) -> Result<Value, Error> {
	let indent: Option<usize> = options.get("indent")?;
	// Accepted because templates write it; it is the only behaviour here.
	let _ensure_ascii: Option<bool> = options.get("ensure_ascii")?;
	let _separators: Option<Value> = options.get("separators")?;
	let sorted: bool = options
		.get::<Option<bool>>("sort_keys")?
		.unwrap_or_default();
	options.assert_all_used()?;
	let value = &match sorted {
		true => Value::from_serialize(sort(serde_json::to_value(value).unwrap_or_default())),
		false => value.clone(),
	};
	let mut bytes = Vec::new();
	let spaces = " ".repeat(indent.unwrap_or(0).min(16));
	let written = match indent {
		Some(_) => {
			let formatter = PrettyFormatter::with_indent(spaces.as_bytes());
			value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter))
		}
		None => value.serialize(&mut Serializer::with_formatter(&mut bytes, Spaced)),
	};
	let failed = |error: &dyn fmt::Display| {
		Error::new(ErrorKind::BadSerialization, format!("tojson: {error}"))
	};
	written.map_err(|error| failed(&error))?;
	String::from_utf8(bytes)
		.map(Value::from_safe_string)
		.map_err(|error| failed(&error))
}

/// Python's separators: `, ` and `: `.
struct Spaced;

impl Formatter for Spaced {
	fn begin_array_value<W: ?Sized + io::Write>(
		&mut self,
		w: &mut W,
		first: bool,
	) -> io::Result<()> {
		if first { Ok(()) } else { w.write_all(b", ") }
	}

	fn begin_object_key<W: ?Sized + io::Write>(
		&mut self,
		w: &mut W,
		first: bool,
	) -> io::Result<()> {
		if first { Ok(()) } else { w.write_all(b", ") }
	}

	fn begin_object_value<W: ?Sized + io::Write>(&mut self, w: &mut W) -> io::Result<()> {
		w.write_all(b": ")
	}
}

//! What chat templates take for granted of Python, of Jinja there, and of `transformers`.

mod filters;
mod json;
mod methods;
mod text;

use minijinja::{
	Environment, Error, ErrorKind, State, Value,
	value::{Kwargs, Rest, ValueKind},
};

/// A template's source as Jinja reads it: line ends are one character, and the tags with which
/// `transformers` marks what an assistant says open a scope and mean nothing else.
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
		let inside = &tag[2..end];
		let word = inside.trim_matches(|c: char| c.is_whitespace() || c == '-' || c == '+');
		let replaced = match word {
			"generation" => inside.replacen("generation", "with", 1),
			"endgeneration" => inside.replacen("endgeneration", "endwith", 1),
			_ => inside.to_owned(),
		};
		out.extend(["{%", &replaced, "%}"]);
		rest = &tag[end + 2..];
	}
	out.push_str(rest);
	out
}

/// Makes output, filters, tests and methods behave as in Python.
pub(crate) fn install(environment: &mut Environment<'static>) {
	minijinja_contrib::add_to_environment(environment);
	environment.set_formatter(|out, _: &mut State, value| {
		out.write_str(&text::str(value))
			.map_err(|_| Error::from(ErrorKind::WriteFailure))
	});
	environment.set_unknown_method_callback(methods::call);
	environment.add_filter("tojson", json::tojson);
	filters::install(environment);
	environment.add_test("sequence", |value: &Value| {
		matches!(
			value.kind(),
			ValueKind::Seq | ValueKind::String | ValueKind::Map | ValueKind::Bytes
		)
	});
	environment.add_test("iterable", |value: &Value| {
		matches!(
			value.kind(),
			ValueKind::String | ValueKind::Seq | ValueKind::Map | ValueKind::Iterable
		)
	});
	environment.add_test("number", |value: &Value| {
		matches!(value.kind(), ValueKind::Number | ValueKind::Bool)
	});
}

/// The arguments of a call, each of which may be given by its place or by its name.
struct Arguments {
	places: Rest<Value>,
	names: Kwargs,
}

impl Arguments {
	/// The argument `name`, which is the one at `place`; none where it is left out or none.
	fn get(&self, place: usize, name: &str) -> Result<Option<Value>, Error> {
		let named: Option<Value> = self.names.get(name)?;
		Ok(named
			.or_else(|| self.places.get(place).cloned())
			.filter(|value| !value.is_none() && !value.is_undefined()))
	}

	fn flag(&self, place: usize, name: &str) -> Result<bool, Error> {
		Ok(self.get(place, name)?.is_some_and(|value| value.is_true()))
	}

	fn text(&self, place: usize, name: &str, default: &str) -> Result<String, Error> {
		let given = self.get(place, name)?;
		Ok(given.map_or_else(|| default.to_owned(), |value| text::str(&value)))
	}

	/// A count of letters or items, bounded.
	fn count(&self, place: usize, name: &str, default: usize) -> Result<usize, Error> {
		const MAX: usize = 1 << 16;
		match self.get(place, name)?.map(usize::try_from) {
			None => Ok(default),
			Some(Ok(count)) => Ok(count.min(MAX)),
			Some(Err(error)) => Err(error),
		}
	}

	/// Refuses names that nobody asked for.
	fn finish(&self) -> Result<(), Error> {
		self.names.assert_all_used()
	}
}

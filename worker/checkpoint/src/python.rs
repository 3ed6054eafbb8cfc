//! What chat templates take for granted of Python, of Jinja there, and of `transformers`.

mod filters;
mod format;
mod json;
mod methods;
mod numbers;
mod source;
mod text;
mod web;
mod wrap;

pub(crate) use source::source;

use minijinja::{
	AutoEscape, Environment, Error, ErrorKind, State, Value,
	value::{Kwargs, Rest, ValueKind},
};

/// Makes output, filters, tests and methods behave as in Python.
pub(crate) fn install(environment: &mut Environment<'static>) {
	minijinja_contrib::add_to_environment(environment);
	environment.set_formatter(|out, state: &mut State, value| {
		let text = text::str(value);
		let text = match state.auto_escape() {
			AutoEscape::Html if !value.is_safe() => web::escaped(&text),
			_ => text,
		};
		out.write_str(&text)
			.map_err(|_| Error::from(ErrorKind::WriteFailure))
	});
	environment.set_unknown_method_callback(methods::call);
	environment.add_filter("tojson", json::tojson);
	filters::install(environment);
	numbers::install(environment);
	web::install(environment);
	// There is always one, though only its blocks can be asked for.
	environment.add_global("self", Value::from_pairs::<_, Value, Value>([]));
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
	environment.add_test("callable", |value: &Value| {
		matches!(value.kind(), ValueKind::Plain | ValueKind::Undefined)
			|| is_library_object(value, &["Loop", "Macro"])
	});
	environment.add_test("number", |value: &Value| {
		matches!(value.kind(), ValueKind::Number | ValueKind::Bool)
	});
}

/// Whether `value` is an object of the library's, of one of the types `names`, which it does not export.
fn is_library_object(value: &Value, names: &[&str]) -> bool {
	let name = value.as_object().map(|object| object.type_name());
	let last = name.and_then(|name| name.rsplit("::").next());
	last.is_some_and(|last| names.contains(&last))
}

/// The arguments of a call, each of which may be given by its place or by its name.
struct Arguments {
	places: Rest<Value>,
	names: Kwargs,
}

impl Arguments {
	/// The argument `name`, which is the one at `place`.
	fn raw(&self, place: usize, name: &str) -> Result<Option<Value>, Error> {
		let named = match self.names.has(name) {
			true => Some(self.names.get(name)?),
			false => None,
		};
		Ok(named.or_else(|| self.places.get(place).cloned()))
	}

	/// As [`Self::raw`]; none where it is none.
	fn get(&self, place: usize, name: &str) -> Result<Option<Value>, Error> {
		let given = self.raw(place, name)?;
		Ok(given.filter(|value| !value.is_none() && !value.is_undefined()))
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

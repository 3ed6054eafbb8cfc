//! What chat templates take for granted of Python, of Jinja there, and of `transformers`.

mod arguments;
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

use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, Value, value::ValueKind};

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
			|| filters::is_library_object(value, &["Loop", "Macro"])
	});
	environment.add_test("number", |value: &Value| {
		matches!(value.kind(), ValueKind::Number | ValueKind::Bool)
	});
}

//! Texts as numbers, and `%`.

use super::{arguments::Arguments, format, methods::is_space};
use minijinja::{
	Environment, Error, ErrorKind, State, Value,
	value::{Kwargs, Rest, ValueKind},
};

pub(super) fn install(environment: &mut Environment<'static>) {
	environment.add_filter("int", int);
	environment.add_filter("float", float);
	environment.add_filter(super::source::PERCENT, percent);
}

/// `a operator b`, as the library computes it.
pub(super) fn calculate(
	state: &State,
	expression: &'static str,
	a: Value,
	b: Value,
) -> Result<Value, Error> {
	let expression = state.env().compile_expression(expression)?;
	expression.eval(Value::from_pairs([("a", a), ("b", b)]))
}

/// `value % other`, of which Python makes a text where `value` is one.
fn percent(state: &mut State, value: Value, other: Value) -> Result<Value, Error> {
	match value.as_str() {
		Some(text) => format::percent(text, &other).map(Value::from),
		None => calculate(state, "a % b", value, other),
	}
}

/// `int(default=0, base=10)`.
fn int(value: &Value, places: Rest<Value>, names: Kwargs) -> Result<Value, Error> {
	let given = Arguments { places, names };
	let default = given.raw(0, "default")?.unwrap_or_else(|| Value::from(0));
	let base = given.count(1, "base", 10)? as u32;
	given.finish()?;
	let parsed = value.as_str().and_then(|text| whole(text, base));
	if let Some(number) = parsed {
		return Ok(number.into());
	}
	if value.kind() == ValueKind::Number && value.is_integer() {
		return Ok(value.clone());
	}
	Ok(match real(value)? {
		Some(number) if number.is_finite() => Value::from(number.trunc() as i128),
		Some(number) if number.is_infinite() && value.as_str().is_none() => {
			return Err(invalid("cannot convert float infinity to integer"));
		}
		_ => default,
	})
}

/// `float(default=0.0)`.
fn float(value: &Value, places: Rest<Value>, names: Kwargs) -> Result<Value, Error> {
	let given = Arguments { places, names };
	let default = given.raw(0, "default")?.unwrap_or_else(|| Value::from(0.0));
	given.finish()?;
	Ok(real(value)?.map_or(default, Value::from))
}

fn invalid(reason: &'static str) -> Error {
	Error::new(ErrorKind::InvalidOperation, reason)
}

/// What Python's `float` makes of a value; none where it is no number.
fn real(value: &Value) -> Result<Option<f64>, Error> {
	Ok(match value.kind() {
		ValueKind::Undefined => return Err(Error::from(ErrorKind::UndefinedError)),
		ValueKind::Bool => Some(f64::from(u8::from(value.is_true()))),
		ValueKind::Number => f64::try_from(value.clone()).ok(),
		ValueKind::String => {
			let text = value.as_str().unwrap_or_default().trim_matches(is_space);
			digits(text).and_then(|text| text.parse().ok())
		}
		_ => None,
	})
}

/// What Python's `int` makes of a text.
fn whole(text: &str, base: u32) -> Option<i128> {
	let text = text.trim_matches(is_space);
	let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
	let sign = if text.starts_with('-') { "-" } else { "" };
	let prefixed = [(2, 'b'), (8, 'o'), (16, 'x')]
		.into_iter()
		.find(|(_, letter)| {
			let mut letters = unsigned.chars().map(|c| c.to_ascii_lowercase());
			letters.next() == Some('0') && letters.next() == Some(*letter)
		})
		.filter(|(own, _)| base == *own || base == 0);
	let (base, unsigned) = match prefixed {
		Some((own, _)) => (
			own,
			unsigned[2..].strip_prefix('_').unwrap_or(&unsigned[2..]),
		),
		None if base == 0 && unsigned.starts_with('0') && unsigned.contains(|c| c != '0') => {
			return None;
		}
		None if base == 0 => (10, unsigned),
		None => (base, unsigned),
	};
	if !(2..=36).contains(&base) || unsigned.starts_with(['-', '+']) {
		return None;
	}
	i128::from_str_radix(&format!("{sign}{}", digits(unsigned)?), base).ok()
}

/// `text` without the underscores that may stand between digits.
fn digits(text: &str) -> Option<String> {
	let is_misplaced = text
		.split('_')
		.skip(1)
		.any(|part| !part.starts_with(|c: char| c.is_ascii_alphanumeric()))
		|| text
			.split('_')
			.rev()
			.skip(1)
			.any(|part| !part.ends_with(|c: char| c.is_ascii_alphanumeric()));
	(!is_misplaced).then(|| text.replace('_', ""))
}

//! Reads a request's JSON object field by field; whatever is not read is refused by name.

use crate::errors::{ApiError, Kind};
use serde_json::{Map, Value};
use std::ops::RangeInclusive;

/// The fields of an object that are still to be read.
#[derive(Debug)]
pub(crate) struct Fields {
	map: Map<String, Value>,
	/// What stands before a field's name in error messages.
	path: String,
}

impl Fields {
	/// Parses a request's body.
	pub(crate) fn parse(body: &[u8]) -> Result<Self, ApiError> {
		match serde_json::from_slice(body) {
			Ok(Value::Object(map)) => Ok(Self {
				map,
				path: String::new(),
			}),
			Ok(_) => Err(ApiError::new(
				Kind::MalformedJson,
				"The body must be a JSON object.",
			)),
			Err(error) => {
				let (line, column) = (error.line(), error.column());
				let message = format!(
					"The body is not valid JSON (line {line}, column {column}). Send a JSON object."
				);
				Err(ApiError::new(Kind::MalformedJson, message))
			}
		}
	}

	/// The fields of `value`, which stands at `path`.
	pub(crate) fn of(value: Value, path: &str) -> Result<Self, ApiError> {
		match value {
			Value::Object(map) => Ok(Self {
				map,
				path: format!("{path}."),
			}),
			other => Err(wrong_type(path, "an object", &other)),
		}
	}

	/// The full name of a field.
	pub(crate) fn name(&self, field: &str) -> String {
		format!("{}{field}", self.path)
	}

	/// Takes a field; `null` counts as absent.
	pub(crate) fn take(&mut self, field: &str) -> Option<Value> {
		self.map.remove(field).filter(|value| !value.is_null())
	}

	/// Takes a field that must be there.
	pub(crate) fn required(&mut self, field: &str) -> Result<Value, ApiError> {
		self.take(field).ok_or_else(|| missing(&self.name(field)))
	}

	pub(crate) fn string(&mut self, field: &str) -> Result<Option<String>, ApiError> {
		match self.take(field) {
			None => Ok(None),
			Some(Value::String(text)) => Ok(Some(text)),
			Some(other) => Err(wrong_type(&self.name(field), "a string", &other)),
		}
	}

	pub(crate) fn boolean(&mut self, field: &str) -> Result<Option<bool>, ApiError> {
		match self.take(field) {
			None => Ok(None),
			Some(Value::Bool(value)) => Ok(Some(value)),
			Some(other) => Err(wrong_type(&self.name(field), "a boolean", &other)),
		}
	}

	/// An integer of `range`.
	pub(crate) fn integer(
		&mut self,
		field: &str,
		range: RangeInclusive<u32>,
	) -> Result<Option<u32>, ApiError> {
		let Some(value) = self.take(field) else {
			return Ok(None);
		};
		let name = self.name(field);
		if !value.is_i64() && !value.is_u64() {
			return Err(wrong_type(&name, "an integer", &value));
		}
		value
			.as_u64()
			.and_then(|value| u32::try_from(value).ok())
			.filter(|value| range.contains(value))
			.map(Some)
			.ok_or_else(|| {
				invalid(
					&name,
					&format!(
						"must be an integer from {} to {}",
						range.start(),
						range.end()
					),
				)
			})
	}

	/// A number of `range`, in millionths.
	pub(crate) fn micros(
		&mut self,
		field: &str,
		range: RangeInclusive<f64>,
	) -> Result<Option<i32>, ApiError> {
		let Some(value) = self.take(field) else {
			return Ok(None);
		};
		let name = self.name(field);
		let Some(number) = value.as_f64() else {
			return Err(wrong_type(&name, "a number", &value));
		};
		if !range.contains(&number) {
			return Err(invalid(
				&name,
				&format!("must be from {} to {}", range.start(), range.end()),
			));
		}
		// In range of i32: no parameter reaches beyond ±2.
		Ok(Some(
			(number * f64::from(infergrid_primitives::request::MICROS)).round() as i32,
		))
	}

	/// Takes a field that has no effect here.
	pub(crate) fn ignore(&mut self, fields: &[&str]) {
		for field in fields {
			self.map.remove(*field);
		}
	}

	/// Refuses a field that is not supported, unless its value changes nothing.
	pub(crate) fn unsupported(
		&mut self,
		field: &str,
		harmless: impl Fn(&Value) -> bool,
	) -> Result<(), ApiError> {
		match self.take(field) {
			Some(value) if !harmless(&value) => {
				let name = self.name(field);
				let message = format!("`{name}` is not supported by this gateway. Leave it out.");
				Err(ApiError::about(Kind::UnsupportedParameter, name, message))
			}
			_ => Ok(()),
		}
	}

	/// Refuses what is left.
	pub(crate) fn finish(self) -> Result<(), ApiError> {
		match self.map.into_iter().find(|(_, value)| !value.is_null()) {
			None => Ok(()),
			Some((field, _)) => {
				let name: String = format!("{}{field}", self.path).chars().take(128).collect();
				let message = format!("Unknown parameter: `{name}`.");
				Err(ApiError::about(Kind::UnknownParameter, name, message))
			}
		}
	}
}

/// A parameter that must be there.
pub(crate) fn missing(name: &str) -> ApiError {
	let message = format!("Missing required parameter: `{name}`.");
	ApiError::about(Kind::MissingParameter, name, message)
}

/// A value of the wrong type. The value itself may be a prompt and is not repeated.
pub(crate) fn wrong_type(name: &str, wanted: &str, got: &Value) -> ApiError {
	let got = match got {
		Value::Null => "null",
		Value::Bool(_) => "a boolean",
		Value::Number(_) => "a number",
		Value::String(_) => "a string",
		Value::Array(_) => "an array",
		Value::Object(_) => "an object",
	};
	let message = format!("Invalid type for `{name}`: expected {wanted}, got {got}.");
	ApiError::about(Kind::InvalidValue, name, message)
}

/// A value of the right type that is not allowed.
pub(crate) fn invalid(name: &str, rule: &str) -> ApiError {
	ApiError::about(
		Kind::InvalidValue,
		name,
		format!("Invalid value for `{name}`: it {rule}."),
	)
}

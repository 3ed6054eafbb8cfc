//! The rotary embedding in `config.json`.

use super::{
	RopeScaling,
	reader::{RawConfig, Reader},
};
use crate::CheckpointError;
use serde_json::Value;

const TYPES: &str = "default, linear and llama3";

impl Reader {
	/// Reads `rope_parameters` as newer files have it, or `rope_theta` and `rope_scaling`.
	pub(super) fn rope(
		&self,
		positions: usize,
		raw: &RawConfig,
	) -> Result<(f64, RopeScaling), CheckpointError> {
		// As in `transformers`, `rope_scaling` takes the place of the other one, its base included.
		let mut parameters = None;
		for (field, value) in [
			("rope_parameters", &raw.rope_parameters),
			("rope_scaling", &raw.rope_scaling),
		] {
			match value {
				None | Some(Value::Null | Value::Bool(false)) => {}
				Some(Value::Object(fields)) if fields.is_empty() => {}
				Some(Value::Object(fields)) => parameters = Some(fields),
				Some(_) => return Err(self.invalid(field, "is not an object")),
			}
		}
		let number = |key: &str| parameters.and_then(|fields| fields.get(key)?.as_f64());
		let required = |key: &'static str| {
			number(key)
				.filter(|value| *value > 0.0 && value.is_finite())
				.ok_or_else(|| {
					self.invalid(key, "is missing from the rope parameters, or not positive")
				})
		};

		let theta = number("rope_theta").or(raw.rope_theta).unwrap_or(10_000.0);
		if !(theta > 1.0 && theta.is_finite()) {
			return Err(self.invalid("rope_theta", format!("is {theta}, not above 1")));
		}
		let partial = number("partial_rotary_factor")
			.or(raw.partial_rotary_factor)
			.unwrap_or(1.0);
		if partial != 1.0 {
			return Err(self.unsupported(format!("partial_rotary_factor {partial}"), "1.0"));
		}
		let Some(fields) = parameters else {
			return Ok((theta, RopeScaling::None));
		};
		if fields.values().any(Value::is_object) {
			return Err(
				self.unsupported("rope parameters per layer type", "one set for all layers")
			);
		}
		let kind = fields
			.get("rope_type")
			.or_else(|| fields.get("type"))
			.and_then(Value::as_str);
		let scaling = match kind.unwrap_or("default") {
			"default" => RopeScaling::None,
			"linear" => RopeScaling::Linear {
				factor: required("factor")?,
			},
			"llama3" => {
				let low_freq_factor = required("low_freq_factor")?;
				let high_freq_factor = required("high_freq_factor")?;
				if high_freq_factor <= low_freq_factor {
					return Err(self.invalid("high_freq_factor", "is not above low_freq_factor"));
				}
				RopeScaling::Llama3 {
					factor: required("factor")?,
					low_freq_factor,
					high_freq_factor,
					original_context: self.original_context(fields, positions, raw)?,
				}
			}
			other => return Err(self.unsupported(format!("rope type \"{other}\""), TYPES)),
		};
		Ok((theta, scaling))
	}

	/// Positions that were trained before the frequencies were stretched.
	fn original_context(
		&self,
		fields: &serde_json::Map<String, Value>,
		positions: usize,
		raw: &RawConfig,
	) -> Result<f64, CheckpointError> {
		const KEY: &str = "original_max_position_embeddings";
		// What stands outside the rope parameters counts more.
		let given = raw.original_max_position_embeddings.as_ref();
		let given = given
			.or_else(|| fields.get(KEY))
			.filter(|value| !value.is_null());
		let original = given.map_or(Some(positions as f64), Value::as_f64);
		original
			.filter(|value| *value > 0.0 && value.is_finite())
			.ok_or_else(|| self.invalid(KEY, "is not a positive number"))
	}
}

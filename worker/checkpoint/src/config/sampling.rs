//! How a model's makers would sample, from `generation_config.json`.

use crate::CheckpointError;
use serde_json::Value;
use std::{
	ops::{Bound, RangeBounds},
	path::Path,
};

/// How a model's makers would sample where a client says nothing. What they leave out, or set to what
/// it is anyway, is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SamplingDefaults {
	/// Temperature, from 0; 0 is argmax, which is also what `do_sample: false` means.
	pub temperature: Option<f64>,
	/// Nucleus mass in (0, 1].
	pub top_p: Option<f64>,
	/// Number of most likely tokens kept; 0 keeps all.
	pub top_k: Option<u32>,
	/// Least probability of a token as a share of the most likely one's, from 0 to 1.
	pub min_p: Option<f64>,
	/// What the logits of tokens that were there before are divided by; 1 changes nothing.
	pub repetition_penalty: Option<f64>,
	/// Tokens of an answer.
	pub max_new_tokens: Option<u32>,
}

/// Reads the sampling part of the file `path`.
pub(super) fn read(path: &Path, file: &Value) -> Result<SamplingDefaults, CheckpointError> {
	let invalid = |field: &'static str, reason: String| CheckpointError::Invalid {
		path: path.to_path_buf(),
		field,
		reason,
	};
	let number = |field: &'static str, least: Bound<f64>, most: f64| {
		let Some(given) = file.get(field).filter(|value| !value.is_null()) else {
			return Ok(None);
		};
		let range = (least, Bound::Included(most));
		let within = given.as_f64().filter(|number| range.contains(number));
		let reason = || match least {
			Bound::Excluded(least) => {
				format!("is {given}, not a number above {least} and at most {most}")
			}
			Bound::Included(least) => format!("is {given}, not a number from {least} to {most}"),
			Bound::Unbounded => format!("is {given}, not a number up to {most}"),
		};
		within.map(Some).ok_or_else(|| invalid(field, reason()))
	};
	let count = |field: &'static str| {
		// Some write -1 for no limit.
		let count = number(field, Bound::Included(-1.0), f64::from(u32::MAX))?;
		Ok::<_, CheckpointError>(count.map(|count| count.max(0.0) as u32))
	};
	let temperature = match file.get("do_sample") {
		Some(Value::Bool(false)) => Some(0.0),
		_ => number("temperature", Bound::Included(0.0), 100.0)?,
	};
	Ok(SamplingDefaults {
		temperature,
		top_p: number("top_p", Bound::Excluded(0.0), 1.0)?,
		top_k: count("top_k")?,
		min_p: number("min_p", Bound::Included(0.0), 1.0)?,
		repetition_penalty: number("repetition_penalty", Bound::Excluded(0.0), 100.0)?,
		max_new_tokens: count("max_new_tokens")?.filter(|count| *count > 0),
	})
}

#[cfg(test)]
mod tests {
	use super::*;
	use serde_json::json;

	fn sampling(file: Value) -> Result<SamplingDefaults, CheckpointError> {
		read(Path::new("generation_config.json"), &file)
	}

	#[test]
	fn what_is_left_out_is_none() {
		assert_eq!(sampling(json!({})).unwrap(), SamplingDefaults::default());
		// As Qwen2.5 has it.
		let published = json!({"bos_token_id": 1, "do_sample": true, "eos_token_id": [2, 3],
			"repetition_penalty": 1.1, "temperature": 0.7, "top_p": 0.8, "top_k": 20, "min_p": null});
		let expected = SamplingDefaults {
			temperature: Some(0.7),
			top_p: Some(0.8),
			top_k: Some(20),
			repetition_penalty: Some(1.1),
			..SamplingDefaults::default()
		};
		assert_eq!(sampling(published).unwrap(), expected);
	}

	#[test]
	fn no_sampling_is_a_temperature_of_zero() {
		let greedy =
			sampling(json!({"do_sample": false, "temperature": 0.6, "top_k": -1})).unwrap();
		assert_eq!((greedy.temperature, greedy.top_k), (Some(0.0), Some(0)));
	}

	#[test]
	fn what_is_no_such_number_is_named() {
		for (file, part) in [
			(json!({"temperature": "NaN"}), "temperature is \"NaN\""),
			(json!({"temperature": -1}), "temperature is -1"),
			(json!({"top_p": 1.5}), "top_p is 1.5"),
			(
				json!({"top_p": 0}),
				"top_p is 0, not a number above 0 and at most 1",
			),
			(
				json!({"repetition_penalty": 0.0}),
				"is 0.0, not a number above 0 and at most 100",
			),
			(json!({"min_p": 2}), "min_p is 2, not a number from 0 to 1"),
			(json!({"top_k": "many"}), "top_k is \"many\""),
		] {
			let message = sampling(file).unwrap_err().to_string();
			assert!(message.contains(part), "{message}");
			assert!(message.contains("generation_config.json"), "{message}");
		}
	}
}

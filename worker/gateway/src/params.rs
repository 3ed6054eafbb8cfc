//! What both kinds of completion have in common: which model, how to sample, how to answer.

use crate::{
	errors::{ApiError, Kind},
	market::{Model, Order},
	validate::{Fields, invalid, wrong_type},
};
use infergrid_primitives::{
	Balance, TokenId,
	request::{Assurance, MICROS, SamplingParams, StopString},
};
use serde_json::Value;
use std::sync::Arc;

/// Stop strings in a request.
const MAX_STOPS: usize = 4;
/// Bytes of a stop string.
const MAX_STOP_BYTES: usize = 64;
/// Bounds `top_k` well above any vocabulary.
const MAX_TOP_K: u32 = 1_000_000;

/// The common part of a valid request.
#[derive(Clone, Debug)]
pub(crate) struct Common {
	pub(crate) model: String,
	pub(crate) stream: bool,
	pub(crate) include_usage: bool,
	pub(crate) assurance: Assurance,
	pub(crate) max_fee: Option<Balance>,
	pub(crate) stops: Vec<String>,
	max_tokens: Option<u32>,
	temperature_micros: Option<u32>,
	top_p_micros: Option<u32>,
	top_k: Option<u32>,
	frequency_penalty_micros: i32,
	presence_penalty_micros: i32,
}

/// A prompt in tokens.
#[derive(Clone, Debug)]
pub(crate) struct Input {
	/// The parameter that it comes from, which errors name.
	pub(crate) param: String,
	pub(crate) tokens: Vec<TokenId>,
}

impl Common {
	/// Reads the common fields; `max_tokens` are the names of the limit, of which one may be given.
	pub(crate) fn read(fields: &mut Fields, max_tokens: &[&str]) -> Result<Self, ApiError> {
		let model = match fields.required("model")? {
			Value::String(name) => name,
			other => return Err(wrong_type("model", "a string", &other)),
		};
		let stream = fields.boolean("stream")?.unwrap_or(false);
		let extension = Extension::read(fields)?;
		let common = Self {
			model,
			stream,
			include_usage: include_usage(fields, stream)?,
			assurance: extension.assurance,
			max_fee: extension.max_fee,
			stops: stops(fields)?,
			max_tokens: limit(fields, max_tokens)?,
			temperature_micros: fields
				.micros("temperature", 0.0..=2.0)?
				.map(i32::unsigned_abs),
			top_p_micros: top_p(fields)?,
			top_k: fields.integer("top_k", 0..=MAX_TOP_K)?,
			frequency_penalty_micros: fields.micros("frequency_penalty", -2.0..=2.0)?.unwrap_or(0),
			presence_penalty_micros: fields.micros("presence_penalty", -2.0..=2.0)?.unwrap_or(0),
		};
		if let Some(seed) = fields.take("seed")
			&& !seed.is_i64()
			&& !seed.is_u64()
		{
			return Err(wrong_type("seed", "an integer", &seed));
		}
		fields.unsupported("n", |n| n.as_u64() == Some(1))?;
		fields.unsupported("logit_bias", is_empty)?;
		// For bookkeeping and routing at the original service; nothing here depends on them.
		fields.ignore(&[
			"metadata",
			"prompt_cache_key",
			"prompt_cache_retention",
			"safety_identifier",
			"service_tier",
			"store",
			"user",
		]);
		Ok(common)
	}

	/// An order for each of `inputs`, once all of them are valid; `default` limits an answer if the
	/// request does not, and None leaves it what the context leaves.
	pub(crate) fn orders(
		&self,
		model: &Arc<Model>,
		inputs: Vec<Input>,
		default: Option<u32>,
	) -> Result<Vec<Order>, ApiError> {
		let order = |input: Input| {
			if input.tokens.is_empty() {
				return Err(invalid(&input.param, "must not be empty"));
			}
			Ok(Order {
				params: self.sampling(model, &input, default)?,
				model: model.clone(),
				prompt: input.tokens,
				assurance: self.assurance,
				max_fee: self.max_fee,
			})
		};
		inputs.into_iter().map(order).collect()
	}

	/// The sampling parameters of an order for `input`.
	fn sampling(
		&self,
		model: &Model,
		input: &Input,
		default: Option<u32>,
	) -> Result<SamplingParams, ApiError> {
		let (param, n_prompt) = (input.param.as_str(), input.tokens.len());
		let context = model.context;
		let room = u32::try_from(n_prompt)
			.ok()
			.and_then(|n_prompt| context.checked_sub(n_prompt));
		let too_long = |asked: u64| {
			// OpenAI's words and its code, of which clients look for either in the message to shorten what
			// they send.
			let message = format!(
				"This model's maximum context length is {context} tokens. However, you requested {} tokens \
				 ({n_prompt} in the {param}, {asked} in the completion). Please reduce the length of the \
				 {param} or completion. (context_length_exceeded)",
				n_prompt as u64 + asked
			);
			ApiError::about(Kind::ContextLength, param, message)
		};
		let room = room.filter(|room| *room > 0).ok_or_else(|| too_long(1))?;
		let granted = u32::try_from(n_prompt)
			.ok()
			.and_then(|n_prompt| model.longest.checked_sub(n_prompt))
			.filter(|granted| *granted > 0);
		let too_slow = || {
			let message = format!(
				"This model's maximum context length is {context} tokens, but its miners are given time for at \
				 most {} tokens of prompt and answer together. Shorten either. (context_length_exceeded)",
				model.longest
			);
			ApiError::about(Kind::ContextLength, param, message)
		};
		let granted = granted.ok_or_else(too_slow)?;
		let max_tokens = match self.max_tokens {
			Some(asked) if asked > room => return Err(too_long(asked.into())),
			Some(asked) if asked > granted => return Err(too_slow()),
			Some(asked) => asked,
			None => default.unwrap_or(room).clamp(1, room.min(granted)),
		};
		let mut params = SamplingParams::greedy(max_tokens);
		let own = model.sampling;
		params.temperature_micros = self
			.temperature_micros
			.or(own.temperature_micros)
			.unwrap_or(MICROS);
		params.top_p_micros = self.top_p_micros.or(own.top_p_micros).unwrap_or(MICROS);
		params.top_k = self.top_k.or(own.top_k).unwrap_or(0);
		params.frequency_penalty_micros = self.frequency_penalty_micros;
		params.presence_penalty_micros = self.presence_penalty_micros;
		for stop in &self.stops {
			let stop = StopString::try_from(stop.clone().into_bytes())
				.map_err(|_| invalid("stop", "is too long"))?;
			params
				.stop
				.try_push(stop)
				.map_err(|_| invalid("stop", "has too many strings"))?;
		}
		params
			.validate()
			.map_err(|error| ApiError::internal(&format!("{error:?}")))?;
		Ok(params)
	}
}

/// Whether a value asks for nothing: `false`, `{}`, `[]`, `""` or 0.
pub(crate) fn is_empty(value: &Value) -> bool {
	match value {
		Value::Null => true,
		Value::Bool(value) => !value,
		Value::Number(number) => number.as_f64() == Some(0.0),
		Value::String(text) => text.is_empty(),
		Value::Array(items) => items.is_empty(),
		Value::Object(map) => map.is_empty(),
	}
}

fn include_usage(fields: &mut Fields, stream: bool) -> Result<bool, ApiError> {
	let Some(options) = fields.take("stream_options") else {
		return Ok(false);
	};
	if !stream {
		return Err(invalid(
			"stream_options",
			"is only allowed together with `stream: true`",
		));
	}
	let mut options = Fields::of(options, "stream_options")?;
	let include = options.boolean("include_usage")?.unwrap_or(false);
	// Padding against traffic analysis; chunks here are not padded.
	options.ignore(&["include_obfuscation"]);
	options.finish()?;
	Ok(include)
}

/// The extension object `infergrid`.
struct Extension {
	assurance: Assurance,
	max_fee: Option<Balance>,
}

impl Extension {
	fn read(fields: &mut Fields) -> Result<Self, ApiError> {
		let Some(extension) = fields.take("infergrid") else {
			return Ok(Self {
				assurance: Assurance::default(),
				max_fee: None,
			});
		};
		let mut extension = Fields::of(extension, "infergrid")?;
		let assurance = match extension.string("assurance")?.as_deref() {
			None | Some("sampled") => Assurance::Sampled,
			Some("always") => Assurance::Always,
			Some(_) => {
				return Err(invalid(
					"infergrid.assurance",
					"must be `sampled` or `always`",
				));
			}
		};
		let max_fee = match extension.string("max_fee")? {
			None => None,
			Some(text) => Some(text.parse().map_err(|_| {
				invalid(
					"infergrid.max_fee",
					"must be a whole number of plancks as a string, such as \"2500000\"",
				)
			})?),
		};
		extension.finish()?;
		Ok(Self { assurance, max_fee })
	}
}

fn stops(fields: &mut Fields) -> Result<Vec<String>, ApiError> {
	let values = match fields.take("stop") {
		None => return Ok(Vec::new()),
		Some(Value::Array(values)) => values,
		Some(value) => vec![value],
	};
	if values.len() > MAX_STOPS {
		return Err(invalid(
			"stop",
			&format!("has more than {MAX_STOPS} strings"),
		));
	}
	values
		.into_iter()
		.map(|value| match value {
			Value::String(stop) if stop.is_empty() => Err(invalid("stop", "has an empty string")),
			Value::String(stop) if stop.len() > MAX_STOP_BYTES => Err(invalid(
				"stop",
				&format!("has a string of more than {MAX_STOP_BYTES} bytes"),
			)),
			Value::String(stop) => Ok(stop),
			other => Err(wrong_type(
				"stop",
				"a string or an array of strings",
				&other,
			)),
		})
		.collect()
}

fn limit(fields: &mut Fields, names: &[&str]) -> Result<Option<u32>, ApiError> {
	let mut limit = None;
	for name in names {
		let given = fields.integer(name, 1..=u32::MAX)?;
		if limit.is_some() && given.is_some() && limit != given {
			return Err(invalid(
				name,
				"contradicts the other limit on tokens; give one",
			));
		}
		limit = limit.or(given);
	}
	Ok(limit)
}

fn top_p(fields: &mut Fields) -> Result<Option<u32>, ApiError> {
	let top_p = fields.micros("top_p", 0.0..=1.0)?;
	// The smallest mass still keeps the most likely token, which is what 0 asks for.
	Ok(top_p.map(|top_p| top_p.unsigned_abs().max(1)))
}

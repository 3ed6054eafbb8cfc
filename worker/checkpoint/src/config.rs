//! `config.json` and the end-of-sequence ids of `generation_config.json`.

use crate::{CheckpointError, files};
use infergrid_primitives::TokenId;
use serde::Deserialize;
use serde_json::Value;
use std::path::{Path, PathBuf};

const FAMILIES: &str = "llama, qwen2, qwen3 and mistral";
const LANGUAGE_MODELS: &str = "language models, whose architecture ends in ForCausalLM";
const UNQUANTISED: &str = "unquantised f32, f16 and bf16 weights";
const ROPE_TYPES: &str = "default, linear and llama3";

/// A decoder's architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
	/// `llama`
	Llama,
	/// `qwen2`: biases on the query, key and value projections.
	Qwen2,
	/// `qwen3`: normalised queries and keys.
	Qwen3,
	/// `mistral`: a sliding window.
	Mistral,
}

impl Family {
	/// The name in `model_type`.
	pub fn name(self) -> &'static str {
		match self {
			Self::Llama => "llama",
			Self::Qwen2 => "qwen2",
			Self::Qwen3 => "qwen3",
			Self::Mistral => "mistral",
		}
	}
}

/// How the rotary frequencies are stretched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RopeScaling {
	/// Not at all.
	None,
	/// Positions divided by `factor`.
	Linear { factor: f64 },
	/// Low frequencies divided by `factor`, high ones kept, those between blended.
	Llama3 {
		factor: f64,
		low_freq_factor: f64,
		high_freq_factor: f64,
		original_context: f64,
	},
}

/// A decoder's hyper-parameters, checked: dimensions are positive and bounded, `heads` is a multiple
/// of `kv_heads`, `head_dim` is even.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
	/// Architecture.
	pub family: Family,
	/// Rows of the embedding.
	pub vocab_size: usize,
	/// Width of the residual stream.
	pub hidden_size: usize,
	/// Width inside the feed-forward block.
	pub intermediate_size: usize,
	/// Decoder layers.
	pub layers: usize,
	/// Query heads.
	pub heads: usize,
	/// Key and value heads.
	pub kv_heads: usize,
	/// Width of a head; not always `hidden_size / heads`.
	pub head_dim: usize,
	/// Added to the mean square in RMSNorm.
	pub rms_norm_eps: f32,
	/// Base of the rotary frequencies.
	pub rope_theta: f64,
	/// Stretching of the rotary frequencies.
	pub rope_scaling: RopeScaling,
	/// Most positions the model was made for.
	pub context: usize,
	/// For each layer, how many positions a query sees, itself included; `None` is all.
	pub windows: Vec<Option<usize>>,
	/// The output matrix is the embedding.
	pub tied_embeddings: bool,
	/// Query, key and value projections have biases.
	pub qkv_bias: bool,
	/// The attention's output projection has a bias.
	pub output_bias: bool,
	/// The feed-forward projections have biases.
	pub mlp_bias: bool,
	/// Queries and keys pass an RMSNorm per head before the rotation.
	pub qk_norm: bool,
}

impl ModelConfig {
	/// Parameters, from the dimensions.
	pub fn parameters(&self) -> u64 {
		let [h, i, v, d] = [
			self.hidden_size,
			self.intermediate_size,
			self.vocab_size,
			self.head_dim,
		]
		.map(|n| n as u64);
		let [heads, kv, layers] = [self.heads, self.kv_heads, self.layers].map(|n| n as u64);
		let flag = |on: bool, n: u64| if on { n } else { 0 };
		let attention = 2 * h * heads * d
			+ 2 * h * kv * d
			+ flag(self.qkv_bias, (heads + 2 * kv) * d)
			+ flag(self.output_bias, h)
			+ flag(self.qk_norm, 2 * d);
		let feed_forward = 3 * h * i + flag(self.mlp_bias, 2 * i + h);
		v * h + flag(!self.tied_embeddings, v * h) + h + layers * (attention + feed_forward + 2 * h)
	}

	/// Bytes of keys and values that one cached token takes in 32-bit floats.
	pub fn kv_bytes_per_token(&self) -> u64 {
		(2 * self.layers * self.kv_heads * self.head_dim * size_of::<f32>()) as u64
	}
}

/// One id or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum TokenIds {
	One(i64),
	Many(Vec<i64>),
}

impl TokenIds {
	fn list(self) -> Vec<i64> {
		match self {
			Self::One(id) => vec![id],
			Self::Many(ids) => ids,
		}
	}
}

#[derive(Default, Deserialize)]
struct GenerationConfig {
	eos_token_id: Option<TokenIds>,
	#[serde(flatten)]
	sampling: SamplingDefaults,
}

/// How a model's makers would sample where nobody says otherwise; a field that they leave out is None.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
pub struct SamplingDefaults {
	/// False is argmax.
	pub do_sample: Option<bool>,
	/// Temperature.
	pub temperature: Option<f64>,
	/// Nucleus mass.
	pub top_p: Option<f64>,
	/// Number of most likely tokens kept; 0 keeps all.
	pub top_k: Option<u32>,
}

/// What the configuration files say.
#[derive(Debug)]
pub(crate) struct Read {
	pub(crate) config: ModelConfig,
	/// Ids that end an answer.
	pub(crate) eos: Vec<TokenId>,
	pub(crate) sampling: SamplingDefaults,
}

/// The fields of `config.json`; those that are left out have the defaults of the family.
#[derive(Deserialize)]
struct RawConfig {
	vocab_size: Option<usize>,
	hidden_size: Option<usize>,
	intermediate_size: Option<usize>,
	num_hidden_layers: Option<usize>,
	num_attention_heads: Option<usize>,
	// Absent and null differ: null is as many as heads.
	#[serde(default, deserialize_with = "present")]
	num_key_value_heads: Option<Option<usize>>,
	head_dim: Option<usize>,
	rms_norm_eps: Option<f64>,
	rope_theta: Option<f64>,
	rope_scaling: Option<Value>,
	rope_parameters: Option<Value>,
	original_max_position_embeddings: Option<Value>,
	partial_rotary_factor: Option<f64>,
	max_position_embeddings: Option<usize>,
	// Absent and null differ: Mistral's default is a window, null is none.
	#[serde(default, deserialize_with = "present")]
	sliding_window: Option<Option<usize>>,
	use_sliding_window: Option<bool>,
	max_window_layers: Option<usize>,
	layer_types: Option<Vec<String>>,
	tie_word_embeddings: Option<bool>,
	attention_bias: Option<bool>,
	mlp_bias: Option<bool>,
	hidden_act: Option<String>,
	eos_token_id: Option<TokenIds>,
}

/// What `transformers` takes for a family's fields that are left out.
struct Defaults {
	vocab_size: usize,
	hidden_size: usize,
	intermediate_size: usize,
	layers: usize,
	heads: usize,
	/// None is as many as heads.
	kv_heads: Option<usize>,
	/// None is the width over the heads.
	head_dim: Option<usize>,
	context: usize,
}

impl Family {
	fn defaults(self) -> Defaults {
		let common = Defaults {
			vocab_size: 32_000,
			hidden_size: 4_096,
			intermediate_size: 11_008,
			layers: 32,
			heads: 32,
			kv_heads: None,
			head_dim: None,
			context: 2_048,
		};
		let qwen = Defaults {
			vocab_size: 151_936,
			intermediate_size: 22_016,
			kv_heads: Some(32),
			context: 32_768,
			..common
		};
		match self {
			Self::Llama => common,
			Self::Qwen2 => qwen,
			Self::Qwen3 => Defaults {
				head_dim: Some(128),
				..qwen
			},
			Self::Mistral => Defaults {
				intermediate_size: 14_336,
				kv_heads: Some(8),
				context: 131_072,
				..common
			},
		}
	}
}

fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<usize>>, D::Error> {
	Option::<usize>::deserialize(from).map(Some)
}

/// The configuration in `directory`.
pub(crate) fn read(directory: &Path) -> Result<Read, CheckpointError> {
	let path = directory.join("config.json");
	let value: Value =
		files::read_json(&path)?.ok_or_else(|| CheckpointError::Missing { path: path.clone() })?;
	let reader = Reader { path };
	let family = reader.family(&value)?;
	let raw: RawConfig = serde_json::from_value(value).map_err(|source| CheckpointError::Json {
		path: reader.path.clone(),
		source,
	})?;
	let generation: GenerationConfig =
		files::read_json(&directory.join("generation_config.json"))?.unwrap_or_default();
	let config = reader.config(family, &raw)?;
	let ends = generation.eos_token_id.or(raw.eos_token_id);
	let mut eos = Vec::new();
	for id in ends.map(TokenIds::list).unwrap_or_default() {
		let known = TokenId::try_from(id).ok();
		match known.filter(|id| (*id as usize) < config.vocab_size) {
			Some(id) => eos.push(id),
			None => {
				let reason = format!(
					"is {id}, which is no token of the vocabulary: correct it or leave it out"
				);
				return Err(reader.invalid("eos_token_id", reason));
			}
		}
	}
	eos.sort_unstable();
	eos.dedup();
	Ok(Read {
		config,
		eos,
		sampling: generation.sampling,
	})
}

struct Reader {
	path: PathBuf,
}

impl Reader {
	fn invalid(&self, field: &'static str, reason: impl Into<String>) -> CheckpointError {
		CheckpointError::Invalid {
			path: self.path.clone(),
			field,
			reason: reason.into(),
		}
	}

	fn unsupported(&self, what: impl Into<String>, supported: &'static str) -> CheckpointError {
		CheckpointError::Unsupported {
			path: self.path.clone(),
			what: what.into(),
			supported,
		}
	}

	/// What kind of model it is, before anything else is read: other kinds have other fields.
	fn family(&self, value: &Value) -> Result<Family, CheckpointError> {
		let text = |key: &str| value.get(key).and_then(Value::as_str);
		let family = match text("model_type") {
			Some("llama") => Family::Llama,
			Some("qwen2") => Family::Qwen2,
			Some("qwen3") => Family::Qwen3,
			Some("mistral") => Family::Mistral,
			Some(other) if value.get("text_config").is_some() => {
				let what = format!("model_type \"{other}\", a model with more than text,");
				return Err(self.unsupported(what, FAMILIES));
			}
			Some(other) => {
				return Err(self.unsupported(format!("model_type \"{other}\""), FAMILIES));
			}
			None => return Err(self.invalid("model_type", "is missing")),
		};
		let quantised = ["quantization_config", "quantization", "compression_config"]
			.into_iter()
			.find(|key| value.get(key).is_some_and(|value| !value.is_null()));
		if let Some(key) = quantised {
			let method = value[key]["quant_method"].as_str().unwrap_or("unnamed");
			let what = format!("{key} (method {method})");
			return Err(self.unsupported(what, UNQUANTISED));
		}
		let architectures = value.get("architectures").and_then(Value::as_array);
		let named = architectures.and_then(|names| names.first()?.as_str());
		match named {
			None => Ok(family),
			Some(name) if name.ends_with("ForCausalLM") => Ok(family),
			Some(name) if name.ends_with("Model") => {
				let what = format!("architecture {name}, a model without an output head,");
				Err(self.unsupported(what, LANGUAGE_MODELS))
			}
			Some(name) => {
				let what = format!("architecture {name}, which is no language model,");
				Err(self.unsupported(what, LANGUAGE_MODELS))
			}
		}
	}

	fn config(&self, family: Family, raw: &RawConfig) -> Result<ModelConfig, CheckpointError> {
		if let Some(activation) = raw.hidden_act.as_deref().filter(|name| *name != "silu") {
			return Err(self.unsupported(format!("hidden_act \"{activation}\""), "silu"));
		}
		let defaults = family.defaults();
		let vocab_size = raw.vocab_size.unwrap_or(defaults.vocab_size);
		let hidden_size = raw.hidden_size.unwrap_or(defaults.hidden_size);
		let intermediate_size = raw.intermediate_size.unwrap_or(defaults.intermediate_size);
		let layers = raw.num_hidden_layers.unwrap_or(defaults.layers);
		let heads = raw.num_attention_heads.unwrap_or(defaults.heads);
		let kv_heads = raw
			.num_key_value_heads
			.unwrap_or(defaults.kv_heads)
			.unwrap_or(heads);
		let positions = raw.max_position_embeddings.unwrap_or(defaults.context);
		let head_dim = raw.head_dim.or(defaults.head_dim);
		let head_dim = head_dim.unwrap_or_else(|| hidden_size.checked_div(heads).unwrap_or(0));
		for (field, value, limit) in [
			("vocab_size", vocab_size, 1 << 22),
			("hidden_size", hidden_size, 1 << 16),
			("intermediate_size", intermediate_size, 1 << 18),
			("num_hidden_layers", layers, 1 << 10),
			("num_attention_heads", heads, 1 << 10),
			("num_key_value_heads", kv_heads, 1 << 10),
			("head_dim", head_dim, 1 << 10),
			("max_position_embeddings", positions, 1 << 24),
		] {
			if value == 0 || value > limit {
				return Err(self.invalid(field, format!("is {value}, not in 1..={limit}")));
			}
		}
		if !heads.is_multiple_of(kv_heads) {
			let reason = format!("is {kv_heads}, which does not divide {heads} heads");
			return Err(self.invalid("num_key_value_heads", reason));
		}
		if !head_dim.is_multiple_of(2) {
			return Err(self.invalid("head_dim", format!("is {head_dim}, an odd number")));
		}
		let eps = raw.rms_norm_eps.unwrap_or(1e-6);
		if !(eps > 0.0 && eps < 1.0) {
			return Err(self.invalid("rms_norm_eps", format!("is {eps}, not in (0, 1)")));
		}
		let (rope_theta, rope_scaling) = self.rope(positions, raw)?;
		// Qwen2 has its biases whatever the file says; Mistral has none.
		let biased = raw.attention_bias.unwrap_or(false);
		let (qkv_bias, output_bias) = match family {
			Family::Llama | Family::Qwen3 => (biased, biased),
			Family::Qwen2 => (true, false),
			Family::Mistral => (false, false),
		};
		Ok(ModelConfig {
			family,
			vocab_size,
			hidden_size,
			intermediate_size,
			layers,
			heads,
			kv_heads,
			head_dim,
			rms_norm_eps: eps as f32,
			rope_theta,
			rope_scaling,
			context: stretched(positions, rope_scaling),
			windows: self.windows(family, layers, raw)?,
			tied_embeddings: raw.tie_word_embeddings.unwrap_or(false),
			qkv_bias,
			output_bias,
			mlp_bias: family == Family::Llama && raw.mlp_bias.unwrap_or(false),
			qk_norm: family == Family::Qwen3,
		})
	}

	/// The window of each layer, as `transformers` derives it.
	fn windows(
		&self,
		family: Family,
		layers: usize,
		raw: &RawConfig,
	) -> Result<Vec<Option<usize>>, CheckpointError> {
		let window = match family {
			Family::Llama => None,
			Family::Mistral => raw.sliding_window.unwrap_or(Some(4096)),
			Family::Qwen2 | Family::Qwen3 if raw.use_sliding_window.unwrap_or(false) => {
				raw.sliding_window.unwrap_or(Some(4096))
			}
			Family::Qwen2 | Family::Qwen3 => None,
		};
		if window == Some(0) {
			return Err(self.invalid("sliding_window", "is 0"));
		}
		// A Mistral that names its layers' kinds alternates; without names all have the window.
		let types = raw.layer_types.as_ref().filter(|_| family != Family::Llama);
		let Some(types) = types else {
			let first = match family {
				Family::Llama | Family::Mistral => 0,
				Family::Qwen2 | Family::Qwen3 => raw.max_window_layers.unwrap_or(28),
			};
			return Ok((0..layers)
				.map(|layer| window.filter(|_| layer >= first))
				.collect());
		};
		if types.len() != layers {
			let reason = format!("has {} entries for {layers} layers", types.len());
			return Err(self.invalid("layer_types", reason));
		}
		types
			.iter()
			.map(|name| match name.as_str() {
				"full_attention" => Ok(None),
				"sliding_attention" => window
					.map(Some)
					.ok_or_else(|| self.invalid("sliding_window", "is needed by layer_types")),
				other => Err(self.unsupported(
					format!("layer type \"{other}\""),
					"full_attention and sliding_attention",
				)),
			})
			.collect()
	}

	/// Reads `rope_parameters` as newer files have it, or `rope_theta` and `rope_scaling`.
	fn rope(
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
				None | Some(Value::Null) => {}
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
			other => return Err(self.unsupported(format!("rope type \"{other}\""), ROPE_TYPES)),
		};
		Ok((theta, scaling))
	}
}

impl Reader {
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

/// Most positions, of which linear scaling makes more.
fn stretched(positions: usize, scaling: RopeScaling) -> usize {
	match scaling {
		RopeScaling::Linear { factor } if factor > 1.0 => (positions as f64 * factor) as usize,
		_ => positions,
	}
}

#[cfg(test)]
#[path = "config_tests.rs"]
pub(crate) mod tests;

//! The fields of `config.json`, and the tokens that end an answer.

use super::{Family, ModelConfig, RopeScaling, SamplingDefaults, sampling};
use crate::{CheckpointError, files};
use infergrid_primitives::TokenId;
use serde::Deserialize;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The activation, under both its names.
const ACTIVATIONS: [&str; 2] = ["silu", "swish"];
const FAMILIES: &str = "llama, qwen2, qwen3 and mistral";
const LANGUAGE_MODELS: &str = "language models, whose architecture ends in ForCausalLM";
const UNQUANTISED: &str = "unquantised f32, f16 and bf16 weights";

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
pub(super) struct RawConfig {
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
	pub(super) rope_theta: Option<f64>,
	pub(super) rope_scaling: Option<Value>,
	pub(super) rope_parameters: Option<Value>,
	pub(super) original_max_position_embeddings: Option<Value>,
	pub(super) partial_rotary_factor: Option<f64>,
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
	eos_token_id: Option<Value>,
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
	let Some(value) = files::read_json::<Value>(&path)? else {
		return Err(match directory.join("adapter_config.json").is_file() {
			true => CheckpointError::Unsupported {
				path: directory.join("adapter_config.json"),
				what: "an adapter without the model that it changes".into(),
				supported: "whole models: merge it into its base model first",
			},
			false => CheckpointError::Missing { path },
		});
	};
	let reader = Reader { path };
	let family = reader.family(&value)?;
	let raw: RawConfig = serde_json::from_value(value).map_err(|source| CheckpointError::Json {
		path: reader.path.clone(),
		source,
	})?;
	let config = reader.config(family, &raw)?;
	let generation = directory.join("generation_config.json");
	let (path, ends, sampling) = match files::read_json::<Value>(&generation)? {
		Some(value) => {
			let sampling = sampling::read(&generation, &value)?;
			match value.get("eos_token_id").filter(|ids| !ids.is_null()) {
				Some(ids) => (generation, Some(ids.clone()), sampling),
				None => (reader.path, raw.eos_token_id, sampling),
			}
		}
		None => (reader.path, raw.eos_token_id, SamplingDefaults::default()),
	};
	Ok(Read {
		eos: ends_in(&path, ends.as_ref(), config.vocab_size)?,
		config,
		sampling,
	})
}

/// One id or several, each of which must be in the vocabulary; sorted.
fn ends_in(
	path: &Path,
	ids: Option<&Value>,
	vocab_size: usize,
) -> Result<Vec<TokenId>, CheckpointError> {
	let list = match ids {
		None | Some(Value::Null) => Vec::new(),
		Some(Value::Array(ids)) => ids.iter().collect(),
		Some(id) => vec![id],
	};
	let known = |id: &&Value| {
		let known = id.as_u64().and_then(|id| TokenId::try_from(id).ok());
		let known = known.filter(|id| (*id as usize) < vocab_size);
		known.ok_or_else(|| CheckpointError::Invalid {
			path: path.to_path_buf(),
			field: "eos_token_id",
			reason: format!(
				"is {id}, which is no token of the vocabulary: correct it or leave it out"
			),
		})
	};
	let mut eos = list.iter().map(known).collect::<Result<Vec<_>, _>>()?;
	eos.sort_unstable();
	eos.dedup();
	Ok(eos)
}

pub(super) struct Reader {
	path: PathBuf,
}

impl Reader {
	pub(super) fn invalid(
		&self,
		field: &'static str,
		reason: impl Into<String>,
	) -> CheckpointError {
		CheckpointError::Invalid {
			path: self.path.clone(),
			field,
			reason: reason.into(),
		}
	}

	pub(super) fn unsupported(
		&self,
		what: impl Into<String>,
		supported: &'static str,
	) -> CheckpointError {
		CheckpointError::Unsupported {
			path: self.path.clone(),
			what: what.into(),
			supported,
		}
	}

	/// What kind of model it is, before anything else is read: other kinds have other fields.
	fn family(&self, value: &Value) -> Result<Family, CheckpointError> {
		let text = |key: &str| value.get(key).and_then(Value::as_str);
		let architectures = value.get("architectures").and_then(Value::as_array);
		let named = architectures.and_then(|names| names.first()?.as_str());
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
				let what = match named {
					Some(name) => format!("model_type \"{other}\" (architecture {name})"),
					None => format!("model_type \"{other}\""),
				};
				return Err(self.unsupported(what, FAMILIES));
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
		if value.get("is_causal") == Some(&Value::Bool(false)) {
			let what = "is_causal false, an encoder whose tokens see what comes after them,";
			return Err(self.unsupported(what, LANGUAGE_MODELS));
		}
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
		let activation = raw.hidden_act.as_deref();
		if let Some(name) = activation.filter(|name| !ACTIVATIONS.contains(name)) {
			return Err(self.unsupported(format!("hidden_act \"{name}\""), "silu"));
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
}

/// Most positions, of which linear scaling makes more.
fn stretched(positions: usize, scaling: RopeScaling) -> usize {
	match scaling {
		RopeScaling::Linear { factor } if factor > 1.0 => (positions as f64 * factor) as usize,
		_ => positions,
	}
}

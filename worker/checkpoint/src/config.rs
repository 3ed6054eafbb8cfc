//! What `config.json` and `generation_config.json` say.

mod reader;
mod rope;
mod sampling;

pub(crate) use reader::{Read, read};
pub use sampling::SamplingDefaults;

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

#[cfg(test)]
#[path = "config_tests.rs"]
pub(crate) mod tests;

//! One decoder layer: attention, then the gated feed-forward block, each behind a norm and added to
//! the residual stream.

use crate::{
	attention::{Attention, Masks},
	cache::LayerCache,
	linear::Linear,
	loader::Loader,
	norm::RmsNorm,
	rope::Rotation,
};
use burn::tensor::{Tensor, activation::silu};
use infergrid_checkpoint::{ModelConfig, WeightsError};

/// `down(silu(gate(x)) · up(x))`.
#[derive(Clone, Debug)]
struct FeedForward {
	gate: Linear,
	up: Linear,
	down: Linear,
}

impl FeedForward {
	fn load(loader: &Loader<'_>, config: &ModelConfig, layer: usize) -> Result<Self, WeightsError> {
		let (hidden, inner) = (config.hidden_size, config.intermediate_size);
		let linear = |name: &str, shape| {
			loader.linear(
				&format!("model.layers.{layer}.mlp.{name}_proj"),
				shape,
				config.mlp_bias,
			)
		};
		Ok(Self {
			gate: linear("gate", [inner, hidden])?,
			up: linear("up", [inner, hidden])?,
			down: linear("down", [hidden, inner])?,
		})
	}

	fn forward(&self, input: Tensor<2>) -> Tensor<2> {
		let gate = silu(self.gate.forward(input.clone()));
		self.down.forward(gate * self.up.forward(input))
	}
}

/// One layer of the decoder.
#[derive(Clone, Debug)]
pub(crate) struct DecoderLayer {
	attention_norm: RmsNorm,
	attention: Attention,
	feed_forward_norm: RmsNorm,
	feed_forward: FeedForward,
}

impl DecoderLayer {
	pub(crate) fn load(
		loader: &Loader<'_>,
		config: &ModelConfig,
		layer: usize,
	) -> Result<Self, WeightsError> {
		let norm = |name: &str| {
			let name = format!("model.layers.{layer}.{name}_layernorm.weight");
			RmsNorm::load(loader, &name, config.hidden_size, config.rms_norm_eps)
		};
		Ok(Self {
			attention_norm: norm("input")?,
			attention: Attention::load(loader, config, layer)?,
			feed_forward_norm: norm("post_attention")?,
			feed_forward: FeedForward::load(loader, config, layer)?,
		})
	}

	/// `[T, hidden]` → `[T, hidden]`.
	pub(crate) fn forward(
		&self,
		stream: Tensor<2>,
		rotation: &Rotation,
		masks: &Masks,
		cache: &mut LayerCache,
	) -> Tensor<2> {
		let normed = self.attention_norm.forward(stream.clone());
		let stream = stream + self.attention.forward(normed, rotation, masks, cache);
		let normed = self.feed_forward_norm.forward(stream.clone());
		stream + self.feed_forward.forward(normed)
	}
}

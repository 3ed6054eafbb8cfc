//! Causal self-attention with grouped queries, in 32-bit floats and a fixed order of operations.
//!
//! Written out instead of calling a fused kernel: fused kernels choose their own precision, and what
//! is computed for money must be the same on every machine, up to rounding.

use crate::{cache::LayerCache, linear::Linear, loader::Loader, norm::RmsNorm, rope::Rotation};
use burn::tensor::{Device, Tensor, TensorData, activation::softmax};
use infergrid_checkpoint::{ModelConfig, WeightsError};

/// One layer's attention.
#[derive(Clone, Debug)]
pub(crate) struct Attention {
	query: Linear,
	key: Linear,
	value: Linear,
	output: Linear,
	query_norm: Option<RmsNorm>,
	key_norm: Option<RmsNorm>,
	heads: usize,
	kv_heads: usize,
	head_dim: usize,
	window: Option<usize>,
}

impl Attention {
	pub(crate) fn load(
		loader: &Loader<'_>,
		config: &ModelConfig,
		layer: usize,
	) -> Result<Self, WeightsError> {
		let prefix = format!("model.layers.{layer}.self_attn");
		let hidden = config.hidden_size;
		let [all, kv] = [config.heads, config.kv_heads].map(|heads| heads * config.head_dim);
		let linear = |name: &str, shape, biased| {
			loader.linear(&format!("{prefix}.{name}_proj"), shape, biased)
		};
		let norm = |name: &str| {
			let name = format!("{prefix}.{name}_norm.weight");
			let load = || RmsNorm::load(loader, &name, config.head_dim, config.rms_norm_eps);
			config.qk_norm.then(load).transpose()
		};
		Ok(Self {
			query: linear("q", [all, hidden], config.qkv_bias)?,
			key: linear("k", [kv, hidden], config.qkv_bias)?,
			value: linear("v", [kv, hidden], config.qkv_bias)?,
			output: linear("o", [hidden, all], config.output_bias)?,
			query_norm: norm("q")?,
			key_norm: norm("k")?,
			heads: config.heads,
			kv_heads: config.kv_heads,
			head_dim: config.head_dim,
			window: config.windows[layer],
		})
	}

	/// `[T, hidden]` at the positions from `span.start` → `[T, hidden]`.
	pub(crate) fn forward(
		&self,
		input: Tensor<2>,
		rotation: &Rotation,
		masks: &Masks,
		cache: &mut LayerCache,
	) -> Tensor<2> {
		let [tokens, _] = input.dims();
		let Self {
			heads,
			kv_heads,
			head_dim,
			..
		} = *self;
		let group = heads / kv_heads;
		let normed = |norm: &Option<RmsNorm>, x: Tensor<3>| match norm {
			Some(norm) => norm.forward(x),
			None => x,
		};

		let query = self
			.query
			.forward(input.clone())
			.reshape([tokens, heads, head_dim]);
		let key = self
			.key
			.forward(input.clone())
			.reshape([tokens, kv_heads, head_dim]);
		let value = self
			.value
			.forward(input)
			.reshape([tokens, kv_heads, head_dim]);
		let query = rotation.apply(normed(&self.query_norm, query));
		let key = rotation.apply(normed(&self.key_norm, key));

		let (keys, values) = cache.append(
			masks.start,
			key.swap_dims(0, 1),
			value.swap_dims(0, 1),
			masks.span,
		);

		// The queries that share a key head are rows of one matrix, so keys are never repeated.
		let query = query
			.reshape([tokens, kv_heads, group, head_dim])
			.permute([1, 2, 0, 3])
			.reshape([kv_heads, group * tokens, head_dim]);
		let scores = query.matmul(keys.swap_dims(1, 2)) * (head_dim as f64).powf(-0.5);
		let scores = scores.reshape([heads, tokens, masks.span]);
		let scores = match masks.of(self.window) {
			Some(mask) => scores + mask.clone().unsqueeze(),
			None => scores,
		};
		let weights = softmax(scores, 2).reshape([kv_heads, group * tokens, masks.span]);
		let mixed = weights
			.matmul(values)
			.reshape([kv_heads, group, tokens, head_dim])
			.permute([2, 0, 1, 3])
			.reshape([tokens, heads * head_dim]);
		self.output.forward(mixed)
	}
}

/// Which positions the queries of one pass see: `[T, span]` of 0 and −∞ for each kind of window.
#[derive(Debug)]
pub(crate) struct Masks {
	start: usize,
	span: usize,
	masks: Vec<(Option<usize>, Option<Tensor<2>>)>,
}

impl Masks {
	/// For `tokens` queries at the positions from `start`, over the first `span` positions.
	pub(crate) fn new(
		windows: &[Option<usize>],
		start: usize,
		tokens: usize,
		span: usize,
		device: &Device,
	) -> Self {
		let mut kinds = windows.to_vec();
		kinds.sort_unstable();
		kinds.dedup();
		let masks = kinds
			.into_iter()
			.map(|window| (window, mask(window, start, tokens, span, device)))
			.collect();
		Self { start, span, masks }
	}

	fn of(&self, window: Option<usize>) -> Option<&Tensor<2>> {
		self.masks
			.iter()
			.find(|(kind, _)| *kind == window)
			.and_then(|(_, mask)| mask.as_ref())
	}
}

/// `None` when every query sees everything.
fn mask(
	window: Option<usize>,
	start: usize,
	tokens: usize,
	span: usize,
	device: &Device,
) -> Option<Tensor<2>> {
	let first_seen =
		|position: usize| window.map_or(0, |window| (position + 1).saturating_sub(window));
	let sees_all = |position: usize| position + 1 >= span && first_seen(position) == 0;
	if (start..start + tokens).all(sees_all) {
		return None;
	}
	let mut values = vec![f32::NEG_INFINITY; tokens * span];
	for (row, position) in values.chunks_mut(span).zip(start..) {
		row[first_seen(position)..=position].fill(0.0);
	}
	Some(Tensor::from_data(
		TensorData::new(values, [tokens, span]),
		device,
	))
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::linear::floats;

	fn rows(window: Option<usize>, start: usize, tokens: usize, span: usize) -> Vec<String> {
		let device = Device::flex();
		let Some(mask) = mask(window, start, tokens, span, &device) else {
			return Vec::new();
		};
		let data = mask.into_data();
		let show = |value: &f32| if *value == 0.0 { 'x' } else { '.' };
		floats(&data)
			.chunks(span)
			.map(|row| row.iter().map(show).collect())
			.collect()
	}

	#[test]
	fn a_query_sees_itself_what_came_before_and_its_window() {
		assert_eq!(rows(None, 0, 3, 3), ["x..", "xx.", "xxx"]);
		assert_eq!(rows(None, 2, 2, 5), ["xxx..", "xxxx."]);
		assert_eq!(rows(Some(2), 1, 3, 4), ["xx..", ".xx.", "..xx"]);
	}

	#[test]
	fn one_token_that_sees_all_needs_no_mask() {
		assert!(rows(None, 6, 1, 7).is_empty());
		assert!(rows(Some(7), 6, 1, 7).is_empty());
		assert_eq!(rows(Some(6), 6, 1, 7), [".xxxxxx"]);
		assert_eq!(
			rows(None, 6, 1, 8),
			["xxxxxxx."],
			"room beyond the last token is not seen"
		);
	}
}

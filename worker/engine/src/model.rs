//! The whole decoder: Llama, Qwen2, Qwen3 and Mistral differ in biases, norms and windows only.

use crate::{
	attention::Masks, cache::Cache, decoder::DecoderLayer, linear::Matrix, loader::Loader,
	norm::RmsNorm, rope::Rope,
};
use burn::tensor::{Device, Int, Tensor, TensorData};
use infergrid_checkpoint::{ModelConfig, Weights, WeightsError};
use infergrid_primitives::TokenId;

/// A model's weights on a device.
#[derive(Debug)]
pub(crate) struct Model {
	config: ModelConfig,
	device: Device,
	embedding: Matrix,
	layers: Vec<DecoderLayer>,
	norm: RmsNorm,
	head: Matrix,
	rope: Rope,
	/// Attend over the cache's whole capacity, so that shapes repeat and kernels are tuned once.
	fixed_span: bool,
}

impl Model {
	/// Puts `weights` on `device`. On the processor they are used where they are.
	pub(crate) fn load(
		config: ModelConfig,
		weights: &Weights,
		device: Device,
		on_processor: bool,
	) -> Result<Self, WeightsError> {
		let loader = Loader {
			weights,
			device: &device,
			shared: on_processor,
		};
		let table = [config.vocab_size, config.hidden_size];
		let [embed, output] = ["model.embed_tokens.weight", "lm_head.weight"];
		// Tied models may be stored with either name, or with both; where two matrices differ, the flag
		// is wrong, and `transformers` uses both.
		let tied = config.tied_embeddings;
		let embedding = match tied && !weights.contains(embed) && weights.contains(output) {
			true => loader.matrix(output, table)?,
			false => loader.matrix(embed, table)?,
		};
		let head = match tied
			&& (!weights.contains(output)
				|| !weights.contains(embed)
				|| weights.are_same(embed, output))
		{
			true => embedding.clone(),
			false => loader.matrix(output, table)?,
		};
		let layers = (0..config.layers)
			.map(|layer| DecoderLayer::load(&loader, &config, layer))
			.collect::<Result<_, _>>()?;
		let norm = RmsNorm::load(
			&loader,
			"model.norm.weight",
			config.hidden_size,
			config.rms_norm_eps,
		)?;
		weights.check_all_used()?;
		let rope = Rope::new(&config);
		Ok(Self {
			config,
			device,
			embedding,
			layers,
			norm,
			head,
			rope,
			fixed_span: !on_processor,
		})
	}

	pub(crate) fn config(&self) -> &ModelConfig {
		&self.config
	}

	/// An empty cache with room for `tokens` to begin with and never more than `limit`.
	pub(crate) fn cache(&self, tokens: usize, limit: usize) -> Cache {
		Cache::new(&self.config, tokens, limit, &self.device)
	}

	/// Continues the sequence in `cache` by `ids`, and gives the hidden states after the last norm,
	/// `[ids, hidden]`. `observe` sees the stream `[ids, hidden]` before each layer, then after the
	/// last one: number 0 is the embedding, number `i` the output of the `i`th layer.
	pub(crate) fn forward(
		&self,
		ids: &[TokenId],
		cache: &mut Cache,
		mut observe: impl FnMut(usize, &Tensor<2>),
	) -> Tensor<2> {
		cache.reserve(ids.len());
		let start = cache.len();
		let end = start + ids.len();
		let span = if self.fixed_span {
			cache.capacity()
		} else {
			end
		};
		let rotation = self.rope.rotation(start, ids.len(), &self.device);
		let masks = Masks::new(&self.config.windows, start, ids.len(), span, &self.device);

		let indices: Vec<i32> = ids.iter().map(|id| *id as i32).collect();
		let indices = TensorData::new(indices, [ids.len()]);
		let mut stream = self
			.embedding
			.rows(Tensor::<1, Int>::from_data(indices, &self.device));
		for (number, (layer, cache)) in self.layers.iter().zip(cache.layers()).enumerate() {
			observe(number, &stream);
			stream = layer.forward(stream, &rotation, &masks, cache);
		}
		observe(self.layers.len(), &stream);
		cache.advance(ids.len());
		self.norm.forward(stream)
	}

	/// Logits of hidden states after the last norm: `[T, hidden]` → `[T, vocab]`.
	pub(crate) fn logits(&self, hidden: Tensor<2>) -> Tensor<2> {
		self.head.apply(hidden)
	}

	/// Hidden states that lie in memory, as a tensor `[T, hidden]`.
	pub(crate) fn hidden(&self, rows: &[f32]) -> Tensor<2> {
		let width = self.config.hidden_size;
		let data = TensorData::new(rows.to_vec(), [rows.len() / width, width]);
		Tensor::from_data(data, &self.device)
	}
}

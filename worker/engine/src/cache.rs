//! Keys and values of the tokens seen so far.
//!
//! Capacities are powers of two, filled in place: a token costs the same whatever came before, and
//! shapes repeat from request to request.

use burn::tensor::{Device, Tensor};
use infergrid_checkpoint::ModelConfig;

/// The smallest capacity.
const MIN_CAPACITY: usize = 256;

/// Keys and values of one sequence in all layers.
#[derive(Debug)]
pub struct Cache {
	layers: Vec<LayerCache>,
	length: usize,
	capacity: usize,
	limit: usize,
}

/// Keys and values of one layer: each `[kv_heads, capacity, head_dim]`.
#[derive(Debug)]
pub(crate) struct LayerCache {
	keys: Tensor<3>,
	values: Tensor<3>,
}

impl Cache {
	/// An empty cache with room for `tokens`, to begin with.
	pub(crate) fn new(config: &ModelConfig, tokens: usize, limit: usize, device: &Device) -> Self {
		let capacity = bucket(tokens, limit);
		let shape = [config.kv_heads, capacity, config.head_dim];
		let layer = || LayerCache {
			keys: Tensor::zeros(shape, device),
			values: Tensor::zeros(shape, device),
		};
		Self {
			layers: (0..config.layers).map(|_| layer()).collect(),
			length: 0,
			capacity,
			limit,
		}
	}

	/// Tokens in the cache.
	pub fn len(&self) -> usize {
		self.length
	}

	/// Whether no token is in the cache.
	pub fn is_empty(&self) -> bool {
		self.length == 0
	}

	/// Tokens that fit before the cache grows.
	pub fn capacity(&self) -> usize {
		self.capacity
	}

	/// Forgets all tokens after the first `length`.
	pub fn truncate(&mut self, length: usize) {
		self.length = self.length.min(length);
	}

	/// Makes room for `tokens` more. Doubling keeps the copying below one copy per token.
	pub(crate) fn reserve(&mut self, tokens: usize) {
		let needed = self.length + tokens;
		if needed <= self.capacity {
			return;
		}
		let capacity = bucket(needed, self.limit.max(needed));
		for layer in &mut self.layers {
			layer.keys.inplace(|old| grown(old, self.length, capacity));
			layer
				.values
				.inplace(|old| grown(old, self.length, capacity));
		}
		self.capacity = capacity;
	}

	pub(crate) fn layers(&mut self) -> impl Iterator<Item = &mut LayerCache> {
		self.layers.iter_mut()
	}

	/// Counts `tokens` that every layer has appended.
	pub(crate) fn advance(&mut self, tokens: usize) {
		self.length += tokens;
	}
}

impl LayerCache {
	/// Writes keys and values `[kv_heads, T, head_dim]` at position `at` and gives views of the first
	/// `span` positions. The views must be dropped before the next call, or it copies the cache.
	pub(crate) fn append(
		&mut self,
		at: usize,
		keys: Tensor<3>,
		values: Tensor<3>,
		span: usize,
	) -> (Tensor<3>, Tensor<3>) {
		let [heads, tokens, width] = keys.dims();
		let place = [0..heads, at..at + tokens, 0..width];
		self.keys
			.inplace(|all| all.slice_assign(place.clone(), keys));
		self.values.inplace(|all| all.slice_assign(place, values));
		let seen = [0..heads, 0..span, 0..width];
		(
			self.keys.clone().slice(seen.clone()),
			self.values.clone().slice(seen),
		)
	}
}

fn bucket(tokens: usize, limit: usize) -> usize {
	tokens
		.next_power_of_two()
		.max(MIN_CAPACITY)
		.min(limit.max(1))
}

fn grown(old: Tensor<3>, length: usize, capacity: usize) -> Tensor<3> {
	let [heads, _, width] = old.dims();
	let used = [0..heads, 0..length, 0..width];
	Tensor::zeros([heads, capacity, width], &old.device())
		.slice_assign(used.clone(), old.slice(used))
}

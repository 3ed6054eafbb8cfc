//! A loaded model, ready to answer and to re-check answers.

use crate::{cache::Cache, device::Device, error::LoadError, linear::floats, memory, model::Model};
use burn::tensor::Tensor;
use infergrid_checkpoint::{Checkpoint, ModelConfig, Weights};
use infergrid_primitives::TokenId;
use infergrid_proof::{ComputeError, Memory, Watcher, panic_message};
use std::{
	ops::{ControlFlow, Range},
	panic::{AssertUnwindSafe, catch_unwind},
	path::Path,
	sync::Arc,
};

/// Most tokens that pass through the model at once: enough that matrix products are not bound by
/// memory.
const PREFILL_CHUNK: usize = 256;
/// Least of them, however long the context.
const MIN_PREFILL_CHUNK: usize = 16;
/// Attention scores of one layer held at once.
const SCORES: usize = 8 << 20;
/// Logits held at once while many positions are looked at.
const LOGITS_SLAB: usize = 16 << 20;

/// A model on a device. Meant for one dedicated thread: calls are long and block.
#[derive(Debug)]
pub struct Engine {
	checkpoint: Arc<Checkpoint>,
	model: Model,
	device: Device,
	memory: Memory,
}

/// What a model computes for a sequence.
#[derive(Clone, Debug)]
pub struct Forward {
	/// `[T, vocab]`, row-major.
	pub logits: Vec<f32>,
	/// For 0 to `layers`, `[T, hidden]`: 0 is the embedding, the last one comes after the final norm.
	pub hidden_states: Vec<Vec<f32>>,
}

impl Engine {
	/// Loads the Hugging Face directory at `directory` onto `device`.
	pub fn load(directory: impl AsRef<Path>, device: Device) -> Result<Self, LoadError> {
		let checkpoint = Checkpoint::open(&directory)?;
		let weights = Weights::open(&directory)?;
		let tensors = device.open()?;
		// Before the weights are there: what they take is part of the sum.
		let memory = needed(&checkpoint.config, memory::available(device));
		memory.check(1)?;
		let on_processor = device == Device::Cpu;
		let model = Model::load(checkpoint.config.clone(), &weights, tensors, on_processor)?;
		Ok(Self {
			checkpoint: Arc::new(checkpoint),
			model,
			device,
			memory,
		})
	}

	/// The model's files.
	pub fn checkpoint(&self) -> &Arc<Checkpoint> {
		&self.checkpoint
	}

	/// The memory of the device, and what the model takes of it.
	pub fn memory(&self) -> Memory {
		self.memory
	}

	/// The model's hyper-parameters.
	pub fn config(&self) -> &ModelConfig {
		self.model.config()
	}

	/// Where the model runs.
	pub fn device(&self) -> Device {
		self.device
	}

	/// An empty cache for [`Engine::extend`], with room for `tokens` before it grows.
	pub fn cache(&self, tokens: usize) -> Cache {
		self.model.cache(tokens, self.config().context)
	}

	/// Continues the sequence in `cache` by `ids` and gives the hidden state after the last norm from
	/// which the next token follows, `[hidden]`.
	pub fn extend(&self, ids: &[TokenId], cache: &mut Cache) -> Result<Vec<f32>, ComputeError> {
		self.extend_watched(ids, cache, &mut |_| ControlFlow::Continue(()))
	}

	/// As [`Self::extend`], with a rest for `watcher` between two pieces.
	pub(crate) fn extend_watched(
		&self,
		ids: &[TokenId],
		cache: &mut Cache,
		watcher: &mut dyn Watcher,
	) -> Result<Vec<f32>, ComputeError> {
		self.check_tokens(ids, self.config().context.saturating_sub(cache.len()))?;
		let mut last = Vec::new();
		for piece in self.pieces(cache.len(), ids.len()) {
			if piece.start > 0 {
				watcher.rest()?;
			}
			let is_last = piece.end == ids.len();
			let rows = self.guarded(|| {
				let rows = self.model.forward(&ids[piece], cache, |_, _| {});
				is_last.then(|| last_row(rows))
			})?;
			last.extend(rows.into_iter().flatten());
		}
		Ok(last)
	}

	/// Cuts `count` tokens that come after `start` others into the pieces that pass at once.
	fn pieces(&self, start: usize, count: usize) -> Vec<Range<usize>> {
		let mut pieces = Vec::new();
		let mut at = 0;
		while at < count {
			let row = self.config().heads * (start + at + PREFILL_CHUNK);
			let tokens = (SCORES / row).clamp(MIN_PREFILL_CHUNK, PREFILL_CHUNK);
			let end = (at + tokens).min(count);
			pieces.push(at..end);
			at = end;
		}
		pieces
	}

	/// Logits of a hidden state after the last norm: `[hidden]` → `[vocab]`.
	pub fn logits(&self, hidden: &[f32]) -> Result<Vec<f32>, ComputeError> {
		self.guarded(|| values(self.model.logits(self.model.hidden(hidden))))
	}

	/// Logits of many hidden states, given to `visit` in slabs: the number of a slab's first state,
	/// and `[states, vocab]`. Memory stays bounded whatever their number.
	pub(crate) fn each_logits(
		&self,
		rows: &[f32],
		mut visit: impl FnMut(usize, &[f32]) -> Result<(), ComputeError>,
	) -> Result<(), ComputeError> {
		let (hidden, vocab) = (self.config().hidden_size, self.config().vocab_size);
		let slab = (LOGITS_SLAB / vocab).max(1);
		for (number, rows) in rows.chunks(slab * hidden).enumerate() {
			let logits = self.guarded(|| self.model.logits(self.model.hidden(rows)).into_data())?;
			visit(number * slab, floats(&logits))?;
		}
		Ok(())
	}

	/// Passes `ids` through the model from the start, chunk by chunk: `rows` sees the position of a
	/// chunk's first token and the chunk's hidden states after the last norm, `observe` a layer's
	/// number as [`Forward::hidden_states`] counts, the same position, and the stream there. Between
	/// two chunks `watcher` has its turn.
	pub(crate) fn prefill(
		&self,
		ids: &[TokenId],
		mut observe: impl FnMut(usize, usize, &Tensor<2>) + Send,
		mut rows: impl FnMut(usize, Tensor<2>) + Send,
		watcher: &mut dyn Watcher,
	) -> Result<(), ComputeError> {
		self.check_tokens(ids, self.config().context)?;
		let mut cache = self.guarded(|| self.cache(ids.len()))?;
		for piece in self.pieces(0, ids.len()) {
			watcher.rest()?;
			let start = piece.start;
			self.guarded(|| {
				let stream = self
					.model
					.forward(&ids[piece], &mut cache, |layer, stream| {
						observe(layer, start, stream);
					});
				rows(start, stream);
			})?;
		}
		Ok(())
	}

	/// Logits and all hidden states of a sequence, for comparison with a reference.
	pub fn forward(&self, ids: &[TokenId]) -> Result<Forward, ComputeError> {
		let layers = self.config().layers;
		let mut hidden_states = vec![Vec::new(); layers + 1];
		let mut last = Vec::new();
		self.prefill(
			ids,
			|layer, _, stream| {
				if layer < layers {
					hidden_states[layer].extend(values(stream.clone()));
				}
			},
			|_, stream| last.extend(values(stream)),
			&mut |_| ControlFlow::Continue(()),
		)?;
		let mut logits = Vec::with_capacity(ids.len() * self.config().vocab_size);
		self.each_logits(&last, |_, slab| {
			logits.extend_from_slice(slab);
			Ok(())
		})?;
		hidden_states[layers] = last;
		Ok(Forward {
			logits,
			hidden_states,
		})
	}

	pub(crate) fn check_tokens(&self, ids: &[TokenId], room: usize) -> Result<(), ComputeError> {
		let config = self.config();
		if ids.is_empty() {
			return Err(ComputeError::EmptyPrompt);
		}
		if let Some(token) = ids.iter().find(|id| **id as usize >= config.vocab_size) {
			return Err(ComputeError::UnknownToken {
				token: *token,
				vocab: config.vocab_size,
			});
		}
		if ids.len() > room {
			return Err(ComputeError::ContextFull {
				tokens: ids.len(),
				context: room,
			});
		}
		Ok(())
	}

	/// A device that fails, fails by a panic inside the tensor library.
	///
	/// On the processor everything runs inside the thread pool: each of the hundreds of parallel
	/// products of a token then starts at once, instead of waking the pool and waiting for it. A GPU
	/// is driven from the caller's thread, because each thread has its own stream of work.
	fn guarded<T: Send>(&self, compute: impl FnOnce() -> T + Send) -> Result<T, ComputeError> {
		let run = || match self.device {
			Device::Cpu => rayon::scope(|_| compute()),
			Device::Cuda(_) => compute(),
		};
		catch_unwind(AssertUnwindSafe(run)).map_err(|panic| ComputeError::Crashed {
			reason: panic_message(&*panic),
			in_a_row: 1,
		})
	}
}

/// What a model takes of the memory that is `available`; it is enough where nobody knows.
fn needed(config: &ModelConfig, available: Option<u64>) -> Memory {
	let activations = PREFILL_CHUNK * (8 * config.hidden_size + 3 * config.intermediate_size);
	// Scores exist as products, as weights and in between; logits on the device and off it.
	let scratch = 3 * SCORES + 2 * LOGITS_SLAB + activations;
	Memory {
		available: available.unwrap_or(u64::MAX),
		weights: Weights::f32_bytes(config),
		scratch: (scratch * size_of::<f32>()) as u64,
		per_token: config.kv_bytes_per_token(),
		context: config.context as u64,
	}
}

/// The tensor's values, row-major.
pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
	floats(&tensor.into_data()).to_vec()
}

fn last_row(rows: Tensor<2>) -> Vec<f32> {
	let [tokens, width] = rows.dims();
	values(rows.slice([tokens - 1..tokens, 0..width]))
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::random::{half_billion_config, write_random_checkpoint};

	/// An engine with the half billion's many heads and long context, and little else.
	fn narrow() -> Engine {
		let directory = tempfile::tempdir().unwrap();
		let mut config = half_billion_config();
		for (field, value) in [
			("hidden_size", 56),
			("vocab_size", 64),
			("intermediate_size", 8),
		] {
			config[field] = value.into();
		}
		write_random_checkpoint(directory.path(), &config, 0).unwrap();
		Engine::load(directory.path(), Device::Cpu).unwrap()
	}

	#[test]
	fn long_contexts_pass_in_smaller_pieces_and_none_is_lost() {
		let engine = narrow();
		for (start, count) in [
			(0, 1),
			(0, 256),
			(0, 257),
			(3, 700),
			(0, 32_768),
			(30_000, 900),
		] {
			let mut next = 0;
			for piece in engine.pieces(start, count) {
				assert_eq!(piece.start, next);
				let tokens = piece.len();
				assert!(tokens * engine.config().heads * (start + piece.end) <= SCORES);
				next = piece.end;
			}
			assert_eq!(next, count);
		}
		assert_eq!(engine.pieces(0, 200), std::slice::from_ref(&(0..200)));
	}

	/// Stops the computation at its `left`th rest from now.
	struct StopAt {
		left: usize,
	}

	impl Watcher for StopAt {
		fn token(&mut self, _: TokenId) -> Result<(), ComputeError> {
			Ok(())
		}

		fn rest(&mut self) -> Result<(), ComputeError> {
			self.left -= 1;
			match self.left {
				0 => Err(ComputeError::TooLate),
				_ => Ok(()),
			}
		}
	}

	#[test]
	fn reading_rests_between_two_pieces_and_can_be_stopped_there() {
		let engine = narrow();
		let ids = vec![3; 600];
		let stopped = |rests: Result<(), ComputeError>| matches!(rests, Err(ComputeError::TooLate));
		let extend = |left| {
			let mut cache = engine.cache(ids.len());
			engine
				.extend_watched(&ids, &mut cache, &mut StopAt { left })
				.map(drop)
		};
		assert!(stopped(extend(1)) && stopped(extend(2)));
		assert!(
			extend(3).is_ok(),
			"three pieces have two rests between them"
		);
		let prefill = |left| engine.prefill(&ids, |_, _, _| {}, |_, _| {}, &mut StopAt { left });
		assert!(stopped(prefill(1)) && stopped(prefill(3)));
		assert!(prefill(4).is_ok());
	}

	#[test]
	fn weights_cache_and_scratch_must_all_fit() {
		let directory = tempfile::tempdir().unwrap();
		let mut config = half_billion_config();
		config["vocab_size"] = 64.into();
		config["num_hidden_layers"] = 1.into();
		write_random_checkpoint(directory.path(), &config, 0).unwrap();
		let config = Checkpoint::open(directory.path()).unwrap().config;
		let fixed = needed(&config, Some(0));
		let base = fixed.weights + fixed.scratch;
		assert!(needed(&config, Some(base)).check(1).is_err());
		let room = |tokens| needed(&config, Some(base + tokens * config.kv_bytes_per_token()));
		assert_eq!(room(2_048).check(2_048), Ok(()));
		let refused = room(2_047).check(2_048).unwrap_err().to_string();
		assert!(refused.contains("context of at most 1024"), "{refused}");
		assert_eq!(needed(&config, None).check(config.context as u64), Ok(()));
	}

	#[test]
	fn an_engine_can_move_to_its_thread() {
		fn can_move<T: Send + 'static>() {}
		can_move::<Engine>();
	}
}

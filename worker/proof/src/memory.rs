//! Whether there is memory for what a profile allows.

/// Memory of the device that computes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
	/// Free before the model was loaded; `u64::MAX` where nobody knows.
	pub available: u64,
	/// What the weights take.
	pub weights: u64,
	/// What a computation takes beside weights and cache.
	pub scratch: u64,
	/// What a cached token takes: its keys and values in all layers.
	pub per_token: u64,
	/// The model's context in tokens: no cache is made for more.
	pub context: u64,
}

/// A context for which there is not enough memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
	"a context of {context} tokens needs {} of memory ({} for weights, {} for keys and values, {} to \
	 compute), but {} are free; {}",
	bytes(*.needed), bytes(.memory.weights), bytes(*.cache), bytes(.memory.scratch),
	bytes(.memory.available), remedy(.memory)
)]
pub struct NotEnoughMemory {
	/// The tokens.
	pub context: u64,
	/// Bytes for them, weights included.
	pub needed: u64,
	/// Bytes for their keys and values.
	pub cache: u64,
	/// What there is.
	pub memory: Memory,
}

impl Memory {
	/// Bytes left for keys and values.
	pub fn room(&self) -> u64 {
		self.available
			.saturating_sub(self.weights)
			.saturating_sub(self.scratch)
	}

	/// Cached tokens for which there is room, those of all sequences together.
	pub fn tokens(&self) -> u64 {
		self.room() / self.per_token.max(1)
	}

	/// Tokens for which the cache of a sequence of `tokens` takes memory: caches double as they grow.
	pub fn cached(&self, tokens: u64) -> u64 {
		let doubled = tokens.checked_next_power_of_two().unwrap_or(u64::MAX);
		doubled.min(self.context.max(tokens))
	}

	/// The longest sequence that fits, in tokens.
	pub fn longest(&self) -> u64 {
		match self.tokens() {
			0 => 0,
			tokens if tokens >= self.context => self.context,
			tokens => 1 << tokens.ilog2(),
		}
	}

	/// Whether one sequence of `context` tokens fits.
	pub fn check(&self, context: u64) -> Result<(), NotEnoughMemory> {
		let tokens = self.cached(context);
		if tokens <= self.tokens() {
			return Ok(());
		}
		let cache = tokens.saturating_mul(self.per_token);
		Err(NotEnoughMemory {
			context,
			needed: cache
				.saturating_add(self.weights)
				.saturating_add(self.scratch),
			cache,
			memory: *self,
		})
	}
}

fn remedy(memory: &Memory) -> String {
	match memory.longest() {
		0 => "use a smaller model, free memory, or compute on another device".into(),
		tokens => format!(
			"serve a profile with a context of at most {tokens}, free memory, or compute on another \
			 device"
		),
	}
}

fn bytes(count: u64) -> String {
	match count {
		0..1_000_000 => format!("{} kB", count.div_ceil(1_000)),
		1_000_000..1_000_000_000 => format!("{:.1} MB", count as f64 / 1e6),
		_ => format!("{:.1} GB", count as f64 / 1e9),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const MEMORY: Memory = Memory {
		available: 2_000_000_000,
		weights: 1_000_000_000,
		scratch: 200_000_000,
		per_token: 100_000,
		context: 40_000,
	};

	#[test]
	fn a_context_fits_up_to_the_last_token() {
		assert_eq!(MEMORY.tokens(), 8_000);
		assert_eq!(MEMORY.check(4_096), Ok(()));
		assert_eq!(MEMORY.longest(), 4_096);
		// A cache for 4,097 tokens has room for 8,192.
		assert!(MEMORY.check(4_097).is_err());
		assert_eq!(
			MEMORY.check(32_768).unwrap_err().to_string(),
			"a context of 32768 tokens needs 4.5 GB of memory (1.0 GB for weights, 3.3 GB for keys and \
			 values, 200.0 MB to compute), but 2.0 GB are free; serve a profile with a context of at \
			 most 4096, free memory, or compute on another device"
		);
	}

	#[test]
	fn no_cache_is_larger_than_the_models_context() {
		let memory = Memory {
			context: 5_000,
			..MEMORY
		};
		assert_eq!(
			[4_000, 4_097, 5_000].map(|n| memory.cached(n)),
			[4_096, 5_000, 5_000]
		);
		assert_eq!(memory.check(5_000), Ok(()));
		assert_eq!(memory.longest(), 5_000);
	}

	#[test]
	fn no_room_for_the_weights_is_said_differently_and_unknown_memory_is_enough() {
		let small = Memory {
			available: 900_000,
			..MEMORY
		};
		let message = small.check(1).unwrap_err().to_string();
		assert!(message.contains("900 kB are free"), "{message}");
		assert!(message.contains("use a smaller model"), "{message}");
		let unknown = Memory {
			available: u64::MAX,
			..MEMORY
		};
		assert_eq!(unknown.check(40_000), Ok(()));
	}
}

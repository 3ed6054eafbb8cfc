//! Weights of `pallet_randomness`, written by `scripts/weights`: change the benchmarks, not this file.
//!
//! 2026-11-25, Intel(R) Xeon(R) Processor, 20 steps, 10 repetitions. Reference time in picoseconds,
//! proof size in bytes; database reads and writes cost what the runtime says.

use core::marker::PhantomData;
use polkadot_sdk::{
	frame_support::{
		traits::Get,
		weights::{Weight, constants::RocksDbWeight},
	},
	frame_system,
};

/// What each benchmarked call or piece of work costs.
pub trait WeightInfo {
	/// `on_initialize`.
	fn on_initialize() -> Weight;
}

/// The benchmarked weights with the runtime's database costs.
#[derive(Debug)]
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
	($db:ty) => {
		// Storage: `Babe::AuthorVrfRandomness` (r:1 w:0)
		// Proof: `Babe::AuthorVrfRandomness` (`max_values`: Some(1), `max_size`: Some(33), added: 528, mode: `MaxEncodedLen`)
		// Storage: `Randomness::Noted` (r:1 w:1)
		// Proof: `Randomness::Noted` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
		// Storage: `Randomness::Outputs` (r:0 w:1)
		// Proof: `Randomness::Outputs` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
		fn on_initialize() -> Weight {
			Weight::from_parts(14_000_000, 1_518)
				.saturating_add(<$db>::get().reads(2))
				.saturating_add(<$db>::get().writes(2))
		}
	};
}

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
	weights!(T::DbWeight);
}

impl WeightInfo for () {
	weights!(RocksDbWeight);
}

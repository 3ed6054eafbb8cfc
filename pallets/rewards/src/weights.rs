//! Weights of `pallet_rewards`, written by `scripts/weights`: change the benchmarks, not this file.
//!
//! 2026-11-21, Intel(R) Xeon(R) Processor, 20 steps, 10 repetitions. Reference time in picoseconds,
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
	/// `pay_held`.
	fn pay_held() -> Weight;
}

/// The benchmarked weights with the runtime's database costs.
#[derive(Debug)]
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
	($db:ty) => {
		// Storage: `Balances::Holds` (r:1 w:1)
		// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
		// Storage: `Models::Profiles` (r:1 w:0)
		// Proof: `Models::Profiles` (`max_values`: None, `max_size`: Some(180), added: 2655, mode: `MaxEncodedLen`)
		// Storage: `Models::Models` (r:1 w:0)
		// Proof: `Models::Models` (`max_values`: None, `max_size`: Some(245), added: 2720, mode: `MaxEncodedLen`)
		// Storage: `System::Account` (r:4 w:4)
		// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
		// Storage: `Rewards::Totals` (r:1 w:1)
		// Proof: `Rewards::Totals` (`max_values`: Some(1), `max_size`: Some(72), added: 567, mode: `MaxEncodedLen`)
		// Storage: `Rewards::Earned` (r:2 w:2)
		// Proof: `Rewards::Earned` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
		fn pay_held() -> Weight {
			Weight::from_parts(234_382_000, 11_402)
				.saturating_add(<$db>::get().reads(10))
				.saturating_add(<$db>::get().writes(8))
		}
	};
}

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
	weights!(T::DbWeight);
}

impl WeightInfo for () {
	weights!(RocksDbWeight);
}

//! Weights of the calls. Estimated from storage access, for at most 128 operators in a list and 16
//! profiles of a model; to be replaced by benchmarks on the reference machine.

use core::marker::PhantomData;
use frame_support::{
	traits::Get,
	weights::{Weight, constants::RocksDbWeight},
};
use polkadot_sdk::*;

/// Weights of `pallet-models`.
pub trait WeightInfo {
	/// Deposit included.
	fn register_model() -> Weight;
	/// Deposit included.
	fn register_profile() -> Weight;
	/// Into a full list of miners.
	fn set_offer() -> Weight;
	/// Out of a full list of miners.
	fn withdraw_offer() -> Weight;
	/// Into a full list of verifiers.
	fn stand() -> Weight;
	/// Out of a full list of verifiers.
	fn stand_down() -> Weight;
	/// Clearing a model with as many profiles and verifiers as there can be.
	fn retire_model() -> Weight;
	/// Drawing a miner from a full list.
	fn assign() -> Weight;
	/// Drawing a committee of `n` from a full list.
	fn draw_verifiers(n: u32) -> Weight;
	/// Giving capacity back.
	fn release() -> Weight;
}

/// Weights with the runtime's database costs.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
	($db:ty) => {
		fn register_model() -> Weight {
			Weight::from_parts(45_000_000, 4_200)
				.saturating_add(<$db>::get().reads(2))
				.saturating_add(<$db>::get().writes(2))
		}
		fn register_profile() -> Weight {
			Weight::from_parts(70_000_000, 8_000)
				.saturating_add(<$db>::get().reads(4))
				.saturating_add(<$db>::get().writes(4))
		}
		fn set_offer() -> Weight {
			Weight::from_parts(600_000_000, 340_000)
				.saturating_add(<$db>::get().reads(135))
				.saturating_add(<$db>::get().writes(3))
		}
		fn withdraw_offer() -> Weight {
			Weight::from_parts(35_000_000, 8_000)
				.saturating_add(<$db>::get().reads(3))
				.saturating_add(<$db>::get().writes(2))
		}
		fn stand() -> Weight {
			Weight::from_parts(590_000_000, 340_000)
				.saturating_add(<$db>::get().reads(133))
				.saturating_add(<$db>::get().writes(1))
		}
		fn stand_down() -> Weight {
			Weight::from_parts(30_000_000, 8_000)
				.saturating_add(<$db>::get().reads(2))
				.saturating_add(<$db>::get().writes(1))
		}
		fn retire_model() -> Weight {
			Weight::from_parts(900_000_000, 70_000)
				.saturating_add(<$db>::get().reads(36))
				.saturating_add(<$db>::get().writes(37))
		}
		fn assign() -> Weight {
			Weight::from_parts(1_500_000_000, 700_000)
				.saturating_add(<$db>::get().reads(258))
				.saturating_add(<$db>::get().writes(1))
		}
		fn draw_verifiers(n: u32) -> Weight {
			Weight::from_parts(650_000_000, 340_000)
				.saturating_add(Weight::from_parts(12_000_000, 0).saturating_mul(n.into()))
				.saturating_add(<$db>::get().reads(130))
		}
		fn release() -> Weight {
			Weight::from_parts(20_000_000, 8_000)
				.saturating_add(<$db>::get().reads(2))
				.saturating_add(<$db>::get().writes(1))
		}
	};
}

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
	weights!(T::DbWeight);
}

impl WeightInfo for () {
	weights!(RocksDbWeight);
}

//! Weights of the calls. Estimated from storage access and signature checks, for at most 256 candidates
//! and 16 worker keys of an operator; to be replaced by benchmarks on the reference machine.

use core::marker::PhantomData;
use frame_support::{
	traits::Get,
	weights::{Weight, constants::RocksDbWeight},
};
use polkadot_sdk::*;

/// Weights of `pallet-role-staking`.
pub trait WeightInfo {
	/// With a full list of candidates.
	fn bond() -> Weight;
	/// With a full list of candidates.
	fn unbond() -> Weight;
	/// Of the last money, with as many worker keys as there can be.
	fn withdraw_unbonded() -> Weight;
	/// Signature included.
	fn pair_worker() -> Weight;
	/// With as many worker keys as there can be.
	fn unpair_worker() -> Weight;
	/// Slash and ejection of `n` offenders.
	fn on_offence(n: u32) -> Weight;
}

/// Weights with the runtime's database costs.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
	($db:ty) => {
		fn bond() -> Weight {
			Weight::from_parts(360_000_000, 600_000)
				.saturating_add(<$db>::get().reads(260))
				.saturating_add(<$db>::get().writes(4))
		}
		fn unbond() -> Weight {
			Weight::from_parts(40_000_000, 14_000)
				.saturating_add(<$db>::get().reads(4))
				.saturating_add(<$db>::get().writes(2))
		}
		fn withdraw_unbonded() -> Weight {
			Weight::from_parts(75_000_000, 30_000)
				.saturating_add(<$db>::get().reads(22))
				.saturating_add(<$db>::get().writes(22))
		}
		fn pair_worker() -> Weight {
			Weight::from_parts(85_000_000, 9_000)
				.saturating_add(<$db>::get().reads(6))
				.saturating_add(<$db>::get().writes(2))
		}
		fn unpair_worker() -> Weight {
			Weight::from_parts(25_000_000, 5_000)
				.saturating_add(<$db>::get().reads(2))
				.saturating_add(<$db>::get().writes(2))
		}
		fn on_offence(n: u32) -> Weight {
			Weight::from_parts(20_000_000, 10_000)
				.saturating_add(Weight::from_parts(110_000_000, 12_000).saturating_mul(n.into()))
				.saturating_add(
					<$db>::get().reads(u64::from(n).saturating_mul(11).saturating_add(1)),
				)
				.saturating_add(<$db>::get().writes(u64::from(n).saturating_mul(10)))
		}
	};
}

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
	weights!(T::DbWeight);
}

impl WeightInfo for () {
	weights!(RocksDbWeight);
}

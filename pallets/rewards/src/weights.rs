//! Weight of a payment. Estimated from storage access; to be replaced by benchmarks on the reference
//! machine.

use core::marker::PhantomData;
use frame_support::{
	traits::Get,
	weights::{Weight, constants::RocksDbWeight},
};
use polkadot_sdk::*;

/// Weights of `pallet-rewards`.
pub trait WeightInfo {
	/// Sharing a fee out to three accounts that exist.
	fn pay_held() -> Weight;
}

/// Weights with the runtime's database costs.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
	($db:ty) => {
		fn pay_held() -> Weight {
			Weight::from_parts(190_000_000, 14_000)
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

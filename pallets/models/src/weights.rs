//! Weights of `pallet_models`, written by `scripts/weights`: change the benchmarks, not this file.
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
	/// `register_model`.
	fn register_model() -> Weight;
	/// `register_profile`.
	fn register_profile() -> Weight;
	/// `set_offer`.
	fn set_offer() -> Weight;
	/// `withdraw_offer`.
	fn withdraw_offer() -> Weight;
	/// `stand`.
	fn stand() -> Weight;
	/// `stand_down`.
	fn stand_down() -> Weight;
	/// `retire_model`.
	fn retire_model() -> Weight;
	/// `assign`.
	fn assign() -> Weight;
	/// `draw_verifiers`, n from 1 to 4.
	fn draw_verifiers(n: u32) -> Weight;
	/// `release`.
	fn release() -> Weight;
}

/// The benchmarked weights with the runtime's database costs.
#[derive(Debug)]
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
	($db:ty) => {
		// Storage: `Models::Models` (r:1 w:1)
		// Proof: `Models::Models` (`max_values`: None, `max_size`: Some(245), added: 2720, mode: `MaxEncodedLen`)
		// Storage: `Balances::Holds` (r:1 w:1)
		// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
		fn register_model() -> Weight {
			Weight::from_parts(83_536_000, 3_710)
				.saturating_add(<$db>::get().reads(2))
				.saturating_add(<$db>::get().writes(2))
		}
		// Storage: `Models::Profiles` (r:1 w:1)
		// Proof: `Models::Profiles` (`max_values`: None, `max_size`: Some(180), added: 2655, mode: `MaxEncodedLen`)
		// Storage: `Models::Models` (r:1 w:1)
		// Proof: `Models::Models` (`max_values`: None, `max_size`: Some(245), added: 2720, mode: `MaxEncodedLen`)
		// Storage: `Models::ProfilesOf` (r:1 w:1)
		// Proof: `Models::ProfilesOf` (`max_values`: None, `max_size`: Some(561), added: 3036, mode: `MaxEncodedLen`)
		// Storage: `Balances::Holds` (r:1 w:1)
		// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
		fn register_profile() -> Weight {
			Weight::from_parts(125_278_000, 4_026)
				.saturating_add(<$db>::get().reads(4))
				.saturating_add(<$db>::get().writes(4))
		}
		// Storage: `RoleStaking::Workers` (r:1 w:0)
		// Proof: `RoleStaking::Workers` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
		// Storage: `Models::Profiles` (r:1 w:0)
		// Proof: `Models::Profiles` (`max_values`: None, `max_size`: Some(180), added: 2655, mode: `MaxEncodedLen`)
		// Storage: `Models::Models` (r:1 w:0)
		// Proof: `Models::Models` (`max_values`: None, `max_size`: Some(245), added: 2720, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::Bonds` (r:65 w:0)
		// Proof: `RoleStaking::Bonds` (`max_values`: None, `max_size`: Some(734), added: 3209, mode: `MaxEncodedLen`)
		// Storage: `Session::CurrentIndex` (r:1 w:0)
		// Proof: `Session::CurrentIndex` (`max_values`: Some(1), `max_size`: None, mode: `Measured`)
		// Storage: `Models::Miners` (r:1 w:1)
		// Proof: `Models::Miners` (`max_values`: None, `max_size`: Some(2098), added: 4573, mode: `MaxEncodedLen`)
		// Storage: `Models::Offers` (r:2 w:2)
		// Proof: `Models::Offers` (`max_values`: None, `max_size`: Some(332), added: 2807, mode: `MaxEncodedLen`)
		fn set_offer() -> Weight {
			Weight::from_parts(616_246_000, 209_575)
				.saturating_add(<$db>::get().reads(72))
				.saturating_add(<$db>::get().writes(3))
		}
		// Storage: `RoleStaking::Workers` (r:1 w:0)
		// Proof: `RoleStaking::Workers` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
		// Storage: `Models::Miners` (r:1 w:1)
		// Proof: `Models::Miners` (`max_values`: None, `max_size`: Some(2098), added: 4573, mode: `MaxEncodedLen`)
		// Storage: `Models::Offers` (r:1 w:1)
		// Proof: `Models::Offers` (`max_values`: None, `max_size`: Some(332), added: 2807, mode: `MaxEncodedLen`)
		fn withdraw_offer() -> Weight {
			Weight::from_parts(87_274_000, 5_563)
				.saturating_add(<$db>::get().reads(3))
				.saturating_add(<$db>::get().writes(2))
		}
		// Storage: `RoleStaking::Workers` (r:1 w:0)
		// Proof: `RoleStaking::Workers` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
		// Storage: `Models::Profiles` (r:1 w:0)
		// Proof: `Models::Profiles` (`max_values`: None, `max_size`: Some(180), added: 2655, mode: `MaxEncodedLen`)
		// Storage: `Models::Models` (r:1 w:0)
		// Proof: `Models::Models` (`max_values`: None, `max_size`: Some(245), added: 2720, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::Bonds` (r:65 w:0)
		// Proof: `RoleStaking::Bonds` (`max_values`: None, `max_size`: Some(734), added: 3209, mode: `MaxEncodedLen`)
		// Storage: `Session::CurrentIndex` (r:1 w:0)
		// Proof: `Session::CurrentIndex` (`max_values`: Some(1), `max_size`: None, mode: `Measured`)
		// Storage: `Models::Verifiers` (r:1 w:1)
		// Proof: `Models::Verifiers` (`max_values`: None, `max_size`: Some(2098), added: 4573, mode: `MaxEncodedLen`)
		fn stand() -> Weight {
			Weight::from_parts(619_916_000, 209_575)
				.saturating_add(<$db>::get().reads(70))
				.saturating_add(<$db>::get().writes(1))
		}
		// Storage: `RoleStaking::Workers` (r:1 w:0)
		// Proof: `RoleStaking::Workers` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
		// Storage: `Models::Verifiers` (r:1 w:1)
		// Proof: `Models::Verifiers` (`max_values`: None, `max_size`: Some(2098), added: 4573, mode: `MaxEncodedLen`)
		fn stand_down() -> Weight {
			Weight::from_parts(56_909_000, 5_563)
				.saturating_add(<$db>::get().reads(2))
				.saturating_add(<$db>::get().writes(1))
		}
		// Storage: `Models::Models` (r:1 w:1)
		// Proof: `Models::Models` (`max_values`: None, `max_size`: Some(245), added: 2720, mode: `MaxEncodedLen`)
		// Storage: `Models::ProfilesOf` (r:1 w:1)
		// Proof: `Models::ProfilesOf` (`max_values`: None, `max_size`: Some(561), added: 3036, mode: `MaxEncodedLen`)
		// Storage: `Models::Miners` (r:16 w:16)
		// Proof: `Models::Miners` (`max_values`: None, `max_size`: Some(2098), added: 4573, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::Bonds` (r:64 w:0)
		// Proof: `RoleStaking::Bonds` (`max_values`: None, `max_size`: Some(734), added: 3209, mode: `MaxEncodedLen`)
		// Storage: `Models::Offers` (r:1024 w:1024)
		// Proof: `Models::Offers` (`max_values`: None, `max_size`: Some(332), added: 2807, mode: `MaxEncodedLen`)
		// Storage: `Balances::Holds` (r:1 w:1)
		// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
		// Storage: `Models::Verifiers` (r:16 w:16)
		// Proof: `Models::Verifiers` (`max_values`: None, `max_size`: Some(2098), added: 4573, mode: `MaxEncodedLen`)
		// Storage: `Models::Profiles` (r:0 w:16)
		// Proof: `Models::Profiles` (`max_values`: None, `max_size`: Some(180), added: 2655, mode: `MaxEncodedLen`)
		fn retire_model() -> Weight {
			Weight::from_parts(15_290_746_000, 2_875_358)
				.saturating_add(<$db>::get().reads(1123))
				.saturating_add(<$db>::get().writes(1075))
		}
		// Storage: `Models::Miners` (r:1 w:0)
		// Proof: `Models::Miners` (`max_values`: None, `max_size`: Some(2098), added: 4573, mode: `MaxEncodedLen`)
		// Storage: `Models::Offers` (r:64 w:1)
		// Proof: `Models::Offers` (`max_values`: None, `max_size`: Some(332), added: 2807, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::Bonds` (r:64 w:0)
		// Proof: `RoleStaking::Bonds` (`max_values`: None, `max_size`: Some(734), added: 3209, mode: `MaxEncodedLen`)
		// Storage: `Session::CurrentIndex` (r:1 w:0)
		// Proof: `Session::CurrentIndex` (`max_values`: Some(1), `max_size`: None, mode: `Measured`)
		fn assign() -> Weight {
			Weight::from_parts(1_020_297_000, 206_366)
				.saturating_add(<$db>::get().reads(130))
				.saturating_add(<$db>::get().writes(1))
		}
		// Storage: `Models::Verifiers` (r:1 w:0)
		// Proof: `Models::Verifiers` (`max_values`: None, `max_size`: Some(2098), added: 4573, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::Bonds` (r:64 w:0)
		// Proof: `RoleStaking::Bonds` (`max_values`: None, `max_size`: Some(734), added: 3209, mode: `MaxEncodedLen`)
		// Storage: `Session::CurrentIndex` (r:1 w:0)
		// Proof: `Session::CurrentIndex` (`max_values`: Some(1), `max_size`: None, mode: `Measured`)
		fn draw_verifiers(n: u32) -> Weight {
			Weight::from_parts(515_225_257, 206_366)
				.saturating_add(Weight::from_parts(97_100, 0).saturating_mul(n.into()))
				.saturating_add(<$db>::get().reads(66))
		}
		// Storage: `Models::Offers` (r:1 w:1)
		// Proof: `Models::Offers` (`max_values`: None, `max_size`: Some(332), added: 2807, mode: `MaxEncodedLen`)
		// Storage: `Models::Miners` (r:1 w:0)
		// Proof: `Models::Miners` (`max_values`: None, `max_size`: Some(2098), added: 4573, mode: `MaxEncodedLen`)
		fn release() -> Weight {
			Weight::from_parts(40_104_000, 5_563)
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

//! Weights of `pallet_role_staking`, written by `scripts/weights`: change the benchmarks, not this file.
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
	/// `bond`.
	fn bond() -> Weight;
	/// `unbond`.
	fn unbond() -> Weight;
	/// `withdraw_unbonded`.
	fn withdraw_unbonded() -> Weight;
	/// `pair_worker`.
	fn pair_worker() -> Weight;
	/// `unpair_worker`.
	fn unpair_worker() -> Weight;
	/// `cancel_slash`.
	fn cancel_slash() -> Weight;
	/// `note_author`.
	fn note_author() -> Weight;
	/// `on_offence`, n from 1 to 100.
	fn on_offence(n: u32) -> Weight;
}

/// The benchmarked weights with the runtime's database costs.
#[derive(Debug)]
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
	($db:ty) => {
		// Storage: `Session::CurrentIndex` (r:1 w:0)
		// Proof: `Session::CurrentIndex` (`max_values`: Some(1), `max_size`: None, mode: `Measured`)
		// Storage: `RoleStaking::Bonds` (r:201 w:1)
		// Proof: `RoleStaking::Bonds` (`max_values`: None, `max_size`: Some(766), added: 3241, mode: `MaxEncodedLen`)
		// Storage: `System::Account` (r:1 w:1)
		// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
		// Storage: `Balances::Holds` (r:1 w:1)
		// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::Candidates` (r:1 w:1)
		// Proof: `RoleStaking::Candidates` (`max_values`: Some(1), `max_size`: Some(6402), added: 6897, mode: `MaxEncodedLen`)
		fn bond() -> Weight {
			Weight::from_parts(1_567_211_000, 645_999)
				.saturating_add(<$db>::get().reads(205))
				.saturating_add(<$db>::get().writes(4))
		}
		// Storage: `Session::CurrentIndex` (r:1 w:0)
		// Proof: `Session::CurrentIndex` (`max_values`: Some(1), `max_size`: None, mode: `Measured`)
		// Storage: `RoleStaking::Bonds` (r:1 w:1)
		// Proof: `RoleStaking::Bonds` (`max_values`: None, `max_size`: Some(766), added: 3241, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::Candidates` (r:1 w:1)
		// Proof: `RoleStaking::Candidates` (`max_values`: Some(1), `max_size`: Some(6402), added: 6897, mode: `MaxEncodedLen`)
		fn unbond() -> Weight {
			Weight::from_parts(115_180_000, 9_183)
				.saturating_add(<$db>::get().reads(3))
				.saturating_add(<$db>::get().writes(2))
		}
		// Storage: `RoleStaking::Bonds` (r:3 w:1)
		// Proof: `RoleStaking::Bonds` (`max_values`: None, `max_size`: Some(766), added: 3241, mode: `MaxEncodedLen`)
		// Storage: `Session::CurrentIndex` (r:1 w:0)
		// Proof: `Session::CurrentIndex` (`max_values`: Some(1), `max_size`: None, mode: `Measured`)
		// Storage: `System::Account` (r:1 w:1)
		// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
		// Storage: `Balances::Holds` (r:1 w:1)
		// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::Candidates` (r:1 w:1)
		// Proof: `RoleStaking::Candidates` (`max_values`: Some(1), `max_size`: Some(6402), added: 6897, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::WorkersOf` (r:1 w:1)
		// Proof: `RoleStaking::WorkersOf` (`max_values`: None, `max_size`: Some(561), added: 3036, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::Workers` (r:0 w:16)
		// Proof: `RoleStaking::Workers` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
		fn withdraw_unbonded() -> Weight {
			Weight::from_parts(223_576_000, 10_617)
				.saturating_add(<$db>::get().reads(8))
				.saturating_add(<$db>::get().writes(21))
		}
		// Storage: `RoleStaking::Bonds` (r:3 w:0)
		// Proof: `RoleStaking::Bonds` (`max_values`: None, `max_size`: Some(766), added: 3241, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::Workers` (r:1 w:1)
		// Proof: `RoleStaking::Workers` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
		// Storage: `System::BlockHash` (r:1 w:0)
		// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::WorkersOf` (r:1 w:1)
		// Proof: `RoleStaking::WorkersOf` (`max_values`: None, `max_size`: Some(561), added: 3036, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::Counters` (r:1 w:1)
		// Proof: `RoleStaking::Counters` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
		fn pair_worker() -> Weight {
			Weight::from_parts(145_201_000, 10_617)
				.saturating_add(<$db>::get().reads(7))
				.saturating_add(<$db>::get().writes(3))
		}
		// Storage: `RoleStaking::Workers` (r:1 w:1)
		// Proof: `RoleStaking::Workers` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::WorkersOf` (r:1 w:1)
		// Proof: `RoleStaking::WorkersOf` (`max_values`: None, `max_size`: Some(561), added: 3036, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::Counters` (r:1 w:1)
		// Proof: `RoleStaking::Counters` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
		fn unpair_worker() -> Weight {
			Weight::from_parts(41_271_000, 4_026)
				.saturating_add(<$db>::get().reads(3))
				.saturating_add(<$db>::get().writes(3))
		}
		// Storage: `RoleStaking::PendingSlashes` (r:1 w:1)
		// Proof: `RoleStaking::PendingSlashes` (`max_values`: None, `max_size`: Some(76), added: 2551, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::Bonds` (r:1 w:1)
		// Proof: `RoleStaking::Bonds` (`max_values`: None, `max_size`: Some(766), added: 3241, mode: `MaxEncodedLen`)
		fn cancel_slash() -> Weight {
			Weight::from_parts(60_000_000, 4_231)
				.saturating_add(<$db>::get().reads(2))
				.saturating_add(<$db>::get().writes(2))
		}
		// Storage: `RoleStaking::SessionBlocks` (r:1 w:1)
		// Proof: `RoleStaking::SessionBlocks` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::BlockRecords` (r:1 w:1)
		// Proof: `RoleStaking::BlockRecords` (`max_values`: None, `max_size`: Some(60), added: 2535, mode: `MaxEncodedLen`)
		fn note_author() -> Weight {
			Weight::from_parts(25_000_000, 3_525)
				.saturating_add(<$db>::get().reads(2))
				.saturating_add(<$db>::get().writes(2))
		}
		// Storage: `Session::CurrentIndex` (r:1 w:0)
		// Proof: `Session::CurrentIndex` (`max_values`: Some(1), `max_size`: None, mode: `Measured`)
		// Storage: `RoleStaking::Sentences` (r:100 w:100)
		// Proof: `RoleStaking::Sentences` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::Bonds` (r:300 w:100)
		// Proof: `RoleStaking::Bonds` (`max_values`: None, `max_size`: Some(766), added: 3241, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::PendingSlashes` (r:100 w:100)
		// Proof: `RoleStaking::PendingSlashes` (`max_values`: None, `max_size`: Some(76), added: 2551, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::Candidates` (r:1 w:1)
		// Proof: `RoleStaking::Candidates` (`max_values`: Some(1), `max_size`: Some(6402), added: 6897, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::WorkersOf` (r:100 w:100)
		// Proof: `RoleStaking::WorkersOf` (`max_values`: None, `max_size`: Some(561), added: 3036, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::Offenders` (r:1 w:1)
		// Proof: `RoleStaking::Offenders` (`max_values`: Some(1), `max_size`: Some(4002), added: 4497, mode: `MaxEncodedLen`)
		// Storage: `Session::DisabledValidators` (r:1 w:0)
		// Proof: `Session::DisabledValidators` (`max_values`: Some(1), `max_size`: None, mode: `Measured`)
		// Storage: `Session::Validators` (r:1 w:0)
		// Proof: `Session::Validators` (`max_values`: Some(1), `max_size`: None, mode: `Measured`)
		// Storage: `RoleStaking::Workers` (r:0 w:1600)
		// Proof: `RoleStaking::Workers` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
		fn on_offence(n: u32) -> Weight {
			Weight::from_parts(59_179_136, 17_042)
				.saturating_add(Weight::from_parts(177_078_480, 0).saturating_mul(n.into()))
				.saturating_add(Weight::from_parts(0, 9_627).saturating_mul(n.into()))
				.saturating_add(<$db>::get().reads(5))
				.saturating_add(<$db>::get().reads(7_u64.saturating_mul(n.into())))
				.saturating_add(<$db>::get().writes(2))
				.saturating_add(<$db>::get().writes(21_u64.saturating_mul(n.into())))
		}
	};
}

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
	weights!(T::DbWeight);
}

impl WeightInfo for () {
	weights!(RocksDbWeight);
}

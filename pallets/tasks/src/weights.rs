//! Weights of `pallet_tasks`, written by `scripts/weights`: change the benchmarks, not this file.
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
	/// `submit`, b from 1 to 1900.
	fn submit(b: u32) -> Weight;
	/// `submit_result`.
	fn submit_result() -> Weight;
	/// `cancel`.
	fn cancel() -> Weight;
	/// `service_page`.
	fn service_page() -> Weight;
	/// `service_idle`.
	fn service_idle() -> Weight;
	/// `service_assign`, c from 1 to 64.
	fn service_assign(c: u32) -> Weight;
	/// `service_miss`.
	fn service_miss() -> Weight;
	/// `service_refund`.
	fn service_refund() -> Weight;
	/// `service_settle`.
	fn service_settle() -> Weight;
	/// `service_prune`.
	fn service_prune() -> Weight;
}

/// The benchmarked weights with the runtime's database costs.
#[derive(Debug)]
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
	($db:ty) => {
		// Storage: `Models::Profiles` (r:1 w:0)
		// Proof: `Models::Profiles` (`max_values`: None, `max_size`: Some(180), added: 2655, mode: `MaxEncodedLen`)
		// Storage: `Balances::Holds` (r:1 w:1)
		// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
		// Storage: `Tasks::NextTask` (r:1 w:1)
		// Proof: `Tasks::NextTask` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
		// Storage: `System::BlockHash` (r:1 w:0)
		// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
		// Storage: `Randomness::Noted` (r:1 w:0)
		// Proof: `Randomness::Noted` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
		// Storage: `Tasks::AgendaPages` (r:1 w:1)
		// Proof: `Tasks::AgendaPages` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Agenda` (r:0 w:1)
		// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(313), added: 2788, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Prompts` (r:0 w:1)
		// Proof: `Tasks::Prompts` (`max_values`: None, `max_size`: Some(4114), added: 6589, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Tasks` (r:0 w:1)
		// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(529), added: 3004, mode: `MaxEncodedLen`)
		fn submit(b: u32) -> Weight {
			Weight::from_parts(128_000_000, 3_645)
				.saturating_add(Weight::from_parts(4_414, 0).saturating_mul(b.into()))
				.saturating_add(<$db>::get().reads(6))
				.saturating_add(<$db>::get().writes(6))
		}
		// Storage: `Tasks::Tasks` (r:1 w:1)
		// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(529), added: 3004, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::Workers` (r:1 w:0)
		// Proof: `RoleStaking::Workers` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Prompts` (r:1 w:0)
		// Proof: `Tasks::Prompts` (`max_values`: None, `max_size`: Some(4114), added: 6589, mode: `MaxEncodedLen`)
		// Storage: `System::BlockHash` (r:1 w:0)
		// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::Bonds` (r:1 w:1)
		// Proof: `RoleStaking::Bonds` (`max_values`: None, `max_size`: Some(766), added: 3241, mode: `MaxEncodedLen`)
		// Storage: `Models::Offers` (r:1 w:1)
		// Proof: `Models::Offers` (`max_values`: None, `max_size`: Some(332), added: 2807, mode: `MaxEncodedLen`)
		// Storage: `Models::Miners` (r:1 w:0)
		// Proof: `Models::Miners` (`max_values`: None, `max_size`: Some(2098), added: 4573, mode: `MaxEncodedLen`)
		// Storage: `System::Account` (r:1 w:1)
		// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
		// Storage: `Balances::Holds` (r:1 w:1)
		// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
		// Storage: `Audits::NextAudit` (r:1 w:1)
		// Proof: `Audits::NextAudit` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
		// Storage: `Randomness::Noted` (r:1 w:0)
		// Proof: `Randomness::Noted` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
		// Storage: `Audits::AgendaPages` (r:1 w:1)
		// Proof: `Audits::AgendaPages` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
		// Storage: `Audits::Agenda` (r:0 w:1)
		// Proof: `Audits::Agenda` (`max_values`: None, `max_size`: Some(281), added: 2756, mode: `MaxEncodedLen`)
		// Storage: `Audits::Audits` (r:0 w:1)
		// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(408), added: 2883, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Receipts` (r:0 w:1)
		// Proof: `Tasks::Receipts` (`max_values`: None, `max_size`: Some(209), added: 2684, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Missed` (r:0 w:1)
		// Proof: `Tasks::Missed` (`max_values`: None, `max_size`: Some(273), added: 2748, mode: `MaxEncodedLen`)
		fn submit_result() -> Weight {
			Weight::from_parts(289_000_000, 7_579)
				.saturating_add(<$db>::get().reads(12))
				.saturating_add(<$db>::get().writes(11))
		}
		// Storage: `Tasks::Tasks` (r:1 w:1)
		// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(529), added: 3004, mode: `MaxEncodedLen`)
		// Storage: `Balances::Holds` (r:1 w:1)
		// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
		// Storage: `Tasks::AgendaPages` (r:1 w:1)
		// Proof: `Tasks::AgendaPages` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Agenda` (r:0 w:1)
		// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(313), added: 2788, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Missed` (r:0 w:1)
		// Proof: `Tasks::Missed` (`max_values`: None, `max_size`: Some(273), added: 2748, mode: `MaxEncodedLen`)
		fn cancel() -> Weight {
			Weight::from_parts(97_254_000, 3_994)
				.saturating_add(<$db>::get().reads(3))
				.saturating_add(<$db>::get().writes(5))
		}
		// Storage: `Tasks::AgendaCursor` (r:1 w:1)
		// Proof: `Tasks::AgendaCursor` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
		// Storage: `Tasks::AgendaPages` (r:1 w:1)
		// Proof: `Tasks::AgendaPages` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Agenda` (r:1 w:1)
		// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(313), added: 2788, mode: `MaxEncodedLen`)
		fn service_page() -> Weight {
			Weight::from_parts(24_170_000, 3_778)
				.saturating_add(<$db>::get().reads(3))
				.saturating_add(<$db>::get().writes(3))
		}
		// Storage: `Tasks::Tasks` (r:1 w:0)
		// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(529), added: 3004, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Unpaid` (r:1 w:0)
		// Proof: `Tasks::Unpaid` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
		fn service_idle() -> Weight {
			Weight::from_parts(18_630_000, 3_994).saturating_add(<$db>::get().reads(2))
		}
		// Storage: `Tasks::Tasks` (r:1 w:1)
		// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(529), added: 3004, mode: `MaxEncodedLen`)
		// Storage: `Models::Profiles` (r:1 w:0)
		// Proof: `Models::Profiles` (`max_values`: None, `max_size`: Some(180), added: 2655, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Prompts` (r:1 w:0)
		// Proof: `Tasks::Prompts` (`max_values`: None, `max_size`: Some(4114), added: 6589, mode: `MaxEncodedLen`)
		// Storage: `Randomness::Noted` (r:1 w:0)
		// Proof: `Randomness::Noted` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
		// Storage: `Randomness::Outputs` (r:2 w:0)
		// Proof: `Randomness::Outputs` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
		// Storage: `System::BlockHash` (r:1 w:0)
		// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Missed` (r:1 w:0)
		// Proof: `Tasks::Missed` (`max_values`: None, `max_size`: Some(273), added: 2748, mode: `MaxEncodedLen`)
		// Storage: `Models::Miners` (r:1 w:0)
		// Proof: `Models::Miners` (`max_values`: None, `max_size`: Some(2098), added: 4573, mode: `MaxEncodedLen`)
		// Storage: `Models::Offers` (r:64 w:1)
		// Proof: `Models::Offers` (`max_values`: None, `max_size`: Some(332), added: 2807, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::Bonds` (r:64 w:1)
		// Proof: `RoleStaking::Bonds` (`max_values`: None, `max_size`: Some(766), added: 3241, mode: `MaxEncodedLen`)
		// Storage: `Session::CurrentIndex` (r:1 w:0)
		// Proof: `Session::CurrentIndex` (`max_values`: Some(1), `max_size`: None, mode: `Measured`)
		// Storage: `Tasks::AgendaPages` (r:1 w:1)
		// Proof: `Tasks::AgendaPages` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Agenda` (r:0 w:1)
		// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(313), added: 2788, mode: `MaxEncodedLen`)
		fn service_assign(c: u32) -> Weight {
			Weight::from_parts(150_000_000, 7_579)
				.saturating_add(Weight::from_parts(17_075_349, 0).saturating_mul(c.into()))
				.saturating_add(Weight::from_parts(0, 3_209).saturating_mul(c.into()))
				.saturating_add(<$db>::get().reads(13))
				.saturating_add(<$db>::get().reads(2_u64.saturating_mul(c.into())))
				.saturating_add(<$db>::get().writes(5))
		}
		// Storage: `Tasks::Tasks` (r:1 w:1)
		// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(529), added: 3004, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Prompts` (r:1 w:0)
		// Proof: `Tasks::Prompts` (`max_values`: None, `max_size`: Some(4114), added: 6589, mode: `MaxEncodedLen`)
		// Storage: `Models::Offers` (r:1 w:1)
		// Proof: `Models::Offers` (`max_values`: None, `max_size`: Some(332), added: 2807, mode: `MaxEncodedLen`)
		// Storage: `Models::Miners` (r:1 w:0)
		// Proof: `Models::Miners` (`max_values`: None, `max_size`: Some(2098), added: 4573, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::Bonds` (r:1 w:1)
		// Proof: `RoleStaking::Bonds` (`max_values`: None, `max_size`: Some(766), added: 3241, mode: `MaxEncodedLen`)
		// Storage: `Balances::Holds` (r:1 w:1)
		// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
		// Storage: `System::Account` (r:1 w:1)
		// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Missed` (r:1 w:1)
		// Proof: `Tasks::Missed` (`max_values`: None, `max_size`: Some(273), added: 2748, mode: `MaxEncodedLen`)
		// Storage: `Models::Profiles` (r:1 w:0)
		// Proof: `Models::Profiles` (`max_values`: None, `max_size`: Some(180), added: 2655, mode: `MaxEncodedLen`)
		// Storage: `Randomness::Noted` (r:1 w:0)
		// Proof: `Randomness::Noted` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
		// Storage: `Tasks::AgendaPages` (r:1 w:1)
		// Proof: `Tasks::AgendaPages` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Agenda` (r:0 w:1)
		// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(313), added: 2788, mode: `MaxEncodedLen`)
		fn service_miss() -> Weight {
			Weight::from_parts(168_000_000, 7_579)
				.saturating_add(<$db>::get().reads(12))
				.saturating_add(<$db>::get().writes(9))
		}
		// Storage: `Tasks::Tasks` (r:1 w:1)
		// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(529), added: 3004, mode: `MaxEncodedLen`)
		// Storage: `Models::Profiles` (r:1 w:0)
		// Proof: `Models::Profiles` (`max_values`: None, `max_size`: Some(180), added: 2655, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Prompts` (r:1 w:0)
		// Proof: `Tasks::Prompts` (`max_values`: None, `max_size`: Some(4114), added: 6589, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Missed` (r:1 w:1)
		// Proof: `Tasks::Missed` (`max_values`: None, `max_size`: Some(273), added: 2748, mode: `MaxEncodedLen`)
		// Storage: `System::Account` (r:1 w:1)
		// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
		// Storage: `Balances::Holds` (r:1 w:1)
		// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
		// Storage: `Tasks::AgendaPages` (r:1 w:1)
		// Proof: `Tasks::AgendaPages` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Agenda` (r:0 w:1)
		// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(313), added: 2788, mode: `MaxEncodedLen`)
		fn service_refund() -> Weight {
			Weight::from_parts(126_199_000, 7_579)
				.saturating_add(<$db>::get().reads(7))
				.saturating_add(<$db>::get().writes(6))
		}
		// Storage: `Tasks::Tasks` (r:1 w:1)
		// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(529), added: 3004, mode: `MaxEncodedLen`)
		// Storage: `Models::Profiles` (r:1 w:0)
		// Proof: `Models::Profiles` (`max_values`: None, `max_size`: Some(180), added: 2655, mode: `MaxEncodedLen`)
		// Storage: `Models::Models` (r:1 w:0)
		// Proof: `Models::Models` (`max_values`: None, `max_size`: Some(245), added: 2720, mode: `MaxEncodedLen`)
		// Storage: `Balances::Holds` (r:1 w:1)
		// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
		// Storage: `System::Account` (r:4 w:4)
		// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
		// Storage: `Rewards::Totals` (r:1 w:1)
		// Proof: `Rewards::Totals` (`max_values`: Some(1), `max_size`: Some(72), added: 567, mode: `MaxEncodedLen`)
		// Storage: `Rewards::Earned` (r:2 w:2)
		// Proof: `Rewards::Earned` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::Bonds` (r:1 w:1)
		// Proof: `RoleStaking::Bonds` (`max_values`: None, `max_size`: Some(766), added: 3241, mode: `MaxEncodedLen`)
		// Storage: `Tasks::AgendaPages` (r:1 w:1)
		// Proof: `Tasks::AgendaPages` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Agenda` (r:0 w:1)
		// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(313), added: 2788, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Unpaid` (r:0 w:1)
		// Proof: `Tasks::Unpaid` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
		fn service_settle() -> Weight {
			Weight::from_parts(324_234_000, 11_402)
				.saturating_add(<$db>::get().reads(13))
				.saturating_add(<$db>::get().writes(13))
		}
		// Storage: `Tasks::Tasks` (r:1 w:1)
		// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(529), added: 3004, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Receipts` (r:0 w:1)
		// Proof: `Tasks::Receipts` (`max_values`: None, `max_size`: Some(209), added: 2684, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Prompts` (r:0 w:1)
		// Proof: `Tasks::Prompts` (`max_values`: None, `max_size`: Some(4114), added: 6589, mode: `MaxEncodedLen`)
		fn service_prune() -> Weight {
			Weight::from_parts(20_722_000, 3_994)
				.saturating_add(<$db>::get().reads(1))
				.saturating_add(<$db>::get().writes(3))
		}
	};
}

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
	weights!(T::DbWeight);
}

impl WeightInfo for () {
	weights!(RocksDbWeight);
}

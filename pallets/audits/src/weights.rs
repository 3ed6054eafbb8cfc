//! Weights of `pallet_audits`, written by `scripts/weights`: change the benchmarks, not this file.
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
	/// `commit_vote`.
	fn commit_vote() -> Weight;
	/// `reveal_vote`.
	fn reveal_vote() -> Weight;
	/// `set_audit_rate`.
	fn set_audit_rate() -> Weight;
	/// `service_page`.
	fn service_page() -> Weight;
	/// `service_idle`.
	fn service_idle() -> Weight;
	/// `service_draw`, c from 3 to 64.
	fn service_draw(c: u32) -> Weight;
	/// `service_close`.
	fn service_close() -> Weight;
	/// `service_tally`.
	fn service_tally() -> Weight;
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
		// Storage: `RoleStaking::Workers` (r:1 w:0)
		// Proof: `RoleStaking::Workers` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
		// Storage: `Audits::Audits` (r:1 w:1)
		// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(408), added: 2883, mode: `MaxEncodedLen`)
		// Storage: `Audits::Commitments` (r:3 w:1)
		// Proof: `Audits::Commitments` (`max_values`: None, `max_size`: Some(96), added: 2571, mode: `MaxEncodedLen`)
		// Storage: `Audits::AgendaPages` (r:1 w:1)
		// Proof: `Audits::AgendaPages` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
		// Storage: `Audits::Agenda` (r:0 w:1)
		// Proof: `Audits::Agenda` (`max_values`: None, `max_size`: Some(281), added: 2756, mode: `MaxEncodedLen`)
		fn commit_vote() -> Weight {
			Weight::from_parts(78_052_000, 8_703)
				.saturating_add(<$db>::get().reads(6))
				.saturating_add(<$db>::get().writes(4))
		}
		// Storage: `RoleStaking::Workers` (r:1 w:0)
		// Proof: `RoleStaking::Workers` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
		// Storage: `Audits::Audits` (r:1 w:1)
		// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(408), added: 2883, mode: `MaxEncodedLen`)
		// Storage: `Audits::Votes` (r:3 w:1)
		// Proof: `Audits::Votes` (`max_values`: None, `max_size`: Some(155), added: 2630, mode: `MaxEncodedLen`)
		// Storage: `Audits::Commitments` (r:3 w:0)
		// Proof: `Audits::Commitments` (`max_values`: None, `max_size`: Some(96), added: 2571, mode: `MaxEncodedLen`)
		// Storage: `System::BlockHash` (r:1 w:0)
		// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
		// Storage: `Audits::AgendaPages` (r:1 w:1)
		// Proof: `Audits::AgendaPages` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
		// Storage: `Audits::Agenda` (r:0 w:1)
		// Proof: `Audits::Agenda` (`max_values`: None, `max_size`: Some(281), added: 2756, mode: `MaxEncodedLen`)
		fn reveal_vote() -> Weight {
			Weight::from_parts(113_132_000, 8_880)
				.saturating_add(<$db>::get().reads(10))
				.saturating_add(<$db>::get().writes(4))
		}
		// Storage: `Audits::AuditRate` (r:1 w:1)
		// Proof: `Audits::AuditRate` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
		fn set_audit_rate() -> Weight {
			Weight::from_parts(14_152_000, 1_489)
				.saturating_add(<$db>::get().reads(1))
				.saturating_add(<$db>::get().writes(1))
		}
		// Storage: `Audits::AgendaCursor` (r:1 w:1)
		// Proof: `Audits::AgendaCursor` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
		// Storage: `Audits::AgendaPages` (r:1 w:1)
		// Proof: `Audits::AgendaPages` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
		// Storage: `Audits::Agenda` (r:1 w:1)
		// Proof: `Audits::Agenda` (`max_values`: None, `max_size`: Some(281), added: 2756, mode: `MaxEncodedLen`)
		fn service_page() -> Weight {
			Weight::from_parts(24_883_000, 3_746)
				.saturating_add(<$db>::get().reads(3))
				.saturating_add(<$db>::get().writes(3))
		}
		// Storage: `Audits::Audits` (r:1 w:1)
		// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(408), added: 2883, mode: `MaxEncodedLen`)
		// Storage: `Randomness::Noted` (r:1 w:0)
		// Proof: `Randomness::Noted` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
		// Storage: `Randomness::Outputs` (r:8 w:0)
		// Proof: `Randomness::Outputs` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
		// Storage: `System::BlockHash` (r:1 w:0)
		// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
		// Storage: `Audits::Probation` (r:1 w:0)
		// Proof: `Audits::Probation` (`max_values`: None, `max_size`: Some(49), added: 2524, mode: `MaxEncodedLen`)
		// Storage: `Audits::AuditRate` (r:1 w:0)
		// Proof: `Audits::AuditRate` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
		// Storage: `Audits::AgendaPages` (r:1 w:1)
		// Proof: `Audits::AgendaPages` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
		// Storage: `Audits::Agenda` (r:0 w:1)
		// Proof: `Audits::Agenda` (`max_values`: None, `max_size`: Some(281), added: 2756, mode: `MaxEncodedLen`)
		fn service_idle() -> Weight {
			Weight::from_parts(154_000_000, 21_174)
				.saturating_add(<$db>::get().reads(14))
				.saturating_add(<$db>::get().writes(3))
		}
		// Storage: `Audits::Audits` (r:1 w:1)
		// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(408), added: 2883, mode: `MaxEncodedLen`)
		// Storage: `Randomness::Noted` (r:1 w:0)
		// Proof: `Randomness::Noted` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
		// Storage: `Randomness::Outputs` (r:8 w:0)
		// Proof: `Randomness::Outputs` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
		// Storage: `System::BlockHash` (r:1 w:0)
		// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
		// Storage: `Audits::Probation` (r:1 w:0)
		// Proof: `Audits::Probation` (`max_values`: None, `max_size`: Some(49), added: 2524, mode: `MaxEncodedLen`)
		// Storage: `Models::Verifiers` (r:1 w:0)
		// Proof: `Models::Verifiers` (`max_values`: None, `max_size`: Some(2098), added: 4573, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::Bonds` (r:64 w:0)
		// Proof: `RoleStaking::Bonds` (`max_values`: None, `max_size`: Some(766), added: 3241, mode: `MaxEncodedLen`)
		// Storage: `Session::CurrentIndex` (r:1 w:0)
		// Proof: `Session::CurrentIndex` (`max_values`: Some(1), `max_size`: None, mode: `Measured`)
		// Storage: `Models::Profiles` (r:1 w:0)
		// Proof: `Models::Profiles` (`max_values`: None, `max_size`: Some(180), added: 2655, mode: `MaxEncodedLen`)
		// Storage: `Audits::AgendaPages` (r:1 w:1)
		// Proof: `Audits::AgendaPages` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
		// Storage: `Audits::Agenda` (r:0 w:1)
		// Proof: `Audits::Agenda` (`max_values`: None, `max_size`: Some(281), added: 2756, mode: `MaxEncodedLen`)
		fn service_draw(c: u32) -> Weight {
			Weight::from_parts(210_000_000, 21_174)
				.saturating_add(Weight::from_parts(7_506_546, 0).saturating_mul(c.into()))
				.saturating_add(Weight::from_parts(0, 3_209).saturating_mul(c.into()))
				.saturating_add(<$db>::get().reads(16))
				.saturating_add(<$db>::get().reads(1_u64.saturating_mul(c.into())))
				.saturating_add(<$db>::get().writes(3))
		}
		// Storage: `Audits::Audits` (r:1 w:1)
		// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(408), added: 2883, mode: `MaxEncodedLen`)
		// Storage: `Audits::Commitments` (r:3 w:0)
		// Proof: `Audits::Commitments` (`max_values`: None, `max_size`: Some(96), added: 2571, mode: `MaxEncodedLen`)
		// Storage: `Audits::AgendaPages` (r:1 w:1)
		// Proof: `Audits::AgendaPages` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
		// Storage: `Audits::Agenda` (r:0 w:1)
		// Proof: `Audits::Agenda` (`max_values`: None, `max_size`: Some(281), added: 2756, mode: `MaxEncodedLen`)
		fn service_close() -> Weight {
			Weight::from_parts(47_863_000, 8_703)
				.saturating_add(<$db>::get().reads(5))
				.saturating_add(<$db>::get().writes(3))
		}
		// Storage: `Audits::Audits` (r:1 w:1)
		// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(408), added: 2883, mode: `MaxEncodedLen`)
		// Storage: `Audits::Votes` (r:3 w:0)
		// Proof: `Audits::Votes` (`max_values`: None, `max_size`: Some(155), added: 2630, mode: `MaxEncodedLen`)
		// Storage: `Models::Profiles` (r:1 w:0)
		// Proof: `Models::Profiles` (`max_values`: None, `max_size`: Some(180), added: 2655, mode: `MaxEncodedLen`)
		// Storage: `RoleStaking::Bonds` (r:3 w:3)
		// Proof: `RoleStaking::Bonds` (`max_values`: None, `max_size`: Some(766), added: 3241, mode: `MaxEncodedLen`)
		// Storage: `Balances::Holds` (r:3 w:3)
		// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
		// Storage: `System::Account` (r:5 w:5)
		// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
		// Storage: `Session::CurrentIndex` (r:1 w:0)
		// Proof: `Session::CurrentIndex` (`max_values`: Some(1), `max_size`: None, mode: `Measured`)
		// Storage: `Audits::AgendaPages` (r:1 w:1)
		// Proof: `Audits::AgendaPages` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Tasks` (r:1 w:1)
		// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(529), added: 3004, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Unpaid` (r:1 w:0)
		// Proof: `Tasks::Unpaid` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
		// Storage: `Tasks::AgendaPages` (r:1 w:1)
		// Proof: `Tasks::AgendaPages` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
		// Storage: `Audits::Agenda` (r:0 w:1)
		// Proof: `Audits::Agenda` (`max_values`: None, `max_size`: Some(281), added: 2756, mode: `MaxEncodedLen`)
		// Storage: `Audits::Probation` (r:0 w:1)
		// Proof: `Audits::Probation` (`max_values`: None, `max_size`: Some(49), added: 2524, mode: `MaxEncodedLen`)
		// Storage: `Audits::Commitments` (r:0 w:3)
		// Proof: `Audits::Commitments` (`max_values`: None, `max_size`: Some(96), added: 2571, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Agenda` (r:0 w:1)
		// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(313), added: 2788, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Missed` (r:0 w:1)
		// Proof: `Tasks::Missed` (`max_values`: None, `max_size`: Some(273), added: 2748, mode: `MaxEncodedLen`)
		fn service_tally() -> Weight {
			Weight::from_parts(492_682_000, 14_005)
				.saturating_add(<$db>::get().reads(21))
				.saturating_add(<$db>::get().writes(22))
		}
		// Storage: `Audits::Audits` (r:1 w:1)
		// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(408), added: 2883, mode: `MaxEncodedLen`)
		// Storage: `Audits::AgendaPages` (r:1 w:1)
		// Proof: `Audits::AgendaPages` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
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
		// Storage: `Audits::Agenda` (r:0 w:1)
		// Proof: `Audits::Agenda` (`max_values`: None, `max_size`: Some(281), added: 2756, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Agenda` (r:0 w:1)
		// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(313), added: 2788, mode: `MaxEncodedLen`)
		// Storage: `Tasks::Unpaid` (r:0 w:1)
		// Proof: `Tasks::Unpaid` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
		fn service_settle() -> Weight {
			Weight::from_parts(324_764_000, 11_402)
				.saturating_add(<$db>::get().reads(15))
				.saturating_add(<$db>::get().writes(16))
		}
		// Storage: `Audits::Audits` (r:1 w:1)
		// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(408), added: 2883, mode: `MaxEncodedLen`)
		// Storage: `Audits::Votes` (r:3 w:3)
		// Proof: `Audits::Votes` (`max_values`: None, `max_size`: Some(155), added: 2630, mode: `MaxEncodedLen`)
		fn service_prune() -> Weight {
			Weight::from_parts(30_262_000, 8_880)
				.saturating_add(<$db>::get().reads(4))
				.saturating_add(<$db>::get().writes(4))
		}
	};
}

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
	weights!(T::DbWeight);
}

impl WeightInfo for () {
	weights!(RocksDbWeight);
}

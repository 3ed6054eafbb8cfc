//! Weights of the pallet's calls and of the parts of its per-block service.

use core::marker::PhantomData;
use polkadot_sdk::{
	frame_support::{traits::Get, weights::Weight},
	frame_system,
};

/// What calls and service cost. What happens in the pallet that holds the fee is part of it.
pub trait WeightInfo {
	/// `commit_vote`, the last of a committee.
	fn commit_vote() -> Weight;
	/// `reveal_vote`, the last of a committee.
	fn reveal_vote() -> Weight;
	/// `set_audit_rate`.
	fn set_audit_rate() -> Weight;
	/// Noting a VRF output, and the frame of the service.
	fn on_initialize() -> Weight;
	/// Looking at a block and a page of the agenda.
	fn service_page() -> Weight;
	/// An entry with nothing to do, or one that only changes its phase.
	fn service_idle() -> Weight;
	/// Drawing a committee out of `c` candidates.
	fn service_draw(c: u32) -> Weight;
	/// Closing the commit window of a committee.
	fn service_close() -> Weight;
	/// Tallying a full committee, with every punishment and a refund.
	fn service_tally() -> Weight;
	/// Paying work that was not drawn.
	fn service_settle() -> Weight;
	/// Forgetting an audit.
	fn service_prune() -> Weight;
}

/// Estimates, on the runtime's database weights: what the work computes, plus its reads and writes.
#[derive(Debug)]
pub struct SubstrateWeight<T>(PhantomData<T>);

impl<T: frame_system::Config> SubstrateWeight<T> {
	fn of(micros: u64, reads: u64, writes: u64) -> Weight {
		Weight::from_parts(
			micros.saturating_mul(1_000_000),
			reads.saturating_mul(2_048),
		)
		.saturating_add(T::DbWeight::get().reads_writes(reads, writes))
	}
}

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
	fn commit_vote() -> Weight {
		Self::of(45, 8, 5)
	}
	fn reveal_vote() -> Weight {
		Self::of(50, 9, 5)
	}
	fn set_audit_rate() -> Weight {
		Self::of(8, 0, 1)
	}
	fn on_initialize() -> Weight {
		Self::of(10, 2, 1)
	}
	fn service_page() -> Weight {
		Self::of(8, 3, 3)
	}
	fn service_idle() -> Weight {
		Self::of(12, 2, 3)
	}
	fn service_draw(c: u32) -> Weight {
		Self::of(80, 16, 4).saturating_add(Self::of(6, 3, 0).saturating_mul(c.into()))
	}
	fn service_close() -> Weight {
		Self::of(25, 9, 3)
	}
	fn service_tally() -> Weight {
		Self::of(700, 70, 60)
	}
	fn service_settle() -> Weight {
		Self::of(220, 15, 15)
	}
	fn service_prune() -> Weight {
		Self::of(25, 9, 9)
	}
}

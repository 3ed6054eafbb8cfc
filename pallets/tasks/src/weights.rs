//! Weights of the pallet's calls and of the parts of its per-block service.

use core::marker::PhantomData;
use polkadot_sdk::{
	frame_support::{traits::Get, weights::Weight},
	frame_system,
};

/// What calls and service cost.
pub trait WeightInfo {
	/// `submit` with an inline prompt of `b` bytes.
	fn submit(b: u32) -> Weight;
	/// `submit_result`, the start of the audit included.
	fn submit_result() -> Weight;
	/// `cancel`.
	fn cancel() -> Weight;
	/// Looking at a block and a page of the agenda.
	fn service_page() -> Weight;
	/// An entry with nothing to do.
	fn service_idle() -> Weight;
	/// Drawing a miner out of `c` candidates, once, and assigning the task to it.
	fn service_assign(c: u32) -> Weight;
	/// Slashing a miner that missed a task.
	fn service_miss() -> Weight;
	/// Refunding a payer.
	fn service_refund() -> Weight;
	/// Paying a miner out.
	fn service_settle() -> Weight;
	/// Forgetting a finished task.
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
	fn submit(b: u32) -> Weight {
		Self::of(90, 6, 7).saturating_add(Weight::from_parts(2_000, 0).saturating_mul(b.into()))
	}
	fn submit_result() -> Weight {
		Self::of(190, 12, 11)
	}
	fn cancel() -> Weight {
		Self::of(75, 5, 6)
	}
	fn service_page() -> Weight {
		Self::of(8, 3, 3)
	}
	fn service_idle() -> Weight {
		Self::of(8, 2, 0)
	}
	fn service_assign(c: u32) -> Weight {
		Self::of(40, 8, 6).saturating_add(Self::of(6, 3, 0).saturating_mul(c.into()))
	}
	fn service_miss() -> Weight {
		Self::of(110, 10, 10)
	}
	fn service_refund() -> Weight {
		Self::of(75, 6, 7)
	}
	fn service_settle() -> Weight {
		Self::of(190, 14, 13)
	}
	fn service_prune() -> Weight {
		Self::of(20, 2, 4)
	}
}

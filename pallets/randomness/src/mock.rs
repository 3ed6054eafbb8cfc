//! The pallet on a chain whose authors give what a test says.

use crate::{self as pallet_randomness, pallet::*};
use core::cell::Cell;
use frame_support::{derive_impl, traits::ConstU32};
use infergrid_primitives::{
	BlockNumber, Hash,
	hashing::blake2_256,
	randomness::{AuthorRandomness, Redeemed, Ticket, Tickets},
};
use polkadot_sdk::*;
use sp_runtime::BuildStorage;

#[frame_support::runtime]
mod runtime {
	#[runtime::runtime]
	#[runtime::derive(
		RuntimeCall,
		RuntimeEvent,
		RuntimeError,
		RuntimeOrigin,
		RuntimeFreezeReason,
		RuntimeHoldReason,
		RuntimeSlashReason,
		RuntimeLockId,
		RuntimeTask,
		RuntimeViewFunction
	)]
	pub struct Test;

	#[runtime::pallet_index(0)]
	pub type System = frame_system;
	#[runtime::pallet_index(1)]
	pub type Randomness = pallet_randomness;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = frame_system::mocking::MockBlockU32<Test>;
}

/// Outputs that the mock keeps: its day.
pub(crate) const DEPTH: u32 = 300;

impl Config for Test {
	type Source = Authors;
	type Depth = ConstU32<DEPTH>;
	type WeightInfo = ();
}

thread_local! {
	static SEED: Cell<u64> = const { Cell::new(0) };
	static WITH_VRF: Cell<bool> = const { Cell::new(true) };
}

/// Authors whose outputs follow from a seed and the block.
pub struct Authors;

impl Authors {
	/// From here on other authors make the blocks.
	pub(crate) fn change(seed: u64) {
		SEED.set(seed);
	}

	/// Whether the slots of the next blocks have outputs.
	pub(crate) fn give(vrf: bool) {
		WITH_VRF.set(vrf);
	}

	/// The output of `block`.
	pub(crate) fn output(block: BlockNumber) -> Hash {
		let mut bytes = SEED.get().to_le_bytes().to_vec();
		bytes.extend(block.to_le_bytes());
		blake2_256(&bytes)
	}
}

impl AuthorRandomness for Authors {
	fn parent() -> Option<Hash> {
		WITH_VRF
			.get()
			.then(|| Self::output(System::block_number() - 1))
	}
}

pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
	frame_system::GenesisConfig::<Test>::default()
		.build_storage()
		.expect("a valid genesis")
		.into()
}

/// Runs `test` on a new chain at block `at`.
pub(crate) fn from<R>(at: BlockNumber, test: impl FnOnce() -> R) -> R {
	Authors::change(0);
	Authors::give(true);
	new_test_ext().execute_with(|| {
		run_to(at);
		test()
	})
}

/// Goes to block `n`, checking the invariants in each block.
pub(crate) fn run_to(n: BlockNumber) {
	while System::block_number() < n {
		System::run_to_block::<AllPalletsWithSystem>(System::block_number() + 1);
		Randomness::do_try_state(System::block_number()).expect("invariants hold");
	}
}

pub(crate) fn take(skip: u32, count: u8) -> Ticket {
	<Randomness as Tickets>::take(skip, count)
}

pub(crate) fn redeem(ticket: &Ticket) -> Redeemed {
	<Randomness as Tickets>::redeem(ticket)
}

/// The hash of a ticket that is complete.
pub(crate) fn hash(ticket: &Ticket) -> Hash {
	match redeem(ticket) {
		Redeemed::Ready(hash) => hash,
		other => panic!("not ready: {other:?}"),
	}
}

//! Noting outputs, and what tickets are worth.

use crate::pallet::*;
use alloc::vec::Vec;
use frame_support::traits::Get;
use frame_system::pallet_prelude::BlockNumberFor;
use infergrid_primitives::{
	BlockNumber, Hash,
	randomness::{AuthorRandomness, Output, Redeemed, Ticket, Tickets},
};
use polkadot_sdk::*;
use sp_runtime::{SaturatedConversion, traits::Zero};

impl<T: Config> Pallet<T> {
	/// Keeps the output of the parent's author, over the one that is [`Config::Depth`] older.
	pub(crate) fn note_parent(now: BlockNumber) {
		let (Some(block), Some(vrf)) = (now.checked_sub(1), T::Source::parent()) else {
			return;
		};
		Self::note(Output { block, vrf });
	}

	fn note(output: Output) {
		let number = Noted::<T>::get();
		Outputs::<T>::insert(Self::slot(number), output);
		Noted::<T>::put(number.saturating_add(1));
	}

	/// Panics if the parameters do not fit together.
	pub(crate) fn check_config() {
		assert!(
			T::Depth::get() > u8::MAX.into(),
			"Depth must be above {}: what a ticket asks for is kept until it is complete",
			u8::MAX
		);
	}

	pub(crate) fn slot(number: u32) -> u32 {
		number.checked_rem(T::Depth::get()).unwrap_or_default()
	}

	/// Notes made-up outputs until `ticket` is complete.
	#[cfg(feature = "runtime-benchmarks")]
	pub fn complete(ticket: &Ticket) {
		let end = ticket.first.saturating_add(ticket.count.into());
		while Noted::<T>::get() < end {
			let vrf = infergrid_primitives::hashing::blake2_256(&Noted::<T>::get().to_le_bytes());
			Self::note(Output { block: 0, vrf });
		}
	}
}

impl<T: Config> Tickets for Pallet<T> {
	fn take(skip: u32, count: u8) -> Ticket {
		// The next output is that of the author of this block, who knows it.
		let first = Noted::<T>::get().saturating_add(1).saturating_add(skip);
		Ticket {
			first,
			count: count.max(1),
		}
	}

	fn redeem(ticket: &Ticket) -> Redeemed {
		let noted = Noted::<T>::get();
		let end = ticket.first.saturating_add(ticket.count.into());
		let missing = end.saturating_sub(noted);
		if missing > 0 {
			let now: BlockNumber = frame_system::Pallet::<T>::block_number().saturated_into();
			return Redeemed::Pending(now.saturating_add(missing));
		}
		if noted.saturating_sub(ticket.first) > T::Depth::get() {
			return Redeemed::Forgotten;
		}
		let outputs = (ticket.first..end)
			.map(|number| Outputs::<T>::get(Self::slot(number)))
			.collect::<Option<Vec<Output>>>();
		match outputs {
			Some(outputs) => Redeemed::Ready(Ticket::hash(&genesis_hash::<T>(), &outputs)),
			None => Redeemed::Forgotten,
		}
	}
}

/// The hash of the chain's first block, which every hashed payload carries.
fn genesis_hash<T: Config>() -> Hash {
	let hash = frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::zero());
	Hash::try_from(hash.as_ref()).unwrap_or_default()
}

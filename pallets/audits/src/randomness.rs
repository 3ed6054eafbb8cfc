//! VRF outputs of block authors, and what is drawn from them.

use crate::{pallet::*, types::*};
use alloc::vec::Vec;
use infergrid_primitives::{
	AuditId, BlockNumber, Hash, hashing::domain_hash, randomness::AuthorRandomness,
};
use polkadot_sdk::frame_support::traits::Get;

impl<T: Config> Pallet<T> {
	/// Keeps the output of the parent's author.
	pub(crate) fn note_parent_output(now: BlockNumber) {
		if let Some(block) = now.checked_sub(1) {
			let output = Output {
				block,
				vrf: T::Randomness::parent(),
			};
			Outputs::<T>::insert(Self::ring_slot(block), output);
		}
	}

	/// The hash of the outputs of [`Config::DrawBlocks`] blocks from `first` on; none if one of them
	/// is not kept (any more).
	pub(crate) fn outputs_hash(first: BlockNumber) -> Option<Hash> {
		let last = first.checked_add(T::DrawBlocks::get())?;
		let outputs = (first..last)
			.map(|block| {
				Outputs::<T>::get(Self::ring_slot(block)).filter(|output| output.block == block)
			})
			.collect::<Option<Vec<Output>>>()?;
		Some(domain_hash("draw", &Self::genesis_hash(), &outputs))
	}

	/// What the committee of a round is drawn from.
	pub(crate) fn round_randomness(r: &Hash, audit: AuditId, round: u8) -> Hash {
		domain_hash("committee", &Self::genesis_hash(), &(r, audit, round))
	}

	/// Whether `r` picks the audit at the current rate.
	pub(crate) fn is_picked(r: &Hash, audit: AuditId) -> bool {
		let hash = domain_hash("select", &Self::genesis_hash(), &(r, audit));
		let [a, b, c, d, e, f, g, h, ..] = hash;
		let point = u64::from_le_bytes([a, b, c, d, e, f, g, h]) % 1_000_000_000;
		point < u64::from(AuditRate::<T>::get().deconstruct())
	}

	fn ring_slot(block: BlockNumber) -> u32 {
		block % T::RandomnessDepth::get().max(1)
	}
}

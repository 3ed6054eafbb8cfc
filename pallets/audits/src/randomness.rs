//! What is drawn from a ticket's hash.

use crate::pallet::*;
use infergrid_primitives::{AuditId, Hash, hashing::domain_hash};

impl<T: Config> Pallet<T> {
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
}

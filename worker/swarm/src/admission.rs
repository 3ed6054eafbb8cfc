//! How many streams are served at once.

use crate::{Caller, Limits, PeerId};
use infergrid_primitives::AccountBytes;
use std::{
	collections::HashMap,
	hash::Hash,
	sync::{Arc, Mutex, MutexGuard},
};

/// Streams of one peer that wait for what is not known here yet.
const UNKNOWN_PER_PEER: usize = 64;

/// Counts what is in progress, in total and per key, and says no above either limit.
#[derive(Debug)]
pub(crate) struct Admission<K> {
	total: usize,
	per_key: usize,
	counts: Arc<Mutex<Counts<K>>>,
}

#[derive(Debug)]
struct Counts<K> {
	total: usize,
	by_key: HashMap<K, usize>,
}

/// One place, free again when dropped.
#[derive(Debug)]
pub(crate) struct Permit<K: Eq + Hash> {
	key: K,
	counts: Arc<Mutex<Counts<K>>>,
}

impl<K: Eq + Hash + Copy> Admission<K> {
	pub(crate) fn new(total: usize, per_key: usize) -> Self {
		Self {
			total,
			per_key,
			counts: Arc::new(Mutex::new(Counts {
				total: 0,
				by_key: HashMap::new(),
			})),
		}
	}

	/// A place for `key`, unless all are taken.
	pub(crate) fn admit(&self, key: K) -> Option<Permit<K>> {
		let mut counts = lock(&self.counts);
		let own = counts.by_key.get(&key).copied().unwrap_or(0);
		if counts.total >= self.total || own >= self.per_key {
			return None;
		}
		counts.total += 1;
		counts.by_key.insert(key, own + 1);
		Some(Permit {
			key,
			counts: self.counts.clone(),
		})
	}
}

impl<K: Eq + Hash> Drop for Permit<K> {
	fn drop(&mut self) {
		let mut counts = lock(&self.counts);
		counts.total = counts.total.saturating_sub(1);
		let gone = match counts.by_key.get_mut(&self.key) {
			Some(own) => {
				*own = own.saturating_sub(1);
				*own == 0
			}
			None => false,
		};
		if gone {
			counts.by_key.remove(&self.key);
		}
	}
}

/// A panic while the lock is held leaves plain counters behind, which stay usable.
fn lock<K>(counts: &Mutex<Counts<K>>) -> MutexGuard<'_, Counts<K>> {
	counts
		.lock()
		.unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Places of those whose errand is known: drawn verifiers and known payers have their own, so that
/// nobody else keeps them out.
#[derive(Debug)]
pub(crate) struct Places {
	verifiers: Admission<AccountBytes>,
	payers: Admission<AccountBytes>,
	unknown: Admission<PeerId>,
}

/// A place of one of the kinds.
#[derive(Debug)]
#[expect(dead_code, reason = "held until it is dropped")]
pub(crate) enum Held {
	Account(Permit<AccountBytes>),
	Peer(Permit<PeerId>),
}

impl Places {
	pub(crate) fn new(limits: &Limits) -> Self {
		Self {
			verifiers: Admission::new(limits.streams, limits.streams_per_caller),
			payers: Admission::new(limits.streams, limits.streams_per_caller),
			unknown: Admission::new(limits.unknown, UNKNOWN_PER_PEER),
		}
	}

	/// A place for what `caller` wants over a stream of `peer`.
	pub(crate) fn admit(&self, peer: PeerId, caller: Caller) -> Option<Held> {
		match caller {
			Caller::Verifier(account) => self.verifiers.admit(account).map(Held::Account),
			Caller::Payer(account) => self.payers.admit(account).map(Held::Account),
			Caller::Unknown => self.unknown.admit(peer).map(Held::Peer),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn both_limits_hold_and_places_come_back() {
		let admission = Admission::new(3, 2);
		let a1 = admission.admit('a').unwrap();
		let _a2 = admission.admit('a').unwrap();
		assert!(admission.admit('a').is_none(), "per key");
		let _b1 = admission.admit('b').unwrap();
		assert!(admission.admit('c').is_none(), "in total");
		drop(a1);
		let _c1 = admission.admit('c').unwrap();
		assert!(admission.admit('a').is_none(), "in total again");
	}

	#[test]
	fn nothing_is_remembered_of_a_key_without_places() {
		let admission = Admission::new(8, 8);
		for key in 0..1_000 {
			drop(admission.admit(key));
		}
		assert!(lock(&admission.counts).by_key.is_empty());
		assert_eq!(lock(&admission.counts).total, 0);
	}
}

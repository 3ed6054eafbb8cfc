//! Who gets a place, and who gives way. Values in, choice out: no clock, no network.
//!
//! Places are held in two ways. An [`Admission`] counts what is known to somebody, an account or a
//! task, and says no above a limit. A [`Crowd`] holds what nobody vouches for yet, where saying no
//! would let whoever comes first keep all others out: a newcomer always gets in as long as others
//! take more room than itself, and the oldest of those who take the most gives way. Sites are
//! compared first, then the peers of a site, as peer ids cost nothing and addresses do.

use crate::{PeerId, address::Site};
use std::{
	collections::HashMap,
	hash::Hash,
	sync::{Arc, Mutex, MutexGuard},
};

/// Counts what is in progress, in total and by keys, and says no above a limit.
#[derive(Debug)]
pub(crate) struct Admission<K> {
	total: usize,
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
	keys: Vec<K>,
	counts: Arc<Mutex<Counts<K>>>,
}

impl<K: Eq + Hash + Copy> Admission<K> {
	pub(crate) fn new(total: usize) -> Self {
		Self {
			total,
			counts: Arc::new(Mutex::new(Counts {
				total: 0,
				by_key: HashMap::new(),
			})),
		}
	}

	/// A place under all of `keys`, unless all are taken or one of the keys has as many as its limit.
	pub(crate) fn admit(&self, keys: &[(K, usize)]) -> Option<Permit<K>> {
		let mut counts = lock(&self.counts);
		let taken = |key: &K| counts.by_key.get(key).copied().unwrap_or(0);
		if counts.total >= self.total || keys.iter().any(|(key, limit)| taken(key) >= *limit) {
			return None;
		}
		counts.total += 1;
		for (key, _) in keys {
			*counts.by_key.entry(*key).or_default() += 1;
		}
		Some(Permit {
			keys: keys.iter().map(|(key, _)| *key).collect(),
			counts: self.counts.clone(),
		})
	}
}

impl<K: Eq + Hash> Drop for Permit<K> {
	fn drop(&mut self) {
		let mut counts = lock(&self.counts);
		counts.total = counts.total.saturating_sub(1);
		for key in &self.keys {
			let gone = counts.by_key.get_mut(key).is_some_and(|taken| {
				*taken = taken.saturating_sub(1);
				*taken == 0
			});
			if gone {
				counts.by_key.remove(key);
			}
		}
	}
}

/// A panic while the lock is held leaves plain counters behind, which stay usable.
pub(crate) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
	shared
		.lock()
		.unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// From where somebody comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
	pub(crate) site: Site,
	pub(crate) peer: PeerId,
}

/// How much a member is worth keeping: those of the least standing give way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
	/// Nobody vouches for it.
	Stranger,
	/// It did what it was authorised for, and does nothing now.
	Known,
}

/// Nobody else takes more room than the newcomer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// Holds those for whom nobody vouches, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Crowd<T> {
	total: usize,
	per_site: usize,
	members: Vec<(T, Origin)>,
}

impl<T> Crowd<T> {
	pub(crate) fn new(total: usize, per_site: usize) -> Self {
		Self {
			total,
			per_site,
			members: Vec::new(),
		}
	}

	/// Lets `member` in, and gives the one that must go for it. Those without a `rank` stay whatever
	/// comes.
	pub(crate) fn enter(
		&mut self,
		member: T,
		from: Origin,
		rank: impl Fn(&T) -> Option<Rank>,
	) -> Result<Option<T>, Full> {
		let of_site = |origin: &Origin| origin.site == from.site;
		let here = self.members.iter().filter(|(_, o)| of_site(o)).count();
		let leaves = if here >= self.per_site {
			Some(self.victim(from, rank, of_site)?)
		} else if self.members.len() >= self.total {
			Some(self.victim(from, rank, |_| true)?)
		} else {
			None
		};
		let leaves = leaves.map(|index| self.members.remove(index).0);
		self.members.push((member, from));
		Ok(leaves)
	}

	/// Lets a member go.
	pub(crate) fn leave(&mut self, is: impl Fn(&T) -> bool) {
		self.members.retain(|(member, _)| !is(member));
	}

	/// The oldest member of the peer that has the most at the site that has the most.
	fn victim(
		&self,
		newcomer: Origin,
		rank: impl Fn(&T) -> Option<Rank>,
		among: impl Fn(&Origin) -> bool,
	) -> Result<usize, Full> {
		let ranked: Vec<_> = self
			.members
			.iter()
			.enumerate()
			.filter(|(_, (_, origin))| among(origin))
			.filter_map(|(index, (member, origin))| Some((index, rank(member)?, *origin)))
			.collect();
		let least = ranked.iter().map(|(_, rank, _)| *rank).min().ok_or(Full)?;
		let mut candidates = ranked;
		candidates.retain(|(_, rank, _)| *rank == least);
		let site = most(
			candidates.iter().map(|(_, _, o)| o.site),
			Some(newcomer.site),
		);
		candidates.retain(|(_, _, origin)| Some(origin.site) == site);
		let own = (site == Some(newcomer.site)).then_some(newcomer.peer);
		let peer = most(candidates.iter().map(|(_, _, o)| o.peer), own);
		if peer.is_some() && peer == own {
			return Err(Full);
		}
		candidates
			.iter()
			.find(|(_, _, origin)| Some(origin.peer) == peer)
			.map(|(index, ..)| *index)
			.ok_or(Full)
	}
}

/// The value that occurs most, the first of several; `newcomer` counts once more, and comes last.
fn most<V: Copy + Eq + Hash>(
	values: impl Iterator<Item = V> + Clone,
	newcomer: Option<V>,
) -> Option<V> {
	let mut counts: HashMap<V, usize> = HashMap::new();
	for value in values.clone().chain(newcomer) {
		*counts.entry(value).or_default() += 1;
	}
	let first_of_most = |best: Option<V>, value: V| match best {
		Some(best) if counts.get(&best) >= counts.get(&value) => Some(best),
		_ => Some(value),
	};
	values
		.filter(|value| Some(*value) != newcomer)
		.chain(newcomer)
		.fold(None, first_of_most)
}

#[cfg(test)]
mod tests;

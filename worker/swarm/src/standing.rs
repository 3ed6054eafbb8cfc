//! What is known of a connection: whether somebody vouches for what comes over it, and how much of it
//! that earns.

use crate::admission::{Rank, lock};
use libp2p::{PeerId, swarm::ConnectionId};
use std::{
	collections::HashMap,
	sync::{
		Arc, Mutex,
		atomic::{AtomicBool, AtomicUsize, Ordering},
	},
	time::{Duration, Instant},
};

/// What is known of one connection; shared by its streams.
#[derive(Debug, Default)]
pub(crate) struct Standing {
	known: AtomicBool,
	at_work: AtomicUsize,
}

/// Authorised work on a connection, from its start to its end.
#[derive(Debug)]
pub(crate) struct AtWork(Arc<Standing>);

impl Standing {
	/// Of a connection that this node made itself.
	pub(crate) fn chosen() -> Self {
		Self {
			known: AtomicBool::new(true),
			at_work: AtomicUsize::new(0),
		}
	}

	/// Whether anything was ever authorised on the connection.
	pub(crate) fn known(&self) -> bool {
		self.known.load(Ordering::Relaxed)
	}

	/// What the connection is worth keeping; none while authorised work goes on.
	pub(crate) fn rank(&self) -> Option<Rank> {
		if self.at_work.load(Ordering::Relaxed) > 0 {
			None
		} else if self.known() {
			Some(Rank::Known)
		} else {
			Some(Rank::Stranger)
		}
	}

	/// Begins work that was authorised.
	pub(crate) fn begin(self: &Arc<Self>) -> AtWork {
		self.known.store(true, Ordering::Relaxed);
		self.at_work.fetch_add(1, Ordering::Relaxed);
		AtWork(self.clone())
	}
}

impl Drop for AtWork {
	fn drop(&mut self) {
		self.0.at_work.fetch_sub(1, Ordering::Relaxed);
	}
}

/// Of all connections that peers made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standings(Arc<Mutex<ByConnection>>);

type ByConnection = HashMap<ConnectionId, (PeerId, Arc<Standing>)>;

impl Standings {
	/// Of a new connection with `peer`.
	pub(crate) fn add(&self, connection: ConnectionId, peer: PeerId) {
		lock(&self.0).insert(connection, (peer, Arc::default()));
	}

	pub(crate) fn get(&self, connection: ConnectionId) -> Option<Arc<Standing>> {
		lock(&self.0).get(&connection).map(|(_, s)| s.clone())
	}

	/// Forgets a connection, and gives the peer with which it was.
	pub(crate) fn remove(&self, connection: ConnectionId) -> Option<PeerId> {
		lock(&self.0).remove(&connection).map(|(peer, _)| peer)
	}
}

/// How many streams are taken over a connection: so many at once, and one more each `every`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
	burst: u32,
	every: Duration,
}

impl Rate {
	/// Enough for a first request and its repetitions. All connections of strangers together are far
	/// from what would keep the node's loop busy, which otherwise comes to nothing else.
	const STRANGER: Self = Self {
		burst: 16,
		every: Duration::from_millis(250),
	};

	/// A gateway brings the requests of many clients at once.
	const KNOWN: Self = Self {
		burst: 256,
		every: Duration::from_millis(20),
	};

	/// What a connection of this standing earns.
	pub(crate) fn of(standing: &Standing) -> Self {
		match standing.known() {
			true => Self::KNOWN,
			false => Self::STRANGER,
		}
	}
}

/// Holds a connection to its [`Rate`]. Time is told, not looked up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
	/// When as many streams as a burst has could be taken again.
	rested: Option<Instant>,
}

impl Pace {
	/// Takes a stream, or says from when on one may be taken.
	pub(crate) fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Instant> {
		let rested = self.rested.unwrap_or(now).max(now) + rate.every;
		let tired = rate.every * rate.burst;
		match rested.checked_duration_since(now + tired) {
			Some(early) if !early.is_zero() => Err(now + early),
			_ => {
				self.rested = Some(rested);
				Ok(())
			}
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_burst_passes_and_then_one_at_a_time() {
		let rate = Rate {
			burst: 3,
			every: Duration::from_secs(2),
		};
		let start = Instant::now();
		let mut pace = Pace::default();
		for _ in 0..3 {
			assert_eq!(pace.take(rate, start), Ok(()));
		}
		let next = start + Duration::from_secs(2);
		assert_eq!(pace.take(rate, start), Err(next));
		assert_eq!(pace.take(rate, start), Err(next), "refusals cost nothing");
		assert_eq!(pace.take(rate, next), Ok(()));
		assert!(pace.take(rate, next).is_err());
		let rested = next + Duration::from_secs(60);
		for _ in 0..3 {
			assert_eq!(pace.take(rate, rested), Ok(()));
		}
		assert!(pace.take(rate, rested).is_err());
	}

	#[test]
	fn a_connection_at_work_is_never_given_up_and_a_known_one_last() {
		let standing = Arc::new(Standing::default());
		assert_eq!(standing.rank(), Some(Rank::Stranger));
		let (first, second) = (standing.begin(), standing.begin());
		assert_eq!(standing.rank(), None);
		drop(first);
		assert_eq!(standing.rank(), None);
		drop(second);
		assert_eq!(standing.rank(), Some(Rank::Known));
	}

	#[test]
	fn who_becomes_known_goes_on_at_once() {
		let standing = Arc::new(Standing::default());
		let (now, mut pace) = (Instant::now(), Pace::default());
		let taken = |pace: &mut Pace| {
			let take = |_: &u32| pace.take(Rate::of(&standing), now).is_ok();
			(0..1_000).take_while(take).count()
		};
		assert_eq!(taken(&mut pace), 16);
		drop(standing.begin());
		assert!(taken(&mut pace) > 50);
	}
}

//! Places for streams of which nobody knows yet who opened them.
//!
//! They are few and short-lived. Where all are taken, the newcomer takes the place of the oldest stream
//! of whoever holds most: first by address, then by peer. So silent streams push out each other, and
//! not those who say what they want.

use std::{
	collections::HashMap,
	hash::Hash,
	net::IpAddr,
	sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio_util::sync::CancellationToken;

/// From where somebody comes: an IPv4 address, or the network of an IPv6 one, which is given to one
/// customer as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Origin {
	V4([u8; 4]),
	V6([u8; 8]),
	/// Not over IP.
	Other,
}

impl Origin {
	pub(crate) fn of(address: Option<IpAddr>) -> Self {
		match address {
			None => Self::Other,
			Some(IpAddr::V4(ip)) => Self::V4(ip.octets()),
			Some(IpAddr::V6(ip)) => match ip.to_ipv4_mapped() {
				Some(ip) => Self::V4(ip.octets()),
				None => {
					let mut network = [0; 8];
					network.copy_from_slice(&ip.octets()[..8]);
					Self::V6(network)
				}
			},
		}
	}
}

/// The places.
#[derive(Debug)]
pub(crate) struct Strangers<K> {
	limit: usize,
	taken: Arc<Mutex<Taken<K>>>,
}

#[derive(Debug)]
struct Taken<K> {
	next: u64,
	/// In the order of their numbers.
	places: Vec<Place<K>>,
}

#[derive(Debug)]
struct Place<K> {
	number: u64,
	origin: Origin,
	peer: K,
	gives_way: CancellationToken,
}

/// One place, free again when dropped.
#[derive(Debug)]
pub(crate) struct StrangerPlace<K> {
	number: u64,
	taken: Arc<Mutex<Taken<K>>>,
	/// Fires when the place is needed for somebody else.
	pub(crate) gives_way: CancellationToken,
}

impl<K: Copy + Eq + Hash> Strangers<K> {
	pub(crate) fn new(limit: usize) -> Self {
		Self {
			limit,
			taken: Arc::new(Mutex::new(Taken {
				next: 0,
				places: Vec::new(),
			})),
		}
	}

	/// A place for a stream of `peer` from `origin`.
	pub(crate) fn admit(&self, origin: Origin, peer: K) -> StrangerPlace<K> {
		let mut taken = lock(&self.taken);
		if taken.places.len() >= self.limit
			&& let Some(at) = victim(&taken.places)
		{
			taken.places.remove(at).gives_way.cancel();
		}
		let number = taken.next;
		taken.next += 1;
		let gives_way = CancellationToken::new();
		taken.places.push(Place {
			number,
			origin,
			peer,
			gives_way: gives_way.clone(),
		});
		StrangerPlace {
			number,
			taken: self.taken.clone(),
			gives_way,
		}
	}
}

/// The oldest place of whoever holds most.
fn victim<K: Copy + Eq + Hash>(places: &[Place<K>]) -> Option<usize> {
	let mut by_origin: HashMap<Origin, usize> = HashMap::new();
	let mut by_peer: HashMap<(Origin, K), usize> = HashMap::new();
	for place in places {
		*by_origin.entry(place.origin).or_default() += 1;
		*by_peer.entry((place.origin, place.peer)).or_default() += 1;
	}
	let weight = |place: &Place<K>| {
		let peer = by_peer.get(&(place.origin, place.peer));
		(by_origin.get(&place.origin), peer)
	};
	let heaviest = places.iter().map(weight).max()?;
	places.iter().position(|place| weight(place) == heaviest)
}

impl<K> Drop for StrangerPlace<K> {
	fn drop(&mut self) {
		lock(&self.taken)
			.places
			.retain(|place| place.number != self.number);
	}
}

fn lock<K>(taken: &Mutex<Taken<K>>) -> MutexGuard<'_, Taken<K>> {
	taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
	use super::*;

	fn origin(n: u8) -> Origin {
		Origin::V4([10, 0, 0, n])
	}

	#[test]
	fn who_holds_most_gives_way_and_the_oldest_of_it_first() {
		let strangers = Strangers::new(4);
		let flood: Vec<_> = (0..3)
			.map(|peer| strangers.admit(origin(1), peer))
			.collect();
		let honest = strangers.admit(origin(2), 9);
		let more = strangers.admit(origin(1), 3);
		assert!(flood[0].gives_way.is_cancelled());
		assert!(!flood[1].gives_way.is_cancelled() && !honest.gives_way.is_cancelled());
		let another = strangers.admit(origin(3), 9);
		assert!(flood[1].gives_way.is_cancelled());
		for kept in [&flood[2], &honest, &more, &another] {
			assert!(!kept.gives_way.is_cancelled());
		}
	}

	#[test]
	fn of_one_address_the_peer_with_most_gives_way() {
		let strangers = Strangers::new(4);
		let honest = strangers.admit(origin(1), 1);
		let flood: Vec<_> = (0..10).map(|_| strangers.admit(origin(1), 2)).collect();
		assert!(!honest.gives_way.is_cancelled());
		let left = flood.iter().filter(|place| !place.gives_way.is_cancelled());
		assert_eq!(left.count(), 3);
	}

	#[test]
	fn places_come_back() {
		let strangers = Strangers::new(2);
		for peer in 0..100 {
			drop(strangers.admit(origin(1), peer));
		}
		let first = strangers.admit(origin(1), 1);
		let _second = strangers.admit(origin(1), 2);
		assert!(!first.gives_way.is_cancelled());
	}

	#[test]
	fn an_ipv6_network_is_one_origin() {
		let of = |text: &str| Origin::of(Some(text.parse().unwrap()));
		assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
		assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
		assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
	}
}

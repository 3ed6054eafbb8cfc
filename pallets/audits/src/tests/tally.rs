use crate::{mock::vote, tally::*};
use infergrid_primitives::audit::{Verdict::*, Vote};
use proptest::prelude::*;

const DISTANCE: u64 = 32 * 64 * 64;

fn count(votes: &[Option<Vote>]) -> Tally {
	tally(votes, DISTANCE, 2)
}

#[test]
fn votes_come_to() {
	let v = |verdict, print| Some(vote(verdict, print));
	#[rustfmt::skip]
	let table = [
		// votes, verdict, winners, lazy, silent
		(vec![v(Valid, 10), v(Valid, 11), v(Valid, 12)], Some(Valid), vec![0, 1, 2], vec![], vec![]),
		(vec![v(Valid, 10), v(Valid, 74), v(Valid, 10)], Some(Valid), vec![0, 1, 2], vec![], vec![]),
		(vec![v(Valid, 10), v(Valid, 75), v(Valid, 10)], Some(Valid), vec![0, 2], vec![1], vec![]),
		(vec![v(Valid, 10), v(Valid, 0), v(Valid, 10)], Some(Valid), vec![0, 2], vec![1], vec![]),
		(vec![v(Valid, 0), v(Valid, 0), v(Valid, 0)], None, vec![], vec![], vec![]),
		(vec![v(Valid, 10), v(Valid, 500), v(Valid, 900)], None, vec![], vec![], vec![]),
		(vec![v(Valid, 10), v(Invalid, 10), v(Invalid, 10)], Some(Invalid), vec![1, 2], vec![], vec![]),
		// An opening that does not bind is condemned without a run, and that makes nobody lazy.
		(vec![v(Valid, 10), v(Invalid, 0), v(Invalid, 0)], Some(Invalid), vec![1, 2], vec![], vec![]),
		(vec![v(Valid, 10), v(Valid, 10), v(Invalid, 0)], Some(Valid), vec![0, 1], vec![], vec![]),
		// The lazy one's verdict does not count.
		(vec![v(Valid, 10), v(Invalid, 10), v(Invalid, 900)], None, vec![], vec![2], vec![]),
		(vec![v(Invalid, 10), v(Invalid, 500), None], Some(Invalid), vec![0, 1], vec![], vec![2]),
		(vec![v(Valid, 10), v(Valid, 10), None], Some(Valid), vec![0, 1], vec![], vec![2]),
		(vec![v(Valid, 10), None, None], None, vec![], vec![], vec![1, 2]),
		(vec![v(Invalid, 10), None, None], None, vec![], vec![], vec![1, 2]),
		(vec![v(Unavailable, 0), v(Unavailable, 0), v(Valid, 10)], Some(Unavailable), vec![0, 1], vec![], vec![]),
		(vec![v(Unavailable, 0), v(Invalid, 0), v(Valid, 10)], None, vec![], vec![], vec![]),
		(vec![v(Unproven, 0), v(Unproven, 0), v(Unproven, 0)], None, vec![], vec![], vec![]),
		(vec![v(Unproven, 0), v(Valid, 10), v(Valid, 10)], Some(Valid), vec![1, 2], vec![], vec![]),
		// Smaller committees: more than half, and two to condemn.
		(vec![v(Valid, 10)], Some(Valid), vec![0], vec![], vec![]),
		(vec![v(Invalid, 10)], None, vec![], vec![], vec![]),
		(vec![v(Valid, 10), v(Invalid, 10)], None, vec![], vec![], vec![]),
		(vec![v(Invalid, 10), v(Invalid, 10)], Some(Invalid), vec![0, 1], vec![], vec![]),
	];
	for (votes, verdict, winners, lazy, silent) in table {
		assert_eq!(
			count(&votes),
			Tally {
				verdict,
				winners,
				lazy,
				silent
			},
			"{votes:?}"
		);
	}
}

#[test]
fn a_larger_committee_takes_its_own_majority() {
	let votes: Vec<_> = (0..7)
		.map(|seat| Some(vote(if seat < 3 { Invalid } else { Valid }, 10)))
		.collect();
	assert_eq!(count(&votes).verdict, Some(Valid));
}

fn any_vote() -> impl Strategy<Value = Option<Vote>> {
	let verdict = prop_oneof![
		Just(Valid),
		Just(Invalid),
		Just(Unproven),
		Just(Unavailable)
	];
	let print = prop_oneof![Just(0i16), Just(10), Just(40), Just(500), any::<i16>()];
	prop::option::weighted(
		0.8,
		(verdict, print).prop_map(|(verdict, print)| vote(verdict, print)),
	)
}

proptest! {
	#[test]
	fn a_tally_is_fair(votes in prop::collection::vec(any_vote(), 1..=7)) {
		let Tally { verdict, winners, lazy, silent } = count(&votes);
		// Silent are exactly those without a vote; nobody is lazy and silent, or punished and paid.
		for (seat, vote) in votes.iter().enumerate() {
			prop_assert_eq!(silent.contains(&seat), vote.is_none());
			prop_assert!(!(lazy.contains(&seat) && silent.contains(&seat)));
			prop_assert!(!(winners.contains(&seat) && (lazy.contains(&seat) || vote.is_none())));
		}
		match verdict {
			None => prop_assert!(winners.is_empty()),
			Some(verdict) => {
				prop_assert!(winners.len() * 2 > votes.len());
				prop_assert!(verdict == Valid || winners.len() >= 2);
				for seat in &winners {
					prop_assert_eq!(votes[*seat].as_ref().map(|vote| vote.verdict), Some(verdict));
				}
			},
		}
		// A minority can neither be the yardstick nor make others lazy.
		prop_assert!(lazy.len() * 2 < votes.len());
		// An honest minority's opinion is its own: who could not tell is never punished.
		for seat in lazy {
			let verdict = votes[seat].as_ref().map(|vote| vote.verdict);
			prop_assert!(matches!(verdict, Some(Valid) | Some(Invalid)));
		}
	}

	#[test]
	fn seats_do_not_matter(
		votes in prop::collection::vec(any_vote(), 1..=5),
		turn in 0usize..5,
	) {
		let mut turned = votes.clone();
		let turn = turn % votes.len();
		turned.rotate_left(turn);
		// Distances make groups ambiguous only when fingerprints chain; these are far or near.
		prop_assume!(votes.iter().flatten().all(|vote| [0, 10, 40, 500].contains(&vote.fingerprint[0])));
		prop_assert_eq!(count(&votes).verdict, count(&turned).verdict);
		prop_assert_eq!(count(&votes).lazy.len(), count(&turned).lazy.len());
	}
}

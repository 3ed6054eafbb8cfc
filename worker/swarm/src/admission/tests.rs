use super::*;
use crate::NodeSecret;

#[test]
fn limits_hold_in_total_and_by_key_and_places_come_back() {
	let admission = Admission::new(3);
	let a1 = admission.admit(&[('a', 2), ('x', 3)]).unwrap();
	let _a2 = admission.admit(&[('a', 2), ('x', 3)]).unwrap();
	assert!(admission.admit(&[('a', 2), ('y', 3)]).is_none(), "by key");
	let _b1 = admission.admit(&[('b', 2), ('y', 1)]).unwrap();
	assert!(admission.admit(&[('c', 2), ('z', 3)]).is_none(), "in total");
	drop(a1);
	assert!(
		admission.admit(&[('c', 2), ('y', 1)]).is_none(),
		"by each key"
	);
	let _c1 = admission.admit(&[('c', 2), ('x', 3)]).unwrap();
	assert!(admission.admit(&[('d', 2)]).is_none(), "in total again");
}

#[test]
fn nothing_is_remembered_of_a_key_without_places() {
	let admission = Admission::new(8);
	for key in 0..1_000 {
		drop(admission.admit(&[(key, 8)]));
	}
	assert!(lock(&admission.counts).by_key.is_empty());
	assert_eq!(lock(&admission.counts).total, 0);
}

fn from(site: u8, peer: u8) -> Origin {
	Origin {
		site: Site::of(Some([192, 0, 2, site].into())),
		peer: NodeSecret::new([peer; 32]).peer_id().unwrap(),
	}
}

fn crowd(members: &[(u32, Origin)], total: usize, per_site: usize) -> Crowd<u32> {
	let mut crowd = Crowd::new(total, per_site);
	for (member, origin) in members {
		assert_eq!(crowd.enter(*member, *origin, stranger), Ok(None));
	}
	crowd
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of a rank")]
fn stranger(_: &u32) -> Option<Rank> {
	Some(Rank::Stranger)
}

#[test]
fn the_oldest_of_the_largest_site_gives_way() {
	let mut crowd = crowd(
		&[
			(1, from(1, 1)),
			(2, from(2, 2)),
			(3, from(2, 3)),
			(4, from(2, 4)),
		],
		4,
		4,
	);
	assert_eq!(crowd.enter(5, from(3, 5), stranger), Ok(Some(2)));
	assert_eq!(crowd.enter(6, from(4, 6), stranger), Ok(Some(3)));
	// All sites have one place now: one more than the others is too many for the newcomer.
	assert_eq!(crowd.enter(7, from(4, 7), stranger), Ok(Some(6)));
	assert_eq!(crowd.enter(8, from(4, 7), stranger), Err(Full));
}

#[test]
fn at_one_site_the_peer_with_the_most_gives_way() {
	let mut crowd = crowd(
		&[
			(1, from(1, 1)),
			(2, from(1, 2)),
			(3, from(1, 2)),
			(4, from(2, 9)),
		],
		8,
		3,
	);
	assert_eq!(crowd.enter(5, from(1, 3), stranger), Ok(Some(2)));
	assert_eq!(
		crowd.enter(6, from(1, 3), stranger),
		Err(Full),
		"it would have the most itself"
	);
	assert_eq!(crowd.enter(7, from(2, 9), stranger), Ok(None));
}

#[test]
fn strangers_give_way_before_the_known_and_those_at_work_stay() {
	let rank = |member: &u32| match member {
		1 => None,
		2 => Some(Rank::Known),
		_ => Some(Rank::Stranger),
	};
	let mut crowd = crowd(&[(1, from(1, 1)), (2, from(1, 2)), (3, from(2, 3))], 3, 3);
	assert_eq!(crowd.enter(4, from(3, 4), rank), Ok(Some(3)));
	assert_eq!(crowd.enter(5, from(4, 5), rank), Ok(Some(4)));
	crowd.leave(|member| *member == 5);
	assert_eq!(crowd.enter(1, from(4, 5), rank), Ok(None));
	assert_eq!(crowd.enter(6, from(5, 6), rank), Ok(Some(2)));
	let held = |_: &u32| None;
	assert_eq!(crowd.enter(7, from(6, 7), held), Err(Full));
}

/// Whatever a few sites do, who comes from elsewhere gets in and is not thrown out by them.
#[test]
fn a_flood_from_a_few_sites_does_not_touch_others() {
	let origins: Vec<_> = (0..200).map(|peer| from(peer % 8, peer)).collect();
	let mut crowd = Crowd::new(64, 32);
	let mut thrown_out = Vec::new();
	for (member, origin) in (0..10_000).zip(origins.iter().cycle()) {
		if let Ok(Some(gone)) = crowd.enter(member, *origin, stranger) {
			thrown_out.push(gone);
		}
		if member == 5_000 {
			let entered = crowd.enter(1_000_000, from(100, 255), stranger);
			assert!(matches!(entered, Ok(Some(_))));
		}
	}
	assert!(thrown_out.len() > 9_000);
	assert!(!thrown_out.contains(&1_000_000));
}

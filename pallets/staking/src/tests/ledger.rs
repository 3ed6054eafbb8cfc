//! The ledger alone.

use crate::{Bond, QueueFull, Unlock};
use frame_support::traits::ConstU32;
use polkadot_sdk::*;

type Ledger = Bond<ConstU32<3>>;

fn bonded(active: u128) -> Ledger {
	Ledger {
		active,
		..Default::default()
	}
}

#[test]
fn an_addition_waits_and_what_counted_goes_on_counting() {
	let mut bond = bonded(100);
	bond.add(50, 3, 5).unwrap();
	assert_eq!(
		(bond.counted(3), bond.counted(4), bond.counted(5)),
		(100, 100, 150)
	);
	// One that is still pending waits as long as the next.
	bond.add(7, 4, 6).unwrap();
	assert_eq!((bond.counted(5), bond.counted(6)), (100, 157));
	// One that has arrived does not.
	bond.add(1, 6, 8).unwrap();
	assert_eq!((bond.counted(6), bond.counted(8)), (157, 158));
}

#[test]
fn a_sum_that_does_not_fit_changes_nothing() {
	let mut bond = bonded(u128::MAX);
	assert_eq!(bond.add(1, 0, 2), None);
	assert_eq!(bond, bonded(u128::MAX));
}

#[test]
fn unlocking_takes_the_pending_part_first() {
	let mut bond = bonded(100);
	bond.add(50, 0, 2).unwrap();
	assert_eq!(bond.unlock(60, 4), Ok(60));
	assert_eq!((bond.active, bond.pending, bond.counted(0)), (90, 0, 90));
}

#[test]
fn amounts_for_one_session_share_an_entry_and_the_queue_is_bounded() {
	let mut bond = bonded(100);
	for at in [4, 4, 5, 6] {
		bond.unlock(10, at).unwrap();
	}
	assert_eq!(bond.unlocking.len(), 3);
	assert_eq!(bond.unlock(10, 7), Err(QueueFull));
	assert_eq!(bond.active, 60);
	assert_eq!(bond.unlock_all(7), 60);
	assert_eq!(bond.unlocking.last(), Some(&Unlock { amount: 70, at: 7 }));
	assert_eq!((bond.active, bond.total()), (0, 100));
}

#[test]
fn only_what_is_due_is_withdrawn() {
	let mut bond = bonded(100);
	for at in [4, 5, 6] {
		bond.unlock(10, at).unwrap();
	}
	assert_eq!(bond.withdraw(3), 0);
	assert_eq!(bond.withdraw(5), 20);
	assert_eq!(bond.withdraw(5), 0);
	assert_eq!((bond.total(), bond.unlocking.len()), (80, 1));
}

#[test]
fn what_is_locked_is_not_withdrawn() {
	let mut bond = bonded(100);
	for at in [4, 5, 6] {
		bond.unlock(30, at).unwrap();
	}
	bond.locked = 55;
	assert_eq!((bond.due(5), bond.withdraw(5)), (60, 45));
	assert_eq!((bond.due(5), bond.withdraw(5)), (15, 0));
	assert_eq!(bond.total(), 55);
	bond.locked = 0;
	assert_eq!(bond.withdraw(6), 45);
}

#[test]
fn a_slash_takes_active_money_and_then_what_waits_longest() {
	let mut bond = bonded(100);
	bond.unlock(10, 4).unwrap();
	bond.unlock(20, 5).unwrap();
	assert_eq!(bond.slash(75), 75);
	assert_eq!(bond.active, 0);
	assert_eq!(
		bond.unlocking.to_vec(),
		vec![Unlock { amount: 10, at: 4 }, Unlock { amount: 15, at: 5 }]
	);
	assert_eq!(bond.slash(1_000), 25);
	assert!(bond.is_empty());
}

#[test]
fn a_slash_takes_what_counts_before_what_is_pending() {
	let mut bond = bonded(100);
	bond.add(50, 0, 2).unwrap();
	bond.slash(30);
	assert_eq!((bond.counted(0), bond.counted(2)), (70, 120));
	bond.slash(90);
	assert_eq!(
		(bond.counted(0), bond.counted(2), bond.pending),
		(0, 30, 30)
	);
}

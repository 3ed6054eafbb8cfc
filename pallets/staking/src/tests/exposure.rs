//! What is at work on a bond.

use crate::{Bonds, Error, mock::*};
use frame_support::{assert_noop, assert_ok};
use infergrid_primitives::{
	Balance,
	market::{Bonds as _, Overexposed, Role},
};
use polkadot_sdk::*;
use sp_core::Pair;

fn reserve(amount: Balance) -> Result<(), Overexposed> {
	RoleStaking::reserve_exposure(&ALICE, Role::Miner, amount)
}

fn release(amount: Balance) {
	RoleStaking::release_exposure(&ALICE, Role::Miner, amount);
}

fn unbond(amount: Balance) -> sp_runtime::DispatchResult {
	RoleStaking::unbond(RuntimeOrigin::signed(ALICE), Role::Miner, amount)
}

fn bond(amount: Balance) -> sp_runtime::DispatchResult {
	RoleStaking::bond(RuntimeOrigin::signed(ALICE), Role::Miner, amount)
}

#[test]
fn half_of_what_counts_may_be_at_work() {
	ExtBuilder::default().execute(|| {
		assert_ok!(reserve(MIN_MINER / 2 - 1));
		assert_eq!(reserve(2), Err(Overexposed));
		assert_ok!(reserve(1));
		assert_eq!(
			RoleStaking::exposures(Role::Miner),
			[(ALICE, MIN_MINER / 2)].into()
		);
		// What was bonded later has to count first.
		assert_ok!(bond(MIN_MINER));
		assert_eq!(reserve(1), Err(Overexposed));
		to_session(2);
		assert_ok!(reserve(MIN_MINER / 2));
		assert_eq!(reserve(u128::MAX), Err(Overexposed));
		release(MIN_MINER);
		assert!(RoleStaking::exposures(Role::Miner).is_empty());
		// Another role's bond, or none, stands for nothing.
		assert_eq!(
			RoleStaking::reserve_exposure(&ALICE, Role::Verifier, 1),
			Err(Overexposed)
		);
		assert_ok!(RoleStaking::reserve_exposure(&EVE, Role::Miner, 0));
		assert!(!Bonds::<Test>::contains_key(Role::Miner, EVE));
	});
}

#[test]
fn a_bond_that_works_no_more_gets_nothing_new() {
	ExtBuilder::default().execute(|| {
		assert_ok!(reserve(1));
		drop(RoleStaking::slash(&ALICE, Role::Miner, MIN_MINER * 3 / 4));
		assert_eq!(reserve(1), Err(Overexposed));
		release(1);
	});
}

#[test]
fn what_open_work_needs_cannot_be_unbonded() {
	ExtBuilder::default().execute(|| {
		assert_ok!(bond(MIN_MINER));
		to_session(2);
		assert_ok!(reserve(MIN_MINER * 3 / 4));
		assert_noop!(unbond(MIN_MINER / 2 + 1), Error::<Test>::BondAtWork);
		assert_ok!(unbond(MIN_MINER / 2));
		assert_noop!(unbond(1), Error::<Test>::BondAtWork);
		release(MIN_MINER * 3 / 4 - 1);
		assert_noop!(unbond(MIN_MINER * 3 / 2), Error::<Test>::BondAtWork);
		release(1);
		assert_ok!(unbond(MIN_MINER * 3 / 2));
	});
}

#[test]
fn an_ejected_bond_stands_for_its_open_work_and_does_not_for_more() {
	ExtBuilder::default().execute(|| {
		assert_ok!(reserve(10));
		RoleStaking::eject(&ALICE, Role::Miner);
		assert_eq!(reserve(1), Err(Overexposed));
		assert_ok!(bond(MIN_MINER));
		to_session(2);
		assert_eq!(reserve(MIN_MINER / 2 - 9), Err(Overexposed));
		assert_ok!(reserve(MIN_MINER / 2 - 10));
		release(MIN_MINER / 2);
	});
}

#[test]
fn work_outlives_the_money_and_leaves_nothing_behind() {
	ExtBuilder::default().execute(|| {
		let worker = worker("//Alice//worker");
		let key = worker.public().0;
		assert_ok!(reserve(10));
		drop(RoleStaking::slash(&ALICE, Role::Validator, u128::MAX));
		assert_ok!(pair(&ALICE, &worker));
		drop(RoleStaking::slash(&ALICE, Role::Miner, u128::MAX));
		assert_eq!(
			RoleStaking::operator_of(&key),
			None,
			"who has no money has no worker"
		);
		assert_noop!(pair(&ALICE, &worker), Error::<Test>::NotBonded);
		RoleStaking::do_try_state().expect("the state is sound");
		release(9);
		assert!(Bonds::<Test>::contains_key(Role::Miner, ALICE));
		release(1);
		assert!(!Bonds::<Test>::contains_key(Role::Miner, ALICE));
	});
}

#[test]
#[should_panic(expected = "more is released")]
fn nobody_releases_what_was_not_reserved() {
	ExtBuilder::default().execute(|| {
		assert_ok!(reserve(10));
		release(11);
	});
}

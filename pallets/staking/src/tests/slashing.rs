use crate::{Bonds, Candidates, Error, Event, mock::*};
use frame_support::{assert_noop, assert_ok, traits::Imbalance};
use infergrid_primitives::{
	AIT,
	market::{Bonds as _, Role},
};
use polkadot_sdk::*;

fn signed(who: AccountId) -> RuntimeOrigin {
	RuntimeOrigin::signed(who)
}

#[test]
fn a_slash_yields_what_was_taken_and_burns_it_when_dropped() {
	ExtBuilder::default().execute(|| {
		let issuance = Balances::total_issuance();
		let credit = RoleStaking::slash(&ALICE, Role::Miner, 10 * AIT);
		assert_eq!(credit.peek(), 10 * AIT);
		System::assert_last_event(
			Event::Slashed {
				operator: ALICE,
				role: Role::Miner,
				amount: 10 * AIT,
			}
			.into(),
		);
		assert_eq!(Balances::total_issuance(), issuance);
		drop(credit);
		assert_eq!(Balances::total_issuance(), issuance - 10 * AIT);
		assert_eq!(held(&ALICE, Role::Miner), MIN_MINER - 10 * AIT);
		assert_eq!(
			RoleStaking::slashable(&ALICE, Role::Miner),
			MIN_MINER - 10 * AIT
		);
	});
}

#[test]
fn a_small_slash_does_not_end_a_bonds_work() {
	ExtBuilder::default().execute(|| {
		let active = || RoleStaking::active_bond(&ALICE, Role::Miner);
		let slash = |amount| drop(RoleStaking::slash(&ALICE, Role::Miner, amount));
		let bond = |amount| RoleStaking::bond(signed(ALICE), Role::Miner, amount);
		slash(MIN_MINER / 4);
		assert_eq!(active(), MIN_MINER * 3 / 4);
		// Who is in may bond any amount more, and take out only what leaves the entry minimum.
		assert_ok!(bond(1));
		assert_noop!(
			RoleStaking::unbond(signed(ALICE), Role::Miner, 1),
			Error::<Test>::BelowMinimum
		);
		slash(MIN_MINER / 4);
		assert_eq!(active(), MIN_MINER / 2, "the working minimum is enough");
	});
}

#[test]
fn who_has_fallen_below_the_working_minimum_comes_in_anew() {
	ExtBuilder::default().execute(|| {
		let active = || RoleStaking::active_bond(&ALICE, Role::Miner);
		let bond = |amount| RoleStaking::bond(signed(ALICE), Role::Miner, amount);
		let left = MIN_MINER / 2 - 1;
		drop(RoleStaking::slash(&ALICE, Role::Miner, MIN_MINER - left));
		assert_eq!(active(), 0);
		assert_noop!(bond(1), Error::<Test>::BelowMinimum);
		assert_noop!(bond(MIN_MINER - left - 1), Error::<Test>::BelowMinimum);
		assert_ok!(bond(MIN_MINER - left));
		assert_eq!(active(), 0, "it waits as every entry does");
		to_session(2);
		assert_eq!(active(), MIN_MINER);
		// All of a bond that works no more can leave.
		drop(RoleStaking::slash(&ALICE, Role::Miner, MIN_MINER - 1));
		assert_ok!(RoleStaking::unbond(signed(ALICE), Role::Miner, 1));
	});
}

#[test]
fn a_candidate_stands_until_it_falls_below_the_working_minimum() {
	ExtBuilder::default().execute(|| {
		drop(RoleStaking::slash(&BOB, Role::Validator, MIN_VALIDATOR / 2));
		assert_eq!(RoleStaking::elect(1), Some(vec![ALICE, BOB]));
		drop(RoleStaking::slash(&BOB, Role::Validator, 1));
		assert_eq!(RoleStaking::elect(1), Some(vec![ALICE]));
		assert!(!Candidates::<Test>::get().contains(&BOB));
	});
}

#[test]
fn a_slash_takes_no_more_than_there_is() {
	ExtBuilder::default().execute(|| {
		assert_eq!(
			RoleStaking::slash(&ALICE, Role::Miner, u128::MAX).peek(),
			MIN_MINER
		);
		assert!(!Bonds::<Test>::contains_key(Role::Miner, ALICE));
		assert_eq!(RoleStaking::slash(&ALICE, Role::Miner, 1).peek(), 0);
		assert_eq!(RoleStaking::slash(&EVE, Role::Verifier, 1).peek(), 0);
		// The other role's bond is untouched.
		assert_eq!(
			RoleStaking::active_bond(&ALICE, Role::Validator),
			2 * MIN_VALIDATOR
		);
	});
}

#[test]
fn unbonding_money_can_be_slashed() {
	ExtBuilder::default().execute(|| {
		assert_ok!(RoleStaking::unbond(signed(ALICE), Role::Miner, MIN_MINER));
		assert_eq!(RoleStaking::slashable(&ALICE, Role::Miner), MIN_MINER);
		assert_eq!(
			RoleStaking::slash(&ALICE, Role::Miner, MIN_MINER / 2).peek(),
			MIN_MINER / 2
		);
		to_session(UNBONDING);
		let free = Balances::free_balance(ALICE);
		assert_ok!(RoleStaking::withdraw_unbonded(signed(ALICE), Role::Miner));
		assert_eq!(Balances::free_balance(ALICE), free + MIN_MINER / 2);
	});
}

#[test]
fn an_ejected_operator_must_bond_from_anew_and_stays_slashable() {
	ExtBuilder::default().execute(|| {
		RoleStaking::eject(&ALICE, Role::Miner);
		System::assert_last_event(
			Event::Ejected {
				operator: ALICE,
				role: Role::Miner,
			}
			.into(),
		);
		assert_eq!(RoleStaking::active_bond(&ALICE, Role::Miner), 0);
		assert_eq!(RoleStaking::slashable(&ALICE, Role::Miner), MIN_MINER);
		assert_ok!(RoleStaking::bond(signed(ALICE), Role::Miner, MIN_MINER));
		assert_eq!(RoleStaking::active_bond(&ALICE, Role::Miner), 0);
		to_session(2);
		assert_eq!(RoleStaking::active_bond(&ALICE, Role::Miner), MIN_MINER);

		// Nothing to eject, nothing to say.
		System::reset_events();
		RoleStaking::eject(&EVE, Role::Miner);
		assert!(System::events().is_empty());
	});
}

#[test]
fn ejection_works_with_a_full_queue() {
	ExtBuilder::default().execute(|| {
		for session in 0..3 {
			to_session(session);
			assert_ok!(RoleStaking::unbond(signed(ALICE), Role::Validator, AIT));
		}
		to_session(3);
		RoleStaking::eject(&ALICE, Role::Validator);
		assert_eq!(RoleStaking::active_bond(&ALICE, Role::Validator), 0);
		assert_eq!(
			RoleStaking::slashable(&ALICE, Role::Validator),
			2 * MIN_VALIDATOR
		);
		assert!(!Candidates::<Test>::get().contains(&ALICE));
	});
}

use crate::{Bonds, Candidates, Event, mock::*};
use frame_support::{assert_ok, traits::Imbalance};
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
		// Below the minimum nothing counts.
		assert_eq!(RoleStaking::active_bond(&ALICE, Role::Miner), 0);
		assert_eq!(
			RoleStaking::slashable(&ALICE, Role::Miner),
			MIN_MINER - 10 * AIT
		);
		// A bond below the minimum can be unbonded as a whole.
		assert_ok!(RoleStaking::unbond(
			signed(ALICE),
			Role::Miner,
			MIN_MINER - 10 * AIT
		));
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

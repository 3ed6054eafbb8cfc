use crate::{Bonds, Error, Event, Unlock, mock::*};
use frame_support::{assert_noop, assert_ok};
use infergrid_primitives::{
	AIT,
	market::{Bonds as _, Role},
};
use polkadot_sdk::*;
use sp_runtime::TokenError;

fn signed(who: AccountId) -> RuntimeOrigin {
	RuntimeOrigin::signed(who)
}

#[test]
fn genesis_bonds_count_at_once() {
	ExtBuilder::default().execute(|| {
		assert_eq!(
			RoleStaking::active_bond(&ALICE, Role::Validator),
			2 * MIN_VALIDATOR
		);
		assert_eq!(RoleStaking::active_bond(&ALICE, Role::Miner), MIN_MINER);
		assert_eq!(RoleStaking::active_bond(&ALICE, Role::Verifier), 0);
		assert_eq!(held(&ALICE, Role::Validator), 2 * MIN_VALIDATOR);
		assert_eq!(
			Balances::free_balance(ALICE),
			ENDOWMENT - 2 * MIN_VALIDATOR - MIN_MINER
		);
	});
}

#[test]
#[should_panic(expected = "genesis bond")]
fn an_impossible_genesis_bond_is_refused() {
	ExtBuilder::default()
		.bonds(vec![(POOR, Role::Miner, MIN_MINER)])
		.build();
}

#[test]
fn a_bond_counts_two_sessions_later() {
	ExtBuilder::default().execute(|| {
		assert_ok!(RoleStaking::bond(
			signed(CHARLIE),
			Role::Miner,
			2 * MIN_MINER
		));
		System::assert_last_event(
			Event::Bonded {
				operator: CHARLIE,
				role: Role::Miner,
				amount: 2 * MIN_MINER,
				total: 2 * MIN_MINER,
			}
			.into(),
		);
		assert_eq!(held(&CHARLIE, Role::Miner), 2 * MIN_MINER);
		assert_eq!(RoleStaking::active_bond(&CHARLIE, Role::Miner), 0);
		assert_eq!(RoleStaking::slashable(&CHARLIE, Role::Miner), 2 * MIN_MINER);
		to_session(1);
		assert_eq!(RoleStaking::active_bond(&CHARLIE, Role::Miner), 0);
		to_session(2);
		assert_eq!(
			RoleStaking::active_bond(&CHARLIE, Role::Miner),
			2 * MIN_MINER
		);

		assert_ok!(RoleStaking::bond(signed(CHARLIE), Role::Miner, 1));
		assert_eq!(
			RoleStaking::active_bond(&CHARLIE, Role::Miner),
			2 * MIN_MINER
		);
		to_session(4);
		assert_eq!(
			RoleStaking::active_bond(&CHARLIE, Role::Miner),
			2 * MIN_MINER + 1
		);
	});
}

#[test]
fn bonds_that_cannot_be_are_refused() {
	ExtBuilder::default().execute(|| {
		let bond = |who, amount| RoleStaking::bond(signed(who), Role::Verifier, amount);
		assert_noop!(bond(CHARLIE, 0), Error::<Test>::ZeroAmount);
		assert_noop!(bond(CHARLIE, MIN_VERIFIER - 1), Error::<Test>::BelowMinimum);
		assert_noop!(bond(CHARLIE, 2 * ENDOWMENT), TokenError::FundsUnavailable);
		assert_noop!(bond(CHARLIE, u128::MAX), TokenError::FundsUnavailable);
		assert_noop!(bond(POOR, MIN_VERIFIER), TokenError::FundsUnavailable);
		assert_noop!(
			RoleStaking::bond(signed(ALICE), Role::Miner, u128::MAX),
			Error::<Test>::Overflow
		);
		assert_noop!(
			RoleStaking::bond(RuntimeOrigin::root(), Role::Miner, MIN_MINER),
			sp_runtime::DispatchError::BadOrigin
		);
	});
}

#[test]
fn the_existential_deposit_stays_free() {
	ExtBuilder::default().execute(|| {
		assert_noop!(
			RoleStaking::bond(signed(CHARLIE), Role::Verifier, ENDOWMENT),
			TokenError::FundsUnavailable
		);
		let most = ENDOWMENT - EXISTENTIAL_DEPOSIT;
		assert_ok!(RoleStaking::bond(signed(CHARLIE), Role::Verifier, most));
		assert_eq!(Balances::free_balance(CHARLIE), EXISTENTIAL_DEPOSIT);
	});
}

#[test]
fn roles_are_apart() {
	ExtBuilder::default().execute(|| {
		assert_ok!(RoleStaking::bond(signed(CHARLIE), Role::Miner, MIN_MINER));
		assert_ok!(RoleStaking::bond(
			signed(CHARLIE),
			Role::Verifier,
			MIN_VERIFIER
		));
		assert_ok!(RoleStaking::unbond(signed(CHARLIE), Role::Miner, MIN_MINER));
		to_session(UNBONDING);
		assert_ok!(RoleStaking::withdraw_unbonded(signed(CHARLIE), Role::Miner));
		assert_eq!(held(&CHARLIE, Role::Miner), 0);
		assert_eq!(held(&CHARLIE, Role::Verifier), MIN_VERIFIER);
	});
}

#[test]
fn unbonding_waits_and_then_is_paid_out() {
	ExtBuilder::default().execute(|| {
		let free = Balances::free_balance(ALICE);
		assert_ok!(RoleStaking::unbond(
			signed(ALICE),
			Role::Validator,
			MIN_VALIDATOR
		));
		System::assert_last_event(
			Event::Unbonding {
				operator: ALICE,
				role: Role::Validator,
				amount: MIN_VALIDATOR,
				at: UNBONDING,
			}
			.into(),
		);
		assert_eq!(
			RoleStaking::active_bond(&ALICE, Role::Validator),
			MIN_VALIDATOR
		);
		assert_eq!(
			RoleStaking::slashable(&ALICE, Role::Validator),
			2 * MIN_VALIDATOR
		);
		to_session(UNBONDING - 1);
		assert_noop!(
			RoleStaking::withdraw_unbonded(signed(ALICE), Role::Validator),
			Error::<Test>::NothingToWithdraw
		);
		to_session(UNBONDING);
		assert_ok!(RoleStaking::withdraw_unbonded(
			signed(ALICE),
			Role::Validator
		));
		System::assert_last_event(
			Event::Withdrawn {
				operator: ALICE,
				role: Role::Validator,
				amount: MIN_VALIDATOR,
			}
			.into(),
		);
		assert_eq!(Balances::free_balance(ALICE), free + MIN_VALIDATOR);
		assert_eq!(held(&ALICE, Role::Validator), MIN_VALIDATOR);
	});
}

#[test]
fn unbonding_that_cannot_be_is_refused() {
	ExtBuilder::default().execute(|| {
		let unbond = |who, amount| RoleStaking::unbond(signed(who), Role::Validator, amount);
		assert_noop!(unbond(ALICE, 0), Error::<Test>::ZeroAmount);
		assert_noop!(unbond(CHARLIE, 1), Error::<Test>::NotBonded);
		assert_noop!(
			unbond(ALICE, 2 * MIN_VALIDATOR + 1),
			Error::<Test>::InsufficientBond
		);
		assert_noop!(
			unbond(ALICE, MIN_VALIDATOR + 1),
			Error::<Test>::BelowMinimum
		);
		assert_noop!(
			RoleStaking::withdraw_unbonded(signed(CHARLIE), Role::Miner),
			Error::<Test>::NotBonded
		);
	});
}

#[test]
fn the_unbonding_queue_is_bounded() {
	ExtBuilder::default().execute(|| {
		for session in 0..3 {
			to_session(session);
			assert_ok!(RoleStaking::unbond(signed(ALICE), Role::Validator, AIT));
			assert_ok!(RoleStaking::unbond(signed(ALICE), Role::Validator, AIT));
		}
		to_session(3);
		assert_noop!(
			RoleStaking::unbond(signed(ALICE), Role::Validator, AIT),
			Error::<Test>::UnbondingQueueFull
		);
		let bond = Bonds::<Test>::get(Role::Validator, ALICE).unwrap();
		assert_eq!(
			bond.unlocking[0],
			Unlock {
				amount: 2 * AIT,
				at: UNBONDING
			}
		);
		to_session(UNBONDING);
		assert_ok!(RoleStaking::withdraw_unbonded(
			signed(ALICE),
			Role::Validator
		));
		assert_ok!(RoleStaking::unbond(signed(ALICE), Role::Validator, AIT));
	});
}

#[test]
fn a_bond_that_is_gone_leaves_nothing_behind() {
	ExtBuilder::default().execute(|| {
		assert_ok!(RoleStaking::unbond(
			signed(BOB),
			Role::Validator,
			MIN_VALIDATOR
		));
		to_session(UNBONDING);
		assert_ok!(RoleStaking::withdraw_unbonded(signed(BOB), Role::Validator));
		assert!(!Bonds::<Test>::contains_key(Role::Validator, BOB));
		assert_eq!(Balances::free_balance(BOB), ENDOWMENT);
	});
}

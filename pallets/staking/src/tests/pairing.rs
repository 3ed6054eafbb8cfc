use crate::{Error, Event, Workers, WorkersOf, mock::*};
use frame_support::{assert_noop, assert_ok};
use infergrid_primitives::market::{Bonds as _, Role};
use polkadot_sdk::*;
use sp_core::Pair;
use sp_runtime::AccountId32;

fn signed(who: AccountId) -> RuntimeOrigin {
	RuntimeOrigin::signed(who)
}

#[test]
fn a_worker_key_acts_for_its_operator_until_it_is_unpaired() {
	ExtBuilder::default().execute(|| {
		let (key, signature) = proof(&worker("//Alice//worker"), &ALICE);
		assert_ok!(RoleStaking::pair_worker(signed(ALICE), key, signature));
		System::assert_last_event(
			Event::WorkerPaired {
				operator: ALICE,
				worker: key,
			}
			.into(),
		);
		assert_eq!(RoleStaking::operator_of(&key), Some(ALICE));
		assert_ok!(RoleStaking::unpair_worker(signed(ALICE), key));
		System::assert_last_event(
			Event::WorkerUnpaired {
				operator: ALICE,
				worker: key,
			}
			.into(),
		);
		assert_eq!(RoleStaking::operator_of(&key), None);
		assert!(!WorkersOf::<Test>::contains_key(ALICE));
	});
}

#[test]
fn the_key_itself_can_leave_and_nobody_else_can_part_them() {
	ExtBuilder::default().execute(|| {
		let (key, signature) = proof(&worker("//Alice//worker"), &ALICE);
		assert_noop!(
			RoleStaking::unpair_worker(signed(ALICE), key),
			Error::<Test>::WorkerNotPaired
		);
		assert_ok!(RoleStaking::pair_worker(signed(ALICE), key, signature));
		assert_noop!(
			RoleStaking::unpair_worker(signed(BOB), key),
			Error::<Test>::NotYourWorker
		);
		assert_ok!(RoleStaking::unpair_worker(
			signed(AccountId32::new(key)),
			key
		));
		assert_eq!(Workers::<Test>::get(key), None);
	});
}

#[test]
fn a_pairing_needs_the_keys_own_consent_to_this_operator_on_this_chain() {
	ExtBuilder::default().execute(|| {
		let pair = worker("//Alice//worker");
		let (key, for_alice) = proof(&pair, &ALICE);
		let refused = |signature| {
			assert_noop!(
				RoleStaking::pair_worker(signed(BOB), key, signature),
				Error::<Test>::BadPairingProof
			);
		};
		refused(for_alice);
		refused([0; 64]);
		refused(proof(&worker("//Mallory"), &BOB).1);
		let account: [u8; 32] = BOB.into();
		let elsewhere = infergrid_primitives::request::pairing_payload(&[7; 32], &account);
		refused(pair.sign(&elsewhere).0);
		refused(pair.sign(&account).0);
		let mut flipped = proof(&pair, &BOB).1;
		flipped[0] ^= 1;
		refused(flipped);
	});
}

#[test]
fn a_key_has_one_operator_and_an_operator_a_bounded_number_of_keys() {
	ExtBuilder::default().execute(|| {
		let pair = worker("//worker//0");
		let (key, signature) = proof(&pair, &ALICE);
		assert_ok!(RoleStaking::pair_worker(signed(ALICE), key, signature));
		for operator in [ALICE, BOB] {
			let (key, signature) = proof(&pair, &operator);
			assert_noop!(
				RoleStaking::pair_worker(signed(operator), key, signature),
				Error::<Test>::WorkerAlreadyPaired
			);
		}
		let (key, signature) = proof(&worker("//worker//1"), &ALICE);
		assert_ok!(RoleStaking::pair_worker(signed(ALICE), key, signature));
		let (key, signature) = proof(&worker("//worker//2"), &ALICE);
		assert_noop!(
			RoleStaking::pair_worker(signed(ALICE), key, signature),
			Error::<Test>::TooManyWorkers
		);
	});
}

#[test]
fn pairing_needs_a_bond_and_ends_with_the_last_one() {
	ExtBuilder::default().execute(|| {
		let (key, signature) = proof(&worker("//Charlie//worker"), &CHARLIE);
		assert_noop!(
			RoleStaking::pair_worker(signed(CHARLIE), key, signature),
			Error::<Test>::NotBonded
		);
		assert_ok!(RoleStaking::bond(signed(CHARLIE), Role::Miner, MIN_MINER));
		assert_ok!(RoleStaking::bond(
			signed(CHARLIE),
			Role::Verifier,
			MIN_VERIFIER
		));
		assert_ok!(RoleStaking::pair_worker(signed(CHARLIE), key, signature));
		assert_ok!(RoleStaking::unbond(signed(CHARLIE), Role::Miner, MIN_MINER));
		assert_ok!(RoleStaking::unbond(
			signed(CHARLIE),
			Role::Verifier,
			MIN_VERIFIER
		));
		to_session(UNBONDING);
		assert_ok!(RoleStaking::withdraw_unbonded(signed(CHARLIE), Role::Miner));
		assert_eq!(RoleStaking::operator_of(&key), Some(CHARLIE));
		assert_ok!(RoleStaking::withdraw_unbonded(
			signed(CHARLIE),
			Role::Verifier
		));
		assert_eq!(RoleStaking::operator_of(&key), None);
	});
}

use crate::{
	Error, Event, Workers, WorkersOf,
	mock::{self, *},
};
use frame_support::{assert_noop, assert_ok};
use infergrid_primitives::{
	market::{Bonds as _, Role},
	request::Consent,
};
use polkadot_sdk::*;
use sp_core::Pair;
use sp_runtime::AccountId32;

fn signed(who: AccountId) -> RuntimeOrigin {
	RuntimeOrigin::signed(who)
}

#[test]
fn a_worker_key_acts_for_its_operator_until_it_is_unpaired() {
	ExtBuilder::default().execute(|| {
		let pair = worker("//Alice//worker");
		let key = pair.public().0;
		assert_ok!(mock::pair(&ALICE, &pair));
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
		let pair = worker("//Alice//worker");
		let key = pair.public().0;
		assert_noop!(
			RoleStaking::unpair_worker(signed(ALICE), key),
			Error::<Test>::WorkerNotPaired
		);
		assert_ok!(mock::pair(&ALICE, &pair));
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
		let for_bob = consent(&pair, &BOB);
		let refused = |signature| {
			let Consent {
				counter,
				valid_until,
				..
			} = for_bob;
			let key = pair.public().0;
			assert_noop!(
				RoleStaking::pair_worker(signed(BOB), key, counter, valid_until, signature),
				Error::<Test>::BadPairingProof
			);
		};
		let genesis = RoleStaking::genesis_hash();
		let payload = for_bob.payload(&genesis);
		let changed = |change: fn(&mut Consent)| {
			let mut other = for_bob;
			change(&mut other);
			pair.sign(&other.payload(&genesis)).0
		};
		refused(changed(|consent| consent.operator = ALICE.into()));
		refused(changed(|consent| consent.counter += 1));
		refused(changed(|consent| consent.valid_until += 1));
		refused([0; 64]);
		refused(worker("//Mallory").sign(&payload).0);
		refused(pair.sign(&for_bob.payload(&[7; 32])).0);
		refused(pair.sign(for_bob.operator.as_slice()).0);
		let mut flipped = pair.sign(&payload).0;
		flipped[0] ^= 1;
		refused(flipped);
		assert_ok!(pair_with(&BOB, &pair, &for_bob));
	});
}

#[test]
fn a_consent_pairs_once() {
	ExtBuilder::default().execute(|| {
		let pair = worker("//worker//0");
		let key = pair.public().0;
		let first = consent(&pair, &ALICE);
		assert_ok!(pair_with(&ALICE, &pair, &first));
		assert_ok!(RoleStaking::unpair_worker(signed(ALICE), key));
		assert_noop!(pair_with(&ALICE, &pair, &first), Error::<Test>::ConsentUsed);
		assert_ok!(mock::pair(&ALICE, &pair));
	});
}

#[test]
fn no_consent_outlives_a_keys_leaving() {
	ExtBuilder::default().execute(|| {
		let pair = worker("//worker//0");
		let key = pair.public().0;
		assert_ok!(mock::pair(&ALICE, &pair));
		let meanwhile = consent(&pair, &BOB);
		assert_ok!(RoleStaking::unpair_worker(
			signed(AccountId32::new(key)),
			key
		));
		assert_noop!(
			pair_with(&BOB, &pair, &meanwhile),
			Error::<Test>::ConsentUsed
		);
	});
}

#[test]
fn a_consent_holds_until_its_last_block() {
	ExtBuilder::default().execute(|| {
		let pair = worker("//worker//0");
		let consent = consent(&pair, &ALICE);
		System::set_block_number(u64::from(consent.valid_until) + 1);
		assert_noop!(
			pair_with(&ALICE, &pair, &consent),
			Error::<Test>::ConsentExpired
		);
		System::set_block_number(consent.valid_until.into());
		assert_ok!(pair_with(&ALICE, &pair, &consent));
	});
}

#[test]
fn a_key_has_one_operator_and_an_operator_a_bounded_number_of_keys() {
	ExtBuilder::default().execute(|| {
		let pair = worker("//worker//0");
		assert_ok!(mock::pair(&ALICE, &pair));
		for operator in [ALICE, BOB] {
			assert_noop!(
				mock::pair(&operator, &pair),
				Error::<Test>::WorkerAlreadyPaired
			);
		}
		assert_ok!(mock::pair(&ALICE, &worker("//worker//1")));
		assert_noop!(
			mock::pair(&ALICE, &worker("//worker//2")),
			Error::<Test>::TooManyWorkers
		);
	});
}

#[test]
fn pairing_needs_a_bond_and_ends_with_the_last_one() {
	ExtBuilder::default().execute(|| {
		let pair = worker("//Charlie//worker");
		let key = pair.public().0;
		assert_noop!(mock::pair(&CHARLIE, &pair), Error::<Test>::NotBonded);
		assert_ok!(RoleStaking::bond(signed(CHARLIE), Role::Miner, MIN_MINER));
		assert_ok!(RoleStaking::bond(
			signed(CHARLIE),
			Role::Verifier,
			MIN_VERIFIER
		));
		assert_ok!(mock::pair(&CHARLIE, &pair));
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

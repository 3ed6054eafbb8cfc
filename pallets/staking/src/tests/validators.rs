use crate::{BlockRecords, Candidates, Error, Event, Idle, mock::*};
use frame_support::{assert_noop, assert_ok};
use infergrid_primitives::{
	AIT,
	market::{Bonds as _, Role},
};
use polkadot_sdk::*;

fn signed(who: AccountId) -> RuntimeOrigin {
	RuntimeOrigin::signed(who)
}

fn account(n: u8) -> AccountId {
	AccountId::new([n; 32])
}

fn bond(who: AccountId, amount: u128) {
	assert_ok!(RoleStaking::bond(signed(who), Role::Validator, amount));
}

/// Runs `test` in the third session of four validators with the smallest bond, all of them awake.
fn four(test: impl FnOnce()) {
	const ALL: [AccountId; 4] = [ALICE, BOB, CHARLIE, DAVE];
	Awake::set(ALL.to_vec());
	let bonds = ALL.map(|who| (who, Role::Validator, MIN_VALIDATOR));
	ExtBuilder::default().bonds(bonds.to_vec()).execute(|| {
		to_session(2);
		assert_eq!(Session::validators(), ALL);
		test();
	});
}

#[test]
fn genesis_elects_by_bond() {
	ExtBuilder::default().execute(|| {
		assert_eq!(Session::validators(), vec![ALICE, BOB]);
		assert_eq!(RoleStaking::elect(0), Some(vec![ALICE, BOB]));
	});
}

#[test]
fn a_new_validator_works_two_sessions_later() {
	ExtBuilder::default().execute(|| {
		bond(CHARLIE, 3 * MIN_VALIDATOR);
		to_session(1);
		assert_eq!(Session::validators(), vec![ALICE, BOB]);
		to_session(2);
		assert_eq!(Session::validators(), vec![CHARLIE, ALICE, BOB]);
	});
}

#[test]
fn seats_go_to_the_largest_bonds_and_ties_by_account() {
	ExtBuilder::default().execute(|| {
		for who in [EVE, DAVE, CHARLIE] {
			bond(who, MIN_VALIDATOR);
		}
		to_session(2);
		// Four seats for five; Bob to Eve have the same bond.
		assert_eq!(Session::validators(), vec![ALICE, BOB, CHARLIE, DAVE]);
	});
}

#[test]
fn a_candidate_without_session_keys_takes_no_seat() {
	ExtBuilder::default().execute(|| {
		bond(account(9), 9 * MIN_VALIDATOR);
		assert_eq!(RoleStaking::elect(7), Some(vec![ALICE, BOB]));
	});
}

#[test]
fn the_old_validators_stay_when_there_is_no_candidate() {
	ExtBuilder::default().execute(|| {
		for (who, amount) in [(ALICE, 2 * MIN_VALIDATOR), (BOB, MIN_VALIDATOR)] {
			assert_ok!(RoleStaking::unbond(signed(who), Role::Validator, amount));
		}
		assert_eq!(RoleStaking::elect(1), None);
		to_session(4);
		assert_eq!(Session::validators(), vec![ALICE, BOB]);
	});
}

#[test]
fn a_full_list_of_candidates_admits_only_a_larger_bond() {
	ExtBuilder::default().execute(|| {
		for who in [CHARLIE, DAVE, EVE] {
			bond(who, MIN_VALIDATOR + AIT);
		}
		assert_noop!(
			RoleStaking::bond(signed(account(9)), Role::Validator, MIN_VALIDATOR),
			Error::<Test>::TooSmallToStand
		);
		bond(account(9), MIN_VALIDATOR + 1);
		System::assert_has_event(
			Event::Outbid {
				operator: BOB,
				by: account(9),
			}
			.into(),
		);
		assert!(!Candidates::<Test>::get().contains(&BOB));
		// The bond stays, and a larger one stands again.
		assert_eq!(
			RoleStaking::active_bond(&BOB, Role::Validator),
			MIN_VALIDATOR
		);
		bond(BOB, 2);
		System::assert_has_event(
			Event::Outbid {
				operator: account(9),
				by: BOB,
			}
			.into(),
		);
	});
}

#[test]
fn who_makes_too_few_blocks_sits_out_one_session() {
	four(|| {
		Awake::set(vec![ALICE, BOB, CHARLIE]);
		to_session(3);
		Awake::set(vec![ALICE, BOB, CHARLIE, DAVE]);
		// The session is planned already.
		assert!(Session::validators().contains(&DAVE));
		let left_out = Event::LeftOut {
			operator: DAVE,
			session: 4,
		};
		System::assert_has_event(left_out.into());
		to_session(4);
		assert_eq!(Session::validators(), vec![ALICE, BOB, CHARLIE]);
		assert_eq!(
			RoleStaking::active_bond(&DAVE, Role::Validator),
			MIN_VALIDATOR
		);
		for session in 5..12 {
			to_session(session);
			assert_eq!(Session::validators(), vec![ALICE, BOB, CHARLIE, DAVE]);
		}
	});
}

#[test]
fn who_stays_away_sits_out_for_as_long_as_it_was_there() {
	four(|| {
		Awake::set(vec![ALICE, BOB, CHARLIE]);
		let seats = (3..11).map(|session| {
			to_session(session);
			Session::validators().contains(&DAVE)
		});
		let expected = [true, false, false, true, true, false, false, true];
		assert_eq!(seats.collect::<Vec<_>>(), expected);
	});
}

#[test]
fn a_seat_that_is_left_goes_to_the_next_bond() {
	four(|| {
		bond(EVE, MIN_VALIDATOR);
		Awake::set(vec![ALICE, BOB, CHARLIE]);
		to_session(4);
		assert_eq!(Session::validators(), vec![ALICE, BOB, CHARLIE, EVE]);
	});
}

#[test]
fn an_outage_is_nobodys_fault() {
	for awake in [vec![ALICE, BOB], vec![ALICE], vec![]] {
		four(|| {
			Awake::set(awake);
			to_session(8);
			assert_eq!(Session::validators(), vec![ALICE, BOB, CHARLIE, DAVE]);
		});
	}
	// One of two is half.
	Awake::set(vec![ALICE]);
	ExtBuilder::default().execute(|| {
		to_session(8);
		assert_eq!(Session::validators(), vec![ALICE, BOB]);
	});
}

#[test]
fn nobody_is_judged_before_enough_is_expected() {
	MinExpectedBlocks::set(3);
	four(|| {
		to_session(3);
		assert_eq!(BlockRecords::<Test>::iter().count(), 0, "all were judged");
		Awake::set(vec![ALICE, BOB, CHARLIE]);
		// Of five blocks a session a quarter is expected of each.
		for session in 4..6 {
			to_session(session);
			assert!(BlockRecords::<Test>::contains_key(DAVE));
			assert!(Idle::<Test>::get().is_empty());
		}
		to_session(6);
		assert_eq!(Idle::<Test>::get(), vec![DAVE]);
		to_session(7);
		assert_eq!(Session::validators(), vec![ALICE, BOB, CHARLIE]);
	});
}

#[test]
fn who_is_no_validator_any_more_has_no_record() {
	MinExpectedBlocks::set(1_000);
	four(|| {
		assert_eq!(BlockRecords::<Test>::iter().count(), 4);
		assert_ok!(RoleStaking::unbond(
			signed(DAVE),
			Role::Validator,
			MIN_VALIDATOR
		));
		to_session(5);
		assert_eq!(BlockRecords::<Test>::iter().count(), 3);
	});
}

use crate::{Candidates, Error, Event, Exposure, ExposureOf, Offenders, SlashedFractions, mock::*};
use frame_support::{assert_noop, assert_ok};
use infergrid_primitives::{
	AIT,
	market::{Bonds as _, Role},
};
use polkadot_sdk::*;
use sp_runtime::{Perbill, traits::Convert};
use sp_staking::offence::{OffenceDetails, OnOffenceHandler};

fn signed(who: AccountId) -> RuntimeOrigin {
	RuntimeOrigin::signed(who)
}

fn account(n: u8) -> AccountId {
	AccountId::new([n; 32])
}

fn bond(who: AccountId, amount: u128) {
	assert_ok!(RoleStaking::bond(signed(who), Role::Validator, amount));
}

fn offend(who: AccountId, own: u128, percent: u32, session: u32) {
	let details = OffenceDetails {
		offender: (who, Exposure { own }),
		reporters: vec![],
	};
	<RoleStaking as OnOffenceHandler<AccountId, _, _>>::on_offence(
		&[details],
		&[Perbill::from_percent(percent)],
		session,
	);
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
fn an_offender_is_slashed_ejected_and_kept_off_duty() {
	// Four validators, of which one may be disabled.
	let bonds = [ALICE, BOB, CHARLIE, DAVE].map(|who| (who, Role::Validator, MIN_VALIDATOR));
	ExtBuilder::default().bonds(bonds.to_vec()).execute(|| {
		to_session(2);
		assert_eq!(Session::validators().len(), 4);
		OffenceSlashes::set(0);
		let exposure = ExposureOf::<Test>::convert(BOB).unwrap();
		assert_eq!(exposure.own, MIN_VALIDATOR);
		offend(BOB, exposure.own, 30, 2);

		assert_eq!(OffenceSlashes::get(), MIN_VALIDATOR * 3 / 10);
		assert_eq!(RoleStaking::active_bond(&BOB, Role::Validator), 0);
		assert_eq!(
			RoleStaking::slashable(&BOB, Role::Validator),
			MIN_VALIDATOR * 7 / 10
		);
		assert!(!Candidates::<Test>::get().contains(&BOB));
		assert_eq!(Session::disabled_validators(), vec![1]);
		// The next session was planned with Bob, who sits it out.
		to_session(3);
		assert_eq!(Session::validators()[1], BOB);
		assert_eq!(Session::disabled_validators(), vec![1]);
		to_session(4);
		assert_eq!(Session::validators(), vec![ALICE, CHARLIE, DAVE]);
		assert!(Session::disabled_validators().is_empty());
		assert!(Offenders::<Test>::get().is_empty());
	});
}

#[test]
fn later_reports_of_a_session_take_only_the_difference() {
	ExtBuilder::default().execute(|| {
		OffenceSlashes::set(0);
		let own = 2 * MIN_VALIDATOR;
		offend(ALICE, own, 0, 0);
		assert_eq!(OffenceSlashes::get(), 0);
		assert!(Candidates::<Test>::get().contains(&ALICE));
		offend(ALICE, own, 10, 0);
		offend(ALICE, own, 10, 0);
		assert_eq!(OffenceSlashes::get(), own / 10);
		offend(ALICE, own, 25, 0);
		assert_eq!(OffenceSlashes::get(), own / 4);
		offend(ALICE, own, 10, 1);
		assert_eq!(OffenceSlashes::get(), own / 4 + own / 10);
		assert_eq!(
			RoleStaking::slashable(&ALICE, Role::Validator),
			own - own / 4 - own / 10
		);
	});
}

#[test]
fn reports_that_come_too_late_do_nothing_and_fractions_are_forgotten() {
	ExtBuilder::default().execute(|| {
		offend(ALICE, 2 * MIN_VALIDATOR, 10, 0);
		OffenceSlashes::set(0);
		to_session(UNBONDING);
		assert!(SlashedFractions::<Test>::contains_key(0, ALICE));
		to_session(UNBONDING + 1);
		assert!(!SlashedFractions::<Test>::contains_key(0, ALICE));
		offend(ALICE, 2 * MIN_VALIDATOR, 100, 0);
		assert_eq!(OffenceSlashes::get(), 0);
	});
}

#[test]
fn a_validator_whose_bond_is_gone_can_still_be_identified() {
	ExtBuilder::default().execute(|| {
		assert_eq!(ExposureOf::<Test>::convert(EVE), Some(Exposure { own: 0 }));
	});
}

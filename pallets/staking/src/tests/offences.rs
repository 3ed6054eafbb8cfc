use crate::{Bonds, Candidates, Error, Event, Offenders, PendingSlashes, Sentences, mock::*};
use frame_support::{assert_noop, assert_ok};
use infergrid_primitives::market::{Bonds as _, Role};
use polkadot_sdk::*;
use sp_runtime::Perbill;
use sp_staking::offence::{OffenceDetails, OnOffenceHandler};

fn offend(who: AccountId, percent: u32, session: u32) {
	let details = OffenceDetails {
		offender: (who, ()),
		reporters: vec![],
	};
	<RoleStaking as OnOffenceHandler<AccountId, _, _>>::on_offence(
		&[details],
		&[Perbill::from_percent(percent)],
		session,
	);
}

#[test]
fn an_offender_is_ejected_kept_off_duty_and_slashed_when_the_window_is_over() {
	// Four validators, of which one may be disabled.
	let bonds = [ALICE, BOB, CHARLIE, DAVE].map(|who| (who, Role::Validator, MIN_VALIDATOR));
	ExtBuilder::default().bonds(bonds.to_vec()).execute(|| {
		to_session(2);
		assert_eq!(Session::validators().len(), 4);
		OffenceSlashes::set(0);
		offend(BOB, 30, 2);

		let amount = MIN_VALIDATOR * 3 / 10;
		let ordered = Event::SlashOrdered {
			operator: BOB,
			role: Role::Validator,
			amount,
			due: 4,
		};
		System::assert_has_event(ordered.into());
		assert_eq!(OffenceSlashes::get(), 0);
		assert_eq!(RoleStaking::active_bond(&BOB, Role::Validator), 0);
		assert_eq!(RoleStaking::slashable(&BOB, Role::Validator), MIN_VALIDATOR);
		assert!(!Candidates::<Test>::get().contains(&BOB));
		assert_eq!(Session::disabled_validators(), vec![1]);
		// The next session was planned with Bob, who sits it out.
		to_session(3);
		assert_eq!(Session::validators()[1], BOB);
		assert_eq!(Session::disabled_validators(), vec![1]);
		assert_eq!(OffenceSlashes::get(), 0);
		to_session(4);
		assert_eq!(OffenceSlashes::get(), amount);
		assert_eq!(
			RoleStaking::slashable(&BOB, Role::Validator),
			MIN_VALIDATOR - amount
		);
		assert_eq!(Session::validators(), vec![ALICE, CHARLIE, DAVE]);
		assert!(Session::disabled_validators().is_empty());
		assert!(Offenders::<Test>::get().is_empty());
		assert_eq!(PendingSlashes::<Test>::iter().count(), 0);
	});
}

#[test]
fn later_reports_of_a_session_take_only_the_difference() {
	ExtBuilder::default().execute(|| {
		OffenceSlashes::set(0);
		let own = 2 * MIN_VALIDATOR;
		let ordered = || PendingSlashes::<Test>::get(SLASH_DELAY, ALICE);
		offend(ALICE, 0, 0);
		assert_eq!(ordered(), 0);
		assert!(Candidates::<Test>::get().contains(&ALICE));
		offend(ALICE, 10, 0);
		offend(ALICE, 10, 0);
		assert_eq!(ordered(), own / 10);
		offend(ALICE, 25, 0);
		assert_eq!(ordered(), own / 4);
		offend(ALICE, 10, 1);
		assert_eq!(ordered(), own / 4 + own / 10);
		to_session(SLASH_DELAY);
		assert_eq!(OffenceSlashes::get(), own / 4 + own / 10);
	});
}

#[test]
fn reports_that_come_too_late_do_nothing_and_what_was_slashed_is_forgotten() {
	ExtBuilder::default().execute(|| {
		offend(ALICE, 10, 0);
		let history = pallet_session::historical::HistoricalSessions::<Test>::contains_key;
		to_session(REPORTABLE);
		assert!(Sentences::<Test>::contains_key(0, ALICE));
		assert!(history(0));
		to_session(REPORTABLE + 1);
		assert!(!Sentences::<Test>::contains_key(0, ALICE));
		assert!(!history(0), "who it was cannot be proven any more either");
		assert!(history(1));
		offend(ALICE, 100, 0);
		assert_eq!(PendingSlashes::<Test>::iter().count(), 0);
	});
}

#[test]
fn locked_money_stays_until_it_is_slashed() {
	ExtBuilder::default().execute(|| {
		let withdraw =
			|| RoleStaking::withdraw_unbonded(RuntimeOrigin::signed(ALICE), Role::Validator);
		assert_ok!(RoleStaking::unbond(
			RuntimeOrigin::signed(ALICE),
			Role::Validator,
			2 * MIN_VALIDATOR
		));
		to_session(UNBONDING - 1);
		// Alice still made blocks in the second session.
		offend(ALICE, 75, 1);
		to_session(UNBONDING);
		let free = Balances::free_balance(ALICE);
		assert_ok!(withdraw());
		assert_eq!(Balances::free_balance(ALICE), free + MIN_VALIDATOR / 2);
		assert_noop!(withdraw(), Error::<Test>::SlashPending);
		OffenceSlashes::set(0);
		to_session(UNBONDING - 1 + SLASH_DELAY);
		assert_eq!(OffenceSlashes::get(), MIN_VALIDATOR * 3 / 2);
		assert!(!Bonds::<Test>::contains_key(Role::Validator, ALICE));
	});
}

#[test]
fn a_cancelled_slash_takes_nothing_and_frees_the_money() {
	ExtBuilder::default().execute(|| {
		OffenceSlashes::set(0);
		let cancel = |origin, due| RoleStaking::cancel_slash(origin, due, ALICE);
		let (root, signed) = (RuntimeOrigin::root, RuntimeOrigin::signed(ALICE));
		offend(ALICE, 100, 0);
		assert_noop!(
			cancel(signed, SLASH_DELAY),
			sp_runtime::DispatchError::BadOrigin
		);
		assert_noop!(cancel(root(), 1), Error::<Test>::NoPendingSlash);
		assert_ok!(cancel(root(), SLASH_DELAY));
		let cancelled = Event::SlashCancelled {
			operator: ALICE,
			role: Role::Validator,
			amount: 2 * MIN_VALIDATOR,
		};
		System::assert_last_event(cancelled.into());
		assert_noop!(cancel(root(), SLASH_DELAY), Error::<Test>::NoPendingSlash);
		to_session(UNBONDING);
		assert_eq!(OffenceSlashes::get(), 0);
		assert_ok!(RoleStaking::withdraw_unbonded(
			RuntimeOrigin::signed(ALICE),
			Role::Validator
		));
	});
}

#[test]
fn what_another_slash_took_meanwhile_is_not_there_any_more() {
	ExtBuilder::default().execute(|| {
		OffenceSlashes::set(0);
		offend(ALICE, 100, 0);
		drop(RoleStaking::slash(
			&ALICE,
			Role::Validator,
			2 * MIN_VALIDATOR,
		));
		assert!(Bonds::<Test>::contains_key(Role::Validator, ALICE));
		to_session(SLASH_DELAY);
		assert_eq!(OffenceSlashes::get(), 0);
		assert!(!Bonds::<Test>::contains_key(Role::Validator, ALICE));
	});
}

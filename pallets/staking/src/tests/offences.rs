use crate::{Candidates, Offenders, Sentences, mock::*};
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
fn an_offender_is_slashed_ejected_and_kept_off_duty() {
	// Four validators, of which one may be disabled.
	let bonds = [ALICE, BOB, CHARLIE, DAVE].map(|who| (who, Role::Validator, MIN_VALIDATOR));
	ExtBuilder::default().bonds(bonds.to_vec()).execute(|| {
		to_session(2);
		assert_eq!(Session::validators().len(), 4);
		OffenceSlashes::set(0);
		offend(BOB, 30, 2);

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
		offend(ALICE, 0, 0);
		assert_eq!(OffenceSlashes::get(), 0);
		assert!(Candidates::<Test>::get().contains(&ALICE));
		offend(ALICE, 10, 0);
		offend(ALICE, 10, 0);
		assert_eq!(OffenceSlashes::get(), own / 10);
		offend(ALICE, 25, 0);
		assert_eq!(OffenceSlashes::get(), own / 4);
		offend(ALICE, 10, 1);
		let later = own * 3 / 4 / 10;
		assert_eq!(OffenceSlashes::get(), own / 4 + later, "of what was left");
		assert_eq!(
			RoleStaking::slashable(&ALICE, Role::Validator),
			own - own / 4 - later
		);
	});
}

#[test]
fn reports_that_come_too_late_do_nothing_and_what_was_slashed_is_forgotten() {
	ExtBuilder::default().execute(|| {
		offend(ALICE, 10, 0);
		OffenceSlashes::set(0);
		let history = pallet_session::historical::HistoricalSessions::<Test>::contains_key;
		to_session(REPORTABLE);
		assert!(Sentences::<Test>::contains_key(0, ALICE));
		assert!(history(0));
		to_session(REPORTABLE + 1);
		assert!(!Sentences::<Test>::contains_key(0, ALICE));
		assert!(!history(0), "who it was cannot be proven any more either");
		assert!(history(1));
		offend(ALICE, 100, 0);
		assert_eq!(OffenceSlashes::get(), 0);
	});
}

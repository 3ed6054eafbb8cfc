//! Money over random sequences of calls.

use crate::mock::*;
use frame_support::traits::{Imbalance, fungible::Inspect};
use infergrid_primitives::{
	AIT, Balance,
	market::{Bonds as _, Role},
};
use polkadot_sdk::*;
use proptest::{collection::vec, prelude::*};
use sp_staking::offence::{OffenceDetails, OnOffenceHandler};
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
enum Step {
	Bond(u8, Role, Balance),
	Unbond(u8, Role, Balance),
	Withdraw(u8, Role),
	Slash(u8, Role, Balance),
	Eject(u8, Role),
	Reserve(u8, Role, Balance),
	Release(u8, Role),
	Offence(u8, u32),
	Cancel(u8, u32),
	NextSession,
}

fn role() -> impl Strategy<Value = Role> {
	prop_oneof![
		Just(Role::Validator),
		Just(Role::Miner),
		Just(Role::Verifier)
	]
}

/// From dust to more than anybody has.
fn amount() -> impl Strategy<Value = Balance> {
	prop_oneof![
		0..2 * EXISTENTIAL_DEPOSIT,
		0..200 * AIT,
		0..3 * MIN_VALIDATOR,
		Just(ENDOWMENT - EXISTENTIAL_DEPOSIT),
		Just(u128::MAX),
	]
}

fn step() -> impl Strategy<Value = Step> {
	let who = 1..=6_u8;
	prop_oneof![
		4 => (who.clone(), role(), amount()).prop_map(|(w, r, a)| Step::Bond(w, r, a)),
		3 => (who.clone(), role(), amount()).prop_map(|(w, r, a)| Step::Unbond(w, r, a)),
		3 => (who.clone(), role()).prop_map(|(w, r)| Step::Withdraw(w, r)),
		2 => (who.clone(), role(), amount()).prop_map(|(w, r, a)| Step::Slash(w, r, a)),
		1 => (who.clone(), role()).prop_map(|(w, r)| Step::Eject(w, r)),
		2 => (who.clone(), role(), amount()).prop_map(|(w, r, a)| Step::Reserve(w, r, a)),
		1 => (who.clone(), role()).prop_map(|(w, r)| Step::Release(w, r)),
		2 => (who.clone(), 0..=100_u32).prop_map(|(w, p)| Step::Offence(w, p)),
		1 => (who, 1..=SLASH_DELAY).prop_map(|(w, s)| Step::Cancel(w, s)),
		3 => Just(Step::NextSession),
	]
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(64))]

	/// What is not burnt is somewhere, every hold is in the ledger, what was reserved and not
	/// released is at work, nobody falls below the
	/// existential deposit, and there are always validators.
	#[test]
	fn money_is_conserved(steps in vec(step(), 1..50)) {
		ExtBuilder::default().build().execute_with(|| {
			let issued = Balances::total_issuance();
			let mut burnt: Balance = 0;
			let mut at_work = BTreeMap::<(Role, AccountId), Balance>::new();
			OffenceSlashes::set(0);
			for step in steps {
				let account = |n: u8| AccountId::new([n; 32]);
				let signed = |n: u8| RuntimeOrigin::signed(account(n));
				match step {
					Step::Bond(who, role, amount) => {
						let _ = RoleStaking::bond(signed(who), role, amount);
					},
					Step::Unbond(who, role, amount) => {
						let _ = RoleStaking::unbond(signed(who), role, amount);
					},
					Step::Withdraw(who, role) => {
						let _ = RoleStaking::withdraw_unbonded(signed(who), role);
					},
					Step::Slash(who, role, amount) => {
						let could = RoleStaking::slashable(&account(who), role);
						let credit = RoleStaking::slash(&account(who), role, amount);
						prop_assert_eq!(credit.peek(), amount.min(could));
						burnt += credit.peek();
					},
					Step::Eject(who, role) => {
						let could = RoleStaking::slashable(&account(who), role);
						RoleStaking::eject(&account(who), role);
						prop_assert_eq!(RoleStaking::active_bond(&account(who), role), 0);
						prop_assert_eq!(RoleStaking::slashable(&account(who), role), could);
					},
					Step::Reserve(who, role, amount) => {
						let limit = RoleStaking::active_bond(&account(who), role) / 2;
						let open = at_work.entry((role, account(who))).or_default();
						let fits = open.checked_add(amount).is_some_and(|sum| sum <= limit);
						let reserved = RoleStaking::reserve_exposure(&account(who), role, amount);
						prop_assert_eq!(reserved.is_ok(), fits || amount == 0);
						if reserved.is_ok() {
							*open += amount;
						}
					},
					Step::Release(who, role) => {
						if let Some(open) = at_work.remove(&(role, account(who))) {
							// In two parts, as a delivery and its settlement do.
							RoleStaking::release_exposure(&account(who), role, open / 3);
							RoleStaking::release_exposure(&account(who), role, open - open / 3);
						}
					},
					Step::Offence(who, percent) => {
						let details = OffenceDetails {
							offender: (account(who), ()),
							reporters: vec![],
						};
						<RoleStaking as OnOffenceHandler<AccountId, _, _>>::on_offence(
							&[details],
							&[sp_runtime::Perbill::from_percent(percent)],
							Session::current_index(),
						);
					},
					Step::Cancel(who, sessions) => {
						let due = Session::current_index() + sessions;
						let root = RuntimeOrigin::root();
						let _ = RoleStaking::cancel_slash(root, due, account(who));
					},
					Step::NextSession => to_session(Session::current_index() + 1),
				}
				let gone = burnt + OffenceSlashes::get();
				prop_assert_eq!(Balances::total_issuance() + gone, issued);
				at_work.retain(|_, open| *open > 0);
				for role in [Role::Validator, Role::Miner, Role::Verifier] {
					let open = at_work.iter().filter(|((of, _), _)| *of == role);
					let open = open.map(|((_, who), open)| (who.clone(), *open)).collect();
					prop_assert_eq!(RoleStaking::exposures(role), open);
				}
				RoleStaking::do_try_state().expect("the state is sound");
				#[cfg(feature = "try-runtime")]
				<Balances as frame_support::traits::Hooks<u64>>::try_state(0)
					.expect("the balances are sound");
			}
			let total: Balance = (1..=20)
				.map(|n| Balances::total_balance(&AccountId::new([n; 32])))
				.sum();
			prop_assert_eq!(total + EXISTENTIAL_DEPOSIT, Balances::total_issuance());
			for n in 1..=6 {
				prop_assert!(Balances::free_balance(AccountId::new([n; 32])) >= EXISTENTIAL_DEPOSIT);
			}
			prop_assert!(!Session::validators().is_empty());
			Ok(())
		})?;
	}
}

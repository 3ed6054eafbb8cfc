use crate::{Earned, Earnings, Event, Totals, mock::*};
use frame_support::{assert_noop, traits::fungible::InspectHold};
use infergrid_primitives::{
	Balance,
	market::{FeeSplit, Shares},
};
use polkadot_sdk::*;
use proptest::{collection::vec, prelude::*};
use sp_runtime::{DispatchError, TokenError};

fn pay(fee: Balance) -> Result<Shares, DispatchError> {
	Rewards::pay_held(&Reason::Escrow, &PAYER, fee, &MINER, &PROFILE)
}

fn on_hold() -> Balance {
	Balances::balance_on_hold(&Reason::Escrow, &PAYER)
}

#[test]
fn a_fee_goes_out_of_the_hold_to_its_three_owners() {
	execute(|| {
		fund(&PAYER, 150_000);
		let shares = Shares {
			miner: 70_000,
			creator: 20_000,
			treasury: 10_000,
		};
		assert_eq!(pay(100_000), Ok(shares));
		System::assert_last_event(
			Event::FeePaid {
				payer: PAYER,
				miner: MINER,
				creator: CREATOR,
				shares,
			}
			.into(),
		);
		assert_eq!(on_hold(), 50_000);
		for (who, share) in [(MINER, 70_000), (CREATOR, 20_000), (TREASURY, 10_000)] {
			assert_eq!(Balances::free_balance(who), EXISTENTIAL_DEPOSIT + share);
		}
		assert_eq!(
			Earned::<Test>::get(MINER),
			Earnings {
				mined: 70_000,
				royalties: 0
			}
		);
		assert_eq!(
			Earned::<Test>::get(CREATOR),
			Earnings {
				mined: 0,
				royalties: 20_000
			}
		);
		assert_eq!(Totals::<Test>::get().fees, 1);
	});
}

#[test]
fn more_than_is_held_is_not_paid_and_nothing_moves() {
	execute(|| {
		fund(&PAYER, 100_000);
		assert_noop!(pay(100_001), TokenError::FundsUnavailable);
		assert_noop!(pay(130_000), TokenError::FundsUnavailable);
		assert_noop!(pay(u128::MAX), TokenError::FundsUnavailable);
	});
}

#[test]
fn a_miner_that_is_the_creator_gets_both_shares() {
	execute(|| {
		fund(&PAYER, 100_000);
		Rewards::pay_held(&Reason::Escrow, &PAYER, 100_000, &CREATOR, &PROFILE).unwrap();
		assert_eq!(
			Earned::<Test>::get(CREATOR),
			Earnings {
				mined: 70_000,
				royalties: 20_000
			}
		);
		assert_eq!(
			Balances::free_balance(CREATOR),
			EXISTENTIAL_DEPOSIT + 90_000
		);
	});
}

#[test]
fn a_payer_can_be_its_own_miner() {
	execute(|| {
		fund(&PAYER, 100_000);
		Rewards::pay_held(&Reason::Escrow, &PAYER, 100_000, &PAYER, &PROFILE).unwrap();
		assert_eq!(on_hold(), 0);
		assert_eq!(Balances::free_balance(PAYER), EXISTENTIAL_DEPOSIT + 70_000);
	});
}

#[test]
fn a_profile_that_is_gone_pays_no_royalty() {
	execute(|| {
		FakeRegistry::set_royalty(None);
		fund(&PAYER, 100_000);
		let shares = Shares {
			miner: 90_000,
			creator: 0,
			treasury: 10_000,
		};
		assert_eq!(pay(100_000), Ok(shares));
		System::assert_last_event(
			Event::FeePaid {
				payer: PAYER,
				miner: MINER,
				creator: TREASURY,
				shares,
			}
			.into(),
		);
	});
}

#[test]
fn a_share_too_small_for_an_account_that_does_not_exist_goes_to_the_treasury() {
	new_test_ext_with(&[MINER, TREASURY]).execute_with(|| {
		fund(&PAYER, 10_000);
		let fee = 4_000;
		// The creator's 800 are below the existential deposit.
		assert_eq!(
			pay(fee),
			Ok(Shares {
				miner: 2_800,
				creator: 0,
				treasury: 1_200
			})
		);
		assert_eq!(Balances::free_balance(CREATOR), 0);
		// Enough creates the account.
		assert_eq!(
			pay(6_000),
			Ok(Shares {
				miner: 4_200,
				creator: 1_200,
				treasury: 600
			})
		);
		Rewards::do_try_state().unwrap();
	});
}

#[test]
fn what_not_even_the_treasury_can_take_is_burnt() {
	new_test_ext_with(&[]).execute_with(|| {
		fund(&PAYER, 900);
		let issued = Balances::total_issuance();
		assert_eq!(
			pay(900),
			Ok(Shares {
				miner: 0,
				creator: 0,
				treasury: 900
			})
		);
		assert_eq!(Balances::total_issuance(), issued - 900);
		assert_eq!(Totals::<Test>::get().burnt, 900);
		assert_eq!(on_hold(), 0);
		Rewards::do_try_state().unwrap();
	});
}

#[test]
fn a_fee_of_nothing_is_paid() {
	execute(|| {
		fund(&PAYER, 1);
		assert_eq!(pay(0), Ok(Shares::default()));
		assert_eq!(Earned::<Test>::iter().count(), 0);
	});
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(128))]

	/// Whoever exists, and whatever the fees: they leave the hold to the planck, they arrive or are
	/// burnt, and the books agree.
	#[test]
	fn money_is_conserved(
		exist in vec(0..3_usize, 0..3),
		fees in vec(prop_oneof![0..3 * EXISTENTIAL_DEPOSIT, 0..1_u128 << 90], 1..12),
		royalty in prop_oneof![Just(None), (5..=20_u8).prop_map(Some)],
	) {
		let exist: Vec<_> = exist
			.into_iter()
			.collect::<std::collections::BTreeSet<_>>()
			.into_iter()
			.map(|n| [MINER, CREATOR, TREASURY][n].clone())
			.collect();
		new_test_ext_with(&exist).execute_with(|| {
			FakeRegistry::set_royalty(royalty);
			let all: Balance = fees.iter().sum();
			fund(&PAYER, all + 7);
			let issued = Balances::total_issuance();
			let mut left = all + 7;
			for fee in fees {
				let shares = pay(fee).expect("the money is held");
				prop_assert_eq!(shares.miner + shares.creator + shares.treasury, fee);
				left -= fee;
				prop_assert_eq!(on_hold(), left);
			}
			let totals = Totals::<Test>::get();
			prop_assert_eq!(totals.miners + totals.creators + totals.treasury, all);
			prop_assert_eq!(Balances::total_issuance() + totals.burnt, issued);
			prop_assert_eq!(Balances::free_balance(PAYER), EXISTENTIAL_DEPOSIT);
			Rewards::do_try_state().expect("the books agree");
			Ok(())
		})?;
	}
}

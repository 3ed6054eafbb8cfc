//! The arithmetic alone.

use crate::shares;
use infergrid_primitives::market::Shares;
use polkadot_sdk::*;
use proptest::prelude::*;
use sp_runtime::Percent;

const TEN: Percent = Percent::from_percent(10);

#[test]
fn a_fee_is_shared_seventy_twenty_ten() {
	let full = shares(1_000, Percent::from_percent(20), TEN);
	assert_eq!(
		full,
		Shares {
			miner: 700,
			creator: 200,
			treasury: 100
		}
	);
	// What the creator does not ask for is the miner's.
	let modest = shares(1_000, Percent::from_percent(5), TEN);
	assert_eq!(
		modest,
		Shares {
			miner: 850,
			creator: 50,
			treasury: 100
		}
	);
}

#[test]
fn what_does_not_divide_is_the_miners() {
	let twenty = Percent::from_percent(20);
	assert_eq!(shares(0, twenty, TEN), Shares::default());
	assert_eq!(
		shares(1, twenty, TEN),
		Shares {
			miner: 1,
			creator: 0,
			treasury: 0
		}
	);
	assert_eq!(
		shares(9, twenty, TEN),
		Shares {
			miner: 8,
			creator: 1,
			treasury: 0
		}
	);
	assert_eq!(
		shares(19, twenty, TEN),
		Shares {
			miner: 15,
			creator: 3,
			treasury: 1
		}
	);
}

proptest! {
	#[test]
	fn shares_sum_to_the_fee_to_the_planck(
		fee in prop_oneof![any::<u128>(), 0..10_000_u128, (u128::MAX - 1_000)..=u128::MAX],
		royalty in 0..=100_u8,
		treasury in 0..=100_u8,
	) {
		let (royalty, treasury) = (Percent::from_percent(royalty), Percent::from_percent(treasury));
		let shares = shares(fee, royalty, treasury);
		let sum = shares
			.miner
			.checked_add(shares.creator)
			.and_then(|sum| sum.checked_add(shares.treasury));
		prop_assert_eq!(sum, Some(fee));
		prop_assert_eq!(shares.treasury, treasury.mul_floor(fee));
		prop_assert!(shares.creator <= royalty.mul_floor(fee));
	}

	/// Against whole percents of whole hundreds, where nothing is rounded.
	#[test]
	fn shares_are_exact_where_they_can_be(hundreds in 0..1_u128 << 100, royalty in 5..=20_u8) {
		let shares = shares(hundreds * 100, Percent::from_percent(royalty), TEN);
		prop_assert_eq!(shares.creator, hundreds * u128::from(royalty));
		prop_assert_eq!(shares.treasury, hundreds * 10);
		prop_assert_eq!(shares.miner, hundreds * u128::from(90 - royalty));
	}
}

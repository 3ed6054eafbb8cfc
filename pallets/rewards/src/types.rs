//! What the pallet counts.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use infergrid_primitives::{Balance, market::Shares};
use polkadot_sdk::*;
use scale_info::TypeInfo;
use sp_runtime::Percent;

/// Everything that was ever shared out, in plancks.
#[derive(
	Clone,
	Copy,
	Debug,
	Default,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Sums {
	/// Fees paid.
	pub fees: u64,
	/// To miners.
	pub miners: Balance,
	/// To creators.
	pub creators: Balance,
	/// To the treasury, what was burnt included.
	pub treasury: Balance,
	/// The part of the treasury's share that no account could take.
	pub burnt: Balance,
}

impl Sums {
	/// Adds one fee.
	pub fn add(&mut self, shares: &Shares, burnt: Balance) {
		self.fees = self.fees.saturating_add(1);
		self.miners = self.miners.saturating_add(shares.miner);
		self.creators = self.creators.saturating_add(shares.creator);
		self.treasury = self.treasury.saturating_add(shares.treasury);
		self.burnt = self.burnt.saturating_add(burnt);
	}
}

/// What an account earned from fees, in plancks.
#[derive(
	Clone,
	Copy,
	Debug,
	Default,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Earnings {
	/// As a miner.
	pub mined: Balance,
	/// As a creator.
	pub royalties: Balance,
}

/// Shares `fee` out. The treasury's and the creator's shares are rounded down; the miner gets the
/// rest, so that the three sum to `fee`. Percentages that sum to more than 100 cut the creator.
pub fn shares(fee: Balance, royalty: Percent, treasury: Percent) -> Shares {
	let treasury = treasury.mul_floor(fee);
	let rest = fee.saturating_sub(treasury);
	let creator = royalty.mul_floor(fee).min(rest);
	Shares {
		miner: rest.saturating_sub(creator),
		creator,
		treasury,
	}
}

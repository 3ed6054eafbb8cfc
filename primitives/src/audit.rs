//! Votes of an audit's committee.

use crate::{AccountBytes, AuditId, Hash, hashing::domain_hash};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Numbers in a [`Fingerprint`].
pub const FINGERPRINT_LEN: usize = 32;

/// A hidden state projected by a seeded ±1 matrix: only who ran the model has it.
pub type Fingerprint = [i16; FINGERPRINT_LEN];

/// What a verifier found.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	PartialOrd,
	Ord,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub enum Verdict {
	/// The receipt is what the profile computes.
	Valid,
	/// It is not.
	Invalid,
	/// The verifier could not tell; never slashes.
	Unproven,
	/// The miner did not open the receipt.
	Unavailable,
}

/// The worst measures over a receipt's chunks and positions.
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
pub struct Measures {
	/// Most mismatched exponents in a chunk.
	pub exponent_mismatches: u16,
	/// Largest mean mantissa error × 1,000.
	pub mantissa_mean_milli: u32,
	/// Largest median mantissa error × 1,000.
	pub mantissa_median_milli: u32,
	/// Positions whose margin is above the profile's hard margin.
	pub hard_margins: u32,
	/// Positions whose token is the verifier's own choice.
	pub exact_tokens: u32,
	/// Positions checked.
	pub positions: u32,
	/// Mean margin in logits × 1,000, each clipped at 500.
	pub mean_margin_milli: u32,
}

/// A verifier's vote.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Vote {
	/// The finding.
	pub verdict: Verdict,
	/// What it rests on.
	pub measures: Measures,
	/// Proof of having run the model; all zero when it could not be run.
	pub fingerprint: Fingerprint,
}

impl Vote {
	/// What is committed before it is revealed. `verifier` is the operator's account.
	pub fn commitment(
		&self,
		genesis: &Hash,
		audit: AuditId,
		verifier: &AccountBytes,
		salt: &Hash,
	) -> Hash {
		domain_hash("vote", genesis, &(self, audit, verifier, salt))
	}
}

/// Squared Euclidean distance between two fingerprints.
pub fn fingerprint_distance(a: &Fingerprint, b: &Fingerprint) -> u64 {
	a.iter()
		.zip(b)
		.map(|(x, y)| {
			let difference = i64::from(*x) - i64::from(*y);
			(difference * difference) as u64
		})
		.sum()
}

//! Votes of an audit's committee.

use crate::{
	AccountBytes, AuditId, Hash, hashing::domain_hash, model::ProofParams, sampler::Margin, toploc,
};
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

/// Positions, in percent, whose token may differ from the verifier's own choice.
const INEXACT_PERCENT: u32 = 5;
/// Positions in a thousand that may be above the hard margin.
const HARD_PERMILLE: u32 = 2;

impl Measures {
	/// Whether chunks and tokens are within the profile's limits. A few positions may fall on the
	/// other side of a near tie: 2 and 5 % of all may be inexact, and 1 or 0.2 % above the hard margin.
	pub fn within(&self, limits: &ProofParams) -> bool {
		let inexact = self.positions.saturating_sub(self.exact_tokens);
		self.exponent_mismatches <= limits.max_exponent_mismatches
			&& self.mantissa_mean_milli <= limits.max_mantissa_mean_milli
			&& self.mantissa_median_milli <= limits.max_mantissa_median_milli
			&& self.hard_margins <= 1.max(share(self.positions, HARD_PERMILLE, 1_000))
			&& inexact <= share(self.positions, INEXACT_PERCENT, 100).saturating_add(2)
	}
}

fn share(positions: u32, parts: u32, whole: u32) -> u32 {
	(u64::from(positions) * u64::from(parts) / u64::from(whole)) as u32
}

/// Collects [`Measures`] over the chunks and positions of one answer.
#[derive(Clone, Debug)]
pub struct Examination {
	limits: ProofParams,
	measures: Measures,
	clipped_margins: f64,
}

impl Examination {
	/// Nothing seen yet.
	pub fn new(limits: &ProofParams) -> Self {
		Self {
			limits: *limits,
			measures: Measures::default(),
			clipped_margins: 0.0,
		}
	}

	/// Adds the comparison of one chunk.
	pub fn chunk(&mut self, chunk: &toploc::Measures) {
		let milli = |value: f64| (value * 1e3) as u32;
		let worst = &mut self.measures;
		worst.exponent_mismatches = worst
			.exponent_mismatches
			.max(chunk.exponent_mismatches.try_into().unwrap_or(u16::MAX));
		worst.mantissa_mean_milli = worst.mantissa_mean_milli.max(milli(chunk.mantissa_mean));
		worst.mantissa_median_milli = worst
			.mantissa_median_milli
			.max(milli(chunk.mantissa_median));
	}

	/// Adds the margin of one token. Answers whether it is within the hard margin: the token that
	/// ends an answer must be.
	pub fn position(&mut self, margin: &Margin) -> bool {
		let soft = margin.delta * 1e3 <= f64::from(self.limits.hard_margin_milli);
		self.measures.positions += 1;
		self.measures.exact_tokens += u32::from(margin.exact);
		self.measures.hard_margins += u32::from(!soft);
		self.clipped_margins += margin.delta.min(0.5);
		soft
	}

	/// What was collected.
	pub fn measures(&self) -> Measures {
		let positions = f64::from(self.measures.positions.max(1));
		Measures {
			mean_margin_milli: (self.clipped_margins * 1e3 / positions) as u32,
			..self.measures
		}
	}
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

#[cfg(test)]
mod tests {
	use super::*;

	fn examine(margins: &[f64]) -> Measures {
		let mut examination = Examination::new(&ProofParams::default());
		for &delta in margins {
			examination.position(&Margin {
				delta,
				exact: delta == 0.0,
			});
		}
		examination.measures()
	}

	#[test]
	fn a_near_tie_passes_and_a_forged_answer_does_not() {
		let limits = ProofParams::default();
		let mut margins = vec![0.0; 40];
		assert!(examine(&margins).within(&limits));
		margins[3] = 0.01;
		margins[7] = 0.2;
		assert!(examine(&margins).within(&limits));
		margins[9] = f64::INFINITY;
		let one = examine(&margins);
		assert!(one.within(&limits), "one position may be anything");
		assert_eq!(
			(one.hard_margins, one.exact_tokens, one.positions),
			(1, 37, 40)
		);
		assert_eq!(one.mean_margin_milli, 17);
		margins[11] = 2.1;
		assert!(!examine(&margins).within(&limits));
		assert!(
			!examine(&[0.1; 40]).within(&limits),
			"steering inside the noise band"
		);
	}

	#[test]
	fn the_worst_chunk_counts() {
		let mut examination = Examination::new(&ProofParams::default());
		let mut chunk = |exponent_mismatches, mantissa_mean| {
			examination.chunk(&toploc::Measures {
				exponent_mismatches,
				mantissa_mean,
				mantissa_median: 1.0,
			});
			examination.measures().within(&ProofParams::default())
		};
		assert!(chunk(38, 10.0));
		assert!(!chunk(39, 0.0));
		assert!(!chunk(0, 0.0), "a good chunk heals nothing");
		let mut none = Examination::new(&ProofParams::default());
		let unmatched = 18_446_744_073_709_551_616.0;
		none.chunk(&toploc::Measures {
			exponent_mismatches: 0,
			mantissa_mean: unmatched,
			mantissa_median: unmatched,
		});
		assert_eq!(none.measures().mantissa_mean_milli, u32::MAX);
	}
}

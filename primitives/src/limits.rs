//! What a profile may say, so that an audit by it can tell honest work from any other.
//!
//! A profile's creator chooses the limits by which miners are judged. Where they are too wide, every
//! answer passes and audits are for show; where they are too narrow, rounding alone condemns whoever
//! offers, and the creator's friends share the slashes. The bounds leave room on both sides of
//! everything that has been measured: [`ProofParams::F32`], and the defaults for 16-bit arithmetic.

use crate::{
	audit::FINGERPRINT_LEN,
	model::{Profile, ProofParams},
};
use core::{fmt, ops::RangeInclusive};

/// The only version of the sampler.
pub const SAMPLER: u8 = 1;

/// Values per chunk in a proof. With fewer, one value is a larger part of the limits than there is
/// between honest and forged; with more, a proof costs more bytes than it is worth.
pub const TOP_K: RangeInclusive<u16> = 32..=1_024;

/// Output tokens per chunk: at most [`ProofParams::top_k`] besides, as a token of which no value is
/// among the largest is not proven.
pub const CHUNK: RangeInclusive<u16> = 1..=256;

/// Mean error of a mantissa × 1,000. One unit in a tenth of the values is what rounding may do;
/// unrelated mantissas are 42.7 apart in the mean, and half of that is as good as no limit.
pub const MANTISSA_MEAN_MILLI: RangeInclusive<u32> = 100..=21_000;

/// Median error of a mantissa × 1,000. It moves in whole units, of which rounding may need one;
/// unrelated mantissas have 37.5, and half of that is as good as no limit.
pub const MANTISSA_MEDIAN_MILLI: RangeInclusive<u32> = 1_000..=18_000;

/// Margin in logits × 1,000. Honest machines differ by less than a hundredth; at four, a miner could
/// take any token that is up to 55 times less likely than the seed's.
pub const HARD_MARGIN_MILLI: RangeInclusive<u32> = 10..=4_000;

/// Squared distance of two fingerprints. A unit in each number is rounding; above a 64th of what is
/// between unrelated ones, which is `64 · SCALE²`, a verifier could guess.
pub const FINGERPRINT_DISTANCE: RangeInclusive<u64> = FINGERPRINT_LEN as u64..=1 << 24;

/// Context in tokens: one of the prompt and one of the answer at least, and no deadline that
/// outlives a day.
pub const CONTEXT: RangeInclusive<u32> = 2..=1 << 20;

/// Least speed in tokens per second: above the most, no machine meets a deadline.
pub const SPEED: RangeInclusive<u32> = 1..=100_000;

/// A field of a profile that has bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
	/// [`Profile::sampler`]
	Sampler,
	/// [`ProofParams::top_k`]
	TopK,
	/// [`ProofParams::chunk`]
	Chunk,
	/// [`ProofParams::max_exponent_mismatches`]
	ExponentMismatches,
	/// [`ProofParams::max_mantissa_mean_milli`]
	MantissaMean,
	/// [`ProofParams::max_mantissa_median_milli`]
	MantissaMedian,
	/// [`ProofParams::hard_margin_milli`]
	HardMargin,
	/// [`ProofParams::max_fingerprint_distance`]
	FingerprintDistance,
	/// [`Profile::context`]
	Context,
	/// [`Profile::min_tokens_per_second`]
	Speed,
}

impl Field {
	/// The field's name.
	pub fn name(self) -> &'static str {
		match self {
			Self::Sampler => "sampler",
			Self::TopK => "top_k",
			Self::Chunk => "chunk",
			Self::ExponentMismatches => "max_exponent_mismatches",
			Self::MantissaMean => "max_mantissa_mean_milli",
			Self::MantissaMedian => "max_mantissa_median_milli",
			Self::HardMargin => "hard_margin_milli",
			Self::FingerprintDistance => "max_fingerprint_distance",
			Self::Context => "context",
			Self::Speed => "min_tokens_per_second",
		}
	}
}

/// Why a profile cannot be run and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfBounds {
	/// Which field is to be corrected.
	pub field: Field,
	/// What it says.
	pub found: u64,
	/// What it may say.
	pub allowed: RangeInclusive<u64>,
}

impl fmt::Display for OutOfBounds {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let (least, most) = (self.allowed.start(), self.allowed.end());
		let (name, found) = (self.field.name(), self.found);
		write!(f, "{name} is {found}, not between {least} and {most}")
	}
}

impl core::error::Error for OutOfBounds {}

fn within<T: Copy + Into<u64>>(
	field: Field,
	found: T,
	allowed: &RangeInclusive<T>,
) -> Result<(), OutOfBounds> {
	let found = found.into();
	let allowed = (*allowed.start()).into()..=(*allowed.end()).into();
	if allowed.contains(&found) {
		return Ok(());
	}
	Err(OutOfBounds {
		field,
		found,
		allowed,
	})
}

impl ProofParams {
	/// Whether an audit by these limits can pass and can fail.
	pub fn validate(&self) -> Result<(), OutOfBounds> {
		// Of each value at least one in a hundred may be on the other side of a power of two; with
		// half of them wrong, it is another hidden state.
		let mismatches = self.top_k.div_ceil(100)..=self.top_k / 2;
		let chunk = *CHUNK.start()..=(*CHUNK.end()).min(self.top_k);
		within(Field::TopK, self.top_k, &TOP_K)?;
		within(Field::Chunk, self.chunk, &chunk)?;
		within(
			Field::ExponentMismatches,
			self.max_exponent_mismatches,
			&mismatches,
		)?;
		within(
			Field::MantissaMean,
			self.max_mantissa_mean_milli,
			&MANTISSA_MEAN_MILLI,
		)?;
		within(
			Field::MantissaMedian,
			self.max_mantissa_median_milli,
			&MANTISSA_MEDIAN_MILLI,
		)?;
		within(
			Field::HardMargin,
			self.hard_margin_milli,
			&HARD_MARGIN_MILLI,
		)?;
		within(
			Field::FingerprintDistance,
			self.max_fingerprint_distance,
			&FINGERPRINT_DISTANCE,
		)
	}
}

impl Profile {
	/// Whether a miner can serve the profile and an audit can tell right from wrong by it.
	pub fn validate(&self) -> Result<(), OutOfBounds> {
		within(Field::Sampler, self.sampler, &(SAMPLER..=SAMPLER))?;
		self.proof.validate()?;
		within(Field::Context, self.context, &CONTEXT)?;
		within(Field::Speed, self.min_tokens_per_second, &SPEED)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::model::Arithmetic;

	fn profile(proof: ProofParams) -> Profile {
		Profile {
			model: [1; 32],
			arithmetic: Arithmetic::F32,
			sampler: SAMPLER,
			proof,
			calibration: proof.uncalibrated(),
			context: 4_096,
			min_tokens_per_second: 10,
			reference_input: 1,
			reference_output: 2,
		}
	}

	#[test]
	fn the_shipped_limits_are_within_the_bounds() {
		for proof in [ProofParams::F32, ProofParams::default()] {
			assert_eq!(profile(proof).validate(), Ok(()));
		}
	}

	/// What each field may say at least and at most, and one past either end.
	#[test]
	fn every_bound_is_where_it_is_said_to_be() {
		type Set = fn(&mut Profile, u64);
		let rows: [(Field, u64, u64, Set); 10] = [
			(Field::Sampler, 1, 1, |p, n| p.sampler = n as u8),
			(Field::TopK, 32, 1_024, |p, n| {
				p.proof.top_k = n as u16;
				p.proof.max_exponent_mismatches = 11;
			}),
			(Field::Chunk, 1, 128, |p, n| p.proof.chunk = n as u16),
			(Field::ExponentMismatches, 2, 64, |p, n| {
				p.proof.max_exponent_mismatches = n as u16;
			}),
			(Field::MantissaMean, 100, 21_000, |p, n| {
				p.proof.max_mantissa_mean_milli = n as u32;
			}),
			(Field::MantissaMedian, 1_000, 18_000, |p, n| {
				p.proof.max_mantissa_median_milli = n as u32;
			}),
			(Field::HardMargin, 10, 4_000, |p, n| {
				p.proof.hard_margin_milli = n as u32;
			}),
			(Field::FingerprintDistance, 32, 1 << 24, |p, n| {
				p.proof.max_fingerprint_distance = n;
			}),
			(Field::Context, 2, 1 << 20, |p, n| p.context = n as u32),
			(Field::Speed, 1, 100_000, |p, n| {
				p.min_tokens_per_second = n as u32;
			}),
		];
		for (field, least, most, set) in rows {
			let said = |value| {
				let mut profile = profile(ProofParams::default());
				if field == Field::TopK {
					profile.proof.chunk = 1;
				}
				set(&mut profile, value);
				profile.validate().map_err(|flaw| flaw.field)
			};
			assert_eq!(said(least), Ok(()), "{field:?} at its least");
			assert_eq!(said(most), Ok(()), "{field:?} at its most");
			assert_eq!(said(least - 1), Err(field), "{field:?} below");
			assert_eq!(said(most + 1), Err(field), "{field:?} above");
		}
	}

	#[test]
	fn a_flaw_is_told_with_its_field_and_its_bounds() {
		let mut proof = ProofParams::F32;
		proof.hard_margin_milli = 9_000;
		let told = proof.validate().map_err(|flaw| flaw.to_string());
		assert_eq!(
			told,
			Err("hard_margin_milli is 9000, not between 10 and 4000".into())
		);
	}
}

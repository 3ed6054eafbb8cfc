//! TOPLOC proofs: the polynomial through a chunk's largest activations, byte-compatible with
//! `toploc` 0.1.6.
//!
//! A chunk is a row-major matrix of bf16 bit patterns: one row for each output token, the final
//! hidden state (after the last norm) from which that token was sampled. The proof holds the
//! polynomial over the field of 65,497 elements that maps the index of each of the `k` largest
//! absolute values, reduced modulo an injective modulus, to the value's bits. Whoever ran the same
//! model finds nearly the same bits at its own `k` largest values.

use crate::model::ProofParams;
use alloc::{vec, vec::Vec};
use core::ops::Range;

/// The field's prime: the largest below 2^16 that still exceeds every finite bf16 bit pattern.
pub const FIELD: u16 = 65_497;
/// A trailing chunk with fewer rows than this becomes part of the chunk before it: the mean over so
/// few values is too noisy to judge.
pub const MIN_TRAILING_ROWS: usize = 8;

const P: u32 = FIELD as u32;
const MAGNITUDE: u16 = 0x7FFF;
const INFINITY: u16 = 0x7F80;
const MANTISSA: u16 = 0x007F;
/// What `toploc` reports when no exponent agrees.
const NO_MATCH: f64 = 18_446_744_073_709_551_616.0;

/// `value` rounded to the nearest bf16, ties to even, as bits. NaN stays NaN.
pub fn f32_to_bf16(value: f32) -> u16 {
	let bits = value.to_bits();
	if value.is_nan() {
		return (bits >> 16) as u16 | 0x0040;
	}
	let round = 0x7FFF + ((bits >> 16) & 1);
	((bits + round) >> 16) as u16
}

/// The value of a bf16 bit pattern.
pub fn bf16_to_f32(bits: u16) -> f32 {
	f32::from_bits(u32::from(bits) << 16)
}

/// The rows of each chunk: `chunk` rows, the last one what is left; fewer than
/// [`MIN_TRAILING_ROWS`] left-over rows belong to the chunk before, if there is one. A `chunk` of 0
/// counts as 1.
pub fn chunks(
	n_rows: usize,
	chunk: usize,
) -> impl ExactSizeIterator<Item = Range<usize>> + DoubleEndedIterator + Clone {
	let chunk = chunk.max(1);
	let left_over = n_rows % chunk;
	let whole = n_rows / chunk;
	let merges = left_over < MIN_TRAILING_ROWS && whole > 0;
	let count = whole + usize::from(left_over > 0 && !merges);
	(0..count).map(move |i| {
		let end = if i + 1 == count {
			n_rows
		} else {
			(i + 1) * chunk
		};
		i * chunk..end
	})
}

/// Points of the polynomial for a chunk of `rows` rows: `top_k`, or every value of a smaller chunk.
pub fn points(top_k: u16, rows: usize, hidden: usize) -> usize {
	usize::from(top_k).min(rows.saturating_mul(hidden))
}

/// Why there is no proof of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildError {
	/// No values, or `k` is 0.
	Empty,
	/// More than 2^31 − 1 values.
	TooManyValues,
	/// A value is infinite or not a number: the model's output is broken.
	NotFinite,
	/// No modulus keeps the indices apart.
	NoModulus,
}

impl core::fmt::Display for BuildError {
	fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
		f.write_str(match self {
			Self::Empty => "the chunk has no values",
			Self::TooManyValues => "the chunk has more than 2^31 - 1 values",
			Self::NotFinite => "a hidden state is infinite or not a number",
			Self::NoModulus => "no modulus keeps the chosen indices apart",
		})
	}
}

impl core::error::Error for BuildError {}

/// Why bytes are no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
	/// Not 2 + 2·k bytes.
	Length {
		/// Bytes of a proof with that many points.
		expected: usize,
		/// Bytes given.
		found: usize,
	},
	/// The modulus is 0 or above the field's prime.
	Modulus(u16),
	/// A coefficient is no element of the field.
	Coefficient(u16),
}

impl core::fmt::Display for ParseError {
	fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
		match self {
			Self::Length { expected, found } => {
				write!(f, "a proof has {expected} bytes here, not {found}")
			}
			Self::Modulus(modulus) => write!(f, "modulus {modulus} is not in 1..={FIELD}"),
			Self::Coefficient(value) => write!(f, "coefficient {value} is not below {FIELD}"),
		}
	}
}

impl core::error::Error for ParseError {}

/// What counts as an exponent mismatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
	/// The eight exponent bits, as `toploc` does; a flipped sign goes unseen.
	Toploc,
	/// Sign and exponent bits.
	Infergrid,
}

/// How far a chunk is from a proof.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measures {
	/// Values, among the chunk's largest, whose exponent is not the proof's.
	pub exponent_mismatches: u32,
	/// Mean absolute difference of the mantissas (0..=127) where the exponents agree; 2^64 if none
	/// does.
	pub mantissa_mean: f64,
	/// Their upper median; 2^64 if no exponent agrees.
	pub mantissa_median: f64,
}

impl Measures {
	/// Whether every measure is within the profile's limits.
	pub fn within(&self, limits: &ProofParams) -> bool {
		self.exponent_mismatches <= u32::from(limits.max_exponent_mismatches)
			&& self.mantissa_mean * 1e3 <= f64::from(limits.max_mantissa_mean_milli)
			&& self.mantissa_median * 1e3 <= f64::from(limits.max_mantissa_median_milli)
	}
}

/// The proof of one chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
	modulus: u16,
	/// Ascending powers, each below [`FIELD`].
	coefficients: Vec<u16>,
}

impl Proof {
	/// The proof of a chunk of bf16 bit patterns through its `k` largest absolute values; all of
	/// them if there are fewer. O(n + k²).
	pub fn build(values: &[u16], k: usize) -> Result<Self, BuildError> {
		let chosen = largest(values, k)?;
		let modulus = injective_modulus(&chosen).ok_or(BuildError::NoModulus)?;
		let mut x = Vec::with_capacity(chosen.len());
		let mut y = Vec::with_capacity(chosen.len());
		for &index in &chosen {
			x.push(index % u32::from(modulus));
			y.push(u32::from(values[index as usize]));
		}
		Ok(Self {
			modulus,
			coefficients: interpolate(&x, &y),
		})
	}

	/// Number of points that fix the polynomial.
	pub fn points(&self) -> usize {
		self.coefficients.len()
	}

	/// Modulus, then coefficients in ascending powers, each as two big-endian bytes.
	pub fn to_bytes(&self) -> Vec<u8> {
		let mut bytes = Vec::with_capacity(2 + 2 * self.coefficients.len());
		bytes.extend_from_slice(&self.modulus.to_be_bytes());
		for coefficient in &self.coefficients {
			bytes.extend_from_slice(&coefficient.to_be_bytes());
		}
		bytes
	}

	/// Reads a proof with exactly `k` points. The length is pinned: with more coefficients a prover
	/// could pass through more points than its chunk has.
	pub fn parse(bytes: &[u8], k: usize) -> Result<Self, ParseError> {
		let expected = k.saturating_mul(2).saturating_add(2);
		if k == 0 || bytes.len() != expected {
			return Err(ParseError::Length {
				expected,
				found: bytes.len(),
			});
		}
		let mut words = bytes
			.chunks_exact(2)
			.map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
		let modulus = words.next().unwrap_or(0);
		if modulus == 0 || modulus > FIELD {
			return Err(ParseError::Modulus(modulus));
		}
		let mut coefficients = Vec::with_capacity(k);
		for coefficient in words {
			if coefficient >= FIELD {
				return Err(ParseError::Coefficient(coefficient));
			}
			coefficients.push(coefficient);
		}
		Ok(Self {
			modulus,
			coefficients,
		})
	}

	/// Compares the proof with the bf16 bit patterns that the verifier computed for the same chunk,
	/// at the verifier's own largest values. O(n + k²).
	pub fn compare(&self, values: &[u16], comparison: Comparison) -> Result<Measures, BuildError> {
		let field_shift = 7;
		let field_mask = match comparison {
			Comparison::Toploc => 0xFF,
			Comparison::Infergrid => 0x1FF,
		};
		let chosen = largest(values, self.coefficients.len())?;
		let mut mismatches = 0;
		let mut histogram = [0_u32; 128];
		for &index in &chosen {
			let claimed = self.evaluate(index);
			let found = values[index as usize];
			if (claimed ^ found) >> field_shift & field_mask != 0 {
				mismatches += 1;
			} else {
				histogram[usize::from((claimed & MANTISSA).abs_diff(found & MANTISSA))] += 1;
			}
		}
		let matches = chosen.len() as u32 - mismatches;
		if matches == 0 {
			return Ok(Measures {
				exponent_mismatches: mismatches,
				mantissa_mean: NO_MATCH,
				mantissa_median: NO_MATCH,
			});
		}
		let sum: u32 = histogram
			.iter()
			.zip(0..)
			.map(|(count, error): (_, u32)| count * error)
			.sum();
		let mut seen = 0;
		let median = histogram
			.iter()
			.position(|count| {
				seen += count;
				seen > matches / 2
			})
			.unwrap_or(127);
		Ok(Measures {
			exponent_mismatches: mismatches,
			mantissa_mean: f64::from(sum) / f64::from(matches),
			mantissa_median: median as f64,
		})
	}

	/// The bits that the proof claims at a flat index.
	fn evaluate(&self, index: u32) -> u16 {
		let x = index % u32::from(self.modulus);
		let value = self
			.coefficients
			.iter()
			.rev()
			.fold(0, |acc, &c| (acc * x + u32::from(c)) % P);
		value as u16
	}
}

/// Indices of the `k` largest magnitudes in ascending order; of equal ones at the edge the lowest
/// indices. One pass fills a histogram over the 2^15 magnitudes, one collects.
fn largest(values: &[u16], k: usize) -> Result<Vec<u32>, BuildError> {
	let k = k.min(values.len());
	if k == 0 {
		return Err(BuildError::Empty);
	}
	if values.len() > i32::MAX as usize {
		return Err(BuildError::TooManyValues);
	}
	let mut histogram = vec![0_u32; usize::from(INFINITY)];
	for value in values {
		*histogram
			.get_mut(usize::from(value & MAGNITUDE))
			.ok_or(BuildError::NotFinite)? += 1;
	}
	let mut room = k;
	let mut edge = histogram.len() - 1;
	while (histogram[edge] as usize) < room {
		room -= histogram[edge] as usize;
		edge -= 1;
	}
	let mut chosen = Vec::with_capacity(k);
	for (index, value) in values.iter().enumerate() {
		let magnitude = usize::from(value & MAGNITUDE);
		if magnitude > edge {
			chosen.push(index as u32);
		} else if magnitude == edge && room > 0 {
			room -= 1;
			chosen.push(index as u32);
		}
	}
	Ok(chosen)
}

/// The largest modulus up to [`FIELD`] under which no two indices collide.
fn injective_modulus(indices: &[u32]) -> Option<u16> {
	let mut seen = vec![0_u64; usize::from(FIELD).div_ceil(64)];
	(1..=FIELD).rev().find(|&modulus| {
		let residue = |index: u32| index % u32::from(modulus);
		let slot = |residue: u32| ((residue / 64) as usize, 1_u64 << (residue % 64));
		let collision = indices.iter().position(|&index| {
			let (word, bit) = slot(residue(index));
			let taken = seen[word] & bit != 0;
			seen[word] |= bit;
			taken
		});
		for &index in &indices[..collision.unwrap_or(indices.len())] {
			let (word, bit) = slot(residue(index));
			seen[word] &= !bit;
		}
		collision.is_none()
	})
}

/// Coefficients, in ascending powers, of the polynomial of degree below `x.len()` through
/// `(x[i], y[i])`, by Newton's divided differences. The `x` are distinct and below [`FIELD`].
fn interpolate(x: &[u32], y: &[u32]) -> Vec<u16> {
	let k = x.len();
	let mut difference = y.to_vec();
	let mut gaps = vec![0; k];
	let mut prefix = vec![0; k];
	for step in 1..k {
		// One inversion serves the whole step: each gap's inverse falls out of the product's.
		let mut product = 1;
		for i in step..k {
			gaps[i] = subtract(x[i], x[i - step]);
			prefix[i] = product;
			product = multiply(product, gaps[i]);
		}
		let mut inverse = invert(product);
		for i in (step..k).rev() {
			let gap_inverse = multiply(inverse, prefix[i]);
			inverse = multiply(inverse, gaps[i]);
			difference[i] = multiply(subtract(difference[i], difference[i - 1]), gap_inverse);
		}
	}
	let mut factor = vec![0; k + 1];
	factor[0] = 1;
	let mut coefficients = vec![0; k];
	for i in 0..k {
		for (coefficient, term) in coefficients.iter_mut().zip(&factor[..=i]) {
			*coefficient = (*coefficient + multiply(*term, difference[i])) % P;
		}
		for power in (0..=i + 1).rev() {
			let shifted = if power == 0 { 0 } else { factor[power - 1] };
			factor[power] = subtract(shifted, multiply(factor[power], x[i]));
		}
	}
	coefficients.into_iter().map(|c| c as u16).collect()
}

// Below 2^16 squared plus 2^16 stays below 2^32, so u32 holds every intermediate.
fn multiply(a: u32, b: u32) -> u32 {
	a * b % P
}

fn subtract(a: u32, b: u32) -> u32 {
	(a + P - b) % P
}

/// Fermat's inverse of a non-zero element.
fn invert(a: u32) -> u32 {
	let (mut base, mut exponent, mut result) = (a, P - 2, 1);
	while exponent > 0 {
		if exponent & 1 == 1 {
			result = multiply(result, base);
		}
		base = multiply(base, base);
		exponent >>= 1;
	}
	result
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn interpolates_known_points() {
		assert_eq!(
			interpolate(&[1, 3, 5, 2], &[1, 5, 4, 1]),
			[49_133, 40_920, 49_130, 57_309]
		);
	}

	#[test]
	fn order_of_points_does_not_matter() {
		let a = interpolate(&[7, 900, 65_000, 3], &[1, 2, 3, 65_000]);
		let b = interpolate(&[3, 65_000, 7, 900], &[65_000, 3, 1, 2]);
		assert_eq!(a, b);
	}

	#[test]
	fn colliding_indices_lower_the_modulus() {
		let x = [5, 65_502, 100, 7, 131_000];
		let y = [0x3f80, 0x4000, 0xc040, 0x4080, 0xbf00];
		assert_eq!(injective_modulus(&x), Some(65_496));
		let reduced: Vec<u32> = x.iter().map(|i| i % 65_496).collect();
		let proof = Proof {
			modulus: 65_496,
			coefficients: interpolate(&reduced, &y),
		};
		assert_eq!(hex::encode(proof.to_bytes()), "ffd8d9dcf050dcdb864a2301");
		for (index, bits) in x.iter().zip(y) {
			assert_eq!(u32::from(proof.evaluate(*index)), bits);
		}
		let unreduced = Proof {
			modulus: FIELD,
			..proof
		};
		let wrong = x
			.iter()
			.zip(y)
			.filter(|(i, y)| u32::from(unreduced.evaluate(**i)) != *y);
		assert_eq!(wrong.count(), 2);
	}

	#[test]
	fn every_chosen_point_lies_on_the_polynomial() {
		let values: Vec<u16> = (0..32_u32 * 4_096)
			.map(|i| f32_to_bf16((i.wrapping_mul(2_654_435_761) >> 8) as f32 / 1e7 - 0.8))
			.collect();
		for k in [5, 128, 1_000] {
			let proof = Proof::build(&values, k).unwrap();
			for index in largest(&values, k).unwrap() {
				assert_eq!(proof.evaluate(index), values[index as usize]);
			}
		}
	}

	#[test]
	fn ties_go_to_the_lowest_index_and_signs_do_not_count() {
		let one = 0x3F80;
		let values = [one, 0x4000, one | 0x8000, one, 0, 0xC000];
		assert_eq!(largest(&values, 3).unwrap(), [0, 1, 5]);
		assert_eq!(largest(&values, 4).unwrap(), [0, 1, 2, 5]);
		assert_eq!(largest(&values, 99).unwrap(), [0, 1, 2, 3, 4, 5]);
	}

	#[test]
	fn broken_rows_and_empty_chunks_have_no_proof() {
		for bad in [0x7F80, 0xFF80, 0x7FC0, 0xFFFF] {
			assert_eq!(Proof::build(&[0x3F80, bad], 1), Err(BuildError::NotFinite));
		}
		assert_eq!(Proof::build(&[], 4), Err(BuildError::Empty));
		assert_eq!(Proof::build(&[1, 2], 0), Err(BuildError::Empty));
	}

	#[test]
	fn chunks_cover_every_row_once_and_merge_a_short_tail() {
		let ranges = |n, chunk| {
			chunks(n, chunk)
				.map(|r| (r.start, r.end))
				.collect::<Vec<_>>()
		};
		assert!(ranges(0, 32).is_empty());
		assert_eq!(ranges(1, 32), [(0, 1)]);
		assert_eq!(ranges(32, 32), [(0, 32)]);
		assert_eq!(ranges(39, 32), [(0, 39)]);
		assert_eq!(ranges(40, 32), [(0, 32), (32, 40)]);
		assert_eq!(ranges(71, 32), [(0, 32), (32, 71)]);
		assert_eq!(ranges(3, 0), [(0, 1), (1, 2), (2, 3)]);
		for n in 0..200 {
			let mut next = 0;
			for range in chunks(n, 32) {
				assert_eq!(range.start, next);
				next = range.end;
			}
			assert_eq!(next, n);
		}
	}

	#[test]
	fn rounds_to_nearest_even() {
		let bits = |b: u32| f32_to_bf16(f32::from_bits(b));
		assert_eq!(bits(0x3F80_8000), 0x3F80);
		assert_eq!(bits(0x3F81_8000), 0x3F82);
		assert_eq!(bits(0x3F80_8001), 0x3F81);
		assert_eq!(bits(0x3F80_7FFF), 0x3F80);
		assert_eq!(bits(0x7F7F_FFFF), 0x7F80, "above the largest finite bf16");
		assert_eq!(f32_to_bf16(-0.0), 0x8000);
		assert!(bf16_to_f32(f32_to_bf16(f32::NAN)).is_nan());
		assert!(
			bf16_to_f32(bits(0x7F80_0001)).is_nan(),
			"payload only in the lost bits"
		);
	}
}

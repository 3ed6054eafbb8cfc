//! Where an audit probes a model, and what it finds there.
//!
//! The randomness of an audit's draw, unknown when the miner answers, names a layer and a position.
//! The hidden state there (the output of that decoder layer, before any final norm) is projected by a
//! seeded ±1 matrix to [`FINGERPRINT_LEN`] numbers:
//!
//! `fingerprint[j] = round(SCALE · Σ_d s[j,d] · x[d] / (rms(x) · √hidden))`
//!
//! Divided by the root mean square, every model has the same scale: a number is about normal with
//! standard deviation [`SCALE`], so `i16` saturates at eight of them. Two honest hidden states that
//! differ by a relative `r` are about `32 · (SCALE · r)²` apart (540 for 0.1 %), unrelated ones about
//! `64 · SCALE²` (10^9), and the default limit of 2^15 lies at 0.8 %.

use crate::{
	AuditId, Hash,
	audit::{FINGERPRINT_LEN, Fingerprint},
	hashing::blake2_256,
	sampler::philox4x32_10,
};
use codec::Encode;

/// One standard deviation of a fingerprint's numbers.
pub const SCALE: f64 = 4_096.0;

/// Where an audit looks, and the matrix it looks through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
	/// Decoder layer, counted from 0, whose output is read.
	pub layer: u32,
	/// Position in prompt and answer, counted from 0.
	pub position: u32,
	key: [u32; 2],
}

/// Why a hidden state has no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoFingerprint {
	/// It is empty or all zero.
	Zero,
	/// A value is infinite or not a number.
	NotFinite,
}

impl core::fmt::Display for NoFingerprint {
	fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
		f.write_str(match self {
			Self::Zero => "the hidden state is empty or all zero",
			Self::NotFinite => "the hidden state is infinite or not a number",
		})
	}
}

impl core::error::Error for NoFingerprint {}

impl Probe {
	/// The probe of `audit` whose draw gave `randomness`, for a model of `layers` layers and a prompt
	/// plus answer of `positions` tokens. `None` if there is no layer or no position.
	pub fn draw(randomness: &Hash, audit: AuditId, layers: u32, positions: u32) -> Option<Self> {
		if layers == 0 || positions == 0 {
			return None;
		}
		let seed = blake2_256(&(b"infergrid/fingerprint/v1", randomness, audit).encode());
		let word = |at: usize| {
			let mut bytes = [0; 8];
			bytes.copy_from_slice(&seed[at..at + 8]);
			u64::from_le_bytes(bytes)
		};
		let below = |word: u64, limit: u32| ((u128::from(word) * u128::from(limit)) >> 64) as u32;
		let key = word(16);
		Some(Self {
			layer: below(word(0), layers),
			position: below(word(8), positions),
			key: [key as u32, (key >> 32) as u32],
		})
	}

	/// The fingerprint of the hidden state at this layer and position.
	pub fn project(&self, hidden: &[f32]) -> Result<Fingerprint, NoFingerprint> {
		if hidden.iter().any(|value| !value.is_finite()) {
			return Err(NoFingerprint::NotFinite);
		}
		let squares: f64 = hidden
			.iter()
			.map(|&value| f64::from(value) * f64::from(value))
			.sum();
		if squares == 0.0 {
			return Err(NoFingerprint::Zero);
		}
		let mut sums = [0.0; FINGERPRINT_LEN];
		for (block, values) in (0..).zip(hidden.chunks(4)) {
			let columns = philox4x32_10(self.key, [block, 0, 0, 0]);
			for (&value, column) in values.iter().zip(columns) {
				for (row, sum) in sums.iter_mut().enumerate() {
					let sign = f64::from(column >> row & 1) * 2.0 - 1.0;
					*sum += sign * f64::from(value);
				}
			}
		}
		// rms · √hidden is the Euclidean norm.
		let scale = SCALE / libm::sqrt(squares);
		Ok(sums.map(|sum| libm::round(sum * scale) as i16))
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{audit::fingerprint_distance, model::ProofParams};
	use std::vec::Vec;

	fn noise(key: u32, index: u32) -> f64 {
		// The sum of twelve uniforms is close enough to a normal.
		(0..3)
			.flat_map(|part| philox4x32_10([key, 0], [index, part, 0, 0]))
			.map(|word| f64::from(word) / 4_294_967_296.0)
			.sum::<f64>()
			- 6.0
	}

	/// A hidden state with the outlier channels that trained models have.
	fn state(key: u32, hidden: u32) -> Vec<f32> {
		(0..hidden)
			.map(|d| noise(key, d) * if d % 97 == 5 { 8.0 } else { 0.3 })
			.map(|value| value as f32)
			.collect()
	}

	fn limit() -> u64 {
		ProofParams::default().max_fingerprint_distance
	}

	fn probe(audit: AuditId) -> Probe {
		Probe::draw(&[3; 32], audit, 24, 500).unwrap()
	}

	#[test]
	fn honest_noise_passes_with_room() {
		for (audit, hidden) in (0..200).zip([64, 288, 896, 2_048, 4_096].into_iter().cycle()) {
			let honest = state(1, hidden);
			let other: Vec<f32> = honest
				.iter()
				.zip(0..)
				.map(|(value, d)| value * (1.0 + 1e-3 * noise(2, d) as f32))
				.collect();
			let probe = probe(audit);
			let distance = fingerprint_distance(
				&probe.project(&honest).unwrap(),
				&probe.project(&other).unwrap(),
			);
			assert!(distance * 8 < limit(), "hidden {hidden}: {distance}");
		}
	}

	#[test]
	fn other_states_fail_by_far() {
		for (audit, hidden) in (0..200).zip([64, 288, 896, 2_048, 4_096].into_iter().cycle()) {
			let key = audit as u32 + 10;
			let honest = state(key, hidden);
			// A neighbour at cosine similarity 0.98.
			let near: Vec<f32> = honest
				.iter()
				.zip(state(key + 1_000, hidden))
				.map(|(a, b)| a + 0.2 * b)
				.collect();
			let probe = probe(audit);
			let own = probe.project(&honest).unwrap();
			let unrelated = probe.project(&state(key + 2_000, hidden)).unwrap();
			assert!(fingerprint_distance(&own, &unrelated) > 1_000 * limit());
			let near = probe.project(&near).unwrap();
			assert!(fingerprint_distance(&own, &near) > 10 * limit());
			assert!(fingerprint_distance(&own, &[0; FINGERPRINT_LEN]) > 1_000 * limit());
		}
	}

	#[test]
	fn the_scale_is_that_of_the_documentation_and_of_no_model() {
		let hidden = state(4, 2_048);
		let doubled: Vec<f32> = hidden.iter().map(|value| value * 2.0).collect();
		assert_eq!(probe(1).project(&hidden), probe(1).project(&doubled));
		let squares: f64 = (0..300)
			.flat_map(|audit| probe(audit).project(&hidden).unwrap())
			.map(|number| f64::from(number).powi(2))
			.sum();
		let deviation = (squares / (300.0 * 32.0)).sqrt();
		assert!((deviation / SCALE - 1.0).abs() < 0.05, "{deviation}");
	}

	#[test]
	fn probes_are_spread_evenly() {
		let mut layers = [0_u32; 8];
		let mut halves = [0_u32; 2];
		for audit in 0..8_000 {
			let probe = Probe::draw(&[1; 32], audit, 8, 10).unwrap();
			layers[probe.layer as usize] += 1;
			halves[probe.position as usize / 5] += 1;
		}
		assert!(
			layers.iter().all(|count| count.abs_diff(1_000) < 150),
			"{layers:?}"
		);
		assert!(halves[0].abs_diff(4_000) < 250, "{halves:?}");
		assert_ne!(
			Probe::draw(&[1; 32], 0, 8, 10),
			Probe::draw(&[2; 32], 0, 8, 10)
		);
		assert_eq!(Probe::draw(&[1; 32], 0, 0, 10), None);
		assert_eq!(Probe::draw(&[1; 32], 0, 8, 0), None);
	}

	#[test]
	fn broken_states_have_none() {
		assert_eq!(probe(0).project(&[]), Err(NoFingerprint::Zero));
		assert_eq!(probe(0).project(&[0.0; 8]), Err(NoFingerprint::Zero));
		assert_eq!(
			probe(0).project(&[1.0, f32::NAN]),
			Err(NoFingerprint::NotFinite)
		);
	}
}

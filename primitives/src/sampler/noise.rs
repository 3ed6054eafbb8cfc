//! The noise: Philox words as Gumbel variables.

use crate::{Hash, TokenId};

/// Philox4x32 with ten rounds (Salmon et al., 2011).
pub fn philox4x32_10(mut key: [u32; 2], mut counter: [u32; 4]) -> [u32; 4] {
	for _ in 0..10 {
		let a = u64::from(counter[0]) * 0xD251_1F53;
		let b = u64::from(counter[2]) * 0xCD9E_8D57;
		counter = [
			(b >> 32) as u32 ^ counter[1] ^ key[0],
			b as u32,
			(a >> 32) as u32 ^ counter[3] ^ key[1],
			a as u32,
		];
		key[0] = key[0].wrapping_add(0x9E37_79B9);
		key[1] = key[1].wrapping_add(0xBB67_AE85);
	}
	counter
}

/// The Gumbel noise of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noise {
	key: [u32; 2],
	salt: [u32; 2],
}

impl Noise {
	/// Noise from a [`crate::request::sampler_seed`]. The first 16 bytes count.
	pub fn new(seed: &Hash) -> Self {
		let word =
			|at: usize| u32::from_le_bytes([seed[at], seed[at + 1], seed[at + 2], seed[at + 3]]);
		Self {
			key: [word(0), word(4)],
			salt: [word(8), word(12)],
		}
	}

	/// The noise of `token` as candidate for the answer's token number `step`, counted from 0.
	pub fn gumbel(&self, step: u32, token: TokenId) -> f64 {
		gumbel_of(self.word(step, token))
	}

	/// The noise if `score` plus the noise can reach `floor`. Most tokens are far behind the leader,
	/// and a bound from the leading zeros saves them two logarithms.
	pub(super) fn scored(&self, step: u32, token: TokenId, score: f64, floor: f64) -> Option<f64> {
		if score + GUMBEL_MAX < floor {
			return None;
		}
		let word = self.word(step, token);
		// -ln u >= 1 - u, and 1 - u >= 2^-(zeros + 1).
		let bound = f64::from((!word).leading_zeros() + 1) * core::f64::consts::LN_2;
		if score + bound + 1e-6 < floor {
			return None;
		}
		Some(score + gumbel_of(word))
	}

	fn word(&self, step: u32, token: TokenId) -> u32 {
		philox4x32_10(self.key, [token, step, self.salt[0], self.salt[1]])[0]
	}
}

/// Above the noise of every word.
const GUMBEL_MAX: f64 = 23.0;

fn gumbel_of(word: u32) -> f64 {
	let uniform = (f64::from(word) + 0.5) / 4_294_967_296.0;
	-libm::log(-libm::log(uniform))
}

#[cfg(test)]
mod tests {
	use super::*;

	fn seed(n: u32) -> Noise {
		let mut seed = [0; 32];
		seed[..4].copy_from_slice(&n.to_le_bytes());
		Noise::new(&seed)
	}

	#[test]
	fn philox_gives_the_known_answers() {
		// kat_vectors of Random123 1.14, philox4x32 with 10 rounds.
		assert_eq!(
			philox4x32_10([0; 2], [0; 4]),
			[0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8],
		);
		assert_eq!(
			philox4x32_10([u32::MAX; 2], [u32::MAX; 4]),
			[0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd],
		);
		assert_eq!(
			philox4x32_10(
				[0xa409_3822, 0x299f_31d0],
				[0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
			),
			[0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
		);
	}

	#[test]
	fn noise_is_the_same_to_the_bit_everywhere() {
		let bits: Vec<u64> = (0..3).map(|t| seed(1).gumbel(2, t).to_bits()).collect();
		let again: Vec<u64> = (0..3)
			.map(|t| {
				let word = philox4x32_10([1, 0], [t, 2, 0, 0])[0];
				(-libm::log(-libm::log((f64::from(word) + 0.5) / 4294967296.0))).to_bits()
			})
			.collect();
		assert_eq!(bits, again);
		assert_ne!(seed(1).gumbel(0, 0), seed(2).gumbel(0, 0));
		assert_ne!(seed(1).gumbel(0, 1), seed(1).gumbel(1, 0));
	}

	#[test]
	fn the_bound_never_hides_a_winner() {
		for word in (0..=u32::MAX)
			.step_by(65_521)
			.chain([0, 1, u32::MAX, u32::MAX - 1])
		{
			let bound = f64::from((!word).leading_zeros() + 1) * core::f64::consts::LN_2;
			let noise = gumbel_of(word);
			assert!(
				noise <= bound + 1e-9 && noise < GUMBEL_MAX,
				"{word}: {noise} > {bound}"
			);
		}
	}
}

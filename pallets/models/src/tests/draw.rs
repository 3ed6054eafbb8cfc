//! The draw alone.

use crate::draw;
use polkadot_sdk::*;
use proptest::{collection::vec, prelude::*};

fn randomness(n: u32) -> [u8; 32] {
	sp_io::hashing::blake2_256(&n.to_le_bytes())
}

/// The sum of (observed − expected)² / expected, with `draws` draws of one seat.
fn chi_square(weights: &[u128], draws: u32) -> f64 {
	let items: Vec<_> = weights.iter().copied().enumerate().collect();
	let mut seen = vec![0_u32; weights.len()];
	for n in 0..draws {
		for place in draw(items.clone(), &randomness(n), &[1; 32], 1) {
			seen[place] += 1;
		}
	}
	let sum: f64 = weights.iter().map(|weight| *weight as f64).sum();
	weights
		.iter()
		.zip(&seen)
		.filter(|(weight, _)| **weight > 0)
		.map(|(weight, seen)| {
			let expected = f64::from(draws) * *weight as f64 / sum;
			(f64::from(*seen) - expected).powi(2) / expected
		})
		.sum()
}

#[test]
fn chances_are_proportional_to_weight() {
	// 16.27 is the 99.9 % point of χ² with 3 degrees of freedom.
	let even = chi_square(&[10, 10, 10, 10], 4_000);
	assert!(even < 16.27, "{even}");
	let uneven = chi_square(&[1_000_000, 2_000_000, 3_000_000, 4_000_000], 4_000);
	assert!(uneven < 16.27, "{uneven}");
	// Sums beyond 128 bits.
	let huge = chi_square(&[u128::MAX, u128::MAX, u128::MAX / 2, u128::MAX / 2], 4_000);
	assert!(huge < 16.27, "{huge}");
}

#[test]
fn the_second_seat_is_drawn_by_weight_among_the_rest() {
	let items = [("a", 8_u128), ("b", 1), ("c", 1)];
	let mut second_a = 0;
	let draws = 4_000;
	for n in 0..draws {
		let drawn = draw(items.to_vec(), &randomness(n), &[2; 32], 2);
		assert_eq!(drawn.len(), 2);
		second_a += u32::from(drawn[1] == "a");
	}
	// b or c first (0.2), and then a out of a and one other (8/9).
	let expected = f64::from(draws) * 0.2 * 8.0 / 9.0;
	assert!(
		(f64::from(second_a) - expected).abs() < 100.0,
		"{second_a} against {expected}"
	);
}

#[test]
fn randomness_and_context_both_decide() {
	let items: Vec<_> = (0..64_u32).map(|n| (n, 1_u128)).collect();
	let base = draw(items.clone(), &[1; 32], &[1; 32], 8);
	assert_eq!(draw(items.clone(), &[1; 32], &[1; 32], 8), base);
	assert_ne!(draw(items.clone(), &[2; 32], &[1; 32], 8), base);
	assert_ne!(draw(items, &[1; 32], &[2; 32], 8), base);
}

proptest! {
	#[test]
	fn draws_are_distinct_bounded_and_never_weightless(
		weights in vec(prop_oneof![Just(0_u128), any::<u128>(), 0..9_u128], 0..40),
		seed in any::<[u8; 32]>(),
		seats in 0..50_u32,
	) {
		let items: Vec<_> = weights.iter().copied().enumerate().collect();
		let mut drawn = draw(items, &seed, &[3; 32], seats);
		let positive = weights.iter().filter(|weight| **weight > 0).count();
		prop_assert_eq!(drawn.len(), positive.min(seats as usize));
		prop_assert!(drawn.iter().all(|place| weights[*place] > 0));
		drawn.sort();
		drawn.dedup();
		prop_assert_eq!(drawn.len(), positive.min(seats as usize));
	}
}

/// The draw as an implementation without our code makes it.
#[test]
fn the_draw_is_that_of_the_vectors() {
	let vectors: serde_json::Value = serde_json::from_str(include_str!(
		"../../../../primitives/tests/vectors/protocol.json"
	))
	.unwrap();
	let vector = &vectors["draw"];
	let hash = |name: &str| -> [u8; 32] {
		let text = vector[name].as_str().unwrap();
		sp_core::bytes::from_hex(text).unwrap().try_into().unwrap()
	};
	let weights = vector["weights"].as_array().unwrap();
	let items: Vec<(u64, u128)> = (0..)
		.zip(weights)
		.map(|(item, weight)| (item, weight.as_str().unwrap().parse().unwrap()))
		.collect();
	let expected = vector["drawn"].as_array().unwrap();
	let drawn = draw(items, &hash("randomness"), &hash("context"), 4);
	let drawn: Vec<serde_json::Value> = drawn.into_iter().map(Into::into).collect();
	assert_eq!(&drawn, expected);
}

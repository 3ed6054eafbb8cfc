//! Proofs and results published with `toploc` 0.1.6, and properties of its verifier.

#![allow(
	clippy::unwrap_used,
	reason = "clippy takes only functions marked #[test] for tests"
)]

use infergrid_primitives::toploc::{
	BuildError, Comparison, FIELD, ParseError, Proof, bf16_to_f32, f32_to_bf16,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
	topk: usize,
	cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
	bf16_bits_hex: String,
	proof_hex: String,
	#[serde(rename = "jitter_1.01")]
	jitter: Jitter,
}

#[derive(Deserialize)]
struct Jitter {
	exp_mismatches: u32,
	mant_err_mean: f64,
	median_cpp_path: f64,
}

fn vectors() -> Vectors {
	serde_json::from_str(include_str!("vectors/toploc_readme_vectors.json")).unwrap()
}

fn values(case: &Case) -> Vec<u16> {
	hex::decode(&case.bf16_bits_hex)
		.unwrap()
		.chunks(2)
		.map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
		.collect()
}

fn scaled(values: &[u16], factor: f32) -> Vec<u16> {
	values
		.iter()
		.map(|bits| f32_to_bf16(bf16_to_f32(*bits) * factor))
		.collect()
}

/// A reproducible chunk of `n` values of ordinary size.
fn chunk(n: u32, salt: u32) -> Vec<u16> {
	(0..n)
		.map(|i| {
			let mixed = (i ^ salt)
				.wrapping_mul(0x9E37_79B9)
				.rotate_left(13)
				.wrapping_mul(0x85EB_CA6B);
			f32_to_bf16((mixed >> 8) as f32 / 8_388_608.0 - 1.0)
		})
		.collect()
}

#[test]
fn reproduces_the_published_proofs_and_results() {
	let vectors = vectors();
	assert_eq!(vectors.cases.len(), 5);
	for case in &vectors.cases {
		let values = values(case);
		let proof = Proof::build(&values, vectors.topk).unwrap();
		assert_eq!(hex::encode(proof.to_bytes()), case.proof_hex);
		let parsed = Proof::parse(&hex::decode(&case.proof_hex).unwrap(), vectors.topk).unwrap();
		assert_eq!(parsed, proof);
		let own = parsed.compare(&values, Comparison::Toploc).unwrap();
		assert_eq!((own.exponent_mismatches, own.mantissa_mean), (0, 0.0));
		let jittered = scaled(&values, 1.01);
		for comparison in [Comparison::Toploc, Comparison::Infergrid] {
			let measures = parsed.compare(&jittered, comparison).unwrap();
			assert_eq!(measures.exponent_mismatches, case.jitter.exp_mismatches);
			assert_eq!(measures.mantissa_mean, case.jitter.mant_err_mean);
			assert_eq!(measures.mantissa_median, case.jitter.median_cpp_path);
		}
	}
}

#[test]
fn a_tenth_is_seen_in_the_mantissas_and_a_factor_of_four_in_the_exponents() {
	let values = chunk(32 * 512, 1);
	let proof = Proof::build(&values, 128).unwrap();
	let tenth = proof
		.compare(&scaled(&values, 1.10), Comparison::Toploc)
		.unwrap();
	assert!(
		tenth.exponent_mismatches > 64 || tenth.mantissa_mean > 10.0,
		"{tenth:?}"
	);
	let four = proof
		.compare(&scaled(&values, 4.0), Comparison::Toploc)
		.unwrap();
	assert_eq!(four.exponent_mismatches, 128);
	assert_eq!(four.mantissa_mean, 2_f64.powi(64));
	assert_eq!(four.mantissa_median, 2_f64.powi(64));
}

#[test]
fn a_flipped_sign_is_only_seen_by_our_comparison() {
	let values = chunk(32 * 512, 2);
	let flipped: Vec<u16> = values.iter().map(|bits| bits ^ 0x8000).collect();
	let proof = Proof::build(&values, 128).unwrap();
	assert_eq!(
		proof
			.compare(&flipped, Comparison::Toploc)
			.unwrap()
			.exponent_mismatches,
		0
	);
	assert_eq!(
		proof
			.compare(&flipped, Comparison::Infergrid)
			.unwrap()
			.exponent_mismatches,
		128
	);
}

#[test]
fn unrelated_chunks_are_never_accepted() {
	let limits = infergrid_primitives::model::ProofParams::default();
	let proof = Proof::build(&chunk(8 * 256, 0), 128).unwrap();
	for salt in 1..2_000 {
		let measures = proof
			.compare(&chunk(8 * 256, salt * 7_919), Comparison::Infergrid)
			.unwrap();
		assert!(!measures.within(&limits), "salt {salt}: {measures:?}");
	}
}

#[test]
fn the_parser_is_strict() {
	let proof = Proof::build(&chunk(256, 3), 4).unwrap().to_bytes();
	assert_eq!(proof.len(), 10);
	for length in (0..10).chain([11, 12]) {
		let mut bytes = proof.clone();
		bytes.resize(length, 0);
		let expected = ParseError::Length {
			expected: 10,
			found: length,
		};
		assert_eq!(Proof::parse(&bytes, 4), Err(expected));
	}
	assert!(Proof::parse(&proof, 5).is_err() && Proof::parse(&[0xFF, 0xD9], 0).is_err());
	let null = [0; 10];
	assert_eq!(Proof::parse(&null, 4), Err(ParseError::Modulus(0)));
	let mut bytes = proof.clone();
	bytes[..2].copy_from_slice(&(FIELD + 1).to_be_bytes());
	assert_eq!(Proof::parse(&bytes, 4), Err(ParseError::Modulus(FIELD + 1)));
	let mut bytes = proof;
	bytes[8..].copy_from_slice(&FIELD.to_be_bytes());
	assert_eq!(Proof::parse(&bytes, 4), Err(ParseError::Coefficient(FIELD)));
}

#[test]
fn a_verifier_with_broken_rows_gets_an_error() {
	let values = chunk(256, 4);
	let proof = Proof::build(&values, 4).unwrap();
	let mut broken = values;
	broken[9] = 0x7F80;
	assert_eq!(
		proof.compare(&broken, Comparison::Toploc),
		Err(BuildError::NotFinite)
	);
	assert_eq!(
		proof.compare(&[], Comparison::Toploc),
		Err(BuildError::Empty)
	);
}

//! Encodings and prices hold for whatever comes in.

use bounded_collections::BoundedVec;
use codec::{Decode, DecodeAll, Encode, MaxEncodedLen};
use infergrid_primitives::{
	audit::{Measures, Verdict, Vote},
	market::{Price, Role, Shares, Work},
	model::{Arithmetic, Manifest, ManifestFile, Profile, ProofParams},
	request::{
		Assurance, Finish, Opening, Payment, PromptCommitment, Receipt, Request, SamplingParams,
		Window,
	},
	toploc::{Comparison, Proof, f32_to_bf16},
};
use proptest::{collection::vec, prelude::*, sample::select};

fn sampling() -> impl Strategy<Value = SamplingParams> {
	let stop = vec(vec(any::<u8>(), 0..=64), 0..=4);
	(any::<[u32; 4]>(), any::<[i32; 2]>(), stop).prop_map(|(unsigned, signed, stop)| {
		let stop: Vec<_> = stop.into_iter().map(BoundedVec::truncate_from).collect();
		SamplingParams {
			max_tokens: unsigned[0],
			temperature_micros: unsigned[1],
			top_p_micros: unsigned[2],
			top_k: unsigned[3],
			frequency_penalty_micros: signed[0],
			presence_penalty_micros: signed[1],
			stop: BoundedVec::truncate_from(stop),
		}
	})
}

fn request() -> impl Strategy<Value = Request> {
	let prompt = prop_oneof![
		any::<([u8; 32], u32)>().prop_map(|(commitment, n_prompt)| PromptCommitment::Salted {
			commitment,
			n_prompt
		}),
		any::<[u8; 32]>().prop_map(|hash| PromptCommitment::Inline { hash }),
	];
	let assurance = select(vec![Assurance::Sampled, Assurance::Always]);
	(
		any::<([u8; 32], u128, u64, u64)>(),
		sampling(),
		prompt,
		assurance,
	)
		.prop_map(
			|((profile, max_fee, user_nonce, task), params, prompt, assurance)| Request {
				profile,
				params,
				prompt,
				max_fee,
				user_nonce,
				payment: Payment::Task(task),
				assurance,
			},
		)
}

fn receipt() -> impl Strategy<Value = Receipt> {
	let finish = select(vec![
		Finish::EndOfSequence,
		Finish::StopString,
		Finish::Length,
	]);
	(
		any::<[[u8; 32]; 5]>(),
		any::<[u32; 4]>(),
		any::<u128>(),
		finish,
	)
		.prop_map(|(hashes, numbers, fee, finish)| Receipt {
			request_id: hashes[0],
			miner: hashes[1],
			worker_key: hashes[2],
			n_prompt: numbers[0],
			n_out: numbers[1],
			finish,
			output_commit: hashes[3],
			trace_root: hashes[4],
			fee,
			ttft_ms: numbers[2],
			total_ms: numbers[3],
		})
}

fn vote() -> impl Strategy<Value = Vote> {
	let verdicts = vec![
		Verdict::Valid,
		Verdict::Invalid,
		Verdict::Unproven,
		Verdict::Unavailable,
	];
	(
		select(verdicts),
		any::<u16>(),
		any::<[u32; 6]>(),
		any::<[i16; 32]>(),
	)
		.prop_map(
			|(verdict, exponent_mismatches, numbers, fingerprint)| Vote {
				verdict,
				measures: Measures {
					exponent_mismatches,
					mantissa_mean_milli: numbers[0],
					mantissa_median_milli: numbers[1],
					hard_margins: numbers[2],
					exact_tokens: numbers[3],
					positions: numbers[4],
					mean_margin_milli: numbers[5],
				},
				fingerprint,
			},
		)
}

fn opening() -> impl Strategy<Value = Opening> {
	let ids = || vec(any::<u32>(), 0..40);
	(
		any::<[[u8; 32]; 2]>(),
		ids(),
		ids(),
		vec(vec(any::<u8>(), 0..300), 0..4),
	)
		.prop_map(|(salts, prompt, output, proofs)| Opening {
			prompt_salt: salts[0],
			prompt,
			output_salt: salts[1],
			output,
			proofs,
		})
}

fn profile() -> impl Strategy<Value = Profile> {
	(
		any::<[[u8; 32]; 2]>(),
		any::<[u16; 3]>(),
		any::<[u32; 5]>(),
		any::<([u128; 2], u64, u8)>(),
	)
		.prop_map(
			|(hashes, small, numbers, (prices, distance, sampler))| Profile {
				model: hashes[0],
				arithmetic: Arithmetic::F32,
				sampler,
				proof: ProofParams {
					top_k: small[0],
					chunk: small[1],
					max_exponent_mismatches: small[2],
					max_mantissa_mean_milli: numbers[0],
					max_mantissa_median_milli: numbers[1],
					hard_margin_milli: numbers[2],
					max_fingerprint_distance: distance,
				},
				calibration: hashes[1],
				context: numbers[3],
				min_tokens_per_second: numbers[4],
				reference_input: prices[0],
				reference_output: prices[1],
			},
		)
}

/// Comes back as it went, and neither a shorter nor a longer encoding is taken for it.
fn exact<T: Encode + Decode + PartialEq + core::fmt::Debug>(value: &T) {
	let bytes = value.encode();
	assert_eq!(T::decode_all(&mut &bytes[..]).as_ref(), Ok(value));
	for length in 0..bytes.len() {
		assert!(
			T::decode_all(&mut &bytes[..length]).is_err(),
			"truncated to {length}"
		);
	}
	let longer = [&bytes[..], &[0]].concat();
	assert!(T::decode_all(&mut &longer[..]).is_err());
}

fn bounded<T: Encode + MaxEncodedLen>(value: &T) {
	assert!(value.encoded_size() <= T::max_encoded_len());
}

proptest! {
	#[test]
	fn requests(value in request()) {
		exact(&value);
		bounded(&value);
		let genesis = [7; 32];
		let mut other = value.clone();
		other.user_nonce ^= 1;
		prop_assert_ne!(value.id(&genesis), other.id(&genesis));
		prop_assert_ne!(value.id(&genesis), value.id(&[8; 32]));
	}

	#[test]
	fn receipts(value in receipt()) {
		exact(&value);
		bounded(&value);
	}

	#[test]
	fn votes(value in vote()) {
		exact(&value);
		bounded(&value);
	}

	#[test]
	fn openings(value in opening()) {
		exact(&value);
	}

	#[test]
	fn profiles(value in profile()) {
		exact(&value);
		bounded(&value);
	}

	#[test]
	fn manifests(files in vec((vec(any::<u8>(), 0..30), any::<u64>(), any::<[u8; 32]>()), 0..5), layers: u32) {
		let files = files
			.into_iter()
			.map(|(path, size, blake3)| ManifestFile { path, size, blake3 })
			.collect();
		exact(&Manifest { files, layers, licence: b"MIT".to_vec() });
	}

	#[test]
	fn market_records(money: [u128; 3], task: u64, hash: [u8; 32], tokens: u32, always: bool) {
		exact(&Shares { miner: money[0], creator: money[1], treasury: money[2] });
		exact(&Price { input: money[0], output: money[1] });
		exact(&Work { task, profile: hash, miner: hash, payer: hash, fee: money[2], tokens, always });
		exact(&Window { assigned_at: tokens, anchor: hash, due: tokens });
		exact(&Role::Verifier);
	}

	#[test]
	fn foreign_bytes_never_panic(bytes in vec(any::<u8>(), 0..400)) {
		let _ = Request::decode_all(&mut &bytes[..]);
		let _ = Receipt::decode_all(&mut &bytes[..]);
		let _ = Vote::decode_all(&mut &bytes[..]);
		let _ = Opening::decode_all(&mut &bytes[..]);
		let _ = Manifest::decode_all(&mut &bytes[..]);
		for k in [1, 4, 128] {
			let _ = Proof::parse(&bytes, k);
		}
	}

	#[test]
	fn any_parsed_proof_can_be_compared(
		modulus in 1..=65_497_u16,
		coefficients in vec(0..65_497_u16, 1..20),
		values in vec(-10.0_f32..10.0, 1..200),
	) {
		let bytes: Vec<u8> = core::iter::once(&modulus)
			.chain(&coefficients)
			.flat_map(|word| word.to_be_bytes())
			.collect();
		let proof = Proof::parse(&bytes, coefficients.len()).unwrap();
		prop_assert_eq!(proof.to_bytes(), bytes);
		let values: Vec<u16> = values.into_iter().map(f32_to_bf16).collect();
		let measures = proof.compare(&values, Comparison::Infergrid).unwrap();
		prop_assert!(measures.exponent_mismatches as usize <= coefficients.len());
		let own = Proof::build(&values, coefficients.len()).unwrap();
		let same = own.compare(&values, Comparison::Infergrid).unwrap();
		prop_assert_eq!((same.exponent_mismatches, same.mantissa_mean), (0, 0.0));
	}

	#[test]
	fn fees_grow_with_tokens_and_round_up(input: u64, output: u64, n_prompt: u32, n_out: u32) {
		let price = Price { input: input.into(), output: output.into() };
		let fee = price.fee(n_prompt, n_out);
		let exact = u128::from(input) * u128::from(n_prompt) + u128::from(output) * u128::from(n_out);
		prop_assert!(fee * 1_000 >= exact && fee * 1_000 < exact + 2_000);
		prop_assert!(price.fee(n_prompt.saturating_add(1), n_out) >= fee);
		prop_assert!(price.fee(n_prompt, n_out.saturating_add(1)) >= fee);
		prop_assert_eq!(price.fee(0, 0), 0);
	}

	#[test]
	fn fees_saturate(input: u128, output: u128, n_prompt: u32, n_out: u32) {
		let _ = Price { input, output }.fee(n_prompt, n_out);
	}

	#[test]
	fn sampling_parameters_in_range_are_valid(
		max_tokens in 1_u32..,
		temperature_micros in 0..=2_000_000_u32,
		top_p_micros in 1..=1_000_000_u32,
		top_k: u32,
		penalties in [-2_000_000..=2_000_000_i32, -2_000_000..=2_000_000_i32],
	) {
		let params = SamplingParams {
			max_tokens,
			temperature_micros,
			top_p_micros,
			top_k,
			frequency_penalty_micros: penalties[0],
			presence_penalty_micros: penalties[1],
			stop: BoundedVec::new(),
		};
		prop_assert_eq!(params.validate(), Ok(()));
	}
}

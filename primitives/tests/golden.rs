//! Everything that is hashed, signed or drawn, against `vectors/protocol.json`, which
//! `vectors/make.py` computes from the protocol's text without our code.

#![allow(
	clippy::unwrap_used,
	reason = "clippy takes only functions marked #[test] for tests"
)]

use bounded_collections::BoundedVec;
use infergrid_primitives::{
	Hash, TokenId,
	audit::{Measures, Verdict, Vote},
	fingerprint::Probe,
	hashing::blake2_256,
	market::Price,
	model::{Arithmetic, Manifest, ManifestFile, Profile, ProofParams, model_id},
	randomness::{Output, Ticket, task_anchor},
	request::{
		Assurance, Consent, Finish, Payment, PromptCommitment, Receipt, Request, SamplingParams,
		commit_inline, commit_tokens, delivery_payload, opening_payload, sampler_seed,
	},
	sampler::{History, Noise, choose},
	trace,
};
use serde::Deserialize;
use std::{
	collections::BTreeSet,
	fs,
	path::{Path, PathBuf},
};

#[derive(Deserialize)]
struct Vectors {
	genesis: String,
	payloads: Vec<Payload>,
	noise: Vec<Gumbel>,
	choices: Choices,
	fingerprint: Projection,
	fees: Vec<Fee>,
}

#[derive(Deserialize)]
struct Payload {
	name: String,
	payload: String,
	hash: String,
}

#[derive(Deserialize)]
struct Gumbel {
	seed: String,
	step: u32,
	token: TokenId,
	bits: String,
}

#[derive(Deserialize)]
struct Choices {
	seed: String,
	logits: Vec<String>,
	history: Vec<TokenId>,
	cases: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
	temperature_micros: u32,
	top_p_micros: u32,
	top_k: u32,
	frequency_penalty_micros: i32,
	presence_penalty_micros: i32,
	tokens: Vec<TokenId>,
}

#[derive(Deserialize)]
struct Projection {
	randomness: String,
	audit: u64,
	layers: u32,
	positions: u32,
	layer: u32,
	position: u32,
	hidden: Vec<String>,
	numbers: Vec<i16>,
}

#[derive(Deserialize)]
struct Fee {
	input: String,
	output: String,
	n_prompt: u32,
	n_out: u32,
	fee: String,
}

fn vectors() -> Vectors {
	serde_json::from_str(include_str!("vectors/protocol.json")).unwrap()
}

fn hash(hexadecimal: &str) -> Hash {
	hex::decode(hexadecimal).unwrap().try_into().unwrap()
}

fn floats(hexadecimal: &[String]) -> Vec<f32> {
	hexadecimal
		.iter()
		.map(|bits| f32::from_bits(u32::from_str_radix(bits, 16).unwrap()))
		.collect()
}

/// 32 bytes that count up from `first`.
fn counted(first: u8) -> Hash {
	core::array::from_fn(|at| first + at as u8)
}

const GENESIS: u8 = 0;

fn payload(name: &str) -> Payload {
	let vectors = vectors();
	assert_eq!(hash(&vectors.genesis), counted(GENESIS));
	let found = vectors.payloads.into_iter().find(|one| one.name == name);
	found.unwrap_or_else(|| panic!("no vector is called {name}"))
}

#[track_caller]
fn signs(name: &str, bytes: &[u8]) {
	assert_eq!(hex::encode(bytes), payload(name).payload, "{name}");
}

#[track_caller]
fn hashes(name: &str, ours: Hash) {
	let vector = payload(name);
	assert_eq!(hex::encode(ours), vector.hash, "{name}");
	let literal = blake2_256(&hex::decode(&vector.payload).unwrap());
	assert_eq!(hex::encode(literal), vector.hash, "{name}");
}

fn request(params: SamplingParams, prompt: PromptCommitment, assurance: Assurance) -> Request {
	Request {
		profile: counted(32),
		params,
		prompt,
		max_fee: 123_456_789_012_345_678_901,
		user_nonce: 7,
		payment: Payment::Task(42),
		assurance,
	}
}

#[test]
fn requests() {
	let stop = ["\n\n", "é"].map(|text| BoundedVec::truncate_from(text.into()));
	let warm = SamplingParams {
		max_tokens: 256,
		temperature_micros: 700_000,
		top_p_micros: 900_000,
		top_k: 40,
		frequency_penalty_micros: -500_000,
		presence_penalty_micros: 2_000_000,
		stop: BoundedVec::truncate_from(stop.into()),
	};
	let salted = PromptCommitment::Salted {
		commitment: counted(12),
		n_prompt: 19,
	};
	let sampled = request(warm, salted, Assurance::Sampled);
	hashes(
		"request: salted prompt, sampled",
		sampled.id(&counted(GENESIS)),
	);

	let inline = commit_inline("Was ist ein Füllhorn?".as_bytes());
	let audited = request(SamplingParams::greedy(1), inline, Assurance::Always);
	hashes(
		"request: inline prompt, always audited",
		audited.id(&counted(GENESIS)),
	);
}

#[test]
fn receipts() {
	let receipt = Receipt {
		request_id: counted(1),
		miner: counted(2),
		worker_key: counted(3),
		n_prompt: 17,
		n_out: 300,
		finish: Finish::StopString,
		output_commit: counted(4),
		trace_root: counted(5),
		fee: 1_000_000_000_000_000_000_000_001,
		ttft_ms: 1_234,
		total_ms: 56_789,
	};
	signs("receipt", &receipt.payload(&counted(GENESIS)));
	hashes("receipt", receipt.id(&counted(GENESIS)));
}

#[test]
fn what_workers_and_payers_sign() {
	let peer: Vec<u8> = (0..38).collect();
	let genesis = counted(GENESIS);
	let consent = Consent {
		operator: counted(2),
		counter: 3,
		valid_until: 1_000_000,
	};
	signs("pair", &consent.payload(&genesis));
	signs("deliver", &delivery_payload(&genesis, 42, &peer));
	signs("open", &opening_payload(&genesis, 42, 2, &peer));
}

#[test]
fn commitments_and_seeds() {
	let genesis = counted(GENESIS);
	let ids = [0, 1, 65_535, u32::MAX];
	hashes("tokens", commit_tokens(&genesis, &counted(13), &ids));
	hashes("tokens: none", commit_tokens(&genesis, &counted(13), &[]));
	hashes(
		"seed",
		sampler_seed(&genesis, &counted(1), &counted(14), &counted(32)),
	);
	let vote = Vote {
		verdict: Verdict::Invalid,
		measures: Measures {
			exponent_mismatches: 3,
			mantissa_mean_milli: 1_500,
			mantissa_median_milli: 1_000,
			hard_margins: 2,
			exact_tokens: 63,
			positions: 65,
			mean_margin_milli: 12,
		},
		fingerprint: core::array::from_fn(|at| match at {
			0 => i16::MIN,
			_ => at as i16 * 1_000 - 16_000,
		}),
	};
	hashes(
		"vote",
		vote.commitment(&genesis, 9, &counted(15), &counted(16)),
	);
}

#[test]
fn tickets_and_anchors() {
	let genesis = counted(GENESIS);
	let outputs: Vec<Output> = (0..10)
		.filter(|n| ![1, 6].contains(n))
		.map(|n| Output {
			block: 100 + u32::from(n),
			vrf: counted(9 + n),
		})
		.collect();
	hashes("ticket", Ticket::hash(&genesis, &outputs));
	hashes("anchor", task_anchor(&genesis, &counted(17), 42));
}

#[test]
fn traces() {
	let genesis = counted(GENESIS);
	let leaves: Vec<Hash> = (0..3)
		.map(|n| trace::leaf(&genesis, n, &[n, n + 1], &[n as u8]))
		.collect();
	hashes("chunk", leaves[2]);
	// The second sibling of the third leaf is what its neighbours were joined to.
	let siblings = trace::path(&genesis, &leaves, 2).unwrap();
	hashes("trace-node", siblings[0]);
	hashes("trace", trace::root(&genesis, &leaves));
	hashes("trace: no chunks", trace::root(&genesis, &[]));
}

#[test]
fn models_and_profiles() {
	let file = |path: &str, size, blake3| ManifestFile {
		path: path.into(),
		size,
		blake3: counted(blake3),
	};
	let manifest = Manifest {
		files: vec![
			file("config.json", 700, 7),
			file("model.safetensors", 7_757_952, 8),
		],
		layers: 4,
		licence: b"Apache-2.0".to_vec(),
	};
	hashes("model", manifest.id());
	hashes("registration", model_id(&counted(2), &counted(6)));
	let profile = Profile {
		model: counted(6),
		arithmetic: Arithmetic::F32,
		sampler: 1,
		proof: ProofParams::F32,
		calibration: ProofParams::F32.uncalibrated(),
		context: 2_048,
		min_tokens_per_second: 20,
		reference_input: 10_000_000_000,
		reference_output: 30_000_000_000,
	};
	hashes("profile", profile.id());
}

#[test]
fn noise_to_the_bit() {
	for vector in vectors().noise {
		let noise = Noise::new(&hash(&vector.seed)).gumbel(vector.step, vector.token);
		assert_eq!(
			format!("{:016x}", noise.to_bits()),
			vector.bits,
			"seed {} step {} token {}",
			vector.seed,
			vector.step,
			vector.token
		);
	}
}

#[test]
fn choices() {
	let vectors = vectors().choices;
	let noise = Noise::new(&hash(&vectors.seed));
	let logits = floats(&vectors.logits);
	let history: History = vectors.history.into_iter().collect();
	for case in vectors.cases {
		let params = SamplingParams {
			temperature_micros: case.temperature_micros,
			top_p_micros: case.top_p_micros,
			top_k: case.top_k,
			frequency_penalty_micros: case.frequency_penalty_micros,
			presence_penalty_micros: case.presence_penalty_micros,
			..SamplingParams::greedy(16)
		};
		let tokens: Vec<TokenId> = (0..)
			.zip(&case.tokens)
			.map(|(step, _)| choose(&logits, &history, &params, &noise, step).unwrap())
			.collect();
		assert_eq!(tokens, case.tokens, "{params:?}");
	}
}

#[test]
fn fingerprints() {
	let vector = vectors().fingerprint;
	assert_eq!(payload("fingerprint").payload, {
		let seeded = [
			&b"infergrid/fingerprint/v1"[..],
			&hash(&vector.randomness),
			&vector.audit.to_le_bytes(),
		];
		hex::encode(seeded.concat())
	});
	let probe = Probe::draw(
		&hash(&vector.randomness),
		vector.audit,
		vector.layers,
		vector.positions,
	);
	let probe = probe.unwrap();
	assert_eq!(
		(probe.layer, probe.position),
		(vector.layer, vector.position)
	);
	let numbers = probe.project(&floats(&vector.hidden)).unwrap();
	assert_eq!(numbers.to_vec(), vector.numbers);
}

#[test]
fn fees_are_rounded_up_part_by_part() {
	for vector in vectors().fees {
		let price = Price {
			input: vector.input.parse().unwrap(),
			output: vector.output.parse().unwrap(),
		};
		let fee = price.fee(vector.n_prompt, vector.n_out);
		assert_eq!(fee.to_string(), vector.fee);
	}
}

/// What is between `before` and the next `after`, wherever `before` occurs.
fn between<'a>(text: &'a str, before: &str, after: char) -> Vec<&'a str> {
	text.split(before)
		.skip(1)
		.filter_map(|rest| rest.split(after).next())
		.collect()
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
	for entry in fs::read_dir(directory).unwrap() {
		let path = entry.unwrap().path();
		if path.is_dir() {
			sources(&path, found);
		} else if path.extension().is_some_and(|extension| extension == "rs") {
			found.push(path);
		}
	}
}

#[test]
fn every_domain_in_the_sources_has_a_vector() {
	let root = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
	let root = Path::new(&root).join("..");
	let mut files = Vec::new();
	for part in ["primitives/src", "pallets", "runtime/src", "worker"] {
		sources(&root.join(part), &mut files);
	}
	let mut domains = BTreeSet::new();
	for file in files {
		let text = fs::read_to_string(file).unwrap();
		for call in ["domain_hash(", "payload("] {
			// Wherever rustfmt breaks the line.
			let dense: String = text.split_whitespace().collect();
			let quoted = format!("{call}\"");
			domains.extend(between(&dense, &quoted, '"').into_iter().map(str::to_owned));
		}
		let literals = between(&text, "b\"infergrid/", '"').into_iter();
		domains.extend(literals.filter_map(|rest| Some(rest.strip_suffix("/v1")?.to_owned())));
	}
	let vectors: BTreeSet<String> = vectors()
		.payloads
		.iter()
		.filter_map(|one| one.name.split(':').next().map(str::to_owned))
		.collect();
	assert_eq!(domains, vectors);
}

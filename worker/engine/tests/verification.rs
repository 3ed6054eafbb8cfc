//! Honest answers are valid, whatever the sampling; each kind of dishonest one is not.

#![allow(
	clippy::disallowed_methods,
	clippy::unwrap_used,
	reason = "tests are not bound by what binds the libraries"
)]

use infergrid_engine::{Device, Engine};
use infergrid_primitives::{
	Hash, TokenId,
	audit::{Verdict, fingerprint_distance},
	model::{Arithmetic, Profile, ProofParams},
	request::{
		Assurance, Finish, Opening, Payment, PromptCommitment, Receipt, Request, SamplingParams,
		commit_tokens, sampler_seed,
	},
	trace,
};
use infergrid_proof::{
	Assignment, ComputeError, Examination, Judgement, Model, Remedy, ReplayRequest, Violation,
	Watcher, generate, prove, verify,
};
use std::{fs, ops::ControlFlow, path::PathBuf};

const GENESIS: Hash = [1; 32];
const ANCHOR: Hash = [2; 32];
const RANDOMNESS: Hash = [3; 32];
const PROMPT_SALT: Hash = [4; 32];
const OUTPUT_SALT: Hash = [5; 32];

/// A fixture with `eos` as its end-of-sequence ids.
fn engine(name: &str, eos: &[TokenId]) -> Engine {
	let from = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap())
		.join("fixtures")
		.join(name);
	let directory = tempfile::tempdir().unwrap();
	for entry in fs::read_dir(from).unwrap() {
		let path = entry.unwrap().path();
		fs::copy(&path, directory.path().join(path.file_name().unwrap())).unwrap();
	}
	let generation = format!("{{\"eos_token_id\": {eos:?}}}");
	fs::write(directory.path().join("generation_config.json"), generation).unwrap();
	Engine::load(directory.path(), Device::Cpu).unwrap()
}

fn profile() -> Profile {
	Profile {
		model: [6; 32],
		arithmetic: Arithmetic::F32,
		sampler: 1,
		proof: ProofParams {
			hard_margin_milli: 100,
			..ProofParams::default()
		},
		calibration: [0; 32],
		context: 200,
		min_tokens_per_second: 1,
		reference_input: 1,
		reference_output: 1,
	}
}

fn prompt(salt: u32) -> Vec<TokenId> {
	(0..20).map(|i| 3 + (i * 37 + salt * 11) % 300).collect()
}

fn sampled(temperature: f64, top_p: f64, top_k: u32, max_tokens: u32) -> SamplingParams {
	SamplingParams {
		temperature_micros: (temperature * 1e6) as u32,
		top_p_micros: (top_p * 1e6) as u32,
		top_k,
		frequency_penalty_micros: 300_000,
		presence_penalty_micros: 100_000,
		..SamplingParams::greedy(max_tokens)
	}
}

/// Everything that one answer leaves behind.
#[derive(Clone)]
struct Answer {
	request: Request,
	receipt: Receipt,
	opening: Opening,
}

/// Computes an answer with `engine`, by the rules unless `cheat` changes the request it works on.
fn answer(
	engine: &Engine,
	prompt: Vec<TokenId>,
	params: SamplingParams,
	cheat: impl FnOnce(&mut Vec<TokenId>, &mut SamplingParams, &mut Hash),
) -> Answer {
	let commitment = commit_tokens(&GENESIS, &PROMPT_SALT, &prompt);
	let request = Request {
		profile: profile().id(),
		params: params.clone(),
		prompt: PromptCommitment::Salted {
			commitment,
			n_prompt: prompt.len() as u32,
		},
		max_fee: 1,
		user_nonce: 0,
		payment: Payment::Task(9),
		assurance: Assurance::Sampled,
	};
	let request_id = request.id(&GENESIS);
	let (mut used_prompt, mut used_params) = (prompt.clone(), params);
	let mut seed = sampler_seed(&GENESIS, &request_id, &ANCHOR, &request.profile);
	cheat(&mut used_prompt, &mut used_params, &mut seed);
	let assignment = Assignment {
		prompt: used_prompt,
		params: used_params,
		seed,
		proof: profile().proof,
		context: profile().context,
	};
	let generation = generate(engine, &assignment, &mut |_| ControlFlow::Continue(())).unwrap();
	let receipt = Receipt {
		request_id,
		miner: [7; 32],
		worker_key: [8; 32],
		n_prompt: prompt.len() as u32,
		n_out: generation.tokens.len() as u32,
		finish: generation.finish,
		output_commit: [0; 32],
		trace_root: [0; 32],
		fee: 1,
		ttft_ms: 1,
		total_ms: 1,
	};
	let opening = Opening {
		prompt_salt: PROMPT_SALT,
		prompt,
		output_salt: OUTPUT_SALT,
		output: generation.tokens,
		proofs: generation.proofs,
	};
	let mut answer = Answer {
		request,
		receipt,
		opening,
	};
	answer.sign();
	answer
}

impl Answer {
	/// Makes the commitments fit the opening again.
	fn sign(&mut self) {
		let Opening { output, proofs, .. } = &self.opening;
		self.receipt.n_out = output.len() as u32;
		self.receipt.output_commit = commit_tokens(&GENESIS, &OUTPUT_SALT, output);
		let chunk = profile().proof.chunk;
		self.receipt.trace_root =
			trace::answer_root(&GENESIS, output, proofs, chunk).unwrap_or_default();
	}

	fn judged(&self, engine: &Engine) -> Judgement {
		let case = Examination {
			genesis: GENESIS,
			request: self.request.clone(),
			inline: None,
			profile: profile(),
			anchor: ANCHOR,
			receipt: self.receipt.clone(),
			opening: self.opening.clone(),
			audit: 1,
			randomness: RANDOMNESS,
		};
		verify(engine, &case, &mut |_| ControlFlow::Continue(())).unwrap()
	}

	fn violation(&self, engine: &Engine) -> Violation {
		let judgement = self.judged(engine);
		assert_eq!(judgement.vote.verdict, Verdict::Invalid);
		judgement.violations[0].clone()
	}
}

fn honest(_: &mut Vec<TokenId>, _: &mut SamplingParams, _: &mut Hash) {}

#[test]
fn honest_answers_are_valid() {
	let samplings = [
		SamplingParams::greedy(70),
		sampled(1.0, 1.0, 0, 90),
		sampled(0.7, 0.9, 0, 40),
		sampled(1.5, 0.95, 30, 33),
		sampled(1.0, 1.0, 5, 1),
	];
	for name in [
		"llama-tied-llama3",
		"qwen2-window",
		"qwen3",
		"mistral-window",
	] {
		let engine = engine(name, &[2]);
		for (salt, params) in (0..).zip(&samplings) {
			let answer = answer(&engine, prompt(salt), params.clone(), honest);
			let judgement = answer.judged(&engine);
			assert_eq!(
				judgement.vote.verdict,
				Verdict::Valid,
				"{name}: {judgement:?}"
			);
			let measures = judgement.vote.measures;
			assert_eq!(
				measures.exact_tokens, measures.positions,
				"{name}: {measures:?}"
			);
			assert_eq!(measures.positions, answer.receipt.n_out);
			assert_eq!(
				(measures.exponent_mismatches, measures.mean_margin_milli),
				(0, 0)
			);
			// A second verifier agrees, one that did not run the model does not.
			let second = answer.judged(&engine).vote;
			assert_eq!(second, judgement.vote);
			let distance = fingerprint_distance(&second.fingerprint, &[0; 32]);
			assert!(distance > profile().proof.max_fingerprint_distance);
		}
	}
}

#[test]
fn another_models_answer_is_not_valid() {
	let (right, wrong) = (engine("qwen3", &[2]), engine("llama-tied-llama3", &[2]));
	for params in [SamplingParams::greedy(40), sampled(1.0, 1.0, 0, 40)] {
		let mut forged = answer(&wrong, prompt(1), params.clone(), honest);
		assert!(matches!(
			forged.violation(&right),
			Violation::Activations { chunk: 0, .. }
		));

		// The same tokens with perfect proofs: one prefill of the right model makes them.
		let replayed = right
			.replay(
				&ReplayRequest {
					prompt: &forged.opening.prompt,
					output: &forged.opening.output,
					params: &params,
					seed: &[0; 32],
					probe: None,
				},
				&mut |_| ControlFlow::Continue(()),
			)
			.unwrap();
		forged.opening.proofs = prove(&replayed.rows, replayed.hidden, &profile().proof).unwrap();
		forged.sign();
		assert!(
			matches!(forged.violation(&right), Violation::Choices { .. }),
			"{params:?}"
		);
	}
}

#[test]
fn a_cut_prompt_another_seed_or_temperature_is_not_valid() {
	let engine = engine("qwen2-window", &[2]);
	let params = sampled(1.0, 1.0, 0, 40);
	let cut = answer(&engine, prompt(2), params.clone(), |prompt, _, _| {
		prompt.remove(0);
	});
	assert!(matches!(
		cut.violation(&engine),
		Violation::Activations { .. }
	));
	let other_seed = answer(&engine, prompt(2), params.clone(), |_, _, seed| {
		seed[0] ^= 1
	});
	assert!(matches!(
		other_seed.violation(&engine),
		Violation::Choices { .. }
	));
	let greedy = answer(&engine, prompt(2), params, |_, params, _| {
		params.temperature_micros = 0
	});
	assert!(matches!(
		greedy.violation(&engine),
		Violation::Choices { .. }
	));
}

#[test]
fn an_answer_ends_where_it_must() {
	let plain = engine("qwen3", &[]);
	let whole = answer(&plain, prompt(3), SamplingParams::greedy(40), honest);
	assert_eq!(whole.receipt.finish, Finish::Length);
	// Now the token at place 20 ends answers, unless it came before.
	let last = whole.opening.output[20];
	let place = whole
		.opening
		.output
		.iter()
		.position(|token| *token == last)
		.unwrap();
	let ending = engine("qwen3", &[last]);
	let right = answer(&ending, prompt(3), SamplingParams::greedy(40), honest);
	assert_eq!(right.receipt.finish, Finish::EndOfSequence);
	assert_eq!(right.opening.output, whole.opening.output[..=place]);
	assert_eq!(right.judged(&ending).vote.verdict, Verdict::Valid);

	let mut beyond = whole.clone();
	beyond.receipt.finish = Finish::EndOfSequence;
	for answer in [&whole, &beyond] {
		match answer.violation(&ending) {
			Violation::Ending {
				expected, found, ..
			} => {
				assert_eq!((expected, found), (Some(place + 1), 40));
			}
			other => panic!("{other:?}"),
		}
	}

	let mut short = answer(&plain, prompt(3), SamplingParams::greedy(39), honest);
	short.request = whole.request.clone();
	short.receipt.request_id = whole.receipt.request_id;
	for finish in [Finish::Length, Finish::EndOfSequence, Finish::StopString] {
		short.receipt.finish = finish;
		assert!(matches!(
			short.violation(&plain),
			Violation::Ending { expected: None, .. }
		));
	}
}

#[test]
fn the_context_ends_an_answer() {
	let engine = engine("mistral-window", &[]);
	let prompt: Vec<TokenId> = (0..190).map(|i| 3 + i * 7 % 300).collect();
	let answer = answer(&engine, prompt, SamplingParams::greedy(50), honest);
	assert_eq!(
		(answer.receipt.n_out, answer.receipt.finish),
		(10, Finish::Length)
	);
	assert_eq!(answer.judged(&engine).vote.verdict, Verdict::Valid);
}

#[test]
fn what_was_opened_must_be_what_was_signed() {
	let engine = engine("qwen3", &[2]);
	let right = answer(&engine, prompt(4), SamplingParams::greedy(40), honest);
	let broken = |change: fn(&mut Answer)| {
		let mut answer = right.clone();
		change(&mut answer);
		answer.violation(&engine)
	};
	assert_eq!(broken(|a| a.request.user_nonce += 1), Violation::Request);
	assert_eq!(broken(|a| a.opening.prompt[3] += 1), Violation::Prompt);
	assert_eq!(broken(|a| a.opening.prompt_salt[0] ^= 1), Violation::Prompt);
	assert_eq!(broken(|a| a.opening.output[3] += 1), Violation::Output);
	assert_eq!(broken(|a| a.opening.output_salt[0] ^= 1), Violation::Output);
	assert_eq!(
		broken(|a| a.opening.proofs[0][9] ^= 1),
		Violation::TraceRoot
	);
	assert!(matches!(
		broken(|a| a.receipt.n_out += 1),
		Violation::Count { .. }
	));
	assert!(matches!(
		broken(|a| a.receipt.n_prompt -= 1),
		Violation::Count { .. }
	));
	let outside = broken(|a| {
		a.opening.output[3] = 320;
		a.sign();
	});
	assert_eq!(outside, Violation::Vocabulary(320));
	for change in [
		|a: &mut Answer| a.opening.proofs[0].truncate(10),
		|a: &mut Answer| a.opening.proofs[0][..2].fill(0),
		|a: &mut Answer| a.opening.proofs[0].clear(),
	] {
		let mut answer = right.clone();
		change(&mut answer);
		answer.sign();
		assert!(matches!(
			answer.violation(&engine),
			Violation::Proof { chunk: 0, .. }
		));
	}
	let mut none = right.clone();
	none.opening.output.clear();
	none.opening.proofs.clear();
	none.sign();
	assert!(matches!(none.violation(&engine), Violation::Count { .. }));
}

/// Does something else at each rest of a computation.
struct Between<F>(F);

impl<F: FnMut() -> Result<(), ComputeError>> Watcher for Between<F> {
	fn token(&mut self, _: TokenId) -> Result<(), ComputeError> {
		Ok(())
	}

	fn rest(&mut self) -> Result<(), ComputeError> {
		(self.0)()
	}
}

#[test]
fn an_answer_is_the_same_whatever_is_computed_meanwhile() {
	let engine = engine("qwen2-window", &[2]);
	let assignment = |salt, max_tokens| Assignment {
		prompt: prompt(salt),
		params: sampled(1.0, 1.0, 0, max_tokens),
		seed: [9; 32],
		proof: profile().proof,
		context: profile().context,
	};
	let alone = |salt, max_tokens| {
		let done = generate(&engine, &assignment(salt, max_tokens), &mut |_| {
			ControlFlow::Continue(())
		});
		let done = done.unwrap();
		(done.tokens, done.proofs)
	};
	let honest = answer(&engine, prompt(3), SamplingParams::greedy(20), honest);
	let (long, short) = (alone(1, 60), alone(2, 10));
	let mut rests = 0;
	let mut between = Between(|| {
		rests += 1;
		if rests % 10 == 0 {
			assert_eq!(alone(2, 10), short);
			assert_eq!(honest.judged(&engine).vote.verdict, Verdict::Valid);
		}
		Ok(())
	});
	let done = generate(&engine, &assignment(1, 60), &mut between).unwrap();
	assert_eq!((done.tokens, done.proofs), long);
	assert!(rests >= 10);
}

#[test]
fn cancelling_and_bad_requests_are_told_apart_from_failures() {
	let engine = engine("qwen3", &[2]);
	let run = |prompt: &[TokenId], params: &SamplingParams, stop_after: usize| {
		let mut seen = 0;
		let assignment = Assignment {
			prompt: prompt.to_vec(),
			params: params.clone(),
			seed: [0; 32],
			proof: ProofParams::default(),
			context: 200,
		};
		generate(&engine, &assignment, &mut |_| {
			seen += 1;
			if seen == stop_after {
				ControlFlow::Break(())
			} else {
				ControlFlow::Continue(())
			}
		})
	};
	let greedy = SamplingParams::greedy(10);
	assert!(matches!(
		run(&prompt(0), &greedy, 3),
		Err(ComputeError::Cancelled)
	));
	let mut stop = greedy.clone();
	stop.stop
		.try_push(b"x".to_vec().try_into().unwrap())
		.unwrap();
	for (prompt, params) in [
		(vec![], greedy.clone()),
		(vec![320], greedy.clone()),
		(vec![3; 200], greedy),
		(prompt(0), SamplingParams::greedy(0)),
		(prompt(0), stop),
	] {
		let error = run(&prompt, &params, 0).unwrap_err();
		assert_eq!(error.remedy(), Remedy::Skip, "{error}");
	}
}

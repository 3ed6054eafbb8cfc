//! The shipped model, from text to text: template, tokenizer, 16-bit weights, stop rules, verdict.

#![allow(
	clippy::disallowed_methods,
	clippy::unwrap_used,
	reason = "tests are not bound by what binds the libraries"
)]

use infergrid_checkpoint::Tokenizer;
use infergrid_engine::{Device, Engine};
use infergrid_primitives::{
	TokenId,
	audit::Verdict,
	model::{Arithmetic, Profile, ProofParams},
	request::{
		Assurance, Finish, Opening, Payment, Receipt, Request, SamplingParams, commit_inline,
		commit_tokens, sampler_seed,
	},
	trace,
};
use infergrid_proof::{Assignment, Examination, Generation, generate, verify};
use std::{fs, ops::ControlFlow, path::PathBuf};

fn directory() -> PathBuf {
	PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../../models/demo")
}

fn engine() -> Engine {
	Engine::load(directory(), Device::Cpu).unwrap()
}

fn tokenizer(engine: &Engine) -> &Tokenizer {
	engine.checkpoint().tokenizer().unwrap()
}

fn ask(engine: &Engine, text: &str, params: &SamplingParams) -> Generation {
	answer_to(
		engine,
		&engine.checkpoint().encode_inline(text).unwrap(),
		params,
	)
}

fn answer_to(engine: &Engine, prompt: &[TokenId], params: &SamplingParams) -> Generation {
	let assignment = Assignment {
		prompt: prompt.to_vec(),
		params: params.clone(),
		seed: [0; 32],
		proof: ProofParams::F32,
		context: 512,
	};
	generate(engine, &assignment, &mut |_| ControlFlow::Continue(())).unwrap()
}

#[test]
fn equals_transformers() {
	let report = engine()
		.check(&directory().join("reference.safetensors"), 1e-4)
		.unwrap();
	assert!(report.passes(), "{report:?}");
	assert_eq!(report.greedy_equal, Some(true));
}

#[test]
fn answers_the_readmes_questions() {
	let engine = engine();
	let questions = fs::read_to_string(directory().join("questions.json")).unwrap();
	let questions: serde_json::Value = serde_json::from_str(&questions).unwrap();
	for entry in questions.as_array().unwrap() {
		let answer = ask(
			&engine,
			entry["question"].as_str().unwrap(),
			&SamplingParams::greedy(160),
		);
		assert_eq!(answer.finish, Finish::EndOfSequence);
		assert_eq!(
			tokenizer(&engine).decode(&answer.tokens).unwrap(),
			entry["expected"]
		);
		let mut stream = tokenizer(&engine).stream();
		let mut text: String = answer
			.tokens
			.iter()
			.map(|id| stream.push(*id).unwrap())
			.collect();
		text.push_str(&stream.finish().unwrap());
		assert_eq!(text, entry["expected"], "streamed");
	}
}

#[test]
fn stops_at_a_stop_string_and_the_verdict_agrees() {
	let engine = engine();
	let text = "What is the capital of France?";
	let mut params = SamplingParams::greedy(160);
	params
		.stop
		.try_push(b"of Fr".to_vec().try_into().unwrap())
		.unwrap();
	let answer = ask(&engine, text, &params);
	assert_eq!(answer.finish, Finish::StopString);
	let said = tokenizer(&engine).decode(&answer.tokens).unwrap();
	assert!(
		said.contains("of Fr") && said.len() < "The capital of France is".len(),
		"{said}"
	);

	let judged = |answer: &Generation, finish| verdict(&engine, text, &params, answer, finish);
	assert_eq!(judged(&answer, Finish::StopString), Verdict::Valid);
	assert_eq!(judged(&answer, Finish::Length), Verdict::Invalid);
	let beyond = ask(&engine, text, &SamplingParams::greedy(160));
	assert_eq!(judged(&beyond, Finish::EndOfSequence), Verdict::Invalid);
}

#[test]
fn a_prompt_that_lacks_one_token_is_not_valid() {
	let engine = engine();
	let params = SamplingParams::greedy(160);
	for text in [
		"What is Infergrid?",
		"How is a fee split?",
		"Why?",
		"Tell me about the moon.",
	] {
		let whole = ask(&engine, text, &params);
		let valid = verdict(&engine, text, &params, &whole, whole.finish);
		assert_eq!(valid, Verdict::Valid, "{text}");
		let prompt = engine.checkpoint().encode_inline(text).unwrap();
		for missing in 0..prompt.len() {
			let mut cut = prompt.clone();
			cut.remove(missing);
			let answer = answer_to(&engine, &cut, &params);
			let invalid = verdict(&engine, text, &params, &answer, answer.finish);
			assert_eq!(invalid, Verdict::Invalid, "{text} without token {missing}");
		}
	}
}

/// What a verifier says about `answer` to an inline prompt.
fn verdict(
	engine: &Engine,
	text: &str,
	params: &SamplingParams,
	answer: &Generation,
	finish: Finish,
) -> Verdict {
	let genesis = [1; 32];
	let profile = Profile {
		model: [0; 32],
		arithmetic: Arithmetic::F32,
		sampler: 1,
		proof: ProofParams::F32,
		calibration: [0; 32],
		context: 512,
		min_tokens_per_second: 1,
		reference_input: 1,
		reference_output: 1,
	};
	let request = Request {
		profile: profile.id(),
		params: params.clone(),
		prompt: commit_inline(text.as_bytes()),
		max_fee: 1,
		user_nonce: 0,
		payment: Payment::Task(1),
		assurance: Assurance::Always,
	};
	let request_id = request.id(&genesis);
	// Greedy answers do not depend on the seed, which is why `ask` may use another one.
	assert_eq!(params.temperature_micros, 0);
	assert_ne!(
		sampler_seed(&genesis, &request_id, &[2; 32], &request.profile),
		[0; 32]
	);
	let opening = Opening {
		prompt_salt: [0; 32],
		prompt: engine.checkpoint().encode_inline(text).unwrap(),
		output_salt: [3; 32],
		output: answer.tokens.clone(),
		proofs: answer.proofs.clone(),
	};
	let chunk = profile.proof.chunk;
	let receipt = Receipt {
		request_id,
		miner: [4; 32],
		worker_key: [5; 32],
		n_prompt: opening.prompt.len() as u32,
		n_out: opening.output.len() as u32,
		finish,
		output_commit: commit_tokens(&genesis, &opening.output_salt, &opening.output),
		trace_root: trace::answer_root(&genesis, &opening.output, &opening.proofs, chunk).unwrap(),
		fee: 1,
		ttft_ms: 1,
		total_ms: 1,
	};
	let case = Examination {
		genesis,
		request,
		inline: Some(text.to_owned()),
		profile,
		anchor: [2; 32],
		receipt,
		opening,
		audit: 1,
		randomness: [6; 32],
	};
	verify(engine, &case, &mut |_| ControlFlow::Continue(()))
		.unwrap()
		.vote
		.verdict
}

//! What verifiers find in honest and in forged answers, without a chain: the judgement is the
//! product's own.

use anyhow::{Context, Result};
use infergrid_primitives::{
	Hash,
	audit::{Verdict, fingerprint_distance},
	model::Profile,
	request::{
		Assurance, Opening, Payment, PromptCommitment, Receipt, Request, SamplingParams,
		commit_tokens, sampler_seed,
	},
	trace,
};
use infergrid_proof::{Examination, Judgement, verify};
use infergrid_tests::{
	all_kinds_of_questions, cheap_model, demo_model,
	forge::{Claim, Forge, Order, Style, sampling},
	grid::profile,
};
use std::collections::BTreeMap;

const GENESIS: Hash = [1; 32];
const RANDOMNESS: Hash = [2; 32];
const SALT: Hash = [3; 32];

/// A request with the block that assigned it.
struct Job {
	request: Request,
	anchor: Hash,
	order: Order,
}

fn job(
	forge: &Forge,
	profile: &Profile,
	question: &str,
	params: SamplingParams,
	nonce: u64,
) -> Result<Job> {
	let prompt = forge.engine().checkpoint().encode_inline(question)?;
	let n_prompt = prompt.len() as u32;
	let request = Request {
		profile: profile.id(),
		params: params.clone(),
		prompt: PromptCommitment::Salted {
			commitment: commit_tokens(&GENESIS, &SALT, &prompt),
			n_prompt,
		},
		max_fee: 1_000_000_000_000,
		user_nonce: nonce,
		payment: Payment::Task(nonce),
		assurance: Assurance::Always,
	};
	let mut anchor = [0; 32];
	anchor[..8].copy_from_slice(&nonce.to_le_bytes());
	let seed = sampler_seed(&GENESIS, &request.id(&GENESIS), &anchor, &request.profile);
	let order = Order {
		prompt,
		params,
		seed,
		proof: profile.proof,
		context: profile.context,
	};
	Ok(Job {
		request,
		anchor,
		order,
	})
}

fn judge(forge: &Forge, profile: &Profile, job: &Job, claim: &Claim) -> Result<Judgement> {
	let chunk = profile.proof.chunk;
	let receipt = Receipt {
		request_id: job.request.id(&GENESIS),
		miner: [4; 32],
		worker_key: [5; 32],
		n_prompt: job.order.prompt.len() as u32,
		n_out: claim.n_out,
		finish: claim.finish,
		output_commit: commit_tokens(&GENESIS, &SALT, &claim.tokens),
		trace_root: trace::answer_root(&GENESIS, &claim.tokens, &claim.proofs, chunk)
			.context("a proof for each chunk")?,
		fee: 1,
		ttft_ms: 1,
		total_ms: 1,
	};
	let opening = Opening {
		prompt_salt: SALT,
		prompt: job.order.prompt.clone(),
		output_salt: SALT,
		output: claim.tokens.clone(),
		proofs: claim.proofs.clone(),
	};
	let examination = Examination {
		genesis: GENESIS,
		request: job.request.clone(),
		inline: None,
		profile: profile.clone(),
		anchor: job.anchor,
		receipt,
		opening,
		audit: job.request.user_nonce,
		randomness: RANDOMNESS,
	};
	Ok(verify(forge.engine(), &examination, &mut |_| {
		std::ops::ControlFlow::Continue(())
	})?)
}

/// 204 requests: 17 questions, six times, at temperatures 0 and 1.
fn jobs(forge: &Forge, profile: &Profile) -> Result<Vec<Job>> {
	let mut jobs = Vec::new();
	for round in 0..6_u64 {
		for question in all_kinds_of_questions()? {
			for temperature in [0.0, 1.0] {
				let mut params = sampling(temperature, 96);
				// Every sampling parameter has its turn.
				match round {
					3 => params.top_p_micros = 900_000,
					4 => params.top_k = 20,
					5 => params.frequency_penalty_micros = 300_000,
					_ => {}
				}
				let nonce = jobs.len() as u64;
				jobs.push(job(forge, profile, &question, params, nonce)?);
			}
		}
	}
	Ok(jobs)
}

#[test]
fn honest_answers_pass() -> Result<()> {
	let profile = profile(&demo_model())?;
	let forge = Forge::new(&demo_model(), &cheap_model())?;
	let jobs = jobs(&forge, &profile)?;
	assert!(jobs.len() >= 200);
	let (mut tokens, mut exact) = (0, 0);
	for (number, job) in jobs.iter().enumerate() {
		let claim = forge
			.answer(Style::Honest, &job.order)?
			.context("an honest answer")?;
		let judgement = judge(&forge, &profile, job, &claim)?;
		assert_eq!(
			judgement.vote.verdict,
			Verdict::Valid,
			"request {number}: {judgement:?}"
		);
		tokens += judgement.vote.measures.positions;
		exact += judgement.vote.measures.exact_tokens;
		if number % 20 == 0 {
			let again = judge(&forge, &profile, job, &claim)?;
			let distance =
				fingerprint_distance(&judgement.vote.fingerprint, &again.vote.fingerprint);
			assert!(distance <= profile.proof.max_fingerprint_distance);
		}
	}
	println!(
		"{} honest answers, {tokens} tokens, {exact} exactly reproduced",
		jobs.len()
	);
	assert!(
		exact * 100 >= tokens * 98,
		"{exact} of {tokens} tokens were reproduced exactly"
	);
	Ok(())
}

#[test]
fn every_cheat_is_found() -> Result<()> {
	let profile = profile(&demo_model())?;
	let forge = Forge::new(&demo_model(), &cheap_model())?;
	let mut found: BTreeMap<String, (u32, u32)> = BTreeMap::new();
	let jobs = jobs(&forge, &profile)?;
	// Two of three, as many at each temperature.
	for (_, job) in jobs.iter().enumerate().filter(|(n, _)| n % 3 != 1) {
		for style in Style::CHEATS {
			let Some(claim) = forge.answer(style, &job.order)? else {
				continue;
			};
			let judgement = judge(&forge, &profile, job, &claim)?;
			let (caught, all) = found.entry(format!("{style:?}")).or_default();
			*all += 1;
			*caught += u32::from(judgement.vote.verdict == Verdict::Invalid);
			if judgement.vote.verdict != Verdict::Invalid {
				println!("missed {style:?}: {:?}", judgement.vote.measures);
			}
		}
	}
	println!("{found:?}");
	for style in Style::CHEATS {
		let (caught, all) = found
			.get(&format!("{style:?}"))
			.copied()
			.unwrap_or_default();
		assert!(all >= 5, "{style:?} had only {all} occasions");
		// Who samples otherwise may now and then choose nothing but what ties with the right choice, which
		// is within what the rules allow, and gains nothing by it.
		let least = match style {
			Style::OwnSeed | Style::Colder => (all * 4).div_ceil(5),
			_ => all,
		};
		assert!(caught >= least, "{style:?}: {caught} of {all}");
	}
	Ok(())
}

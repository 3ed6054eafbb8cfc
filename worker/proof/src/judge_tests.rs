use super::*;
use crate::fake::{EchoModel, examination};
use infergrid_checkpoint::CheckpointError;
use infergrid_primitives::request::SamplingParams;
use std::ops::ControlFlow;

const TOKENS: u32 = 40;

fn judged(case: &Examination) -> Judgement {
	verify(&EchoModel, case, &mut |_| ControlFlow::Continue(())).unwrap()
}

fn honest() -> Examination {
	examination(TOKENS).unwrap()
}

/// Makes the commitments fit the opening again.
fn sign(case: &mut Examination) {
	let Opening { output, proofs, .. } = &case.opening;
	case.receipt.n_out = output.len() as u32;
	case.receipt.output_commit = commit_tokens(&case.genesis, &case.opening.output_salt, output);
	let chunk = case.profile.proof.chunk;
	case.receipt.trace_root =
		trace::answer_root(&case.genesis, output, proofs, chunk).unwrap_or_default();
}

fn broken(change: impl FnOnce(&mut Examination)) -> Violation {
	let mut case = honest();
	change(&mut case);
	let judgement = judged(&case);
	assert_eq!(judgement.vote.verdict, Verdict::Invalid);
	judgement.violations[0].clone()
}

#[test]
fn an_honest_answer_is_valid_and_every_verifier_says_the_same() {
	let case = honest();
	let judgement = judged(&case);
	assert_eq!(judgement.vote.verdict, Verdict::Valid, "{judgement:?}");
	let measures = judgement.vote.measures;
	assert_eq!(
		(measures.exact_tokens, measures.positions),
		(TOKENS, TOKENS)
	);
	assert_ne!(judgement.vote.fingerprint, [0; FINGERPRINT_LEN]);
	assert_eq!(judged(&case), judgement);
}

#[test]
fn what_was_opened_must_be_what_was_signed() {
	assert_eq!(broken(|c| c.request.user_nonce += 1), Violation::Request);
	assert_eq!(broken(|c| c.opening.prompt[1] += 1), Violation::Prompt);
	assert_eq!(broken(|c| c.opening.prompt_salt[0] ^= 1), Violation::Prompt);
	assert_eq!(broken(|c| c.opening.output[3] += 1), Violation::Output);
	assert_eq!(broken(|c| c.opening.output_salt[0] ^= 1), Violation::Output);
	assert_eq!(
		broken(|c| c.opening.proofs[0][9] ^= 1),
		Violation::TraceRoot
	);
	assert!(matches!(
		broken(|c| c.receipt.n_out += 1),
		Violation::Count { .. }
	));
	assert!(matches!(
		broken(|c| c.receipt.n_prompt -= 1),
		Violation::Count { .. }
	));
	let outside = broken(|c| {
		c.opening.output[3] = 512;
		sign(c);
	});
	assert_eq!(outside, Violation::Vocabulary(512));
}

#[test]
fn malformed_proofs_are_told_apart_from_wrong_ones() {
	for change in [
		|c: &mut Examination| c.opening.proofs[1].truncate(10),
		|c: &mut Examination| c.opening.proofs[1][..2].fill(0),
		|c: &mut Examination| c.opening.proofs[1].clear(),
	] {
		let violation = broken(|c| {
			change(c);
			sign(c);
		});
		assert!(matches!(violation, Violation::Proof { chunk: 1, .. }));
	}
	let swapped = broken(|c| {
		// Both chunks are of the same form, but of different tokens.
		c.opening.proofs[0] = examination(64).unwrap().opening.proofs[1].clone();
		sign(c);
	});
	assert!(matches!(swapped, Violation::Activations { chunk: 0, .. }));
}

#[test]
fn tokens_that_the_seed_does_not_choose_are_not_valid() {
	// Perfect proofs of a prefix, followed by a token of somebody's own choice.
	let violation = broken(|c| {
		let last = c.opening.output.len() - 1;
		c.opening.output[last] = 77;
		sign(c);
	});
	assert_eq!(
		violation,
		Violation::Choices {
			count: 1,
			allowed: 0
		}
	);
}

#[test]
fn an_answer_ends_where_it_must() {
	let short = broken(|c| {
		c.opening.output.truncate(32);
		c.opening.proofs.truncate(1);
		sign(c);
	});
	assert_eq!(
		short,
		Violation::Ending {
			expected: None,
			found: 32,
			claimed: Finish::Length
		}
	);
	let beyond = broken(|c| {
		c.opening.output[9] = 2;
		sign(c);
	});
	assert!(matches!(
		beyond,
		Violation::Ending {
			expected: Some(10),
			..
		}
	));
	let claimed = broken(|c| c.receipt.finish = Finish::EndOfSequence);
	assert!(matches!(
		claimed,
		Violation::Ending {
			expected: Some(40),
			..
		}
	));
	let no_room = broken(|c| c.profile.context = 3);
	assert!(matches!(
		no_room,
		Violation::Ending {
			expected: Some(0),
			..
		}
	));
}

#[test]
fn an_inline_prompt_is_encoded_again() {
	let inline = |text: &str, ids: &str| {
		let mut case = honest();
		case.inline = Some(text.to_owned());
		case.request.prompt = commit_inline(b"abc");
		case.receipt.request_id = case.request.id(&case.genesis);
		let encoded: Result<_, CheckpointError> = (EchoModel.encoder())(ids);
		case.opening.prompt = encoded.unwrap();
		check_opening(&EchoModel, &case)
	};
	assert_eq!(inline("abc", "abc"), Ok(()));
	assert_eq!(inline("abd", "abd"), Err(Violation::Prompt));
	assert_eq!(inline("abc", "abd"), Err(Violation::Prompt));
}

#[test]
fn what_cannot_be_judged_is_an_error_and_not_a_vote() {
	let mut case = honest();
	case.request.params = SamplingParams::greedy(0);
	case.receipt.request_id = case.request.id(&case.genesis);
	let result = verify(&EchoModel, &case, &mut |_| ControlFlow::Continue(()));
	assert!(matches!(result, Err(ComputeError::Params(_))));
}

#[test]
fn one_token_in_five_hundred_may_be_off_but_never_the_last() {
	let margin = |delta| Margin {
		delta,
		exact: false,
	};
	let params = ProofParams::F32;
	for (count, allowed) in [(1, 0), (499, 0), (500, 1), (1_000, 2)] {
		let margins = vec![margin(0.0); count];
		assert_eq!(allowed_hard_margins(&params, &margins), allowed);
	}
	let mut margins = vec![margin(0.0); 1_000];
	margins[999] = margin(0.2);
	assert_eq!(allowed_hard_margins(&params, &margins), 0);
}

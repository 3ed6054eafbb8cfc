//! A verifier's vote: pure judgement over what the miner opened and what the model says.

use crate::{ComputeError, Facts, Model, Replay, ReplayRequest, Watcher, stop::StopRule};
use infergrid_primitives::{
	AuditId, Hash, TokenId,
	audit::{FINGERPRINT_LEN, Measures, Verdict, Vote},
	model::{Profile, ProofParams},
	request::{
		Finish, Opening, PromptCommitment, Receipt, Request, commit_inline, commit_tokens,
		sampler_seed,
	},
	sampler::Margin,
	toploc::{self, Comparison, ParseError, Proof, chunks, points},
	trace,
};
use std::fmt;

/// Margins are clipped here for their mean, so that one wild token does not drown the others.
const MARGIN_CLIP: f64 = 0.5;

/// Why a receipt is not what the profile computes.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
	/// The receipt is for another request.
	#[error("the receipt is for another request")]
	Request,
	/// The prompt is not the committed one.
	#[error("the opened prompt is not the one that was committed to")]
	Prompt,
	/// The answer is not the committed one.
	#[error("the opened answer is not the one that was committed to")]
	Output,
	/// A count in the receipt is wrong.
	#[error("the receipt counts {claimed} tokens of the {part}, but there are {found}")]
	Count {
		part: &'static str,
		claimed: u32,
		found: usize,
	},
	/// A token outside the vocabulary.
	#[error("token id {0} is outside the vocabulary")]
	Vocabulary(TokenId),
	/// The proofs do not hash to the committed root.
	#[error("the proofs are not those that were committed to")]
	TraceRoot,
	/// A proof that no builder writes.
	#[error("proof {chunk} is malformed: {error}")]
	Proof { chunk: usize, error: ParseError },
	/// The answer goes on after its end, or ends without reason.
	#[error(
		"the answer should end after {expected:?} tokens, but has {found} and claims {claimed:?}"
	)]
	Ending {
		expected: Option<usize>,
		found: usize,
		claimed: Finish,
	},
	/// Hidden states of another model, precision or prompt.
	#[error("chunk {chunk} was not computed by this model: {measures:?}")]
	Activations {
		chunk: usize,
		measures: toploc::Measures,
	},
	/// Tokens that the seed does not choose.
	#[error("{count} tokens are not what the seed chooses, where {allowed} may be off")]
	Choices { count: u32, allowed: u32 },
}

/// An answer to judge, with everything that is known about it.
#[derive(Clone)]
pub struct Examination {
	/// Hash of the chain's first block.
	pub genesis: Hash,
	/// What the payer asked for.
	pub request: Request,
	/// What the miner signed.
	pub receipt: Receipt,
	/// The text on chain, for an inline prompt.
	pub inline: Option<String>,
	/// The profile that the request names.
	pub profile: Profile,
	/// Hash of the block that assigned the task.
	pub anchor: Hash,
	/// What the miner gave to the committee.
	pub opening: Opening,
	/// The audit.
	pub audit: AuditId,
	/// The randomness of its draw.
	pub randomness: Hash,
}

impl fmt::Debug for Examination {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Examination")
			.field("audit", &self.audit)
			.field("n_prompt", &self.opening.prompt.len())
			.field("n_out", &self.opening.output.len())
			.finish_non_exhaustive()
	}
}

/// A vote and its reasons.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
	/// What is committed and revealed.
	pub vote: Vote,
	/// Empty for a valid answer.
	pub violations: Vec<Violation>,
}

impl Judgement {
	fn structural(violation: Violation) -> Self {
		let vote = Vote {
			verdict: Verdict::Invalid,
			measures: Measures::default(),
			fingerprint: [0; FINGERPRINT_LEN],
		};
		Self {
			vote,
			violations: vec![violation],
		}
	}
}

/// Judges an answer: the rules that need no model first, then one prefill over prompt and answer.
///
/// An answer that breaks a rule of the first kind gets an all-zero fingerprint, from every verifier
/// alike.
pub fn verify(
	model: &(impl Model + ?Sized),
	case: &Examination,
	watcher: &mut dyn Watcher,
) -> Result<Judgement, ComputeError> {
	if let Err(violation) = check_opening(model, case) {
		return Ok(Judgement::structural(violation));
	}
	if let Some(violation) = check_ending(&model.facts(), case)? {
		return Ok(Judgement::structural(violation));
	}
	let seed = sampler_seed(
		&case.genesis,
		&case.receipt.request_id,
		&case.anchor,
		&case.request.profile,
	);
	let request = ReplayRequest {
		prompt: &case.opening.prompt,
		output: &case.opening.output,
		params: &case.request.params,
		seed: &seed,
		probe: Some((&case.randomness, case.audit)),
	};
	let replay = model.replay(&request, watcher)?;
	Ok(judge(&case.profile.proof, &case.opening, &replay))
}

/// Runs the rule by which miners stop over the answer.
fn check_ending(facts: &Facts<'_>, case: &Examination) -> Result<Option<Violation>, ComputeError> {
	let (prompt, output) = (&case.opening.prompt, &case.opening.output);
	let claimed = case.receipt.finish;
	let ending = |expected| Violation::Ending {
		expected,
		found: output.len(),
		claimed,
	};
	let params = &case.request.params;
	let mut rule = match StopRule::new(facts, params, prompt.len(), case.profile.context) {
		Ok(rule) => rule,
		Err(ComputeError::ContextFull { .. }) => return Ok(Some(ending(Some(0)))),
		Err(error) => return Err(error),
	};
	for (token, length) in output.iter().zip(1..) {
		if let Some(finish) = rule.after(*token, length)? {
			let ends = length == output.len() && finish == claimed;
			return Ok((!ends).then(|| ending(Some(length))));
		}
	}
	Ok(Some(ending(None)))
}

/// The rules that need no model: commitments, counts, and the form of the proofs.
pub fn check_opening(model: &(impl Model + ?Sized), case: &Examination) -> Result<(), Violation> {
	let Examination {
		genesis,
		request,
		receipt,
		opening,
		..
	} = case;
	if receipt.request_id != request.id(genesis) {
		return Err(Violation::Request);
	}
	check_prompt(model, case)?;
	let Facts { vocab, hidden, .. } = model.facts();
	let counts = [
		("prompt", receipt.n_prompt, &opening.prompt),
		("answer", receipt.n_out, &opening.output),
	];
	for (part, claimed, tokens) in counts {
		if claimed as usize != tokens.len() || tokens.is_empty() {
			return Err(Violation::Count {
				part,
				claimed,
				found: tokens.len(),
			});
		}
		if let Some(id) = tokens.iter().find(|id| **id as usize >= vocab) {
			return Err(Violation::Vocabulary(*id));
		}
	}
	if commit_tokens(genesis, &opening.output_salt, &opening.output) != receipt.output_commit {
		return Err(Violation::Output);
	}
	let params = &case.profile.proof;
	let root = trace::answer_root(genesis, &opening.output, &opening.proofs, params.chunk);
	if root != Some(receipt.trace_root) {
		return Err(Violation::TraceRoot);
	}
	parsed(params, opening, hidden).map(drop)
}

fn check_prompt(model: &(impl Model + ?Sized), case: &Examination) -> Result<(), Violation> {
	let opening = &case.opening;
	let matches = match case.request.prompt {
		PromptCommitment::Salted {
			commitment,
			n_prompt,
		} => {
			commit_tokens(&case.genesis, &opening.prompt_salt, &opening.prompt) == commitment
				&& opening.prompt.len() == n_prompt as usize
		}
		PromptCommitment::Inline { .. } => case.inline.as_deref().is_some_and(|text| {
			commit_inline(text.as_bytes()) == case.request.prompt
				&& (model.encoder())(text).is_ok_and(|ids| ids == opening.prompt)
		}),
	};
	if matches {
		Ok(())
	} else {
		Err(Violation::Prompt)
	}
}

/// One proof for each chunk, strictly parsed.
fn parsed(params: &ProofParams, opening: &Opening, hidden: usize) -> Result<Vec<Proof>, Violation> {
	chunks(opening.output.len(), params.chunk.into())
		.zip(&opening.proofs)
		.enumerate()
		.map(|(chunk, (range, bytes))| {
			let k = points(params.top_k, range.len(), hidden);
			Proof::parse(bytes, k).map_err(|error| Violation::Proof { chunk, error })
		})
		.collect()
}

/// Compares the opened proofs and tokens with what the model says.
pub fn judge(params: &ProofParams, opening: &Opening, replay: &Replay) -> Judgement {
	let proofs = match parsed(params, opening, replay.hidden) {
		Ok(proofs) => proofs,
		Err(violation) => return Judgement::structural(violation),
	};
	let mut violations = Vec::new();
	let mut measures = margins(params, &replay.margins);
	let ranges = chunks(opening.output.len(), params.chunk.into());
	for (chunk, (range, proof)) in ranges.zip(&proofs).enumerate() {
		let rows = &replay.rows[range.start * replay.hidden..range.end * replay.hidden];
		// The replay's own rows are finite: it computed margins from them.
		let Ok(found) = proof.compare(rows, Comparison::Infergrid) else {
			continue;
		};
		if !found.within(params) {
			violations.push(Violation::Activations {
				chunk,
				measures: found,
			});
		}
		let exponents = u16::try_from(found.exponent_mismatches).unwrap_or(u16::MAX);
		measures.exponent_mismatches = measures.exponent_mismatches.max(exponents);
		measures.mantissa_mean_milli = measures.mantissa_mean_milli.max(milli(found.mantissa_mean));
		measures.mantissa_median_milli = measures
			.mantissa_median_milli
			.max(milli(found.mantissa_median));
	}
	let allowed = allowed_hard_margins(params, &replay.margins);
	if measures.hard_margins > allowed {
		violations.push(Violation::Choices {
			count: measures.hard_margins,
			allowed,
		});
	}
	let verdict = if violations.is_empty() {
		Verdict::Valid
	} else {
		Verdict::Invalid
	};
	let vote = Vote {
		verdict,
		measures,
		fingerprint: replay.fingerprint,
	};
	Judgement { vote, violations }
}

/// Positions that may lie beyond the hard margin: 0.2 %, none in an answer of less than 500 tokens,
/// where a single token turns the meaning, and never the last, which decides where the answer ends.
fn allowed_hard_margins(params: &ProofParams, margins: &[Margin]) -> u32 {
	match margins.last() {
		Some(last) if last.delta > hard_margin(params) => 0,
		_ => (margins.len() / 500) as u32,
	}
}

/// In logits.
fn hard_margin(params: &ProofParams) -> f64 {
	f64::from(params.hard_margin_milli) / 1e3
}

fn margins(params: &ProofParams, margins: &[Margin]) -> Measures {
	let hard = hard_margin(params);
	let clipped: f64 = margins
		.iter()
		.map(|margin| margin.delta.min(MARGIN_CLIP))
		.sum();
	let count = |holds: &dyn Fn(&Margin) -> bool| {
		margins.iter().filter(|margin| holds(margin)).count() as u32
	};
	Measures {
		hard_margins: count(&|margin| margin.delta > hard),
		exact_tokens: count(&|margin| margin.exact),
		positions: margins.len() as u32,
		mean_margin_milli: milli(clipped / margins.len().max(1) as f64),
		..Measures::default()
	}
}

/// Thousandths, rounded; what is too large for the field is its maximum.
fn milli(value: f64) -> u32 {
	(value * 1e3).round() as u32
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;

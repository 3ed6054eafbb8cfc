//! Answers: prefill, then one token after the other, each chosen by the seeded sampler, and the
//! proofs of having computed them.

use crate::{engine::Engine, error::GenerateError};
use infergrid_checkpoint::StopMatcher;
use infergrid_primitives::{
	Hash, TokenId,
	model::ProofParams,
	request::{Finish, SamplingParams},
	sampler::{self, History, Noise},
	toploc::{Proof, chunks, f32_to_bf16, points},
};
use std::{
	ops::ControlFlow,
	time::{Duration, Instant},
};

/// Room in the cache beyond the prompt to begin with, in tokens; it doubles when it is full.
const INITIAL_ROOM: usize = 256;

/// One answer to compute.
#[derive(Clone, Copy, Debug)]
pub struct GenerateRequest<'a> {
	/// Token ids, template included.
	pub prompt: &'a [TokenId],
	/// How to sample and when to stop.
	pub params: &'a SamplingParams,
	/// [`infergrid_primitives::request::sampler_seed`] of the request.
	pub seed: &'a Hash,
	/// Parameters of the proofs.
	pub proof: &'a ProofParams,
	/// Most tokens of prompt and answer together: the profile's.
	pub context: u32,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Generation {
	/// Token ids; the last one may be an end-of-sequence token.
	pub tokens: Vec<TokenId>,
	/// Why it ended.
	pub finish: Finish,
	/// One TOPLOC proof for each chunk.
	pub proofs: Vec<Vec<u8>>,
	/// Time from the call to the first token.
	pub time_to_first_token: Duration,
	/// Time from the call to the last token.
	pub total_time: Duration,
}

/// When an answer ends. Miners and verifiers use the same one.
pub(crate) struct StopRule<'a> {
	eos: &'a [TokenId],
	matcher: Option<StopMatcher>,
	longest: usize,
}

impl<'a> StopRule<'a> {
	pub(crate) fn new(
		engine: &'a Engine,
		params: &SamplingParams,
		prompt: usize,
		context: u32,
	) -> Result<Self, GenerateError> {
		params.validate().map_err(GenerateError::Params)?;
		let checkpoint = engine.checkpoint();
		let context = (context as usize).min(checkpoint.config.context);
		let room = context.saturating_sub(prompt);
		if room == 0 {
			return Err(GenerateError::ContextFull {
				tokens: prompt + 1,
				context,
			});
		}
		let matcher = match (&checkpoint.tokenizer, params.stop.is_empty()) {
			(_, true) => None,
			(None, false) => return Err(GenerateError::NoTokenizer),
			(Some(tokenizer), false) => {
				let stops = params.stop.iter();
				let text = |stop: &_| String::from_utf8_lossy(stop).into_owned();
				Some(StopMatcher::new(
					tokenizer,
					stops.map(|stop| text(&stop[..])),
				))
			}
		};
		let longest = (params.max_tokens as usize).min(room);
		Ok(Self {
			eos: &checkpoint.eos,
			matcher,
			longest,
		})
	}

	/// Whether the answer ends with `token`, which makes it `length` tokens long.
	pub(crate) fn after(
		&mut self,
		token: TokenId,
		length: usize,
	) -> Result<Option<Finish>, GenerateError> {
		if self.eos.binary_search(&token).is_ok() {
			return Ok(Some(Finish::EndOfSequence));
		}
		if let Some(matcher) = &mut self.matcher
			&& matcher.push(token)?
		{
			return Ok(Some(Finish::StopString));
		}
		Ok((length >= self.longest).then_some(Finish::Length))
	}
}

impl Engine {
	/// Computes an answer and gives each token to `on_token` as soon as it is chosen.
	///
	/// Fails with [`GenerateError::Cancelled`] when `on_token` breaks.
	pub fn generate(
		&self,
		request: &GenerateRequest<'_>,
		mut on_token: impl FnMut(TokenId) -> ControlFlow<()>,
	) -> Result<Generation, GenerateError> {
		let started = Instant::now();
		let GenerateRequest { prompt, params, .. } = *request;
		let mut rule = StopRule::new(self, params, prompt.len(), request.context)?;
		let noise = Noise::new(request.seed);
		let room = (params.max_tokens as usize).min(INITIAL_ROOM);
		let mut cache = self.cache(prompt.len() + room);
		let mut history = History::default();
		let mut tokens = Vec::new();
		let mut rows = Vec::new();
		let mut time_to_first_token = None;

		let mut hidden = self.extend(prompt, &mut cache)?;
		let finish = loop {
			rows.extend(hidden.iter().map(|value| f32_to_bf16(*value)));
			let logits = self.logits(&hidden)?;
			let token = sampler::choose(&logits, &history, params, &noise, tokens.len() as u32)?;
			history.record(token);
			tokens.push(token);
			time_to_first_token.get_or_insert_with(|| started.elapsed());
			if on_token(token).is_break() {
				return Err(GenerateError::Cancelled);
			}
			if let Some(finish) = rule.after(token, tokens.len())? {
				break finish;
			}
			hidden = self.extend(&[token], &mut cache)?;
		};
		let total_time = started.elapsed();
		let proofs = prove(&rows, self.config().hidden_size, request.proof)?;
		let time_to_first_token = time_to_first_token.unwrap_or(total_time);
		Ok(Generation {
			tokens,
			finish,
			proofs,
			time_to_first_token,
			total_time,
		})
	}
}

/// The proofs of an answer whose hidden states are the rows of `rows` `[n_out, hidden]`, as bf16 bit
/// patterns: one for each chunk.
pub fn prove(
	rows: &[u16],
	hidden: usize,
	params: &ProofParams,
) -> Result<Vec<Vec<u8>>, GenerateError> {
	chunks(rows.len() / hidden, params.chunk.into())
		.map(|range| {
			let k = points(params.top_k, range.len(), hidden);
			let values = &rows[range.start * hidden..range.end * hidden];
			Ok(Proof::build(values, k)?.to_bytes())
		})
		.collect()
}

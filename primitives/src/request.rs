//! What a payer asks for and what a worker signs for it.

use crate::{
	AccountBytes, Balance, BlockNumber, Hash, TaskId, TokenId, WorkerKey,
	hashing::{blake2_256, domain_hash, payload},
};
use alloc::vec::Vec;
use bounded_collections::{BoundedVec, ConstU32};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// One unit in the fixed-point fields of [`SamplingParams`].
pub const MICROS: u32 = 1_000_000;

/// A stop string of at most 64 bytes of UTF-8.
pub type StopString = BoundedVec<u8, ConstU32<64>>;

/// How the answer is sampled. Fixed point, so that chain and workers agree on the value.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct SamplingParams {
	/// Largest number of output tokens, the end-of-sequence token included.
	pub max_tokens: u32,
	/// Temperature × 10^6, at most 2·10^6; 0 is argmax.
	pub temperature_micros: u32,
	/// Nucleus mass × 10^6 in 1..=10^6; 10^6 keeps every token.
	pub top_p_micros: u32,
	/// Number of most likely tokens kept; 0 keeps every token.
	pub top_k: u32,
	/// OpenAI `frequency_penalty` × 10^6 in ±2·10^6.
	pub frequency_penalty_micros: i32,
	/// OpenAI `presence_penalty` × 10^6 in ±2·10^6.
	pub presence_penalty_micros: i32,
	/// Texts at which the answer ends; the text itself is not part of what the client sees.
	pub stop: BoundedVec<StopString, ConstU32<4>>,
}

/// A [`SamplingParams`] field outside its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidParams {
	/// `max_tokens` is 0.
	MaxTokens,
	/// Temperature above 2.
	Temperature,
	/// Nucleus mass outside (0, 1].
	TopP,
	/// A penalty outside ±2.
	Penalty,
	/// An empty stop string, or one that is not UTF-8.
	Stop,
}

impl SamplingParams {
	/// Argmax decoding of at most `max_tokens` tokens.
	pub fn greedy(max_tokens: u32) -> Self {
		Self {
			max_tokens,
			temperature_micros: 0,
			top_p_micros: MICROS,
			top_k: 0,
			frequency_penalty_micros: 0,
			presence_penalty_micros: 0,
			stop: BoundedVec::new(),
		}
	}

	/// Checks every field against its range.
	pub fn validate(&self) -> Result<(), InvalidParams> {
		let penalty_limit = 2 * MICROS;
		if self.max_tokens == 0 {
			return Err(InvalidParams::MaxTokens);
		}
		if self.temperature_micros > 2 * MICROS {
			return Err(InvalidParams::Temperature);
		}
		if self.top_p_micros == 0 || self.top_p_micros > MICROS {
			return Err(InvalidParams::TopP);
		}
		if self.frequency_penalty_micros.unsigned_abs() > penalty_limit
			|| self.presence_penalty_micros.unsigned_abs() > penalty_limit
		{
			return Err(InvalidParams::Penalty);
		}
		if self
			.stop
			.iter()
			.any(|s| s.is_empty() || core::str::from_utf8(s).is_err())
		{
			return Err(InvalidParams::Stop);
		}
		Ok(())
	}
}

/// Bytes of a prompt that lies on chain.
pub const MAX_INLINE_PROMPT: u32 = 4_096;

/// What fixes the prompt before the answer is computed.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub enum PromptCommitment {
	/// [`commit_tokens`] of the prompt's token ids, and their number.
	Salted { commitment: Hash, n_prompt: u32 },
	/// BLAKE2b-256 of a text that lies on chain. The prompt is the profile's chat template applied
	/// to one user message with this text, ready for the assistant's turn.
	Inline { hash: Hash },
}

/// Who pays for a request.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub enum Payment {
	/// The escrow of a one-shot task.
	Task(TaskId),
}

/// How much checking the payer asks and pays for.
#[derive(
	Clone,
	Copy,
	Debug,
	Default,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub enum Assurance {
	/// Audited as often as the protocol draws it.
	#[default]
	Sampled,
	/// Audited always.
	Always,
}

/// A request for one answer. For a task the payer's signature is that of the extrinsic.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Request {
	/// The execution profile.
	pub profile: Hash,
	/// How to sample.
	pub params: SamplingParams,
	/// What to answer.
	pub prompt: PromptCommitment,
	/// The most that may be charged, in plancks.
	pub max_fee: Balance,
	/// Chosen by the payer: two otherwise equal requests differ.
	pub user_nonce: u64,
	/// Where the money is.
	pub payment: Payment,
	/// How much checking.
	pub assurance: Assurance,
}

impl Request {
	/// The request's identifier.
	pub fn id(&self, genesis: &Hash) -> Hash {
		domain_hash("request", genesis, self)
	}
}

/// Commitment to token ids that hides them: `H(salt ‖ ids)`.
pub fn commit_tokens(genesis: &Hash, salt: &Hash, ids: &[TokenId]) -> Hash {
	domain_hash("tokens", genesis, &(salt, ids))
}

/// The commitment to an inline prompt.
pub fn commit_inline(text: &[u8]) -> PromptCommitment {
	PromptCommitment::Inline {
		hash: blake2_256(text),
	}
}

/// The seed of a request's sampler, fixed before generation. `anchor` is what nobody could choose: see
/// [`task_anchor`](crate::randomness::task_anchor).
pub fn sampler_seed(genesis: &Hash, request_id: &Hash, anchor: &Hash, profile: &Hash) -> Hash {
	domain_hash("seed", genesis, &(request_id, anchor, profile))
}

/// Why generation ended.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub enum Finish {
	/// The last token is an end-of-sequence token.
	EndOfSequence,
	/// The text contains a stop string, completed by the last token.
	StopString,
	/// `max_tokens`, or the end of the model's context.
	Length,
}

/// What a worker signs for an answer.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Receipt {
	/// [`Request::id`].
	pub request_id: Hash,
	/// The operator who is paid.
	pub miner: AccountBytes,
	/// The key that signs.
	pub worker_key: WorkerKey,
	/// Tokens of the prompt, template included.
	pub n_prompt: u32,
	/// Tokens of the answer, the end-of-sequence token included.
	pub n_out: u32,
	/// Why the answer ended.
	pub finish: Finish,
	/// [`commit_tokens`] of the answer's token ids.
	pub output_commit: Hash,
	/// Root over the chunks' proofs: see `trace`.
	pub trace_root: Hash,
	/// The fee in plancks: see [`crate::market::Price::fee`].
	pub fee: Balance,
	/// Milliseconds to the first token.
	pub ttft_ms: u32,
	/// Milliseconds to the last token.
	pub total_ms: u32,
}

impl Receipt {
	/// The bytes that the worker key signs.
	pub fn payload(&self, genesis: &Hash) -> Vec<u8> {
		payload("receipt", genesis, self)
	}

	/// The receipt's identifier.
	pub fn id(&self, genesis: &Hash) -> Hash {
		domain_hash("receipt", genesis, self)
	}
}

/// A worker key's consent to act for an operator: good for one pairing, until its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Consent {
	/// For whom the key agrees to act.
	pub operator: AccountBytes,
	/// The counter that the chain keeps for the key. Each pairing moves it on, and so does the end
	/// of one that either side asked for.
	pub counter: u32,
	/// The last block in which the chain takes the consent.
	pub valid_until: BlockNumber,
}

impl Consent {
	/// The bytes that the worker key signs.
	pub fn payload(&self, genesis: &Hash) -> Vec<u8> {
		payload("pair", genesis, self)
	}
}

/// The bytes a payer signs to receive a task's answer at the peer `peer`.
pub fn delivery_payload(genesis: &Hash, task: TaskId, peer: &[u8]) -> Vec<u8> {
	payload("deliver", genesis, &(task, peer))
}

/// The bytes a verifier's worker key signs to receive the opening of an audited receipt at `peer`.
pub fn opening_payload(genesis: &Hash, task: TaskId, round: u8, peer: &[u8]) -> Vec<u8> {
	payload("open", genesis, &(task, round, peer))
}

/// What a miner gives to the committee of an audit.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Opening {
	/// Salt of the prompt's commitment; zero for an inline prompt.
	pub prompt_salt: Hash,
	/// The prompt.
	pub prompt: Vec<TokenId>,
	/// Salt of the output's commitment.
	pub output_salt: Hash,
	/// The answer.
	pub output: Vec<TokenId>,
	/// One TOPLOC proof for each chunk of the answer.
	pub proofs: Vec<Vec<u8>>,
}

/// Where a task stands in time.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Window {
	/// The block that assigned the task.
	pub assigned_at: BlockNumber,
	/// The anchor of the sampler's seed.
	pub anchor: Hash,
	/// The last block that accepts the result.
	pub due: BlockNumber,
}

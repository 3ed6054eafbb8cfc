//! What roles ask of a model, wherever it runs.

use crate::{ComputeError, Examination, Judgement, Load, Memory, Speed};
use async_trait::async_trait;
use infergrid_primitives::{
	Hash, TokenId,
	model::{Manifest, ProofParams},
	request::{Finish, SamplingParams},
};
use std::{
	fmt,
	ops::ControlFlow,
	time::{Duration, Instant},
};

/// Sees each token of an answer as soon as it is chosen, on the thread of the model; a break stops
/// the answer with [`ComputeError::Cancelled`]. It must not block.
pub type OnToken = Box<dyn FnMut(TokenId) -> ControlFlow<()> + Send>;

/// A loaded model, behind a bounded queue of jobs: first come, first served, unless a more urgent one
/// could not wait.
///
/// Dropping the future of a call abandons the job: it leaves the queue, or stops at its next token.
/// A job that cannot be done by its deadline fails with [`ComputeError::TooLate`] as soon as that is
/// certain; one without a deadline can always wait.
#[async_trait]
pub trait Compute: fmt::Debug + Send + Sync + 'static {
	/// The files of the model.
	fn manifest(&self) -> &Manifest;

	/// The model's identifier.
	fn model(&self) -> Hash {
		self.manifest().id()
	}

	/// How fast one sequence is computed here, as measured.
	fn speed(&self) -> Speed;

	/// The memory that there is for prompts and answers.
	fn memory(&self) -> Memory;

	/// What is waiting and under way.
	fn load(&self) -> Load;

	/// Computes an answer.
	async fn generate(
		&self,
		assignment: Assignment,
		deadline: Option<Instant>,
		on_token: OnToken,
	) -> Result<Generation, ComputeError>;

	/// Judges an answer: the vote of an honest verifier.
	async fn verify(
		&self,
		examination: Examination,
		deadline: Option<Instant>,
	) -> Result<Judgement, ComputeError>;

	/// The token ids of an inline prompt. Does not wait for other jobs.
	async fn encode_inline(&self, text: String) -> Result<Vec<TokenId>, ComputeError>;
}

/// One answer to compute.
#[derive(Clone, PartialEq)]
pub struct Assignment {
	/// Token ids, template included.
	pub prompt: Vec<TokenId>,
	/// How to sample and when to stop.
	pub params: SamplingParams,
	/// [`infergrid_primitives::request::sampler_seed`] of the request.
	pub seed: Hash,
	/// Parameters of the proofs.
	pub proof: ProofParams,
	/// Most tokens of prompt and answer together: the profile's.
	pub context: u32,
}

// Prompts do not belong into logs.
impl fmt::Debug for Assignment {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Assignment")
			.field("n_prompt", &self.prompt.len())
			.field("max_tokens", &self.params.max_tokens)
			.field("context", &self.context)
			.finish_non_exhaustive()
	}
}

/// An answer.
#[derive(Clone, PartialEq)]
pub struct Generation {
	/// Token ids; the last one may be an end-of-sequence token.
	pub tokens: Vec<TokenId>,
	/// Why it ended.
	pub finish: Finish,
	/// One TOPLOC proof for each chunk.
	pub proofs: Vec<Vec<u8>>,
	/// Time from when the model took up the job to the first token.
	pub time_to_first_token: Duration,
	/// Time from when the model took up the job to the last token.
	pub total_time: Duration,
}

impl fmt::Debug for Generation {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Generation")
			.field("n_out", &self.tokens.len())
			.field("finish", &self.finish)
			.field("total_time", &self.total_time)
			.finish_non_exhaustive()
	}
}

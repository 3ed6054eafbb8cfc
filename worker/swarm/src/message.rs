//! What peers say to each other.

use crate::{error::Violation, frame::Message};
use codec::{Decode, Encode};
use infergrid_primitives::{
	AuditId, Hash, Signature, TaskId, TokenId, WorkerKey,
	request::{Opening, Receipt},
};
use std::fmt;

/// Asks the miner to which a task is assigned for the answer. The first frame on an `infer` stream.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct InferRequest {
	/// The task, in whose on-chain request everything but the prompt lies.
	pub task: TaskId,
	/// Salt of the prompt's commitment; zero for an inline prompt.
	pub salt: Hash,
	/// The prompt's token ids, template included; empty for an inline prompt.
	pub prompt: Vec<TokenId>,
	/// The account that pays for the task.
	pub payer_key: [u8; 32],
	/// The payer's sr25519 signature over
	/// [`delivery_payload`](infergrid_primitives::request::delivery_payload) with the peer id of
	/// the asking peer.
	pub signature: Signature,
}

/// The prompt and its salt are not shown: they are the payer's secret.
impl fmt::Debug for InferRequest {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("InferRequest")
			.field("task", &self.task)
			.field("n_prompt", &self.prompt.len())
			.field("payer_key", &hex::encode(self.payer_key))
			.finish_non_exhaustive()
	}
}

/// One frame of an answer. In order: one `Accepted`, any number of `Tokens`, one `Done`; `Refused`
/// may take the place of any of them and ends the answer.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[expect(
	clippy::large_enum_variant,
	reason = "there is one receipt an answer, and it is never stored"
)]
pub enum InferFrame {
	/// The request is valid and queued.
	#[codec(index = 0)]
	Accepted,
	/// The next token ids of the answer; never empty.
	#[codec(index = 1)]
	Tokens(Vec<TokenId>),
	/// The answer is complete.
	#[codec(index = 2)]
	Done {
		/// What the worker vouches for.
		receipt: Receipt,
		/// The worker key's signature over [`Receipt::payload`].
		signature: Signature,
		/// Salt of the receipt's `output_commit`.
		output_salt: Hash,
	},
	/// There is no answer, or none any more.
	#[codec(index = 3)]
	Refused(Refusal),
}

/// Tokens are counted, not shown: they are the payer's secret.
impl fmt::Debug for InferFrame {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Accepted => f.write_str("Accepted"),
			Self::Tokens(ids) => write!(f, "Tokens({} ids)", ids.len()),
			Self::Done { receipt, .. } => f
				.debug_struct("Done")
				.field("receipt", receipt)
				.finish_non_exhaustive(),
			Self::Refused(refusal) => f.debug_tuple("Refused").field(refusal).finish(),
		}
	}
}

/// Asks a miner to open an audited receipt. The only frame a verifier sends on an `opening` stream.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OpeningRequest {
	/// The audit.
	pub audit: AuditId,
	/// The task whose receipt is audited.
	pub task: TaskId,
	/// The round of the audit for which the verifier was drawn.
	pub round: u8,
	/// The verifier's worker key.
	pub worker: WorkerKey,
	/// Its signature over [`opening_payload`](infergrid_primitives::request::opening_payload) with
	/// the peer id of the asking peer.
	pub signature: Signature,
}

/// The only frame a miner sends on an `opening` stream.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub enum OpeningReply {
	/// Everything the receipt commits to.
	#[codec(index = 0)]
	Opening(Opening),
	/// Nothing, and why.
	#[codec(index = 1)]
	Refused(Refusal),
}

impl fmt::Debug for OpeningReply {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Opening(opening) => f
				.debug_struct("Opening")
				.field("n_prompt", &opening.prompt.len())
				.field("n_out", &opening.output.len())
				.field("n_proofs", &opening.proofs.len())
				.finish_non_exhaustive(),
			Self::Refused(refusal) => f.debug_tuple("Refused").field(refusal).finish(),
		}
	}
}

/// Why a peer does not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
	/// Every place is taken.
	#[error("the peer has no free capacity")]
	#[codec(index = 0)]
	Busy,
	/// The peer is stopping.
	#[error("the peer is shutting down")]
	#[codec(index = 1)]
	Stopping,
	/// The task or audit does not exist in a finalized block that the peer has seen.
	#[error("the peer has not seen this task or audit in a finalized block")]
	#[codec(index = 2)]
	Unknown,
	/// The task is assigned to somebody else, or the asking verifier is not in the committee.
	#[error("the task or audit is not assigned to this party")]
	#[codec(index = 3)]
	NotAssigned,
	/// The signature is not that of the payer or verifier over this peer's id.
	#[error("the signature does not authorise this peer")]
	#[codec(index = 4)]
	Unauthorised,
	/// The prompt does not match its commitment.
	#[error("the prompt does not match the commitment in the task")]
	#[codec(index = 5)]
	PromptMismatch,
	/// The task or audit is over.
	#[error("the deadline of the task or audit has passed")]
	#[codec(index = 6)]
	Expired,
	/// The message could not be parsed.
	#[error("the peer could not parse the message")]
	#[codec(index = 7)]
	Malformed,
	/// The peer does not hold what was asked for: the model, or the opening.
	#[error("the peer does not hold what was asked for")]
	#[codec(index = 8)]
	Unavailable,
	/// The peer failed; the reason is in its own log.
	#[error("the peer failed")]
	#[codec(index = 9)]
	Internal,
}

impl Refusal {
	/// Whether the same request to the same peer may succeed a little later.
	pub fn retryable(self) -> bool {
		match self {
			Self::Busy | Self::Unknown => true,
			Self::Stopping
			| Self::NotAssigned
			| Self::Unauthorised
			| Self::PromptMismatch
			| Self::Expired
			| Self::Malformed
			| Self::Unavailable
			| Self::Internal => false,
		}
	}
}

impl Message for InferRequest {
	const MAX_BYTES: usize = 1024 * 1024;
}

impl Message for InferFrame {
	const MAX_BYTES: usize = 64 * 1024;
}

impl Message for OpeningRequest {
	const MAX_BYTES: usize = 4 * 1024;
}

impl Message for OpeningReply {
	const MAX_BYTES: usize = 4 * 1024 * 1024;
}

/// Where an answer stands: both ends check every frame against it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Progress {
	#[default]
	Asked,
	Accepted,
	Over,
}

impl Progress {
	/// The state after `frame`, or what is wrong with it here.
	pub(crate) fn after(self, frame: &InferFrame) -> Result<Self, Violation> {
		match (self, frame) {
			(Self::Over, _) => Err(Violation::AfterEnd),
			(_, InferFrame::Refused(_)) => Ok(Self::Over),
			(Self::Asked, InferFrame::Accepted) => Ok(Self::Accepted),
			(Self::Asked, _) => Err(Violation::NotAccepted),
			(Self::Accepted, InferFrame::Accepted) => Err(Violation::AcceptedTwice),
			(Self::Accepted, InferFrame::Tokens(ids)) if ids.is_empty() => {
				Err(Violation::EmptyTokens)
			}
			(Self::Accepted, InferFrame::Tokens(_)) => Ok(Self::Accepted),
			(Self::Accepted, InferFrame::Done { .. }) => Ok(Self::Over),
		}
	}
}

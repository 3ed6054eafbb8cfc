//! What is said on an `infer` stream.

use crate::{error::Violation, frame::Message, protocol::Refusal};
use codec::{Decode, Encode};
use infergrid_primitives::{Hash, Signature, TaskId, TokenId, request::Receipt};
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

impl Message for InferRequest {
	const MAX_BYTES: usize = 1024 * 1024;
}

impl Message for InferFrame {
	const MAX_BYTES: usize = 64 * 1024;
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

//! Why a peer does not do what it was asked.

use codec::{Decode, Encode};

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

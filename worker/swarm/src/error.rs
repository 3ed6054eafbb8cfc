//! What goes wrong, and what to do about it.

use crate::{AddressError, PeerId, Refusal, frame::FrameError};
use std::io;

/// Why the network did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
	/// The secret is not an ed25519 key.
	#[error("the node secret is not an ed25519 key")]
	Secret,
	/// An address to listen on cannot be used.
	#[error("cannot listen on {address}: {source}")]
	Address {
		/// The address.
		address: String,
		/// What is wrong with it.
		source: AddressError,
	},
	/// The operating system refused an address.
	#[error(
		"cannot listen on {address}: {reason}; choose a free port or an address of this machine"
	)]
	Listen {
		/// The address.
		address: String,
		/// What the system says.
		reason: String,
	},
	/// The encryption or the transport could not be set up.
	#[error("cannot set up the transport: {0}")]
	Transport(String),
}

/// What a call was doing when its time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
	/// Connecting to the peer.
	Connect,
	/// Opening a stream and sending the request.
	Request,
	/// Waiting for the request to be accepted, or for the one reply.
	Reply,
	/// Waiting for the next frame of an answer.
	Answer,
}

impl std::fmt::Display for Phase {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		f.write_str(match self {
			Self::Connect => "connecting",
			Self::Request => "sending the request",
			Self::Reply => "waiting for the reply",
			Self::Answer => "waiting for the rest of the answer",
		})
	}
}

/// A frame that does not belong where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
	/// An answer began before the request was accepted.
	#[error("an answer before its acceptance")]
	NotAccepted,
	/// The request was accepted twice.
	#[error("a second acceptance")]
	AcceptedTwice,
	/// A frame of tokens without a token.
	#[error("a frame of no tokens")]
	EmptyTokens,
	/// A frame after the last one.
	#[error("a frame after the end of the answer")]
	AfterEnd,
}

/// Why a call to a peer failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
	/// This node is stopping, or too many calls to the peer wait for a connection.
	#[error("the local node does not take more calls")]
	Stopped,
	/// The peer's address cannot be used.
	#[error("the peer's address cannot be used: {0}")]
	Address(#[from] AddressError),
	/// No connection could be made.
	#[error("cannot connect to {peer}: {reason}")]
	Connect {
		/// The peer.
		peer: PeerId,
		/// What the transport says.
		reason: String,
	},
	/// The peer does not offer the protocol on this chain.
	#[error("the peer does not offer this protocol on this chain")]
	Unsupported,
	/// Nothing happened for too long.
	#[error("timed out {0}")]
	Timeout(Phase),
	/// The peer refused.
	#[error("refused: {0}")]
	Refused(Refusal),
	/// A frame could not be written or read.
	#[error(transparent)]
	Frame(#[from] FrameError),
	/// The peer does not keep to the protocol.
	#[error("the peer sent {0}")]
	Violation(#[from] Violation),
}

/// Why an answer failed.
pub type InferError = CallError;
/// Why an opening was not given.
pub type OpeningError = CallError;

impl CallError {
	/// Whether the same call to the same peer may succeed a little later.
	pub fn retryable(&self) -> bool {
		match self {
			Self::Connect { .. } | Self::Timeout(_) => true,
			Self::Frame(error) => match error {
				FrameError::Closed | FrameError::Truncated | FrameError::Io(_) => true,
				FrameError::Oversize { .. } | FrameError::Malformed { .. } => false,
			},
			Self::Refused(refusal) => refusal.retryable(),
			Self::Stopped | Self::Address(_) | Self::Unsupported | Self::Violation(_) => false,
		}
	}
}

impl From<io::Error> for CallError {
	fn from(error: io::Error) -> Self {
		Self::Frame(error.into())
	}
}

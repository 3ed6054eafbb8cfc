//! The network as a verifier needs it.

use async_trait::async_trait;
use infergrid_primitives::request::Opening;
use infergrid_swarm::{
	CallError, OpeningRequest, PeerAddress, Phase, SwarmHandle, frame::FrameError,
};
use std::fmt;

/// Why there is no opening this time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
	/// The miner was reached, and does not open.
	#[error("the miner does not open: {0}")]
	Refused(String),
	/// There is a connection, and no answer comes over it.
	#[error("the miner does not answer: {0}")]
	Silent(String),
	/// The miner was reached, and closed the stream without an answer.
	#[error("the miner closes the stream: {0}")]
	Closed(String),
	/// The miner was not reached; whose fault that is, is not known.
	#[error("the miner is not reached: {0}")]
	Unreached(String),
}

/// The way to miners. Implemented over the swarm, and by a fake in tests.
#[async_trait]
pub trait Miners: fmt::Debug + Send + Sync + 'static {
	/// This worker's peer id, in bytes, under which an opening is asked for.
	fn peer(&self) -> Vec<u8>;

	/// Asks a miner for an opening, once.
	async fn opening(
		&self,
		miner: &PeerAddress,
		request: OpeningRequest,
	) -> Result<Opening, AskError>;
}

#[async_trait]
impl Miners for SwarmHandle {
	fn peer(&self) -> Vec<u8> {
		self.peer_id().to_bytes()
	}

	async fn opening(
		&self,
		miner: &PeerAddress,
		request: OpeningRequest,
	) -> Result<Opening, AskError> {
		self.fetch_opening(miner, request).await.map_err(|error| {
			let reason = error.to_string();
			match error {
				CallError::Refused(_) | CallError::Violation(_) | CallError::Unsupported => {
					AskError::Refused(reason)
				}
				CallError::Frame(FrameError::Oversize { .. } | FrameError::Malformed { .. }) => {
					AskError::Refused(reason)
				}
				CallError::Frame(FrameError::Closed | FrameError::Truncated) => {
					AskError::Closed(reason)
				}
				CallError::Frame(_)
				| CallError::Timeout(Phase::Request | Phase::Reply | Phase::Answer) => AskError::Silent(reason),
				_ => AskError::Unreached(reason),
			}
		})
	}
}

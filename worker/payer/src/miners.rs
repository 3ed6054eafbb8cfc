//! The network as a payer needs it.

use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use infergrid_primitives::{Hash, Signature, TokenId, request::Receipt};
use infergrid_swarm::{Answer, InferRequest, PeerAddress, SwarmHandle};
use std::fmt;

/// The next part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
	/// More tokens.
	Tokens(Vec<TokenId>),
	/// The end.
	Done {
		/// What the worker vouches for.
		receipt: Box<Receipt>,
		/// Its signature over the receipt.
		signature: Signature,
		/// Opens the receipt's commitment to the tokens.
		output_salt: Hash,
	},
}

/// An answer as it comes; an error ends it, and says why in words for the log.
pub type Parts = BoxStream<'static, Result<Part, String>>;

/// The way to miners. Implemented over the swarm, and by a fake in tests.
#[async_trait]
pub trait Miners: fmt::Debug + Send + Sync + 'static {
	/// This payer's peer id, in bytes, under which an answer is asked for.
	fn peer(&self) -> Vec<u8>;

	/// Hands a prompt over and asks for its answer. Once this returns, the miner has the prompt.
	async fn infer(&self, miner: &PeerAddress, request: InferRequest) -> Result<Parts, String>;
}

#[async_trait]
impl Miners for SwarmHandle {
	fn peer(&self) -> Vec<u8> {
		self.peer_id().to_bytes()
	}

	async fn infer(&self, miner: &PeerAddress, request: InferRequest) -> Result<Parts, String> {
		let stream = self
			.infer(miner, request)
			.await
			.map_err(|error| error.to_string())?;
		let parts = stream.into_stream().map(|part| match part {
			Ok(Answer::Tokens(tokens)) => Ok(Part::Tokens(tokens)),
			Ok(Answer::Done {
				receipt,
				signature,
				output_salt,
			}) => Ok(Part::Done {
				receipt: Box::new(receipt),
				signature,
				output_salt,
			}),
			Err(error) => Err(error.to_string()),
		});
		Ok(parts.boxed())
	}
}

//! What the journal's tables hold, in SCALE: to change a type here is to change the format.

use codec::{Decode, Encode};
use infergrid_primitives::{
	BlockNumber, Hash, Signature, TaskId, TokenId,
	audit::Vote,
	request::{Opening, Receipt},
};

/// What became of something that binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded<T> {
	/// It stands from now on.
	New(T),
	/// It stood before.
	Same(T),
	/// Something else stands, which is given; what was brought was not signed.
	Other(T),
}

impl<T> Recorded<T> {
	/// What stands, and is to be sent.
	pub fn standing(self) -> T {
		match self {
			Self::New(standing) | Self::Same(standing) | Self::Other(standing) => standing,
		}
	}
}

/// A miner's finished work.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Delivery {
	/// What the worker vouches for.
	pub receipt: Receipt,
	/// Its signature over the receipt.
	pub signature: Signature,
	/// What the receipt commits to.
	pub opening: Opening,
}

/// A verifier's vote and what its commitment hides.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Ballot {
	/// The vote.
	pub vote: Vote,
	/// The commitment's salt.
	pub salt: Hash,
}

/// A task that a payer has paid for, by the nonce in its request.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Order {
	/// Salt of the prompt's commitment.
	pub salt: Hash,
	/// The profile asked for.
	pub profile: Hash,
	/// The prompt, as long as a miner may need it; empty once the order is closed.
	pub prompt: Vec<TokenId>,
	/// What it became, once the chain has taken it.
	pub placed: Option<Placed>,
}

/// An order on chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Placed {
	/// The task.
	pub task: TaskId,
	/// The request's identifier.
	pub request_id: Hash,
}

/// A complete answer, kept for a while for a client that comes back for it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Answer {
	/// The profile that answered.
	pub profile: Hash,
	/// What the worker vouches for.
	pub receipt: Receipt,
	/// Its signature over the receipt.
	pub signature: Signature,
	/// The answer.
	pub tokens: Vec<TokenId>,
	/// The block after which it came.
	pub at: BlockNumber,
}

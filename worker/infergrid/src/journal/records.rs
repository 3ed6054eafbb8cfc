//! What the journal's tables hold, in SCALE: to change a type here is to change the format.

use codec::{Decode, Encode};
use infergrid_primitives::{
	Hash, Signature, TaskId, TokenId,
	audit::Vote,
	request::{Opening, Receipt},
};

/// A miner's finished work.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Delivery {
	/// What the worker vouches for.
	pub receipt: Receipt,
	/// Its signature over the receipt.
	pub signature: Signature,
	/// What the receipt commits to.
	pub opening: Opening,
}

/// A verifier's vote and what its commitment hides.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Ballot {
	/// The vote.
	pub vote: Vote,
	/// The commitment's salt.
	pub salt: Hash,
}

/// A task that a gateway has paid for, by the nonce in its request.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Order {
	/// Salt of the prompt's commitment.
	pub salt: Hash,
	/// The profile asked for.
	pub profile: Hash,
	/// The prompt, as long as the miner may need it; empty once the order is closed.
	pub prompt: Vec<TokenId>,
	/// What it became, once the chain has taken it.
	pub placed: Option<Placed>,
}

/// An order on chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Placed {
	/// The task.
	pub task: TaskId,
	/// The request's identifier.
	pub request_id: Hash,
}

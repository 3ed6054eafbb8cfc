//! A task, and what is owed for it.

use infergrid_primitives::{AccountBytes, Balance, Hash, TaskId, market::Price};

/// The task that an order became.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
	pub(crate) id: TaskId,
	pub(crate) request_id: Hash,
	pub(crate) salt: Hash,
	/// The order's number in the journal.
	pub(crate) nonce: u64,
}

/// Who owes the answer, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owing {
	pub(crate) miner: AccountBytes,
	pub(crate) fee: Fee,
}

/// What a receipt may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fee {
	/// So much for its tokens: the task is assigned.
	At(Price),
	/// What the chain has taken, in plancks: the task is delivered.
	Taken(Balance),
}

impl Fee {
	pub(crate) fn is(self, fee: Balance, (n_prompt, n_out): (u32, u32)) -> bool {
		match self {
			Self::At(price) => fee == price.fee(n_prompt, n_out),
			Self::Taken(taken) => fee == taken,
		}
	}
}

/// Why a miner gave no complete answer this time.
#[derive(Debug)]
pub(crate) enum Interrupted {
	/// Worth another try.
	Broken(String),
	/// What it sent does not agree with itself or with the order.
	Dishonest,
}

//! An order, as the one who asked sees it.

use infergrid_journal::Answer;
use infergrid_primitives::{
	AccountBytes, Balance, BlockNumber, Hash, TaskId, TokenId,
	request::{Assurance, SamplingParams},
};
use std::{fmt, sync::Arc, time::Duration};
use tokio::sync::watch;

/// On which terms a payer orders.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
	/// Blocks to wait for an answer, at least what the chain asks for its length.
	pub patience: BlockNumber,
	/// The least checking.
	pub assurance: Assurance,
	/// Orders under way at once.
	pub max_orders: usize,
}

/// What to ask for.
#[derive(Clone)]
pub struct OrderRequest {
	/// The execution profile.
	pub profile: Hash,
	/// Token ids, template included; never empty.
	pub prompt: Vec<TokenId>,
	/// How to sample.
	pub params: SamplingParams,
	/// How much checking.
	pub assurance: Assurance,
	/// The most to pay, in plancks; None leaves it to the payer's own limit.
	pub max_fee: Option<Balance>,
}

// Prompts do not belong into logs.
impl fmt::Debug for OrderRequest {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("OrderRequest")
			.field("n_prompt", &self.prompt.len())
			.field("max_tokens", &self.params.max_tokens)
			.finish_non_exhaustive()
	}
}

/// An order on chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
	/// The task.
	pub task: TaskId,
	/// The request's identifier, under which its receipt is found.
	pub request_id: Hash,
}

/// How far an order is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
	/// Not on chain yet.
	#[default]
	Placing,
	/// Waits for a miner.
	Queued,
	/// A miner works on it.
	Assigned {
		/// The miner's operator.
		miner: AccountBytes,
		/// The last block that accepts the result.
		due: BlockNumber,
	},
}

/// Everything that is known of an order.
#[derive(Clone, Debug, Default)]
pub struct Progress {
	/// Where it is on chain.
	pub placement: Option<Placement>,
	/// How far it is.
	pub stage: Stage,
	/// Counts the miners that had it. Each begins anew, with another seed.
	pub run: u32,
	/// The answer so far, of this run.
	pub tokens: Vec<TokenId>,
	/// How it ended for the one who asked. The custodian may still have work with it.
	pub end: Option<Result<Arc<Answer>, OrderError>>,
}

/// A place from which an order is followed. Dropping the last one tells the custodian that nobody
/// waits any more.
#[derive(Clone, Debug)]
pub struct Following(pub(crate) watch::Receiver<Progress>);

impl Following {
	/// What is known now. Marks it as seen.
	pub fn now(&mut self) -> Progress {
		self.0.borrow_and_update().clone()
	}

	/// Looks at what is known now without copying it. Marks it as seen.
	pub fn look<T>(&mut self, look: impl FnOnce(&Progress) -> T) -> T {
		look(&self.0.borrow_and_update())
	}

	/// Waits for more. False once the custodian has ended and nothing more comes.
	pub async fn changed(&mut self) -> bool {
		self.0.changed().await.is_ok()
	}
}

/// What became of an order's money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Money {
	/// Nothing was charged.
	Untouched,
	/// It was on hold, and is back.
	Returned,
	/// It is on hold; the chain pays it out or gives it back.
	Held,
}

/// Why an order fails for the one who asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OrderError {
	/// Nobody offers the model.
	#[error("no miner offers this model")]
	NoMiner,
	/// Everybody asks for more than the limit.
	#[error("the cheapest miner asks for up to {cheapest} plancks")]
	TooDear {
		/// What the cheapest asks.
		cheapest: Balance,
	},
	/// It would not be answered in time.
	#[error("every miner is busy, come back in {} s", retry_after.as_secs())]
	Busy {
		/// When there is likely to be room.
		retry_after: Duration,
	},
	/// The payer has as many orders as it takes, whoever serves them.
	#[error("this payer has as many orders as it takes, come back in {} s", retry_after.as_secs())]
	Full {
		/// When there is likely to be room.
		retry_after: Duration,
	},
	/// The payer is about to stop.
	#[error("this payer is stopping and takes no orders, come back in {} s", retry_after.as_secs())]
	Closing {
		/// When it is likely to be back.
		retry_after: Duration,
	},
	/// The payer cannot pay.
	#[error("the payer's account cannot pay for this request")]
	Funds,
	/// The chain cannot be read, or finality stands still.
	#[error("the chain is not reachable")]
	ChainUnavailable,
	/// The chain does not take the order.
	#[error("the chain does not take the order: {0}")]
	Refused(String),
	/// It is not known whether the chain took it; if so, it will be followed.
	#[error("it is not known whether the chain has taken the order")]
	Uncertain,
	/// Nobody could take it in time.
	#[error("no miner could take the order in time")]
	NotTaken,
	/// Whoever took it did not deliver in time.
	#[error("no miner delivered in time")]
	NotDelivered,
	/// An audit condemned the answer, or it was called off.
	#[error("the order was called off")]
	CalledOff,
	/// The answer and its receipt do not agree.
	#[error("the miner's receipt does not match its answer")]
	BadReceipt,
	/// A receipt is on chain, and its miner does not hand the answer over.
	#[error("the miner has delivered on chain and does not hand its answer over")]
	Withheld,
	/// The payer is stopping.
	#[error("the payer is stopping; the order is taken up again when it is back")]
	Stopping,
	/// The payer cannot record what it does.
	#[error("the payer cannot record the order")]
	Unrecorded,
}

impl OrderError {
	/// What became of the money.
	pub fn money(&self) -> Money {
		match self {
			Self::NoMiner
			| Self::TooDear { .. }
			| Self::Busy { .. }
			| Self::Full { .. }
			| Self::Closing { .. }
			| Self::Funds
			| Self::ChainUnavailable
			| Self::Refused(_)
			| Self::Unrecorded => Money::Untouched,
			Self::NotTaken | Self::NotDelivered | Self::CalledOff => Money::Returned,
			Self::Uncertain | Self::BadReceipt | Self::Withheld | Self::Stopping => Money::Held,
		}
	}
}

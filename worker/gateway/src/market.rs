//! The grid as the gateway sees it.

use async_trait::async_trait;
use futures::stream::BoxStream;
use infergrid_checkpoint::Checkpoint;
use infergrid_primitives::{
	Balance, BlockNumber, Hash, Signature, TaskId, TokenId,
	audit::Verdict,
	market::Shares,
	request::{Assurance, Receipt, SamplingParams},
};
use std::{ops::RangeInclusive, sync::Arc, time::Duration};

/// Where answers come from. Implemented over the chain and the swarm, and by fakes in tests.
#[async_trait]
pub trait Market: Send + Sync + 'static {
	/// The models that can be served now, whether or not a miner is free at this moment.
	async fn models(&self) -> Result<Vec<Arc<Model>>, MarketError>;

	/// Orders answers: takes all of `orders` or none, and gives the events of each in their order. They
	/// begin with [`OrderEvent::Placed`] and end with [`OrderEvent::Done`] or [`OrderEvent::Failed`], for
	/// each by itself; the market bounds the time until then. Dropping a stream only stops listening:
	/// what a miner works on is paid, and can be fetched by [`Market::answer`].
	async fn order(&self, orders: Vec<Order>) -> Result<Vec<OrderStream>, OrderError>;

	/// The answer to the request `request_id`, as long as it is kept; `None` if it is not known.
	async fn answer(&self, request_id: &Hash) -> Result<Option<KeptAnswer>, MarketError>;

	/// Whether orders can be placed and paid now.
	async fn health(&self) -> Health;

	/// How far the receipt of the request `request_id` has come; `None` if it is not known.
	async fn receipt(&self, request_id: &Hash) -> Result<Option<ReceiptProgress>, MarketError>;
}

/// The events of one order.
pub type OrderStream = BoxStream<'static, OrderEvent>;

/// A model that can be ordered.
#[derive(Debug)]
pub struct Model {
	/// The name that is listed; no other model has it.
	pub name: String,
	/// Other names that clients may use, as [`crate::names`] gives them.
	pub aliases: Vec<String>,
	/// The execution profile that is ordered.
	pub profile: Hash,
	/// Who registered it, for display.
	pub owner: String,
	/// When it was registered, in seconds since 1970.
	pub created: u64,
	/// Longest prompt plus answer in tokens.
	pub context: u32,
	/// Most tokens of prompt and answer for which the market grants time; may be below `context`.
	pub longest: u32,
	/// How to sample where a client says nothing.
	pub sampling: SamplingDefaults,
	/// Tokenizer, chat template and end-of-sequence ids.
	pub checkpoint: Arc<Checkpoint>,
}

/// A model's own sampling defaults; `None` leaves OpenAI's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SamplingDefaults {
	/// Temperature in millionths, at most 2,000,000.
	pub temperature_micros: Option<u32>,
	/// Nucleus in millionths, from 1 to 1,000,000.
	pub top_p_micros: Option<u32>,
	/// Most likely tokens among which to choose; 0 is off.
	pub top_k: Option<u32>,
}

/// A model's suggestions in the units of the API; those out of range are left to its defaults.
impl From<&infergrid_checkpoint::SamplingDefaults> for SamplingDefaults {
	fn from(suggested: &infergrid_checkpoint::SamplingDefaults) -> Self {
		let micros = |value: f64, range: RangeInclusive<f64>| {
			let micros = (value * 1e6).round();
			// In range, so exact.
			range.contains(&micros).then_some(micros as u32)
		};
		Self {
			temperature_micros: suggested
				.temperature
				.and_then(|temperature| micros(temperature, 0.0..=2e6)),
			top_p_micros: suggested.top_p.and_then(|top_p| micros(top_p, 1.0..=1e6)),
			top_k: suggested.top_k,
		}
	}
}

/// A request for one answer.
#[derive(Clone, Debug)]
pub struct Order {
	/// What is asked.
	pub model: Arc<Model>,
	/// The prompt, template included; never empty.
	pub prompt: Vec<TokenId>,
	/// How to sample.
	pub params: SamplingParams,
	/// How much checking.
	pub assurance: Assurance,
	/// The most to pay, in plancks; `None` leaves it to the market.
	pub max_fee: Option<Balance>,
}

/// What happens to an order.
#[derive(Clone, Debug)]
pub enum OrderEvent {
	/// It can be paid and followed from now on.
	Placed(Placement),
	/// A miner has it.
	Assigned(Placement),
	/// The miner gave up, and another one will begin anew: what came so far is void.
	Restarted,
	/// The next tokens of the answer.
	Tokens(Vec<TokenId>),
	/// The answer is complete, and its receipt agrees with the tokens.
	Done(Box<Delivery>),
	/// There will be no more.
	Failed(OrderError),
}

/// Where an order went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
	/// The task on chain.
	pub task: TaskId,
	/// The request's identifier, under which its receipt is found.
	pub request_id: Hash,
	/// The miner's account in SS58; empty before the assignment.
	pub miner: String,
}

/// A complete answer's receipt.
#[derive(Clone, Debug)]
pub struct Delivery {
	/// What the worker vouches for.
	pub receipt: Receipt,
	/// Its signature.
	pub signature: Signature,
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

/// Why an order failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OrderError {
	/// No miner offers the model now.
	#[error("no miner offers this model")]
	NoMiner,
	/// Every miner asks for more than the limit.
	#[error("the cheapest miner asks for up to {cheapest} plancks")]
	TooDear {
		/// What the cheapest asks.
		cheapest: Balance,
	},
	/// It would not be answered in time.
	#[error("every miner is busy")]
	Busy {
		/// When there is likely to be room.
		retry_after: Duration,
	},
	/// The gateway has as many requests as it takes, whoever serves them.
	#[error("this gateway has as many requests as it takes")]
	Full {
		/// When there is likely to be room.
		retry_after: Duration,
	},
	/// The gateway is about to stop.
	#[error("this gateway is stopping and takes no requests")]
	Closing {
		/// When it is likely to be back.
		retry_after: Duration,
	},
	/// The gateway cannot pay.
	#[error("the gateway's account cannot pay for this request")]
	Funds,
	/// The chain cannot be reached.
	#[error("the chain is not reachable")]
	ChainUnavailable,
	/// The chain does not take the order.
	#[error("the chain does not take the order: {0}")]
	Refused(String),
	/// It is not known whether the chain has taken the order.
	#[error("it is not known whether the chain has taken the order")]
	Uncertain,
	/// No miner could take it in time.
	#[error("no miner could take the request in time")]
	NotTaken,
	/// No miner delivered in time.
	#[error("no miner delivered in time")]
	NotDelivered,
	/// It was called off, or an audit condemned the answer.
	#[error("the request was called off")]
	CalledOff,
	/// The miner broke off, and what it sent cannot be continued by another.
	#[error("the miner broke off in the middle of its answer")]
	BrokenOff,
	/// The answer and its receipt do not agree.
	#[error("the miner's receipt does not match its answer")]
	BadReceipt,
	/// The miner has delivered on chain and does not hand the answer over.
	#[error("the miner does not hand its answer over")]
	Withheld,
	/// The answer takes longer than a client is kept waiting.
	#[error("the answer takes longer than this gateway keeps a client waiting")]
	TimedOut,
	/// The gateway is stopping.
	#[error("the gateway is stopping")]
	Stopping,
	/// The gateway cannot record what it does.
	#[error("the gateway cannot record the request")]
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
			Self::Uncertain
			| Self::BrokenOff
			| Self::BadReceipt
			| Self::Withheld
			| Self::TimedOut
			| Self::Stopping => Money::Held,
		}
	}
}

/// What is left of an answer.
#[derive(Clone, Debug)]
pub enum KeptAnswer {
	/// It is under way.
	Running {
		/// Tokens so far.
		tokens: usize,
	},
	/// It is complete.
	Complete {
		/// What answered.
		model: Arc<Model>,
		/// Where it went.
		placement: Placement,
		/// Its receipt.
		delivery: Box<Delivery>,
		/// The answer.
		tokens: Vec<TokenId>,
	},
}

/// Whether orders can be placed and paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
	/// Since the last finalized block was seen; `None` if the chain is not reached.
	pub finality_age: Option<Duration>,
	/// The payer's free money in plancks; `None` if the chain is not reached.
	pub funds: Option<Balance>,
	/// What is wrong, each with its remedy; empty if nothing is.
	pub problems: Vec<String>,
}

/// The market cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MarketError {
	/// The chain cannot be reached.
	#[error("the chain is not reachable")]
	Unavailable,
}

/// How far a receipt has come.
#[derive(Clone, Debug)]
pub struct ReceiptProgress {
	/// Where the request went; `miner` is empty before the assignment.
	pub placement: Placement,
	/// The receipt, once delivered.
	pub receipt: Option<Receipt>,
	/// What became of the money.
	pub settlement: Settlement,
	/// What the chain took for the gateway's transactions, in plancks; `None` where an earlier run of the
	/// gateway has sent them.
	pub transaction_fee: Option<Balance>,
	/// The audit, once drawn or skipped.
	pub audit: Option<AuditProgress>,
	/// Block of the last step.
	pub block: Option<BlockNumber>,
}

/// What became of a request's money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
	/// Waits for a miner.
	Queued,
	/// A miner works on it.
	Assigned,
	/// The fee is in escrow until the audit is over.
	Escrowed {
		/// In plancks.
		fee: Balance,
	},
	/// Paid out.
	Settled {
		/// In plancks.
		fee: Balance,
		/// Who got what.
		shares: Shares,
	},
	/// Given back to the payer.
	Refunded {
		/// `no_miner`, `expired`, `cancelled` or `condemned`.
		reason: String,
	},
}

/// How far an audit has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditProgress {
	/// The audit.
	pub audit: u64,
	/// `scheduled`, `committing`, `revealing`, `escrowed` or `concluded`.
	pub phase: String,
	/// The verdict, once concluded.
	pub verdict: Option<Verdict>,
}

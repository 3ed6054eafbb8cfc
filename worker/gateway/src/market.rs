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
use std::sync::Arc;

/// Where answers come from. Implemented over the chain and the swarm, and by fakes in tests.
#[async_trait]
pub trait Market: Send + Sync + 'static {
	/// The models that can be ordered, whether or not a miner is free now.
	async fn models(&self) -> Result<Vec<Arc<Model>>, MarketError>;

	/// Orders an answer. The events end with [`OrderEvent::Done`] or [`OrderEvent::Failed`];
	/// dropping the stream gives the order up as far as that is still possible.
	async fn order(&self, order: Order) -> Result<OrderStream, OrderError>;

	/// How far the receipt of the request `request_id` has come; `None` if it is not known.
	async fn receipt(&self, request_id: &Hash) -> Result<Option<ReceiptProgress>, MarketError>;
}

/// The events of one order.
pub type OrderStream = BoxStream<'static, OrderEvent>;

/// A model that can be ordered.
#[derive(Debug)]
pub struct Model {
	/// The name that clients use.
	pub name: String,
	/// The execution profile that is ordered.
	pub profile: Hash,
	/// Who registered it, for display.
	pub owner: String,
	/// When it was registered, in seconds since 1970.
	pub created: u64,
	/// Longest prompt plus answer in tokens.
	pub context: u32,
	/// Tokenizer, chat template and end-of-sequence ids.
	pub checkpoint: Arc<Checkpoint>,
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
}

/// What happens to an order.
#[derive(Clone, Debug)]
pub enum OrderEvent {
	/// A miner has it. May come again, as long as there are no tokens, if a miner gave up.
	Assigned(Placement),
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
	/// The miner's account in SS58.
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

/// Why an order failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OrderError {
	/// No miner offers the model now, or none in time.
	#[error("no miner is available for this model")]
	NoMiner,
	/// The grid or the gateway's wallet cannot take more now.
	#[error("the grid is overloaded")]
	Overloaded,
	/// The gateway cannot pay.
	#[error("the gateway's account cannot pay for this request")]
	Funds,
	/// The chain cannot be reached.
	#[error("the chain is not reachable")]
	ChainUnavailable,
	/// The miner broke off, refused, or could not be reached.
	#[error("the miner failed")]
	MinerFailed,
	/// The answer and its receipt do not agree.
	#[error("the miner's receipt does not match its answer")]
	BadReceipt,
	/// The answer did not come in time.
	#[error("the answer did not come in time")]
	TimedOut,
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

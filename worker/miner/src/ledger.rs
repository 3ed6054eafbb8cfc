//! The chain as a miner needs it.

use async_trait::async_trait;
use infergrid_chain::{
	Audit, Call, Chain, OfferTerms, ReadError, Standing, SubmitError, Submitter, Task, View,
};
use infergrid_journal::Delivery;
use infergrid_primitives::{
	AccountBytes, AuditId, BlockNumber, Hash, TaskId, WorkerKey, market::Role, request::Receipt,
};
use std::fmt;

/// What lies on chain of a miner's offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastOffer {
	/// Its terms.
	pub terms: OfferTerms,
	/// Whether it still stands. One that is withdrawn lies there as long as tasks run on it.
	pub stands: bool,
}

/// The tasks after one block. Implemented over a node's state, and by a fake in tests.
#[async_trait]
pub trait Tasks: Send + Sync {
	/// The block.
	fn block(&self) -> BlockNumber;

	/// The tasks that `miner` has to deliver, without those that this version cannot read.
	async fn assigned_to(&self, miner: &AccountBytes) -> Result<Vec<(TaskId, Task)>, ReadError>;

	/// A task.
	async fn task(&self, task: TaskId) -> Result<Option<Task>, ReadError>;
}

/// The finalized chain, and the way into it. Implemented over a node, and by a fake in tests.
#[async_trait]
pub trait Ledger: fmt::Debug + Send + Sync + 'static {
	/// Hash of the chain's first block.
	fn genesis(&self) -> Hash;

	/// The account that signs extrinsics: the worker key's.
	fn worker(&self) -> WorkerKey;

	/// The last finalized block.
	fn finalized(&self) -> BlockNumber;

	/// Waits until `block` is finalized.
	async fn reach(&self, block: BlockNumber) -> Result<(), ReadError>;

	/// A task.
	async fn task(&self, task: TaskId) -> Result<Option<Task>, ReadError>;

	/// The text of an inline prompt.
	async fn prompt(&self, task: TaskId) -> Result<Option<Vec<u8>>, ReadError>;

	/// The receipt of a task.
	async fn receipt(&self, task: TaskId) -> Result<Option<Receipt>, ReadError>;

	/// An audit.
	async fn audit(&self, audit: AuditId) -> Result<Option<Audit>, ReadError>;

	/// The last block in which an opening can be asked for in an audit; None if it cannot be any more.
	async fn last_opening(&self, audit: &Audit) -> Result<Option<BlockNumber>, ReadError>;

	/// The operator for whom a worker key acts.
	async fn operator_of(&self, worker: &WorkerKey) -> Result<Option<AccountBytes>, ReadError>;

	/// How `operator` stands as a miner of `profile`, with this worker acting for it.
	async fn standing(
		&self,
		operator: &AccountBytes,
		profile: &Hash,
	) -> Result<Standing, ReadError>;

	/// What lies on chain of the offer of `operator` for `profile`.
	async fn last_offer(
		&self,
		operator: &AccountBytes,
		profile: &Hash,
	) -> Result<Option<LastOffer>, ReadError>;

	/// Offers `profile`, unless the chain would refuse that now.
	async fn set_offer(&self, profile: &Hash, terms: &OfferTerms) -> Result<(), SubmitError>;

	/// Takes the offer back, so that the chain assigns nothing more.
	async fn withdraw_offer(&self, profile: &Hash) -> Result<(), SubmitError>;

	/// Brings a receipt on chain by block `due`, trying again until then whatever may pass.
	async fn submit_result(
		&self,
		task: TaskId,
		delivery: &Delivery,
		due: BlockNumber,
	) -> Result<BlockNumber, SubmitError>;
}

#[async_trait]
impl Tasks for View {
	fn block(&self) -> BlockNumber {
		self.block().number
	}

	async fn assigned_to(&self, miner: &AccountBytes) -> Result<Vec<(TaskId, Task)>, ReadError> {
		self.assigned_to(miner).await
	}

	async fn task(&self, task: TaskId) -> Result<Option<Task>, ReadError> {
		self.task(task).await
	}
}

/// A node, and the worker key's extrinsics.
#[derive(Clone, Debug)]
pub struct Node {
	submitter: Submitter,
}

impl Node {
	/// The chain behind `submitter`.
	pub fn new(submitter: Submitter) -> Self {
		Self { submitter }
	}

	fn chain(&self) -> &Chain {
		self.submitter.chain()
	}

	async fn view(&self) -> Result<View, ReadError> {
		self.chain().latest().await
	}
}

#[async_trait]
impl Ledger for Node {
	fn genesis(&self) -> Hash {
		self.chain().genesis()
	}

	fn worker(&self) -> WorkerKey {
		self.submitter.account()
	}

	fn finalized(&self) -> BlockNumber {
		self.chain().finalized()
	}

	async fn reach(&self, block: BlockNumber) -> Result<(), ReadError> {
		self.chain().blocks(block).next().await.map(drop)
	}

	async fn task(&self, task: TaskId) -> Result<Option<Task>, ReadError> {
		self.view().await?.task(task).await
	}

	async fn prompt(&self, task: TaskId) -> Result<Option<Vec<u8>>, ReadError> {
		self.view().await?.prompt(task).await
	}

	async fn receipt(&self, task: TaskId) -> Result<Option<Receipt>, ReadError> {
		self.view().await?.receipt(task).await
	}

	async fn audit(&self, audit: AuditId) -> Result<Option<Audit>, ReadError> {
		self.view().await?.audit(audit).await
	}

	async fn last_opening(&self, audit: &Audit) -> Result<Option<BlockNumber>, ReadError> {
		self.view().await?.last_opening(audit).await
	}

	async fn operator_of(&self, worker: &WorkerKey) -> Result<Option<AccountBytes>, ReadError> {
		self.view().await?.operator_of(worker).await
	}

	async fn standing(
		&self,
		operator: &AccountBytes,
		profile: &Hash,
	) -> Result<Standing, ReadError> {
		let view = self.view().await?;
		view.standing(Role::Miner, operator, &self.worker(), profile)
			.await
	}

	async fn last_offer(
		&self,
		operator: &AccountBytes,
		profile: &Hash,
	) -> Result<Option<LastOffer>, ReadError> {
		let view = self.view().await?;
		let Some(offer) = view.last_offer(profile, operator).await? else {
			return Ok(None);
		};
		Ok(Some(LastOffer {
			terms: offer.terms,
			stands: view.miners(profile).await?.contains(operator),
		}))
	}

	async fn set_offer(&self, profile: &Hash, terms: &OfferTerms) -> Result<(), SubmitError> {
		let call = Call::set_offer(profile, terms);
		self.submitter.submit_checked(&call).await.map(drop)
	}

	async fn withdraw_offer(&self, profile: &Hash) -> Result<(), SubmitError> {
		let call = Call::withdraw_offer(profile);
		self.submitter.submit(&call, None).await.map(drop)
	}

	async fn submit_result(
		&self,
		task: TaskId,
		delivery: &Delivery,
		due: BlockNumber,
	) -> Result<BlockNumber, SubmitError> {
		let call = Call::submit_result(task, &delivery.receipt, &delivery.signature);
		let included = self.submitter.submit_by(&call, due).await?;
		Ok(included.block.number)
	}
}

//! The chain as a payer needs it.

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use infergrid_chain::{
	Call, Chain, Event, Included, Offer, ReadError, SubmitError, Submitter, Task, TaskOrder,
	TaskRules, View,
};
use infergrid_keys::Key;
use infergrid_primitives::{
	AccountBytes, Balance, BlockNumber, Hash, TaskId, WorkerKey, market::Role, model::Profile,
};
use std::{collections::HashMap, fmt};
use tokio::sync::Mutex;

/// Reads under way at once.
const READS: usize = 16;

/// What an order for a profile meets.
#[derive(Clone, Debug)]
pub struct Situation {
	/// The profile.
	pub profile: Profile,
	/// What the chain asks of every task.
	pub rules: TaskRules,
	/// Who offers it, has the bond for it and takes tasks.
	pub offers: Vec<(AccountBytes, Offer)>,
}

/// A task that was put on chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placing {
	/// The task.
	pub task: TaskId,
	/// The transaction fee, in plancks.
	pub fee: Balance,
}

/// The finalized chain, and the way into it. Implemented over a node, and by a fake in tests.
#[async_trait]
pub trait Ledger: fmt::Debug + Send + Sync + 'static {
	/// Hash of the chain's first block.
	fn genesis(&self) -> Hash;

	/// The payer's key.
	fn key(&self) -> &Key;

	/// The last finalized block.
	fn finalized(&self) -> BlockNumber;

	/// Waits until `block` is finalized.
	async fn reach(&self, block: BlockNumber) -> Result<(), ReadError>;

	/// What an order for `profile` meets; None if there is no such profile.
	async fn situation(&self, profile: &Hash) -> Result<Option<Situation>, ReadError>;

	/// A task.
	async fn task(&self, task: TaskId) -> Result<Option<Task>, ReadError>;

	/// A miner's offer, a withdrawn one too while its tasks run.
	async fn offer(&self, profile: &Hash, miner: &AccountBytes)
	-> Result<Option<Offer>, ReadError>;

	/// The operator for whom a worker key acts.
	async fn operator_of(&self, worker: &WorkerKey) -> Result<Option<AccountBytes>, ReadError>;

	/// The payer's free money, in plancks.
	async fn free(&self) -> Result<Balance, ReadError>;

	/// Puts a task on chain.
	async fn place(&self, order: &TaskOrder) -> Result<Placing, SubmitError>;

	/// The task that the payer's order `nonce` has become.
	async fn find(&self, nonce: u64) -> Result<Option<TaskId>, ReadError>;

	/// Gets the money back for a task that nobody works on. Gives the transaction fee, in plancks.
	async fn cancel(&self, task: TaskId) -> Result<Balance, SubmitError>;
}

/// A node, and the payer's extrinsics.
#[derive(Debug)]
pub struct Node {
	submitter: Submitter,
	/// What orders meet at the last finalized block: many ask in each.
	situations: Mutex<Situations>,
}

#[derive(Debug, Default)]
struct Situations {
	block: BlockNumber,
	by_profile: HashMap<Hash, Situation>,
}

impl Node {
	/// The chain behind `submitter`.
	pub fn new(submitter: Submitter) -> Self {
		Self {
			submitter,
			situations: Mutex::default(),
		}
	}

	fn chain(&self) -> &Chain {
		self.submitter.chain()
	}

	/// What the payer's extrinsic has cost, in plancks.
	fn fee(&self, included: &Included) -> Balance {
		let payer = self.submitter.account();
		let fees = included.events.iter().filter_map(|event| match event {
			Event::TransactionFeePaid(event) if event.who == payer => Some(event.actual_fee),
			_ => None,
		});
		fees.fold(0, Balance::saturating_add)
	}
}

async fn read_situation(view: &View, profile: &Hash) -> Result<Option<Situation>, ReadError> {
	let Some(found) = view.profile(profile).await? else {
		return Ok(None);
	};
	let working = view.working_bond(Role::Miner)?;
	let offers = view.offers(profile).await?;
	let offers = offers
		.into_iter()
		.filter(|(_, offer)| offer.terms.capacity > 0);
	let bonded = stream::iter(offers)
		.map(async |(miner, offer)| {
			let bond = view.bond(Role::Miner, &miner).await?;
			let counts = bond.is_some_and(|bond| bond.active >= working);
			Ok(counts.then_some((miner, offer)))
		})
		.buffered(READS);
	Ok(Some(Situation {
		profile: found,
		rules: view.task_rules()?,
		offers: bonded
			.try_filter_map(async |offer| Ok(offer))
			.try_collect()
			.await?,
	}))
}

#[async_trait]
impl Ledger for Node {
	fn genesis(&self) -> Hash {
		self.chain().genesis()
	}

	fn key(&self) -> &Key {
		self.submitter.key()
	}

	fn finalized(&self) -> BlockNumber {
		self.chain().finalized()
	}

	async fn reach(&self, block: BlockNumber) -> Result<(), ReadError> {
		self.chain().blocks(block).next().await.map(drop)
	}

	async fn situation(&self, profile: &Hash) -> Result<Option<Situation>, ReadError> {
		// Those who ask meanwhile wait for the one read.
		let mut situations = self.situations.lock().await;
		let now = self.finalized();
		if situations.block != now {
			*situations = Situations {
				block: now,
				..Situations::default()
			};
		}
		if let Some(known) = situations.by_profile.get(profile) {
			return Ok(Some(known.clone()));
		}
		let view = self.chain().latest().await?;
		let read = read_situation(&view, profile).await?;
		if let Some(situation) = &read {
			situations.by_profile.insert(*profile, situation.clone());
		}
		Ok(read)
	}

	async fn task(&self, task: TaskId) -> Result<Option<Task>, ReadError> {
		self.chain().latest().await?.task(task).await
	}

	async fn offer(
		&self,
		profile: &Hash,
		miner: &AccountBytes,
	) -> Result<Option<Offer>, ReadError> {
		let view = self.chain().latest().await?;
		view.last_offer(profile, miner).await
	}

	async fn operator_of(&self, worker: &WorkerKey) -> Result<Option<AccountBytes>, ReadError> {
		self.chain().latest().await?.operator_of(worker).await
	}

	async fn free(&self) -> Result<Balance, ReadError> {
		let payer = self.submitter.account();
		Ok(self.chain().latest().await?.funds(&payer).await?.free)
	}

	async fn place(&self, order: &TaskOrder) -> Result<Placing, SubmitError> {
		let included = self
			.submitter
			.submit(&Call::submit_task(order), None)
			.await?;
		let payer = self.submitter.account();
		let submitted = included.events.iter().find_map(|event| match event {
			Event::TaskSubmitted(event) if event.payer == payer => Some(event.task),
			_ => None,
		});
		// A call that succeeded has submitted a task: the state tells which.
		let task = submitted.ok_or(ReadError::UnknownBlock(included.block.number))?;
		Ok(Placing {
			task,
			fee: self.fee(&included),
		})
	}

	async fn find(&self, nonce: u64) -> Result<Option<TaskId>, ReadError> {
		let payer = self.submitter.account();
		self.chain().latest().await?.ordered(&payer, nonce).await
	}

	async fn cancel(&self, task: TaskId) -> Result<Balance, SubmitError> {
		let call = Call::cancel_task(task);
		Ok(self.fee(&self.submitter.submit(&call, None).await?))
	}
}

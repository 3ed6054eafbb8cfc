//! Who takes orders.

use crate::{
	adoption::Adoption,
	custodian::Custodian,
	funds::{Funds, Spending},
	ledger::Ledger,
	miners::Miners,
	order::{Following, OrderError, OrderRequest, Progress, Terms},
	quote::Queues,
	receipts::{Account, Receipts},
	shared::Shared,
	task::Task,
};
use infergrid_chain::{
	Chain, Event, Follower, MORTALITY, ReadError, Step, TaskStatus, View, Walk, legible, persist,
	persist_latest,
};
use infergrid_journal::{Answer, Journal, JournalError, Order, Placed};
use infergrid_keys::address;
use infergrid_primitives::{AccountBytes, BlockNumber, Hash, TaskId};
use std::{
	collections::HashMap,
	sync::{Arc, Mutex},
	time::Duration,
};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Blocks for which the receipt of an order that has ended can be followed: a week at 3 s, as long
/// as the chain keeps the task.
const RECEIPTS_KEPT: BlockNumber = 201_600;
/// Ended orders that are kept at most, whatever their age.
const RECEIPTS_MOST: u64 = 100_000;
/// Blocks for which a finished answer can be fetched again: an hour at 3 s.
const ANSWERS_KEPT: BlockNumber = 1_200;
const ANSWERS_MOST: u64 = 10_000;
/// Blocks between two clearings of the journal.
const PRUNE_EVERY: BlockNumber = 100;

/// Why a payer cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PayerError {
	/// The chain is none that this version can read.
	#[error(transparent)]
	Chain(#[from] ReadError),
	/// Nothing can be recorded.
	#[error(transparent)]
	Journal(#[from] JournalError),
}

/// What is left of an answer.
#[derive(Clone, Debug)]
pub enum Kept {
	/// It is under way.
	Running(Following),
	/// It is complete.
	Complete(Arc<Answer>),
}

/// Takes orders and sees them to their ends.
#[derive(Debug)]
pub struct Payer {
	shared: Arc<Shared>,
	custodians: TaskTracker,
	/// Fires when no more orders are taken.
	closing: CancellationToken,
	/// Fires when custodians are cut off.
	stop: CancellationToken,
}

impl Payer {
	/// A payer with what its journal knows.
	pub async fn open(
		ledger: Arc<dyn Ledger>,
		miners: Arc<dyn Miners>,
		journal: Journal,
		terms: Terms,
	) -> Result<Self, PayerError> {
		let orders = journal.run(|journal| journal.orders()).await?;
		let receipts = Receipts::default();
		for placed in orders.iter().filter_map(|(_, order)| order.placed) {
			receipts.add(placed);
		}
		Ok(Self {
			shared: Arc::new(Shared {
				ledger,
				miners,
				journal,
				receipts,
				adoption: Adoption::default(),
				funds: Spending::default(),
				terms,
				queues: Queues::default(),
				running: Mutex::default(),
			}),
			custodians: TaskTracker::new(),
			closing: CancellationToken::new(),
			stop: CancellationToken::new(),
		})
	}

	/// The payer's account.
	pub fn account(&self) -> AccountBytes {
		self.shared.ledger.key().public()
	}

	/// The payer's money.
	pub async fn funds(&self) -> Result<Funds, ReadError> {
		Ok(self.shared.funds.of(self.shared.ledger.free().await?))
	}

	/// Warns while there is time to send money.
	async fn watch_funds(&self) {
		match self.funds().await {
			Ok(funds) if funds.are_low() => {
				tracing::warn!(
					payer = %address(&self.account()),
					free_plancks = funds.free,
					orders = funds.orders_left(),
					"the payer's money will soon be gone: send it some AIT"
				);
			}
			Ok(_) => {}
			Err(error) => tracing::debug!(%error, "the payer's money is not known"),
		}
	}

	/// Whether somebody offers `profile` whose bond counts.
	pub async fn is_served(&self, profile: &Hash) -> Result<bool, ReadError> {
		let situation = self.shared.ledger.situation(profile).await?;
		Ok(situation.is_some_and(|situation| !situation.offers.is_empty()))
	}

	/// Takes orders, all of them or none. Each goes on whether or not it is followed; one that nobody
	/// follows is called off as long as no miner has it.
	pub fn order_all(&self, requests: Vec<OrderRequest>) -> Result<Vec<Following>, OrderError> {
		self.has_room(requests.len())?;
		let begun = requests.into_iter().map(|request| self.begin(request));
		Ok(begun.collect())
	}

	/// Takes one order, for tests.
	#[cfg(test)]
	pub(crate) fn order(&self, request: OrderRequest) -> Result<Following, OrderError> {
		let following = self.order_all(vec![request])?.pop();
		following.ok_or(OrderError::Stopping)
	}

	fn has_room(&self, orders: usize) -> Result<(), OrderError> {
		if self.closing.is_cancelled() {
			return Err(OrderError::Closing {
				retry_after: Duration::from_secs(10),
			});
		}
		if self.custodians.len().saturating_add(orders) > self.shared.terms.max_orders {
			return Err(OrderError::Full {
				retry_after: Duration::from_secs(30),
			});
		}
		Ok(())
	}

	fn begin(&self, request: OrderRequest) -> Following {
		let (progress, following) = watch::channel(Progress::default());
		self.keep_until_end(request, progress, None);
		Following(following)
	}

	fn keep_until_end(
		&self,
		request: OrderRequest,
		progress: watch::Sender<Progress>,
		task: Option<Task>,
	) {
		let custodian = Custodian {
			shared: self.shared.clone(),
			request,
			progress: progress.clone(),
			ids: Mutex::default(),
		};
		let stop = self.stop.clone();
		self.custodians.spawn(async move {
			let work = async {
				match task {
					None => custodian.run().await,
					Some(task) => custodian.resume(task).await,
				}
			};
			tokio::select! {
				_ = stop.cancelled() => {},
				() = work => {},
			}
			progress.send_if_modified(|progress| {
				let cut = progress.end.is_none();
				if cut {
					progress.end = Some(Err(OrderError::Stopping));
				}
				cut
			});
		});
	}

	/// The answer to a request: complete, under way, or None if it is unknown or forgotten.
	pub async fn answer(&self, request_id: &Hash) -> Result<Option<Kept>, PayerError> {
		let running = self
			.shared
			.running()
			.get(request_id)
			.map(watch::Sender::subscribe);
		if let Some(following) = running {
			let complete = match &following.borrow().end {
				Some(Ok(answer)) => Some(answer.clone()),
				_ => None,
			};
			return Ok(Some(match complete {
				Some(answer) => Kept::Complete(answer),
				None => Kept::Running(Following(following)),
			}));
		}
		let id = *request_id;
		let kept = self
			.shared
			.journal
			.run(move |journal| journal.answer(&id))
			.await?;
		Ok(kept.map(|answer| Kept::Complete(Arc::new(answer))))
	}

	/// What is known of a request's money and audit, after `view`.
	pub async fn receipt(
		&self,
		view: &View,
		request_id: &Hash,
	) -> Result<Option<Account>, ReadError> {
		self.shared.receipts.account(view, request_id).await
	}

	/// Takes up what an earlier run left open, and follows what becomes of the payer's tasks, until
	/// `stop`.
	pub async fn follow(&self, chain: Chain, stop: CancellationToken) -> Result<(), PayerError> {
		let mut unplaced = self.take_up().await?;
		let mut follower = Follower::new(chain, stop);
		let mut over = None;
		while let Some(step) = follower.next().await? {
			match self.note(step, &mut unplaced, &mut over).await {
				Err(PayerError::Chain(error)) => follower.read_anew(error)?,
				noted => noted?,
			}
		}
		Ok(())
	}

	/// Notes what happened to the payer's tasks. Orders in `unplaced` cannot come any more after block
	/// `over`.
	async fn note(
		&self,
		step: Step,
		unplaced: &mut HashMap<u64, Order>,
		over: &mut Option<BlockNumber>,
	) -> Result<(), PayerError> {
		match step {
			Step::Rescan(view) => {
				let now = view.block().number;
				over.get_or_insert(now.saturating_add(MORTALITY + 1));
				let account = self.account();
				let mut awaited = self.shared.adoption.awaited();
				awaited.extend(unplaced.keys());
				for nonce in awaited {
					let found = persist(|| view.ordered(&account, nonce)).await?;
					if let Some(id) = found
						&& let Some(task) = legible(persist(|| view.task(id)).await)?
					{
						self.adopt(unplaced, id, task).await?;
					}
				}
				self.prune(now).await?;
			}
			Step::Block(view, events) => {
				let now = view.block().number;
				self.shared.receipts.note(now, &events);
				self.submitted(unplaced, &view, &events).await?;
				if over.is_some_and(|over| now >= over) {
					for (nonce, _) in unplaced.drain() {
						tracing::info!(order.nonce = nonce, "an order never came to the chain");
						self.shared.close_order(nonce, now).await?;
					}
				}
				if now.is_multiple_of(PRUNE_EVERY) {
					self.prune(now).await?;
					self.watch_funds().await;
				}
			}
		}
		Ok(())
	}

	/// Goes on with the orders that an earlier run left open and that are known to be on chain. Gives
	/// those of which that is not known.
	pub(crate) async fn take_up(&self) -> Result<HashMap<u64, Order>, PayerError> {
		let orders = self.shared.journal.run(|journal| journal.orders()).await?;
		let mut unplaced = HashMap::new();
		for (nonce, order) in orders {
			if order.prompt.is_empty() {
				continue;
			}
			match order.placed {
				Some(placed) => self.resume(nonce, order, placed).await?,
				None => {
					unplaced.insert(nonce, order);
				}
			}
		}
		Ok(unplaced)
	}

	async fn resume(&self, nonce: u64, order: Order, placed: Placed) -> Result<(), PayerError> {
		let task = persist_latest(|| self.shared.ledger.task(placed.task)).await?;
		let open = task.filter(|task| {
			matches!(
				task.status,
				TaskStatus::Queued | TaskStatus::Assigned { .. } | TaskStatus::Delivered { .. }
			)
		});
		let Some(found) = open else {
			let now = self.shared.ledger.finalized();
			self.shared.close_order(nonce, now).await?;
			return Ok(());
		};
		let request = OrderRequest {
			profile: order.profile,
			prompt: order.prompt,
			params: found.request.params,
			assurance: found.request.assurance,
			max_fee: Some(found.request.max_fee),
		};
		let task = Task {
			id: placed.task,
			request_id: placed.request_id,
			salt: order.salt,
			nonce,
		};
		self.keep_until_end(request, watch::Sender::new(Progress::default()), Some(task));
		Ok(())
	}

	async fn submitted(
		&self,
		unplaced: &mut HashMap<u64, Order>,
		view: &View,
		events: &[Event],
	) -> Result<(), PayerError> {
		if unplaced.is_empty() && self.shared.adoption.is_empty() {
			return Ok(());
		}
		for event in events {
			if let Event::TaskSubmitted(event) = event
				&& event.payer == self.account()
				&& let Some(task) = legible(persist(|| view.task(event.task)).await)?
			{
				self.adopt(unplaced, event.task, task).await?;
			}
		}
		Ok(())
	}

	/// As if a block showed a task, for tests without blocks.
	#[cfg(test)]
	pub(crate) async fn see_task(
		&self,
		id: TaskId,
		task: infergrid_chain::Task,
	) -> Result<(), PayerError> {
		self.adopt(&mut HashMap::new(), id, task).await
	}

	/// What the transactions for a task have cost, for tests without a view.
	#[cfg(test)]
	pub(crate) fn transaction_fee(&self, task: TaskId) -> Option<infergrid_primitives::Balance> {
		self.shared.receipts.transaction_fee(task)
	}

	/// Takes a task on chain for one of the orders that may still come, by its nonce.
	async fn adopt(
		&self,
		unplaced: &mut HashMap<u64, Order>,
		id: TaskId,
		task: infergrid_chain::Task,
	) -> Result<(), PayerError> {
		if task.payer != self.account() {
			return Ok(());
		}
		let nonce = task.request.user_nonce;
		self.shared.adoption.found(nonce, id);
		let Some(order) = unplaced.remove(&nonce) else {
			return Ok(());
		};
		let placed = Placed {
			task: id,
			request_id: task.request.id(&self.shared.ledger.genesis()),
		};
		self.shared
			.journal
			.run(move |journal| journal.place_order(nonce, placed))
			.await?;
		self.shared.receipts.add(placed);
		self.resume(nonce, order, placed).await
	}

	/// Forgets what has ended long ago.
	async fn prune(&self, now: BlockNumber) -> Result<(), PayerError> {
		let forgotten = self
			.shared
			.journal
			.run(move |journal| {
				journal.prune_answers(now.saturating_sub(ANSWERS_KEPT), ANSWERS_MOST)?;
				journal.prune_orders(now, RECEIPTS_KEPT, RECEIPTS_MOST)
			})
			.await?;
		if !forgotten.is_empty() {
			tracing::info!(
				orders = forgotten.len(),
				"forgot orders that ended long ago"
			);
			self.shared.receipts.forget(&forgotten);
		}
		Ok(())
	}

	/// Takes no more orders, waits at most `limit` for those under way, and leaves the rest to the next
	/// start.
	pub async fn close(&self, limit: Duration) {
		self.closing.cancel();
		self.custodians.close();
		let orders = self.custodians.len();
		if tokio::time::timeout(limit, self.custodians.wait())
			.await
			.is_err()
		{
			tracing::warn!(
				orders = self.custodians.len(),
				"stopping with orders under way: start again soon, or their miners get no prompt"
			);
		} else if orders > 0 {
			tracing::info!(orders, "all orders have ended");
		}
		self.stop.cancel();
		self.custodians.wait().await;
	}
}

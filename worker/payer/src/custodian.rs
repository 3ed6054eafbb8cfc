//! One order, from its acceptance to its end.
//!
//! The custodian holds the prompt and hands it to whichever miner holds the task, until the chain says
//! that the task is delivered or refunded: a miner without a prompt would be slashed for it. Neither a
//! client that leaves or has its answer, nor a miner that breaks off or lies, nor a read that fails
//! ends that.

use crate::{
	order::{Money, OrderError, OrderRequest, Placement, Progress, Stage},
	quote::{InQueue, Turn},
	shared::Shared,
	task::{Fee, Interrupted, Owing, Task},
};
use infergrid_chain::{ReadError, RefundReason, TaskStatus, persist_latest};
use infergrid_journal::Answer;
use infergrid_keys::address;
use infergrid_primitives::{AccountBytes, BlockNumber, Hash, market::Price, request::Window};
use std::{
	sync::{Arc, Mutex, PoisonError},
	time::Duration,
};
use tokio::sync::watch;

/// Times that an order is put on chain at most, each for a higher price.
const ATTEMPTS: usize = 3;
/// Blocks beyond the expected wait after which a higher price is thought of.
const IMPATIENCE: BlockNumber = 10;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Blocks after a delivery for which its miner is asked for the answer.
const FETCH_BLOCKS: BlockNumber = 40;

/// What it takes to see an order to its end.
pub(crate) struct Custodian {
	pub(crate) shared: Arc<Shared>,
	pub(crate) request: OrderRequest,
	pub(crate) progress: watch::Sender<Progress>,
	/// The requests that the order has been on chain as: one for each attempt.
	pub(crate) ids: Mutex<Vec<Hash>>,
}

impl Drop for Custodian {
	fn drop(&mut self) {
		for id in self.ids() {
			self.shared.leave(&id);
		}
	}
}

/// With whom a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Assigned {
	miner: AccountBytes,
	price: Price,
	window: Window,
}

/// An order's wait for a miner.
struct Waiting {
	_place: InQueue,
	/// As the next attempt would find it.
	turn: Turn,
	/// When a miner should have had it.
	overdue: BlockNumber,
}

impl Custodian {
	/// Sees the order to its end.
	pub(crate) async fn run(self) {
		let begun = self.shared.ledger.finalized();
		let mut turn = Turn::default();
		let mut end = self.attempt(&mut turn).await;
		for _ in 1..ATTEMPTS {
			// Nothing was charged, and a higher price may find somebody.
			if end != Err(OrderError::NotTaken) || self.is_alone() {
				break;
			}
			tracing::info!("nobody took the order at this price, bidding more");
			turn.elapsed = self.shared.ledger.finalized().saturating_sub(begun);
			match self.attempt(&mut turn).await {
				Err(error) if error.money() == Money::Untouched => {
					tracing::info!(%error, "the order is not put on chain again");
					break;
				}
				ended => end = ended,
			}
		}
		self.tell_end(end);
	}

	/// Goes on with a task of an earlier run of this payer.
	pub(crate) async fn resume(self, task: Task) {
		tracing::info!(task = task.id, "taking an order up again");
		let end = self.keep_watch(&task, None).await;
		self.tell_end(end);
	}

	async fn attempt(&self, turn: &mut Turn) -> Result<Arc<Answer>, OrderError> {
		let (quote, place) = self.shared.quote(&self.request, *turn).await?;
		turn.last = quote.max_fee;
		let task = self.place(quote).await?;
		tracing::info!(task = task.id, request.id = %hex::encode(task.request_id), "ordered");
		let now = self.shared.ledger.finalized();
		let waiting = Waiting {
			_place: place,
			turn: *turn,
			overdue: now.saturating_add(quote.wait.saturating_add(IMPATIENCE)),
		};
		self.keep_watch(&task, Some(waiting)).await
	}

	/// Serves a task that is on chain to its end.
	async fn keep_watch(
		&self,
		task: &Task,
		waiting: Option<Waiting>,
	) -> Result<Arc<Answer>, OrderError> {
		self.enter(task);
		let end = self.see_through(task, waiting).await;
		// A task whose end is not known may still need its prompt after the next start.
		if end != Err(OrderError::Uncertain) {
			self.close(task).await;
		}
		end
	}

	fn ids(&self) -> Vec<Hash> {
		self.ids
			.lock()
			.unwrap_or_else(PoisonError::into_inner)
			.clone()
	}

	/// Whether nobody follows the order.
	fn is_alone(&self) -> bool {
		self.progress.receiver_count() == 0
	}

	/// Lets the order be found by its task's request, and still by those of earlier attempts, which
	/// clients may have heard of.
	fn enter(&self, task: &Task) {
		self.ids
			.lock()
			.unwrap_or_else(PoisonError::into_inner)
			.push(task.request_id);
		self.shared.enter(task.request_id, &self.progress);
		self.progress.send_modify(|progress| {
			progress.placement = Some(Placement {
				task: task.id,
				request_id: task.request_id,
			});
			progress.stage = Stage::Queued;
		});
	}

	/// Tells the end; the first one stays.
	fn tell_end(&self, end: Result<Arc<Answer>, OrderError>) {
		self.progress.send_if_modified(|progress| {
			let first = progress.end.is_none();
			if first {
				if let Err(error) = &end {
					tracing::warn!(%error, "an order has failed");
				}
				progress.end = Some(end);
			}
			first
		});
	}

	async fn close(&self, task: &Task) {
		let now = self.shared.ledger.finalized();
		if let Err(error) = self.shared.close_order(task.nonce, now).await {
			tracing::error!(%error, "an order cannot be closed");
		}
	}

	/// Serves the task until the chain says how it ended.
	async fn see_through(
		&self,
		task: &Task,
		mut waiting: Option<Waiting>,
	) -> Result<Arc<Answer>, OrderError> {
		let mut called_off = false;
		let mut answer: Option<Arc<Answer>> = None;
		loop {
			let owing = match self.status(task).await? {
				Some(TaskStatus::Queued) => {
					self.wait_for_miner(task, &mut called_off, waiting.as_mut())
						.await?;
					continue;
				}
				Some(TaskStatus::Assigned {
					miner,
					price,
					window,
				}) => {
					drop(waiting.take());
					let assigned = Assigned {
						miner,
						price,
						window,
					};
					answer = self.serve(task, &assigned).await?;
					continue;
				}
				Some(TaskStatus::Delivered { miner, fee, .. }) => Owing {
					miner,
					fee: Fee::Taken(fee),
				},
				Some(TaskStatus::Settled { miner, shares }) => Owing {
					miner,
					fee: Fee::Taken(shares.total()),
				},
				Some(TaskStatus::Refunded(reason)) => {
					tracing::warn!(task = task.id, ?reason, "the money came back");
					return Err(refunded(reason));
				}
				None => return Err(OrderError::Withheld),
			};
			return match answer {
				Some(answer) if answer.receipt.miner == owing.miner => Ok(answer),
				_ => self.fetch(task, owing).await,
			};
		}
	}

	/// Where the task is at the last finalized block. Waits while the chain does not answer.
	async fn status(&self, task: &Task) -> Result<Option<TaskStatus>, OrderError> {
		let found = persist_latest(|| self.shared.ledger.task(task.id)).await;
		Ok(found.map_err(unreadable)?.map(|task| task.status))
	}

	async fn next_block(&self) -> Result<(), OrderError> {
		let next = self.shared.ledger.finalized().saturating_add(1);
		persist_latest(|| self.shared.ledger.reach(next))
			.await
			.map_err(unreadable)
	}

	/// Waits a block long. Calls the order off once nobody follows it, or once a higher price is likely
	/// to find a miner that this one does not.
	async fn wait_for_miner(
		&self,
		task: &Task,
		called_off: &mut bool,
		waiting: Option<&mut Waiting>,
	) -> Result<(), OrderError> {
		if self.is_alone() && !*called_off {
			*called_off = true;
			return match self.call_off(task).await? {
				true => {
					tracing::info!(task = task.id, "nobody waits any more, called off");
					Err(OrderError::CalledOff)
				}
				false => Ok(()),
			};
		}
		if let Some(waiting) = waiting
			&& self.shared.ledger.finalized() >= waiting.overdue
		{
			waiting.overdue = waiting.overdue.saturating_add(IMPATIENCE);
			if self.would_bid_more(waiting.turn).await && self.call_off(task).await? {
				return Err(OrderError::NotTaken);
			}
		}
		tokio::select! {
			reached = self.next_block() => reached,
			_ = self.progress.closed(), if !*called_off => Ok(()),
		}
	}

	/// Whether another attempt is left, and dearer offers are there for it.
	async fn would_bid_more(&self, turn: Turn) -> bool {
		if self.ids().len() >= ATTEMPTS {
			return false;
		}
		let quoted = self.shared.quote(&self.request, turn).await;
		matches!(quoted, Ok((quote, _)) if quote.max_fee > turn.last)
	}

	/// Whether the task could be called off before a miner had it. A miner that has it meanwhile needs
	/// its prompt, however long the call takes.
	async fn call_off(&self, task: &Task) -> Result<bool, OrderError> {
		let left = async {
			loop {
				match self.status(task).await? {
					Some(TaskStatus::Queued) => self.next_block().await?,
					Some(TaskStatus::Refunded(_)) => return Ok(true),
					_ => return Ok(false),
				}
			}
		};
		tokio::select! {
			cancelled = self.shared.ledger.cancel(task.id) => {
				match cancelled {
					Ok(fee) => {
						self.shared.receipts.charge(task.id, fee);
						Ok(true)
					}
					Err(error) => {
						tracing::info!(%error, task = task.id, "the order is not called off");
						Ok(false)
					}
				}
			},
			left = left => left,
		}
	}

	fn begin_run(&self, assigned: &Assigned) {
		self.progress.send_modify(|progress| {
			progress.stage = Stage::Assigned {
				miner: assigned.miner,
				due: assigned.window.due,
			};
			progress.run += 1;
			progress.tokens.clear();
		});
	}

	/// Hands the prompt over and takes the answer, again and again until it is complete, as long as the
	/// task is with this miner. Gives the answer, if it came, once the task has left the miner.
	async fn serve(
		&self,
		task: &Task,
		assigned: &Assigned,
	) -> Result<Option<Arc<Answer>>, OrderError> {
		self.begin_run(assigned);
		let owing = Owing {
			miner: assigned.miner,
			fee: Fee::At(assigned.price),
		};
		let left = self.left(task, assigned);
		tokio::pin!(left);
		let mut pause = FIRST_PAUSE;
		loop {
			let asked = tokio::select! {
				asked = self.ask(task, owing) => asked,
				gone = &mut left => return gone.map(|()| None),
			};
			match asked {
				Ok(answer) => {
					let answer = self.keep(task, answer).await;
					self.tell_end(Ok(answer.clone()));
					return left.await.map(|()| Some(answer));
				}
				Err(Interrupted::Broken(reason)) => {
					tracing::debug!(task = task.id, %reason, "the miner's answer was interrupted");
				}
				Err(Interrupted::Dishonest) => {
					tracing::warn!(task = task.id, miner = %address(&assigned.miner), "the receipt does not match the answer");
					self.tell_end(Err(OrderError::BadReceipt));
					// A miner that lost its work may still do it right.
					self.begin_run(assigned);
					pause = LONGEST_PAUSE;
				}
			}
			tokio::select! {
				_ = tokio::time::sleep(pause) => {},
				gone = &mut left => return gone.map(|()| None),
			}
			pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
		}
	}

	/// Ends when the task is with this miner no more.
	async fn left(&self, task: &Task, assigned: &Assigned) -> Result<(), OrderError> {
		loop {
			self.next_block().await?;
			match self.status(task).await? {
				Some(TaskStatus::Assigned { miner, window, .. })
					if (miner, window) == (assigned.miner, assigned.window) => {}
				_ => return Ok(()),
			}
		}
	}

	/// Fetches the answer of a task that is delivered.
	async fn fetch(&self, task: &Task, owing: Owing) -> Result<Arc<Answer>, OrderError> {
		if let Some(answer) = self.kept(task, owing).await {
			return Ok(answer);
		}
		let give_up = self.shared.ledger.finalized().saturating_add(FETCH_BLOCKS);
		let fetching = async {
			loop {
				match self.ask(task, owing).await {
					Ok(answer) => return Ok(answer),
					Err(Interrupted::Dishonest) => return Err(OrderError::BadReceipt),
					Err(Interrupted::Broken(reason)) => {
						tracing::debug!(task = task.id, %reason, "the answer is not fetched yet");
						tokio::time::sleep(LONGEST_PAUSE).await;
					}
				}
			}
		};
		let answer = tokio::select! {
			fetched = fetching => fetched?,
			_ = persist_latest(|| self.shared.ledger.reach(give_up)) => return Err(OrderError::Withheld),
		};
		Ok(self.keep(task, answer).await)
	}

	/// The answer that an earlier run of this payer kept.
	async fn kept(&self, task: &Task, owing: Owing) -> Option<Arc<Answer>> {
		let id = task.request_id;
		let kept = self.shared.journal.run(move |journal| journal.answer(&id));
		let answer = kept.await.ok().flatten()?;
		(answer.receipt.miner == owing.miner).then(|| Arc::new(answer))
	}

	/// Keeps a complete answer for those who come back for it.
	async fn keep(&self, task: &Task, answer: Answer) -> Arc<Answer> {
		let (ids, kept) = (self.ids(), answer.clone());
		let keep = move |journal: &infergrid_journal::Journal| {
			ids.iter().try_for_each(|id| journal.keep_answer(id, &kept))
		};
		if let Err(error) = self.shared.journal.run(keep).await {
			tracing::error!(%error, "an answer cannot be kept for later");
		}
		self.shared
			.receipts
			.deliver(task.id, answer.receipt.clone());
		Arc::new(answer)
	}
}

fn refunded(reason: RefundReason) -> OrderError {
	match reason {
		RefundReason::NoMiner => OrderError::NotTaken,
		RefundReason::Expired => OrderError::NotDelivered,
		RefundReason::Cancelled | RefundReason::Condemned => OrderError::CalledOff,
	}
}

pub(crate) fn unreadable(error: ReadError) -> OrderError {
	tracing::error!(%error, "the chain cannot be read");
	OrderError::Uncertain
}

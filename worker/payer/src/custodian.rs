//! One order, from its acceptance to its end.
//!
//! The custodian holds the prompt and hands it to whichever miner holds the task, until the chain says
//! that the task is delivered or refunded: a miner without a prompt would be slashed for it. Neither a
//! client that leaves, nor a miner that breaks off or lies, nor a read that fails ends that.

use crate::{
	ledger::Placing,
	miners::Part,
	order::{OrderError, OrderRequest, Placement, Progress, Stage},
	payer::Shared,
	quote::{InQueue, Quote},
};
use futures::StreamExt;
use infergrid_chain::{
	Advice, MORTALITY, Refusal, SubmitError, TaskInput, TaskOrder, TaskStatus, persist,
};
use infergrid_journal::{Answer, Order, Placed};
use infergrid_keys::{address, verify};
use infergrid_primitives::{
	AccountBytes, BlockNumber, Hash, Signature, TaskId, TokenId,
	market::Price,
	request::{Payment, PromptCommitment, Receipt, Request, Window, commit_tokens},
};
use infergrid_swarm::{InferRequest, PeerAddress, PeerId};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::sync::watch;

/// Times that an order is put on chain at most, each for a higher price.
const ATTEMPTS: usize = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Blocks after a delivery for which its miner is asked for the answer.
const FETCH_BLOCKS: BlockNumber = 40;

/// What it takes to see an order to its end.
pub(crate) struct Custodian {
	pub(crate) shared: Arc<Shared>,
	pub(crate) request: OrderRequest,
	pub(crate) progress: watch::Sender<Progress>,
}

/// The task that an order became.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
	pub(crate) id: TaskId,
	pub(crate) request_id: Hash,
	pub(crate) salt: Hash,
	/// The order's number in the journal.
	pub(crate) nonce: u64,
}

/// With whom a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Assigned {
	miner: AccountBytes,
	price: Price,
	window: Window,
}

/// Why a miner gave no complete answer this time.
#[derive(Debug)]
enum Interrupted {
	/// Worth another try with the same miner.
	Broken(String),
	/// It lies.
	Dishonest,
}

impl Custodian {
	/// Sees the order to its end.
	pub(crate) async fn run(self) {
		let mut end = Err(OrderError::NoMiner);
		for attempt in 0..ATTEMPTS {
			end = self.attempt(attempt).await;
			// Nothing was charged, and a higher price may find somebody.
			let again = matches!(end, Err(OrderError::NotTaken)) && !self.is_alone();
			if !again {
				break;
			}
			tracing::info!("nobody took the order at this price, bidding more");
		}
		self.tell_end(end);
	}

	/// Goes on with a task of an earlier run of this payer.
	pub(crate) async fn resume(self, task: Task) {
		tracing::info!(task = task.id, "taking an order up again");
		self.placed(&task);
		let end = self.see_through(&task, None).await;
		self.close(&task).await;
		self.tell_end(end);
	}

	async fn attempt(&self, attempt: usize) -> Result<Arc<Answer>, OrderError> {
		let (quote, in_queue) = self.shared.quote(&self.request, attempt).await?;
		let task = self.place(quote).await?;
		tracing::info!(task = task.id, request.id = %hex::encode(task.request_id), "ordered");
		self.placed(&task);
		let end = self.see_through(&task, Some(in_queue)).await;
		self.close(&task).await;
		end
	}

	/// Whether nobody follows the order.
	fn is_alone(&self) -> bool {
		self.progress.receiver_count() == 0
	}

	fn placed(&self, task: &Task) {
		self.progress.send_modify(|progress| {
			progress.placement = Some(Placement {
				task: task.id,
				request_id: task.request_id,
			});
			progress.stage = Stage::Queued;
		});
		self.shared.enter(task.request_id, &self.progress);
	}

	/// Tells the end; the first one stays.
	fn tell_end(&self, end: Result<Arc<Answer>, OrderError>) {
		if let Err(error) = &end {
			tracing::warn!(%error, "an order has failed");
		}
		self.progress.send_if_modified(|progress| {
			let first = progress.end.is_none();
			if first {
				progress.end = Some(end);
			}
			first
		});
	}

	async fn close(&self, task: &Task) {
		let (nonce, now) = (task.nonce, self.shared.ledger.finalized());
		let close = move |journal: &infergrid_journal::Journal| journal.close_order(nonce, now);
		if let Err(error) = self.shared.journal.run(close).await {
			tracing::error!(%error, "an order cannot be closed");
		}
	}

	/// Puts the task on chain.
	async fn place(&self, quote: Quote) -> Result<Task, OrderError> {
		let shared = &self.shared;
		let genesis = shared.ledger.genesis();
		let n_prompt = self.request.prompt.len() as u32;
		let salt: Hash = rand::random();
		let commitment = commit_tokens(&genesis, &salt, &self.request.prompt);
		let order = TaskOrder {
			profile: self.request.profile,
			input: TaskInput::Committed {
				commitment,
				n_prompt,
			},
			params: self.request.params.clone(),
			max_fee: quote.max_fee,
			patience: quote.patience,
			user_nonce: rand::random(),
			assurance: shared.assurance(self.request.assurance),
		};
		let nonce = order.user_nonce;
		let record = Order {
			salt,
			profile: order.profile,
			prompt: self.request.prompt.clone(),
			placed: None,
		};
		let recorded = shared
			.journal
			.run(move |journal| journal.record_order(nonce, &record))
			.await;
		recorded.map_err(unrecorded)?;
		let waiting = shared.adoption.wait(nonce);
		let placed = match shared.ledger.place(&order).await {
			Ok(Placing { task, .. }) => Some(task),
			// The extrinsic may still come.
			Err(SubmitError::Read(error)) => {
				tracing::warn!(%error, order.nonce = nonce, "it is not known whether the order is on chain");
				self.adopted(waiting).await
			}
			Err(error) => {
				self.forget(nonce).await;
				return Err(refused(&error));
			}
		};
		shared.adoption.forget(nonce);
		let Some(id) = placed else {
			self.forget(nonce).await;
			return Err(OrderError::ChainUnavailable);
		};
		let request = Request {
			profile: order.profile,
			params: order.params,
			prompt: PromptCommitment::Salted {
				commitment,
				n_prompt,
			},
			max_fee: order.max_fee,
			user_nonce: nonce,
			payment: Payment::Task(id),
			assurance: order.assurance,
		};
		let placed = Placed {
			task: id,
			request_id: request.id(&genesis),
		};
		let noted = shared
			.journal
			.run(move |journal| journal.place_order(nonce, placed))
			.await;
		// The miner is owed its prompt whether or not that can be noted.
		if let Err(error) = noted {
			tracing::error!(%error, task = id, "an order on chain cannot be noted");
		}
		shared.receipts.add(placed);
		Ok(Task {
			id,
			request_id: placed.request_id,
			salt,
			nonce,
		})
	}

	/// Waits until the order is seen on chain, or cannot come any more.
	async fn adopted(&self, mut waiting: watch::Receiver<Option<TaskId>>) -> Option<TaskId> {
		// Its era began at the last finalized block at the latest.
		let over = self.shared.ledger.finalized().saturating_add(MORTALITY + 1);
		tokio::select! {
			_ = waiting.wait_for(Option::is_some) => {},
			_ = persist(|| self.shared.ledger.reach(over)) => {},
		}
		*waiting.borrow()
	}

	async fn forget(&self, nonce: u64) {
		self.shared.adoption.forget(nonce);
		let dropped = self
			.shared
			.journal
			.run(move |journal| journal.drop_order(nonce))
			.await;
		if let Err(error) = dropped {
			tracing::error!(%error, "an order that was never placed cannot be forgotten");
		}
	}

	/// Serves the task until the chain says how it ended.
	async fn see_through(
		&self,
		task: &Task,
		mut in_queue: Option<InQueue>,
	) -> Result<Arc<Answer>, OrderError> {
		let mut distrusted = HashSet::new();
		let mut called_off = false;
		let mut last = None;
		loop {
			match self.status(task).await? {
				Some(TaskStatus::Queued) => {
					if self.is_alone() && !called_off {
						called_off = true;
						if self.shared.ledger.cancel(task.id).await.is_ok() {
							tracing::info!(task = task.id, "nobody waits any more, called off");
							return Err(OrderError::CalledOff);
						}
						continue;
					}
					let next = self.shared.ledger.finalized().saturating_add(1);
					tokio::select! {
						reached = persist(|| self.shared.ledger.reach(next)) => {
							reached.map_err(unreadable)?;
						},
						_ = self.progress.closed(), if !called_off => {},
					}
				}
				Some(TaskStatus::Assigned {
					miner,
					price,
					window,
				}) => {
					let assigned = Assigned {
						miner,
						price,
						window,
					};
					drop(in_queue.take());
					self.begin_run(&assigned);
					last = Some(assigned);
					if let Some(answer) = self.serve(task, &assigned, &mut distrusted).await? {
						return Ok(answer);
					}
				}
				Some(TaskStatus::Delivered { .. } | TaskStatus::Settled { .. }) => {
					return match last {
						Some(assigned) if !distrusted.contains(&assigned.miner) => {
							self.fetch(task, &assigned).await
						}
						_ => Err(OrderError::Withheld),
					};
				}
				Some(TaskStatus::Refunded(reason)) => {
					tracing::warn!(task = task.id, ?reason, "the money came back");
					return Err(match reason {
						infergrid_chain::RefundReason::NoMiner => OrderError::NotTaken,
						infergrid_chain::RefundReason::Expired => OrderError::NotDelivered,
						infergrid_chain::RefundReason::Cancelled
						| infergrid_chain::RefundReason::Condemned => OrderError::CalledOff,
					});
				}
				None => return Err(OrderError::Withheld),
			}
		}
	}

	/// Where the task is at the last finalized block. Waits while the chain does not answer.
	async fn status(&self, task: &Task) -> Result<Option<TaskStatus>, OrderError> {
		let found = persist(|| self.shared.ledger.task(task.id)).await;
		Ok(found.map_err(unreadable)?.map(|task| task.status))
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

	/// Hands the prompt over and takes the answer, again and again while the task is with this miner.
	/// None once it is not any more.
	async fn serve(
		&self,
		task: &Task,
		assigned: &Assigned,
		distrusted: &mut HashSet<AccountBytes>,
	) -> Result<Option<Arc<Answer>>, OrderError> {
		let left = self.left(task, assigned);
		tokio::pin!(left);
		let mut pause = FIRST_PAUSE;
		loop {
			// It has the prompt, and nothing that it says is of use.
			if distrusted.contains(&assigned.miner) {
				left.await?;
				return Ok(None);
			}
			let asked = tokio::select! {
				asked = self.ask(task, assigned) => asked,
				gone = &mut left => return gone.map(|()| None),
			};
			match asked {
				Ok(answer) => return self.keep(task, answer).await.map(Some),
				Err(Interrupted::Broken(reason)) => {
					tracing::debug!(task = task.id, %reason, "the miner's answer was interrupted");
				}
				Err(Interrupted::Dishonest) => {
					tracing::warn!(task = task.id, miner = %address(&assigned.miner), "the receipt does not match the answer");
					distrusted.insert(assigned.miner);
					self.tell_end(Err(OrderError::BadReceipt));
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
			let next = self.shared.ledger.finalized().saturating_add(1);
			persist(|| self.shared.ledger.reach(next))
				.await
				.map_err(unreadable)?;
			let with = match self.status(task).await? {
				Some(TaskStatus::Assigned {
					miner,
					price,
					window,
				}) => Some(Assigned {
					miner,
					price,
					window,
				}),
				_ => None,
			};
			if with.as_ref() != Some(assigned) {
				return Ok(());
			}
		}
	}

	/// Fetches the answer of a task that is delivered.
	async fn fetch(&self, task: &Task, assigned: &Assigned) -> Result<Arc<Answer>, OrderError> {
		let give_up = self.shared.ledger.finalized().saturating_add(FETCH_BLOCKS);
		let fetching = async {
			loop {
				match self.ask(task, assigned).await {
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
			_ = persist(|| self.shared.ledger.reach(give_up)) => return Err(OrderError::Withheld),
		};
		self.keep(task, answer).await
	}

	/// Asks the miner and takes its tokens, from the first one that is not here yet.
	async fn ask(&self, task: &Task, assigned: &Assigned) -> Result<Answer, Interrupted> {
		let shared = &self.shared;
		let broken = |error: infergrid_chain::ReadError| Interrupted::Broken(error.to_string());
		let offer = shared
			.ledger
			.offer(&self.request.profile, &assigned.miner)
			.await
			.map_err(broken)?
			.ok_or_else(|| Interrupted::Broken("the miner has withdrawn its offer".into()))?;
		let to = PeerAddress {
			peer: PeerId::from_bytes(&offer.terms.peer)
				.map_err(|error| Interrupted::Broken(error.to_string()))?,
			address: String::from_utf8_lossy(&offer.terms.address).into_owned(),
		};
		let key = shared.ledger.key();
		let genesis = shared.ledger.genesis();
		let request = InferRequest {
			task: task.id,
			salt: task.salt,
			prompt: self.request.prompt.clone(),
			payer_key: key.public(),
			signature: key.sign_delivery_request(&genesis, task.id, &shared.miners.peer()),
		};
		let parts = shared.miners.infer(&to, request).await;
		let mut parts = parts.map_err(Interrupted::Broken)?;
		let mut seen = 0;
		loop {
			let part = parts
				.next()
				.await
				.unwrap_or_else(|| Err("the stream ended".into()));
			match part.map_err(Interrupted::Broken)? {
				Part::Tokens(tokens) => {
					self.take(seen, &tokens)?;
					seen += tokens.len();
				}
				Part::Done {
					receipt,
					signature,
					output_salt,
				} => {
					let tokens = self.progress.borrow().tokens.clone();
					if seen != tokens.len() {
						return Err(Interrupted::Dishonest);
					}
					let receipt = *receipt;
					self.check(
						task,
						assigned,
						(&receipt, &signature),
						(&output_salt, &tokens),
					)
					.await?;
					return Ok(Answer {
						profile: self.request.profile,
						receipt,
						signature,
						tokens,
						at: shared.ledger.finalized(),
					});
				}
			}
		}
	}

	/// Adds the part of an answer that begins at `from`, as far as it is not here yet.
	fn take(&self, from: usize, tokens: &[TokenId]) -> Result<(), Interrupted> {
		let most = self.request.params.max_tokens as usize;
		let mut honest = true;
		self.progress.send_if_modified(|progress| {
			let known = progress.tokens.len().saturating_sub(from).min(tokens.len());
			let (again, fresh) = tokens.split_at(known);
			honest = progress.tokens[from..from + known] == *again
				&& progress.tokens.len() + fresh.len() <= most;
			if honest {
				progress.tokens.extend_from_slice(fresh);
			}
			honest && !fresh.is_empty()
		});
		if honest {
			Ok(())
		} else {
			Err(Interrupted::Dishonest)
		}
	}

	/// Compares the receipt with what was ordered and what came.
	async fn check(
		&self,
		task: &Task,
		assigned: &Assigned,
		(receipt, signature): (&Receipt, &Signature),
		(output_salt, tokens): (&Hash, &[TokenId]),
	) -> Result<(), Interrupted> {
		let ledger = &self.shared.ledger;
		let genesis = ledger.genesis();
		let (n_prompt, n_out) = (self.request.prompt.len() as u32, tokens.len() as u32);
		let operator = ledger
			.operator_of(&receipt.worker_key)
			.await
			.map_err(|error| Interrupted::Broken(error.to_string()))?;
		let honest = operator == Some(assigned.miner)
			&& receipt.miner == assigned.miner
			&& receipt.request_id == task.request_id
			&& receipt.n_prompt == n_prompt
			&& receipt.n_out == n_out
			&& receipt.fee == assigned.price.fee(n_prompt, n_out)
			&& receipt.output_commit == commit_tokens(&genesis, output_salt, tokens)
			&& verify(&receipt.worker_key, &receipt.payload(&genesis), signature);
		if honest {
			Ok(())
		} else {
			Err(Interrupted::Dishonest)
		}
	}

	/// Keeps a complete answer for those who come back for it.
	async fn keep(&self, task: &Task, answer: Answer) -> Result<Arc<Answer>, OrderError> {
		let (id, kept) = (task.request_id, answer.clone());
		let keep = move |journal: &infergrid_journal::Journal| journal.keep_answer(&id, &kept);
		if let Err(error) = self.shared.journal.run(keep).await {
			tracing::error!(%error, "an answer cannot be kept for later");
		}
		self.shared
			.receipts
			.deliver(task.id, answer.receipt.clone());
		Ok(Arc::new(answer))
	}
}

fn unrecorded(error: impl std::fmt::Display) -> OrderError {
	tracing::error!(%error, "an order cannot be recorded");
	OrderError::Unrecorded
}

fn unreadable(error: infergrid_chain::ReadError) -> OrderError {
	tracing::error!(%error, "the chain cannot be read");
	OrderError::Uncertain
}

fn refused(error: &SubmitError) -> OrderError {
	tracing::warn!(%error, "the chain does not take an order");
	match error {
		SubmitError::Refused {
			reason: Refusal::Payment,
			..
		} => OrderError::Funds,
		SubmitError::Dispatch { error, .. } if error == "Tasks::InsufficientFunds" => {
			OrderError::Funds
		}
		SubmitError::Dispatch { error, .. } if error == "Tasks::ProfileNotFound" => {
			OrderError::NoMiner
		}
		error if error.advice() == Advice::Retry => OrderError::ChainUnavailable,
		error => OrderError::Refused(error.to_string()),
	}
}

//! One order from the payer's extrinsic to the checked receipt.

use super::Grid;
use infergrid_chain::{
	Advice, BlockId, Blocks, Call, Event, ReadError, Refusal as Refused, SubmitError, TaskInput,
	TaskOrder, TaskStatus, View, address, verify,
};
use infergrid_gateway::{Delivery, Order, OrderError, OrderEvent, Placement};
use infergrid_journal::{self as journal, Placed};
use infergrid_primitives::{
	AccountBytes, Balance, BlockNumber, Hash, Signature, TaskId, TokenId,
	market::Price,
	request::{Assurance, Payment, PromptCommitment, Receipt, Request, Window, commit_tokens},
};
use infergrid_swarm::{Answer, InferRequest, InferStream, PeerAddress, PeerId};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// A miner may ask at most this many times the reference price.
const PRICE_LIMIT: Balance = 4;
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// What it takes to see an order through.
pub(super) struct Fulfilment {
	grid: Arc<Grid>,
	order: Order,
	events: mpsc::Sender<OrderEvent>,
}

/// The task that an order became.
pub(super) struct Task {
	pub(super) id: TaskId,
	pub(super) request_id: Hash,
	pub(super) salt: Hash,
	/// The order's number in the journal.
	pub(super) nonce: u64,
	/// A finalized block that knows it.
	pub(super) block: BlockNumber,
}

/// Where a task is.
struct Assigned {
	miner: AccountBytes,
	price: Price,
	window: Window,
}

/// The client has gone: there is nobody to tell anything.
struct Gone;

/// Why a miner gave no complete answer this time.
enum Interrupted {
	/// Nobody wants the answer any more, and the miner has what it needs.
	Gone,
	/// Worth another try with the same miner.
	Broken(String),
	/// The order fails.
	Failed(OrderError),
}

impl Fulfilment {
	pub(super) fn new(grid: Arc<Grid>, order: Order, events: mpsc::Sender<OrderEvent>) -> Self {
		Self {
			grid,
			order,
			events,
		}
	}

	/// Sees the order through and tells the client how it ends.
	pub(super) async fn run(self) {
		let end = match self.fulfil().await {
			Ok(Some(delivery)) => OrderEvent::Done(Box::new(delivery)),
			Ok(None) => return,
			Err(error) => OrderEvent::Failed(error),
		};
		let _ = self.events.send(end).await;
	}

	/// The answer's receipt; None if the client has gone.
	async fn fulfil(&self) -> Result<Option<Delivery>, OrderError> {
		let task = self.place().await?;
		tracing::info!(task = task.id, request.id = %hex::encode(task.request_id), "ordered");
		let end = self.see_through(&task).await;
		self.close(&task);
		end
	}

	/// Goes on with a task whose client went with an earlier run of this gateway: calls it off, or
	/// hands the miner the prompt that it is owed.
	pub(super) async fn resume(self, task: Task) {
		tracing::info!(task = task.id, "resuming an order");
		if let Err(error) = self.see_through(&task).await {
			tracing::info!(task = task.id, %error, "a resumed order has failed");
		}
		self.close(&task);
	}

	fn close(&self, task: &Task) {
		let now = self.grid.chain.finalized();
		if let Err(error) = self.grid.journal.close_order(task.nonce, now) {
			tracing::warn!(%error, "an order cannot be closed");
		}
	}

	async fn see_through(&self, task: &Task) -> Result<Option<Delivery>, OrderError> {
		let mut blocks = self.grid.chain.blocks(task.block);
		let mut tokens = Vec::new();
		loop {
			let Some(assigned) = self.assignment(task, &mut blocks).await? else {
				return Ok(None);
			};
			// Another miner's answer has another seed: what was shown cannot be continued.
			if !tokens.is_empty() {
				return Err(OrderError::MinerFailed);
			}
			let placement = Placement {
				task: task.id,
				request_id: task.request_id,
				miner: address(&assigned.miner),
			};
			// The miner is owed its prompt even if the client has gone meanwhile.
			let _ = self.tell(OrderEvent::Assigned(placement)).await;
			loop {
				match self.answer(task, &assigned, &mut tokens).await {
					Ok(delivery) => {
						self.grid.ledger.deliver(task.id, delivery.receipt.clone());
						return Ok(Some(delivery));
					}
					Err(Interrupted::Gone) => return Ok(None),
					Err(Interrupted::Failed(error)) => return Err(error),
					Err(Interrupted::Broken(reason)) => {
						tracing::debug!(task = task.id, %reason, "the miner's answer was interrupted");
					}
				}
				tokio::time::sleep(RETRY_PAUSE).await;
				if !self.still_there(task, &assigned).await? {
					break;
				}
			}
			blocks = self.grid.chain.blocks(self.grid.chain.finalized());
		}
	}

	/// Puts the task on chain.
	async fn place(&self) -> Result<Task, OrderError> {
		let grid = &self.grid;
		let genesis = grid.chain.genesis();
		let view = grid.chain.latest().await.map_err(unreachable)?;
		let n_prompt = self.order.prompt.len() as u32;
		let salt: Hash = rand::random();
		let commitment = commit_tokens(&genesis, &salt, &self.order.prompt);
		let (max_fee, patience) = self.budget(&view, n_prompt).await?;
		let assurance = match grid.terms.assurance {
			Assurance::Always => Assurance::Always,
			Assurance::Sampled => self.order.assurance,
		};
		let order = TaskOrder {
			profile: self.order.model.profile,
			input: TaskInput::Committed {
				commitment,
				n_prompt,
			},
			params: self.order.params.clone(),
			max_fee,
			patience,
			user_nonce: rand::random(),
			assurance,
		};
		let nonce = order.user_nonce;
		let record = journal::Order {
			salt,
			profile: order.profile,
			prompt: self.order.prompt.clone(),
			placed: None,
		};
		grid.journal
			.record_order(nonce, &record)
			.map_err(own_fault)?;
		let included = match grid
			.submitter
			.submit(&Call::submit_task(&order), None)
			.await
		{
			Ok(included) => included,
			Err(error) => {
				// Where the chain could not be read, the extrinsic may still come.
				if !matches!(error, SubmitError::Read(_)) {
					grid.journal.drop_order(nonce).map_err(own_fault)?;
				}
				return Err(refused(error));
			}
		};
		let payer = grid.submitter.account();
		let id = included
			.events
			.iter()
			.find_map(|event| match event {
				Event::TaskSubmitted(event) if event.payer == payer => Some(event.task),
				_ => None,
			})
			.ok_or_else(|| own_fault("the extrinsic submitted no task"))?;
		let request = Request {
			profile: order.profile,
			params: order.params,
			prompt: PromptCommitment::Salted {
				commitment,
				n_prompt,
			},
			max_fee,
			user_nonce: nonce,
			payment: Payment::Task(id),
			assurance,
		};
		let request_id = request.id(&genesis);
		let placed = Placed {
			task: id,
			request_id,
		};
		grid.journal.place_order(nonce, placed).map_err(own_fault)?;
		grid.ledger.add(placed);
		Ok(Task {
			id,
			request_id,
			salt,
			nonce,
			block: included.block.number,
		})
	}

	/// What the answer may cost and how long it may take: enough for the dearest acceptable miner.
	async fn budget(
		&self,
		view: &View,
		n_prompt: u32,
	) -> Result<(Balance, BlockNumber), OrderError> {
		let profile_id = self.order.model.profile;
		let profile = view
			.profile(&profile_id)
			.await
			.map_err(unreachable)?
			.ok_or(OrderError::NoMiner)?;
		let rules = view.task_rules().map_err(unreachable)?;
		let most = self.order.params.max_tokens;
		let limit = Price {
			input: profile.reference_input.saturating_mul(PRICE_LIMIT),
			output: profile.reference_output.saturating_mul(PRICE_LIMIT),
		};
		let limit = limit.fee(n_prompt, most);
		let offers = view.offers(&profile_id).await.map_err(unreachable)?;
		let dearest = offers
			.iter()
			.filter(|(_, offer)| offer.terms.capacity > 0)
			.map(|(_, offer)| offer.terms.price.fee(n_prompt, most))
			.filter(|fee| *fee <= limit)
			.max()
			.ok_or(OrderError::NoMiner)?;
		let needed = rules.needed_patience(&profile, n_prompt.saturating_add(most));
		// A miner that misses leaves time for another one.
		let patience = self
			.grid
			.terms
			.patience
			.max(needed.saturating_mul(2))
			.clamp(rules.min_patience, rules.max_patience);
		Ok((dearest.max(rules.min_fee), patience))
	}

	/// Waits until the chain has chosen a miner. None if the client goes before that.
	async fn assignment(
		&self,
		task: &Task,
		blocks: &mut Blocks,
	) -> Result<Option<Assigned>, OrderError> {
		let mut gone = false;
		loop {
			tokio::select! {
				block = next(blocks) => {
					block?;
				},
				_ = self.events.closed(), if !gone => {
					if self.call_off(task).await {
						return Ok(None);
					}
					// A miner has it already, and is owed its prompt.
					gone = true;
					continue;
				},
			};
			match self.status(task).await?.1 {
				Some(TaskStatus::Queued) => {}
				Some(TaskStatus::Assigned {
					miner,
					price,
					window,
				}) => {
					return Ok(Some(Assigned {
						miner,
						price,
						window,
					}));
				}
				Some(TaskStatus::Refunded(reason)) => {
					tracing::warn!(task = task.id, ?reason, "the money came back");
					return Err(match reason {
						infergrid_chain::RefundReason::NoMiner => OrderError::NoMiner,
						_ => OrderError::TimedOut,
					});
				}
				Some(TaskStatus::Delivered { .. } | TaskStatus::Settled { .. }) | None => {
					return Err(OrderError::MinerFailed);
				}
			}
		}
	}

	/// Whether the task is still with the same miner and may be answered.
	async fn still_there(&self, task: &Task, assigned: &Assigned) -> Result<bool, OrderError> {
		let (now, status) = self.status(task).await?;
		Ok(match status {
			Some(TaskStatus::Assigned { miner, window, .. }) => {
				miner == assigned.miner && window == assigned.window
			}
			// It has delivered: the answer can still be fetched from it.
			Some(TaskStatus::Delivered { miner, .. } | TaskStatus::Settled { miner, .. }) => {
				miner == assigned.miner && now <= assigned.window.due
			}
			Some(TaskStatus::Queued | TaskStatus::Refunded(_)) | None => false,
		})
	}

	/// Where the task is at the last finalized block. Waits while the chain does not answer: a miner
	/// that got the task is owed its prompt.
	async fn status(&self, task: &Task) -> Result<(BlockNumber, Option<TaskStatus>), OrderError> {
		loop {
			let read = async {
				let view = self.grid.chain.latest().await?;
				let state = view.task(task.id).await?;
				Ok::<_, ReadError>((view.block().number, state.map(|state| state.status)))
			};
			match read.await {
				Ok(status) => return Ok(status),
				Err(error) => retry(error).await?,
			}
		}
	}

	/// Asks the miner and passes its tokens on, from the first one that the client has not seen.
	async fn answer(
		&self,
		task: &Task,
		assigned: &Assigned,
		tokens: &mut Vec<TokenId>,
	) -> Result<Delivery, Interrupted> {
		let mut stream = self.ask(task, assigned).await?;
		let mut seen = 0;
		loop {
			let part = stream
				.next()
				.await
				.ok_or_else(|| Interrupted::Broken("the stream ended".into()))?
				.map_err(|error| Interrupted::Broken(error.to_string()))?;
			match part {
				Answer::Tokens(part) => {
					let known = tokens.len().saturating_sub(seen).min(part.len());
					if part[..known] != tokens[seen..seen + known] {
						return Err(Interrupted::Failed(OrderError::BadReceipt));
					}
					seen += part.len();
					let fresh = part[known..].to_vec();
					if fresh.is_empty() {
						continue;
					}
					let most = self.order.params.max_tokens as usize;
					if tokens.len().saturating_add(fresh.len()) > most {
						return Err(Interrupted::Failed(OrderError::BadReceipt));
					}
					tokens.extend_from_slice(&fresh);
					if self.tell(OrderEvent::Tokens(fresh)).await.is_err() {
						return Err(Interrupted::Gone);
					}
				}
				Answer::Done {
					receipt,
					signature,
					output_salt,
				} => {
					let receipt = self
						.check(task, assigned, tokens, receipt, &signature, &output_salt)
						.await?;
					return Ok(Delivery { receipt, signature });
				}
			}
		}
	}

	/// Opens the stream with the miner, at the address in its offer.
	async fn ask(&self, task: &Task, assigned: &Assigned) -> Result<InferStream, Interrupted> {
		let grid = &self.grid;
		let broken = |error: ReadError| Interrupted::Broken(error.to_string());
		let view = grid.chain.latest().await.map_err(broken)?;
		let offer = view
			.offer(&self.order.model.profile, &assigned.miner)
			.await
			.map_err(broken)?
			.ok_or_else(|| Interrupted::Broken("the miner has withdrawn its offer".into()))?;
		let peer = PeerId::from_bytes(&offer.terms.peer)
			.map_err(|error| Interrupted::Broken(error.to_string()))?;
		let address = String::from_utf8_lossy(&offer.terms.address).into_owned();
		let me = grid.swarm.peer_id().to_bytes();
		let request = InferRequest {
			task: task.id,
			salt: task.salt,
			prompt: self.order.prompt.clone(),
			payer_key: grid.submitter.account(),
			signature: grid.submitter.key().sign_delivery_request(
				&grid.chain.genesis(),
				task.id,
				&me,
			),
		};
		grid.swarm
			.infer(&PeerAddress { peer, address }, request)
			.await
			.map_err(|error| Interrupted::Broken(error.to_string()))
	}

	/// Compares the receipt with what was ordered and what came.
	async fn check(
		&self,
		task: &Task,
		assigned: &Assigned,
		tokens: &[TokenId],
		receipt: Receipt,
		signature: &Signature,
		output_salt: &Hash,
	) -> Result<Receipt, Interrupted> {
		let genesis = self.grid.chain.genesis();
		let (n_prompt, n_out) = (self.order.prompt.len() as u32, tokens.len() as u32);
		let broken = |error: ReadError| Interrupted::Broken(error.to_string());
		let view = self.grid.chain.latest().await.map_err(broken)?;
		let operator = view
			.operator_of(&receipt.worker_key)
			.await
			.map_err(broken)?;
		let honest = operator == Some(assigned.miner)
			&& receipt.miner == assigned.miner
			&& receipt.request_id == task.request_id
			&& receipt.n_prompt == n_prompt
			&& receipt.n_out == n_out
			&& receipt.fee == assigned.price.fee(n_prompt, n_out)
			&& receipt.output_commit == commit_tokens(&genesis, output_salt, tokens)
			&& verify(&receipt.worker_key, &receipt.payload(&genesis), signature);
		if honest {
			Ok(receipt)
		} else {
			tracing::warn!(task = task.id, miner = %address(&assigned.miner), "the receipt does not match the answer");
			Err(Interrupted::Failed(OrderError::BadReceipt))
		}
	}

	/// Gets the money back for a task that nobody works on. False if somebody does.
	async fn call_off(&self, task: &Task) -> bool {
		match self
			.grid
			.submitter
			.submit(&Call::cancel_task(task.id), None)
			.await
		{
			Ok(_) => {
				tracing::info!(task = task.id, "the client has gone, called off");
				true
			}
			Err(error) => {
				tracing::info!(task = task.id, %error, "too late to call off");
				false
			}
		}
	}

	async fn tell(&self, event: OrderEvent) -> Result<(), Gone> {
		self.events.send(event).await.map_err(|_| Gone)
	}
}

/// The next block, whatever the node does meanwhile.
async fn next(blocks: &mut Blocks) -> Result<BlockId, OrderError> {
	loop {
		match blocks.next().await {
			Ok(block) => return Ok(block),
			Err(error) => retry(error).await?,
		}
	}
}

async fn retry(error: ReadError) -> Result<(), OrderError> {
	if error.advice() == Advice::Die {
		return Err(unreachable(error));
	}
	tokio::time::sleep(RETRY_PAUSE).await;
	Ok(())
}

fn unreachable(error: ReadError) -> OrderError {
	tracing::warn!(%error, "the chain cannot be read");
	OrderError::ChainUnavailable
}

fn own_fault(error: impl std::fmt::Display) -> OrderError {
	tracing::error!(%error, "an order cannot be placed");
	OrderError::Overloaded
}

fn refused(error: SubmitError) -> OrderError {
	tracing::warn!(%error, "the chain does not take an order");
	match &error {
		SubmitError::Refused {
			reason: Refused::Payment,
			..
		} => OrderError::Funds,
		SubmitError::Read(_) => OrderError::ChainUnavailable,
		SubmitError::Dispatch { error, .. } => match error.as_str() {
			"Tasks::InsufficientFunds" => OrderError::Funds,
			"Tasks::ProfileNotFound" => OrderError::NoMiner,
			_ => OrderError::Overloaded,
		},
		SubmitError::Refused { .. } | SubmitError::TooLate { .. } | SubmitError::Encode { .. } => {
			OrderError::Overloaded
		}
	}
}

//! Putting an order on chain: recorded first, found again by its nonce where nobody knows whether it came.

use crate::{
	custodian::{Custodian, unreadable},
	ledger::Placing,
	order::OrderError,
	quote::Quote,
	task::Task,
};
use infergrid_chain::{
	Advice, MORTALITY, Refusal, SubmitError, TaskInput, TaskOrder, persist_latest,
};
use infergrid_journal::{Order, Placed};
use infergrid_primitives::{
	Hash, TaskId,
	request::{Payment, PromptCommitment, Request, commit_tokens},
};
use tokio::sync::watch;

impl Custodian {
	/// Puts the task on chain.
	pub(crate) async fn place(&self, quote: Quote) -> Result<Task, OrderError> {
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
		let mut paid = None;
		let placed = shared.ledger.place(&order).await;
		let placed = match placed {
			Ok(Placing { task, fee }) => {
				paid = Some(fee);
				Ok(Some(task))
			}
			// The extrinsic may have come, or may still come.
			Err(error) if error.is_uncertain() => {
				tracing::warn!(%error, order.nonce = nonce, "it is not known whether the order is on chain");
				self.adopted(nonce, waiting).await
			}
			Err(error) => {
				self.forget(nonce).await;
				return Err(refused(&error));
			}
		};
		shared.adoption.forget(nonce);
		// The next start looks for what is not known.
		let Some(id) = placed? else {
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
		if let Some(fee) = paid {
			shared.receipts.charge(id, fee);
			shared.funds.spent(order.max_fee.saturating_add(fee));
		}
		Ok(Task {
			id,
			request_id: placed.request_id,
			salt,
			nonce,
		})
	}

	/// Waits until the order is on chain, or cannot come any more.
	async fn adopted(
		&self,
		nonce: u64,
		mut waiting: watch::Receiver<Option<TaskId>>,
	) -> Result<Option<TaskId>, OrderError> {
		let ledger = &self.shared.ledger;
		// Its era began at the last finalized block at the latest.
		let over = ledger.finalized().saturating_add(MORTALITY + 1);
		let reached = tokio::select! {
			_ = waiting.wait_for(Option::is_some) => None,
			reached = persist_latest(|| ledger.reach(over)) => Some(reached),
		};
		let Some(reached) = reached else {
			return Ok(*waiting.borrow());
		};
		reached.map_err(unreadable)?;
		persist_latest(|| ledger.find(nonce))
			.await
			.map_err(unreadable)
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
}

fn unrecorded(error: impl std::fmt::Display) -> OrderError {
	tracing::error!(%error, "an order cannot be recorded");
	OrderError::Unrecorded
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

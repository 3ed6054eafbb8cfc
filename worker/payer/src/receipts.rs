//! What became of the payer's tasks: from events while they come, from the state otherwise.

use infergrid_chain::{Event, Phase, ReadError, RefundReason, TaskStatus, View};
use infergrid_journal::Placed;
use infergrid_primitives::{
	AccountBytes, AuditId, Balance, BlockNumber, Hash, TaskId, audit::Verdict, market::Shares,
	request::Receipt,
};
use std::{
	collections::HashMap,
	sync::{Mutex, MutexGuard, PoisonError},
};

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
	Refunded(RefundReason),
}

/// How far an audit is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditState {
	/// The audit.
	pub audit: AuditId,
	/// Where it is; None once it is concluded.
	pub phase: Option<Phase>,
	/// What the committee found, once it is concluded.
	pub verdict: Option<Verdict>,
}

/// What is known of one request's money and audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
	/// The task.
	pub task: TaskId,
	/// The request's identifier.
	pub request_id: Hash,
	/// Who has or had it.
	pub miner: Option<AccountBytes>,
	/// The receipt, once delivered.
	pub receipt: Option<Receipt>,
	/// What became of the money.
	pub settlement: Settlement,
	/// What the payer's transactions have cost, in plancks; None where an earlier run has sent them.
	pub transaction_fee: Option<Balance>,
	/// The audit, once the receipt is on chain.
	pub audit: Option<AuditState>,
	/// Block of the last step that was seen.
	pub block: Option<BlockNumber>,
}

/// What is known of one task beyond the chain's state, which forgets finished ones.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
	task: TaskId,
	request_id: Hash,
	miner: Option<AccountBytes>,
	receipt: Option<Receipt>,
	audit: Option<AuditId>,
	verdict: Option<Verdict>,
	settlement: Settlement,
	transaction_fee: Option<Balance>,
	block: Option<BlockNumber>,
}

#[derive(Debug, Default)]
struct Inner {
	entries: HashMap<TaskId, Entry>,
	by_request: HashMap<Hash, TaskId>,
}

/// The payer's tasks.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
	inner: Mutex<Inner>,
}

impl Receipts {
	/// Begins to follow a task.
	pub(crate) fn add(&self, placed: Placed) {
		let mut inner = self.lock();
		inner.by_request.insert(placed.request_id, placed.task);
		inner.entries.entry(placed.task).or_insert_with(|| Entry {
			task: placed.task,
			request_id: placed.request_id,
			miner: None,
			receipt: None,
			audit: None,
			verdict: None,
			settlement: Settlement::Queued,
			transaction_fee: None,
			block: None,
		});
	}

	/// Follows tasks no more.
	pub(crate) fn forget(&self, tasks: &[Placed]) {
		let mut inner = self.lock();
		for placed in tasks {
			inner.by_request.remove(&placed.request_id);
			inner.entries.remove(&placed.task);
		}
	}

	/// Keeps a receipt that the miner sent.
	pub(crate) fn deliver(&self, task: TaskId, receipt: Receipt) {
		if let Some(entry) = self.lock().entries.get_mut(&task) {
			entry.receipt = Some(receipt);
		}
	}

	/// Adds what a transaction for a task has cost.
	pub(crate) fn charge(&self, task: TaskId, fee: Balance) {
		if let Some(entry) = self.lock().entries.get_mut(&task) {
			let before = entry.transaction_fee.unwrap_or_default();
			entry.transaction_fee = Some(before.saturating_add(fee));
		}
	}

	#[cfg(test)]
	pub(crate) fn transaction_fee(&self, task: TaskId) -> Option<Balance> {
		self.lock().entries.get(&task)?.transaction_fee
	}

	/// What is known of a request's task.
	fn find(&self, request_id: &Hash) -> Option<Entry> {
		let inner = self.lock();
		inner
			.by_request
			.get(request_id)
			.and_then(|task| inner.entries.get(task))
			.cloned()
	}

	/// Notes the events of a block.
	pub(crate) fn note(&self, block: BlockNumber, events: &[Event]) {
		let mut inner = self.lock();
		for event in events {
			let task = match event {
				Event::TaskAssigned(event) => event.task,
				Event::ResultSubmitted(event) => event.task,
				Event::AuditConcluded(event) => event.task,
				Event::TaskSettled(event) => event.task,
				Event::TaskRefunded(event) => event.task,
				_ => continue,
			};
			let Some(entry) = inner.entries.get_mut(&task) else {
				continue;
			};
			entry.block = Some(block);
			match event {
				Event::TaskAssigned(event) => {
					entry.miner = Some(event.miner);
					entry.settlement = Settlement::Assigned;
				}
				Event::ResultSubmitted(event) => {
					entry.audit = Some(event.audit);
					entry.settlement = Settlement::Escrowed { fee: event.fee };
				}
				Event::AuditConcluded(event) => {
					entry.audit = Some(event.audit);
					entry.verdict = Some(event.verdict);
				}
				Event::TaskSettled(event) => {
					entry.settlement = Settlement::Settled {
						fee: event.fee,
						shares: event.shares,
					};
				}
				Event::TaskRefunded(event) => {
					entry.settlement = Settlement::Refunded(event.reason);
				}
				_ => {}
			}
		}
	}

	/// What is known of a request after `view`; None if it is unknown, or forgotten by the chain before
	/// anything was seen of it here.
	pub(crate) async fn account(
		&self,
		view: &View,
		request_id: &Hash,
	) -> Result<Option<Account>, ReadError> {
		match self.find(request_id) {
			None => Ok(None),
			Some(entry) => entry.account(view).await,
		}
	}

	fn lock(&self) -> MutexGuard<'_, Inner> {
		self.inner.lock().unwrap_or_else(PoisonError::into_inner)
	}
}

impl Entry {
	/// Whether anything has been seen of the task since this payer began.
	fn is_blank(&self) -> bool {
		self.block.is_none() && self.receipt.is_none()
	}

	async fn account(mut self, view: &View) -> Result<Option<Account>, ReadError> {
		let task = view.task(self.task).await?;
		if task.is_none() && self.is_blank() {
			return Ok(None);
		}
		if let Some(task) = task {
			self.update(task.status);
			if let Some(receipt) = view.receipt(self.task).await? {
				self.receipt = Some(receipt);
			}
		}
		let audit = match self.audit {
			None => None,
			Some(audit) => {
				let phase = view.audit(audit).await?.map(|audit| audit.phase);
				Some(audit_state(audit, phase, self.verdict))
			}
		};
		Ok(Some(Account {
			task: self.task,
			request_id: self.request_id,
			miner: self.miner,
			receipt: self.receipt,
			settlement: self.settlement,
			transaction_fee: self.transaction_fee,
			audit,
			block: self.block,
		}))
	}

	fn update(&mut self, status: TaskStatus) {
		self.settlement = match status {
			TaskStatus::Queued => Settlement::Queued,
			TaskStatus::Assigned { miner, .. } => {
				self.miner = Some(miner);
				Settlement::Assigned
			}
			TaskStatus::Delivered {
				miner, fee, audit, ..
			} => {
				self.miner = Some(miner);
				self.audit = Some(audit);
				Settlement::Escrowed { fee }
			}
			TaskStatus::Settled { miner, shares } => {
				self.miner = Some(miner);
				let fee = shares.total();
				Settlement::Settled { fee, shares }
			}
			TaskStatus::Refunded(reason) => Settlement::Refunded(reason),
		};
	}
}

/// The chain forgets concluded audits: `phase` is None then, and `verdict` what was seen.
fn audit_state(audit: AuditId, phase: Option<Phase>, verdict: Option<Verdict>) -> AuditState {
	match phase {
		Some(Phase::Concluded { verdict, .. }) => AuditState {
			audit,
			phase: None,
			verdict: Some(verdict),
		},
		phase => AuditState {
			audit,
			phase,
			verdict,
		},
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use infergrid_chain::event;

	fn placed(task: TaskId) -> Placed {
		Placed {
			task,
			request_id: [task as u8; 32],
		}
	}

	#[test]
	fn what_is_forgotten_is_not_found_and_the_rest_is() {
		let receipts = Receipts::default();
		receipts.add(placed(1));
		receipts.add(placed(2));
		receipts.forget(&[placed(1)]);
		assert_eq!(receipts.find(&placed(1).request_id), None);
		assert_eq!(receipts.find(&placed(2).request_id).unwrap().task, 2);
	}

	#[test]
	fn what_transactions_cost_adds_up() {
		let receipts = Receipts::default();
		receipts.add(placed(1));
		let paid = || {
			receipts
				.find(&placed(1).request_id)
				.unwrap()
				.transaction_fee
		};
		assert_eq!(paid(), None);
		receipts.charge(1, 5);
		receipts.charge(1, 2);
		assert_eq!(paid(), Some(7));
	}

	#[test]
	fn an_entry_is_blank_until_something_is_heard_of_it() {
		let receipts = Receipts::default();
		receipts.add(placed(1));
		let entry = || receipts.find(&placed(1).request_id).unwrap();
		assert!(entry().is_blank());
		let refunded = event::TaskRefunded {
			task: 1,
			payer: [1; 32],
			amount: 1,
			reason: RefundReason::Expired,
		};
		receipts.note(7, &[Event::TaskRefunded(refunded)]);
		assert!(!entry().is_blank());
	}
}

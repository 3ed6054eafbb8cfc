//! What became of the gateway's tasks: from events while they come, from the state otherwise.

use crate::failure::Failure;
use infergrid_chain::{Audit, Event, Phase, ReadError, RefundReason, TaskStatus, View, address};
use infergrid_gateway::{AuditProgress, Placement, ReceiptProgress, Settlement};
use infergrid_journal::{Journal, Placed};
use infergrid_primitives::{AuditId, BlockNumber, Hash, TaskId, audit::Verdict, request::Receipt};
use std::{
	collections::HashMap,
	sync::{Mutex, MutexGuard, PoisonError},
};

/// What is known of one task beyond the chain's state, which forgets finished ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
	task: TaskId,
	request_id: Hash,
	miner: String,
	receipt: Option<Receipt>,
	audit: Option<AuditId>,
	verdict: Option<Verdict>,
	settlement: Settlement,
	block: Option<BlockNumber>,
}

#[derive(Debug, Default)]
struct Inner {
	entries: HashMap<TaskId, Entry>,
	by_request: HashMap<Hash, TaskId>,
}

/// The gateway's tasks.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
	inner: Mutex<Inner>,
}

impl Ledger {
	/// The tasks that the journal knows.
	pub(crate) fn restore(journal: &Journal) -> Result<Self, Failure> {
		let ledger = Self::default();
		for (_, order) in journal.orders()? {
			if let Some(placed) = order.placed {
				ledger.add(placed);
			}
		}
		Ok(ledger)
	}

	/// Begins to follow a task.
	pub(crate) fn add(&self, placed: Placed) {
		let mut inner = self.lock();
		inner.by_request.insert(placed.request_id, placed.task);
		inner.entries.entry(placed.task).or_insert_with(|| Entry {
			task: placed.task,
			request_id: placed.request_id,
			miner: String::new(),
			receipt: None,
			audit: None,
			verdict: None,
			settlement: Settlement::Queued,
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

	/// What is known of a request's task.
	pub(crate) fn find(&self, request_id: &Hash) -> Option<Entry> {
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
					entry.miner = address(&event.miner);
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
					entry.settlement = Settlement::Refunded {
						reason: reason(event.reason).into(),
					};
				}
				_ => {}
			}
		}
	}

	/// Finds the audits of tasks whose events were missed.
	pub(crate) fn note_audits(&self, audits: &[(AuditId, Audit)]) {
		let mut inner = self.lock();
		for (id, audit) in audits {
			if let Some(entry) = inner.entries.get_mut(&audit.work.task) {
				entry.audit = Some(*id);
				if let Phase::Concluded { verdict, .. } = audit.phase {
					entry.verdict = Some(verdict);
				}
			}
		}
	}

	fn lock(&self) -> MutexGuard<'_, Inner> {
		self.inner.lock().unwrap_or_else(PoisonError::into_inner)
	}
}

impl Entry {
	/// Whether anything has been seen of the task since this gateway began.
	fn is_blank(&self) -> bool {
		self.block.is_none() && self.receipt.is_none()
	}
}

/// How far a task is after `view`; None if the chain has forgotten it and so has the gateway.
pub(crate) async fn progress(
	view: &View,
	mut entry: Entry,
) -> Result<Option<ReceiptProgress>, ReadError> {
	let task = view.task(entry.task).await?;
	if task.is_none() && entry.is_blank() {
		return Ok(None);
	}
	if let Some(task) = task {
		entry.settlement = match task.status {
			TaskStatus::Queued => Settlement::Queued,
			TaskStatus::Assigned { miner, .. } => {
				entry.miner = address(&miner);
				Settlement::Assigned
			}
			TaskStatus::Delivered {
				miner, fee, audit, ..
			} => {
				entry.miner = address(&miner);
				entry.audit = Some(audit);
				Settlement::Escrowed { fee }
			}
			TaskStatus::Settled { miner, shares } => {
				entry.miner = address(&miner);
				let fee = shares.miner + shares.creator + shares.treasury;
				Settlement::Settled { fee, shares }
			}
			TaskStatus::Refunded(why) => Settlement::Refunded {
				reason: reason(why).into(),
			},
		};
		if let Some(receipt) = view.receipt(entry.task).await? {
			entry.receipt = Some(receipt);
		}
	}
	let audit = match entry.audit {
		None => None,
		Some(id) => Some(audit_progress(view, id, entry.verdict).await?),
	};
	Ok(Some(ReceiptProgress {
		placement: Placement {
			task: entry.task,
			request_id: entry.request_id,
			miner: entry.miner,
		},
		receipt: entry.receipt,
		settlement: entry.settlement,
		audit,
		block: entry.block,
	}))
}

async fn audit_progress(
	view: &View,
	id: AuditId,
	verdict: Option<Verdict>,
) -> Result<AuditProgress, ReadError> {
	let phase = view.audit(id).await?.map(|audit| audit.phase);
	let (phase, verdict) = match phase {
		Some(Phase::Scheduled { .. }) => ("scheduled", verdict),
		Some(Phase::Committing { .. }) => ("committing", verdict),
		Some(Phase::Revealing { .. }) => ("revealing", verdict),
		Some(Phase::Escrowed { .. }) => ("escrowed", verdict),
		Some(Phase::Concluded { verdict, .. }) => ("concluded", Some(verdict)),
		// The chain forgets concluded audits.
		None => ("concluded", verdict),
	};
	Ok(AuditProgress {
		audit: id,
		phase: phase.into(),
		verdict,
	})
}

fn reason(reason: RefundReason) -> &'static str {
	match reason {
		RefundReason::NoMiner => "no_miner",
		RefundReason::Expired => "expired",
		RefundReason::Cancelled => "cancelled",
		RefundReason::Condemned => "condemned",
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
		let ledger = Ledger::default();
		ledger.add(placed(1));
		ledger.add(placed(2));
		ledger.forget(&[placed(1)]);
		assert_eq!(ledger.find(&placed(1).request_id), None);
		assert_eq!(ledger.find(&placed(2).request_id).unwrap().task, 2);
	}

	#[test]
	fn an_entry_is_blank_until_something_is_heard_of_it() {
		let ledger = Ledger::default();
		ledger.add(placed(1));
		let entry = || ledger.find(&placed(1).request_id).unwrap();
		assert!(entry().is_blank());
		let refunded = event::TaskRefunded {
			task: 1,
			payer: [1; 32],
			amount: 1,
			reason: RefundReason::Expired,
		};
		ledger.note(7, &[Event::TaskRefunded(refunded)]);
		assert!(!entry().is_blank());
	}
}

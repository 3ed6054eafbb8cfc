//! A miner's receipts with their openings, from the signature until nobody can ask for them.

use crate::{Delivery, Journal, JournalError, Recorded, store::open};
use infergrid_primitives::{
	BlockNumber, TaskId,
	request::{Opening, Receipt},
};
use redb::{ReadableTable, TableDefinition};

pub(crate) const DELIVERIES: TableDefinition<u64, &[u8]> = TableDefinition::new("deliveries_v1");
/// When a task's record may go.
pub(crate) const CLOSED: TableDefinition<(u32, u64), ()> = TableDefinition::new("closed_v1");

impl Journal {
	/// Signs for an answer to `task`, unless another answer to it was signed for before.
	#[expect(
		clippy::disallowed_methods,
		reason = "signed inside the transaction that records it"
	)]
	pub fn receipt(
		&self,
		task: TaskId,
		receipt: Receipt,
		opening: Opening,
	) -> Result<Recorded<Delivery>, JournalError> {
		let brought = (receipt.clone(), opening.clone());
		let sign = |_: &redb::WriteTransaction| {
			Ok(Delivery {
				signature: self.key().sign(&receipt.payload(self.genesis())),
				receipt,
				opening,
			})
		};
		self.record(
			DELIVERIES,
			task,
			sign,
			|standing: &Delivery| standing.receipt == brought.0 && standing.opening == brought.1,
			|| format!("task {task}"),
		)
	}

	/// The finished work for a task.
	pub fn delivery(&self, task: TaskId) -> Result<Option<Delivery>, JournalError> {
		self.get(DELIVERIES, task, || format!("task {task}"))
	}

	/// The tasks for which this worker has signed and which nobody has closed, oldest first.
	pub fn open_deliveries(&self) -> Result<Vec<TaskId>, JournalError> {
		self.read(|transaction| {
			let Some(deliveries) = open(transaction, DELIVERIES)? else {
				return Ok(Vec::new());
			};
			let mut closed = std::collections::HashSet::new();
			if let Some(table) = open(transaction, CLOSED)? {
				for entry in table.iter()? {
					closed.insert(entry?.0.value().1);
				}
			}
			let mut tasks = Vec::new();
			for entry in deliveries.iter()? {
				let task = entry?.0.value();
				if !closed.contains(&task) {
					tasks.push(task);
				}
			}
			Ok(tasks)
		})
	}

	/// Notes that the work for `task` is of no use to anybody after block `until`.
	pub fn close_task(&self, task: TaskId, until: BlockNumber) -> Result<(), JournalError> {
		self.write(|transaction| {
			transaction.open_table(CLOSED)?.insert((until, task), ())?;
			Ok(())
		})
	}

	/// Removes the work that is of no use after block `now`. Gives how much it was.
	pub fn prune_deliveries(&self, now: BlockNumber) -> Result<usize, JournalError> {
		self.write(|transaction| {
			let mut closed = transaction.open_table(CLOSED)?;
			let due = closed
				.range((0, 0)..(now, 0))?
				.map(|entry| entry.map(|(key, _)| key.value()))
				.collect::<Result<Vec<_>, _>>()?;
			let mut deliveries = transaction.open_table(DELIVERIES)?;
			for key in &due {
				closed.remove(key)?;
				deliveries.remove(key.1)?;
			}
			Ok(due.len())
		})
	}
}

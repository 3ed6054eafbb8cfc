//! What a worker must not forget: receipts with their openings, votes with their salts, tasks that a
//! gateway has paid for.
//!
//! Everything that is signed for others is checked and recorded in one exclusive, flushed
//! transaction before it is sent. A record is never replaced: whoever wants to record something
//! else for the same task or audit is given what was recorded first, and sends that. A crash after
//! the record and before the sending therefore loses nothing, and one before it loses only the work.

mod format;
mod orders;
mod records;
#[cfg(test)]
mod tests;

pub(crate) use records::{Ballot, Delivery, Order, Placed};

use codec::{Decode, Encode};
use infergrid_primitives::{AuditId, BlockNumber, Hash, TaskId};
use redb::{
	Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition,
	TableError,
};
use std::{path::Path, sync::Arc};

const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta_v1");
const DELIVERIES: TableDefinition<u64, &[u8]> = TableDefinition::new("deliveries_v1");
const VOTES: TableDefinition<(u64, u8), &[u8]> = TableDefinition::new("votes_v1");
/// When a task's record may go.
const CLOSED: TableDefinition<(u32, u64), ()> = TableDefinition::new("closed_v1");

/// Why the journal does not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
	/// The database.
	#[error("the journal in {path} cannot be used: {source}")]
	Database {
		/// The file.
		path: String,
		/// What the database says.
		#[source]
		source: Box<redb::Error>,
	},
	/// The journal was made for another chain or another key.
	#[error(
		"the journal in {path} belongs to another {what}; give this worker a data directory of its own with --data"
	)]
	Foreign {
		/// The file.
		path: String,
		/// `chain` or `key`.
		what: &'static str,
	},
	/// The journal was written by a newer version.
	#[error(
		"the journal in {path} has format {found}, and this version knows none above {known}; run the newer version",
		known = format::FORMAT
	)]
	Newer {
		/// The file.
		path: String,
		/// Its format.
		found: u32,
	},
	/// A record cannot be decoded.
	#[error("the journal in {path} holds a damaged record for {what}")]
	Damaged {
		/// The file.
		path: String,
		/// Of what.
		what: String,
	},
}

/// The durable record of one worker. Calls block on the disk for some milliseconds.
#[derive(Clone)]
pub(crate) struct Journal {
	database: Arc<Database>,
	path: Arc<str>,
}

impl std::fmt::Debug for Journal {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		f.debug_struct("Journal")
			.field("path", &self.path)
			.finish_non_exhaustive()
	}
}

impl Journal {
	/// Opens the journal at `path`, or makes it, for one chain and one key. An older format is
	/// brought to the present one.
	pub(crate) fn open(path: &Path, genesis: &Hash, key: &Hash) -> Result<Self, JournalError> {
		let shown: Arc<str> = path.display().to_string().into();
		let database = Database::create(path).map_err(|error| JournalError::Database {
			path: shown.to_string(),
			source: Box::new(error.into()),
		})?;
		let journal = Self {
			database: Arc::new(database),
			path: shown,
		};
		journal.migrate()?;
		journal.bind("chain", genesis)?;
		journal.bind("key", key)?;
		Ok(journal)
	}

	/// Records a finished task. Gives what is recorded for the task from now on, which is something
	/// else than `delivery` if one was recorded before.
	pub(crate) fn record_delivery(
		&self,
		task: TaskId,
		delivery: Delivery,
	) -> Result<Delivery, JournalError> {
		self.insert_once(DELIVERIES, task, delivery, || format!("task {task}"))
	}

	/// The finished work for a task.
	pub(crate) fn delivery(&self, task: TaskId) -> Result<Option<Delivery>, JournalError> {
		self.get(DELIVERIES, task, || format!("task {task}"))
	}

	/// Records a vote, as [`Journal::record_delivery`] records work.
	pub(crate) fn record_ballot(
		&self,
		audit: AuditId,
		round: u8,
		ballot: Ballot,
	) -> Result<Ballot, JournalError> {
		self.insert_once(VOTES, (audit, round), ballot, || format!("audit {audit}"))
	}

	/// The vote of one round of an audit.
	pub(crate) fn ballot(&self, audit: AuditId, round: u8) -> Result<Option<Ballot>, JournalError> {
		self.get(VOTES, (audit, round), || format!("audit {audit}"))
	}

	/// Notes that the work for `task` is of no use to anybody after block `until`.
	pub(crate) fn close_task(&self, task: TaskId, until: BlockNumber) -> Result<(), JournalError> {
		self.write(|transaction| {
			transaction.open_table(CLOSED)?.insert((until, task), ())?;
			Ok(())
		})
	}

	/// Removes the work that is of no use after block `now`.
	pub(crate) fn prune(&self, now: BlockNumber) -> Result<usize, JournalError> {
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

	/// Ties the journal to a value, or checks that it is tied to it.
	fn bind(&self, what: &'static str, value: &Hash) -> Result<(), JournalError> {
		let bound = self.write(|transaction| {
			let mut meta = transaction.open_table(META)?;
			let found = meta.get(what)?.map(|found| found.value().to_vec());
			if found.is_none() {
				meta.insert(what, value.as_slice())?;
			}
			Ok(found.is_none_or(|found| found == value))
		})?;
		if bound {
			Ok(())
		} else {
			Err(JournalError::Foreign {
				path: self.path.to_string(),
				what,
			})
		}
	}

	fn insert_once<K, V>(
		&self,
		table: TableDefinition<'static, K, &'static [u8]>,
		key: K,
		value: V,
		what: impl Fn() -> String,
	) -> Result<V, JournalError>
	where
		K: redb::Key + for<'a> std::borrow::Borrow<K::SelfType<'a>> + Copy + 'static,
		V: Encode + Decode,
	{
		let before = self.write(|transaction| {
			let mut table = transaction.open_table(table)?;
			let before = table.get(key)?.map(|found| found.value().to_vec());
			if before.is_none() {
				table.insert(key, value.encode().as_slice())?;
			}
			Ok(before)
		})?;
		match before {
			None => Ok(value),
			Some(bytes) => self.decode(&bytes, what),
		}
	}

	fn get<K, V>(
		&self,
		table: TableDefinition<'static, K, &'static [u8]>,
		key: K,
		what: impl Fn() -> String,
	) -> Result<Option<V>, JournalError>
	where
		K: redb::Key + for<'a> std::borrow::Borrow<K::SelfType<'a>> + Copy + 'static,
		V: Decode,
	{
		let found = self.read(|transaction| {
			let Some(table) = open(transaction, table)? else {
				return Ok(None);
			};
			Ok(table.get(key)?.map(|found| found.value().to_vec()))
		})?;
		found.map(|bytes| self.decode(&bytes, what)).transpose()
	}

	/// Runs one exclusive transaction and flushes it to the disk.
	fn write<T>(
		&self,
		work: impl FnOnce(&redb::WriteTransaction) -> Result<T, redb::Error>,
	) -> Result<T, JournalError> {
		let run = || -> Result<T, redb::Error> {
			let transaction = self.database.begin_write()?;
			let result = work(&transaction)?;
			transaction.commit()?;
			Ok(result)
		};
		run().map_err(|error| self.failed(error))
	}

	fn read<T>(
		&self,
		work: impl FnOnce(&redb::ReadTransaction) -> Result<T, redb::Error>,
	) -> Result<T, JournalError> {
		let run = || work(&self.database.begin_read()?);
		run().map_err(|error| self.failed(error))
	}

	fn decode<V: Decode>(
		&self,
		bytes: &[u8],
		what: impl Fn() -> String,
	) -> Result<V, JournalError> {
		V::decode(&mut &*bytes).map_err(|_| JournalError::Damaged {
			path: self.path.to_string(),
			what: what(),
		})
	}

	fn failed(&self, error: redb::Error) -> JournalError {
		JournalError::Database {
			path: self.path.to_string(),
			source: Box::new(error),
		}
	}
}

/// A table to read; None if nothing has been written to it yet.
fn open<K: redb::Key + 'static, V: redb::Value + 'static>(
	transaction: &ReadTransaction,
	table: TableDefinition<'_, K, V>,
) -> Result<Option<ReadOnlyTable<K, V>>, redb::Error> {
	match transaction.open_table(table) {
		Err(TableError::TableDoesNotExist(_)) => Ok(None),
		table => Ok(Some(table?)),
	}
}

//! What a worker must not forget: receipts with their openings, votes with their salts, tasks that a
//! gateway has paid for.
//!
//! Everything that is signed for others is checked and recorded in one exclusive, flushed
//! transaction before it is sent. A record is never replaced: whoever wants to record something
//! else for the same task or audit is given what was recorded first, and sends that. A crash after
//! the record and before the sending therefore loses nothing, and one before it loses only the work.

use codec::{Decode, Encode};
use infergrid_primitives::{
	AuditId, BlockNumber, Hash, Signature, TaskId, TokenId,
	audit::Vote,
	request::{Opening, Receipt},
};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableError};
use std::{path::Path, sync::Arc};

const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta_v1");
const DELIVERIES: TableDefinition<u64, &[u8]> = TableDefinition::new("deliveries_v1");
const VOTES: TableDefinition<(u64, u8), &[u8]> = TableDefinition::new("votes_v1");
const ORDERS: TableDefinition<u64, &[u8]> = TableDefinition::new("orders_v1");
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
	/// A record cannot be decoded.
	#[error("the journal in {path} holds a damaged record for {what}")]
	Damaged {
		/// The file.
		path: String,
		/// Of what.
		what: String,
	},
}

/// A miner's finished work.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Delivery {
	/// What the worker vouches for.
	pub receipt: Receipt,
	/// Its signature over the receipt.
	pub signature: Signature,
	/// What the receipt commits to.
	pub opening: Opening,
}

/// A verifier's vote and what its commitment hides.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Ballot {
	/// The vote.
	pub vote: Vote,
	/// The commitment's salt.
	pub salt: Hash,
}

/// A task that a gateway has paid for, by the nonce in its request.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Order {
	/// Salt of the prompt's commitment.
	pub salt: Hash,
	/// The profile asked for.
	pub profile: Hash,
	/// The prompt, as long as the miner may need it.
	pub prompt: Vec<TokenId>,
	/// What it became, once the chain has taken it.
	pub placed: Option<Placed>,
}

/// An order on chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Placed {
	/// The task.
	pub task: TaskId,
	/// The request's identifier.
	pub request_id: Hash,
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
	/// Opens the journal at `path`, or makes it, for one chain and one key.
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

	/// Records an order before it is submitted.
	pub(crate) fn record_order(&self, nonce: u64, order: Order) -> Result<Order, JournalError> {
		self.insert_once(ORDERS, nonce, order, || format!("order {nonce}"))
	}

	/// Adds to an order what it became.
	pub(crate) fn place_order(&self, nonce: u64, placed: Placed) -> Result<(), JournalError> {
		self.change_order(nonce, |order| order.placed = Some(placed))
	}

	/// Forgets the prompt of an order that has its answer, or will never have one.
	pub(crate) fn close_order(&self, nonce: u64) -> Result<(), JournalError> {
		self.change_order(nonce, |order| order.prompt.clear())
	}

	fn change_order(
		&self,
		nonce: u64,
		change: impl FnOnce(&mut Order),
	) -> Result<(), JournalError> {
		let Some(mut order) = self.order(nonce)? else {
			return Ok(());
		};
		change(&mut order);
		self.write(|transaction| {
			transaction
				.open_table(ORDERS)?
				.insert(nonce, order.encode().as_slice())?;
			Ok(())
		})
	}

	/// An order.
	pub(crate) fn order(&self, nonce: u64) -> Result<Option<Order>, JournalError> {
		self.get(ORDERS, nonce, || format!("order {nonce}"))
	}

	/// Every order.
	pub(crate) fn orders(&self) -> Result<Vec<(u64, Order)>, JournalError> {
		let found = self.read(|transaction| {
			let table = match transaction.open_table(ORDERS) {
				Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
				table => table?,
			};
			let mut orders = Vec::new();
			for entry in table.iter()? {
				let (nonce, bytes) = entry?;
				orders.push((nonce.value(), bytes.value().to_vec()));
			}
			Ok(orders)
		})?;
		found
			.into_iter()
			.map(|(nonce, bytes)| Ok((nonce, self.decode(&bytes, || format!("order {nonce}"))?)))
			.collect()
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
			let table = match transaction.open_table(table) {
				Err(TableError::TableDoesNotExist(_)) => return Ok(None),
				table => table?,
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

#[cfg(test)]
mod tests {
	use super::*;
	use infergrid_primitives::{
		audit::{Measures, Verdict},
		request::Finish,
	};

	fn delivery(n_out: u32) -> Delivery {
		Delivery {
			receipt: Receipt {
				request_id: [1; 32],
				miner: [2; 32],
				worker_key: [3; 32],
				n_prompt: 4,
				n_out,
				finish: Finish::Length,
				output_commit: [5; 32],
				trace_root: [6; 32],
				fee: 7,
				ttft_ms: 8,
				total_ms: 9,
			},
			signature: [10; 64],
			opening: Opening {
				prompt_salt: [0; 32],
				prompt: vec![1, 2, 3, 4],
				output_salt: [11; 32],
				output: vec![5; n_out as usize],
				proofs: vec![vec![1; 258]],
			},
		}
	}

	fn open(directory: &Path, genesis: u8, key: u8) -> Result<Journal, JournalError> {
		Journal::open(&directory.join("journal.redb"), &[genesis; 32], &[key; 32])
	}

	#[test]
	fn a_second_receipt_for_a_task_yields_the_first() {
		let directory = tempfile::tempdir().unwrap();
		let journal = open(directory.path(), 1, 1).unwrap();
		assert_eq!(journal.delivery(7).unwrap(), None);
		assert_eq!(
			journal.record_delivery(7, delivery(3)).unwrap(),
			delivery(3)
		);
		assert_eq!(
			journal.record_delivery(7, delivery(4)).unwrap(),
			delivery(3)
		);
		assert_eq!(
			journal.record_delivery(8, delivery(4)).unwrap(),
			delivery(4)
		);
	}

	#[test]
	fn of_many_at_once_exactly_one_wins_and_all_see_it() {
		let directory = tempfile::tempdir().unwrap();
		let journal = open(directory.path(), 1, 1).unwrap();
		let seen: Vec<_> = std::thread::scope(|scope| {
			let handles: Vec<_> = (1..=10)
				.map(|n| {
					let journal = &journal;
					scope.spawn(move || journal.record_delivery(1, delivery(n)).unwrap())
				})
				.collect();
			handles
				.into_iter()
				.map(|handle| handle.join().unwrap())
				.collect()
		});
		assert!(seen.iter().all(|found| *found == seen[0]));
	}

	#[test]
	fn records_survive_reopening() {
		let directory = tempfile::tempdir().unwrap();
		let ballot = Ballot {
			vote: Vote {
				verdict: Verdict::Valid,
				measures: Measures::default(),
				fingerprint: [3; 32],
			},
			salt: [4; 32],
		};
		{
			let journal = open(directory.path(), 1, 1).unwrap();
			journal.record_ballot(5, 0, ballot.clone()).unwrap();
			journal
				.record_order(
					9,
					Order {
						salt: [1; 32],
						profile: [2; 32],
						prompt: vec![1],
						placed: None,
					},
				)
				.unwrap();
			journal
				.place_order(
					9,
					Placed {
						task: 77,
						request_id: [3; 32],
					},
				)
				.unwrap();
		}
		let journal = open(directory.path(), 1, 1).unwrap();
		assert_eq!(journal.ballot(5, 0).unwrap(), Some(ballot));
		assert_eq!(journal.ballot(5, 1).unwrap(), None);
		assert_eq!(journal.orders().unwrap()[0].1.placed.unwrap().task, 77);
		journal.close_order(9).unwrap();
		assert!(journal.order(9).unwrap().unwrap().prompt.is_empty());
	}

	#[test]
	fn another_chain_or_key_is_refused() {
		let directory = tempfile::tempdir().unwrap();
		drop(open(directory.path(), 1, 1).unwrap());
		let refused = |genesis, key| match open(directory.path(), genesis, key) {
			Err(JournalError::Foreign { what, .. }) => what,
			other => panic!("{other:?}"),
		};
		assert_eq!(refused(2, 1), "chain");
		assert_eq!(refused(1, 2), "key");
	}

	#[test]
	fn pruning_takes_what_is_due_and_nothing_else() {
		let directory = tempfile::tempdir().unwrap();
		let journal = open(directory.path(), 1, 1).unwrap();
		for task in 1..=3 {
			journal.record_delivery(task, delivery(1)).unwrap();
		}
		journal.close_task(1, 10).unwrap();
		journal.close_task(2, 20).unwrap();
		assert_eq!(journal.prune(11).unwrap(), 1);
		let left: Vec<_> = (1..=3)
			.map(|task| journal.delivery(task).unwrap().is_some())
			.collect();
		assert_eq!(left, [false, true, true]);
	}
}

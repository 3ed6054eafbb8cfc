//! The database under the records: opening, transactions, encoding.

use crate::{JournalError, OpenError, Recorded, format::META};
use codec::{Decode, Encode};
use infergrid_keys::Key;
use infergrid_primitives::Hash;
use redb::{
	Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition,
	TableError,
};
use std::{
	fmt,
	path::{Path, PathBuf},
	sync::{Arc, PoisonError, RwLock},
};

/// Opens the database under a journal.
pub(crate) type Opener = Box<dyn Fn() -> Result<Database, redb::DatabaseError> + Send + Sync>;

/// A database that is opened again after the disk has failed: until then it takes nothing.
pub(crate) struct Store {
	opener: Opener,
	/// None while it cannot be opened.
	database: RwLock<Option<Database>>,
}

impl fmt::Debug for Store {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str("Store")
	}
}

impl Store {
	pub(crate) fn open(opener: Opener) -> Result<Self, redb::Error> {
		let database = RwLock::new(Some(opener()?));
		Ok(Self { opener, database })
	}

	fn with<T>(
		&self,
		work: impl FnOnce(&Database) -> Result<T, redb::Error>,
	) -> Result<T, redb::Error> {
		let result = {
			let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
			match &*database {
				Some(database) => work(database),
				None => Err(redb::Error::PreviousIo),
			}
		};
		if let Err(redb::Error::Io(_) | redb::Error::PreviousIo) = &result {
			self.reopen();
		}
		result
	}

	/// What fails is told by the next use.
	fn reopen(&self) {
		let mut database = self
			.database
			.write()
			.unwrap_or_else(PoisonError::into_inner);
		// It holds the file's lock.
		drop(database.take());
		*database = (self.opener)().ok();
	}
}

/// The durable record of one worker, and its signature under what binds. Calls block on the disk
/// for some milliseconds. Clones share it.
#[derive(Clone)]
pub struct Journal {
	store: Arc<Store>,
	path: Arc<PathBuf>,
	genesis: Hash,
	key: Key,
}

impl std::fmt::Debug for Journal {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		f.debug_struct("Journal")
			.field("path", &self.path)
			.finish_non_exhaustive()
	}
}

impl Journal {
	pub(crate) fn over_store(
		opener: Opener,
		path: &Path,
		genesis: &Hash,
		key: Key,
	) -> Result<Self, OpenError> {
		let store = Store::open(opener).map_err(|error| JournalError::Database {
			path: path.to_path_buf(),
			source: Box::new(error),
		})?;
		Ok(Self {
			store: Arc::new(store),
			path: Arc::new(path.to_path_buf()),
			genesis: *genesis,
			key,
		})
	}

	/// Hands the journal over to another key. Whatever the present one has signed must be over: nobody
	/// will answer for it any more.
	pub fn hand_over(self, key: Key) -> Result<Self, JournalError> {
		let account = key.public();
		self.write(|transaction| {
			let mut meta = transaction.open_table(META)?;
			meta.insert("key", account.as_slice())?;
			Ok(())
		})?;
		Ok(Self { key, ..self })
	}

	/// The key that signs.
	pub(crate) fn key(&self) -> &Key {
		&self.key
	}

	/// The chain for which it signs.
	pub(crate) fn genesis(&self) -> &Hash {
		&self.genesis
	}

	/// Where it is, for errors.
	pub(crate) fn path(&self) -> PathBuf {
		self.path.to_path_buf()
	}

	/// Records what `make` gives under `key`, unless something is there; what is there is compared by
	/// `same`. Check and record are one exclusive transaction, and `make` runs inside it.
	#[expect(
		clippy::too_many_arguments,
		reason = "a table, a key, and the three questions that a record answers"
	)]
	pub(crate) fn record<K, V>(
		&self,
		table: TableDefinition<'static, K, &'static [u8]>,
		key: K,
		make: impl FnOnce(&redb::WriteTransaction) -> Result<V, redb::Error>,
		same: impl FnOnce(&V) -> bool,
		what: impl Fn() -> String,
	) -> Result<Recorded<V>, JournalError>
	where
		K: redb::Key + for<'a> std::borrow::Borrow<K::SelfType<'a>> + Copy + 'static,
		V: Encode + Decode,
	{
		enum Slot<V> {
			Free(V),
			Taken(Vec<u8>),
		}
		let slot = self.write(|transaction| {
			let mut table = transaction.open_table(table)?;
			let before = table.get(key)?.map(|found| found.value().to_vec());
			let forgets = cfg!(feature = "bug-second-receipt");
			if let Some(before) = before.filter(|_| !forgets) {
				return Ok(Slot::Taken(before));
			}
			let made = make(transaction)?;
			table.insert(key, made.encode().as_slice())?;
			Ok(Slot::Free(made))
		})?;
		Ok(match slot {
			Slot::Free(made) => Recorded::New(made),
			Slot::Taken(bytes) => {
				let standing = self.decode(&bytes, what)?;
				if same(&standing) {
					Recorded::Same(standing)
				} else {
					Recorded::Other(standing)
				}
			}
		})
	}

	pub(crate) fn get<K, V>(
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
	pub(crate) fn write<T>(
		&self,
		work: impl FnOnce(&redb::WriteTransaction) -> Result<T, redb::Error>,
	) -> Result<T, JournalError> {
		let run = |database: &Database| -> Result<T, redb::Error> {
			let transaction = database.begin_write()?;
			let result = work(&transaction)?;
			transaction.commit()?;
			Ok(result)
		};
		self.store.with(run).map_err(|error| self.failed(error))
	}

	pub(crate) fn read<T>(
		&self,
		work: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>,
	) -> Result<T, JournalError> {
		self.store
			.with(|database| work(&database.begin_read()?))
			.map_err(|error| self.failed(error))
	}

	pub(crate) fn decode<V: Decode>(
		&self,
		bytes: &[u8],
		what: impl Fn() -> String,
	) -> Result<V, JournalError> {
		V::decode(&mut &*bytes).map_err(|_| JournalError::Damaged {
			path: self.path(),
			what: what(),
		})
	}

	fn failed(&self, error: redb::Error) -> JournalError {
		JournalError::Database {
			path: self.path(),
			source: Box::new(error),
		}
	}
}

/// A table to read; None if nothing has been written to it yet.
pub(crate) fn open<K: redb::Key + 'static, V: redb::Value + 'static>(
	transaction: &ReadTransaction,
	table: TableDefinition<'_, K, V>,
) -> Result<Option<ReadOnlyTable<K, V>>, redb::Error> {
	match transaction.open_table(table) {
		Err(TableError::TableDoesNotExist(_)) => Ok(None),
		table => Ok(Some(table?)),
	}
}

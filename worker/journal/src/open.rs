//! Making and opening a journal.

use crate::{Journal, OpenError, format::META, migrate::migrate};
use infergrid_keys::Key;
use infergrid_primitives::Hash;
use redb::{Database, ReadableTable};
use std::path::Path;

impl Journal {
	/// Makes the journal at `path` for one chain and one key. There must be none.
	pub fn create(path: &Path, genesis: &Hash, key: Key) -> Result<Self, OpenError> {
		if path.exists() {
			return Err(OpenError::Exists {
				path: path.to_path_buf(),
			});
		}
		Self::start(path, genesis, key)
	}

	/// Opens the journal at `path`. An older format is brought to the present one.
	pub fn open(path: &Path, genesis: &Hash, key: Key) -> Result<Self, OpenError> {
		if !path.exists() {
			return Err(OpenError::Missing {
				path: path.to_path_buf(),
			});
		}
		Self::start(path, genesis, key)
	}

	fn start(path: &Path, genesis: &Hash, key: Key) -> Result<Self, OpenError> {
		let account = key.public();
		Self::over(path, genesis, key)?.prepare(&account)
	}

	fn over(path: &Path, genesis: &Hash, key: Key) -> Result<Self, OpenError> {
		let file = path.to_path_buf();
		let opener = Box::new(move || Database::create(&file));
		Self::over_store(opener, path, genesis, key)
	}

	/// As [`Journal::open`], for an account whose key is not at hand: nothing valid can be signed.
	#[cfg(test)]
	pub(crate) fn open_for_account(
		path: &Path,
		genesis: &Hash,
		account: &Hash,
	) -> Result<Self, OpenError> {
		let key = Key::from_uri("//Alice").map_err(|_| OpenError::Missing {
			path: path.to_path_buf(),
		})?;
		Self::over(path, genesis, key)?.prepare(account)
	}

	/// Brings the format up to date and checks whose journal it is.
	pub(crate) fn prepare(self, account: &Hash) -> Result<Self, OpenError> {
		migrate(&self)?;
		let genesis = *self.genesis();
		self.bind("chain", &genesis)?;
		self.bind("key", account)?;
		Ok(self)
	}

	/// Ties the journal to a value, or checks that it is tied to it.
	fn bind(&self, what: &'static str, value: &Hash) -> Result<(), OpenError> {
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
			Err(OpenError::Foreign {
				path: self.path(),
				what,
			})
		}
	}
}

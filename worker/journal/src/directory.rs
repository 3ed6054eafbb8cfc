//! A worker's directory: one lock, one journal, one network identity.

use crate::{Journal, OpenError};
use fd_lock::RwLock;
use infergrid_keys::Key;
use infergrid_primitives::Hash;
use std::{
	fs::{self, File, OpenOptions},
	io::{self, Write},
	path::{Path, PathBuf},
};

/// Why a directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
	/// The system refuses.
	#[error("cannot {doing} {path}: {source}")]
	Io {
		/// `make`, `use`, `read` or `write`.
		doing: &'static str,
		/// The file or directory.
		path: PathBuf,
		/// What the system says.
		source: io::Error,
	},
	/// Another process has it.
	#[error(
		"{path} is in use by another infergrid process: stop that process, or give this one a directory \
		 of its own with --data"
	)]
	InUse {
		/// The directory.
		path: PathBuf,
	},
	/// The network identity is not one.
	#[error("{path} is damaged: restore it, or delete it to get a new network identity")]
	Identity {
		/// The file.
		path: PathBuf,
	},
}

/// A directory that this process alone uses. The lock is the operating system's and goes with the
/// process, however that ends.
#[derive(Debug)]
pub struct DataDir {
	path: PathBuf,
	/// Never dropped before the process ends: the guard borrows the lock for good.
	_lock: fd_lock::RwLockWriteGuard<'static, File>,
}

impl DataDir {
	/// Takes the directory at `path`, making it if need be.
	pub fn take(path: &Path) -> Result<Self, DirectoryError> {
		let failed = |doing| {
			move |source| DirectoryError::Io {
				doing,
				path: path.to_path_buf(),
				source,
			}
		};
		fs::create_dir_all(path).map_err(failed("make"))?;
		restrict(path, 0o700).map_err(failed("use"))?;
		let file = OpenOptions::new()
			.create(true)
			.truncate(false)
			.write(true)
			.open(path.join("lock"))
			.map_err(failed("use"))?;
		let lock = Box::leak(Box::new(RwLock::new(file)));
		let guard = lock.try_write().map_err(|_| DirectoryError::InUse {
			path: path.to_path_buf(),
		})?;
		Ok(Self {
			path: path.to_path_buf(),
			_lock: guard,
		})
	}

	/// Where the journal is.
	pub fn journal(&self) -> PathBuf {
		self.path.join("journal.redb")
	}

	/// The journal: made at the first start, opened at every later one. One that is lost is made anew
	/// only if `new` says so.
	pub fn open_journal(&self, genesis: &Hash, key: Key, new: bool) -> Result<Journal, OpenError> {
		let path = self.journal();
		if new || !self.is_used() {
			Journal::create(&path, genesis, key)
		} else {
			Journal::open(&path, genesis, key)
		}
	}

	/// Whether a worker has used this directory before.
	pub fn is_used(&self) -> bool {
		self.peer_key().exists() || self.journal().exists()
	}

	/// The network identity's secret: made at the first start, kept from then on.
	pub fn peer_secret(&self) -> Result<Hash, DirectoryError> {
		let path = self.peer_key();
		match fs::read_to_string(&path) {
			Ok(text) => hex::decode(text.trim())
				.ok()
				.and_then(|bytes| Hash::try_from(bytes).ok())
				.ok_or(DirectoryError::Identity { path }),
			Err(error) if error.kind() == io::ErrorKind::NotFound => {
				let secret: Hash = rand::random();
				match self.write_private(&path, hex::encode(secret).as_bytes()) {
					Ok(()) => Ok(secret),
					Err(source) => Err(DirectoryError::Io {
						doing: "write",
						path,
						source,
					}),
				}
			}
			Err(source) => Err(DirectoryError::Io {
				doing: "read",
				path,
				source,
			}),
		}
	}

	fn peer_key(&self) -> PathBuf {
		self.path.join("peer.key")
	}

	/// Writes a file that only the owner may read, whole or not at all.
	fn write_private(&self, path: &Path, content: &[u8]) -> io::Result<()> {
		let temporary = path.with_extension("tmp");
		let mut file = File::create(&temporary)?;
		restrict(&temporary, 0o600)?;
		file.write_all(content)?;
		file.sync_all()?;
		fs::rename(&temporary, path)?;
		// The rename itself is durable only with the directory.
		File::open(&self.path)?.sync_all()
	}
}

#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> io::Result<()> {
	use std::os::unix::fs::PermissionsExt;
	fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn restrict(_: &Path, _: u32) -> io::Result<()> {
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_directory_has_one_user_and_one_identity() {
		let directory = tempfile::tempdir().unwrap();
		let path = directory.path().join("miner");
		let data = DataDir::take(&path).unwrap();
		assert!(!data.is_used());
		let refused = DataDir::take(&path).unwrap_err().to_string();
		assert!(refused.contains("--data"), "{refused}");
		let secret = data.peer_secret().unwrap();
		assert_eq!(data.peer_secret().unwrap(), secret);
		assert!(data.is_used());
	}

	#[test]
	fn a_damaged_identity_is_named() {
		let directory = tempfile::tempdir().unwrap();
		let data = DataDir::take(directory.path()).unwrap();
		fs::write(directory.path().join("peer.key"), "zz").unwrap();
		let refused = data.peer_secret().unwrap_err().to_string();
		assert!(refused.contains("peer.key"), "{refused}");
	}

	#[test]
	fn only_the_first_start_makes_a_journal() {
		let directory = tempfile::tempdir().unwrap();
		let data = DataDir::take(directory.path()).unwrap();
		let key = || Key::from_uri("//Alice//worker").unwrap();
		drop(data.open_journal(&[1; 32], key(), false).unwrap());
		data.peer_secret().unwrap();
		drop(data.open_journal(&[1; 32], key(), false).unwrap());

		fs::remove_file(data.journal()).unwrap();
		let refused = data.open_journal(&[1; 32], key(), false).unwrap_err();
		assert!(refused.to_string().contains("--new-journal"), "{refused}");
		drop(data.open_journal(&[1; 32], key(), true).unwrap());
		assert!(data.open_journal(&[1; 32], key(), true).is_err());
	}
}

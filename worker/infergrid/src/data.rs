//! A worker's directory: one lock, one journal, one network identity.

use crate::failure::Failure;
use anyhow::{Context, anyhow};
use fd_lock::RwLock;
use infergrid_swarm::NodeSecret;
use std::{
	fs::{self, File, OpenOptions},
	io::Write,
	path::{Path, PathBuf},
};

/// A directory that this process alone uses. The lock is the operating system's and goes with the
/// process, however that ends.
#[derive(Debug)]
pub(crate) struct DataDir {
	path: PathBuf,
	_lock: Lock,
}

#[derive(Debug)]
struct Lock {
	/// Never dropped before the process ends: the guard borrows the lock for good.
	_guard: fd_lock::RwLockWriteGuard<'static, File>,
}

impl DataDir {
	/// Takes the directory at `path`, making it if need be.
	pub(crate) fn take(path: &Path) -> Result<Self, Failure> {
		let shown = path.display();
		let made = fs::create_dir_all(path).with_context(|| format!("cannot make {shown}"));
		made.map_err(Failure::config)?;
		restrict(path, 0o700).map_err(Failure::config)?;
		let file = OpenOptions::new()
			.create(true)
			.truncate(false)
			.write(true)
			.open(path.join("lock"))
			.with_context(|| format!("cannot use {shown}"))
			.map_err(Failure::config)?;
		let lock = Box::leak(Box::new(RwLock::new(file)));
		let guard = lock.try_write().map_err(|_| {
			Failure::config(anyhow!("{shown} is in use by another infergrid process"))
				.hint("stop that process, or give this one a directory of its own with --data")
		})?;
		Ok(Self {
			path: path.to_path_buf(),
			_lock: Lock { _guard: guard },
		})
	}

	/// Where the journal is.
	pub(crate) fn journal(&self) -> PathBuf {
		self.path.join("journal.redb")
	}

	/// The network identity: made at the first start, kept from then on.
	pub(crate) fn node_secret(&self) -> Result<NodeSecret, Failure> {
		let path = self.path.join("peer.key");
		let secret = match fs::read_to_string(&path) {
			Ok(text) => hex::decode(text.trim())
				.ok()
				.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
				.ok_or_else(|| {
					Failure::config(anyhow!("{} is damaged", path.display()))
						.hint("delete it to get a new network identity")
				})?,
			Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
				let secret: [u8; 32] = rand::random();
				self.write_private("peer.key", hex::encode(secret).as_bytes())
					.with_context(|| format!("cannot write {}", path.display()))
					.map_err(Failure::config)?;
				secret
			}
			Err(error) => {
				let error = anyhow!(error).context(format!("cannot read {}", path.display()));
				return Err(Failure::config(error));
			}
		};
		Ok(NodeSecret::new(secret))
	}

	/// Writes a file that only the owner may read, whole or not at all.
	fn write_private(&self, name: &str, content: &[u8]) -> std::io::Result<()> {
		let temporary = self.path.join(format!("{name}.tmp"));
		let mut file = File::create(&temporary)?;
		restrict(&temporary, 0o600)?;
		file.write_all(content)?;
		file.sync_all()?;
		fs::rename(&temporary, self.path.join(name))
	}
}

#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> std::io::Result<()> {
	use std::os::unix::fs::PermissionsExt;
	fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn restrict(_: &Path, _: u32) -> std::io::Result<()> {
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
		assert!(
			DataDir::take(&path)
				.unwrap_err()
				.to_string()
				.contains("--data")
		);
		let peer = data.node_secret().unwrap().peer_id();
		assert_eq!(data.node_secret().unwrap().peer_id(), peer);
	}

	#[test]
	fn a_damaged_identity_is_named() {
		let directory = tempfile::tempdir().unwrap();
		let data = DataDir::take(directory.path()).unwrap();
		fs::write(directory.path().join("peer.key"), "zz").unwrap();
		assert!(
			data.node_secret()
				.unwrap_err()
				.to_string()
				.contains("peer.key")
		);
	}
}

//! How much space is left where the database is.
//!
//! A database whose disk is full takes nothing any more until it is opened again, and one that is
//! opened on a full disk dies of a signal. So the node ends in order while there is a little space,
//! and does not start before there is.

use std::path::{Path, PathBuf};

/// Below so many times the reserve it is told that space runs out.
const LOW: u64 = 4;

/// The disk on which the node writes.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
	path: PathBuf,
	/// MiB; with none the disk is not watched.
	reserve: u64,
}

/// How much space there is, with the MiB that are free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
	Enough(u64),
	Low(u64),
	/// Less than the reserve.
	Out(u64),
}

/// Why the node does not run.
#[derive(Debug, thiserror::Error)]
#[error(
	"only {free} MiB are free on the disk of {}, and the node runs with {reserve} MiB or more \
	 (--disk-reserve): free some and start it again, it goes on where it was",
	path.display()
)]
pub(crate) struct Full {
	path: PathBuf,
	free: u64,
	reserve: u64,
}

impl Disk {
	/// The disk with `path`, which need not be there yet, of which `reserve` MiB stay free.
	pub(crate) fn new(path: &Path, reserve: u64) -> Self {
		Self {
			path: path.to_owned(),
			reserve,
		}
	}

	pub(crate) fn path(&self) -> &Path {
		&self.path
	}

	pub(crate) fn reserve(&self) -> u64 {
		self.reserve
	}

	/// How much space there is, where that can be told.
	pub(crate) fn space(&self) -> Option<Space> {
		let existing = self.path.ancestors().find(|path| path.exists())?;
		let disk = rustix::fs::statvfs(existing).ok()?;
		// Some file systems of networks and of user space do not tell.
		if disk.f_blocks == 0 {
			return None;
		}
		let free = disk.f_bavail.saturating_mul(disk.f_frsize) >> 20;
		Some(self.judge(free))
	}

	/// Refuses a disk that has less than the reserve.
	pub(crate) fn check(&self) -> Result<(), Full> {
		match self.space() {
			Some(Space::Out(free)) => Err(Full {
				path: self.path.clone(),
				free,
				reserve: self.reserve,
			}),
			Some(Space::Enough(_) | Space::Low(_)) | None => Ok(()),
		}
	}

	/// What `free` MiB are.
	fn judge(&self, free: u64) -> Space {
		if free < self.reserve {
			Space::Out(free)
		} else if free < self.reserve.saturating_mul(LOW) {
			Space::Low(free)
		} else {
			Space::Enough(free)
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn space_is_low_before_it_is_out() {
		let disk = Disk::new(Path::new("/"), 256);
		assert_eq!(disk.judge(1024), Space::Enough(1024));
		assert_eq!(disk.judge(1023), Space::Low(1023));
		assert_eq!(disk.judge(256), Space::Low(256));
		assert_eq!(disk.judge(255), Space::Out(255));
		assert_eq!(
			Disk::new(Path::new("/"), 0).judge(0),
			Space::Enough(0),
			"not watched"
		);
	}

	#[test]
	fn a_disk_without_its_reserve_is_refused_by_path_and_remedy() {
		let path = std::env::temp_dir().join("no such directory").join("node");
		assert!(Disk::new(&path, 0).check().is_ok());
		let refusal = Disk::new(&path, u64::MAX).check().unwrap_err().to_string();
		assert!(refusal.contains(&*path.to_string_lossy()), "{refusal}");
		assert!(refusal.contains("--disk-reserve"), "{refusal}");
	}
}

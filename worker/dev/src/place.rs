//! Where a grid has its files.

use crate::DevError;
use std::{
	fs,
	path::{Path, PathBuf},
};

/// The grid's directory.
#[derive(Debug)]
pub struct Place {
	path: PathBuf,
	temporary: Option<tempfile::TempDir>,
}

impl Place {
	/// The directory at `named`, or a new one, which is deleted at the end unless `keep` says not to.
	pub fn choose(named: Option<&Path>, keep: bool) -> Result<Self, DevError> {
		if let Some(path) = named {
			fs::create_dir_all(path).map_err(DevError::Place)?;
			let path = path.canonicalize().map_err(DevError::Place)?;
			return Ok(Self {
				path,
				temporary: None,
			});
		}
		let directory = tempfile::Builder::new()
			.prefix("infergrid-dev-")
			.tempdir()
			.map_err(DevError::Place)?;
		let path = directory.path().to_path_buf();
		if keep {
			return Ok(Self {
				path: directory.keep(),
				temporary: None,
			});
		}
		Ok(Self {
			path,
			temporary: Some(directory),
		})
	}

	/// Where it is.
	pub fn path(&self) -> &Path {
		&self.path
	}

	/// Leaves the directory where it is.
	pub fn keep(self) {
		if let Some(directory) = self.temporary {
			let _ = directory.keep();
		}
	}

	/// Deletes the directory, if it was made for this run only.
	pub fn finish(self) {
		if let Some(directory) = self.temporary {
			let path = directory.path().to_path_buf();
			if let Err(error) = directory.close() {
				tracing::warn!(directory = %path.display(), %error, "cannot delete the grid's directory");
			}
		}
	}
}

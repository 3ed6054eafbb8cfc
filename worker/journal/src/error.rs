//! Why a journal does not do what it was asked.

use crate::format::FORMAT;
use std::path::PathBuf;

/// Why a journal cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
	/// There is none.
	#[error(
		"{path} is missing: without it this worker does not know what it has signed, and could sign \
		 something else. Restore the data directory. If this key has never worked, or nothing that it \
		 signed is still open, make a new journal with --new-journal"
	)]
	Missing {
		/// The file.
		path: PathBuf,
	},
	/// There is one already.
	#[error("{path} exists already: a journal is never made over another one")]
	Exists {
		/// The file.
		path: PathBuf,
	},
	/// The journal was made for another chain or another key.
	#[error(
		"the journal in {path} belongs to another {what}: give this worker a data directory of its own \
		 with --data"
	)]
	Foreign {
		/// The file.
		path: PathBuf,
		/// `chain` or `key`.
		what: &'static str,
	},
	/// The journal was written by a newer version.
	#[error(
		"the journal in {path} has format {found}, and this version knows none above {FORMAT}: run the \
		 newer version"
	)]
	Newer {
		/// The file.
		path: PathBuf,
		/// Its format.
		found: u32,
	},
	/// The journal does not work.
	#[error(transparent)]
	Journal(#[from] JournalError),
}

/// Why something cannot be read or recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
	/// The database or the disk.
	#[error("the journal in {path} cannot be used: {source}")]
	Database {
		/// The file.
		path: PathBuf,
		/// What the database says.
		#[source]
		source: Box<redb::Error>,
	},
	/// A record cannot be decoded.
	#[error("the journal in {path} holds a damaged record of {what}: restore it from a backup")]
	Damaged {
		/// The file.
		path: PathBuf,
		/// Of what.
		what: String,
	},
	/// The thread that used the journal crashed.
	#[error("a use of the journal crashed")]
	Crashed,
}

impl JournalError {
	/// Whether the same may work later: the disk was full, and need not stay so.
	pub fn may_pass(&self) -> bool {
		match self {
			Self::Database { source, .. } => {
				matches!(**source, redb::Error::Io(_) | redb::Error::PreviousIo)
			}
			Self::Damaged { .. } | Self::Crashed => false,
		}
	}
}

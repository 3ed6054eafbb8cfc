//! What ends a verifier's worker.

use infergrid_chain::ReadError;
use infergrid_journal::JournalError;
use infergrid_proof::ComputeError;

/// Why the worker cannot go on. Whatever concerns one audit alone is told in the log, and is none of
/// these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifierError {
	/// The chain is none that this version can read.
	#[error(transparent)]
	Chain(#[from] ReadError),
	/// Nothing can be recorded, so no vote may be fixed.
	#[error(transparent)]
	Journal(#[from] JournalError),
	/// The model cannot be used any more.
	#[error("the model cannot be used any more: {0}")]
	Compute(#[source] ComputeError),
	/// A duty crashed.
	#[error("the work on an audit crashed: {0}")]
	Crashed(#[from] tokio::task::JoinError),
}

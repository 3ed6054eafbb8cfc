//! What ends a miner's worker.

use crate::OfferError;
use infergrid_chain::ReadError;
use infergrid_journal::JournalError;
use infergrid_proof::ComputeError;

/// Why the worker cannot go on. Whatever concerns one task alone is told in the log and to the
/// payer, and is none of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MinerError {
	/// The chain is none that this version can read.
	#[error(transparent)]
	Chain(#[from] ReadError),
	/// The offer cannot be kept.
	#[error(transparent)]
	Offer(#[from] OfferError),
	/// Nothing can be recorded, so nothing may be signed.
	#[error(transparent)]
	Journal(#[from] JournalError),
	/// The model cannot be used any more.
	#[error("the model cannot be used any more: {0}")]
	Compute(#[source] ComputeError),
	/// The model gave what cannot be.
	#[error("the model gave another number of proofs than chunks of its answer")]
	Proofs,
	/// A task crashed.
	#[error("the work on a task crashed: {0}")]
	Crashed(#[from] tokio::task::JoinError),
}

//! Why there is nothing to show.

use infergrid_chain::{ReadError, RefundReason};
use infergrid_client::ClientError;
use infergrid_primitives::{BlockNumber, TaskId, audit::Verdict};
use std::io;

/// Why a private grid does not show what it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DevError {
	/// There is no directory. Name another.
	#[error("cannot make the grid's directory")]
	Place(#[source] io::Error),
	/// The grid was planned without what is shown: a bug.
	#[error("the grid lacks its gateway or its model")]
	Incomplete,
	/// The gateway gives no answer.
	#[error(transparent)]
	Client(#[from] ClientError),
	/// The chain cannot be read.
	#[error(transparent)]
	Read(#[from] ReadError),
	/// The answer has no text.
	#[error("the answer is empty")]
	EmptyAnswer,
	/// The answer does not say which task it belongs to.
	#[error("the answer carries no receipt")]
	NoReceipt,
	/// Audit and settlement take too long.
	#[error("task {task} was not settled within {seconds} s")]
	Unsettled {
		/// The task.
		task: TaskId,
		/// The time given.
		seconds: u64,
	},
	/// The payer got the money back.
	#[error("the task was refunded in block {block}: {reason:?}")]
	Refunded {
		/// Where.
		block: BlockNumber,
		/// Why.
		reason: RefundReason,
	},
	/// Something that belongs to every task is not there.
	#[error("the grid gave no {0}")]
	Missing(String),
	/// The audit condemned the answer.
	#[error("the audit found the answer {0:?}")]
	Judged(Verdict),
	/// Money came from nowhere, or went there: a bug.
	#[error("the shares do not sum to the fee")]
	Shares,
}

//! The worker, and what is under way in it.

use crate::{jobs::Jobs, ledger::Ledger, metrics::MinerMetrics};
use infergrid_chain::Served;
use infergrid_journal::Journal;
use infergrid_primitives::AccountBytes;
use infergrid_proof::Compute;
use std::{sync::Arc, time::Duration};

/// A miner's worker: one model, one profile, one operator.
#[derive(Debug)]
pub struct Miner {
	pub(crate) ledger: Arc<dyn Ledger>,
	pub(crate) compute: Arc<dyn Compute>,
	pub(crate) journal: Journal,
	pub(crate) operator: AccountBytes,
	pub(crate) served: Served,
	pub(crate) block_time: Duration,
	pub(crate) jobs: Jobs,
	pub(crate) metrics: MinerMetrics,
}

/// For whom and with what a miner works.
#[derive(Clone, Debug)]
pub struct Position {
	/// The operator for whom the worker key acts.
	pub operator: AccountBytes,
	/// The profile that is served.
	pub served: Served,
	/// Between two blocks.
	pub block_time: Duration,
}

impl Miner {
	/// A worker that has nothing to do yet.
	pub fn new(
		ledger: Arc<dyn Ledger>,
		compute: Arc<dyn Compute>,
		journal: Journal,
		position: Position,
		metrics: MinerMetrics,
	) -> Arc<Self> {
		Arc::new(Self {
			ledger,
			compute,
			journal,
			operator: position.operator,
			served: position.served,
			block_time: position.block_time,
			jobs: Jobs::new(),
			metrics,
		})
	}

	/// Ends when no task is left that could still be delivered.
	pub async fn idle(&self) {
		self.jobs.idle().await;
	}

	/// How many tasks could still be delivered.
	pub fn under_way(&self) -> usize {
		self.jobs.under_way()
	}
}

//! The worker.

use crate::{ledger::Ledger, metrics::VerifierMetrics, miners::Miners};
use infergrid_chain::Served;
use infergrid_journal::Journal;
use infergrid_keys::Key;
use infergrid_primitives::AccountBytes;
use infergrid_proof::Compute;
use std::{sync::Arc, time::Duration};

/// A verifier's worker: one model, one profile, one operator.
#[derive(Debug)]
pub struct Verifier {
	pub(crate) ledger: Arc<dyn Ledger>,
	pub(crate) miners: Arc<dyn Miners>,
	pub(crate) compute: Arc<dyn Compute>,
	pub(crate) journal: Journal,
	/// Signs what asks for openings.
	pub(crate) key: Key,
	pub(crate) operator: AccountBytes,
	pub(crate) served: Served,
	pub(crate) block_time: Duration,
	pub(crate) metrics: VerifierMetrics,
}

/// For whom and with what a verifier works.
#[derive(Clone, Debug)]
pub struct Position {
	/// The worker key.
	pub key: Key,
	/// The operator for whom it acts.
	pub operator: AccountBytes,
	/// The profile whose answers are checked.
	pub served: Served,
	/// Between two blocks.
	pub block_time: Duration,
	/// What is counted.
	pub metrics: VerifierMetrics,
}

impl Verifier {
	/// A worker that has nothing to do yet.
	pub fn new(
		ledger: Arc<dyn Ledger>,
		miners: Arc<dyn Miners>,
		compute: Arc<dyn Compute>,
		journal: Journal,
		position: Position,
	) -> Arc<Self> {
		Arc::new(Self {
			ledger,
			miners,
			compute,
			journal,
			key: position.key,
			operator: position.operator,
			served: position.served,
			block_time: position.block_time,
			metrics: position.metrics,
		})
	}
}

//! Orders whose extrinsics may still come, by their nonces.

use infergrid_primitives::TaskId;
use std::{
	collections::{HashMap, HashSet},
	sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// Tells custodians of their tasks when somebody sees them on chain.
#[derive(Debug, Default)]
pub(crate) struct Adoption(Mutex<HashMap<u64, watch::Sender<Option<TaskId>>>>);

impl Adoption {
	/// Waits for the order `nonce`.
	pub(crate) fn wait(&self, nonce: u64) -> watch::Receiver<Option<TaskId>> {
		self.lock().entry(nonce).or_default().subscribe()
	}

	/// Nobody waits for the order `nonce` any more.
	pub(crate) fn forget(&self, nonce: u64) {
		self.lock().remove(&nonce);
	}

	/// Whether nobody waits.
	pub(crate) fn is_empty(&self) -> bool {
		self.lock().is_empty()
	}

	/// The orders that somebody waits for.
	pub(crate) fn awaited(&self) -> HashSet<u64> {
		self.lock().keys().copied().collect()
	}

	/// The order `nonce` has become `task`.
	pub(crate) fn found(&self, nonce: u64, task: TaskId) {
		if let Some(waiting) = self.lock().get(&nonce) {
			waiting.send_replace(Some(task));
		}
	}

	fn lock(&self) -> MutexGuard<'_, HashMap<u64, watch::Sender<Option<TaskId>>>> {
		self.0.lock().unwrap_or_else(PoisonError::into_inner)
	}
}

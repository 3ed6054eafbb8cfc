//! What custodians share.

use crate::{
	adoption::Adoption,
	funds::Spending,
	ledger::Ledger,
	miners::Miners,
	order::{OrderError, OrderRequest, Progress, Terms},
	quote::{InQueue, Queues, Quote, Turn, quote},
	receipts::Receipts,
};
use infergrid_journal::{Journal, JournalError};
use infergrid_primitives::{BlockNumber, Hash, request::Assurance};
use std::{
	collections::HashMap,
	sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// What custodians share.
#[derive(Debug)]
pub(crate) struct Shared {
	pub(crate) ledger: Arc<dyn Ledger>,
	pub(crate) miners: Arc<dyn Miners>,
	pub(crate) journal: Journal,
	pub(crate) receipts: Receipts,
	pub(crate) adoption: Adoption,
	pub(crate) funds: Spending,
	pub(crate) terms: Terms,
	pub(crate) queues: Queues,
	/// Orders under way, by their requests.
	pub(crate) running: Mutex<HashMap<Hash, watch::Sender<Progress>>>,
}

impl Shared {
	/// Lets an order be found by a request.
	pub(crate) fn enter(&self, request_id: Hash, progress: &watch::Sender<Progress>) {
		self.running().insert(request_id, progress.clone());
	}

	/// Forgets a request that is under way no more.
	pub(crate) fn leave(&self, request_id: &Hash) {
		self.running().remove(request_id);
	}

	pub(crate) fn assurance(&self, asked: Assurance) -> Assurance {
		match self.terms.assurance {
			Assurance::Always => Assurance::Always,
			Assurance::Sampled => asked,
		}
	}

	/// What to bid, and how long to wait; refused if the answer would not come in time.
	pub(crate) async fn quote(
		&self,
		request: &OrderRequest,
		turn: Turn,
	) -> Result<(Quote, InQueue), OrderError> {
		let situation = self.ledger.situation(&request.profile).await;
		let situation = situation.map_err(|error| {
			tracing::warn!(%error, "the chain cannot be read");
			OrderError::ChainUnavailable
		})?;
		let situation = situation.ok_or(OrderError::NoMiner)?;
		self.queues.enter(&request.profile, |queued| {
			quote(&situation, request, turn, (&self.terms, queued))
		})
	}

	/// Notes the end of an order.
	pub(crate) async fn close_order(
		&self,
		nonce: u64,
		now: BlockNumber,
	) -> Result<(), JournalError> {
		self.journal
			.run(move |journal| journal.close_order(nonce, now))
			.await
	}

	pub(crate) fn running(&self) -> MutexGuard<'_, HashMap<Hash, watch::Sender<Progress>>> {
		self.running.lock().unwrap_or_else(PoisonError::into_inner)
	}
}

//! The end of a miner's work: nothing new is taken, what was taken is delivered, and what is still
//! owed afterwards is said.

use crate::{Miner, MinerError, OfferKeeper};
use infergrid_chain::{Chain, Phase, Served, Submitter, TaskStatus, persist};
use infergrid_journal::Journal;
use infergrid_primitives::{BlockNumber, TaskId};
use std::time::Duration;

/// A receipt that a committee may yet ask to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owed {
	/// The task.
	pub task: TaskId,
	/// The last block in which it can be asked for, as far as is known now; None before the draw.
	pub until: Option<BlockNumber>,
}

/// Ends the work of `miner`: withdraws its offer and waits, at most `limit`, until everything that
/// was assigned is delivered. Gives the receipts that may yet have to be opened: whoever stops
/// before that is over, and does not come back in time, is slashed for hiding an answer.
pub async fn drain(
	miner: &Miner,
	(submitter, served): (&Submitter, &Served),
	limit: Duration,
) -> Result<Vec<Owed>, MinerError> {
	let ended = tokio::time::timeout(limit, async {
		match OfferKeeper::withdraw(submitter, served).await {
			Ok(()) => tracing::info!("withdrew the offer: the chain assigns nothing more"),
			// What is not there cannot be withdrawn.
			Err(error) => tracing::warn!(%error, "the offer is not withdrawn"),
		}
		tracing::info!(tasks = miner.under_way(), "finishing what was assigned");
		miner.idle().await;
	});
	if ended.await.is_err() {
		tracing::error!(
			tasks = miner.under_way(),
			seconds = limit.as_secs(),
			"stopping with tasks that are not delivered: their deadlines will be missed"
		);
	}
	owed(&miner.journal, submitter.chain()).await
}

/// The receipts in `journal` that may yet have to be opened.
pub async fn owed(journal: &Journal, chain: &Chain) -> Result<Vec<Owed>, MinerError> {
	let view = persist(|| chain.latest()).await?;
	let open = journal.run(|journal| journal.open_deliveries()).await?;
	let mut owed = Vec::new();
	for id in open {
		let Some(task) = persist(|| view.task(id)).await? else {
			continue;
		};
		let TaskStatus::Delivered { audit, .. } = task.status else {
			continue;
		};
		let until = match persist(|| view.audit(audit))
			.await?
			.map(|audit| audit.phase)
		{
			Some(Phase::Scheduled { .. }) => None,
			Some(Phase::Committing { until, .. } | Phase::Revealing { until, .. }) => Some(until),
			Some(Phase::Escrowed { .. } | Phase::Concluded { .. }) | None => continue,
		};
		owed.push(Owed { task: id, until });
	}
	Ok(owed)
}

//! The end of a miner's work: nothing new is taken, what was taken is delivered, and what is still
//! owed afterwards is said.

use crate::{Ledger, Miner, MinerError, OfferKeeper};
use infergrid_chain::{TaskStatus, in_time, persist_latest};
use infergrid_journal::Journal;
use infergrid_primitives::{BlockNumber, TaskId};
use std::{pin::pin, time::Duration};
use tokio_util::sync::CancellationToken;

/// A receipt that is still to be delivered, or that a committee may yet ask to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owed {
	/// The task.
	pub task: TaskId,
	/// The last block in which that can be.
	pub until: BlockNumber,
}

/// Keeps the offer until `stop`, and ends the work of its miner then, as [`drain`] does; a `limit` of
/// zero ends it at once. The keeper comes to its end first: it would offer again what is withdrawn.
pub async fn serve(
	mut keeper: OfferKeeper,
	stop: CancellationToken,
	limit: Duration,
) -> Result<Option<Vec<Owed>>, MinerError> {
	end_of(keeper.watch(stop.clone()), &stop, limit)
		.await
		.unwrap_or(Ok(()))?;
	if limit.is_zero() {
		return Ok(None);
	}
	drain(&keeper.miner, limit).await
}

/// What comes of `watch`, which ends by itself soon after `stop`; None if that takes longer than
/// `limit`.
async fn end_of<T>(
	watch: impl Future<Output = T>,
	stop: &CancellationToken,
	limit: Duration,
) -> Option<T> {
	let mut watch = pin!(watch);
	tokio::select! {
		biased;
		ended = &mut watch => return Some(ended),
		_ = stop.cancelled() => {},
	}
	tokio::time::timeout(limit, watch).await.ok()
}

/// Ends the work of `miner`: withdraws its offer and waits, at most `limit`, until everything that
/// was assigned is delivered. Gives the receipts that may yet have to be opened: whoever stops
/// before that is over, and does not come back in time, is slashed for hiding an answer. None if the
/// node does not say.
pub async fn drain(miner: &Miner, limit: Duration) -> Result<Option<Vec<Owed>>, MinerError> {
	let ended = tokio::time::timeout(limit, async {
		match miner.ledger.withdraw_offer(&miner.served.id).await {
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
	in_time(owed(&miner.journal, miner.ledger.as_ref())).await
}

/// The receipts in `journal` that are still to be delivered or may yet have to be opened.
pub async fn owed(journal: &Journal, ledger: &dyn Ledger) -> Result<Vec<Owed>, MinerError> {
	let open = journal.run(|journal| journal.open_deliveries()).await?;
	let mut owed = Vec::new();
	for id in open {
		let Some(task) = persist_latest(|| ledger.task(id)).await? else {
			continue;
		};
		let until = match task.status {
			TaskStatus::Assigned { miner, window, .. } => {
				let signed = journal.run(move |journal| journal.delivery(id)).await?;
				// It may be another miner's task by now.
				signed
					.is_some_and(|signed| signed.receipt.miner == miner)
					.then_some(window.due)
			}
			TaskStatus::Delivered { audit, .. } => {
				match persist_latest(|| ledger.audit(audit)).await? {
					Some(audit) => persist_latest(|| ledger.last_opening(&audit)).await?,
					None => None,
				}
			}
			_ => None,
		};
		owed.extend(until.map(|until| Owed { task: id, until }));
	}
	Ok(owed)
}

/// Says in the log what a stopped miner still owes; None where that is not known.
pub fn tell_owed(owed: Option<&[Owed]>) {
	match owed {
		None => tracing::warn!(
			"the node does not say what is owed: answers may still have to be opened for verifiers"
		),
		Some([]) => tracing::info!("nothing is owed: it is safe to stay away"),
		Some(owed) => tracing::warn!(
			answers = owed.len(),
			until.block = owed.iter().map(|owed| owed.until).max(),
			"answers may still have to be delivered, or opened for verifiers, until that block: start \
			 again at once, with this data directory, or a part of the bond may be lost"
		),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[tokio::test(start_paused = true)]
	async fn a_renewal_under_way_comes_to_its_end_before_the_offer_is_withdrawn() {
		let stop = CancellationToken::new();
		let told = stop.clone();
		let renewing = async {
			told.cancelled().await;
			tokio::time::sleep(Duration::from_secs(20)).await;
			"renewed"
		};
		stop.cancel();
		let ended = end_of(renewing, &stop, Duration::from_secs(30)).await;
		assert_eq!(ended, Some("renewed"));
		let stuck = std::future::pending::<()>();
		assert_eq!(end_of(stuck, &stop, Duration::from_secs(30)).await, None);
	}
}

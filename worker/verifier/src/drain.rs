//! The end of a verifier's work: it is drawn for nothing new, the votes under way are revealed, and what
//! is still owed afterwards is said.

use crate::{Ledger, Verifier, VerifierError};
use infergrid_chain::{Phase, in_time, persist_latest};
use infergrid_journal::Journal;
use infergrid_primitives::{AccountBytes, AuditId, BlockNumber};
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Votes that are owed, each with the last block of the running phase; None where the node does not say.
pub type OwedVotes = Option<Vec<(AuditId, BlockNumber)>>;

/// The votes in `journal` that are not revealed though their audits wait for them, each with the last
/// block of the running phase.
pub async fn open_votes(
	journal: &Journal,
	ledger: &dyn Ledger,
	operator: &AccountBytes,
) -> Result<Vec<(AuditId, BlockNumber)>, VerifierError> {
	let mut open = Vec::new();
	for (id, voted) in journal.run(|journal| journal.ballots()).await? {
		let audit = persist_latest(|| ledger.audit(id)).await?;
		let Some(Phase::Committing { round, until, .. } | Phase::Revealing { round, until, .. }) =
			audit.map(|audit| audit.phase)
		else {
			continue;
		};
		if round == voted && !persist_latest(|| ledger.has_voted(id, operator)).await? {
			open.push((id, until));
		}
	}
	Ok(open)
}

impl Verifier {
	/// Stands for the profile until `stop`, and ends the work then, as [`Verifier::drain`] does; a
	/// `limit` of zero ends it at once.
	pub async fn keep_standing(
		&self,
		stop: CancellationToken,
		limit: Duration,
	) -> Result<OwedVotes, VerifierError> {
		let overdue = async {
			stop.cancelled().await;
			sleep(limit).await;
		};
		// A call under way comes to its end first: it would stand again.
		tokio::select! {
			biased;
			ended = self.stand(stop.clone()) => ended?,
			_ = overdue => {},
		}
		if limit.is_zero() {
			return Ok(None);
		}
		self.drain(limit).await
	}

	/// Stands down and waits, at most `limit`, until no vote is owed: [`Verifier::follow`] goes on
	/// meanwhile. Gives what is still owed: whoever does not come back for it is slashed.
	pub async fn drain(&self, limit: Duration) -> Result<OwedVotes, VerifierError> {
		let ended = timeout(limit, async {
			match self.ledger.stand_down(&self.served.id).await {
				Ok(()) => tracing::info!("stood down: the chain draws this verifier no more"),
				// Who does not stand cannot stand down.
				Err(error) => tracing::warn!(%error, "the verifier has not stood down"),
			}
			tracing::info!("finishing the audits under way");
			loop {
				let now = self.ledger.finalized();
				if self.votes_owed().await?.is_empty() {
					return Ok::<_, VerifierError>(());
				}
				persist_latest(|| self.ledger.reach(now.saturating_add(1))).await?;
			}
		});
		match ended.await {
			Ok(ended) => ended?,
			Err(_) => tracing::error!(
				seconds = limit.as_secs(),
				"stopping though votes are not revealed"
			),
		}
		in_time(self.votes_owed()).await
	}

	async fn votes_owed(&self) -> Result<Vec<(AuditId, BlockNumber)>, VerifierError> {
		let read = || self.ledger.votes_owed(&self.served.id, &self.operator);
		persist_latest(read).await.map_err(Into::into)
	}
}

/// Says in the log which votes a stopped verifier still owes; None where that is not known.
pub fn tell_owed(owed: Option<&[(AuditId, BlockNumber)]>) {
	match owed {
		None => tracing::warn!("the node does not say which votes are owed: start again soon"),
		Some([]) => tracing::info!("no vote is owed: it is safe to stay away"),
		Some(owed) => tracing::warn!(
			audits = ?owed.iter().map(|(audit, _)| audit).collect::<Vec<_>>(),
			until.block = owed.iter().map(|(_, until)| until).min(),
			"votes are owed: start again before that block, with this data directory, or a part of the \
			 bond is lost"
		),
	}
}

//! Which audits are this worker's duty: read from the chain and nothing else, so that a restart finds
//! them again.

use crate::{Verifier, VerifierError};
use infergrid_chain::{Chain, Duty, Event, Follower, Step, persist, persist_latest};
use infergrid_primitives::{AuditId, Balance, BlockNumber};
use std::{collections::HashSet, sync::Arc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Blocks between two clearings of the journal.
const PRUNE_EVERY: BlockNumber = 100;

impl Verifier {
	/// Does the duties that the chain draws for the verifier, until `stop`.
	pub async fn follow(
		self: Arc<Self>,
		chain: Chain,
		stop: CancellationToken,
	) -> Result<(), VerifierError> {
		let mut follower = Follower::new(chain, stop);
		// The chain bounds their number by the work that miners may have unsettled.
		let mut working = JoinSet::new();
		let mut known = HashSet::new();
		loop {
			let step = tokio::select! {
				biased;
				Some(ended) = working.join_next() => {
					let key = ended??;
					known.remove(&key);
					continue;
				},
				step = follower.next() => step?,
			};
			let duties = match step {
				None => return Ok(()),
				Some(Step::Rescan(view)) => match persist(|| view.duties(&self.operator)).await {
					Ok(duties) => duties,
					Err(error) => {
						follower.read_anew(error)?;
						continue;
					}
				},
				Some(Step::Block(view, events)) => {
					let now = view.block().number;
					if now.is_multiple_of(PRUNE_EVERY) {
						self.journal
							.run(move |journal| journal.prune_ballots(now))
							.await?;
					}
					match self.drawn(events).await {
						Ok(duties) => duties,
						Err(VerifierError::Chain(error)) => {
							follower.read_anew(error)?;
							continue;
						}
						Err(error) => return Err(error),
					}
				}
			};
			for duty in duties {
				let key = (duty.audit, duty.round);
				if known.insert(key) {
					let verifier = self.clone();
					working.spawn(async move { verifier.serve(duty).await.map(|()| key) });
				}
			}
		}
	}

	/// The duties that a block brings. Notes what it gives and takes, too.
	pub(crate) async fn drawn(&self, events: Vec<Event>) -> Result<Vec<Duty>, VerifierError> {
		let mut duties = Vec::new();
		// What came to the operator out of the latest slash. The chain takes a slash, shares it out, and
		// names the audit last.
		let mut share: Balance = 0;
		for event in events {
			match event {
				Event::AuditDrawn(event) if event.committee.contains(&self.operator) => {
					duties.push(Duty {
						audit: event.audit,
						task: event.task,
						round: event.round,
					});
				}
				Event::Slashed(_) => share = 0,
				Event::Deposit(event) if event.who == self.operator => {
					share = share.saturating_add(event.amount);
				}
				Event::MinerPunished(event) => {
					self.earn(event.audit, std::mem::take(&mut share)).await?;
				}
				Event::VerifierPunished(event) => {
					self.earn(event.audit, std::mem::take(&mut share)).await?;
					if event.verifier == self.operator && self.audited(event.audit).await? {
						tracing::error!(audit = event.audit, amount = event.amount, "punished");
						self.metrics.slashed(event.amount);
					}
				}
				_ => {}
			}
		}
		Ok(duties)
	}

	/// Notes what a vote in an audit of this worker has earned.
	async fn earn(&self, audit: AuditId, share: Balance) -> Result<(), VerifierError> {
		if share > 0 && self.audited(audit).await? {
			tracing::info!(audit, earned = share, "paid");
			self.metrics.earned(share);
		}
		Ok(())
	}

	/// Whether the audit is of this worker's profile, and not one of work that the operator paid for,
	/// which gives a payer its share. Another worker of the operator notes its own.
	async fn audited(&self, audit: AuditId) -> Result<bool, VerifierError> {
		let audit = persist_latest(|| self.ledger.audit(audit)).await?;
		Ok(audit.is_some_and(|audit| {
			audit.work.profile == self.served.id && audit.work.payer != self.operator
		}))
	}
}

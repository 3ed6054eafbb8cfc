//! Which audits are this worker's duty: read from the chain and nothing else, so that a restart finds
//! them again.

use crate::{Verifier, VerifierError, ledger::Audits};
use infergrid_chain::{Advice, Duty, Event, Step, Walk, legible, persist, persist_latest};
use infergrid_primitives::{AuditId, Balance, BlockNumber};
use std::{collections::HashSet, sync::Arc};
use tokio::task::JoinSet;

/// Blocks between two clearings of the journal.
const PRUNE_EVERY: BlockNumber = 100;

impl Verifier {
	/// Does the duties that the chain draws for the verifier, to the end of `walk`.
	pub async fn follow<W>(self: Arc<Self>, mut walk: W) -> Result<(), VerifierError>
	where
		W: Walk<View: Audits>,
	{
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
				step = walk.next() => step?,
			};
			let found = match step {
				None => return Ok(()),
				Some(Step::Rescan(view)) => persist(|| view.duties(&self.operator))
					.await
					.map_err(VerifierError::from),
				Some(Step::Block(view, events)) => {
					self.prune(view.block()).await?;
					self.drawn(events).await
				}
			};
			let duties = match found {
				Err(VerifierError::Chain(error)) => {
					walk.read_anew(error)?;
					continue;
				}
				found => found?,
			};
			for duty in duties {
				let key = (duty.audit, duty.round);
				if known.insert(key) {
					let verifier = self.clone();
					working.spawn(async move { verifier.attend(duty).await.map(|()| key) });
				}
			}
		}
	}

	/// One duty, which may turn out to be one that this version cannot do: it gives up no other.
	async fn attend(&self, duty: Duty) -> Result<(), VerifierError> {
		let audit = duty.audit;
		match self.serve(duty).await {
			Err(VerifierError::Chain(error)) if error.advice() == Advice::Skip => {
				tracing::error!(audit, %error, "this worker cannot vote in the audit");
				Ok(())
			}
			served => served,
		}
	}

	async fn prune(&self, now: BlockNumber) -> Result<(), VerifierError> {
		if now.is_multiple_of(PRUNE_EVERY) {
			self.journal
				.run(move |journal| journal.prune_ballots(now))
				.await?;
		}
		Ok(())
	}

	/// The duties that a block brings. Notes what it gives and takes, too.
	async fn drawn(&self, events: Vec<Event>) -> Result<Vec<Duty>, VerifierError> {
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
		let audit = legible(persist_latest(|| self.ledger.audit(audit)).await)?;
		Ok(audit.is_some_and(|audit| {
			audit.work.profile == self.served.id && audit.work.payer != self.operator
		}))
	}
}

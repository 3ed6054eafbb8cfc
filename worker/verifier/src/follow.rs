//! Which audits are this worker's duty: read from the chain and nothing else, so that a restart finds
//! them again.

use crate::{Verifier, VerifierError};
use infergrid_chain::{Chain, Duty, Event, Follower, Step, persist};
use infergrid_primitives::BlockNumber;
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
					self.drawn(events)
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

	fn drawn(&self, events: Vec<Event>) -> Vec<Duty> {
		let mut duties = Vec::new();
		for event in events {
			match event {
				Event::AuditDrawn(event) if event.committee.contains(&self.operator) => {
					self.metrics.drawn();
					duties.push(Duty {
						audit: event.audit,
						task: event.task,
						round: event.round,
					});
				}
				Event::VerifierPunished(event) if event.verifier == self.operator => {
					tracing::error!(audit = event.audit, amount = event.amount, "punished");
					self.metrics.slashed(event.amount);
				}
				_ => {}
			}
		}
		duties
	}
}

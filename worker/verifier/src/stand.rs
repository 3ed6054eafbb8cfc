//! The verifier's place in the list of its profile, and what stands in its way said aloud.

use crate::{Verifier, VerifierError};
use infergrid_chain::{Call, Complaint, Standing, Submitter, persist_latest};
use infergrid_primitives::market::Role;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often the list and the bond are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(30);

impl Verifier {
	/// Keeps the operator in the profile's list, until `stop`.
	pub async fn stand(
		&self,
		submitter: &Submitter,
		stop: CancellationToken,
	) -> Result<(), VerifierError> {
		let mut complaint = Complaint::new("the chain draws this verifier for nothing");
		loop {
			let worker = submitter.account();
			let (operator, profile) = (&self.operator, &self.served.id);
			let mut standing = persist_latest(async || {
				let view = submitter.chain().latest().await?;
				view.standing(Role::Verifier, operator, &worker, profile)
					.await
			})
			.await?;
			if standing.is_mended_by_listing() {
				match submitter.submit_checked(&Call::stand(profile)).await {
					Ok(_) => standing = Standing::Good,
					Err(error) => tracing::error!(%error, "the chain does not list this verifier"),
				}
			}
			self.metrics.standing(standing.is_good());
			complaint.tell(&standing);
			tokio::select! {
				_ = stop.cancelled() => return Ok(()),
				_ = tokio::time::sleep(LOOK_EVERY) => {},
			}
		}
	}
}

//! The verifier's place in the list of its profile, and what stands in its way said aloud.

use crate::{Verifier, VerifierError};
use infergrid_chain::{Complaint, Standing, persist_latest};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often the list and the bond are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(30);

impl Verifier {
	/// Keeps the operator in the profile's list, until `stop`.
	pub(crate) async fn stand(&self, stop: CancellationToken) -> Result<(), VerifierError> {
		let mut complaint = Complaint::new("the chain draws this verifier for nothing");
		loop {
			let (operator, profile) = (&self.operator, &self.served.id);
			let mut standing = persist_latest(|| self.ledger.standing(operator, profile)).await?;
			if standing.is_mended_by_listing() {
				match self.ledger.stand(profile).await {
					Ok(()) => standing = Standing::Good,
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

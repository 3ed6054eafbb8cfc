//! The offer on chain: kept as the miner wants it, and what stands in its way said aloud.

use crate::metrics::MinerMetrics;
use infergrid_chain::{
	Call, Complaint, Offer, OfferTerms, ReadError, Served, SubmitError, Submitter, persist_latest,
};
use infergrid_primitives::{
	AccountBytes,
	market::{Price, Role},
};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often the offer and the bond are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// What the operator wants to offer, but for the address, which may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
	/// What 1,000 tokens cost.
	pub price: Price,
	/// Tasks taken at the same time.
	pub capacity: u32,
	/// The libp2p peer id, in bytes.
	pub peer: Vec<u8>,
}

/// Why there is no offer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfferError {
	/// The chain cannot be read.
	#[error(transparent)]
	Read(#[from] ReadError),
	/// Another worker of the operator mines for the profile, or this one's data directory is not the
	/// one with which it mined before.
	#[error(
		"the operator offers this profile with another peer already. Only the worker that answered can \
		 open its answers: stop the other worker, or restore this one's data directory. If nothing of it \
		 is left or owed, take its place with --new-journal"
	)]
	OtherPeer,
}

/// Keeps one offer.
#[derive(Debug)]
pub struct OfferKeeper {
	submitter: Submitter,
	operator: AccountBytes,
	served: Served,
	intent: Intent,
	/// Where others dial, as a multiaddress; it may change.
	address: watch::Receiver<String>,
	metrics: MinerMetrics,
}

impl OfferKeeper {
	/// A keeper for what `operator` offers for `served`.
	pub fn new(
		submitter: Submitter,
		(operator, served): (AccountBytes, Served),
		intent: Intent,
		address: watch::Receiver<String>,
		metrics: MinerMetrics,
	) -> Self {
		Self {
			submitter,
			operator,
			served,
			intent,
			address,
			metrics,
		}
	}

	/// Puts the offer on chain for the first time. `replace` takes the place of another peer's.
	pub async fn begin(&self, replace: bool) -> Result<(), OfferError> {
		// A withdrawn offer counts too, as long as tasks run on it.
		let last = persist_latest(async || {
			let view = self.submitter.chain().latest().await?;
			view.last_offer(&self.served.id, &self.operator).await
		})
		.await?;
		let other = last.is_some_and(|offer| offer.terms.peer != self.intent.peer);
		if other && !replace {
			return Err(OfferError::OtherPeer);
		}
		// The watch repeats it, and tells when it is over.
		self.renew(self.standing_offer().await?).await;
		Ok(())
	}

	/// The way on chain, and what is offered there.
	pub(crate) fn place(&self) -> (Submitter, Served) {
		(self.submitter.clone(), self.served.clone())
	}

	/// Watches the offer and the bond under it, until `stop`.
	pub async fn watch(mut self, stop: CancellationToken) -> Result<(), OfferError> {
		let mut complaint = Complaint::new("the chain assigns nothing to this miner");
		loop {
			tokio::select! {
				_ = stop.cancelled() => return Ok(()),
				_ = tokio::time::sleep(LOOK_EVERY) => {},
				changed = self.address.changed() => {
					if changed.is_err() {
						// The swarm has ended, and says so itself.
						stop.cancelled().await;
						return Ok(());
					}
					tracing::info!(address = %*self.address.borrow(), "the address has changed");
				},
			}
			let worker = self.submitter.account();
			let (operator, profile) = (&self.operator, &self.served.id);
			let standing = persist_latest(async || {
				let view = self.submitter.chain().latest().await?;
				view.standing(Role::Miner, operator, &worker, profile).await
			})
			.await?;
			self.metrics.standing(standing.is_good());
			complaint.tell(&standing);
			if standing.is_good() || standing.is_mended_by_listing() {
				self.renew(self.standing_offer().await?).await;
			}
		}
	}

	/// Takes the offer back, so that the chain assigns nothing more.
	pub async fn withdraw(submitter: &Submitter, served: &Served) -> Result<(), SubmitError> {
		submitter
			.submit(&Call::withdraw_offer(&served.id), None)
			.await
			.map(drop)
	}

	/// The operator's offer as it is on chain; None if it is withdrawn.
	async fn standing_offer(&self) -> Result<Option<Offer>, ReadError> {
		persist_latest(async || {
			let view = self.submitter.chain().latest().await?;
			view.offer(&self.served.id, &self.operator).await
		})
		.await
	}

	/// Puts the offer on chain, unless `standing` is as it should be.
	async fn renew(&self, standing: Option<Offer>) {
		let wanted = OfferTerms {
			price: self.intent.price,
			capacity: self.intent.capacity,
			peer: self.intent.peer.clone(),
			address: self.address.borrow().clone().into_bytes(),
		};
		if standing.is_some_and(|offer| offer.terms == wanted) {
			return;
		}
		let call = Call::set_offer(&self.served.id, &wanted);
		if let Err(error) = self.submitter.submit_checked(&call).await {
			tracing::error!(%error, "the chain does not take the offer");
			return;
		}
		tracing::info!(
			offer.address = %String::from_utf8_lossy(&wanted.address),
			offer.capacity = wanted.capacity,
			offer.price_input = wanted.price.input,
			offer.price_output = wanted.price.output,
			"the offer is on chain"
		);
	}
}

//! The offer on chain: kept as the miner wants it, and what stands in its way said aloud.

use crate::{ledger::LastOffer, miner::Miner};
use infergrid_chain::{Complaint, OfferTerms, ReadError, persist_latest};
use infergrid_primitives::market::Price;
use std::{sync::Arc, time::Duration};
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

/// Keeps the offer of one miner.
#[derive(Debug)]
pub struct OfferKeeper {
	pub(crate) miner: Arc<Miner>,
	intent: Intent,
	/// Where others dial, as a multiaddress; it may change.
	address: watch::Receiver<String>,
}

impl OfferKeeper {
	/// A keeper for what `miner` offers.
	pub fn new(miner: Arc<Miner>, intent: Intent, address: watch::Receiver<String>) -> Self {
		Self {
			miner,
			intent,
			address,
		}
	}

	/// Puts the offer on chain for the first time. `replace` takes the place of another peer's.
	pub async fn begin(&self, replace: bool) -> Result<(), OfferError> {
		let last = self.last().await?;
		// A withdrawn offer counts too, as long as tasks run on it.
		let other = |last: &LastOffer| last.terms.peer != self.intent.peer;
		if last.as_ref().is_some_and(other) && !replace {
			return Err(OfferError::OtherPeer);
		}
		// The watch repeats it, and tells when it is over.
		self.renew(last).await;
		Ok(())
	}

	/// Watches the offer and the bond under it, until `stop`.
	pub async fn watch(&mut self, stop: CancellationToken) -> Result<(), OfferError> {
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
			let miner = &self.miner;
			let (operator, profile) = (&miner.operator, &miner.served.id);
			let standing = persist_latest(|| miner.ledger.standing(operator, profile)).await?;
			miner.metrics.standing(standing.is_good());
			complaint.tell(&standing);
			if standing.is_good() || standing.is_mended_by_listing() {
				self.renew(self.last().await?).await;
			}
		}
	}

	/// What lies on chain of the operator's offer.
	async fn last(&self) -> Result<Option<LastOffer>, ReadError> {
		let miner = &self.miner;
		let (operator, profile) = (&miner.operator, &miner.served.id);
		persist_latest(|| miner.ledger.last_offer(operator, profile)).await
	}

	/// Puts the offer on chain, unless the `last` one stands and is as it should be.
	async fn renew(&self, last: Option<LastOffer>) {
		let terms = OfferTerms {
			price: self.intent.price,
			capacity: self.intent.capacity,
			peer: self.intent.peer.clone(),
			address: self.address.borrow().clone().into_bytes(),
		};
		if last.is_some_and(|last| last.stands && last.terms == terms) {
			return;
		}
		let miner = &self.miner;
		if let Err(error) = miner.ledger.set_offer(&miner.served.id, &terms).await {
			tracing::error!(%error, "the chain does not take the offer");
			return;
		}
		tracing::info!(
			offer.address = %String::from_utf8_lossy(&terms.address),
			offer.capacity = terms.capacity,
			offer.price_input = terms.price.input,
			offer.price_output = terms.price.output,
			"the offer is on chain"
		);
	}
}

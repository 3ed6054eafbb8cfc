//! The offer on chain: kept as the miner wants it, and what stands in its way said aloud.

use crate::metrics::MinerMetrics;
use infergrid_chain::{
	Call, Chain, Complaint, OfferTerms, ReadError, Served, SubmitError, Submitter, View, persist,
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
	/// The chain does not take it.
	#[error(transparent)]
	Submit(#[from] SubmitError),
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
	chain: Chain,
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
			chain: submitter.chain().clone(),
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
		let view = persist(|| self.chain.latest()).await?;
		let standing = persist(|| view.offer(&self.served.id, &self.operator)).await?;
		let other = standing.is_some_and(|offer| offer.terms.peer != self.intent.peer);
		if other && !replace {
			return Err(OfferError::OtherPeer);
		}
		if let Err(error) = self.renew(&view).await {
			// The watch repeats it, and tells when it is over.
			tracing::error!(%error, "the chain does not take the offer");
		}
		Ok(())
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
			let view = persist(|| self.chain.latest()).await?;
			let worker = self.submitter.account();
			let (operator, profile) = (&self.operator, &self.served.id);
			let standing =
				persist(|| view.standing(Role::Miner, operator, &worker, profile)).await?;
			self.metrics.standing(standing.is_good());
			complaint.tell(&standing);
			if (standing.is_good() || standing.is_mended_by_listing())
				&& let Err(error) = self.renew(&view).await
			{
				tracing::error!(%error, "the chain does not take the offer");
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

	/// Puts the offer on chain, unless it is there as it should be.
	async fn renew(&self, view: &View) -> Result<(), OfferError> {
		let wanted = OfferTerms {
			price: self.intent.price,
			capacity: self.intent.capacity,
			peer: self.intent.peer.clone(),
			address: self.address.borrow().clone().into_bytes(),
		};
		let standing = persist(|| view.offer(&self.served.id, &self.operator)).await?;
		if standing.is_some_and(|offer| offer.terms == wanted) {
			return Ok(());
		}
		let call = Call::set_offer(&self.served.id, &wanted);
		self.submitter.submit(&call, None).await?;
		tracing::info!(
			offer.address = %String::from_utf8_lossy(&wanted.address),
			offer.capacity = wanted.capacity,
			offer.price_input = wanted.price.input,
			offer.price_output = wanted.price.output,
			"the offer is on chain"
		);
		Ok(())
	}
}

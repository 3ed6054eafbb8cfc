//! Where others find this miner, and whether they do.

use infergrid_chain::{Offer, ReadError, View, persist};
use infergrid_primitives::Hash;
use infergrid_swarm::{AddressPolicy, PeerAddress, PeerId, SwarmHandle, Unreachable};
use std::time::Duration;
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

/// Other miners that are asked to dial back, at most.
const ASKED: usize = 5;
/// How long they may take together.
const ASKING: Duration = Duration::from_secs(30);

/// Why an offer would send others to where this miner is not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReachError {
	/// The chain cannot be read.
	#[error(transparent)]
	Read(#[from] ReadError),
	/// Peers have tried the address.
	#[error(transparent)]
	Unreachable(#[from] Unreachable),
}

/// Asks other miners of `profile` to dial `address`. Fails if one could not and none could; where
/// there is nobody to ask, nothing is known.
pub async fn dial_back(
	view: &View,
	profile: &Hash,
	swarm: &SwarmHandle,
	address: &str,
) -> Result<(), ReachError> {
	let offers = persist(|| view.offers(profile)).await?;
	let others = offers
		.iter()
		.filter_map(|(_, offer)| peer(offer))
		.filter(|other| other.peer != swarm.peer_id());
	let mut failed = None;
	let asking = async {
		for other in others.take(ASKED) {
			match swarm.check_reachable(&other, address).await {
				Ok(()) => return Some(other.peer),
				// One peer's word is not enough as long as others can be asked.
				Err(error) if error.is_proven() => failed = Some(error),
				Err(error) => tracing::debug!(%error, asked = %other.peer, "no dial back"),
			}
		}
		None
	};
	let reached = timeout(ASKING, asking).await.unwrap_or_default();
	match (reached, failed) {
		(Some(by), _) => tracing::info!(%address, %by, "others reach this miner"),
		(None, Some(error)) => return Err(error.into()),
		(None, None) => {
			tracing::warn!(%address, "nobody could be asked whether others reach this miner there");
		}
	}
	Ok(())
}

/// Keeps `announced` at the address of `swarm` that most can dial, as interfaces and their addresses
/// come and go.
pub async fn follow_address(
	swarm: SwarmHandle,
	policy: AddressPolicy,
	announced: watch::Sender<String>,
	stop: CancellationToken,
) {
	let mut listening = swarm.watch_listen_addresses();
	loop {
		let addresses = listening.borrow_and_update().clone();
		match policy.choose(&addresses) {
			Ok(best) => {
				announced.send_if_modified(|last| {
					let changed = *last != best;
					*last = best;
					changed
				});
			}
			Err(error) => tracing::error!(%error, "the address is lost: nobody reaches this miner"),
		}
		tokio::select! {
			() = stop.cancelled() => return,
			changed = listening.changed() => if changed.is_err() {
				// The swarm has ended, and says so itself.
				return stop.cancelled().await;
			},
		}
	}
}

fn peer(offer: &Offer) -> Option<PeerAddress> {
	Some(PeerAddress {
		peer: PeerId::from_bytes(&offer.terms.peer).ok()?,
		address: String::from_utf8_lossy(&offer.terms.address).into_owned(),
	})
}

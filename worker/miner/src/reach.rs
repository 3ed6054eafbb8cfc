//! Where others find this miner, and whether they do.

use infergrid_chain::{Chain, ReadError, persist_latest};
use infergrid_primitives::Hash;
use infergrid_swarm::{AddressPolicy, PeerAddress, SwarmHandle, Unannounceable, Unreachable};
use rand::seq::IteratorRandom;
use std::time::Duration;
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

/// Other miners that are asked to dial back, at most.
const ASKED: usize = 5;
/// How long they may take together.
const ASKING: Duration = Duration::from_secs(30);

/// How long the system may take to name the addresses of all interfaces.
const INTERFACES: Duration = Duration::from_secs(2);

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
	chain: &Chain,
	profile: &Hash,
	swarm: &SwarmHandle,
	address: &str,
) -> Result<(), ReachError> {
	let offers = persist_latest(async || chain.latest().await?.offers(profile).await).await?;
	let others = offers.iter().filter_map(|(_, offer)| {
		let terms = &offer.terms;
		PeerAddress::from_bytes(&terms.peer, &terms.address).ok()
	});
	let others = others.filter(|other| other.peer != swarm.peer_id());
	// Whom to ask cannot be arranged by those who would be asked first.
	let others = others.choose_multiple(&mut rand::rng(), ASKED);
	let mut failed = None;
	let asking = async {
		for other in others {
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

/// The address of `swarm` that most can dial, as soon as it has one that can be announced.
pub async fn first_address(
	swarm: &SwarmHandle,
	policy: AddressPolicy,
) -> Result<String, Unannounceable> {
	let mut listening = swarm.watch_listen_addresses();
	let good = listening.wait_for(|addresses| policy.choose(addresses).is_ok());
	// Without any, the choice says what is wrong with the best.
	let _ = timeout(INTERFACES, good).await;
	policy.choose(&swarm.listen_addresses())
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

#[cfg(test)]
mod tests {
	use super::*;
	use infergrid_swarm::{NodeSecret, Swarm, SwarmConfig};

	async fn listening_on(address: &str) -> (SwarmHandle, Swarm) {
		let secret = NodeSecret::new([1; 32]);
		let config = SwarmConfig::new(secret, vec![address.into()], [9; 32]);
		Swarm::builder(config).start().await.unwrap()
	}

	#[tokio::test]
	async fn an_address_that_nobody_else_can_dial_is_refused_by_name() {
		let (swarm, _node) = listening_on("/ip4/127.0.0.1/tcp/0").await;
		let private = AddressPolicy { allow_local: true };
		let address = first_address(&swarm, private).await.unwrap();
		assert_eq!(vec![address], swarm.listen_addresses());
		let refused = first_address(&swarm, AddressPolicy::default()).await;
		assert!(refused.unwrap_err().to_string().contains("--announce"));
	}

	#[tokio::test]
	async fn the_announced_address_follows_the_interfaces() {
		let (swarm, node) = listening_on("/ip4/127.0.0.1/tcp/0").await;
		let (announced, mut watched) = watch::channel("/ip4/192.0.2.1/tcp/1".to_owned());
		let stop = CancellationToken::new();
		let private = AddressPolicy { allow_local: true };
		let following = follow_address(swarm.clone(), private, announced, stop.clone());
		let moved = async {
			watched.changed().await.unwrap();
			assert_eq!(vec![watched.borrow().clone()], swarm.listen_addresses());
			node.shutdown().await;
			stop.cancel();
		};
		tokio::join!(following, moved);
	}
}

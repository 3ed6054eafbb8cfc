//! What the miner makes of its offer on chain.

use super::fake::{PRICE, Scene, log, scene};
use crate::{Intent, LastOffer, OfferError, OfferKeeper, serve};
use infergrid_chain::{OfferTerms, ReadError, Refusal, Standing, SubmitError};
use infergrid_proof::fake::Echo;
use std::time::Duration;
use tokio::{
	sync::watch,
	task::JoinHandle,
	time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

const HERE: &str = "/ip4/192.0.2.1/tcp/1";
const PEER: [u8; 3] = [1, 2, 3];
/// Longer than until the next look, and shorter than until the one after it.
const A_LOOK: Duration = Duration::from_secs(31);

fn terms() -> OfferTerms {
	OfferTerms {
		price: PRICE,
		capacity: 4,
		peer: PEER.to_vec(),
		address: HERE.into(),
	}
}

fn refusal() -> SubmitError {
	SubmitError::Refused {
		call: "Models.set_offer".into(),
		account: "5worker".into(),
		reason: Refusal::WouldFail {
			error: "Models::PriceTooHigh",
			detail: String::new(),
		},
	}
}

impl Scene {
	fn keeper(&self) -> (OfferKeeper, watch::Sender<String>) {
		let (announced, address) = watch::channel(HERE.to_owned());
		let intent = Intent {
			price: PRICE,
			capacity: 4,
			peer: PEER.to_vec(),
		};
		let keeper = OfferKeeper::new(self.miner.clone(), intent, address);
		(keeper, announced)
	}

	/// Watches the offer until `stop`.
	fn watch(
		&self,
		stop: &CancellationToken,
	) -> (watch::Sender<String>, JoinHandle<Result<(), OfferError>>) {
		let (mut keeper, announced) = self.keeper();
		let stop = stop.clone();
		let watching = tokio::spawn(async move { keeper.watch(stop).await });
		(announced, watching)
	}

	/// Puts an offer on chain, as the miner wants it but for `change`.
	fn offers(&self, change: impl FnOnce(&mut LastOffer)) {
		let mut offer = LastOffer {
			terms: terms(),
			stands: true,
		};
		change(&mut offer);
		self.ledger.state().offer = Some(offer);
	}

	fn stands(&self, standing: Standing) {
		self.ledger.state().standing = Some(standing);
	}

	/// What was submitted since this was asked the last time.
	fn offered(&self) -> Vec<OfferTerms> {
		std::mem::take(&mut self.ledger.state().offered)
	}
}

#[tokio::test(start_paused = true)]
async fn an_offer_is_made_where_none_stands_as_it_should() {
	let scene = scene(Echo::new());
	let (keeper, _announced) = scene.keeper();
	keeper.begin(false).await.unwrap();
	assert_eq!(scene.offered(), [terms()]);

	keeper.begin(false).await.unwrap();
	assert_eq!(scene.offered(), []);

	let differences: [fn(&mut LastOffer); 4] = [
		|offer| offer.stands = false,
		|offer| offer.terms.capacity += 1,
		|offer| offer.terms.price.output += 1,
		|offer| offer.terms.address.push(b'1'),
	];
	for difference in differences {
		scene.offers(difference);
		keeper.begin(false).await.unwrap();
		assert_eq!(scene.offered(), [terms()]);
	}
}

#[tokio::test(start_paused = true)]
async fn another_peers_place_is_taken_only_when_told_to() {
	let scene = scene(Echo::new());
	let (keeper, _announced) = scene.keeper();
	for stands in [true, false] {
		scene.offers(|offer| {
			offer.terms.peer = vec![9];
			offer.stands = stands;
		});
		let error = keeper.begin(false).await.unwrap_err();
		assert!(matches!(error, OfferError::OtherPeer), "{error}");
		assert_eq!(scene.offered(), []);
		keeper.begin(true).await.unwrap();
		assert_eq!(scene.offered(), [terms()]);
	}
}

#[tokio::test(start_paused = true)]
async fn nothing_is_submitted_while_all_is_well() {
	let scene = scene(Echo::new());
	scene.offers(|_| {});
	let _watching = scene.watch(&CancellationToken::new());
	sleep(A_LOOK * 10).await;
	assert_eq!(scene.offered(), []);
	assert!(scene.miner.metrics.is_standing());
}

#[tokio::test(start_paused = true)]
async fn whoever_may_not_work_waits_and_offers_again_as_soon_as_it_may() {
	for standing in [
		Standing::Unpaired,
		Standing::NotBonded,
		Standing::BelowMinimum {
			bonded: 1,
			working: 2,
			minimum: 4,
		},
		Standing::Waiting { session: 7 },
		Standing::Outbid {
			bonded: 1,
			smallest: 2,
		},
	] {
		let scene = scene(Echo::new());
		scene.offers(|offer| offer.stands = false);
		scene.miner.metrics.standing(true);
		scene.stands(standing.clone());
		let _watching = scene.watch(&CancellationToken::new());
		sleep(A_LOOK).await;
		assert_eq!(scene.offered(), [], "{standing}");
		assert!(!scene.miner.metrics.is_standing());

		scene.stands(Standing::NotListed);
		sleep(A_LOOK).await;
		assert_eq!(scene.offered(), [terms()]);
		sleep(A_LOOK).await;
		assert_eq!(scene.offered(), []);
		assert!(scene.miner.metrics.is_standing());
	}
}

#[tokio::test(start_paused = true)]
async fn an_offer_that_somebody_changed_is_put_right() {
	let scene = scene(Echo::new());
	scene.offers(|_| {});
	let _watching = scene.watch(&CancellationToken::new());
	sleep(A_LOOK).await;
	scene.offers(|offer| offer.terms.capacity = 9);
	sleep(A_LOOK).await;
	assert_eq!(scene.offered(), [terms()]);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_changes_is_offered_at_once() {
	let scene = scene(Echo::new());
	scene.offers(|_| {});
	let (announced, _watching) = scene.watch(&CancellationToken::new());
	sleep(Duration::from_secs(1)).await;
	announced.send_replace("/ip4/192.0.2.2/tcp/2".into());
	sleep(Duration::from_secs(1)).await;
	let mut moved = terms();
	moved.address = "/ip4/192.0.2.2/tcp/2".into();
	assert_eq!(scene.offered(), [moved]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_offer_is_told_with_its_remedy_and_made_again() {
	let scene = scene(Echo::new());
	let refusals = [refusal(), refusal()];
	scene.ledger.state().refusals.extend(refusals);
	let (keeper, _announced) = scene.keeper();
	let (log, _guard) = log();
	keeper.begin(false).await.unwrap();
	let told = std::fs::read_to_string(log.path()).unwrap();
	let hint = "at most ten times";
	assert!(told.contains("ERROR") && told.contains(hint), "{told}");

	let (_announced, watching) = scene.watch(&CancellationToken::new());
	sleep(A_LOOK).await;
	assert!(scene.ledger.state().offer.is_none());
	sleep(A_LOOK).await;
	assert!(scene.ledger.state().offer.is_some());
	assert_eq!(scene.offered().len(), 3);
	assert!(!watching.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_does_not_answer_is_waited_for_and_one_that_is_gone_ends_the_worker() {
	let scene = scene(Echo::new());
	let failing = [9, 10].map(ReadError::UnknownBlock);
	scene.ledger.state().failures.extend(failing);
	let (_announced, watching) = scene.watch(&CancellationToken::new());
	sleep(A_LOOK + Duration::from_secs(5)).await;
	assert_eq!(scene.offered(), [terms()]);
	let failing = ReadError::Closed;
	scene.ledger.state().failures.push_back(failing);
	let ended = watching.await.unwrap();
	assert!(matches!(ended, Err(OfferError::Read(ReadError::Closed))));
}

#[tokio::test(start_paused = true)]
async fn a_swarm_that_has_ended_leaves_the_offer_to_the_stop() {
	let scene = scene(Echo::new());
	scene.offers(|_| {});
	let stop = CancellationToken::new();
	let (announced, watching) = scene.watch(&stop);
	drop(announced);
	scene.offers(|offer| offer.stands = false);
	sleep(A_LOOK * 2).await;
	assert_eq!(scene.offered(), []);
	assert!(!watching.is_finished());
	stop.cancel();
	watching.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stop_withdraws_the_offer_and_waits_for_what_was_assigned() {
	let scene = scene(Echo::new());
	scene.offers(|_| {});
	let job = scene.assign(1, scene.task(2));
	let stop = CancellationToken::new();
	let (keeper, _announced) = scene.keeper();
	let serving = tokio::spawn(serve(keeper, stop.clone(), Duration::from_secs(900)));
	sleep(A_LOOK).await;
	stop.cancel();
	sleep(A_LOOK).await;
	let stands = |scene: &Scene| scene.ledger.state().offer.clone().unwrap().stands;
	assert!(!stands(&scene));
	assert!(!serving.is_finished());
	scene.miner.jobs.finish(&job);
	assert_eq!(serving.await.unwrap().unwrap(), Some(Vec::new()));
	assert_eq!(scene.offered(), []);
}

#[tokio::test(start_paused = true)]
async fn a_stop_without_a_limit_of_time_leaves_the_offer_as_it_is() {
	let scene = scene(Echo::new());
	scene.offers(|_| {});
	let stop = CancellationToken::new();
	stop.cancel();
	let (keeper, _announced) = scene.keeper();
	let serving = serve(keeper, stop, Duration::ZERO);
	let ended = timeout(Duration::from_secs(1), serving).await.unwrap();
	assert_eq!(ended.unwrap(), None);
	assert!(scene.ledger.state().offer.clone().unwrap().stands);
}

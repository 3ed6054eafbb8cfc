//! What the verifier makes of its place in the list.

use super::fake::{Scene, log, scene};
use crate::{VerifierError, drain::OwedVotes};
use infergrid_chain::{Phase, ReadError, Refusal, Standing, SubmitError};
use infergrid_primitives::audit::Verdict;
use std::time::Duration;
use tokio::{task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

/// Longer than until the next look, and shorter than until the one after it.
const A_LOOK: Duration = Duration::from_secs(31);

impl Scene {
	/// Keeps the verifier in the list until `stop`, when no vote is owed.
	fn keep_standing(
		&self,
		stop: &CancellationToken,
		limit: Duration,
	) -> JoinHandle<Result<OwedVotes, VerifierError>> {
		self.ledger.state().audit.phase = Phase::Concluded {
			verdict: Verdict::Valid,
			at: 20,
		};
		let (verifier, stop) = (self.verifier.clone(), stop.clone());
		tokio::spawn(async move { verifier.keep_standing(stop, limit).await })
	}

	fn keep(&self) -> JoinHandle<Result<OwedVotes, VerifierError>> {
		self.keep_standing(&CancellationToken::new(), Duration::from_secs(900))
	}

	fn stands(&self, standing: Standing) {
		self.ledger.state().standing = Some(standing);
	}

	/// How many times it was asked for a place in the list since this was asked the last time.
	fn asked(&self) -> usize {
		std::mem::take(&mut self.ledger.state().asked)
	}
}

fn refusal() -> SubmitError {
	SubmitError::Refused {
		call: "Models.stand".into(),
		account: "5worker".into(),
		reason: Refusal::WouldFail {
			error: "Models::ListFull",
			detail: String::new(),
		},
	}
}

#[tokio::test(start_paused = true)]
async fn whoever_is_not_in_the_list_asks_for_its_place_and_nobody_else_does() {
	let scene = scene();
	let _keeping = scene.keep();
	sleep(A_LOOK * 10).await;
	assert_eq!(scene.asked(), 0);
	assert!(scene.verifier.metrics.is_standing());

	scene.stands(Standing::NotListed);
	sleep(A_LOOK).await;
	assert_eq!(scene.asked(), 1);
	assert!(scene.verifier.metrics.is_standing());
	sleep(A_LOOK).await;
	assert_eq!(scene.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_may_not_work_waits_and_stands_again_as_soon_as_it_may() {
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
		let scene = scene();
		scene.verifier.metrics.standing(true);
		scene.stands(standing.clone());
		let _keeping = scene.keep();
		sleep(A_LOOK).await;
		assert_eq!(scene.asked(), 0, "{standing}");
		assert!(!scene.verifier.metrics.is_standing());

		scene.stands(Standing::NotListed);
		sleep(A_LOOK).await;
		assert_eq!(scene.asked(), 1);
		assert!(scene.verifier.metrics.is_standing());
	}
}

#[tokio::test(start_paused = true)]
async fn a_refused_place_is_told_with_its_remedy_and_asked_for_again() {
	let scene = scene();
	scene.stands(Standing::NotListed);
	scene.ledger.state().refusals.push_back(refusal());
	let (log, _guard) = log();
	let keeping = scene.keep();
	sleep(Duration::from_secs(1)).await;
	let told = std::fs::read_to_string(log.path()).unwrap();
	let hint = "bond more than its smallest bond";
	assert!(told.contains("ERROR") && told.contains(hint), "{told}");
	assert_eq!(scene.asked(), 1);
	assert!(!scene.verifier.metrics.is_standing());

	sleep(A_LOOK).await;
	assert_eq!(scene.asked(), 1);
	assert!(scene.verifier.metrics.is_standing());
	assert!(!keeping.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_does_not_answer_is_waited_for_and_one_that_is_gone_ends_the_worker() {
	let scene = scene();
	scene.stands(Standing::NotListed);
	let failing = [9, 10].map(ReadError::UnknownBlock);
	scene.ledger.state().failures.extend(failing);
	let keeping = scene.keep();
	sleep(Duration::from_secs(5)).await;
	assert_eq!(scene.asked(), 1);
	let failing = ReadError::Closed;
	scene.ledger.state().failures.push_back(failing);
	let ended = keeping.await.unwrap();
	assert!(matches!(
		ended,
		Err(VerifierError::Chain(ReadError::Closed))
	));
}

#[tokio::test(start_paused = true)]
async fn a_stop_leaves_the_list_unless_it_may_take_no_time() {
	for (limit, owed) in [
		(Duration::from_secs(900), Some(Vec::new())),
		(Duration::ZERO, None),
	] {
		let scene = scene();
		let stop = CancellationToken::new();
		let keeping = scene.keep_standing(&stop, limit);
		sleep(A_LOOK).await;
		assert!(!scene.ledger.state().stood_down);
		stop.cancel();
		assert_eq!(keeping.await.unwrap().unwrap(), owed);
		assert_eq!(scene.ledger.state().stood_down, owed.is_some());
		assert_eq!(scene.asked(), 0);
	}
}

//! One duty from the draw to the revealed vote.

use super::fake::{DUTY, MINER, OPERATOR, OTHER_MINER, Scene, UNTIL, scene};
use crate::{AskError, VerifierError, open_votes};
use infergrid_chain::{Refusal, SubmitError};
use infergrid_primitives::audit::Verdict;
use infergrid_proof::fake::Fault;
use std::time::Duration;
use tokio::task::JoinHandle;

impl Scene {
	fn serve(&self) -> JoinHandle<Result<(), VerifierError>> {
		let verifier = self.verifier.clone();
		tokio::spawn(async move { verifier.serve(DUTY).await })
	}

	/// Waits until the commitment is on chain, opens the time to reveal, and gives the vote.
	async fn verdict(&self) -> Verdict {
		let duty = self.serve();
		self.committed(1).await;
		self.reveal();
		duty.await.unwrap().unwrap();
		let state = self.ledger.state();
		let (vote, salt) = state.votes[0].clone();
		let committed = vote.commitment(&super::fake::GENESIS, DUTY.audit, &OPERATOR, &salt);
		assert_eq!(state.commitments, [committed]);
		vote.verdict
	}

	/// Lets blocks pass until the miner is given up.
	fn pass_blocks(&self) {
		let ledger = self.ledger.clone();
		tokio::spawn(async move {
			for block in 31..UNTIL {
				tokio::time::sleep(Duration::from_secs(3)).await;
				if !ledger.state().commitments.is_empty() {
					return;
				}
				ledger.finalize(block);
			}
		});
	}
}

#[tokio::test(start_paused = true)]
async fn an_honest_answer_is_found_valid() {
	assert_eq!(scene().verdict().await, Verdict::Valid);
}

#[tokio::test(start_paused = true)]
async fn another_answer_is_found_invalid() {
	let scene = scene();
	let mut opening = scene.opening.clone();
	opening.output[2] += 1;
	scene.miners.set(&MINER, Ok(opening));
	assert_eq!(scene.verdict().await, Verdict::Invalid);
}

#[tokio::test(start_paused = true)]
async fn a_miner_that_is_not_reached_while_others_are_is_found_unavailable() {
	let scene = scene();
	scene
		.miners
		.set(&MINER, Err(AskError::Unreached("no route".into())));
	scene.pass_blocks();
	assert_eq!(scene.verdict().await, Verdict::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_miner_that_keeps_silent_while_others_answer_is_found_unavailable() {
	let scene = scene();
	scene
		.miners
		.set(&MINER, Err(AskError::Silent("timed out".into())));
	scene.pass_blocks();
	assert_eq!(scene.verdict().await, Verdict::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_verifier_that_reaches_nobody_says_nothing_of_the_miner() {
	for fault in [
		AskError::Unreached("no route".into()),
		AskError::Silent("timed out".into()),
	] {
		let scene = scene();
		scene.miners.set(&MINER, Err(fault.clone()));
		scene.miners.set(&OTHER_MINER, Err(fault));
		scene.pass_blocks();
		assert_eq!(scene.verdict().await, Verdict::Unproven);
	}
}

#[tokio::test(start_paused = true)]
async fn a_miner_that_refuses_is_found_unavailable_wherever_the_verifier_stands() {
	let scene = scene();
	scene
		.miners
		.set(&MINER, Err(AskError::Refused("unknown".into())));
	scene
		.miners
		.set(&OTHER_MINER, Err(AskError::Unreached("no route".into())));
	scene.pass_blocks();
	assert_eq!(scene.verdict().await, Verdict::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_miner_that_comes_back_in_time_is_heard() {
	let scene = scene();
	scene
		.miners
		.set(&MINER, Err(AskError::Unreached("no route".into())));
	scene.pass_blocks();
	let duty = scene.serve();
	tokio::time::sleep(Duration::from_secs(20)).await;
	scene.miners.set(&MINER, Ok(scene.opening.clone()));
	tokio::time::sleep(Duration::from_secs(5)).await;
	scene.reveal();
	duty.await.unwrap().unwrap();
	assert_eq!(scene.ledger.state().votes[0].0.verdict, Verdict::Valid);
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_the_vote_that_was_committed_is_revealed() {
	let scene = scene();
	let duty = scene.serve();
	scene.committed(1).await;
	duty.abort();
	// Another examination would find something else.
	scene.ledger.state().work = None;
	scene.reveal();
	scene.serve().await.unwrap().unwrap();
	assert_eq!(scene.ledger.state().votes[0].0.verdict, Verdict::Valid);
	assert_eq!(scene.model.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_vote_that_the_chain_refuses_takes_no_worker_down() {
	let scene = scene();
	let refusal = SubmitError::Refused {
		call: "Audits.commit_vote".into(),
		account: "5worker".into(),
		reason: Refusal::Payment,
	};
	scene.ledger.state().refusals.push_back(refusal);
	scene.serve().await.unwrap().unwrap();
	assert!(scene.ledger.state().votes.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_device_that_fails_once_examines_again_and_one_that_is_too_slow_says_nothing() {
	let scene = scene();
	scene.model.fail_next(0, Fault::OutOfMemory);
	assert_eq!(scene.verdict().await, Verdict::Valid);

	let slow = self::scene();
	slow.model.fail_next(0, Fault::TooLate);
	assert_eq!(slow.verdict().await, Verdict::Unproven);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_has_stopped_stops_the_worker() {
	let scene = scene();
	scene.model.fail_next(0, Fault::Stop);
	let error = scene.serve().await.unwrap().unwrap_err();
	assert!(matches!(error, VerifierError::Compute(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_between_commitment_and_reveal_drops_no_vote() {
	let scene = scene();
	let other = ([99; 32], 77, 500);
	scene.ledger.state().elsewhere.push(other);
	let duty = scene.serve();
	scene.committed(1).await;
	let verifier = scene.verifier.clone();
	let draining = tokio::spawn(async move { verifier.drain(Duration::from_secs(900)).await });
	tokio::time::sleep(Duration::from_secs(30)).await;
	assert!(scene.ledger.state().stood_down);
	assert!(!draining.is_finished());
	scene.reveal();
	duty.await.unwrap().unwrap();
	scene.ledger.finalize(UNTIL + 2);
	assert_eq!(draining.await.unwrap().unwrap(), Some(Vec::new()));
	assert_eq!(scene.ledger.state().votes.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_vote_that_a_stop_cannot_wait_for_is_told_with_its_block() {
	let scene = scene();
	let owed = scene.verifier.drain(Duration::from_secs(5)).await.unwrap();
	assert_eq!(owed, Some(vec![(DUTY.audit, UNTIL)]));
}

#[tokio::test(start_paused = true)]
async fn a_vote_is_open_from_its_record_until_it_is_revealed() {
	let scene = scene();
	let open = async || {
		let verifier = &scene.verifier;
		open_votes(&verifier.journal, verifier.ledger.as_ref(), &OPERATOR)
			.await
			.unwrap()
	};
	assert_eq!(open().await, []);
	let duty = scene.serve();
	scene.committed(1).await;
	assert_eq!(open().await, [(DUTY.audit, UNTIL)]);
	scene.reveal();
	duty.await.unwrap().unwrap();
	assert_eq!(open().await, []);
}

#[tokio::test(start_paused = true)]
async fn a_miner_without_others_to_compare_with_is_accused_only_if_it_was_reached() {
	for (fault, verdict) in [
		(AskError::Silent("timed out".into()), Verdict::Unproven),
		(AskError::Unreached("no route".into()), Verdict::Unproven),
		(AskError::Closed("ended".into()), Verdict::Unavailable),
		(AskError::Refused("unknown".into()), Verdict::Unavailable),
	] {
		let scene = scene();
		scene.ledger.state().offers.remove(&OTHER_MINER);
		scene.miners.set(&MINER, Err(fault));
		scene.pass_blocks();
		assert_eq!(scene.verdict().await, verdict);
	}
}

#[tokio::test(start_paused = true)]
async fn a_duty_of_another_worker_of_the_operator_is_left_to_it() {
	let scene = scene();
	scene.ledger.state().audit.work.profile = [99; 32];
	scene.serve().await.unwrap().unwrap();
	assert!(scene.ledger.state().commitments.is_empty());
	assert_eq!(scene.verifier.metrics.counts(), (0, 0.0, 0.0));
}

//! One task from assignment to receipt.

use super::fake::{GENESIS, OPERATOR, PRICE, WINDOW, prompt, refused, scene, scheduled};
use crate::{Owed, jobs::Job, owed};
use infergrid_chain::{ReadError, Refusal as ChainRefusal, TaskStatus};
use infergrid_keys::verify;
use infergrid_primitives::request::PromptCommitment;
use infergrid_proof::fake::{Call, Echo, Fault};
use infergrid_swarm::Refusal;
use std::{sync::Arc, time::Duration};

fn end(job: &Job) -> Option<Result<(), Refusal>> {
	job.watch().borrow().end.clone().map(|end| end.map(drop))
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_signed_recorded_and_brought_on_chain() {
	let scene = scene(Echo::new());
	let job = scene.assign(1, scene.task(4));
	job.offer_prompt(prompt());
	scene.miner.clone().work(job.clone()).await.unwrap();

	let delivery = scene.miner.journal.delivery(1).unwrap().unwrap();
	assert_eq!(delivery.opening.output, [31, 32, 33, 34]);
	assert_eq!(delivery.receipt.miner, OPERATOR);
	assert_eq!(delivery.receipt.fee, PRICE.fee(3, 4));
	assert!(verify(
		&scene.miner.ledger.worker(),
		&delivery.receipt.payload(&GENESIS),
		&delivery.signature
	));
	assert_eq!(scene.ledger.state().receipts[&1], delivery.receipt);
	assert_eq!(scene.miner.under_way(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_receipt_that_the_chain_refuses_takes_no_worker_down() {
	let scene = scene(Echo::new());
	let job = scene.assign(1, scene.task(2));
	job.offer_prompt(prompt());
	let refusal = refused(ChainRefusal::Payment);
	scene.ledger.state().refusals.push_back(refusal);
	scene.miner.clone().work(job).await.unwrap();
	assert_eq!(scene.ledger.state().submitted.len(), 1);
	assert!(scene.ledger.state().receipts.is_empty());
	assert_eq!(scene.miner.under_way(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_payer_that_sends_no_prompt_is_waited_for_as_long_as_an_answer_can_be_delivered() {
	let scene = scene(Echo::new());
	let job = scene.assign(1, scene.task(2));
	let work = tokio::spawn(scene.miner.clone().work(job.clone()));
	scene.ledger.finalize(WINDOW.due - 6);
	tokio::time::sleep(Duration::from_secs(1)).await;
	assert_eq!(end(&job), None);
	scene.ledger.finalize(WINDOW.due - 5);
	work.await.unwrap().unwrap();
	assert_eq!(end(&job), Some(Err(Refusal::Expired)));
	assert!(scene.model.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_model_is_given_the_time_until_the_receipt_must_be_sent() {
	let scene = scene(Echo::new());
	let job = scene.assign(1, scene.task(2));
	job.offer_prompt(prompt());
	let begun = std::time::Instant::now();
	scene.miner.clone().work(job).await.unwrap();
	let Call::Generate(_, Some(deadline)) = &scene.model.calls()[0] else {
		panic!("a deadline is given")
	};
	// Block 12 is final, the receipt is due by 50 and needs 5 blocks.
	let given = deadline.duration_since(begun);
	let wanted = Duration::from_secs(3 * (50 - 5 - 12));
	assert!(
		given >= wanted && given < wanted + Duration::from_secs(1),
		"{given:?}"
	);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_the_chain_takes_away_stops_at_once() {
	let scene = scene(Echo::stepped());
	let job = scene.assign(1, scene.task(100));
	job.offer_prompt(prompt());
	let work = tokio::spawn(scene.miner.clone().work(job.clone()));
	scene.model.step(3);
	let mut progress = job.watch();
	progress
		.wait_for(|progress| progress.tokens.len() == 3)
		.await
		.unwrap();
	job.lost.cancel();
	work.await.unwrap().unwrap();
	assert_eq!(end(&job), Some(Err(Refusal::Expired)));
	assert_eq!(scene.miner.journal.delivery(1).unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_fails_once_answers_the_second_time_with_the_same_tokens() {
	let scene = scene(Echo::new());
	let job = scene.assign(1, scene.task(4));
	job.offer_prompt(prompt());
	scene.model.fail_next(2, Fault::OutOfMemory);
	scene.miner.clone().work(job.clone()).await.unwrap();
	assert_eq!(job.watch().borrow().tokens, [31, 32, 33, 34]);
	assert_eq!(scene.model.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_task_that_the_model_refuses_is_no_matter_for_the_others() {
	let scene = scene(Echo::new());
	scene.model.fail_next(0, Fault::Refuse);
	for (id, expected) in [(1, Some(Err(Refusal::Unavailable))), (2, Some(Ok(())))] {
		let job = scene.assign(id, scene.task(2));
		job.offer_prompt(prompt());
		scene.miner.clone().work(job.clone()).await.unwrap();
		assert_eq!(end(&job), expected);
	}
}

#[tokio::test(start_paused = true)]
async fn a_model_that_has_stopped_stops_the_worker() {
	let scene = scene(Echo::new());
	let job = scene.assign(1, scene.task(2));
	job.offer_prompt(prompt());
	scene.model.fail_next(0, Fault::Stop);
	let error = scene.miner.clone().work(job.clone()).await.unwrap_err();
	assert!(error.to_string().contains("stopped"), "{error}");
	assert_eq!(end(&job), Some(Err(Refusal::Internal)));
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_the_same_receipt_is_sent_again_and_nothing_is_computed() {
	let scene = scene(Echo::new());
	let job = scene.assign(1, scene.task(3));
	job.offer_prompt(prompt());
	scene.miner.clone().work(job).await.unwrap();
	let first = scene.ledger.state().receipts.remove(&1).unwrap();

	let again = scene.assign(1, scene.task(3));
	scene.miner.clone().work(again.clone()).await.unwrap();
	assert_eq!(scene.ledger.state().receipts[&1], first);
	assert_eq!(scene.model.calls().len(), 1);
	assert_eq!(again.watch().borrow().tokens, [31, 32, 33]);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_fails_for_a_while_loses_nothing() {
	let scene = scene(Echo::new());
	let job = scene.assign(1, scene.task(2));
	job.offer_prompt(prompt());
	let failure = || ReadError::UnknownBlock(10);
	scene.ledger.state().failures.extend([failure(), failure()]);
	scene.miner.clone().work(job).await.unwrap();
	assert!(scene.ledger.state().receipts.contains_key(&1));
}

#[tokio::test(start_paused = true)]
async fn whoever_drains_waits_for_the_last_task() {
	let scene = scene(Echo::stepped());
	let job = scene.assign(1, scene.task(2));
	job.offer_prompt(prompt());
	let work = tokio::spawn(scene.miner.clone().work(job));
	let idle = tokio::spawn({
		let miner = Arc::clone(&scene.miner);
		async move { miner.idle().await }
	});
	tokio::time::sleep(Duration::from_secs(5)).await;
	assert!(!idle.is_finished());
	scene.model.step(2);
	idle.await.unwrap();
	assert!(scene.ledger.state().receipts.contains_key(&1));
	work.abort();
}

#[tokio::test(start_paused = true)]
async fn a_signed_receipt_is_owed_until_it_is_delivered_and_can_be_opened_no_more() {
	let scene = scene(Echo::new());
	let owed = async || {
		let miner = &scene.miner;
		owed(&miner.journal, miner.ledger.as_ref()).await.unwrap()
	};
	let job = scene.assign(1, scene.task(2));
	job.offer_prompt(prompt());
	// The task stays assigned: no block has the receipt.
	scene
		.ledger
		.state()
		.refusals
		.push_back(refused(ChainRefusal::Payment));
	scene.miner.clone().work(job).await.unwrap();
	let due = |until| vec![Owed { task: 1, until }];
	assert_eq!(owed().await, due(WINDOW.due));

	let mut taken = scene.task(2);
	taken.status = TaskStatus::Assigned {
		miner: [99; 32],
		price: PRICE,
		window: WINDOW,
	};
	scene.ledger.state().tasks.insert(1, taken);
	assert_eq!(owed().await, []);

	let mut delivered = scene.task(2);
	delivered.status = TaskStatus::Delivered {
		miner: OPERATOR,
		fee: 1,
		anchor: WINDOW.anchor,
		audit: 4,
	};
	let audit = scheduled(1, [3; 32]);
	scene.ledger.state().tasks.insert(1, delivered);
	scene.ledger.state().audits.insert(4, audit);
	assert_eq!(owed().await, due(140));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_decoded_is_no_matter_for_other_tasks() {
	let scene = scene(Echo::new());
	let mut task = scene.task(2);
	task.request.prompt = PromptCommitment::Inline { hash: [4; 32] };
	let job = scene.assign(1, task);
	scene.ledger.state().undecodable.insert(1);
	scene.miner.clone().work(job.clone()).await.unwrap();
	assert_eq!(end(&job), Some(Err(Refusal::Unavailable)));

	let job = scene.assign(2, scene.task(2));
	job.offer_prompt(prompt());
	let refusal = refused(ChainRefusal::Payment);
	scene.ledger.state().undecodable.insert(2);
	scene.ledger.state().refusals.push_back(refusal);
	scene.miner.clone().work(job.clone()).await.unwrap();
	assert_eq!(end(&job), Some(Ok(())));
}

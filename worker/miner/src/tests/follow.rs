//! What the miner makes of the chain's steps.

use super::fake::{OPERATOR, PRICE, Scene, WINDOW, prompt, scene, scheduled};
use crate::{MinerError, jobs::Job};
use infergrid_chain::{
	Event, ReadError, RefundReason, Task, TaskStatus, event,
	fake::{FakeWalk, Lead, forgotten},
};
use infergrid_primitives::{AIT, AccountBytes, TaskId, market::Shares, request::Window};
use infergrid_proof::fake::{Echo, Fault};
use std::{sync::Arc, time::Duration};
use tokio::{task::JoinHandle, time::timeout};

const OTHER: AccountBytes = [99; 32];
const LATER: Window = Window {
	assigned_at: 60,
	anchor: [60; 32],
	due: 90,
};

impl Scene {
	/// Lets the miner follow a chain whose blocks the lead makes.
	fn follow(&self) -> (Lead, JoinHandle<Result<(), MinerError>>) {
		let (walk, lead) = FakeWalk::new(self.ledger.clone());
		(lead, tokio::spawn(self.miner.clone().follow(walk)))
	}

	/// Puts a task on chain, assigned to the miner but for `change`.
	fn put(&self, id: TaskId, change: impl FnOnce(&mut Task)) {
		let mut task = self.task(2);
		change(&mut task);
		self.ledger.state().tasks.insert(id, task);
	}

	fn job(&self, id: TaskId) -> Arc<Job> {
		self.miner.jobs.get(id).unwrap()
	}

	/// Waits until the miner, which has the prompt now, has answered.
	async fn answer(&self, id: TaskId) {
		let job = self.job(id);
		job.offer_prompt(prompt());
		let mut progress = job.watch();
		let answered = progress.wait_for(|progress| matches!(progress.end, Some(Ok(_))));
		let waited = timeout(Duration::from_secs(60), answered).await;
		waited.expect("it is worked on").unwrap();
	}

	/// A task whose receipt is signed, and of which nothing is left to do.
	async fn finish(&self, id: TaskId) {
		let job = self.assign(id, self.task(2));
		job.offer_prompt(prompt());
		self.miner.clone().work(job).await.unwrap();
		self.put(id, |task| task.status = delivered());
	}

	/// The tasks whose work is not closed.
	fn open(&self) -> Vec<TaskId> {
		self.miner.journal.open_deliveries().unwrap()
	}
}

fn assigned_to(miner: AccountBytes, window: Window) -> TaskStatus {
	TaskStatus::Assigned {
		miner,
		price: PRICE,
		window,
	}
}

fn delivered() -> TaskStatus {
	TaskStatus::Delivered {
		miner: OPERATOR,
		fee: 1,
		anchor: [10; 32],
		audit: 4,
	}
}

fn settled_for(miner: AccountBytes) -> TaskStatus {
	TaskStatus::Settled {
		miner,
		shares: SHARES,
	}
}

const SHARES: Shares = Shares {
	miner: 3 * AIT,
	creator: AIT,
	treasury: AIT,
};

fn assigned(task: TaskId, miner: AccountBytes) -> Event {
	let due = WINDOW.due;
	Event::TaskAssigned(event::TaskAssigned { task, miner, due })
}

fn missed(task: TaskId, miner: AccountBytes) -> Event {
	Event::TaskMissed(event::TaskMissed { task, miner })
}

fn refunded(task: TaskId) -> Event {
	Event::TaskRefunded(event::TaskRefunded {
		task,
		payer: [1; 32],
		amount: AIT,
		reason: RefundReason::Expired,
	})
}

fn settled(task: TaskId, miner: AccountBytes) -> Event {
	Event::TaskSettled(event::TaskSettled {
		task,
		miner,
		creator: [2; 32],
		fee: SHARES.total(),
		shares: SHARES,
	})
}

fn punished(audit: u64, miner: AccountBytes) -> Event {
	Event::MinerPunished(event::MinerPunished {
		audit,
		miner,
		amount: AIT,
	})
}

#[tokio::test(start_paused = true)]
async fn a_restart_finds_assigned_tasks_again_and_begins_each_once() {
	let scene = scene(Echo::new());
	scene.put(1, |_| {});
	scene.put(2, |_| {});
	scene.put(3, |task| task.status = assigned_to(OTHER, WINDOW));
	scene.put(4, |task| task.request.profile = [99; 32]);
	let (mut lead, _following) = scene.follow();
	// The block of a rescan and the next may tell the same.
	lead.block(vec![assigned(1, OPERATOR)]).await;
	lead.miss().await;
	assert_eq!(lead.rescans(), 2);
	assert_eq!(scene.miner.metrics.enjoyed(), (2, 0.0));
	assert_eq!(scene.miner.under_way(), 2);
	scene.answer(1).await;
	scene.answer(2).await;
	assert_eq!(scene.model.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_assigned_anew_after_a_loss_begins_again() {
	let scene = scene(Echo::new());
	let (mut lead, _following) = scene.follow();
	scene.put(1, |_| {});
	lead.block(vec![assigned(1, OPERATOR)]).await;
	let first = scene.job(1);
	lead.block(vec![missed(1, OPERATOR)]).await;
	assert!(first.lost.is_cancelled());
	assert_eq!(scene.miner.under_way(), 0);
	assert_eq!(scene.miner.metrics.suffered(), (1, 0.0));

	scene.put(1, |task| task.status = assigned_to(OPERATOR, LATER));
	lead.block(vec![assigned(1, OPERATOR)]).await;
	assert_eq!(scene.job(1).window, LATER);
	scene.answer(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_loss_that_was_missed_is_found_by_the_new_window() {
	let scene = scene(Echo::new());
	scene.put(1, |_| {});
	let (mut lead, _following) = scene.follow();
	lead.block(Vec::new()).await;
	let first = scene.job(1);
	scene.put(1, |task| task.status = assigned_to(OPERATOR, LATER));
	lead.miss().await;
	assert!(first.lost.is_cancelled());
	assert_eq!(scene.job(1).window, LATER);
	scene.answer(1).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_refunded_or_goes_to_another_is_lost_and_what_is_delivered_is_not() {
	let scene = scene(Echo::new());
	for id in 1..=6 {
		scene.put(id, |_| {});
	}
	let (mut lead, _following) = scene.follow();
	lead.block(Vec::new()).await;
	scene.put(1, |task| {
		task.status = TaskStatus::Refunded(RefundReason::Expired);
	});
	lead.block(vec![refunded(1)]).await;
	let jobs: Vec<_> = (2..=6).map(|id| scene.job(id)).collect();
	assert!(scene.miner.jobs.get(1).is_none());

	scene.put(2, |task| task.status = assigned_to(OTHER, WINDOW));
	scene.put(3, |task| task.status = TaskStatus::Queued);
	scene.put(4, |task| task.status = delivered());
	scene.ledger.state().tasks.remove(&5);
	scene.ledger.state().undecodable.insert(6);
	lead.miss().await;
	let lost: Vec<_> = jobs.iter().map(|job| job.lost.is_cancelled()).collect();
	assert_eq!(lost, [true, true, false, true, false]);
	assert_eq!(scene.miner.under_way(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_loss_ends_the_work_at_once() {
	let scene = scene(Echo::stepped());
	scene.put(1, |_| {});
	let (mut lead, _following) = scene.follow();
	lead.block(Vec::new()).await;
	let job = scene.job(1);
	job.offer_prompt(prompt());
	scene.model.step(1);
	let mut progress = job.watch();
	let begun = progress.wait_for(|progress| progress.tokens.len() == 1);
	begun.await.unwrap();
	lead.block(vec![refunded(1)]).await;
	let ended = progress.wait_for(|progress| progress.end.is_some()).await;
	assert!(ended.unwrap().end.as_ref().unwrap().is_err());
	assert_eq!(scene.miner.journal.delivery(1).unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn what_happens_to_others_is_their_own_affair() {
	let scene = scene(Echo::new());
	scene.put(1, |task| task.status = assigned_to(OTHER, WINDOW));
	scene.put(2, |task| task.request.profile = [99; 32]);
	let audit = scheduled(2, [99; 32]);
	scene.ledger.state().audits.insert(2, audit);
	let (mut lead, _following) = scene.follow();
	lead.block(Vec::new()).await;
	// Nobody has to read it.
	scene.ledger.state().failing.insert(1, forgotten());
	// It was assigned to the miner, and then to another.
	scene.put(3, |task| task.status = assigned_to(OTHER, WINDOW));
	lead.block(vec![
		assigned(1, OTHER),
		assigned(2, OPERATOR),
		assigned(3, OPERATOR),
		missed(1, OTHER),
		missed(2, OPERATOR),
		punished(1, OTHER),
		punished(2, OPERATOR),
		settled(1, OTHER),
		// Another worker of the operator has delivered it.
		settled(2, OPERATOR),
		refunded(1),
	])
	.await;
	assert_eq!(scene.miner.metrics.enjoyed(), (0, 0.0));
	assert_eq!(scene.miner.metrics.suffered(), (0, 0.0));
	assert_eq!(scene.miner.under_way(), 0);
	assert_eq!(lead.rescans(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_operator_pays_for_this_workers_profile_is_counted() {
	let scene = scene(Echo::new());
	scene.put(1, |_| {});
	let audit = scheduled(1, [3; 32]);
	scene.ledger.state().audits.insert(1, audit);
	let (mut lead, _following) = scene.follow();
	// Of what is gone, nobody knows whose it was.
	lead.block(vec![
		missed(1, OPERATOR),
		missed(8, OPERATOR),
		punished(1, OPERATOR),
	])
	.await;
	assert_eq!(scene.miner.metrics.suffered(), (2, 1.0));
}

#[tokio::test(start_paused = true)]
async fn a_read_that_fails_is_made_anew_and_loses_nothing() {
	let scene = scene(Echo::new());
	let (mut lead, following) = scene.follow();
	lead.block(Vec::new()).await;
	for id in 1..=3 {
		scene.put(id, |_| {});
	}
	scene.ledger.state().failing.insert(2, forgotten());
	let events = (1..=3).map(|id| assigned(id, OPERATOR)).collect();
	lead.block(events).await;
	assert_eq!(lead.rescans(), 2);
	for id in 1..=3 {
		scene.answer(id).await;
	}
	assert_eq!(scene.model.calls().len(), 3);

	// A node that does not answer is asked again.
	scene.put(4, |_| {});
	let failing = ReadError::UnknownBlock(9);
	scene.ledger.state().failing.insert(4, failing);
	lead.block(vec![assigned(4, OPERATOR)]).await;
	assert_eq!(lead.rescans(), 2);
	scene.answer(4).await;
	drop(lead);
	following.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_rescan_that_fails_is_made_anew() {
	let scene = scene(Echo::new());
	scene.put(1, |_| {});
	scene.ledger.state().failures.push_back(forgotten());
	let (mut lead, _following) = scene.follow();
	lead.block(Vec::new()).await;
	assert_eq!(lead.rescans(), 2);
	scene.answer(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_closed_and_a_model_that_has_stopped_end_the_walk() {
	let scene = self::scene(Echo::new());
	let failing = ReadError::Closed;
	scene.ledger.state().failures.push_back(failing);
	let (_lead, following) = scene.follow();
	let error = following.await.unwrap().unwrap_err();
	assert!(matches!(error, MinerError::Chain(ReadError::Closed)));

	scene.put(1, |_| {});
	scene.model.fail_next(0, Fault::Stop);
	let (mut lead, following) = scene.follow();
	lead.block(Vec::new()).await;
	scene.job(1).offer_prompt(prompt());
	let error = following.await.unwrap().unwrap_err();
	assert!(matches!(error, MinerError::Compute(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_undecodable_record_gives_up_only_itself() {
	let scene = scene(Echo::new());
	scene.finish(3).await;
	let (mut lead, _following) = scene.follow();
	lead.block(Vec::new()).await;
	scene.put(1, |_| {});
	scene.put(2, |_| {});
	scene.ledger.state().undecodable.extend([1, 7]);
	lead.block(vec![
		assigned(1, OPERATOR),
		missed(7, OPERATOR),
		punished(7, OPERATOR),
		assigned(2, OPERATOR),
		settled(3, OPERATOR),
	])
	.await;
	assert_eq!(lead.rescans(), 1);
	assert_eq!(scene.miner.metrics.enjoyed(), (1, 3.0));
	assert_eq!(scene.miner.metrics.suffered(), (1, 1.0));
	scene.answer(2).await;
}

#[tokio::test(start_paused = true)]
async fn work_whose_end_was_missed_is_closed() {
	let scene = scene(Echo::new());
	for id in 1..=5 {
		scene.finish(id).await;
	}
	assert_eq!(scene.open(), [1, 2, 3, 4, 5]);
	scene.put(1, |task| task.status = settled_for(OPERATOR));
	scene.put(2, |task| {
		task.status = TaskStatus::Refunded(RefundReason::Condemned);
	});
	scene.ledger.state().tasks.remove(&3);
	// Whether it is over is not known.
	scene.ledger.state().undecodable.insert(5);
	let (mut lead, _following) = scene.follow();
	lead.block(Vec::new()).await;
	assert_eq!(scene.open(), [4, 5]);
}

#[tokio::test(start_paused = true)]
async fn paid_work_is_closed_and_forgotten_half_a_day_later() {
	let scene = scene(Echo::new());
	scene.finish(1).await;
	scene.finish(2).await;
	let (mut lead, _following) = scene.follow();
	lead.block(vec![settled(1, OPERATOR), refunded(2)]).await;
	assert_eq!(scene.miner.metrics.enjoyed(), (0, 3.0));
	assert!(scene.open().is_empty());
	let kept = || scene.miner.journal.delivery(1).unwrap().is_some();
	scene.ledger.finalize(14_400);
	lead.block(Vec::new()).await;
	assert!(kept());
	scene.ledger.finalize(14_500);
	lead.block(Vec::new()).await;
	assert!(!kept());
}

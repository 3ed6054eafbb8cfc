use super::fake::FakeNode;
use crate::{
	Advice, Follower, ReadError, Step, Walk, fake::undecodable, in_time, legible, persist,
	persist_latest,
};
use infergrid_primitives::BlockNumber;
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Whether a step is a rescan, and its block.
async fn step(follower: &mut Follower) -> (bool, BlockNumber) {
	match follower.next().await.unwrap().unwrap() {
		Step::Rescan(view) => (true, view.block().number),
		Step::Block(view, _) => (false, view.block().number),
	}
}

async fn walk(node: &Arc<FakeNode>) -> (Follower, CancellationToken) {
	let stop = CancellationToken::new();
	(Follower::new(node.chain().await, stop.clone()), stop)
}

#[tokio::test(start_paused = true)]
async fn no_block_is_missed_over_a_reconnection() {
	let node = FakeNode::new(5);
	let (mut follower, stop) = walk(&node).await;
	assert_eq!(step(&mut follower).await, (true, 5));
	node.finalize(6);
	assert_eq!(step(&mut follower).await, (false, 6));

	node.change(|state| state.down = true);
	let waited = tokio::time::timeout(Duration::from_secs(20), follower.next()).await;
	assert!(waited.is_err());
	node.finalize(9);
	node.change(|state| state.down = false);
	for number in 7..=9 {
		assert_eq!(step(&mut follower).await, (false, number));
	}
	stop.cancel();
	assert!(follower.next().await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn forgotten_state_is_not_asked_for_again_and_again() {
	let node = FakeNode::new(5);
	let (mut follower, _) = walk(&node).await;
	assert_eq!(step(&mut follower).await, (true, 5));
	node.finalize(20);
	node.change(|state| state.kept_from = 15);
	assert_eq!(step(&mut follower).await, (true, 20));
	node.finalize(21);
	assert_eq!(step(&mut follower).await, (false, 21));
}

#[tokio::test(start_paused = true)]
async fn who_is_far_behind_starts_over() {
	let node = FakeNode::new(5);
	let chain = node.chain().await;
	let mut follower = Follower::new(chain.clone(), CancellationToken::new());
	assert_eq!(step(&mut follower).await, (true, 5));
	node.finalize(200);
	chain.reach(200, Duration::from_secs(9)).await.unwrap();
	assert_eq!(step(&mut follower).await, (true, 200));
}

#[tokio::test(start_paused = true)]
async fn rescans_that_lead_to_rescans_slow_down() {
	let node = FakeNode::new(5);
	let (mut follower, _) = walk(&node).await;
	let started = tokio::time::Instant::now();
	for _ in 0..10 {
		assert_eq!(step(&mut follower).await, (true, 5));
		follower.rescan();
	}
	assert!(started.elapsed() >= Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_read_is_repeated_only_while_that_may_help() {
	let node = FakeNode::new(20);
	let chain = node.chain().await;
	let old = chain.block(3).await.unwrap();
	let view = chain.at(old).await.unwrap();
	node.change(|state| state.kept_from = 10);
	let error = persist(|| view.session()).await.unwrap_err();
	assert!(matches!(error, ReadError::Pruned(_)), "{error}");
	assert_eq!(error.advice(), Advice::Skip);

	let mut answers = VecDeque::from([Err(ReadError::UnknownBlock(9)), Ok(7)]);
	let read = persist(|| std::future::ready(answers.pop_front().unwrap())).await;
	assert_eq!(read.unwrap(), 7);

	let mut answers = VecDeque::from([Err(error), Ok(8), Err(undecodable("Tasks.Tasks", 7))]);
	let mut next = || std::future::ready(answers.pop_front().unwrap());
	assert_eq!(persist_latest(&mut next).await.unwrap(), 8);
	let error = persist_latest(next).await.unwrap_err();
	assert!(matches!(error, ReadError::Undecodable { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_gone_holds_back_nobody_who_wants_to_end() {
	assert_eq!(in_time(async { Ok::<_, ()>(1) }).await, Ok(Some(1)));
	assert_eq!(in_time(async { Err::<(), _>(2) }).await, Err(2));
	assert_eq!(
		in_time(std::future::pending::<Result<(), ()>>()).await,
		Ok(None)
	);
}

#[test]
fn only_what_cannot_be_decoded_is_gone_on_without() {
	assert_eq!(legible(Ok(Some(1))).unwrap(), Some(1));
	assert_eq!(
		legible::<()>(Err(undecodable("Tasks.Tasks", 7))).unwrap(),
		None
	);
	let error = legible::<()>(Err(ReadError::Closed)).unwrap_err();
	assert!(matches!(error, ReadError::Closed), "{error}");
}

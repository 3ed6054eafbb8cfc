//! Whatever happens, the miner that holds the task is handed the prompt.

use super::fake::{LIMIT, Manner, Scene, come_true, request, scene, until};
use crate::{Following, Kept, Money, OrderError, Payer, Progress, Stage};
use infergrid_chain::{ReadError, RefundReason, Refusal, SubmitError};
use std::time::Duration;

async fn end(following: &mut Following) -> Result<Vec<u32>, OrderError> {
	let progress = until(following, |progress| progress.end.is_some()).await;
	progress.end.unwrap().map(|answer| answer.tokens.clone())
}

/// Waits until `count` prompts have been handed over.
async fn handed(scene: &Scene, count: usize) -> Vec<u8> {
	come_true(|| scene.miners.handed().len() >= count).await;
	scene.miners.handed()
}

/// Waits until the answer is complete.
async fn complete(payer: &Payer, request_id: &[u8; 32]) -> Vec<u32> {
	for _ in 0..9_000 {
		if let Some(Kept::Complete(answer)) = payer.answer(request_id).await.unwrap() {
			return answer.tokens.clone();
		}
		tokio::time::sleep(Duration::from_millis(100)).await;
	}
	panic!("it never comes")
}

/// Waits until the custodian has ended, too.
async fn custody_ends(following: &mut Following) {
	let over = async { while following.changed().await {} };
	tokio::time::timeout(LIMIT, over).await.unwrap();
}

/// Lets blocks pass for as long as a test runs.
fn blocks(scene: &Scene) {
	let ledger = scene.ledger.clone();
	tokio::spawn(async move {
		for _ in 0..10_000 {
			tokio::time::sleep(Duration::from_secs(3)).await;
			ledger.next_block();
		}
	});
}

#[tokio::test(start_paused = true)]
async fn an_answer_comes_with_its_receipt_and_can_be_fetched_again() {
	let scene = scene().await;
	let mut following = scene.payer.order(request(3)).unwrap();
	scene.placed(1).await;
	scene.ledger.assign(1, 1);
	assert_eq!(end(&mut following).await, Ok(vec![1, 1, 1]));
	let placement = following.now().placement.unwrap();
	drop(following);
	while let Some(Kept::Running(_)) = scene.payer.answer(&placement.request_id).await.unwrap() {
		tokio::time::sleep(Duration::from_millis(100)).await;
	}
	let kept = scene.payer.answer(&placement.request_id).await.unwrap();
	let Some(Kept::Complete(answer)) = kept else {
		panic!("{kept:?}")
	};
	assert_eq!(answer.tokens, [1, 1, 1]);
	assert_eq!(answer.receipt.request_id, placement.request_id);
	assert!(scene.payer.answer(&[0; 32]).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_after_the_assignment_takes_nothing_along() {
	let scene = scene().await;
	scene.miners.set(1, Manner::Away);
	let mut following = scene.payer.order(request(3)).unwrap();
	scene.placed(1).await;
	scene.ledger.assign(1, 1);
	let assigned = |progress: &Progress| matches!(progress.stage, Stage::Assigned { .. });
	let placement = until(&mut following, assigned).await.placement.unwrap();
	drop(following);
	tokio::time::sleep(Duration::from_secs(10)).await;
	scene.miners.set(1, Manner::Honest);
	assert_eq!(handed(&scene, 1).await, [1]);
	assert!(scene.ledger.state().cancelled.is_empty());
	tokio::time::sleep(Duration::from_secs(1)).await;
	let kept = scene.payer.answer(&placement.request_id).await.unwrap();
	assert!(matches!(kept, Some(Kept::Complete(_))), "{kept:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_before_gets_its_money_back() {
	let scene = scene().await;
	let following = scene.payer.order(request(3)).unwrap();
	scene.placed(1).await;
	drop(following);
	tokio::time::sleep(Duration::from_secs(1)).await;
	assert_eq!(scene.ledger.state().cancelled, [1]);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_was_assigned_in_the_very_moment_is_served_all_the_same() {
	let scene = scene().await;
	let following = scene.payer.order(request(3)).unwrap();
	scene.placed(1).await;
	scene.ledger.assign(1, 1);
	drop(following);
	assert_eq!(handed(&scene, 1).await, [1]);
}

#[tokio::test(start_paused = true)]
async fn after_a_miner_that_broke_off_the_next_one_gets_the_prompt_and_begins_anew() {
	let scene = scene().await;
	blocks(&scene);
	scene.miners.set(1, Manner::Breaks(2));
	let mut following = scene.payer.order(request(3)).unwrap();
	scene.placed(1).await;
	scene.ledger.assign(1, 1);
	let partial = until(&mut following, |progress| progress.tokens.len() == 2).await;
	assert_eq!((partial.run, partial.tokens), (1, vec![1, 1]));
	scene.ledger.requeue(1);
	tokio::time::sleep(Duration::from_secs(10)).await;
	scene.ledger.assign(1, 2);
	assert_eq!(end(&mut following).await, Ok(vec![2, 2, 2]));
	assert_eq!(following.now().run, 2);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_is_taken_up_where_it_was() {
	let scene = scene().await;
	scene.miners.set(1, Manner::Breaks(2));
	let mut following = scene.payer.order(request(3)).unwrap();
	scene.placed(1).await;
	scene.ledger.assign(1, 1);
	until(&mut following, |progress| progress.tokens.len() == 2).await;
	scene.miners.set(1, Manner::Honest);
	assert_eq!(end(&mut following).await, Ok(vec![1, 1, 1]));
	assert_eq!(following.now().run, 1);
}

#[tokio::test(start_paused = true)]
async fn a_bad_receipt_fails_the_answer_and_the_next_miner_still_gets_the_prompt() {
	let scene = scene().await;
	blocks(&scene);
	scene.miners.set(1, Manner::Lies);
	let mut following = scene.payer.order(request(3)).unwrap();
	scene.placed(1).await;
	scene.ledger.assign(1, 1);
	let error = end(&mut following).await.unwrap_err();
	assert_eq!(error, OrderError::BadReceipt);
	assert_eq!(error.money(), Money::Held);
	scene.ledger.requeue(1);
	tokio::time::sleep(Duration::from_secs(10)).await;
	scene.ledger.assign(1, 2);
	come_true(|| scene.miners.handed().contains(&2)).await;
}

#[tokio::test(start_paused = true)]
async fn an_order_that_comes_on_chain_late_is_adopted_and_served() {
	let scene = scene().await;
	blocks(&scene);
	let lost = SubmitError::Read(ReadError::UnknownBlock(5));
	scene.ledger.state().refusals.push_back((lost, true));
	let mut following = scene.payer.order(request(3)).unwrap();
	scene.placed(1).await;
	scene.ledger.assign(1, 1);
	tokio::time::sleep(Duration::from_secs(20)).await;
	let task = scene.ledger.state().tasks[&1].clone();
	scene.payer.see_task(1, task).await.unwrap();
	assert_eq!(end(&mut following).await, Ok(vec![1, 1, 1]));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_came_and_that_nobody_told_of_is_looked_up_before_it_is_given_up() {
	let scene = scene().await;
	blocks(&scene);
	let lost = SubmitError::Read(ReadError::UnknownBlock(5));
	scene.ledger.state().refusals.push_back((lost, true));
	let mut following = scene.payer.order(request(3)).unwrap();
	scene.placed(1).await;
	scene.ledger.assign(1, 1);
	assert_eq!(end(&mut following).await, Ok(vec![1, 1, 1]));
}

#[tokio::test(start_paused = true)]
async fn an_order_of_which_nothing_can_be_learned_is_left_to_the_next_start() {
	let scene = scene().await;
	let lost = SubmitError::Read(ReadError::Closed);
	scene.ledger.state().refusals.push_back((lost, true));
	scene.ledger.state().closed = true;
	let mut following = scene.payer.order(request(3)).unwrap();
	let error = end(&mut following).await.unwrap_err();
	assert_eq!(error, OrderError::Uncertain);
	let unplaced = scene.restart().await.take_up().await.unwrap();
	assert_eq!(unplaced.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_never_comes_is_given_up_when_it_cannot_come_any_more() {
	let scene = scene().await;
	blocks(&scene);
	let lost = SubmitError::Read(ReadError::UnknownBlock(5));
	scene.ledger.state().refusals.push_back((lost, false));
	let mut following = scene.payer.order(request(3)).unwrap();
	let error = end(&mut following).await.unwrap_err();
	assert_eq!(error, OrderError::ChainUnavailable);
	assert_eq!(error.money(), Money::Untouched);
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_the_miner_that_holds_the_task_is_handed_the_prompt() {
	let scene = scene().await;
	scene.miners.set(1, Manner::Away);
	let following = scene.payer.order(request(3)).unwrap();
	scene.placed(1).await;
	scene.ledger.assign(1, 1);
	tokio::time::sleep(Duration::from_secs(5)).await;
	scene.payer.close(Duration::ZERO).await;
	drop(following);
	scene.miners.set(1, Manner::Honest);
	assert!(scene.miners.handed().is_empty());
	let again = scene.restart().await;
	assert!(again.take_up().await.unwrap().is_empty());
	assert_eq!(handed(&scene, 1).await, [1]);
}

#[tokio::test(start_paused = true)]
async fn after_a_miner_that_answers_and_never_delivers_the_next_one_gets_the_prompt() {
	let scene = scene().await;
	let mut following = scene.payer.order(request(3)).unwrap();
	scene.placed(1).await;
	scene.ledger.assign(1, 1);
	assert_eq!(end(&mut following).await, Ok(vec![1, 1, 1]));
	scene.ledger.requeue(1);
	tokio::time::sleep(Duration::from_secs(1)).await;
	scene.ledger.assign(1, 2);
	assert_eq!(handed(&scene, 2).await, [1, 2]);
	// The client's answer stays what it was.
	assert_eq!(end(&mut following).await, Ok(vec![1, 1, 1]));
}

#[tokio::test(start_paused = true)]
async fn a_miner_that_takes_what_is_being_called_off_is_handed_the_prompt() {
	let scene = scene().await;
	blocks(&scene);
	scene.ledger.state().cancels_hang = true;
	let following = scene.payer.order(request(3)).unwrap();
	scene.placed(1).await;
	drop(following);
	tokio::time::sleep(Duration::from_secs(10)).await;
	scene.ledger.assign(1, 1);
	assert_eq!(handed(&scene, 1).await, [1]);
}

#[tokio::test(start_paused = true)]
async fn a_miner_that_lost_its_answer_may_give_another() {
	let scene = scene().await;
	scene.miners.set(1, Manner::Lies);
	let mut following = scene.payer.order(request(3)).unwrap();
	scene.placed(1).await;
	scene.ledger.assign(1, 1);
	assert_eq!(end(&mut following).await, Err(OrderError::BadReceipt));
	scene.miners.set(1, Manner::Honest);
	let id = following.now().placement.unwrap().request_id;
	assert_eq!(handed(&scene, 2).await, [1, 1]);
	scene.ledger.deliver(1, 1);
	assert_eq!(complete(&scene.payer, &id).await, [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_delivered_while_the_payer_was_away_is_fetched() {
	let scene = scene().await;
	scene.miners.set(1, Manner::Breaks(2));
	let mut following = scene.payer.order(request(3)).unwrap();
	scene.placed(1).await;
	scene.ledger.assign(1, 1);
	let partial = until(&mut following, |progress| progress.tokens.len() == 2).await;
	scene.payer.close(Duration::ZERO).await;
	scene.ledger.deliver(1, 1);
	scene.miners.set(1, Manner::Honest);
	let again = scene.restart().await;
	again.take_up().await.unwrap();
	let id = partial.placement.unwrap().request_id;
	assert_eq!(complete(&again, &id).await, [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn an_order_whose_end_is_not_known_is_left_to_the_next_start() {
	let scene = scene().await;
	let mut following = scene.payer.order(request(3)).unwrap();
	scene.placed(1).await;
	scene.ledger.state().closed = true;
	scene.ledger.assign(1, 1);
	let error = end(&mut following).await.unwrap_err();
	assert_eq!(error, OrderError::Uncertain);
	scene.ledger.state().closed = false;
	let again = scene.restart().await;
	again.take_up().await.unwrap();
	assert_eq!(handed(&scene, 1).await, [1]);
}

#[tokio::test(start_paused = true)]
async fn who_heard_of_an_earlier_attempt_finds_the_answer_of_a_later_one() {
	let scene = scene().await;
	let mut following = scene.payer.order(request(3)).unwrap();
	let first = until(&mut following, |progress| progress.placement.is_some()).await;
	let id = first.placement.unwrap().request_id;
	scene.ledger.refund(1, RefundReason::NoMiner);
	scene.placed(2).await;
	let kept = scene.payer.answer(&id).await.unwrap();
	assert!(matches!(kept, Some(Kept::Running(_))), "{kept:?}");
	scene.ledger.assign(2, 1);
	assert_eq!(end(&mut following).await, Ok(vec![1, 1, 1]));
	scene.ledger.deliver(2, 1);
	custody_ends(&mut following).await;
	assert_eq!(complete(&scene.payer, &id).await, [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_has_ended_is_not_under_way() {
	let scene = scene().await;
	let mut following = scene.payer.order(request(3)).unwrap();
	let placed = until(&mut following, |progress| progress.placement.is_some()).await;
	scene.ledger.refund(1, RefundReason::Expired);
	custody_ends(&mut following).await;
	let id = placed.placement.unwrap().request_id;
	let kept = scene.payer.answer(&id).await.unwrap();
	assert!(kept.is_none(), "{kept:?}");
}

#[tokio::test(start_paused = true)]
async fn an_order_that_the_cheap_do_not_take_is_called_off_for_a_higher_bid() {
	let scene = scene().await;
	blocks(&scene);
	scene.ledger.state().situation = super::fake::situation(&[(1_000, 4, 0), (2_000, 4, 0)]);
	let _following = scene.payer.order(request(3)).unwrap();
	let begun = tokio::time::Instant::now();
	scene.placed(2).await;
	assert!(begun.elapsed() < Duration::from_secs(3 * 20));
	// Nothing dearer is left: this one waits.
	tokio::time::sleep(Duration::from_secs(3 * 40)).await;
	assert_eq!(scene.ledger.state().cancelled, [1]);
	let bids: Vec<_> = scene
		.ledger
		.state()
		.orders
		.iter()
		.map(|order| order.max_fee)
		.collect();
	assert!(bids[0] < bids[1], "{bids:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_transactions_cost_is_counted() {
	let scene = scene().await;
	let following = scene.payer.order(request(3)).unwrap();
	scene.placed(1).await;
	come_true(|| scene.payer.transaction_fee(1) == Some(4)).await;
	drop(following);
	come_true(|| scene.payer.transaction_fee(1) == Some(4 + 3)).await;
	let funds = scene.payer.funds().await.unwrap();
	assert_eq!(
		funds.order,
		Some(scene.ledger.state().orders[0].max_fee + 4)
	);
	assert!(funds.are_low());
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_is_seen_on_chain_before_it_is_confirmed() {
	let scene = scene().await;
	blocks(&scene);
	scene.ledger.state().situation = super::fake::situation(&[(1_000, 4, 0), (2_000, 4, 0)]);
	scene.ledger.state().cancels_hang = true;
	let _following = scene.payer.order(request(3)).unwrap();
	scene.placed(1).await;
	tokio::time::sleep(Duration::from_secs(3 * 15)).await;
	scene.ledger.refund(1, RefundReason::Cancelled);
	scene.placed(2).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_delivered_on_chain_first_is_fetched() {
	let scene = scene().await;
	scene.miners.set(1, Manner::Breaks(1));
	let mut following = scene.payer.order(request(3)).unwrap();
	scene.placed(1).await;
	scene.ledger.assign(1, 1);
	until(&mut following, |progress| progress.tokens.len() == 1).await;
	scene.ledger.deliver(1, 1);
	tokio::time::sleep(Duration::from_secs(10)).await;
	scene.miners.set(1, Manner::Honest);
	assert_eq!(end(&mut following).await, Ok(vec![1, 1, 1]));
}

#[tokio::test(start_paused = true)]
async fn where_nobody_takes_the_order_more_is_bid() {
	let scene = scene().await;
	scene.ledger.state().situation = super::fake::situation(&[(1_000, 4, 0), (2_000, 4, 0)]);
	let mut following = scene.payer.order(request(3)).unwrap();
	scene.placed(1).await;
	scene.ledger.refund(1, RefundReason::NoMiner);
	scene.placed(2).await;
	scene.ledger.refund(2, RefundReason::NoMiner);
	scene.placed(3).await;
	scene.ledger.assign(3, 2);
	assert_eq!(end(&mut following).await, Ok(vec![2, 2, 2]));
	let bids: Vec<_> = scene
		.ledger
		.state()
		.orders
		.iter()
		.map(|order| order.max_fee)
		.collect();
	assert!(bids[0] < bids[1] && bids[1] == bids[2], "{bids:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_says_what_became_of_the_money() {
	for (error, expected) in [
		(
			SubmitError::Refused {
				call: "Tasks.submit".into(),
				account: "5payer".into(),
				reason: Refusal::Payment,
			},
			OrderError::Funds,
		),
		(
			SubmitError::Dispatch {
				call: "Tasks.submit".into(),
				block: 3,
				error: "Tasks::InsufficientFunds".into(),
			},
			OrderError::Funds,
		),
	] {
		let scene = scene().await;
		scene.ledger.state().refusals.push_back((error, false));
		let mut following = scene.payer.order(request(3)).unwrap();
		let error = end(&mut following).await.unwrap_err();
		assert_eq!(error, expected);
		assert_eq!(error.money(), Money::Untouched);
	}
	let scene = scene().await;
	let mut following = scene.payer.order(request(3)).unwrap();
	scene.placed(1).await;
	scene.ledger.refund(1, RefundReason::Expired);
	let error = end(&mut following).await.unwrap_err();
	assert_eq!(
		(error.money(), error),
		(Money::Returned, OrderError::NotDelivered)
	);
}

#[tokio::test(start_paused = true)]
async fn a_payer_that_is_full_or_closing_says_so_at_once() {
	let scene = scene().await;
	let _followings: Vec<_> = (0..9)
		.map(|_| scene.payer.order(request(3)).unwrap())
		.collect();
	let error = scene.payer.order_all(vec![request(3); 2]).unwrap_err();
	assert!(matches!(error, OrderError::Full { .. }), "all or none");
	let _last = scene.payer.order(request(3)).unwrap();
	let error = scene.payer.order(request(3)).unwrap_err();
	assert!(matches!(error, OrderError::Full { .. }), "{error}");
	assert_eq!(error.money(), Money::Untouched);
	scene.payer.close(Duration::ZERO).await;
	let error = scene.payer.order(request(3)).unwrap_err();
	assert!(matches!(error, OrderError::Closing { .. }), "{error}");
	assert_eq!(error.money(), Money::Untouched);
}

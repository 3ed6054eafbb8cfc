use super::fake::{FakeNode, Outcome, account};
use crate::{Advice, Call, Key, Refusal, SubmitError, Submitter, View};
use codec::Encode;
use infergrid_primitives::BlockNumber;
use std::{sync::Arc, time::Duration};

struct Scene {
	node: Arc<FakeNode>,
	submitter: Submitter,
	/// Where the account lies in the state.
	key: Vec<u8>,
}

async fn scene() -> Scene {
	let node = FakeNode::new(5);
	let chain = node.chain().await;
	let submitter = Submitter::new(chain.clone(), Key::from_uri("//Bob//worker").unwrap());
	let view = chain.latest().await.unwrap();
	let key = view.key_of::<([u8; 32],)>("System", "Account", (submitter.account(),));
	node.build(|block| drop(block.storage.insert(key.clone(), account(0))));
	node.finalize(6);
	chain.reach(6, Duration::from_secs(9)).await.unwrap();
	Scene {
		node,
		submitter,
		key,
	}
}

impl Scene {
	/// Waits until the node has been given `count` extrinsics.
	async fn sent(&self, count: usize) {
		while self.node.state().submitted.len() < count {
			tokio::time::sleep(Duration::from_millis(100)).await;
		}
	}

	/// Lets nothing be read until further notice.
	fn break_reads(&self) {
		self.node.change(|state| {
			state.failures.insert("chain_getBlockHash", 1_000);
		});
	}

	fn include(&self, outcome: &Outcome) -> BlockNumber {
		self.node.include((&self.key, 1), outcome)
	}
}

fn call() -> Call {
	Call::commit_vote(7, &[9; 32])
}

#[tokio::test(start_paused = true)]
async fn a_call_is_over_when_a_finalized_block_holds_it() {
	let scene = scene().await;
	let call = call();
	let (included, number) = tokio::join!(scene.submitter.submit(&call, Some(50)), async {
		scene.sent(1).await;
		scene.node.finalize(9);
		scene.include(&Outcome::Success)
	});
	assert_eq!(included.unwrap().block.number, number);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_tells_the_error_with_its_remedy() {
	let scene = scene().await;
	let (pallet, error) = scene.error("Audits", "AlreadyCommitted").await;
	let call = call();
	let (failed, _) = tokio::join!(scene.submitter.submit_by(&call, 50), async {
		scene.sent(1).await;
		scene.include(&Outcome::Failure(pallet, error))
	});
	let failed = failed.unwrap_err();
	assert_eq!(failed.dispatch_error(), Some("Audits::AlreadyCommitted"));
	assert!(
		failed.to_string().contains("has committed already"),
		"{failed}"
	);
	assert_eq!(failed.advice(), Advice::Skip);
}

impl Scene {
	async fn error(&self, pallet: &str, error: &str) -> (u8, u8) {
		let view = self.submitter.chain().latest().await.unwrap();
		view.error_index(pallet, error)
	}
}

/// The pool's word is that the runtime says no; the runtime's is that there is no money.
const INVALID: (i32, &str) = (1010, "Invalid Transaction");

fn no_money() -> Vec<u8> {
	// Err(Invalid(Payment))
	(1u8, 0u8, 1u8).encode()
}

#[tokio::test(start_paused = true)]
async fn an_empty_account_is_refused_at_once_or_waited_for_until_the_deadline() {
	let scene = scene().await;
	let call = call();
	scene.node.change(|state| {
		state.validity = no_money();
		state.refusals.extend([INVALID; 3]);
	});
	let refused = scene.submitter.submit(&call, Some(50)).await.unwrap_err();
	assert!(
		matches!(
			refused,
			SubmitError::Refused {
				reason: Refusal::Payment,
				..
			}
		),
		"{refused}"
	);
	assert_eq!(refused.advice(), Advice::Retry);

	let (included, number) = tokio::join!(scene.submitter.submit_by(&call, 50), async {
		scene.sent(4).await;
		scene.include(&Outcome::Success)
	});
	assert_eq!(included.unwrap().block.number, number);
}

#[tokio::test(start_paused = true)]
async fn what_is_still_refused_at_the_deadline_is_given_up_with_the_reason() {
	let scene = scene().await;
	let call = call();
	scene.node.change(|state| {
		state.validity = no_money();
		state.refusals.extend([INVALID; 100]);
	});
	let (refused, ()) = tokio::join!(scene.submitter.submit_by(&call, 8), async {
		scene.sent(3).await;
		scene.node.finalize(8);
	});
	let refused = refused.unwrap_err();
	assert!(
		refused.to_string().contains("send it some AIT"),
		"{refused}"
	);
	assert!(scene.node.state().submitted.len() < 10);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_included_in_time_is_too_late() {
	let scene = scene().await;
	let call = call();
	let (late, ()) = tokio::join!(scene.submitter.submit_by(&call, 8), async {
		scene.sent(1).await;
		scene.node.finalize(8);
	});
	assert!(matches!(
		late.unwrap_err(),
		SubmitError::TooLate { by: 8, .. }
	));
}

#[tokio::test(start_paused = true)]
async fn an_extrinsic_of_which_nothing_is_known_is_found_again_by_its_nonce() {
	let scene = scene().await;
	let call = call();
	let (unknown, ()) = tokio::join!(scene.submitter.submit(&call, None), async {
		scene.sent(1).await;
		scene.break_reads();
		scene.node.finalize(7);
	});
	let unknown = unknown.unwrap_err();
	let SubmitError::Unknown { pending, .. } = &unknown else {
		panic!("{unknown}");
	};
	assert_eq!(unknown.advice(), Advice::Retry);
	assert!(
		pending.until() >= 6 + crate::MORTALITY,
		"{}",
		pending.until()
	);

	let number = scene.include(&Outcome::Success);
	scene.node.change(|state| state.failures.clear());
	let found = scene.submitter.settle(&call, pending).await.unwrap();
	assert_eq!(found.unwrap().block.number, number);
}

#[tokio::test(start_paused = true)]
async fn an_extrinsic_that_cannot_come_any_more_is_known_not_to() {
	let scene = scene().await;
	let call = call();
	let (unknown, ()) = tokio::join!(scene.submitter.submit(&call, None), async {
		scene.sent(1).await;
		scene.break_reads();
		scene.node.finalize(7);
	});
	let unknown = unknown.unwrap_err();
	let SubmitError::Unknown { pending, .. } = unknown else {
		panic!("{unknown}");
	};
	scene.node.change(|state| state.failures.clear());
	scene.node.finalize(pending.until() + 1);
	let found = scene.submitter.settle(&call, &pending).await.unwrap();
	assert!(found.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_breaks_during_the_submission_costs_nothing_but_time() {
	let scene = scene().await;
	let call = call();
	let (included, number) = tokio::join!(scene.submitter.submit_by(&call, 200), async {
		scene.sent(1).await;
		scene.node.change(|state| state.down = true);
		scene.node.finalize(7);
		tokio::time::sleep(Duration::from_secs(300)).await;
		let number = scene.include(&Outcome::Success);
		scene.node.change(|state| state.down = false);
		number
	});
	assert_eq!(included.unwrap().block.number, number);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_come_any_more_is_sent_again_while_there_is_time() {
	let scene = scene().await;
	let call = call();
	let (included, number) = tokio::join!(scene.submitter.submit_by(&call, 400), async {
		scene.sent(1).await;
		scene.break_reads();
		scene.node.finalize(7);
		tokio::time::sleep(Duration::from_secs(90)).await;
		scene.node.change(|state| state.failures.clear());
		scene.sent(2).await;
		scene.node.finalize(100);
		scene.sent(3).await;
		scene.include(&Outcome::Success)
	});
	assert_eq!(included.unwrap().block.number, number);
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_states_are_forgotten_meanwhile_is_found_in_the_last_ones() {
	let scene = scene().await;
	let call = call();
	let (ended, number) = tokio::join!(scene.submitter.submit_by(&call, 900), async {
		scene.sent(1).await;
		scene.node.change(|state| state.down = true);
		let number = scene.include(&Outcome::Success);
		scene.node.finalize(300);
		scene.node.change(|state| {
			state.kept_from = 100;
			state.down = false;
		});
		number
	});
	let ended = ended.unwrap_err();
	assert!(
		matches!(ended, SubmitError::Forgotten { block, .. } if block == number),
		"{ended}"
	);
}

impl View {
	/// The storage key of a value.
	pub(super) fn key_of<K>(&self, pallet: &'static str, entry: &'static str, key: K) -> Vec<u8>
	where
		K: subxt::ext::frame_decode::storage::IntoEncodableValues
			+ subxt::ext::frame_decode::helpers::IntoDecodableValues,
	{
		let address = subxt::dynamic::storage::<K, subxt::dynamic::Value>(pallet, entry);
		let entry = self.raw().storage().entry(address).unwrap();
		entry.fetch_key(key).unwrap()
	}

	/// The index of a pallet and of one of its errors.
	fn error_index(&self, pallet: &str, error: &str) -> (u8, u8) {
		let metadata = self.raw().metadata_ref();
		let pallet = metadata.pallet_by_name(pallet).unwrap();
		let index = pallet.error_index();
		let variants = pallet.error_variants().unwrap();
		let variant = variants
			.iter()
			.find(|variant| variant.name == error)
			.unwrap();
		(index, variant.index)
	}
}

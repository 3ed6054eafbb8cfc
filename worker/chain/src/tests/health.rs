use super::fake::FakeNode;
use crate::{Chain, ChainHealth, Trouble};
use std::time::Duration;

/// How the node is once it was looked at for `seconds` more.
async fn after(chain: &Chain, seconds: u64) -> ChainHealth {
	tokio::time::sleep(Duration::from_secs(seconds)).await;
	chain.health()
}

#[tokio::test(start_paused = true)]
async fn a_stall_of_finality_is_told_from_one_of_the_whole_chain() {
	let node = FakeNode::new(5);
	let chain = node.chain().await;
	let health = after(&chain, 6).await;
	assert_eq!((health.finalized, health.best), (5, 5));
	assert_eq!(health.trouble(), None);

	for _ in 0..10 {
		node.build(|_| {});
		after(&chain, 4).await;
	}
	let health = after(&chain, 0).await;
	assert_eq!((health.finalized, health.best), (5, 15));
	let trouble = health.trouble().unwrap();
	assert!(
		matches!(trouble, Trouble::NoFinality { finalized: 5, .. }),
		"{trouble}"
	);

	let trouble = after(&chain, 40).await.trouble().unwrap();
	assert!(
		matches!(trouble, Trouble::NoBlocks { best: 15, .. }),
		"{trouble}"
	);

	node.finalize(16);
	let health = after(&chain, 6).await;
	assert_eq!(health.trouble(), None);
	assert!(chain.finality_age() < Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_away_or_catching_up_is_told() {
	let node = FakeNode::new(5);
	let chain = node.chain().await;
	node.change(|state| state.syncing = true);
	let health = after(&chain, 6).await;
	assert_eq!(health.trouble(), Some(Trouble::Syncing { best: 5 }));

	node.change(|state| state.down = true);
	assert!(after(&chain, 12).await.connected, "one look is none");
	let health = after(&chain, 6).await;
	assert_eq!(health.trouble(), Some(Trouble::Disconnected));

	node.change(|state| (state.down, state.syncing) = (false, false));
	node.finalize(6);
	let health = after(&chain, 30).await;
	assert!(health.connected);
	assert_eq!(health.trouble(), None);
}

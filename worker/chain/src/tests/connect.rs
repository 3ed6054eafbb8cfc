use super::fake::{Endpoints, FakeNode, URL};
use crate::{Chain, ConnectError, Options};
use std::time::Duration;
use tokio::time::{Instant, timeout};

fn options(urls: &[&str]) -> Options {
	Options::new(urls.iter().map(|url| (*url).to_owned()).collect())
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_not_there_is_waited_for_and_can_be_given_up_at_any_time() {
	let node = FakeNode::new(3);
	node.change(|state| state.down = true);
	let connect = || {
		let endpoints = Endpoints(vec![(URL, node.clone())]);
		Chain::dial(options(&[URL]), Box::new(endpoints))
	};
	assert!(timeout(Duration::from_secs(1), connect()).await.is_err());

	let started = Instant::now();
	let error = connect().await.unwrap_err();
	assert!(matches!(&error, ConnectError::Unreachable { url, .. } if url == URL));
	assert!(started.elapsed() >= Duration::from_secs(60), "{error}");
	assert!(started.elapsed() <= Duration::from_secs(75), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_next_endpoint_takes_over_at_the_start_and_later() {
	let (one, two) = (FakeNode::new(3), FakeNode::new(5));
	one.change(|state| state.down = true);
	let endpoints = Endpoints(vec![("ws://one", one.clone()), ("ws://two", two.clone())]);
	let chain = Chain::dial(options(&["ws://one", "ws://two"]), Box::new(endpoints))
		.await
		.unwrap();
	assert_eq!(chain.finalized(), 5);

	two.change(|state| state.down = true);
	one.change(|state| state.down = false);
	one.finalize(9);
	chain.reach(9, Duration::from_secs(60)).await.unwrap();
	assert_eq!(chain.latest().await.unwrap().block().number, 9);
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_connection_breaks_is_asked_again() {
	let node = FakeNode::new(3);
	let chain = node.chain().await;
	node.change(|state| {
		state.failures.insert("chain_getBlockHash", 2);
	});
	assert_eq!(chain.block(2).await.unwrap().number, 2);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_stands_still_gives_way_to_the_next() {
	let (one, two) = (FakeNode::new(3), FakeNode::new(9));
	let endpoints = Endpoints(vec![("ws://one", one), ("ws://two", two)]);
	let chain = Chain::dial(options(&["ws://one", "ws://two"]), Box::new(endpoints))
		.await
		.unwrap();
	assert_eq!(chain.finalized(), 3);
	chain.reach(9, Duration::from_secs(60)).await.unwrap();
}

//! Whether a node can be reached, and where.

use super::*;
use std::net::IpAddr;

/// A node that wants to know, and one that it asks.
async fn asker_and_asked(allow_local: bool) -> (Node, Node) {
	let asker = serve(setup(1, &["/ip4/127.0.0.1/tcp/0"]), &Miner::default()).await;
	let mut asked = setup(2, &["/ip4/127.0.0.1/tcp/0"]);
	asked.config.addresses.allow_local = allow_local;
	(asker, serve(asked, &Miner::default()).await)
}

fn closed_port() -> String {
	let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
	format!(
		"/ip4/127.0.0.1/tcp/{}",
		listener.local_addr().unwrap().port()
	)
}

#[tokio::test]
async fn a_node_learns_whether_it_is_reached_at_an_address() {
	let (asker, asked) = asker_and_asked(true).await;
	let check = |address: String| {
		let (asker, via) = (&asker.handle, asked.address());
		async move { asker.check_reachable(&via, &address).await }
	};
	let observed = asker.handle.watch_observed_address();
	assert_eq!(*observed.borrow(), None);
	check(asker.address().address).await.unwrap();
	assert_eq!(
		*observed.borrow(),
		Some(IpAddr::from([127, 0, 0, 1])),
		"the peer tells where it sees this node"
	);

	let nobody = check(closed_port()).await.unwrap_err();
	assert!(matches!(nobody, Unreachable::NoAnswer { .. }), "{nobody}");
	assert!(nobody.is_proven());
	let other = check(asked.address().address).await.unwrap_err();
	assert!(matches!(other, Unreachable::OtherPeer { .. }), "{other}");
	let elsewhere = check("/ip4/203.0.113.7/tcp/22".into()).await.unwrap_err();
	assert!(
		matches!(elsewhere, Unreachable::Elsewhere { .. }) && !elsewhere.is_proven(),
		"{elsewhere}"
	);
	let bad = check("/dns4/localhost/tcp/1".into()).await.unwrap_err();
	assert!(matches!(bad, Unreachable::Address(_)), "{bad}");
}

#[tokio::test]
async fn a_node_on_the_public_grid_dials_nobody_back_in_its_own_network() {
	let (asker, asked) = asker_and_asked(false).await;
	let checked = asker
		.handle
		.check_reachable(&asked.address(), &asker.address().address)
		.await;
	assert!(
		matches!(checked, Err(Unreachable::Elsewhere { .. })),
		"{checked:?}"
	);
}

#[tokio::test]
async fn dials_back_are_rare() {
	let (asker, asked) = asker_and_asked(true).await;
	let mut dialled = 0;
	let refused = loop {
		let checked = asker
			.handle
			.check_reachable(&asked.address(), &asker.address().address)
			.await;
		match checked {
			Ok(()) => dialled += 1,
			Err(refused) => break refused,
		}
	};
	assert!((1..=10).contains(&dialled), "{dialled}");
	assert!(
		matches!(
			refused,
			Unreachable::Unasked(CallError::Refused(Refusal::Busy))
		),
		"{refused}"
	);
}

#[tokio::test]
async fn the_end_of_listening_is_told() {
	let (node, _) = asker_and_asked(true).await;
	let mut addresses = node.handle.watch_listen_addresses();
	assert_eq!(addresses.borrow().len(), 1);
	node.swarm.shutdown().await;
	while addresses.changed().await.is_ok() {}
}

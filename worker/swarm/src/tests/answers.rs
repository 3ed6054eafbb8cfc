//! What honest peers get from each other.

use super::*;
use futures::StreamExt;

#[tokio::test]
async fn an_answer_arrives_in_order_with_its_receipt() {
	let pair = pair().await;
	let prompt: Vec<u32> = (0..500).collect();
	let answer = pair.infer(request(ECHO, prompt.clone())).await.unwrap();
	let parts: Vec<_> = answer.into_stream().map(Result::unwrap).collect().await;
	let (last, tokens) = parts.split_last().unwrap();
	let ids: Vec<u32> = tokens
		.iter()
		.flat_map(|part| match part {
			Answer::Tokens(ids) => ids.clone(),
			Answer::Done { .. } => panic!("done before the end"),
		})
		.collect();
	assert_eq!(ids, prompt);
	assert_eq!(
		last,
		&Answer::Done {
			receipt: receipt(500, 500),
			signature: [6; 64],
			output_salt: [7; 32]
		}
	);
	pair.idle().await;
}

#[tokio::test]
async fn the_largest_prompt_passes() {
	let pair = pair().await;
	let prompt = vec![1; (1024 * 1024 - 200) / 4];
	let mut answer = pair.infer(request(LEAVES, prompt)).await.unwrap();
	assert!(matches!(
		answer.next().await,
		Some(Err(CallError::Refused(Refusal::Internal)))
	));
	assert!(answer.next().await.is_none());
}

#[tokio::test]
async fn an_opening_larger_than_a_window_arrives() {
	let pair = pair().await;
	let opening = pair
		.client
		.handle
		.fetch_opening(&pair.miner.address(), opening_request(ECHO))
		.await
		.unwrap();
	assert_eq!(opening.output.len(), 100_000);
	assert_eq!(opening.proofs.len(), 4);
}

#[tokio::test]
async fn a_refusal_says_why() {
	let pair = pair().await;
	let error = pair.infer(request(REFUSED, vec![])).await.unwrap_err();
	assert!(
		matches!(error, CallError::Refused(Refusal::PromptMismatch)),
		"{error}"
	);
	assert!(!error.retryable());
	let error = pair
		.client
		.handle
		.fetch_opening(&pair.miner.address(), opening_request(REFUSED))
		.await
		.unwrap_err();
	assert!(
		matches!(error, CallError::Refused(Refusal::NotAssigned)),
		"{error}"
	);
}

/// All streams share one connection and arrive in bursts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_answers_at_once_do_not_mix() {
	let pair = pair().await;
	let calls = (0..100u32).map(|i| {
		let pair = &pair;
		async move {
			let prompt: Vec<u32> = (i * 1_000..i * 1_000 + 50).collect();
			let task = ECHO + u64::from(i);
			let mut answer = pair.infer(request(task, prompt.clone())).await.unwrap();
			let mut ids = Vec::new();
			while let Some(part) = answer.next().await {
				match part.unwrap() {
					Answer::Tokens(part) => ids.extend(part),
					Answer::Done { receipt, .. } => assert_eq!(receipt.n_out, 50),
				}
			}
			assert_eq!(ids, prompt);
		}
	});
	futures::future::join_all(calls).await;
	pair.idle().await;
}

#[tokio::test]
async fn more_than_its_places_are_refused_as_busy_and_come_back() {
	let pair = pair_with(|setup| setup.infer.per_payer = 2).await;
	let first = pair.infer(request(HELD, vec![])).await.unwrap();
	let mut second = pair.infer(request(HELD, vec![])).await.unwrap();
	let error = pair.infer(request(ECHO, vec![])).await.unwrap_err();
	assert!(
		matches!(error, CallError::Refused(Refusal::Busy)),
		"{error}"
	);
	assert!(error.retryable());
	drop(first);
	let wait = async {
		while pair.running.load(Ordering::SeqCst) > 1 {
			tokio::time::sleep(Duration::from_millis(5)).await;
		}
	};
	timeout(Duration::from_secs(10), wait).await.unwrap();
	let answer = loop {
		match pair.infer(request(ECHO, vec![1])).await {
			Err(CallError::Refused(Refusal::Busy)) => {
				tokio::time::sleep(Duration::from_millis(5)).await
			}
			answer => break answer.unwrap(),
		}
	};
	drop(answer);
	pair.release.notify_waiters();
	assert!(matches!(second.next().await, Some(Ok(Answer::Done { .. }))));
}

#[tokio::test]
async fn peers_of_another_chain_are_not_understood() {
	let pair = pair().await;
	let mut other = config(3, &[]);
	other.genesis = [8; 32];
	let stranger = client(other).await;
	let error = stranger
		.handle
		.infer(&pair.miner.address(), request(ECHO, vec![1]))
		.await
		.unwrap_err();
	assert!(matches!(error, CallError::Unsupported), "{error}");
}

#[tokio::test]
async fn a_node_without_handlers_offers_nothing() {
	let server = client(config(1, &["/ip4/127.0.0.1/tcp/0"])).await;
	let caller = client(config(2, &[])).await;
	let error = caller
		.handle
		.infer(&server.address(), request(ECHO, vec![1]))
		.await
		.unwrap_err();
	assert!(matches!(error, CallError::Unsupported), "{error}");
}

#[tokio::test]
async fn a_peer_that_is_not_there_or_is_somebody_else_is_an_error() {
	let pair = pair().await;
	let mut address = pair.miner.address();
	address.peer = NodeSecret::new([77; 32]).peer_id().unwrap();
	let error = pair
		.client
		.handle
		.infer(&address, request(ECHO, vec![1]))
		.await
		.unwrap_err();
	assert!(matches!(error, CallError::Connect { .. }), "{error}");

	let closed = std::net::TcpListener::bind("127.0.0.1:0")
		.unwrap()
		.local_addr()
		.unwrap()
		.port();
	address.address = format!("/ip4/127.0.0.1/tcp/{closed}");
	let error = pair
		.client
		.handle
		.infer(&address, request(ECHO, vec![1]))
		.await
		.unwrap_err();
	assert!(matches!(error, CallError::Connect { .. }), "{error}");
	assert!(error.retryable());

	address.address = "localhost:80".into();
	let error = pair
		.client
		.handle
		.infer(&address, request(ECHO, vec![1]))
		.await
		.unwrap_err();
	assert!(
		matches!(error, CallError::Address(AddressError::Syntax(_))),
		"{error}"
	);
}

#[tokio::test]
async fn a_taken_port_is_an_error_at_start() {
	let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
	let address = format!("/ip4/127.0.0.1/tcp/{}", taken.local_addr().unwrap().port());
	let error = Swarm::builder(config(1, &[&address]))
		.start()
		.await
		.unwrap_err();
	assert!(matches!(error, StartError::Listen { .. }), "{error}");
	let error = Swarm::builder(config(1, &["/ip4/127.0.0.1/udp/1"]))
		.start()
		.await
		.unwrap_err();
	assert!(matches!(error, StartError::Address { .. }), "{error}");
}

#[tokio::test]
async fn shutdown_lets_answers_finish_and_takes_no_more() {
	let pair = pair().await;
	let mut answer = pair.infer(request(HELD, vec![])).await.unwrap();
	let Pair {
		miner,
		client,
		release,
		..
	} = pair;
	let address = miner.address();
	let stopping = tokio::spawn(miner.swarm.shutdown());
	let error = loop {
		match client.handle.infer(&address, request(HELD, vec![])).await {
			Err(error) => break error,
			Ok(_) => tokio::task::yield_now().await,
		}
	};
	assert!(
		matches!(error, CallError::Refused(Refusal::Stopping)),
		"{error}"
	);
	release.notify_waiters();
	assert!(matches!(answer.next().await, Some(Ok(Answer::Done { .. }))));
	timeout(Duration::from_secs(5), stopping)
		.await
		.unwrap()
		.unwrap();
	let error = miner
		.handle
		.infer(&address, request(ECHO, vec![]))
		.await
		.unwrap_err();
	assert!(matches!(error, CallError::Stopped), "{error}");
}

#[tokio::test]
async fn shutdown_cancels_what_does_not_finish() {
	let pair = pair_with(|setup| setup.config.timeouts.shutdown = Duration::from_millis(50)).await;
	let mut answer = pair.infer(request(HELD, vec![])).await.unwrap();
	timeout(Duration::from_secs(5), pair.miner.swarm.shutdown())
		.await
		.unwrap();
	assert_eq!(pair.running.load(Ordering::SeqCst), 0);
	assert!(matches!(
		answer.next().await,
		Some(Err(CallError::Frame(_)))
	));
}

#[tokio::test]
async fn dropping_a_node_frees_its_port() {
	let pair = pair().await;
	let address = pair.miner.address().address;
	drop(pair);
	let wait = async {
		while let Err(error) = Swarm::builder(config(1, &[&address])).start().await {
			assert!(matches!(error, StartError::Listen { .. }), "{error}");
			tokio::time::sleep(Duration::from_millis(10)).await;
		}
	};
	timeout(Duration::from_secs(10), wait).await.unwrap();
}

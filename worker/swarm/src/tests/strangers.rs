//! Who is let in, and who is not.

use super::*;
use crate::frame;

fn refused(result: Result<impl std::fmt::Debug, CallError>) -> Refusal {
	match result {
		Err(CallError::Refused(refusal)) => refusal,
		other => panic!("{other:?}"),
	}
}

#[tokio::test]
async fn impostors_get_nothing() {
	let pair = pair().await;
	let mut forged = request(ECHO, vec![1]);
	forged.payer_key = IMPOSTOR;
	assert_eq!(refused(pair.infer(forged).await), Refusal::Unauthorised);
	let mut forged = opening_request(ECHO);
	forged.worker = IMPOSTOR;
	assert_eq!(refused(pair.open(forged).await), Refusal::Unauthorised);
	assert_eq!(pair.running.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_payer_that_knows_of_its_task_first_is_answered_once_the_miner_does() {
	let pair = pair().await;
	let answer = pair.infer(request(UNKNOWN, vec![1, 2]));
	tokio::pin!(answer);
	assert!(
		timeout(Duration::from_millis(200), &mut answer)
			.await
			.is_err()
	);
	pair.assigned.cancel();
	let mut answer = answer.await.unwrap();
	assert_eq!(
		answer.next().await.unwrap().unwrap(),
		Answer::Tokens(vec![1])
	);
}

#[tokio::test]
async fn unknown_tasks_wait_a_while_in_a_room_that_is_nobody_elses() {
	let pair = pair_with(|setup| {
		setup.infer.wait = Duration::from_millis(400);
		setup.infer.waiting = 1;
		setup.infer.answers = 1;
	})
	.await;
	let unknown = || async { refused(pair.infer(request(UNKNOWN, vec![])).await) };
	let known = async { pair.infer(request(ECHO, vec![1])).await.map(drop) };
	let (first, second, known) = tokio::join!(unknown(), unknown(), known);
	known.unwrap();
	let mut told = [first, second];
	told.sort_by_key(|refusal| refusal.to_string());
	assert_eq!(told, [Refusal::Busy, Refusal::Unknown]);
	assert!(Refusal::Unknown.retryable());
}

#[tokio::test]
async fn places_are_counted_by_payer_and_by_task() {
	let pair = pair_with(|setup| {
		setup.infer.answers = 4;
		setup.infer.per_payer = 3;
		setup.infer.per_task = 2;
	})
	.await;
	let of = |payer, task| {
		let mut request = request(task, vec![]);
		request.payer_key = [payer; 32];
		request
	};
	let _first = pair.infer(of(1, HELD)).await.unwrap();
	let _second = pair.infer(of(1, HELD)).await.unwrap();
	assert_eq!(refused(pair.infer(of(1, HELD)).await), Refusal::Busy);
	let _third = pair.infer(of(1, ENDLESS)).await.unwrap();
	assert_eq!(refused(pair.infer(of(1, ECHO)).await), Refusal::Busy);
	let _fourth = pair.infer(of(2, ENDLESS)).await.unwrap();
	assert_eq!(refused(pair.infer(of(3, ECHO)).await), Refusal::Busy);
	// Verifiers are not kept out by payers.
	pair.open(opening_request(ECHO)).await.unwrap();
}

#[tokio::test]
async fn places_for_openings_are_counted_by_verifier() {
	let pair = pair_with(|setup| {
		setup.opening.openings = 2;
		setup.opening.per_verifier = 1;
	})
	.await;
	let of = |worker, task| {
		let mut request = opening_request(task);
		request.worker = [worker; 32];
		request
	};
	let held = pair.open(of(1, SILENT));
	let begun = async {
		while pair.running.load(Ordering::SeqCst) == 0 {
			tokio::task::yield_now().await;
		}
		assert_eq!(refused(pair.open(of(1, ECHO)).await), Refusal::Busy);
		pair.open(of(2, ECHO)).await.unwrap();
	};
	tokio::select! {
		_ = held => panic!("it is silent"),
		done = timeout(Duration::from_secs(5), begun) => done.unwrap(),
	}
}

#[tokio::test]
async fn a_stop_lets_go_of_those_that_wait() {
	let pair = pair_with(|setup| setup.config.timeouts.shutdown = Duration::from_secs(60)).await;
	let mut silent = pair
		.client
		.handle
		.open(&pair.miner.address(), "infer")
		.await
		.unwrap();
	let waiting = pair.client.handle.clone();
	let address = pair.miner.address();
	let waiting =
		tokio::spawn(async move { waiting.infer(&address, request(UNKNOWN, vec![])).await });
	// Its request is there when that of another, sent after it on the same connection, is answered.
	pair.infer(request(ECHO, vec![1])).await.unwrap();
	timeout(Duration::from_secs(5), pair.miner.swarm.shutdown())
		.await
		.expect("nothing to wait for");
	let told = waiting.await.unwrap();
	assert!(
		matches!(
			told,
			Err(CallError::Refused(Refusal::Stopping) | CallError::Frame(_))
		),
		"{told:?}"
	);
	let told = frame::read::<InferFrame>(&mut silent).await;
	assert!(
		matches!(told, Ok(InferFrame::Refused(Refusal::Stopping)) | Err(_)),
		"{told:?}"
	);
}

/// Whoever claims a peer's id for an address of its own does not keep callers from the peer.
#[tokio::test]
async fn a_second_caller_is_not_bound_to_the_first_ones_address() {
	let pair = pair().await;
	// Takes connections and says nothing.
	let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
	let mut wrong = pair.miner.address();
	wrong.address = format!("/ip4/127.0.0.1/tcp/{}", silent.local_addr().unwrap().port());
	let misled = pair.client.handle.infer(&wrong, request(ECHO, vec![1]));
	let right = async {
		let _connection = silent.accept().await.unwrap();
		timeout(Duration::from_secs(5), pair.infer(request(ECHO, vec![1])))
			.await
			.expect("it waits for the other's dial")
	};
	let (misled, right) = tokio::join!(misled, right);
	right.unwrap();
	// It is the same peer, whatever way leads to it.
	misled.unwrap();
}

/// The old connection may be dead without a word.
#[tokio::test]
async fn a_peer_that_has_moved_is_called_at_its_new_address() {
	let old = pair().await;
	old.infer(request(ECHO, vec![1])).await.unwrap();
	let moved = Miner::default();
	let new = serve(setup(1, &["/ip4/127.0.0.2/tcp/0"]), &moved).await;
	let _held = old
		.client
		.handle
		.infer(&new.address(), request(HELD, vec![]))
		.await
		.unwrap();
	assert_eq!(moved.running.load(Ordering::SeqCst), 1);
	assert_eq!(old.running.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn strangers_send_nobody_into_a_private_network() {
	let pair = pair().await;
	let mut public = config(3, &[]);
	public.addresses.allow_local = false;
	let stranger = client(public).await;
	let error = stranger
		.handle
		.infer(&pair.miner.address(), request(ECHO, vec![1]))
		.await
		.unwrap_err();
	assert!(
		matches!(error, CallError::Address(AddressError::Local(_))),
		"{error}"
	);
	assert!(error.to_string().contains("--allow-local"), "{error}");
}

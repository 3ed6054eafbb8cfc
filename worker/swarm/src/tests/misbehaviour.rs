//! What peers do that do not keep to the protocol, and what becomes of it.

use super::*;
use crate::{
	frame::{self, FrameError, Message},
	protocol::infer::AnswerProgress as Progress,
	standing::Standing,
};
use futures::{AsyncReadExt, AsyncWriteExt};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

async fn refused_with(pair: &Pair, kind: &str, bytes: &[u8]) -> Option<Refusal> {
	let mut stream = pair
		.client
		.handle
		.open(&pair.miner.address(), kind)
		.await
		.unwrap();
	stream.write_all(bytes).await.unwrap();
	stream.flush().await.unwrap();
	let read = async {
		match kind {
			"infer" => match frame::read(&mut stream).await {
				Ok(InferFrame::Refused(refusal)) => Some(refusal),
				_ => None,
			},
			_ => match frame::read(&mut stream).await {
				Ok(OpeningReply::Refused(refusal)) => Some(refusal),
				_ => None,
			},
		}
	};
	timeout(Duration::from_secs(10), read)
		.await
		.expect("the stream stays open")
}

#[tokio::test]
async fn bad_requests_are_refused_as_malformed() {
	let pair = pair().await;
	let good = frame::encode(&request(ECHO, vec![1, 2])).unwrap();
	let mut trailing = good.clone();
	trailing.push(0);
	let longer = u32::try_from(trailing.len() - 4).unwrap();
	trailing[..4].copy_from_slice(&longer.to_be_bytes());
	let oversize = (InferRequest::MAX_BYTES as u32 + 1).to_be_bytes().to_vec();
	let opening_oversize = (OpeningRequest::MAX_BYTES as u32 + 1)
		.to_be_bytes()
		.to_vec();
	let wrong_kind = frame::encode(&opening_request(1)).unwrap();
	for (kind, what, bytes) in [
		("infer", "empty frame", vec![0; 4]),
		(
			"infer",
			"garbage",
			[&[0, 0, 0, 64][..], &[0xff; 64]].concat(),
		),
		("infer", "text", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
		("infer", "trailing byte", trailing),
		("infer", "oversize", oversize),
		("infer", "another message", wrong_kind),
		("opening", "empty frame", vec![0; 4]),
		(
			"opening",
			"garbage",
			[&[0, 0, 0, 9][..], &[0xff; 9]].concat(),
		),
		("opening", "oversize", opening_oversize),
		("opening", "another message", good),
	] {
		assert_eq!(
			refused_with(&pair, kind, &bytes).await,
			Some(Refusal::Malformed),
			"{what}"
		);
	}
	// The node is none the worse for it.
	pair.infer(request(ECHO, vec![1])).await.unwrap();
}

#[tokio::test]
async fn a_half_open_stream_is_closed_after_a_while() {
	let pair = pair_with(|setup| {
		setup.infer.door.arrival = Duration::from_millis(300);
		setup.infer.door.requests = 1;
	})
	.await;
	for begun in [&[][..], &[0, 0], &[0, 0, 1, 0, 7, 7]] {
		let mut stream = pair
			.client
			.handle
			.open(&pair.miner.address(), "infer")
			.await
			.unwrap();
		stream.write_all(begun).await.unwrap();
		stream.flush().await.unwrap();
		let mut rest = Vec::new();
		let closed = timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
		assert!(closed.is_ok(), "the stream stays open");
		assert!(rest.is_empty());
	}
	// Its place is free again.
	let wait = async {
		while let Err(error) = pair.infer(request(ECHO, vec![1])).await {
			assert!(
				matches!(error, CallError::Refused(Refusal::Busy)),
				"{error}"
			);
		}
	};
	timeout(Duration::from_secs(10), wait).await.unwrap();
}

#[tokio::test]
async fn closing_an_answer_early_cancels_the_work() {
	let pair = pair().await;
	let mut answer = pair.infer(request(ENDLESS, vec![])).await.unwrap();
	assert!(matches!(answer.next().await, Some(Ok(Answer::Tokens(_)))));
	assert_eq!(pair.running.load(Ordering::SeqCst), 1);
	drop(answer);
	pair.idle().await;
}

#[tokio::test]
async fn giving_up_before_acceptance_cancels_the_work() {
	let pair = pair().await;
	let given_up = timeout(
		Duration::from_millis(500),
		pair.infer(request(SILENT, vec![])),
	)
	.await;
	assert!(given_up.is_err());
	pair.idle().await;
}

#[tokio::test]
async fn a_client_that_disappears_cancels_the_work() {
	let pair = pair().await;
	let mut answer = pair.infer(request(ENDLESS, vec![])).await.unwrap();
	assert!(answer.next().await.is_some());
	let Pair {
		miner,
		client,
		running,
		release,
		assigned,
	} = pair;
	drop(client);
	let pair = Pair {
		client: super::client(config(9, &[])).await,
		miner,
		running,
		release,
		assigned,
	};
	pair.idle().await;
	assert!(
		answer
			.next()
			.await
			.is_some_and(|part| part.is_err() || matches!(part, Ok(Answer::Tokens(_))))
	);
}

#[tokio::test]
async fn a_client_that_talks_after_its_request_is_cut_off() {
	let pair = pair().await;
	let mut stream = pair
		.client
		.handle
		.open(&pair.miner.address(), "infer")
		.await
		.unwrap();
	frame::write(&mut stream, &request(HELD, vec![]))
		.await
		.unwrap();
	assert_eq!(
		frame::read::<InferFrame>(&mut stream).await.unwrap(),
		InferFrame::Accepted
	);
	frame::write(&mut stream, &request(HELD, vec![]))
		.await
		.unwrap();
	let next = timeout(
		Duration::from_secs(5),
		frame::read::<InferFrame>(&mut stream),
	)
	.await
	.unwrap();
	assert!(
		matches!(next, Err(FrameError::Closed | FrameError::Io(_))),
		"{next:?}"
	);
	pair.idle().await;
}

/// The stream's window fills up, then the miner's patience ends.
#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
	let pair = pair_with(|setup| setup.infer.write = Duration::from_millis(300)).await;
	let mut stream = pair
		.client
		.handle
		.open(&pair.miner.address(), "infer")
		.await
		.unwrap();
	frame::write(&mut stream, &request(ENDLESS, vec![]))
		.await
		.unwrap();
	let wait = async {
		while pair.running.load(Ordering::SeqCst) == 0 {
			tokio::time::sleep(Duration::from_millis(5)).await;
		}
	};
	timeout(Duration::from_secs(10), wait).await.unwrap();
	pair.idle().await;
}

#[tokio::test]
async fn a_miner_that_disappears_ends_the_answer() {
	let pair = pair().await;
	let mut answer = pair.infer(request(HELD, vec![])).await.unwrap();
	drop(pair.miner);
	let next = timeout(Duration::from_secs(5), answer.next())
		.await
		.unwrap();
	assert!(
		matches!(next, Some(Err(ref error)) if error.retryable()),
		"{next:?}"
	);
	assert!(answer.next().await.is_none());
}

#[tokio::test]
async fn a_silent_miner_times_out() {
	let pair = pair_with(|setup| {
		setup.config.timeouts.reply = Duration::from_millis(200);
		setup.config.timeouts.idle = Duration::from_millis(200);
	})
	.await;
	let error = pair.infer(request(SILENT, vec![])).await.unwrap_err();
	assert!(matches!(error, CallError::Timeout(Phase::Reply)), "{error}");
	let mut answer = pair.infer(request(HELD, vec![])).await.unwrap();
	let next = answer.next().await;
	assert!(
		matches!(next, Some(Err(CallError::Timeout(Phase::Answer)))),
		"{next:?}"
	);
	let error = pair
		.client
		.handle
		.fetch_opening(&pair.miner.address(), opening_request(SILENT))
		.await
		.unwrap_err();
	assert!(matches!(error, CallError::Timeout(Phase::Reply)), "{error}");
}

/// A service that panics, returns early or sends frames out of order does not reach the peer as an
/// answer, and does not end the node.
#[tokio::test]
async fn a_broken_service_is_an_error_to_the_peer_only() {
	let pair = pair().await;
	let error = pair.infer(request(PANICS, vec![])).await.unwrap_err();
	assert!(matches!(error, CallError::Frame(_)), "{error}");
	let error = pair.infer(request(DISORDER, vec![])).await.unwrap_err();
	assert!(matches!(error, CallError::Frame(_)), "{error}");
	let mut answer = pair.infer(request(LEAVES, vec![])).await.unwrap();
	assert!(matches!(
		answer.next().await,
		Some(Err(CallError::Refused(Refusal::Internal)))
	));
	pair.infer(request(ECHO, vec![1])).await.unwrap();
	pair.idle().await;
}

#[test]
fn only_the_documented_orders_are_orders() {
	use InferFrame::{Accepted, Refused, Tokens};
	let run = |frames: &[InferFrame]| {
		frames
			.iter()
			.try_fold(Progress::default(), |progress, frame| progress.after(frame))
	};
	let tokens = || Tokens(vec![1]);
	let no = || Refused(Refusal::Busy);
	for good in [
		vec![Accepted],
		vec![no()],
		vec![Accepted, no()],
		vec![Accepted, done(1, 0)],
		vec![Accepted, tokens(), tokens(), done(1, 2)],
		vec![Accepted, tokens(), no()],
	] {
		assert!(run(&good).is_ok(), "{good:?}");
	}
	for (bad, violation) in [
		(vec![tokens()], Violation::NotAccepted),
		(vec![done(1, 0)], Violation::NotAccepted),
		(vec![Accepted, Accepted], Violation::AcceptedTwice),
		(vec![Accepted, Tokens(vec![])], Violation::EmptyTokens),
		(vec![Accepted, done(1, 0), tokens()], Violation::AfterEnd),
		(vec![no(), Accepted], Violation::AfterEnd),
		(vec![Accepted, done(1, 0), done(1, 0)], Violation::AfterEnd),
	] {
		assert_eq!(run(&bad), Err(violation), "{bad:?}");
	}
}

fn duplex() -> (
	Compat<tokio::io::DuplexStream>,
	Compat<tokio::io::DuplexStream>,
) {
	let (a, b) = tokio::io::duplex(1 << 20);
	(a.compat(), b.compat())
}

/// The client's own check of the order, against a miner that has none.
#[tokio::test]
async fn a_miner_that_mixes_up_its_frames_is_found_out() {
	for (frames, violation) in [
		(
			vec![InferFrame::Accepted, InferFrame::Accepted],
			Violation::AcceptedTwice,
		),
		(
			vec![InferFrame::Accepted, InferFrame::Tokens(vec![])],
			Violation::EmptyTokens,
		),
	] {
		let (client, mut miner) = duplex();
		for frame in &frames {
			frame::write(&mut miner, frame).await.unwrap();
		}
		let mut answer = InferStream::over(client, Duration::from_secs(5));
		assert!(answer.accepted(Duration::from_secs(5)).await.is_ok());
		let next = answer.next().await;
		assert!(
			matches!(next, Some(Err(CallError::Violation(v))) if v == violation),
			"{next:?}"
		);
		assert!(answer.next().await.is_none());
	}
	let (client, mut miner) = duplex();
	frame::write(&mut miner, &InferFrame::Tokens(vec![1]))
		.await
		.unwrap();
	let error = InferStream::over(client, Duration::from_secs(5))
		.accepted(Duration::from_secs(5))
		.await;
	assert!(
		matches!(error, Err(CallError::Violation(Violation::NotAccepted))),
		"{error:?}"
	);

	let (client, mut miner) = duplex();
	frame::write(&mut miner, &InferFrame::Accepted)
		.await
		.unwrap();
	miner.write_all(&[0, 1, 0, 1]).await.unwrap();
	let mut answer = InferStream::over(client, Duration::from_secs(5));
	answer.accepted(Duration::from_secs(5)).await.unwrap();
	let next = answer.next().await;
	assert!(
		matches!(
			next,
			Some(Err(CallError::Frame(FrameError::Oversize { .. })))
		),
		"{next:?}"
	);
}

#[tokio::test]
async fn an_opening_too_large_for_a_frame_is_the_miners_failure() {
	struct Verbose;
	#[async_trait]
	impl Openings for Verbose {
		async fn who_opens(
			&self,
			_: PeerId,
			request: &OpeningRequest,
		) -> Result<AccountBytes, Refusal> {
			Ok(request.worker)
		}
		async fn opening(&self, _: PeerId, _: OpeningRequest) -> OpeningReply {
			OpeningReply::Opening(Opening {
				prompt_salt: [0; 32],
				prompt: vec![0; 2 << 20],
				output_salt: [0; 32],
				output: vec![],
				proofs: vec![],
			})
		}
	}
	let (mut client, miner) = duplex();
	frame::write(&mut client, &opening_request(1))
		.await
		.unwrap();
	let stream = Inbound {
		peer: NodeSecret::new([1; 32]).peer_id().unwrap(),
		ip: None,
		standing: Arc::new(Standing::default()),
		stream: Box::new(miner),
	};
	let handler = OpeningHandler::new(Arc::new(Verbose));
	let read = frame::read::<OpeningReply>(&mut client);
	let ((), reply) = tokio::join!(handler.serve(stream), read);
	assert_eq!(reply.unwrap(), OpeningReply::Refused(Refusal::Internal));
}

#![allow(clippy::disallowed_methods, reason = "a test may spawn")]

use super::*;
use crate::{
	Facts, Replay, ReplayRequest, Sequence,
	fake::{EchoModel, examination},
};
use infergrid_primitives::{
	Hash,
	audit::Verdict,
	model::ProofParams,
	request::{Finish, SamplingParams},
};
use std::{convert::Infallible, sync::mpsc, time::Duration};

const SEED: Hash = [7; 32];
const SPEED: Speed = Speed {
	prefill: 1_000.0,
	decode: 100.0,
};
const MEMORY: Memory = Memory {
	available: 10_000,
	weights: 0,
	scratch: 0,
	per_token: 1,
	context: 4_096,
};
/// A prompt at which the model panics.
const CURSED: TokenId = 13;

/// Counts like [`EchoModel`], but takes a step only when the test gives it.
struct Led {
	steps: mpsc::Receiver<()>,
}

struct LedSequence<'a> {
	model: &'a Led,
	inner: Box<dyn Sequence + 'a>,
}

impl Led {
	fn step(&self) {
		// A test that is over gives no more steps and waits for none.
		let _ = self.steps.recv();
	}
}

impl Sequence for LedSequence<'_> {
	fn extend(
		&mut self,
		ids: &[TokenId],
		watcher: &mut dyn Watcher,
	) -> Result<Vec<f32>, ComputeError> {
		assert_ne!(ids, [CURSED], "out of memory");
		self.model.step();
		self.inner.extend(ids, watcher)
	}

	fn logits(&self, hidden: &[f32]) -> Result<Vec<f32>, ComputeError> {
		self.inner.logits(hidden)
	}
}

impl Model for Led {
	fn facts(&self) -> Facts<'_> {
		EchoModel.facts()
	}

	fn encoder(&self) -> Encoder {
		EchoModel.encoder()
	}

	fn sequence(&self, tokens: usize) -> Box<dyn Sequence + '_> {
		Box::new(LedSequence {
			model: self,
			inner: EchoModel.sequence(tokens),
		})
	}

	fn replay(
		&self,
		request: &ReplayRequest<'_>,
		watcher: &mut dyn Watcher,
	) -> Result<Replay, ComputeError> {
		self.step();
		EchoModel.replay(request, watcher)
	}
}

async fn server() -> (Arc<Server>, mpsc::Sender<()>) {
	let (give, steps) = mpsc::channel();
	let server = Server::start(move || {
		Ok::<_, Infallible>(Loaded {
			model: Led { steps },
			manifest: Manifest {
				files: Vec::new(),
				layers: 1,
				licence: Vec::new(),
			},
			speed: SPEED,
			memory: MEMORY,
		})
	})
	.await
	.unwrap();
	(Arc::new(server), give)
}

fn assignment(first: TokenId, max_tokens: u32) -> Assignment {
	Assignment {
		prompt: vec![first],
		params: SamplingParams::greedy(max_tokens),
		seed: SEED,
		proof: ProofParams::F32,
		context: 4_096,
	}
}

fn in_seconds(seconds: u64) -> Option<Instant> {
	Some(Instant::now() + Duration::from_secs(seconds))
}

type Told = tokio::sync::mpsc::UnboundedReceiver<TokenId>;
type Answer = tokio::task::JoinHandle<Result<Generation, ComputeError>>;

/// Asks for an answer after `first`, in the background; gives its tokens and its end.
fn ask(
	server: &Arc<Server>,
	first: TokenId,
	max_tokens: u32,
	due: Option<Instant>,
) -> (Told, Answer) {
	let (tell, told) = tokio::sync::mpsc::unbounded_channel();
	let server = server.clone();
	let on_token: OnToken = Box::new(move |token| {
		let _ = tell.send(token);
		ControlFlow::Continue(())
	});
	let asking = async move {
		server
			.generate(assignment(first, max_tokens), due, on_token)
			.await
	};
	(told, tokio::spawn(asking))
}

/// Waits until the server has `count` jobs.
async fn until_jobs(server: &Server, count: usize) {
	while server.load().jobs != count {
		tokio::task::yield_now().await;
	}
}

#[tokio::test]
async fn answers_and_votes_come_from_the_thread() {
	let (server, give) = server().await;
	for _ in 0..4 {
		give.send(()).unwrap();
	}
	let on_token: OnToken = Box::new(|_| ControlFlow::Continue(()));
	let generation = server
		.generate(assignment(100, 3), None, on_token)
		.await
		.unwrap();
	assert_eq!(generation.tokens, [101, 102, 103]);
	assert_eq!(generation.finish, Finish::Length);
	let judgement = server.verify(examination(3).unwrap(), None).await.unwrap();
	assert_eq!(judgement.vote.verdict, Verdict::Valid);
	assert_eq!(server.encode_inline("a".into()).await.unwrap(), [100]);
}

#[tokio::test]
async fn what_is_due_first_is_done_first_even_if_something_was_begun() {
	let (server, give) = server().await;
	// 40 s of work, by the estimate.
	let (mut long_told, long) = ask(&server, 100, 4_000, in_seconds(3_600));
	give.send(()).unwrap();
	assert_eq!(long_told.recv().await, Some(101));
	let (_, later) = ask(&server, 200, 2, in_seconds(7_200));
	let (mut urgent_told, urgent) = ask(&server, 300, 2, in_seconds(20));
	until_jobs(&server, 3).await;
	// The long one takes a step, then rests for the urgent one.
	for _ in 0..3 {
		give.send(()).unwrap();
	}
	assert_eq!(urgent.await.unwrap().unwrap().tokens, [301, 302]);
	assert_eq!(urgent_told.recv().await, Some(301));
	assert!(!long.is_finished() && !later.is_finished());
	give.send(()).unwrap();
	assert_eq!(long_told.recv().await, Some(102));
	assert_eq!(long_told.recv().await, Some(103));
	long.abort();
}

#[tokio::test]
async fn whoever_goes_takes_the_work_along() {
	let (server, give) = server().await;
	let (mut told, begun) = ask(&server, 100, 4_000, None);
	let (_, waiting) = ask(&server, 200, 4_000, None);
	give.send(()).unwrap();
	assert_eq!(told.recv().await, Some(101));
	until_jobs(&server, 2).await;
	begun.abort();
	waiting.abort();
	assert!(begun.await.unwrap_err().is_cancelled());
	assert!(waiting.await.unwrap_err().is_cancelled());
	let (_, next) = ask(&server, 300, 1, None);
	// One step in which the first one notices, one for the answer.
	for _ in 0..2 {
		give.send(()).unwrap();
	}
	assert_eq!(next.await.unwrap().unwrap().tokens, [301]);
	until_jobs(&server, 0).await;
}

#[tokio::test]
async fn a_reader_who_has_enough_stops_the_answer() {
	let (server, give) = server().await;
	give.send(()).unwrap();
	let on_token: OnToken = Box::new(|_| ControlFlow::Break(()));
	let stopped = server.generate(assignment(100, 4_000), None, on_token);
	assert!(matches!(stopped.await, Err(ComputeError::Cancelled)));
}

#[tokio::test]
async fn what_cannot_be_done_in_time_is_said_at_once() {
	let (server, _give) = server().await;
	let on_token: OnToken = Box::new(|_| ControlFlow::Continue(()));
	let late = server.generate(assignment(100, 10), Some(Instant::now()), on_token);
	assert!(matches!(late.await, Err(ComputeError::TooLate)));
	let on_token: OnToken = Box::new(|_| ControlFlow::Continue(()));
	let mut large = assignment(100, 4_000);
	large.prompt = vec![100; 60_000];
	large.context = u32::MAX;
	let refused = server.generate(large, None, on_token).await;
	assert!(
		matches!(refused, Err(ComputeError::ContextFull { .. })),
		"{refused:?}"
	);
}

#[tokio::test]
async fn an_opening_longer_than_the_profile_is_judged_and_not_refused_for_its_size() {
	let (server, _give) = server().await;
	let mut long = examination(3).unwrap();
	long.opening.output = vec![100; 60_000];
	let judgement = server.verify(long, in_seconds(60)).await.unwrap();
	assert_eq!(judgement.vote.verdict, Verdict::Invalid);
}

#[tokio::test]
async fn a_crash_fails_its_job_alone_until_it_goes_on() {
	let (server, give) = server().await;
	let crash = async || {
		let (_, answer) = ask(&server, CURSED, 1, None);
		answer.await.unwrap().unwrap_err()
	};
	let first = crash().await;
	assert_eq!(first.remedy(), crate::Remedy::Retry);
	assert!(first.to_string().contains("out of memory"), "{first}");
	crash().await;
	give.send(()).unwrap();
	let (_, fine) = ask(&server, 100, 1, None);
	assert_eq!(fine.await.unwrap().unwrap().tokens, [101]);
	// The count begins anew.
	assert_eq!(crash().await.remedy(), crate::Remedy::Retry);
	assert_eq!(crash().await.remedy(), crate::Remedy::Retry);
	assert_eq!(crash().await.remedy(), crate::Remedy::Die);
}

#[tokio::test]
async fn the_thread_ends_with_its_server() {
	let (server, give) = server().await;
	drop(server);
	// The model, and with it the receiver, is gone once the thread has ended.
	while give.send(()).is_ok() {
		tokio::task::yield_now().await;
	}
}

#[tokio::test]
async fn a_model_that_does_not_load_says_why() {
	let refused = Server::start::<EchoModel, _>(|| Err("no such file")).await;
	assert!(matches!(refused, Err(StartError::Load("no such file"))));
	let crashed = Server::start::<EchoModel, Infallible>(|| panic!("broken")).await;
	assert!(matches!(crashed, Err(StartError::Crashed)));
}

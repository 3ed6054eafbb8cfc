//! Nodes over real sockets, well behaved and not.

#![allow(clippy::disallowed_methods, reason = "a test may spawn")]

mod answers;
mod attack;
mod duplex;
mod flood;
mod misbehaviour;
mod reach;
mod strangers;

use crate::*;
use async_trait::async_trait;
use infergrid_primitives::{
	AccountBytes, TaskId,
	request::{Finish, Opening, Receipt},
};
use std::{
	sync::{
		Arc,
		atomic::{AtomicUsize, Ordering},
	},
	time::Duration,
};
use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;

const GENESIS: [u8; 32] = [9; 32];

/// Tasks that make the fake miner behave in some way.
const ENDLESS: u64 = 1;
const REFUSED: u64 = 2;
const SILENT: u64 = 3;
const PANICS: u64 = 4;
const LEAVES: u64 = 5;
const DISORDER: u64 = 6;
const HELD: u64 = 7;
/// Not known until [`Miner::assigned`] says so.
const UNKNOWN: u64 = 8;
const ECHO: u64 = 100;

/// A payer or verifier whose signature is not its own.
const IMPOSTOR: AccountBytes = [0xbb; 32];

/// Counts a piece of work from its start to its end, however it ends.
struct Running(Arc<AtomicUsize>);

impl Running {
	fn new(count: &Arc<AtomicUsize>) -> Self {
		count.fetch_add(1, Ordering::SeqCst);
		Self(count.clone())
	}
}

impl Drop for Running {
	fn drop(&mut self) {
		self.0.fetch_sub(1, Ordering::SeqCst);
	}
}

#[derive(Clone, Default)]
struct Miner {
	running: Arc<AtomicUsize>,
	release: Arc<Notify>,
	/// Told when [`UNKNOWN`] is assigned.
	assigned: CancellationToken,
}

fn receipt(n_prompt: u32, n_out: u32) -> Receipt {
	Receipt {
		request_id: [1; 32],
		miner: [2; 32],
		worker_key: [3; 32],
		n_prompt,
		n_out,
		finish: Finish::Length,
		output_commit: [4; 32],
		trace_root: [5; 32],
		fee: 7,
		ttft_ms: 8,
		total_ms: 9,
	}
}

fn done(n_prompt: u32, n_out: u32) -> InferFrame {
	InferFrame::Done {
		receipt: receipt(n_prompt, n_out),
		signature: [6; 64],
		output_salt: [7; 32],
	}
}

#[async_trait]
impl Answers for Miner {
	async fn who_infers(&self, _: PeerId, request: &InferRequest) -> Result<AccountBytes, Refusal> {
		match request {
			request if request.payer_key == IMPOSTOR => Err(Refusal::Unauthorised),
			request if request.task == UNKNOWN && !self.assigned.is_cancelled() => {
				Err(Refusal::Unknown)
			}
			request => Ok(request.payer_key),
		}
	}

	async fn known(&self, _: TaskId) {
		self.assigned.cancelled().await;
	}

	async fn infer(&self, _: PeerId, request: InferRequest, frames: FrameSender) {
		let _running = Running::new(&self.running);
		let n_prompt = request.prompt.len() as u32;
		let _ = match request.task {
			REFUSED => {
				frames
					.send(InferFrame::Refused(Refusal::PromptMismatch))
					.await
			}
			SILENT => std::future::pending().await,
			PANICS => panic!("a panic that the test wants"),
			LEAVES => frames.send(InferFrame::Accepted).await,
			DISORDER => frames.send(InferFrame::Tokens(vec![1])).await,
			HELD => {
				let _ = frames.send(InferFrame::Accepted).await;
				self.release.notified().await;
				frames.send(done(n_prompt, 0)).await
			}
			ENDLESS => {
				let _ = frames.send(InferFrame::Accepted).await;
				while frames
					.send(InferFrame::Tokens(vec![1; 1_000]))
					.await
					.is_ok()
				{}
				Ok(())
			}
			_ => {
				let _ = frames.send(InferFrame::Accepted).await;
				for id in request.prompt {
					let _ = frames.send(InferFrame::Tokens(vec![id])).await;
				}
				frames.send(done(n_prompt, n_prompt)).await
			}
		};
	}
}

#[async_trait]
impl Openings for Miner {
	async fn who_opens(
		&self,
		_: PeerId,
		request: &OpeningRequest,
	) -> Result<AccountBytes, Refusal> {
		match request.worker {
			IMPOSTOR => Err(Refusal::Unauthorised),
			worker => Ok(worker),
		}
	}

	async fn opening(&self, _: PeerId, request: OpeningRequest) -> OpeningReply {
		let _running = Running::new(&self.running);
		match request.task {
			REFUSED => OpeningReply::Refused(Refusal::NotAssigned),
			SILENT => std::future::pending().await,
			PANICS => panic!("a panic that the test wants"),
			_ => OpeningReply::Opening(Opening {
				prompt_salt: [1; 32],
				prompt: vec![1, 2, 3],
				output_salt: [2; 32],
				output: (0..100_000).collect(),
				proofs: vec![vec![7; 258]; 4],
			}),
		}
	}
}

struct Node {
	handle: SwarmHandle,
	swarm: Swarm,
}

struct Pair {
	miner: Node,
	client: Node,
	running: Arc<AtomicUsize>,
	release: Arc<Notify>,
	assigned: CancellationToken,
}

/// How a test's nodes differ from others.
struct Setup {
	config: SwarmConfig,
	infer: InferLimits,
	opening: OpeningLimits,
}

fn setup(seed: u8, listen: &[&str]) -> Setup {
	let listen = listen.iter().map(ToString::to_string).collect();
	let mut config = SwarmConfig::new(NodeSecret::new([seed; 32]), listen, GENESIS);
	config.addresses.allow_local = true;
	config.timeouts.request = Duration::from_secs(5);
	config.timeouts.reply = Duration::from_secs(5);
	config.timeouts.idle = Duration::from_secs(5);
	Setup {
		config,
		infer: InferLimits::default(),
		opening: OpeningLimits::default(),
	}
}

fn config(seed: u8, listen: &[&str]) -> SwarmConfig {
	setup(seed, listen).config
}

async fn serve(setup: Setup, miner: &Miner) -> Node {
	let service = Arc::new(miner.clone());
	let policy = setup.config.addresses;
	let (handle, swarm) = Swarm::builder(setup.config)
		.accept(InferHandler::with_limits(service.clone(), setup.infer))
		.accept(OpeningHandler::with_limits(service, setup.opening))
		.accept(DialBackHandler::new(policy))
		.start()
		.await
		.unwrap();
	Node { handle, swarm }
}

/// A node that only calls.
async fn client(config: SwarmConfig) -> Node {
	let (handle, swarm) = Swarm::builder(config).start().await.unwrap();
	Node { handle, swarm }
}

async fn pair_with(change: impl Fn(&mut Setup)) -> Pair {
	let miner = Miner::default();
	let Miner {
		running,
		release,
		assigned,
	} = miner.clone();
	let mut server = setup(1, &["/ip4/127.0.0.1/tcp/0"]);
	let mut caller = setup(2, &[]);
	change(&mut server);
	change(&mut caller);
	Pair {
		miner: serve(server, &miner).await,
		client: client(caller.config).await,
		running,
		release,
		assigned,
	}
}

async fn pair() -> Pair {
	pair_with(|_| {}).await
}

impl Node {
	fn address(&self) -> PeerAddress {
		PeerAddress {
			peer: self.handle.peer_id(),
			address: self.handle.listen_addresses()[0].clone(),
		}
	}
}

impl Pair {
	async fn infer(&self, request: InferRequest) -> Result<InferStream, InferError> {
		self.client
			.handle
			.infer(&self.miner.address(), request)
			.await
	}

	async fn open(&self, request: OpeningRequest) -> Result<Opening, OpeningError> {
		self.client
			.handle
			.fetch_opening(&self.miner.address(), request)
			.await
	}

	/// Waits until no service call is in progress.
	async fn idle(&self) {
		let wait = async {
			while self.running.load(Ordering::SeqCst) > 0 {
				tokio::time::sleep(Duration::from_millis(5)).await;
			}
		};
		timeout(Duration::from_secs(10), wait)
			.await
			.expect("work goes on that should be cancelled");
	}
}

fn request(task: u64, prompt: Vec<u32>) -> InferRequest {
	InferRequest {
		task,
		salt: [1; 32],
		prompt,
		payer_key: [2; 32],
		signature: [3; 64],
	}
}

fn opening_request(task: u64) -> OpeningRequest {
	OpeningRequest {
		audit: 1,
		task,
		round: 0,
		worker: [2; 32],
		signature: [3; 64],
	}
}

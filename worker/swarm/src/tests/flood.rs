//! Ten thousand of everything that costs a stranger nothing, from a few addresses, while honest peers
//! work.
//!
//! A test's process holds both ends of each connection, so it has no more than the node lets in at a
//! time, and makes new ones as fast as old ones are closed.

use super::*;
use attack::Manner;
use futures::{AsyncReadExt, AsyncWriteExt};
use std::{
	net::{Ipv4Addr, SocketAddr},
	time::Instant,
};
use tokio::{io::AsyncReadExt as _, task::JoinSet};

const SITES: u8 = 8;
const MANY: usize = 10_000;

/// How long an honest request may take meanwhile, on two busy cores.
const PROMPT: Duration = Duration::from_secs(5);

fn site(n: u8) -> Ipv4Addr {
	Ipv4Addr::new(127, 0, 0, 10 + n)
}

fn socket(node: &Node) -> SocketAddr {
	let address = node.address().address;
	let port = address.rsplit('/').next().unwrap().parse().unwrap();
	(Ipv4Addr::LOCALHOST, port).into()
}

/// Attackers, and how many blows they have struck.
struct Flood {
	attackers: JoinSet<()>,
	blows: Arc<AtomicUsize>,
}

impl Flood {
	fn new() -> Self {
		Self {
			attackers: JoinSet::new(),
			blows: Arc::default(),
		}
	}

	fn blows(&self) -> usize {
		self.blows.load(Ordering::SeqCst)
	}

	/// Opens streams in a `manner` on a connection from each site, and more for each that is reset.
	fn streams(&mut self, to: SocketAddr, manner: Manner, connections: u8) {
		for n in 0..SITES * connections {
			let blows = self.blows.clone();
			self.attackers.spawn(async move {
				loop {
					let Some(mut muxer) = attack::connect(site(n % SITES), to).await else {
						continue;
					};
					let mut held = std::collections::VecDeque::new();
					while let Some(stream) = attack::open(&mut muxer, manner).await {
						blows.fetch_add(1, Ordering::SeqCst);
						held.push_back(stream);
						if held.len() < 128 {
							continue;
						}
						// One more byte on the oldest shows whether it is reset.
						let mut oldest = held.pop_front().unwrap();
						let _ = attack::drive(&mut muxer, oldest.write_all(&[1])).await;
						let mut byte = [0];
						let reset = oldest.read(&mut byte);
						let _ = attack::drive(&mut muxer, timeout(PROMPT, reset)).await;
					}
				}
			});
		}
	}

	/// Makes connections that stay silent, negotiated or not.
	fn connections(&mut self, to: SocketAddr, negotiated: bool, at_once: u8) {
		for n in 0..SITES * at_once {
			let blows = self.blows.clone();
			self.attackers.spawn(async move {
				loop {
					if negotiated {
						if let Some(mut muxer) = attack::connect(site(n % SITES), to).await {
							blows.fetch_add(1, Ordering::SeqCst);
							attack::drive(&mut muxer, std::future::pending::<()>()).await;
						}
					} else if let Ok(mut stream) = attack::tcp(site(n % SITES), to).await {
						blows.fetch_add(1, Ordering::SeqCst);
						let mut bytes = [0; 64];
						while stream.read(&mut bytes).await.is_ok_and(|n| n > 0) {}
					}
				}
			});
		}
	}
}

/// Asks as a payer and as a verifier until the flood has struck `enough` blows, each time as a peer
/// that the miner does not know yet and as one that it does.
#[expect(
	clippy::print_stderr,
	reason = "how long it took is what one wants to know of a flood"
)]
async fn honest_peers_are_served(miner: &Node, flood: &Flood, enough: usize) {
	let known = client(config(2, &[])).await;
	let to = miner.address();
	let mut slowest = Duration::ZERO;
	let mut rounds = 0_u8;
	while flood.blows() < enough || rounds < 5 {
		let newcomer = client(config(100 + rounds % 100, &[])).await;
		for node in [&newcomer, &known] {
			let start = Instant::now();
			let served = async {
				let mut answer = node.handle.infer(&to, request(ECHO, vec![1, 2])).await?;
				while let Some(part) = answer.next().await {
					part?;
				}
				let opening = opening_request(ECHO);
				node.handle.fetch_opening(&to, opening).await
			};
			timeout(PROMPT, served)
				.await
				.expect("an honest peer waits")
				.expect("an honest peer is refused");
			slowest = slowest.max(start.elapsed());
		}
		rounds = rounds.saturating_add(1);
	}
	eprintln!(
		"{} blows, the slowest honest request took {slowest:?}",
		flood.blows()
	);
}

async fn miner() -> (Node, Miner) {
	let service = Miner::default();
	let miner = serve(setup(1, &["/ip4/127.0.0.1/tcp/0"]), &service).await;
	(miner, service)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_and_slow_streams_keep_nobody_out() {
	let (miner, service) = miner().await;
	let mut flood = Flood::new();
	for manner in [
		Manner::Silent("infer"),
		Manner::Slow("infer"),
		Manner::Silent("opening"),
		Manner::Slow("opening"),
		Manner::Mute,
	] {
		flood.streams(socket(&miner), manner, 2);
	}
	let running = service.running.clone();
	honest_peers_are_served(&miner, &flood, MANY).await;
	assert_eq!(running.load(Ordering::SeqCst), 0, "strangers are no work");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_keep_nobody_out() {
	let (miner, service) = miner().await;
	let mut flood = Flood::new();
	flood.connections(socket(&miner), false, 24);
	honest_peers_are_served(&miner, &flood, MANY).await;
	assert_eq!(service.running.load(Ordering::SeqCst), 0);
}

/// More connections than there are places, each of a new peer: the ones at work stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_of_strangers_give_way() {
	let service = Miner::default();
	let mut setup = setup(1, &["/ip4/127.0.0.1/tcp/0"]);
	setup.config.limits.inbound = 32;
	setup.config.limits.inbound_per_site = 16;
	let miner = serve(setup, &service).await;
	let payer = client(config(50, &[])).await;
	let mut answer = payer
		.handle
		.infer(&miner.address(), request(HELD, vec![]))
		.await
		.unwrap();
	let mut flood = Flood::new();
	flood.connections(socket(&miner), true, 8);
	honest_peers_are_served(&miner, &flood, 500).await;
	service.release.notify_waiters();
	assert!(matches!(answer.next().await, Some(Ok(Answer::Done { .. }))));
}

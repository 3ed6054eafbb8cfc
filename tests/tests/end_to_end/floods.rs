//! Ten thousand of everything that costs a stranger nothing, from a few addresses, at a miner and a
//! gateway: honest clients are served meanwhile, and their answers audited and paid.

use crate::clients;
use anyhow::{Result, ensure};
use infergrid_chain::Key;
use infergrid_swarm::{NodeSecret, PeerAddress, Swarm, SwarmConfig};
use infergrid_tests::{
	client::{Sealed, chat_body, peer_of},
	grid::{Grid, Setup},
	history::{History, submitted, unpunished},
	keys::GATEWAY,
	ledger::who_paid_what,
};
use std::{
	net::{Ipv4Addr, SocketAddr},
	sync::{
		Arc,
		atomic::{AtomicUsize, Ordering},
	},
	time::Duration,
};
use tokio::{
	io::{AsyncReadExt, AsyncWriteExt},
	net::TcpSocket,
	task::JoinSet,
	time::{sleep, timeout},
};

const MANY: usize = 10_000;
/// Addresses that attackers have.
const SITES: u8 = 8;
/// Connections that each address tries to hold at a door.
const HELD: u8 = 24;
/// Peers that call, and streams that each of them opens at a time.
const CALLERS: u8 = 4;
const STREAMS: usize = 64;
/// A silent connection that is not closed by then is given up for a new one.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two blows of the same attacker: other grids share this machine's processors.
const PAUSE: Duration = Duration::from_secs(1);
/// Pages that post.
const PAGES: u8 = 128;
/// Questions that honest clients ask in any case.
const QUESTIONS: usize = 4;
const AUDITED: Duration = Duration::from_secs(600);

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_strangers_keep_nobody_out() -> Result<()> {
	let grid = Grid::with("floods", |directory| {
		let mut plan = Setup::default().plan(directory)?;
		plan.gateways[0].extra.args = vec!["--always-audit".into()];
		Ok(plan)
	})
	.await?;
	let result = run(&grid).await;
	grid.end(result).await
}

async fn run(grid: &Grid) -> Result<()> {
	let mut history = History::from_genesis(grid.chain());
	let mut floods = JoinSet::new();
	let counts = [
		silent_connections(grid, &mut floods).await?,
		slow_heads(grid, &mut floods)?,
		silent_streams(grid, &mut floods).await?,
		cross_site_posts(grid, &mut floods)?,
	];
	let blows = || counts.each_ref().map(|count| count.load(Ordering::SeqCst));
	let mut asked = 0;
	while asked < QUESTIONS || blows().iter().any(|count| *count < MANY) {
		clients::chat(grid).await?;
		asked += 1;
		ensure!(
			floods.try_join_next().is_none(),
			"a flood has ended by itself"
		);
	}
	let [connections, heads, streams, posts] = blows();
	grid.say(&format!(
		"{asked} questions were answered among {connections} silent connections and {streams} streams at a \
		 miner, {heads} slow heads and {posts} cross-site posts at the gateway"
	));
	history.catch_up().await?;
	let tasks = submitted(history.events());
	// The posts ordered nothing.
	ensure!(tasks.len() == asked, "{asked} questions, {tasks:?}");
	history.until_over(&tasks, AUDITED).await?;
	floods.shutdown().await;
	let view = history.catch_up().await?;
	unpunished(history.events())?;
	let ledger = who_paid_what(history.events())?;
	ledger.check(&view, grid.handle.plan(), &[GATEWAY]).await
}

async fn a_miner(grid: &Grid) -> Result<PeerAddress> {
	let who = Key::from_uri(&grid.handle.plan().miners[0].who.operator)?;
	peer_of(grid.chain(), &grid.profile, &who.public()).await
}

/// Connections to a miner on which nothing is ever said.
async fn silent_connections(grid: &Grid, floods: &mut JoinSet<()>) -> Result<Arc<AtomicUsize>> {
	let port = a_miner(grid).await?.address;
	let port = port.rsplit('/').next().unwrap_or_default().parse()?;
	Ok(hold(port, b"", floods))
}

/// Connections to the gateway that never end the head of their request.
fn slow_heads(grid: &Grid, floods: &mut JoinSet<()>) -> Result<Arc<AtomicUsize>> {
	let url = reqwest::Url::parse(grid.gateway_url())?;
	let port = url.port().unwrap_or_default();
	let head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n";
	Ok(hold(port, head, floods))
}

fn hold(port: u16, said: &'static [u8], floods: &mut JoinSet<()>) -> Arc<AtomicUsize> {
	let count = Arc::new(AtomicUsize::new(0));
	for number in 0..SITES * HELD {
		let count = count.clone();
		let from = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 10 + number % SITES), 0));
		floods.spawn(async move {
			loop {
				if silence(from, port, said).await.is_ok() {
					count.fetch_add(1, Ordering::SeqCst);
				}
				sleep(PAUSE).await;
			}
		});
	}
	count
}

/// Connects, and waits until it is hung up.
async fn silence(from: SocketAddr, port: u16, said: &[u8]) -> Result<()> {
	let socket = TcpSocket::new_v4()?;
	socket.bind(from)?;
	let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
	let mut stream = timeout(PATIENCE, socket.connect(to)).await??;
	stream.write_all(said).await?;
	let mut bytes = [0; 64];
	let heard = async { while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {} };
	let _ = timeout(PATIENCE, heard).await;
	Ok(())
}

/// Streams of free peer ids that ask a miner for answers to tasks which do not exist.
async fn silent_streams(grid: &Grid, floods: &mut JoinSet<()>) -> Result<Arc<AtomicUsize>> {
	let count = Arc::new(AtomicUsize::new(0));
	let to = Arc::new(a_miner(grid).await?);
	let genesis = grid.chain().genesis();
	let key = Key::from_uri("//Stranger")?;
	let prompt = Sealed {
		salt: [0; 32],
		prompt: vec![1],
	};
	for caller in 0..CALLERS {
		let secret = NodeSecret::new([100 + caller; 32]);
		let mut config = SwarmConfig::new(secret, Vec::new(), genesis);
		config.addresses.allow_local = true;
		let (handle, node) = Swarm::builder(config).start().await?;
		let (me, node) = (handle.peer_id().to_bytes(), Arc::new(node));
		for _ in 0..STREAMS {
			let (count, handle, to, node) =
				(count.clone(), handle.clone(), to.clone(), node.clone());
			let me = me.clone();
			let (prompt, key) = (prompt.clone(), key.clone());
			floods.spawn(async move {
				let _alive = node;
				for task in 1_000_000.. {
					// In the stranger's own name it is in order, so the miner waits for the task.
					let request = prompt.delivery(&genesis, task, &key, &me);
					let _ = timeout(PATIENCE, handle.infer(&to, request)).await;
					count.fetch_add(1, Ordering::SeqCst);
					sleep(PAUSE).await;
				}
			});
		}
	}
	Ok(count)
}

/// What a page of another origin can make a browser send.
fn cross_site_posts(grid: &Grid, floods: &mut JoinSet<()>) -> Result<Arc<AtomicUsize>> {
	let count = Arc::new(AtomicUsize::new(0));
	let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
	let url = format!("{}/v1/chat/completions", grid.gateway_url());
	let body = chat_body("Who pays?", 0.0, 8).to_string();
	for _ in 0..PAGES {
		let (count, client, url, body) = (count.clone(), client.clone(), url.clone(), body.clone());
		floods.spawn(async move {
			loop {
				let post = client
					.post(&url)
					.header("origin", "https://evil.example")
					.header("content-type", "text/plain")
					.body(body.clone());
				// Whatever is let in would show as one task too many.
				let _ = post.send().await;
				count.fetch_add(1, Ordering::SeqCst);
				sleep(PAUSE).await;
			}
		});
	}
	Ok(count)
}

//! A node's life from start to stop.

use crate::{
	Handler, PeerId, SwarmConfig, SwarmHandle, Timeouts, connections,
	error::StartError,
	identity::parse_listen,
	node::{Behaviour, Node},
	standing::Standings,
	streams,
};
use futures::StreamExt;
use libp2p::{
	Multiaddr, StreamProtocol, SwarmBuilder, connection_limits, identity::Keypair, noise, ping,
	swarm::SwarmEvent, tcp, yamux,
};
use std::{
	collections::{HashMap, HashSet},
	fmt,
	sync::Arc,
	time::Duration,
};
use tokio::{
	sync::{mpsc, watch},
	task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Calls that wait for the loop to take them; more make their callers wait.
const CALLS_WAITING: usize = 64;

/// How long a listener may take to report the address it is bound to.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(10);

/// How often peers are asked for a sign of life, and how long they may take: a peer that has moved is
/// called at its new address by then.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the last steps may take that nothing in them should make wait.
const LAST_STEPS: Duration = Duration::from_secs(5);

/// A node that is not started yet.
pub struct Builder {
	config: SwarmConfig,
	handlers: Vec<Arc<dyn Handler>>,
}

impl fmt::Debug for Builder {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let names: Vec<_> = self.handlers.iter().map(|handler| handler.name()).collect();
		f.debug_struct("Builder")
			.field("config", &self.config)
			.field("handlers", &names)
			.finish()
	}
}

/// A running node. Owns every task of it: dropping it aborts them, [`Swarm::shutdown`] ends them in
/// order.
#[derive(Debug)]
pub struct Swarm {
	stop: CancellationToken,
	kill: CancellationToken,
	task: JoinHandle<()>,
	grace: Duration,
}

impl Builder {
	/// Offers a protocol to peers. Of two handlers with one name, the last counts.
	#[must_use]
	pub fn accept(mut self, handler: impl Handler) -> Self {
		self.handlers.push(Arc::new(handler));
		self
	}

	/// Starts the node and waits until it is bound to all of its addresses.
	pub async fn start(self) -> Result<(SwarmHandle, Swarm), StartError> {
		let Self { config, handlers } = self;
		let keypair = config.secret.keypair().ok_or(StartError::Secret)?;
		let peer = PeerId(keypair.public().to_peer_id());
		let handlers = handlers
			.into_iter()
			.map(|handler| Ok((streams::protocol(&config.genesis, handler.name())?, handler)))
			.collect::<Result<HashMap<_, _>, _>>()
			.map_err(transport::<libp2p::swarm::InvalidProtocol>)?;
		let offered = handlers.keys().cloned().collect();
		let mut network = network(&config, keypair, offered)?;
		let bound = listen(&mut network, &config.listen).await?;

		let (addresses, listening) = watch::channel(Vec::new());
		let (calls_in, calls) = mpsc::channel(CALLS_WAITING);
		let (stop, kill) = (CancellationToken::new(), CancellationToken::new());
		let handle = SwarmHandle {
			peer,
			genesis: config.genesis,
			policy: config.addresses,
			listening,
			observed: Arc::new(watch::Sender::new(None)),
			calls: calls_in,
			timeouts: config.timeouts,
		};
		let mut node = Node::new(network, handlers, calls, addresses, bound);
		let task = {
			let (stop, kill) = (stop.clone(), kill.clone());
			#[expect(
				clippy::disallowed_methods,
				reason = "the node's one root task: `Swarm` aborts or joins it"
			)]
			tokio::spawn(async move { node.run(stop, kill).await })
		};
		let swarm = Swarm {
			stop,
			kill,
			task,
			grace: config.timeouts.shutdown,
		};
		Ok((handle, swarm))
	}
}

impl Swarm {
	/// A node that offers nothing to peers yet.
	pub fn builder(config: SwarmConfig) -> Builder {
		Builder {
			config,
			handlers: Vec::new(),
		}
	}

	/// Ends the node in order. Calls made through a handle fail from here on; handlers take no more
	/// requests; streams in progress have up to [`Timeouts::shutdown`] to end and are cancelled after
	/// it; then every connection is closed.
	pub async fn shutdown(mut self) {
		self.stop.cancel();
		if tokio::time::timeout(self.grace, &mut self.task)
			.await
			.is_ok()
		{
			return;
		}
		self.kill.cancel();
		if tokio::time::timeout(LAST_STEPS, self.ended())
			.await
			.is_err()
		{
			tracing::error!("the network does not end: aborting it");
		}
	}

	/// Ends when the node has ended, which without a shutdown is a failure.
	pub async fn ended(&mut self) {
		if let Err(error) = (&mut self.task).await {
			tracing::error!(%error, "the network task failed");
		}
	}
}

impl Drop for Swarm {
	fn drop(&mut self) {
		self.task.abort();
	}
}

fn transport<E: fmt::Display>(error: E) -> StartError {
	StartError::Transport(error.to_string())
}

/// The network before it listens.
fn network(
	config: &SwarmConfig,
	keypair: Keypair,
	offered: Vec<StreamProtocol>,
) -> Result<libp2p::Swarm<Behaviour>, StartError> {
	let limits = &config.limits;
	// Connections that give way take a moment to close; the crowd of those that count is smaller.
	let inbound = u32::try_from(limits.inbound.saturating_mul(2)).unwrap_or(u32::MAX);
	let hard_limits = connection_limits::ConnectionLimits::default()
		.with_max_established_incoming(Some(inbound))
		.with_max_established_outgoing(Some(limits.outbound))
		.with_max_established_per_peer(Some(limits.per_peer))
		.with_max_pending_outgoing(Some(limits.outbound));
	let Timeouts {
		keep_connection, ..
	} = config.timeouts;
	let standings = Standings::default();
	let behaviour = Behaviour {
		limits: connection_limits::Behaviour::new(hard_limits),
		connections: connections::Behaviour::new(*limits, standings.clone()),
		ping: ping::Behaviour::new(
			ping::Config::new()
				.with_interval(PING_INTERVAL)
				.with_timeout(PING_TIMEOUT),
		),
		streams: streams::Behaviour::new(offered, config.timeouts, standings),
	};
	Ok(SwarmBuilder::with_existing_identity(keypair)
		.with_tokio()
		.with_tcp(
			tcp::Config::default().nodelay(true),
			noise::Config::new,
			yamux::Config::default,
		)
		.map_err(transport)?
		.with_behaviour(|_| behaviour)
		.map_err(transport)?
		.with_swarm_config(|swarm| swarm.with_idle_connection_timeout(keep_connection))
		.build())
}

/// Binds every address and gives what each listener reported.
async fn listen(
	network: &mut libp2p::Swarm<Behaviour>,
	addresses: &[String],
) -> Result<HashSet<Multiaddr>, StartError> {
	let mut waiting = HashMap::new();
	for text in addresses {
		let address = parse_listen(text).map_err(|source| StartError::Address {
			address: text.clone(),
			source,
		})?;
		let listener = network
			.listen_on(address)
			.map_err(|error| StartError::Listen {
				address: text.clone(),
				reason: error.to_string(),
			})?;
		waiting.insert(listener, text.clone());
	}
	let mut bound = HashSet::new();
	let deadline = tokio::time::Instant::now() + LISTEN_TIMEOUT;
	while let Some(text) = waiting.values().next().cloned() {
		let event = tokio::time::timeout_at(deadline, network.select_next_some()).await;
		let (listener, reason) = match event {
			Err(_) => {
				return Err(StartError::Listen {
					address: text,
					reason: "no address was bound".into(),
				});
			}
			Ok(SwarmEvent::NewListenAddr {
				listener_id,
				address,
			}) => {
				waiting.remove(&listener_id);
				bound.insert(address);
				continue;
			}
			Ok(SwarmEvent::ListenerClosed {
				listener_id,
				reason: Err(error),
				..
			}) => (listener_id, error.to_string()),
			Ok(SwarmEvent::ListenerError { listener_id, error }) => {
				(listener_id, error.to_string())
			}
			Ok(_) => continue,
		};
		let address = waiting.remove(&listener).unwrap_or(text);
		return Err(StartError::Listen { address, reason });
	}
	Ok(bound)
}

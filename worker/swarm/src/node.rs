//! The loop that owns the network, and its life from start to stop.

use crate::{
	PeerId, Refusal, Service, SwarmConfig, SwarmHandle,
	admission::{Admission, Places},
	error::{CallError, StartError},
	identity::parse_listen,
	server::{self, Door},
	strangers::Strangers,
	streams::{self, Inbound, Kind, Open, Protocols, Reply},
};
use futures::StreamExt;
use libp2p::{
	Multiaddr, Stream, SwarmBuilder, connection_limits, noise, ping,
	swarm::{
		NetworkBehaviour, SwarmEvent,
		dial_opts::{DialOpts, PeerCondition},
	},
	tcp, yamux,
};
use std::{
	collections::{HashMap, HashSet},
	sync::Arc,
	time::Duration,
};
use tokio::{
	sync::{mpsc, watch},
	task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

/// Calls that wait for the loop to take them; more make their callers wait.
const COMMANDS_WAITING: usize = 64;

/// Calls to one peer that wait for a connection with it; more are refused.
const MAX_WAITING_PER_PEER: usize = 256;

/// Refusals being told at once; above it streams are reset without a reason.
const MAX_REFUSALS: usize = 64;

/// How long a listener may take to report the address it is bound to.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(10);

/// How often peers are asked for a sign of life, and how long they may take.
const PING_INTERVAL: Duration = Duration::from_secs(15);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// How long closing the connections may take at the end.
const GOODBYE: Duration = Duration::from_secs(1);

/// A stream that a caller wants.
#[derive(Debug)]
pub(crate) struct Command {
	pub(crate) peer: libp2p::PeerId,
	pub(crate) address: Multiaddr,
	pub(crate) kind: Kind,
	pub(crate) reply: Reply,
}

#[derive(NetworkBehaviour)]
struct Behaviour {
	/// Refuses connections above the limits before anything is spent on them.
	limits: connection_limits::Behaviour,
	/// Finds peers that died without a word.
	ping: ping::Behaviour,
	/// The two protocols.
	streams: streams::Behaviour,
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

impl Swarm {
	/// Starts a node and waits until it is bound to all of its addresses. Without a `service` it
	/// only calls others.
	pub async fn start(
		config: SwarmConfig,
		service: Option<Arc<dyn Service>>,
	) -> Result<(SwarmHandle, Self), StartError> {
		let keypair = config.secret.keypair().ok_or(StartError::Secret)?;
		let peer = PeerId(keypair.public().to_peer_id());
		let protocols = Protocols::new(&config.genesis)
			.ok_or_else(|| StartError::Transport("invalid protocol name".into()))?;
		let transport = |error: &dyn std::fmt::Display| StartError::Transport(error.to_string());
		let limits = connection_limits::ConnectionLimits::default()
			.with_max_established(Some(config.limits.connections))
			.with_max_established_per_peer(Some(config.limits.connections_per_peer))
			.with_max_pending_incoming(Some(config.limits.connections))
			.with_max_pending_outgoing(Some(config.limits.connections));
		let behaviour = Behaviour {
			limits: connection_limits::Behaviour::new(limits),
			ping: ping::Behaviour::new(
				ping::Config::new()
					.with_interval(PING_INTERVAL)
					.with_timeout(PING_TIMEOUT),
			),
			streams: streams::Behaviour::new(
				protocols,
				service.is_some(),
				config.timeouts.request,
				config.limits.connections_per_address,
			),
		};
		let mut network = SwarmBuilder::with_existing_identity(keypair)
			.with_tokio()
			.with_tcp(
				tcp::Config::default().nodelay(true),
				noise::Config::new,
				yamux::Config::default,
			)
			.map_err(|error| transport(&error))?
			.with_behaviour(|_| behaviour)
			.map_err(|error| transport(&error))?
			.with_swarm_config(|swarm| {
				swarm.with_idle_connection_timeout(config.timeouts.keep_connection)
			})
			.build();
		let bound = listen(&mut network, &config.listen).await?;

		let (addresses_out, addresses) = watch::channel(Vec::new());
		let (commands_in, commands) = mpsc::channel(COMMANDS_WAITING);
		let (stop, kill) = (CancellationToken::new(), CancellationToken::new());
		let handle = SwarmHandle {
			peer,
			addresses,
			commands: commands_in,
			timeouts: config.timeouts,
		};
		let mut node = Node {
			network,
			service,
			strangers: Strangers::new(config.limits.strangers),
			places: Arc::new(Places::new(&config.limits)),
			refusals: Admission::new(MAX_REFUSALS, MAX_REFUSALS),
			commands,
			waiting: HashMap::new(),
			addresses: addresses_out,
			bound,
			tasks: JoinSet::new(),
			timeouts: config.timeouts,
		};
		node.publish_addresses();
		let task = {
			let (stop, kill) = (stop.clone(), kill.clone());
			#[expect(
				clippy::disallowed_methods,
				reason = "the node's one root task: `Swarm` aborts or joins it"
			)]
			tokio::spawn(async move { node.run(stop, kill).await })
		};
		Ok((
			handle,
			Self {
				stop,
				kill,
				task,
				grace: config.timeouts.shutdown,
			},
		))
	}

	/// Refuses new streams, waits up to [`Timeouts::shutdown`](crate::Timeouts::shutdown) for those in
	/// progress, cancels what is left, closes every connection and ends. Calls made through a handle
	/// fail from here on.
	pub async fn shutdown(mut self) {
		self.stop.cancel();
		if tokio::time::timeout(self.grace, &mut self.task)
			.await
			.is_err()
		{
			self.kill.cancel();
			self.ended().await;
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

struct Node {
	network: libp2p::Swarm<Behaviour>,
	service: Option<Arc<dyn Service>>,
	strangers: Strangers<PeerId>,
	places: Arc<Places>,
	refusals: Admission<()>,
	commands: mpsc::Receiver<Command>,
	/// Calls that wait for a connection.
	waiting: HashMap<libp2p::PeerId, Vec<Command>>,
	addresses: watch::Sender<Vec<String>>,
	bound: HashSet<Multiaddr>,
	/// One task for each stream that is served or refused.
	tasks: JoinSet<()>,
	timeouts: crate::Timeouts,
}

impl Node {
	async fn run(&mut self, stop: CancellationToken, kill: CancellationToken) {
		loop {
			tokio::select! {
				() = stop.cancelled() => break,
				event = self.network.select_next_some() => self.on_event(event, false),
				Some(command) = self.commands.recv() => self.on_command(command),
				Some(ended) = self.tasks.join_next() => report(ended),
			}
		}
		self.refuse_commands();
		// Streams in progress go on; their bytes move only while the network is polled.
		while !self.tasks.is_empty() {
			tokio::select! {
				() = kill.cancelled() => {
					tracing::warn!(streams = self.tasks.len(), "streams cancelled at shutdown");
					self.tasks.abort_all();
					break;
				},
				event = self.network.select_next_some() => self.on_event(event, true),
				Some(ended) = self.tasks.join_next() => report(ended),
			}
		}
		// Peers that do not answer the goodbye are left to find out.
		let _ = tokio::time::timeout(GOODBYE, self.close_connections()).await;
	}

	fn refuse_commands(&mut self) {
		self.commands.close();
		let mut refused: Vec<_> = self
			.waiting
			.drain()
			.flat_map(|(_, commands)| commands)
			.collect();
		while let Ok(command) = self.commands.try_recv() {
			refused.push(command);
		}
		for command in refused {
			drop(command.reply.send(Err(CallError::Stopped)));
		}
	}

	/// Says goodbye instead of leaving peers to find out.
	async fn close_connections(&mut self) {
		let peers: Vec<_> = self.network.connected_peers().copied().collect();
		for peer in peers {
			// Fails only if the peer has gone meanwhile.
			let _ = self.network.disconnect_peer_id(peer);
		}
		while self.network.connected_peers().next().is_some() {
			let _ = self.network.select_next_some().await;
		}
	}

	fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>, stopping: bool) {
		match event {
			SwarmEvent::Behaviour(BehaviourEvent::Streams(inbound)) => {
				self.on_inbound(inbound, stopping)
			}
			SwarmEvent::Behaviour(BehaviourEvent::Ping(ping::Event {
				peer,
				connection,
				result: Err(error),
			})) => {
				tracing::debug!(%peer, %error, "connection closed: no sign of life");
				self.network.close_connection(connection);
			}
			SwarmEvent::ConnectionEstablished { peer_id, .. } => {
				for command in self.waiting.remove(&peer_id).unwrap_or_default() {
					self.open(command);
				}
			}
			SwarmEvent::OutgoingConnectionError {
				peer_id: Some(peer),
				error,
				..
			} if !self.network.is_connected(&peer) => {
				// Otherwise a connection from the other side came first.
				let reason = error.to_string();
				for command in self.waiting.remove(&peer).unwrap_or_default() {
					let error = CallError::Connect {
						peer: PeerId(peer),
						reason: reason.clone(),
					};
					drop(command.reply.send(Err(error)));
				}
			}
			SwarmEvent::NewListenAddr { address, .. } => {
				self.bound.insert(address);
				self.publish_addresses();
			}
			SwarmEvent::ExpiredListenAddr { address, .. } => {
				self.bound.remove(&address);
				self.publish_addresses();
			}
			SwarmEvent::ListenerClosed {
				addresses, reason, ..
			} => {
				for address in addresses {
					self.bound.remove(&address);
				}
				self.publish_addresses();
				if let Err(error) = reason {
					tracing::error!(%error, "a listener closed");
				}
			}
			SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "a listener failed"),
			_ => {}
		}
	}

	fn on_command(&mut self, command: Command) {
		let peer = command.peer;
		if self.network.is_connected(&peer) {
			return self.open(command);
		}
		let waiting = self.waiting.entry(peer).or_default();
		waiting.retain(|command| !command.reply.is_closed());
		if waiting.len() >= MAX_WAITING_PER_PEER {
			return drop(command.reply.send(Err(CallError::Stopped)));
		}
		let dial = DialOpts::peer_id(peer)
			.addresses(vec![command.address.clone()])
			.condition(PeerCondition::Always)
			.build();
		// Later calls share the dial of the first one that brought their address.
		let known = waiting
			.iter()
			.any(|earlier| earlier.address == command.address);
		waiting.push(command);
		if known {
			return;
		}
		if let Err(error) = self.network.dial(dial) {
			for command in self.waiting.remove(&peer).unwrap_or_default() {
				let error = CallError::Connect {
					peer: PeerId(peer),
					reason: error.to_string(),
				};
				drop(command.reply.send(Err(error)));
			}
		}
	}

	fn open(&mut self, command: Command) {
		let Command {
			peer, kind, reply, ..
		} = command;
		self.network
			.behaviour_mut()
			.streams
			.open(peer, Open { kind, reply });
	}

	fn on_inbound(&mut self, inbound: Inbound, stopping: bool) {
		let Inbound {
			peer,
			origin,
			kind,
			stream,
		} = inbound;
		let peer = PeerId(peer);
		let Some(service) = self.service.clone() else {
			return;
		};
		if stopping {
			return self.refuse(kind, stream, Refusal::Stopping);
		}
		let stranger = self.strangers.admit(origin, peer);
		let door = Door {
			service,
			places: self.places.clone(),
			timeouts: self.timeouts,
		};
		self.tasks.spawn(async move {
			if let Err(error) = server::serve(door, peer, kind, stranger, stream).await {
				tracing::debug!(%peer, ?kind, %error, "stream ended early");
			}
		});
	}

	fn refuse(&mut self, kind: Kind, stream: Stream, refusal: Refusal) {
		if let Some(permit) = self.refusals.admit(()) {
			self.tasks.spawn(async move {
				let _permit = permit;
				server::refuse(kind, stream, refusal).await;
			});
		}
	}

	fn publish_addresses(&self) {
		let mut addresses: Vec<_> = self.bound.iter().map(ToString::to_string).collect();
		addresses.sort();
		self.addresses.send_replace(addresses);
	}
}

fn report(ended: Result<(), tokio::task::JoinError>) {
	if let Err(error) = ended
		&& error.is_panic()
	{
		tracing::error!(%error, "a stream's task panicked");
	}
}

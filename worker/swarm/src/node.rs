//! The loop that owns the network.

use crate::{
	PeerId,
	address::ip,
	connections,
	error::CallError,
	halves::Halves,
	protocol::{Handler, Inbound},
	streams::{self, Open, Opened, Reply},
};
use futures::{FutureExt, StreamExt, future::join_all};
use libp2p::{
	Multiaddr, StreamProtocol, connection_limits,
	core::ConnectedPoint,
	ping,
	swarm::{
		ConnectionId, NetworkBehaviour, SwarmEvent,
		dial_opts::{DialOpts, PeerCondition},
	},
};
use std::{
	collections::{HashMap, HashSet},
	net::IpAddr,
	sync::Arc,
	time::Duration,
};
use tokio::{
	sync::{mpsc, watch},
	task::JoinSet,
	time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

/// Calls that wait for one connection; more are refused.
const MAX_WAITING: usize = 256;

/// How long closing the connections may take at the end.
const GOODBYE: Duration = Duration::from_secs(1);

/// How long until an address is listened on again whose listener died.
const RELISTEN: Duration = Duration::from_secs(5);

/// A stream that a caller wants.
#[derive(Debug)]
pub(crate) struct Call {
	pub(crate) peer: libp2p::PeerId,
	pub(crate) address: Multiaddr,
	pub(crate) protocol: StreamProtocol,
	pub(crate) reply: Reply,
}

impl Call {
	fn fail(self, error: CallError) {
		// Its caller may have given up.
		drop(self.reply.send(Err(error)));
	}
}

#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
	/// Refuses connections above the limits before anything is spent on them.
	pub(crate) limits: connection_limits::Behaviour,
	/// Lets those give way that take the most room.
	pub(crate) connections: connections::Behaviour,
	/// Finds peers that died without a word.
	pub(crate) ping: ping::Behaviour,
	/// All protocols.
	pub(crate) streams: streams::Behaviour,
}

/// One connection.
struct Link {
	peer: libp2p::PeerId,
	ip: Option<IpAddr>,
}

/// A connection that is being made, and the calls for which it is.
struct Dial {
	peer: libp2p::PeerId,
	address: Multiaddr,
	waiting: Vec<Call>,
}

pub(crate) struct Node {
	network: libp2p::Swarm<Behaviour>,
	handlers: Arc<HashMap<StreamProtocol, Arc<dyn Handler>>>,
	calls: mpsc::Receiver<Call>,
	links: HashMap<ConnectionId, Link>,
	dials: HashMap<ConnectionId, Dial>,
	listening: watch::Sender<Vec<String>>,
	bound: HashSet<Multiaddr>,
	/// Addresses whose listeners died.
	lost: Vec<Multiaddr>,
	relisten: Instant,
	/// One task for each stream that a peer opened.
	tasks: JoinSet<()>,
}

impl Node {
	pub(crate) fn new(
		network: libp2p::Swarm<Behaviour>,
		handlers: HashMap<StreamProtocol, Arc<dyn Handler>>,
		calls: mpsc::Receiver<Call>,
		listening: watch::Sender<Vec<String>>,
		bound: HashSet<Multiaddr>,
	) -> Self {
		let node = Self {
			network,
			handlers: Arc::new(handlers),
			calls,
			links: HashMap::new(),
			dials: HashMap::new(),
			listening,
			bound,
			lost: Vec::new(),
			relisten: Instant::now(),
			tasks: JoinSet::new(),
		};
		node.publish_addresses();
		node
	}

	/// Works until `stop`, then lets the streams in progress end until `kill`.
	pub(crate) async fn run(&mut self, stop: CancellationToken, kill: CancellationToken) {
		loop {
			tokio::select! {
				() = stop.cancelled() => break,
				event = self.network.select_next_some() => self.on_event(event),
				Some(call) = self.calls.recv() => self.on_call(call),
				Some(ended) = self.tasks.join_next() => report(ended),
				() = sleep_until(self.relisten), if !self.lost.is_empty() => self.listen_again(),
			}
		}
		self.refuse_calls();
		let handlers = self.handlers.clone();
		let mut shutdown = join_all(handlers.values().map(|handler| handler.shutdown())).fuse();
		let mut handlers_stopped = false;
		// Streams in progress go on; their bytes move only while the network is polled.
		while !handlers_stopped || !self.tasks.is_empty() {
			tokio::select! {
				() = kill.cancelled() => {
					tracing::warn!(streams = self.tasks.len(), "streams cancelled at shutdown");
					self.tasks.abort_all();
					break;
				},
				_ = &mut shutdown, if !handlers_stopped => handlers_stopped = true,
				event = self.network.select_next_some() => self.on_event(event),
				Some(ended) = self.tasks.join_next() => report(ended),
			}
		}
		// Peers that do not answer the goodbye are left to find out.
		let _ = tokio::time::timeout(GOODBYE, self.close_connections()).await;
	}

	fn refuse_calls(&mut self) {
		self.calls.close();
		for (_, dial) in self.dials.drain() {
			for call in dial.waiting {
				call.fail(CallError::Stopped);
			}
		}
		while let Ok(call) = self.calls.try_recv() {
			call.fail(CallError::Stopped);
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

	fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
		match event {
			SwarmEvent::Behaviour(BehaviourEvent::Streams(opened)) => self.on_opened(opened),
			SwarmEvent::Behaviour(BehaviourEvent::Ping(ping::Event {
				peer,
				connection,
				result: Err(error),
			})) => {
				tracing::debug!(%peer, %error, "connection closed: no sign of life");
				self.network.close_connection(connection);
			}
			SwarmEvent::ConnectionEstablished {
				peer_id,
				connection_id,
				endpoint,
				..
			} => self.on_connected(peer_id, connection_id, &endpoint),
			SwarmEvent::ConnectionClosed { connection_id, .. } => {
				self.links.remove(&connection_id);
			}
			SwarmEvent::OutgoingConnectionError {
				connection_id,
				error,
				..
			} => self.on_dial_failed(connection_id, &error.to_string()),
			event => self.on_listener_event(event),
		}
	}

	fn on_listener_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
		match event {
			SwarmEvent::NewListenAddr { address, .. } => {
				self.lost.retain(|lost| *lost != address);
				self.bound.insert(address);
				self.publish_addresses();
			}
			SwarmEvent::ExpiredListenAddr { address, .. } => {
				tracing::warn!(%address, "this address is gone: peers do not reach it any more");
				self.bound.remove(&address);
				self.publish_addresses();
			}
			SwarmEvent::ListenerClosed {
				addresses, reason, ..
			} => {
				for address in &addresses {
					self.bound.remove(address);
				}
				self.publish_addresses();
				if let Err(error) = reason {
					tracing::error!(%error, ?addresses, "a listener died: peers do not reach it; trying again");
					self.lost.extend(addresses);
					self.relisten = Instant::now() + RELISTEN;
				}
			}
			SwarmEvent::ListenerError { error, .. } => {
				tracing::warn!(%error, "a connection cannot be taken: are there too few file descriptors?");
			}
			_ => {}
		}
	}

	fn listen_again(&mut self) {
		self.relisten = Instant::now() + RELISTEN;
		for address in self.lost.clone() {
			// A listener that fails again tells so as an event.
			if let Err(error) = self.network.listen_on(address.clone()) {
				tracing::warn!(%error, %address, "still cannot listen");
			}
		}
	}

	fn on_call(&mut self, call: Call) {
		if let Some(connection) = self.link(call.peer, ip(&call.address)) {
			return self.open(connection, call);
		}
		// Nothing, or a connection with the same peer elsewhere, which may have moved.
		let same = |dial: &&mut Dial| dial.peer == call.peer && dial.address == call.address;
		if let Some(dial) = self.dials.values_mut().find(same) {
			dial.waiting.retain(|call| !call.reply.is_closed());
			return match dial.waiting.len() < MAX_WAITING {
				true => dial.waiting.push(call),
				false => call.fail(CallError::Stopped),
			};
		}
		let options = DialOpts::peer_id(call.peer)
			.addresses(vec![call.address.clone()])
			.condition(PeerCondition::Always)
			// From the port listened on, a router would let the peer's dial-back through, and it alone.
			.allocate_new_port()
			.build();
		let id = options.connection_id();
		let dial = Dial {
			peer: call.peer,
			address: call.address.clone(),
			waiting: vec![call],
		};
		self.dials.insert(id, dial);
		if let Err(error) = self.network.dial(options) {
			self.on_dial_failed(id, &error.to_string());
		}
	}

	/// The newest connection with `peer`; of those at `ip` only, if given.
	fn link(&self, peer: libp2p::PeerId, ip: Option<IpAddr>) -> Option<ConnectionId> {
		self.links
			.iter()
			.filter(|(_, link)| link.peer == peer && (ip.is_none() || link.ip == ip))
			.map(|(id, _)| *id)
			.max()
	}

	fn on_connected(
		&mut self,
		peer: libp2p::PeerId,
		connection: ConnectionId,
		endpoint: &ConnectedPoint,
	) {
		let link = Link {
			peer,
			ip: ip(endpoint.get_remote_address()),
		};
		self.links.insert(connection, link);
		self.dials.remove(&connection).into_iter().for_each(|dial| {
			for call in dial.waiting {
				Self::open_on(&mut self.network, connection, call);
			}
		});
		// Whichever way it came, it is the peer: the calls that wait for another way to it can go.
		for dial in self.dials.values_mut().filter(|dial| dial.peer == peer) {
			for call in dial.waiting.drain(..) {
				Self::open_on(&mut self.network, connection, call);
			}
		}
	}

	fn on_dial_failed(&mut self, connection: ConnectionId, reason: &str) {
		let Some(dial) = self.dials.remove(&connection) else {
			return;
		};
		let other = self.link(dial.peer, None);
		for call in dial.waiting {
			match other {
				Some(connection) => self.open(connection, call),
				None => call.fail(CallError::Connect {
					peer: PeerId(dial.peer),
					reason: reason.to_owned(),
				}),
			}
		}
	}

	fn open(&mut self, connection: ConnectionId, call: Call) {
		Self::open_on(&mut self.network, connection, call);
	}

	fn open_on(network: &mut libp2p::Swarm<Behaviour>, connection: ConnectionId, call: Call) {
		let Call {
			peer,
			protocol,
			reply,
			..
		} = call;
		let open = Open { protocol, reply };
		network.behaviour_mut().streams.open(peer, connection, open);
	}

	fn on_opened(&mut self, opened: Opened) {
		// A stream whose connection has ended is over, and one of no handler was not offered.
		let (Some(link), Some(handler)) = (
			self.links.get(&opened.connection),
			self.handlers.get(&opened.protocol).cloned(),
		) else {
			return;
		};
		let stream = Inbound {
			peer: PeerId(opened.peer),
			ip: link.ip,
			standing: opened.standing,
			stream: Box::new(Halves::new(opened.stream)),
		};
		self.tasks.spawn(async move { handler.serve(stream).await });
	}

	fn publish_addresses(&self) {
		let mut addresses: Vec<_> = self.bound.iter().map(ToString::to_string).collect();
		addresses.sort();
		self.listening.send_if_modified(|last| {
			let changed = *last != addresses;
			*last = addresses;
			changed
		});
	}
}

fn report(ended: Result<(), tokio::task::JoinError>) {
	if let Err(error) = ended
		&& error.is_panic()
	{
		tracing::error!(%error, "a stream's task panicked");
	}
}

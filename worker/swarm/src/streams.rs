//! The network behaviour: opens streams that the node asks for and hands it the ones that peers
//! open.
//!
//! `libp2p-stream` would do, but it silently drops all but the first of several streams that arrive
//! at once, and keeps the sender of every closed connection.

use crate::{
	error::{CallError, Phase},
	strangers::Origin,
};
use futures::future::{Ready, ready};
use infergrid_primitives::Hash;
use libp2p::{
	InboundUpgrade, Multiaddr, OutboundUpgrade, PeerId, Stream, StreamProtocol,
	core::{Endpoint, UpgradeInfo, transport::PortUse},
	multiaddr::Protocol,
	swarm::{
		ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm,
		NetworkBehaviour, NotifyHandler, StreamUpgradeError, SubstreamProtocol, THandlerInEvent,
		ToSwarm,
		handler::{
			ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
		},
	},
};
use std::{
	collections::{HashMap, VecDeque},
	convert::Infallible,
	task::{Context, Poll},
	time::Duration,
};
use tokio::sync::oneshot;

/// Streams of one connection that wait for the node to take them; more are dropped. The library
/// negotiates at most 128 at a time.
const MAX_WAITING: usize = 128;

/// The protocols of one chain.
#[derive(Clone, Debug)]
pub(crate) struct Protocols {
	infer: StreamProtocol,
	opening: StreamProtocol,
}

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
	Infer,
	Opening,
}

impl Protocols {
	pub(crate) fn new(genesis: &Hash) -> Option<Self> {
		let name = |what| {
			StreamProtocol::try_from_owned(format!("/infergrid/{what}/1/{}", hex::encode(genesis)))
				.ok()
		};
		Some(Self {
			infer: name("infer")?,
			opening: name("opening")?,
		})
	}

	fn name(&self, kind: Kind) -> StreamProtocol {
		match kind {
			Kind::Infer => self.infer.clone(),
			Kind::Opening => self.opening.clone(),
		}
	}

	fn kind(&self, name: &StreamProtocol) -> Option<Kind> {
		[Kind::Infer, Kind::Opening]
			.into_iter()
			.find(|kind| self.name(*kind) == *name)
	}
}

/// Where an opened stream goes. Dropped without a word if the connection breaks.
pub(crate) type Reply = oneshot::Sender<Result<Stream, CallError>>;

/// A stream to open and where it goes.
#[derive(Debug)]
pub(crate) struct Open {
	pub(crate) kind: Kind,
	pub(crate) reply: Reply,
}

/// A stream that a peer opened.
#[derive(Debug)]
pub(crate) struct Inbound {
	pub(crate) peer: PeerId,
	/// From where its connection comes.
	pub(crate) origin: Origin,
	pub(crate) kind: Kind,
	pub(crate) stream: Stream,
}

type Event = ToSwarm<Inbound, Open>;

/// See the module.
pub(crate) struct Behaviour {
	protocols: Protocols,
	serve: bool,
	timeout: Duration,
	events: VecDeque<Event>,
	/// Where connections come from.
	origins: HashMap<ConnectionId, Origin>,
	/// Connections from one origin, at most.
	per_origin: usize,
}

/// One origin has as many connections as it may.
#[derive(Debug, thiserror::Error)]
#[error("too many connections from one address")]
struct TooManyConnections;

impl Behaviour {
	/// Peers can open streams only if `serve`. `timeout` bounds the negotiation of a stream.
	pub(crate) fn new(
		protocols: Protocols,
		serve: bool,
		timeout: Duration,
		per_origin: usize,
	) -> Self {
		Self {
			protocols,
			serve,
			timeout,
			events: VecDeque::new(),
			origins: HashMap::new(),
			per_origin,
		}
	}

	/// Opens a stream on a connection with `peer`; without one, `open.reply` is dropped. The events
	/// are taken when the swarm is polled next, which its owner does after every call.
	pub(crate) fn open(&mut self, peer: PeerId, open: Open) {
		self.events.push_back(ToSwarm::NotifyHandler {
			peer_id: peer,
			handler: NotifyHandler::Any,
			event: open,
		});
	}

	fn handler(&self) -> Handler {
		Handler {
			protocols: self.protocols.clone(),
			serve: self.serve,
			timeout: self.timeout,
			to_open: VecDeque::new(),
			opened: VecDeque::new(),
		}
	}
}

impl NetworkBehaviour for Behaviour {
	type ConnectionHandler = Handler;
	type ToSwarm = Inbound;

	fn handle_pending_inbound_connection(
		&mut self,
		connection: ConnectionId,
		_: &Multiaddr,
		remote: &Multiaddr,
	) -> Result<(), ConnectionDenied> {
		let origin = origin(remote);
		let present = self
			.origins
			.values()
			.filter(|known| **known == origin)
			.count();
		if present >= self.per_origin {
			return Err(ConnectionDenied::new(TooManyConnections));
		}
		self.origins.insert(connection, origin);
		Ok(())
	}

	fn handle_established_inbound_connection(
		&mut self,
		_: ConnectionId,
		_: PeerId,
		_: &Multiaddr,
		_: &Multiaddr,
	) -> Result<Handler, ConnectionDenied> {
		Ok(self.handler())
	}

	fn handle_established_outbound_connection(
		&mut self,
		_: ConnectionId,
		_: PeerId,
		_: &Multiaddr,
		_: Endpoint,
		_: PortUse,
	) -> Result<Handler, ConnectionDenied> {
		Ok(self.handler())
	}

	fn on_swarm_event(&mut self, event: FromSwarm) {
		let over = match event {
			FromSwarm::ConnectionClosed(closed) => closed.connection_id,
			FromSwarm::ListenFailure(failed) => failed.connection_id,
			_ => return,
		};
		self.origins.remove(&over);
	}

	fn on_connection_handler_event(
		&mut self,
		peer: PeerId,
		connection: ConnectionId,
		(kind, stream): (Kind, Stream),
	) {
		// Connections that this node made have none, and count as one origin.
		let origin = self.origins.get(&connection).copied();
		self.events.push_back(ToSwarm::GenerateEvent(Inbound {
			peer,
			origin: origin.unwrap_or(Origin::Other),
			kind,
			stream,
		}));
	}

	fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Inbound, THandlerInEvent<Self>>> {
		match self.events.pop_front() {
			Some(event) => Poll::Ready(event),
			None => Poll::Pending,
		}
	}
}

/// From where the address of a connection's other end is.
fn origin(remote: &Multiaddr) -> Origin {
	Origin::of(remote.iter().find_map(|part| match part {
		Protocol::Ip4(ip) => Some(ip.into()),
		Protocol::Ip6(ip) => Some(ip.into()),
		_ => None,
	}))
}

/// One connection.
pub(crate) struct Handler {
	protocols: Protocols,
	serve: bool,
	timeout: Duration,
	to_open: VecDeque<Open>,
	opened: VecDeque<(Kind, Stream)>,
}

type HandlerEvent = ConnectionHandlerEvent<Upgrade, Reply, (Kind, Stream)>;

impl ConnectionHandler for Handler {
	type FromBehaviour = Open;
	type ToBehaviour = (Kind, Stream);
	type InboundProtocol = Upgrade;
	type OutboundProtocol = Upgrade;
	type InboundOpenInfo = ();
	type OutboundOpenInfo = Reply;

	fn listen_protocol(&self) -> SubstreamProtocol<Upgrade, ()> {
		let offered = match self.serve {
			true => vec![self.protocols.infer.clone(), self.protocols.opening.clone()],
			false => Vec::new(),
		};
		SubstreamProtocol::new(Upgrade(offered), ()).with_timeout(self.timeout)
	}

	fn poll(&mut self, _: &mut Context<'_>) -> Poll<HandlerEvent> {
		if let Some(stream) = self.opened.pop_front() {
			return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(stream));
		}
		while let Some(Open { kind, reply }) = self.to_open.pop_front() {
			// Its caller may have given up while the connection was being made.
			if reply.is_closed() {
				continue;
			}
			let upgrade = Upgrade(vec![self.protocols.name(kind)]);
			let protocol = SubstreamProtocol::new(upgrade, reply).with_timeout(self.timeout);
			return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
		}
		Poll::Pending
	}

	fn on_behaviour_event(&mut self, open: Open) {
		self.to_open.push_back(open);
	}

	fn on_connection_event(
		&mut self,
		event: ConnectionEvent<Upgrade, Upgrade, (), Self::OutboundOpenInfo>,
	) {
		match event {
			ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
				protocol: (stream, name),
				info: (),
			}) => match self.protocols.kind(&name) {
				Some(kind) if self.opened.len() < MAX_WAITING => {
					self.opened.push_back((kind, stream))
				}
				_ => tracing::debug!(protocol = %name, "stream dropped: too many wait"),
			},
			// A caller that no longer waits has dropped its end; the stream goes with the value.
			ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
				protocol: (stream, _),
				info: reply,
			}) => drop(reply.send(Ok(stream))),
			ConnectionEvent::DialUpgradeError(DialUpgradeError { info: reply, error }) => {
				let error = match error {
					StreamUpgradeError::Timeout => CallError::Timeout(Phase::Request),
					StreamUpgradeError::NegotiationFailed => CallError::Unsupported,
					StreamUpgradeError::Io(error) => error.into(),
					StreamUpgradeError::Apply(never) => match never {},
				};
				drop(reply.send(Err(error)));
			}
			_ => {}
		}
	}
}

/// Negotiates one of some protocols and gives the bare stream with the name agreed on.
#[derive(Clone, Debug)]
pub(crate) struct Upgrade(Vec<StreamProtocol>);

impl UpgradeInfo for Upgrade {
	type Info = StreamProtocol;
	type InfoIter = std::vec::IntoIter<StreamProtocol>;

	fn protocol_info(&self) -> Self::InfoIter {
		self.0.clone().into_iter()
	}
}

impl InboundUpgrade<Stream> for Upgrade {
	type Output = (Stream, StreamProtocol);
	type Error = Infallible;
	type Future = Ready<Result<Self::Output, Infallible>>;

	fn upgrade_inbound(self, stream: Stream, name: StreamProtocol) -> Self::Future {
		ready(Ok((stream, name)))
	}
}

impl OutboundUpgrade<Stream> for Upgrade {
	type Output = (Stream, StreamProtocol);
	type Error = Infallible;
	type Future = Ready<Result<Self::Output, Infallible>>;

	fn upgrade_outbound(self, stream: Stream, name: StreamProtocol) -> Self::Future {
		ready(Ok((stream, name)))
	}
}

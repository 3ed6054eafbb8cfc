//! The network behaviour: opens streams that the node asks for and hands it the ones that peers
//! open.
//!
//! `libp2p-stream` would do, but it silently drops all but the first of several streams that arrive
//! at once, and keeps the sender of every closed connection.

use crate::{
	Timeouts,
	error::{CallError, Phase},
	standing::{Pace, Rate, Standing, Standings},
};
use futures::{
	FutureExt,
	future::{Ready, ready},
};
use infergrid_primitives::Hash;
use libp2p::{
	InboundUpgrade, Multiaddr, OutboundUpgrade, PeerId, Stream, StreamProtocol,
	core::{Endpoint, UpgradeInfo, transport::PortUse},
	swarm::{
		ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm,
		InvalidProtocol, NetworkBehaviour, NotifyHandler, StreamUpgradeError, SubstreamProtocol,
		THandlerInEvent, ToSwarm,
		handler::{
			ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
		},
	},
};
use std::{
	collections::VecDeque,
	convert::Infallible,
	pin::Pin,
	sync::Arc,
	task::{Context, Poll},
	time::Instant,
};
use tokio::{
	sync::oneshot,
	time::{Sleep, sleep_until},
};

/// Streams of one connection that wait to be taken; more are dropped. The library negotiates at most
/// 128 at a time.
const MAX_WAITING: usize = 128;

/// The full name of a protocol on one chain.
pub(crate) fn protocol(genesis: &Hash, name: &str) -> Result<StreamProtocol, InvalidProtocol> {
	StreamProtocol::try_from_owned(format!("/infergrid/{name}/1/{}", hex::encode(genesis)))
}

/// Where an opened stream goes. Dropped without a word if the connection breaks.
pub(crate) type Reply = oneshot::Sender<Result<Stream, CallError>>;

/// A stream to open and where it goes.
#[derive(Debug)]
pub(crate) struct Open {
	pub(crate) protocol: StreamProtocol,
	pub(crate) reply: Reply,
}

/// A stream that a peer opened.
#[derive(Debug)]
pub(crate) struct Opened {
	pub(crate) peer: PeerId,
	pub(crate) connection: ConnectionId,
	/// Of the connection.
	pub(crate) standing: Arc<Standing>,
	pub(crate) protocol: StreamProtocol,
	pub(crate) stream: Stream,
}

type Event = ToSwarm<Opened, Open>;

/// See the module.
pub(crate) struct Behaviour {
	/// What peers may ask for.
	offered: Vec<StreamProtocol>,
	timeouts: Timeouts,
	standings: Standings,
	events: VecDeque<Event>,
}

impl Behaviour {
	pub(crate) fn new(
		offered: Vec<StreamProtocol>,
		timeouts: Timeouts,
		standings: Standings,
	) -> Self {
		Self {
			offered,
			timeouts,
			standings,
			events: VecDeque::new(),
		}
	}

	/// Opens a stream on `connection` with `peer`; if it is gone, `open.reply` is dropped. The events
	/// are taken when the swarm is polled next, which its owner does after every call.
	pub(crate) fn open(&mut self, peer: PeerId, connection: ConnectionId, open: Open) {
		self.events.push_back(ToSwarm::NotifyHandler {
			peer_id: peer,
			handler: NotifyHandler::One(connection),
			event: open,
		});
	}

	fn handler(&self, standing: Arc<Standing>) -> Handler {
		Handler {
			offered: self.offered.clone(),
			timeouts: self.timeouts,
			standing,
			pace: Pace::default(),
			pause: None,
			to_open: VecDeque::new(),
			opened: VecDeque::new(),
		}
	}
}

impl NetworkBehaviour for Behaviour {
	type ConnectionHandler = Handler;
	type ToSwarm = Opened;

	fn handle_established_inbound_connection(
		&mut self,
		connection: ConnectionId,
		_: PeerId,
		_: &Multiaddr,
		_: &Multiaddr,
	) -> Result<Handler, ConnectionDenied> {
		Ok(self.handler(self.standings.get(connection).unwrap_or_default()))
	}

	fn handle_established_outbound_connection(
		&mut self,
		_: ConnectionId,
		_: PeerId,
		_: &Multiaddr,
		_: Endpoint,
		_: PortUse,
	) -> Result<Handler, ConnectionDenied> {
		Ok(self.handler(Arc::new(Standing::chosen())))
	}

	fn on_swarm_event(&mut self, _: FromSwarm) {}

	fn on_connection_handler_event(
		&mut self,
		peer: PeerId,
		connection: ConnectionId,
		(standing, (stream, protocol)): (Arc<Standing>, Negotiated),
	) {
		self.events.push_back(ToSwarm::GenerateEvent(Opened {
			peer,
			connection,
			standing,
			protocol,
			stream,
		}));
	}

	fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Opened, THandlerInEvent<Self>>> {
		match self.events.pop_front() {
			Some(event) => Poll::Ready(event),
			None => Poll::Pending,
		}
	}
}

/// A stream, and what it was agreed to be for.
type Negotiated = (Stream, StreamProtocol);

/// One connection.
pub(crate) struct Handler {
	offered: Vec<StreamProtocol>,
	timeouts: Timeouts,
	standing: Arc<Standing>,
	pace: Pace,
	/// Until the next stream may be taken.
	pause: Option<Pin<Box<Sleep>>>,
	to_open: VecDeque<Open>,
	opened: VecDeque<Negotiated>,
}

type HandlerEvent = ConnectionHandlerEvent<Upgrade, Reply, (Arc<Standing>, Negotiated)>;

impl Handler {
	/// The next stream that the peer opened, at the pace that the connection has earned. The others
	/// wait here, where they keep nobody busy but the connection itself.
	fn poll_opened(&mut self, cx: &mut Context<'_>) -> Poll<Negotiated> {
		loop {
			if self.opened.is_empty() {
				return Poll::Pending;
			}
			match self.pace.take(Rate::of(&self.standing), Instant::now()) {
				Ok(()) => {
					self.pause = None;
					return self.opened.pop_front().map_or(Poll::Pending, Poll::Ready);
				}
				Err(next) => {
					let mut pause = Box::pin(sleep_until(next.into()));
					let over = pause.poll_unpin(cx).is_ready();
					self.pause = Some(pause);
					if !over {
						return Poll::Pending;
					}
				}
			}
		}
	}
}

impl ConnectionHandler for Handler {
	type FromBehaviour = Open;
	type ToBehaviour = (Arc<Standing>, Negotiated);
	type InboundProtocol = Upgrade;
	type OutboundProtocol = Upgrade;
	type InboundOpenInfo = ();
	type OutboundOpenInfo = Reply;

	fn listen_protocol(&self) -> SubstreamProtocol<Upgrade, ()> {
		SubstreamProtocol::new(Upgrade(self.offered.clone()), ())
			.with_timeout(self.timeouts.negotiate)
	}

	fn poll(&mut self, cx: &mut Context<'_>) -> Poll<HandlerEvent> {
		if let Poll::Ready(stream) = self.poll_opened(cx) {
			let opened = (self.standing.clone(), stream);
			return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(opened));
		}
		while let Some(Open { protocol, reply }) = self.to_open.pop_front() {
			// Its caller may have given up while the connection was being made.
			if reply.is_closed() {
				continue;
			}
			let protocol = SubstreamProtocol::new(Upgrade(vec![protocol]), reply)
				.with_timeout(self.timeouts.request);
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
			}) => match self.opened.len() < MAX_WAITING {
				true => self.opened.push_back((stream, name)),
				false => tracing::debug!(protocol = %name, "stream dropped: too many wait"),
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
	type Output = Negotiated;
	type Error = Infallible;
	type Future = Ready<Result<Self::Output, Infallible>>;

	fn upgrade_inbound(self, stream: Stream, name: StreamProtocol) -> Self::Future {
		ready(Ok((stream, name)))
	}
}

impl OutboundUpgrade<Stream> for Upgrade {
	type Output = Negotiated;
	type Error = Infallible;
	type Future = Ready<Result<Self::Output, Infallible>>;

	fn upgrade_outbound(self, stream: Stream, name: StreamProtocol) -> Self::Future {
		ready(Ok((stream, name)))
	}
}

//! How many connections peers may make: in all, from one site, and not yet negotiated.
//!
//! A silent connection costs a peer nothing, so a full house does not turn newcomers away: who takes
//! the most room gives way, see [`Crowd`].

use crate::{
	Limits, PeerId as Peer,
	address::{Site, ip},
	admission::{Crowd, Full, Origin},
	standing::Standings,
};
use libp2p::{
	Multiaddr, PeerId,
	core::{Endpoint, transport::PortUse},
	swarm::{
		CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler,
		THandlerInEvent, THandlerOutEvent, ToSwarm, dummy,
	},
};
use std::{
	collections::{HashMap, VecDeque},
	convert::Infallible,
	task::{Context, Poll},
};

/// Why a connection is not taken; only for the log.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum Denied {
	#[error("too many connections are being negotiated")]
	Pending,
	#[error("too many connections, and none of them gives way to this one")]
	Full,
}

/// See the module.
pub(crate) struct Behaviour {
	limits: Limits,
	pending: HashMap<ConnectionId, Site>,
	crowd: Crowd<ConnectionId>,
	standings: Standings,
	closing: VecDeque<(PeerId, ConnectionId)>,
}

impl Behaviour {
	pub(crate) fn new(limits: Limits, standings: Standings) -> Self {
		Self {
			limits,
			pending: HashMap::new(),
			crowd: Crowd::new(limits.inbound, limits.inbound_per_site),
			standings,
			closing: VecDeque::new(),
		}
	}

	fn pend(&mut self, connection: ConnectionId, site: Site) -> Result<(), Denied> {
		let here = self.pending.values().filter(|other| **other == site);
		if self.pending.len() >= self.limits.pending || here.count() >= self.limits.pending_per_site
		{
			return Err(Denied::Pending);
		}
		self.pending.insert(connection, site);
		Ok(())
	}

	fn enter(&mut self, connection: ConnectionId, peer: PeerId, site: Site) -> Result<(), Denied> {
		let from = Origin {
			site,
			peer: Peer(peer),
		};
		let standings = &self.standings;
		let rank = |id: &ConnectionId| standings.get(*id).and_then(|s| s.rank());
		let gone = self.crowd.enter(connection, from, rank);
		let gone = gone.map_err(|Full| Denied::Full)?;
		if let Some(gone) = gone
			&& let Some(peer) = self.standings.remove(gone)
		{
			tracing::debug!(%peer, "connection closed: it gives way to another");
			self.closing.push_back((peer, gone));
		}
		self.standings.add(connection, peer);
		Ok(())
	}

	fn forget(&mut self, connection: ConnectionId) {
		self.pending.remove(&connection);
		if self.standings.remove(connection).is_some() {
			self.crowd.leave(|id| *id == connection);
		}
	}
}

impl NetworkBehaviour for Behaviour {
	type ConnectionHandler = dummy::ConnectionHandler;
	type ToSwarm = Infallible;

	fn handle_pending_inbound_connection(
		&mut self,
		connection: ConnectionId,
		_: &Multiaddr,
		remote: &Multiaddr,
	) -> Result<(), ConnectionDenied> {
		self.pend(connection, Site::of(ip(remote)))
			.map_err(ConnectionDenied::new)
	}

	fn handle_established_inbound_connection(
		&mut self,
		connection: ConnectionId,
		peer: PeerId,
		_: &Multiaddr,
		remote: &Multiaddr,
	) -> Result<THandler<Self>, ConnectionDenied> {
		self.pending.remove(&connection);
		self.enter(connection, peer, Site::of(ip(remote)))
			.map(|()| dummy::ConnectionHandler)
			.map_err(ConnectionDenied::new)
	}

	fn handle_established_outbound_connection(
		&mut self,
		_: ConnectionId,
		_: PeerId,
		_: &Multiaddr,
		_: Endpoint,
		_: PortUse,
	) -> Result<THandler<Self>, ConnectionDenied> {
		Ok(dummy::ConnectionHandler)
	}

	fn on_swarm_event(&mut self, event: FromSwarm) {
		match event {
			FromSwarm::ConnectionClosed(closed) => self.forget(closed.connection_id),
			FromSwarm::ListenFailure(failure) => self.forget(failure.connection_id),
			_ => {}
		}
	}

	fn on_connection_handler_event(
		&mut self,
		_: PeerId,
		_: ConnectionId,
		never: THandlerOutEvent<Self>,
	) {
		match never {}
	}

	fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
		match self.closing.pop_front() {
			Some((peer_id, connection)) => Poll::Ready(ToSwarm::CloseConnection {
				peer_id,
				connection: CloseConnection::One(connection),
			}),
			None => Poll::Pending,
		}
	}
}

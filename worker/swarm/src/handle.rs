//! The asking side of every protocol.

use crate::{
	AddressPolicy, PeerAddress, PeerId, Timeouts,
	error::{CallError, Phase},
	frame::{self, FrameError, Message},
	halves::Halves,
	node::Call,
	streams,
};
use futures::AsyncWriteExt;
use infergrid_primitives::Hash;
use libp2p::Stream;
use std::{fmt, future::Future, net::IpAddr, sync::Arc, time::Duration};
use tokio::{
	sync::{mpsc, oneshot, watch},
	time::timeout,
};

/// Calls peers. Cheap to clone; useless once its [`Swarm`](crate::Swarm) has stopped.
#[derive(Clone)]
pub struct SwarmHandle {
	pub(crate) peer: PeerId,
	pub(crate) genesis: Hash,
	pub(crate) policy: AddressPolicy,
	pub(crate) listening: watch::Receiver<Vec<String>>,
	pub(crate) observed: Arc<watch::Sender<Option<IpAddr>>>,
	pub(crate) calls: mpsc::Sender<Call>,
	pub(crate) timeouts: Timeouts,
}

impl fmt::Debug for SwarmHandle {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("SwarmHandle")
			.field("peer", &self.peer)
			.finish_non_exhaustive()
	}
}

impl SwarmHandle {
	/// This node's identity.
	pub fn peer_id(&self) -> PeerId {
		self.peer
	}

	/// The addresses at which this node listens now, ports resolved.
	pub fn listen_addresses(&self) -> Vec<String> {
		self.listening.borrow().clone()
	}

	/// The same, as they change: an interface gets or loses an address, a listener dies. Empty means
	/// that nobody reaches this node any more. Closed when the node has ended.
	pub fn watch_listen_addresses(&self) -> watch::Receiver<Vec<String>> {
		self.listening.clone()
	}

	/// The address from which a peer last saw this node come. It is one peer's word.
	pub fn watch_observed_address(&self) -> watch::Receiver<Option<IpAddr>> {
		self.observed.subscribe()
	}

	/// Sends one message, and gives the one reply.
	pub(crate) async fn ask<M: Message, R: Message>(
		&self,
		to: &PeerAddress,
		protocol: &str,
		message: &M,
		limit: Duration,
	) -> Result<R, CallError> {
		let mut stream = self.open(to, protocol).await?;
		let written = frame::write(&mut stream, message);
		within(self.timeouts.request, Phase::Request, written).await?;
		let reply = within(limit, Phase::Reply, frame::read(&mut stream)).await?;
		// The reply is complete: how the stream closes does not matter any more.
		let _ = timeout(Duration::from_secs(1), stream.close()).await;
		Ok(reply)
	}

	/// Opens a stream for a protocol.
	pub(crate) async fn open(
		&self,
		to: &PeerAddress,
		protocol: &str,
	) -> Result<Halves<Stream>, CallError> {
		let address = to.parse()?;
		self.policy.dial(&address)?;
		let protocol =
			streams::protocol(&self.genesis, protocol).map_err(|_| CallError::Unsupported)?;
		let (reply, opened) = oneshot::channel();
		let call = Call {
			peer: to.peer.0,
			address,
			protocol,
			reply,
		};
		self.calls
			.send(call)
			.await
			.map_err(|_| CallError::Stopped)?;
		// The node bounds dialling and negotiation; this bound holds even if the node is stuck.
		let limit = self.timeouts.connect + self.timeouts.request;
		match timeout(limit, opened).await {
			Err(_) => Err(CallError::Timeout(Phase::Connect)),
			// The connection broke before the stream was negotiated.
			Ok(Err(_)) => Err(FrameError::Closed.into()),
			Ok(Ok(result)) => result.map(Halves::new),
		}
	}
}

pub(crate) async fn within<T>(
	limit: Duration,
	phase: Phase,
	work: impl Future<Output = Result<T, FrameError>>,
) -> Result<T, CallError> {
	match timeout(limit, work).await {
		Ok(result) => Ok(result?),
		Err(_) => Err(CallError::Timeout(phase)),
	}
}

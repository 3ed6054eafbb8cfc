//! What peers may ask of each other: a handler for each protocol, and the door before each.
//!
//! A protocol owns its messages, its limits and who is let in; the node hands it the streams that
//! peers open for it. A new protocol is a new file here.

pub(crate) mod dial_back;
pub(crate) mod infer;
pub(crate) mod opening;
mod refusal;

pub use refusal::Refusal;

use crate::{
	PeerId,
	address::Site,
	admission::{Admission, Crowd, Full, Origin, Rank, lock},
	error::Violation,
	frame::{self, FrameError, Message},
	standing::Standing,
};
use async_trait::async_trait;
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use std::{
	fmt,
	future::Future,
	net::IpAddr,
	pin::Pin,
	sync::{Arc, Mutex},
	task::{Context, Poll},
	time::Duration,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long a refused peer may take to read why.
const REFUSAL_LINGER: Duration = Duration::from_secs(2);

/// Refusals that a protocol tells at once; above it streams are reset without a reason.
const MAX_REFUSALS: usize = 64;

/// Serves one protocol.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
	/// What tells the protocol from others, such as `infer`.
	fn name(&self) -> &'static str;

	/// Serves one stream to its end; dropped when the node stops before it.
	async fn serve(&self, stream: Inbound);

	/// Takes no more requests, and lets those go that wait; what was authorised goes on.
	async fn shutdown(&self);
}

/// A stream of bytes in both directions.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Duplex for S {}

/// A stream that a peer opened.
pub struct Inbound {
	pub(crate) peer: PeerId,
	/// The address from which the peer's packets come.
	pub(crate) ip: Option<IpAddr>,
	/// Of the connection.
	pub(crate) standing: Arc<Standing>,
	/// Its halves may be used by two tasks.
	pub(crate) stream: Box<dyn Duplex>,
}

impl Inbound {
	/// From where the stream comes, as far as places are counted.
	pub(crate) fn origin(&self) -> Origin {
		Origin {
			site: Site::of(self.ip),
			peer: self.peer,
		}
	}
}

impl fmt::Debug for Inbound {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Inbound")
			.field("peer", &self.peer)
			.finish_non_exhaustive()
	}
}

impl AsyncRead for Inbound {
	fn poll_read(
		mut self: Pin<&mut Self>,
		cx: &mut Context<'_>,
		buf: &mut [u8],
	) -> Poll<std::io::Result<usize>> {
		Pin::new(&mut self.stream).poll_read(cx, buf)
	}
}

impl AsyncWrite for Inbound {
	fn poll_write(
		mut self: Pin<&mut Self>,
		cx: &mut Context<'_>,
		buf: &[u8],
	) -> Poll<std::io::Result<usize>> {
		Pin::new(&mut self.stream).poll_write(cx, buf)
	}

	fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
		Pin::new(&mut self.stream).poll_flush(cx)
	}

	fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
		Pin::new(&mut self.stream).poll_close(cx)
	}
}

/// How a stream ended before its time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum End {
	/// To be told to the peer.
	#[error("refused: {0}")]
	Refused(#[from] Refusal),
	#[error("it gave way to others")]
	GaveWay,
	#[error("the request did not arrive in time")]
	Late,
	#[error("the peer reads too slowly")]
	Unread,
	#[error("the peer closed the stream early")]
	PeerGone,
	#[error("the peer sent bytes after its request")]
	Talkative,
	#[error("the service sent {0}")]
	Service(#[from] Violation),
	#[error(transparent)]
	Frame(#[from] FrameError),
}

/// A room for streams for which nobody vouches. The last to come gets in, and who takes the most room
/// gives way.
#[derive(Debug)]
pub(crate) struct Room {
	crowd: Arc<Mutex<Crowd<Arc<CancellationToken>>>>,
	closing: CancellationToken,
}

/// A place in a [`Room`], as long as it is not asked to give way.
#[derive(Debug)]
pub(crate) struct Guest {
	gives_way: Arc<CancellationToken>,
	crowd: Arc<Mutex<Crowd<Arc<CancellationToken>>>>,
	closing: CancellationToken,
}

impl Room {
	/// A room that lets all guests go when `closing` is cancelled.
	pub(crate) fn new(total: usize, per_site: usize, closing: CancellationToken) -> Self {
		Self {
			crowd: Arc::new(Mutex::new(Crowd::new(total, per_site))),
			closing,
		}
	}

	/// A place for a stream from `origin`.
	pub(crate) fn enter(&self, origin: Origin) -> Result<Guest, Refusal> {
		let gives_way = Arc::new(CancellationToken::new());
		let alike = |_: &Arc<CancellationToken>| Some(Rank::Stranger);
		let gone = lock(&self.crowd)
			.enter(gives_way.clone(), origin, alike)
			.map_err(|Full| Refusal::Busy)?;
		if let Some(gone) = gone {
			gone.cancel();
		}
		Ok(Guest {
			gives_way,
			crowd: self.crowd.clone(),
			closing: self.closing.clone(),
		})
	}
}

impl Guest {
	/// Does `work` in the room, for at most `limit`.
	pub(crate) async fn within<T>(
		&self,
		limit: Duration,
		work: impl Future<Output = T>,
	) -> Result<T, End> {
		tokio::select! {
			() = self.closing.cancelled() => Err(Refusal::Stopping.into()),
			() = self.gives_way.cancelled() => Err(End::GaveWay),
			done = timeout(limit, work) => done.map_err(|_| End::Late),
		}
	}
}

impl Drop for Guest {
	fn drop(&mut self) {
		lock(&self.crowd).leave(|member| Arc::ptr_eq(member, &self.gives_way));
	}
}

/// How many requests are read at once, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoorLimits {
	/// Requests read at once on connections on which nothing was authorised yet, and as many again
	/// on others. Above it the oldest of the address with the most is reset.
	pub requests: usize,
	/// Those of one IPv4 address or IPv6 network of 64 bits.
	pub per_site: usize,
	/// Until a request is there as a whole.
	pub arrival: Duration,
	/// Until it is known who asks.
	pub authorisation: Duration,
}

/// The door before a protocol: requests are read and refused there.
#[derive(Debug)]
pub(crate) struct Door {
	limits: DoorLimits,
	strangers: Room,
	known: Room,
	refusals: Admission<()>,
	pub(crate) closing: CancellationToken,
}

impl Door {
	pub(crate) fn new(limits: DoorLimits) -> Self {
		let closing = CancellationToken::new();
		let room = || Room::new(limits.requests, limits.per_site, closing.clone());
		Self {
			limits,
			strangers: room(),
			known: room(),
			refusals: Admission::new(MAX_REFUSALS),
			closing,
		}
	}

	/// Reads a request, and gives it with the place at the door that its stream still holds.
	pub(crate) async fn receive<M: Message>(
		&self,
		stream: &mut Inbound,
	) -> Result<(M, Guest), End> {
		let room = match stream.standing.known() {
			true => &self.known,
			false => &self.strangers,
		};
		let guest = room.enter(stream.origin())?;
		let read = frame::read(stream);
		match guest.within(self.limits.arrival, read).await? {
			Ok(request) => Ok((request, guest)),
			Err(FrameError::Oversize { .. } | FrameError::Malformed { .. }) => {
				Err(Refusal::Malformed.into())
			}
			Err(error) => Err(error.into()),
		}
	}

	/// Asks who it is that stands at the door.
	pub(crate) async fn authorise<T>(
		&self,
		guest: &Guest,
		who: impl Future<Output = Result<T, Refusal>>,
	) -> Result<Result<T, Refusal>, End> {
		match guest.within(self.limits.authorisation, who).await {
			// Whoever has to say it is slow: the peer may try again.
			Err(End::Late) => Err(Refusal::Busy.into()),
			known => known,
		}
	}

	/// Tells a peer why its stream is not served, if it is to be told.
	pub(crate) async fn dismiss<M: Message>(
		&self,
		mut stream: Inbound,
		end: End,
		refused: impl FnOnce(Refusal) -> M,
	) {
		tracing::debug!(peer = %stream.peer, reason = %end, "stream ended early");
		let End::Refused(refusal) = end else {
			return;
		};
		let Some(_permit) = self.refusals.admit(&[]) else {
			return;
		};
		let told = async {
			frame::write(&mut stream, &refused(refusal)).await?;
			stream.close().await?;
			// Dropping a stream with unread bytes resets it, and a reset may overtake the refusal.
			let mut rest = [0; 4096];
			while stream.read(&mut rest).await? > 0 {}
			Ok::<_, FrameError>(())
		};
		// Whether the peer reads it or not, the stream is over.
		let _ = timeout(REFUSAL_LINGER, told).await;
	}
}

/// Writes one frame within `limit`.
pub(crate) async fn send<M: Message>(
	writer: &mut (impl AsyncWrite + Unpin),
	message: &M,
	limit: Duration,
) -> Result<(), End> {
	match timeout(limit, frame::write(writer, message)).await {
		Ok(result) => Ok(result?),
		Err(_) => Err(End::Unread),
	}
}

/// Ends when the peer closes its side or breaks the rule that it sends nothing after its request.
pub(crate) async fn peer_leaves(reader: &mut (impl AsyncRead + Unpin)) -> End {
	match reader.read(&mut [0; 1]).await {
		Ok(0) => End::PeerGone,
		Ok(_) => End::Talkative,
		Err(error) => End::Frame(error.into()),
	}
}

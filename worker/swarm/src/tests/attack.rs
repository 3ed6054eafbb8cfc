//! Peers that keep to no rule, from addresses of their choice.

use super::GENESIS;
use crate::streams::protocol;
use futures::{
	AsyncWriteExt, FutureExt,
	future::{BoxFuture, poll_fn},
};
use libp2p::{
	Multiaddr, Transport,
	core::{
		Endpoint, StreamMuxer,
		muxing::{StreamMuxerBox, SubstreamBox},
		transport::{DialOpts, ListenerId, PortUse, TransportError, TransportEvent},
		upgrade::Version,
	},
	identity::Keypair,
	noise, yamux,
};
use std::{
	future::{Ready, ready},
	io,
	net::{Ipv4Addr, SocketAddr},
	pin::Pin,
	task::{Context, Poll},
};
use tokio::net::{TcpSocket, TcpStream};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

/// A connection from `from`; nothing is said on it.
pub(super) async fn tcp(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
	let socket = TcpSocket::new_v4()?;
	socket.bind((from, 0).into())?;
	socket.connect(to).await
}

/// TCP that comes from one address.
struct From {
	from: Ipv4Addr,
	to: SocketAddr,
}

impl Transport for From {
	type Output = Compat<TcpStream>;
	type Error = io::Error;
	type ListenerUpgrade = Ready<io::Result<Self::Output>>;
	type Dial = BoxFuture<'static, io::Result<Self::Output>>;

	fn listen_on(&mut self, _: ListenerId, at: Multiaddr) -> Result<(), TransportError<io::Error>> {
		Err(TransportError::MultiaddrNotSupported(at))
	}

	fn remove_listener(&mut self, _: ListenerId) -> bool {
		false
	}

	fn dial(&mut self, _: Multiaddr, _: DialOpts) -> Result<Self::Dial, TransportError<io::Error>> {
		let stream = tcp(self.from, self.to);
		Ok(async move { Ok(stream.await?.compat()) }.boxed())
	}

	fn poll(
		self: Pin<&mut Self>,
		_: &mut Context<'_>,
	) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
		let _: fn(Compat<TcpStream>) -> Self::ListenerUpgrade = |stream| ready(Ok(stream));
		Poll::Pending
	}
}

/// A negotiated connection of a peer nobody knows.
pub(super) async fn connect(from: Ipv4Addr, to: SocketAddr) -> Option<StreamMuxerBox> {
	let noise = noise::Config::new(&Keypair::generate_ed25519()).ok()?;
	let mut transport = From { from, to }
		.upgrade(Version::V1)
		.authenticate(noise)
		.multiplex(yamux::Config::default())
		.boxed();
	let how = DialOpts {
		role: Endpoint::Dialer,
		port_use: PortUse::New,
	};
	let (_, muxer) = transport.dial(Multiaddr::empty(), how).ok()?.await.ok()?;
	Some(muxer)
}

/// What is done on the streams of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Manner {
	/// Not even a protocol is asked for.
	Mute,
	/// A protocol is asked for, and no more.
	Silent(&'static str),
	/// A request is sent byte by byte.
	Slow(&'static str),
}

/// Opens a stream; what it gives must be held.
pub(super) async fn open(muxer: &mut StreamMuxerBox, manner: Manner) -> Option<SubstreamBox> {
	let opened = poll_fn(|cx| {
		// Only this moves the connection's bytes.
		if Pin::new(&mut *muxer).poll(cx).is_ready_and_err() {
			return Poll::Ready(None);
		}
		Pin::new(&mut *muxer).poll_outbound(cx).map(Result::ok)
	});
	let mut stream = opened.await?;
	let name = match manner {
		Manner::Mute => return Some(stream),
		Manner::Silent(name) | Manner::Slow(name) => protocol(&GENESIS, name).ok()?,
	};
	let mut asked = b"\x13/multistream/1.0.0\n".to_vec();
	asked.push(u8::try_from(name.as_ref().len() + 1).ok()?);
	asked.extend(name.as_ref().bytes());
	asked.push(b'\n');
	// Of a request, its length and its first bytes.
	if matches!(manner, Manner::Slow(_)) {
		asked.extend([0, 0, 2, 0, 1, 1]);
	}
	let written = stream.write_all(&asked);
	drive(muxer, written).await?.ok()?;
	Some(stream)
}

/// Moves the connection's bytes until `work` is done or the connection has ended.
pub(super) async fn drive<T>(
	muxer: &mut StreamMuxerBox,
	work: impl Future<Output = T>,
) -> Option<T> {
	let mut work = std::pin::pin!(work);
	poll_fn(|cx| {
		if let Poll::Ready(done) = work.as_mut().poll(cx) {
			return Poll::Ready(Some(done));
		}
		match Pin::new(&mut *muxer).poll(cx) {
			Poll::Ready(Err(_)) => Poll::Ready(None),
			_ => Poll::Pending,
		}
	})
	.await
}

trait IsError {
	fn is_ready_and_err(&self) -> bool;
}

impl<T, E> IsError for Poll<Result<T, E>> {
	fn is_ready_and_err(&self) -> bool {
		matches!(self, Poll::Ready(Err(_)))
	}
}

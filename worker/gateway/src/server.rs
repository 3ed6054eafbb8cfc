//! The listening side: a bounded number of connections, each with a limit for the head of a request.

use crate::connections::{Connection, Connections, Then};
use axum::{Router, body::Body, extract::Request, response::Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, future::Future, io, pin::pin, sync::Arc, time::Duration};
use tokio::{
	net::{TcpListener, TcpStream},
	task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How long a client may take to send the head of a request, the first or a later one of a connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// After an error of the system, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` on at most `connections` connections until `stop` ends, then takes no new ones and
/// waits for the answers in progress. The caller bounds that wait by dropping the future, which cancels
/// them.
pub async fn serve(
	listener: TcpListener,
	router: Router,
	connections: usize,
	stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
	let connections = Arc::new(Connections::new(connections.max(1)));
	let stopping = CancellationToken::new();
	let mut serving = JoinSet::new();
	let mut stop = pin!(stop);
	loop {
		let accepted = tokio::select! {
			accepted = listener.accept() => accepted,
			Some(_) = serving.join_next() => continue,
			() = &mut stop => break,
		};
		match accepted {
			Ok((stream, _)) => match connections.take() {
				Some(connection) => {
					serving.spawn(attend(stream, router.clone(), connection, stopping.clone()));
				}
				None => tracing::debug!("every connection is busy, a new one is closed"),
			},
			Err(error) => {
				tracing::warn!(%error, "cannot accept a connection");
				tokio::time::sleep(ACCEPT_PAUSE).await;
			}
		}
	}
	drop(listener);
	stopping.cancel();
	while serving.join_next().await.is_some() {}
	Ok(())
}

/// Serves one connection until it ends, or until another one needs its place.
async fn attend(
	stream: TcpStream,
	router: Router,
	connection: Arc<Connection>,
	stopping: CancellationToken,
) {
	// Tokens are small and wanted at once.
	if let Err(error) = stream.set_nodelay(true) {
		tracing::debug!(%error, "cannot disable Nagle's algorithm");
	}
	let evicted = connection.evicted();
	let service = service_fn(move |request: hyper::Request<Incoming>| {
		let (router, connection) = (router.clone(), connection.clone());
		async move { Ok::<_, Infallible>(answer(request, router, connection).await) }
	});
	let mut serving = pin!(
		http1::Builder::new()
			.timer(TokioTimer::new())
			.header_read_timeout(HEAD_TIMEOUT)
			.serve_connection(TokioIo::new(stream), service)
	);
	let mut told = false;
	loop {
		tokio::select! {
			ended = serving.as_mut() => {
				if let Err(error) = ended {
					tracing::debug!(%error, "a connection ended early");
				}
				return;
			}
			() = evicted.cancelled() => return,
			() = stopping.cancelled(), if !told => {
				told = true;
				serving.as_mut().graceful_shutdown();
			}
		}
	}
}

/// A connection waits until a request is read, and again once its answer is sent.
async fn answer(
	request: hyper::Request<Incoming>,
	router: Router,
	connection: Arc<Connection>,
) -> Response {
	let read = connection.clone();
	let request: Request = request.map(|body| Body::new(Then::new(body, move || read.busy())));
	let response = match router.oneshot(request).await {
		Ok(response) => response,
		Err(never) => match never {},
	};
	response.map(|body| Body::new(Then::new(body, move || connection.idle())))
}

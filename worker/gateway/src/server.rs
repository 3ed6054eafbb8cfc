//! The listening side: a bounded number of connections, each with a limit for the head of a request.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
	rt::{TokioIo, TokioTimer},
	server::graceful::GracefulShutdown,
	service::TowerToHyperService,
};
use std::{future::Future, io, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet};

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
	let places = Arc::new(Semaphore::new(connections.clamp(1, Semaphore::MAX_PERMITS)));
	let graceful = GracefulShutdown::new();
	let mut serving = JoinSet::new();
	tokio::pin!(stop);
	loop {
		while serving.try_join_next().is_some() {}
		let place = tokio::select! {
			_ = &mut stop => break,
			place = places.clone().acquire_owned() => place,
		};
		let stream = tokio::select! {
			_ = &mut stop => break,
			accepted = listener.accept() => match accepted {
				Ok((stream, _)) => stream,
				Err(error) => {
					tracing::warn!(%error, "cannot accept a connection");
					tokio::time::sleep(ACCEPT_PAUSE).await;
					continue;
				}
			},
		};
		// Tokens are small and wanted at once.
		if let Err(error) = stream.set_nodelay(true) {
			tracing::debug!(%error, "cannot disable Nagle's algorithm");
		}
		let connection = http1::Builder::new()
			.timer(TokioTimer::new())
			.header_read_timeout(HEAD_TIMEOUT)
			.serve_connection(
				TokioIo::new(stream),
				TowerToHyperService::new(router.clone()),
			);
		let connection = graceful.watch(connection);
		serving.spawn(async move {
			let _place = place;
			if let Err(error) = connection.await {
				tracing::debug!(%error, "a connection ended early");
			}
		});
	}
	drop(listener);
	graceful.shutdown().await;
	while serving.join_next().await.is_some() {}
	Ok(())
}

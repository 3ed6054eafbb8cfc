//! The listening side.

use axum::{Router, serve::ListenerExt};
use std::{future::Future, io};
use tokio::net::TcpListener;

/// Serves `router` until `stop` ends, then takes no new connections and waits for the answers in
/// progress. The caller bounds that wait by dropping the future, which cancels them.
pub async fn serve(
	listener: TcpListener,
	router: Router,
	stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
	let listener = listener.tap_io(|stream| {
		// Tokens are small and wanted at once.
		if let Err(error) = stream.set_nodelay(true) {
			tracing::debug!(%error, "cannot disable Nagle's algorithm");
		}
	});
	axum::serve(listener, router)
		.with_graceful_shutdown(stop)
		.await
}

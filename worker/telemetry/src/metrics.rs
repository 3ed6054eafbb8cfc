//! Metrics over HTTP, in the text format of OpenMetrics.

use axum::{Router, extract::State, http::header, response::IntoResponse, routing::get};
use prometheus_client::{encoding::text, registry::Registry};
use std::{io, net::SocketAddr, sync::Arc};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What `registry` holds, as text.
pub fn encode(registry: &Registry) -> String {
	let mut text = String::new();
	// Writing to a string does not fail.
	let _ = text::encode(&mut text, registry);
	text
}

/// Serves `GET /metrics`.
#[derive(Debug)]
pub struct MetricsServer {
	listener: TcpListener,
	address: SocketAddr,
	registry: Arc<Registry>,
}

impl MetricsServer {
	/// Listens on `address`, a host with a port.
	pub async fn bind(address: &str, registry: Registry) -> io::Result<Self> {
		let listener = TcpListener::bind(address).await?;
		Ok(Self {
			address: listener.local_addr()?,
			listener,
			registry: Arc::new(registry),
		})
	}

	/// Where it listens.
	pub fn address(&self) -> SocketAddr {
		self.address
	}

	/// Serves until `stop`.
	pub async fn run(self, stop: CancellationToken) -> io::Result<()> {
		let router = Router::new()
			.route("/metrics", get(metrics))
			.with_state(self.registry);
		axum::serve(self.listener, router)
			.with_graceful_shutdown(stop.cancelled_owned())
			.await
	}
}

async fn metrics(State(registry): State<Arc<Registry>>) -> impl IntoResponse {
	([(header::CONTENT_TYPE, CONTENT_TYPE)], encode(&registry))
}

#[cfg(test)]
mod tests {
	#![allow(clippy::disallowed_methods, reason = "a test may spawn")]

	use super::*;
	use prometheus_client::metrics::counter::Counter;

	#[tokio::test]
	async fn what_is_registered_is_served_from_zero_on() {
		let mut registry = Registry::with_prefix("infergrid");
		let counter: Counter = Counter::default();
		registry.register("things", "Things that happened", counter.clone());
		let server = MetricsServer::bind("127.0.0.1:0", registry).await.unwrap();
		let url = format!("http://{}/metrics", server.address());
		let stop = CancellationToken::new();
		let serving = tokio::spawn(server.run(stop.clone()));
		let get = || async { reqwest::get(&url).await.unwrap().text().await.unwrap() };
		let text = get().await;
		assert!(
			text.contains("# HELP infergrid_things Things that happened"),
			"{text}"
		);
		assert!(text.contains("\ninfergrid_things_total 0\n"), "{text}");
		counter.inc_by(3);
		assert!(get().await.contains("\ninfergrid_things_total 3\n"));
		stop.cancel();
		serving.await.unwrap().unwrap();
	}
}

//! The gateway over a grid that says back what it is told: for trying clients without a chain.
//!
//! `cargo run -p infergrid-gateway --example fake_grid -- 127.0.0.1:8080 [KEY]`

#![allow(
	clippy::print_stdout,
	clippy::unwrap_used,
	reason = "a tool for trying clients, made of the tests' market"
)]

#[path = "../tests/http/fake.rs"]
#[allow(dead_code, reason = "shared with the tests, which use more of it")]
mod fake;

use infergrid_gateway::{ApiKey, Settings, router, serve};
use std::sync::Arc;

#[tokio::main]
async fn main() -> std::io::Result<()> {
	let mut arguments = std::env::args().skip(1);
	let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".into());
	let directory = tempfile::tempdir()?;
	let market = Arc::new(fake::FakeMarket::new(directory.path()));
	let settings = Settings {
		api_keys: arguments.map(|key| ApiKey::new(&key)).collect(),
		..Settings::default()
	};
	let listener = tokio::net::TcpListener::bind(address).await?;
	println!("http://{}/v1", listener.local_addr()?);
	serve(listener, router(settings, market), 64, async {
		// Without a signal handler the process simply ends.
		let _ = tokio::signal::ctrl_c().await;
	})
	.await
}

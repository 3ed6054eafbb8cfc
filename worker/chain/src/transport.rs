//! One logical connection over several endpoints.
//!
//! A request that meets a broken or silent connection is sent again, to the next endpoint, until its
//! deadline. Every request that workers make may be repeated: reads change nothing, and a node that
//! sees an extrinsic twice keeps one. A subscription is never moved: its stream ends and its owner
//! subscribes anew.

use crate::{backoff::Backoff, error::ConnectError};
use futures::future::BoxFuture;
use infergrid_primitives::Hash;
use std::{
	sync::{Arc, OnceLock},
	time::Duration,
};
use subxt::{
	PolkadotConfig,
	config::RpcConfigFor,
	rpcs::{
		Error as RpcError, RpcClient,
		client::{
			RawRpcFuture, RawRpcSubscription, RawValue, RpcClientT, jsonrpsee_client, rpc_params,
		},
		methods::LegacyRpcMethods,
	},
};
use tokio::{
	sync::Mutex,
	time::{Instant, timeout},
};

pub(crate) type Rpc = LegacyRpcMethods<RpcConfigFor<PolkadotConfig>>;

/// Where to find a node, and how long to wait for it.
#[derive(Clone, Debug)]
pub struct Options {
	/// WebSocket endpoints, tried in turn.
	pub urls: Vec<String>,
	/// For one attempt to connect.
	pub connect_timeout: Duration,
	/// For one request.
	pub request_timeout: Duration,
	/// For a request with all its repetitions, and for the first connection.
	pub deadline: Duration,
	/// Without a newly finalized block for this long, finality counts as standing still, and the next
	/// endpoint is asked.
	pub stall_timeout: Duration,
}

impl Options {
	/// Usual waits for `urls`.
	pub fn new(urls: Vec<String>) -> Self {
		Self {
			urls,
			connect_timeout: Duration::from_secs(5),
			request_timeout: Duration::from_secs(20),
			deadline: Duration::from_secs(60),
			stall_timeout: Duration::from_secs(30),
		}
	}
}

/// How often it is said that no node answers yet.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Opens connections to endpoints: over WebSockets, or to a fake node in tests.
pub(crate) trait Dial: Send + Sync {
	fn dial(&self, url: String) -> BoxFuture<'static, Result<RpcClient, RpcError>>;
}

#[derive(Debug)]
pub(crate) struct WebSockets;

impl Dial for WebSockets {
	fn dial(&self, url: String) -> BoxFuture<'static, Result<RpcClient, RpcError>> {
		Box::pin(async move { Ok(RpcClient::new(jsonrpsee_client(&url).await?)) })
	}
}

#[derive(Clone)]
pub(crate) struct Transport {
	inner: Arc<Inner>,
}

struct Inner {
	options: Options,
	dial: Box<dyn Dial>,
	genesis: OnceLock<Hash>,
	link: Mutex<Link>,
}

struct Link {
	client: Option<RpcClient>,
	/// Counts connections, so that tasks that meet the same failure reconnect once.
	generation: u64,
}

impl Transport {
	/// Connects to the first endpoint that answers before the deadline. Says what it tries.
	pub(crate) async fn connect(
		options: Options,
		dial: Box<dyn Dial>,
	) -> Result<Self, ConnectError> {
		if options.urls.is_empty() {
			return Err(ConnectError::NoEndpoint);
		}
		let deadline = options.deadline;
		let transport = Self {
			inner: Arc::new(Inner {
				options,
				dial,
				genesis: OnceLock::new(),
				link: Mutex::new(Link {
					client: None,
					generation: 0,
				}),
			}),
		};
		let started = Instant::now();
		let mut told = started;
		let mut backoff = Backoff::default();
		tracing::debug!(chain.urls = ?transport.origins(), "connecting to a node");
		loop {
			let (generation, error) = match transport.link().await {
				Ok((generation, _)) => {
					tracing::info!(chain.url = transport.origin(generation), "connected");
					return Ok(transport);
				}
				Err(failed) => failed,
			};
			if started.elapsed() >= deadline {
				return Err(ConnectError::Unreachable {
					url: transport.origin(generation).to_owned(),
					reason: error.to_string(),
					seconds: deadline.as_secs(),
				});
			}
			if generation == 0 || told.elapsed() >= TELL_EVERY {
				told = Instant::now();
				tracing::warn!(
					chain.url = transport.origin(generation),
					%error,
					left.seconds = deadline.saturating_sub(started.elapsed()).as_secs(),
					"the node does not answer, trying on"
				);
			}
			backoff.pause().await;
		}
	}

	/// From now on, endpoints of another chain are not used.
	pub(crate) fn pin_genesis(&self, genesis: Hash) {
		let _ = self.inner.genesis.set(genesis);
	}

	/// Gives the endpoint of `generation` up, unless that was done already.
	pub(crate) async fn abandon(&self, generation: u64) {
		let mut link = self.inner.link.lock().await;
		if link.generation == generation {
			link.client = None;
			link.generation += 1;
		}
	}

	/// The connection in use; makes one where there is none. A failure moves on to the next endpoint.
	pub(crate) async fn link(&self) -> Result<(u64, RpcClient), (u64, RpcError)> {
		let mut link = self.inner.link.lock().await;
		if let Some(client) = &link.client {
			return Ok((link.generation, client.clone()));
		}
		let generation = link.generation;
		match self.open(self.url(generation)).await {
			Ok(client) => {
				link.client = Some(client.clone());
				Ok((generation, client))
			}
			Err(error) => {
				link.generation += 1;
				Err((generation, error))
			}
		}
	}

	async fn open(&self, url: &str) -> Result<RpcClient, RpcError> {
		let options = &self.inner.options;
		let client = timeout(
			options.connect_timeout,
			self.inner.dial.dial(url.to_owned()),
		)
		.await
		.map_err(|_| timed_out("connecting", options.connect_timeout))??;
		if let Some(expected) = self.inner.genesis.get() {
			let found: String = timeout(
				options.request_timeout,
				client.request("chain_getBlockHash", rpc_params![0u32]),
			)
			.await
			.map_err(|_| timed_out("asking for the genesis hash", options.request_timeout))??;
			if found != format!("0x{}", hex::encode(expected)) {
				return Err(RpcError::Client(
					format!("it serves another chain, with genesis {found}").into(),
				));
			}
		}
		Ok(client)
	}

	fn url(&self, generation: u64) -> &str {
		let urls = &self.inner.options.urls;
		&urls[(generation % urls.len() as u64) as usize]
	}

	/// The endpoint as it may be logged.
	pub(crate) fn origin(&self, generation: u64) -> &str {
		origin(self.url(generation))
	}

	fn origins(&self) -> Vec<&str> {
		self.inner
			.options
			.urls
			.iter()
			.map(|url| origin(url))
			.collect()
	}

	/// Asks until there is an answer or the deadline passes.
	async fn request(
		&self,
		method: &str,
		params: Option<Box<RawValue>>,
	) -> Result<Box<RawValue>, RpcError> {
		let options = &self.inner.options;
		let started = Instant::now();
		let mut backoff = Backoff::default();
		loop {
			let (generation, error) = match self.link().await {
				Err(failed) => failed,
				Ok((generation, client)) => {
					let asked = client.request_raw(method, params.clone());
					match timeout(options.request_timeout, asked).await {
						Ok(Ok(answer)) => return Ok(answer),
						Ok(Err(
							error @ (RpcError::Client(_) | RpcError::DisconnectedWillReconnect(_)),
						)) => (generation, error),
						Ok(Err(error)) => return Err(error),
						Err(_) => (generation, timed_out(method, options.request_timeout)),
					}
				}
			};
			self.abandon(generation).await;
			let pause = backoff.draw();
			if started.elapsed() + pause >= options.deadline {
				return Err(error);
			}
			tracing::debug!(chain.url = self.origin(generation), %error, "a node failed, asking the next");
			tokio::time::sleep(pause).await;
		}
	}
}

fn timed_out(doing: &str, limit: Duration) -> RpcError {
	RpcError::Client(format!("{doing}: no answer in {} s", limit.as_secs()).into())
}

/// Scheme, host and port of `url`: what else is in it may be a secret.
fn origin(url: &str) -> &str {
	let (scheme, rest) = match url.split_once("://") {
		Some((scheme, rest)) => (scheme.len() + 3, rest),
		None => (0, url),
	};
	let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
	match rest[..end].rfind('@') {
		Some(at) => &rest[at + 1..end],
		None => &url[..scheme + end],
	}
}

impl RpcClientT for Transport {
	fn request_raw<'a>(
		&'a self,
		method: &'a str,
		params: Option<Box<RawValue>>,
	) -> RawRpcFuture<'a, Box<RawValue>> {
		Box::pin(self.request(method, params))
	}

	fn subscribe_raw<'a>(
		&'a self,
		sub: &'a str,
		params: Option<Box<RawValue>>,
		unsub: &'a str,
	) -> RawRpcFuture<'a, RawRpcSubscription> {
		Box::pin(async move {
			let (_, client) = self.link().await.map_err(|(_, error)| error)?;
			timeout(
				self.inner.options.request_timeout,
				client.subscribe_raw(sub, params, unsub),
			)
			.await
			.map_err(|_| timed_out(sub, self.inner.options.request_timeout))?
		})
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn an_endpoint_is_logged_without_its_secrets() {
		for (url, shown) in [
			("ws://127.0.0.1:9944", "ws://127.0.0.1:9944"),
			("wss://node.example/v1/KEY?token=x", "wss://node.example"),
			("wss://user:word@node.example:443/", "node.example:443"),
			("nonsense", "nonsense"),
		] {
			assert_eq!(origin(url), shown);
		}
	}
}

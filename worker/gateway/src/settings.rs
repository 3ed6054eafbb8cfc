//! What the gateway is told at start.

use crate::metrics::GatewayMetrics;
use infergrid_primitives::{Hash, hashing::blake2_256};
use std::{fmt, net::SocketAddr, time::Duration};

/// A bearer key that clients must show. Only its hash is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(Hash);

impl ApiKey {
	/// Keeps the hash of `key`.
	pub fn new(key: &str) -> Self {
		Self(blake2_256(key.as_bytes()))
	}

	/// The hash, by which answers are kept for who asked.
	pub(crate) fn hash(&self) -> Hash {
		self.0
	}
}

impl fmt::Debug for ApiKey {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str("ApiKey(redacted)")
	}
}

/// Requests that the market may refuse by itself while it is at its limit.
const SPARE: usize = 64;

/// Limits and keys.
#[derive(Clone, Debug)]
pub struct Settings {
	/// Keys of which a client must show one; empty lets everybody in.
	pub api_keys: Vec<ApiKey>,
	/// Answers in progress at once; further requests get status 429.
	pub max_concurrent: usize,
	/// Largest body of a request in bytes.
	pub max_body_bytes: usize,
	/// Bytes of all bodies that are being read or answered; further requests get status 503.
	pub max_bodies_bytes: usize,
	/// Connections at once; further ones wait to be accepted.
	pub max_connections: usize,
	/// How long a client is kept waiting for its answer, whatever the market says.
	pub answer_timeout: Duration,
	/// Host names by which this gateway may be called, besides those of loopback. `*` is any.
	pub allow_hosts: Vec<String>,
	/// Web origins whose pages may call this gateway, such as `https://example.org`. `*` is any.
	pub allow_origins: Vec<String>,
	/// Lets messages spell control tokens: whoever writes a part of one can then end its turn and begin
	/// another.
	pub allow_control_tokens: bool,
	/// How often a comment is sent on a stream that has nothing else to say.
	pub keep_alive: Duration,
	/// What is counted.
	pub metrics: GatewayMetrics,
}

impl Default for Settings {
	fn default() -> Self {
		Self {
			api_keys: Vec::new(),
			max_concurrent: 256 + SPARE,
			max_body_bytes: 2 * 1024 * 1024,
			max_bodies_bytes: 64 * 1024 * 1024,
			max_connections: 1_024,
			answer_timeout: Duration::from_secs(1_800),
			allow_hosts: Vec::new(),
			allow_origins: Vec::new(),
			allow_control_tokens: false,
			keep_alive: Duration::from_secs(15),
			metrics: GatewayMetrics::default(),
		}
	}
}

/// A gateway that strangers could use at its operator's cost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
	"{address} can be reached from other machines, where anybody could spend this gateway's money: give an \
	 --api-key that clients must show, or listen on 127.0.0.1"
)]
pub struct Exposed {
	/// Where it would listen.
	pub address: SocketAddr,
}

impl Settings {
	/// For a market that takes `answers` at once. Some requests more are let in, because the market
	/// knows better when to come back; and there are connections that ask for something else.
	#[must_use]
	pub fn for_answers(mut self, answers: usize) -> Self {
		self.max_concurrent = answers.saturating_add(SPARE);
		self.max_connections = self.max_connections.max(answers.saturating_mul(2));
		self
	}

	/// Whether `address` may be served with these settings: beyond loopback only with a key.
	pub fn check(&self, address: SocketAddr) -> Result<(), Exposed> {
		if address.ip().is_loopback() || !self.api_keys.is_empty() {
			Ok(())
		} else {
			Err(Exposed { address })
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn every_answer_has_a_connection() {
		let many = Settings::default().for_answers(2_000);
		assert_eq!((many.max_concurrent, many.max_connections), (2_064, 4_000));
		let few = Settings::default().for_answers(32);
		assert_eq!((few.max_concurrent, few.max_connections), (96, 1_024));
	}

	#[test]
	fn beyond_loopback_a_key_is_needed() {
		let open = Settings::default();
		for address in ["127.0.0.1:80", "[::1]:80", "127.9.9.9:80"] {
			assert_eq!(open.check(address.parse().unwrap()), Ok(()), "{address}");
		}
		let keyed = Settings {
			api_keys: vec![ApiKey::new("secret")],
			..Settings::default()
		};
		for address in ["0.0.0.0:80", "[::]:80", "192.168.0.9:80"] {
			let address = address.parse().unwrap();
			let refused = open.check(address).unwrap_err();
			assert!(refused.to_string().contains("--api-key"), "{refused}");
			assert_eq!(keyed.check(address), Ok(()));
		}
	}
}

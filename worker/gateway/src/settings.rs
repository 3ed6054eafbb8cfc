//! What the gateway is told at start.

use infergrid_primitives::{Hash, hashing::blake2_256};
use std::{fmt, time::Duration};

/// A bearer key that clients must show. Only its hash is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(Hash);

impl ApiKey {
	/// Keeps the hash of `key`.
	pub fn new(key: &str) -> Self {
		Self(blake2_256(key.as_bytes()))
	}
}

impl fmt::Debug for ApiKey {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str("ApiKey(redacted)")
	}
}

/// Limits and keys.
#[derive(Clone, Debug)]
pub struct Settings {
	/// Keys of which a client must show one; empty lets everybody in.
	pub api_keys: Vec<ApiKey>,
	/// Answers in progress at once; further requests get status 429.
	pub max_concurrent: usize,
	/// Largest body of a request in bytes.
	pub max_body_bytes: usize,
	/// Tokens of an answer when a chat request names no limit.
	pub default_max_tokens: u32,
	/// How long an order may wait for a miner.
	pub assignment_timeout: Duration,
	/// How long the grid may be silent in the middle of an answer.
	pub idle_timeout: Duration,
	/// How often a comment is sent on a stream that has nothing else to say.
	pub keep_alive: Duration,
}

impl Default for Settings {
	fn default() -> Self {
		Self {
			api_keys: Vec::new(),
			max_concurrent: 64,
			max_body_bytes: 2 * 1024 * 1024,
			default_max_tokens: 512,
			assignment_timeout: Duration::from_secs(120),
			idle_timeout: Duration::from_secs(120),
			keep_alive: Duration::from_secs(15),
		}
	}
}

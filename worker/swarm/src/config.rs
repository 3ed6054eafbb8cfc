//! What a node is told at start.

use crate::{AddressPolicy, NodeSecret};
use infergrid_primitives::Hash;
use std::time::Duration;

/// How a node starts.
#[derive(Clone, Debug)]
pub struct SwarmConfig {
	/// The node's identity.
	pub secret: NodeSecret,
	/// Multiaddresses to listen on, of the form `/ip4/ADDRESS/tcp/PORT`; port 0 takes a free one.
	/// Empty for a node that only calls.
	pub listen: Vec<String>,
	/// Genesis hash of the chain: peers of another chain are not understood.
	pub genesis: Hash,
	/// Which addresses are dialled.
	pub addresses: AddressPolicy,
	/// How many connections there are at once.
	pub limits: Limits,
	/// How long anything may take.
	pub timeouts: Timeouts,
}

impl SwarmConfig {
	/// A node on the public grid with default limits and timeouts.
	pub fn new(secret: NodeSecret, listen: Vec<String>, genesis: Hash) -> Self {
		Self {
			secret,
			listen,
			genesis,
			addresses: AddressPolicy::default(),
			limits: Limits::default(),
			timeouts: Timeouts::default(),
		}
	}
}

/// How many connections there are at once. What a protocol serves at once is its handler's affair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
	/// Connections that this node made; further calls fail.
	pub outbound: u32,
	/// Connections that peers made; above it those of the address with the most give way, first the
	/// ones on which nothing was ever authorised, never one on which authorised work goes on.
	pub inbound: usize,
	/// Connections that peers made from one IPv4 address or IPv6 network of 64 bits.
	pub inbound_per_site: usize,
	/// Connections that are being negotiated; more are closed.
	pub pending: usize,
	/// Connections that are being negotiated with one address or network.
	pub pending_per_site: usize,
	/// Connections with one peer in either direction; more are closed.
	pub per_peer: u32,
}

impl Default for Limits {
	fn default() -> Self {
		// With the connections that are being closed, below the 1,024 files that a process has by
		// default.
		Self {
			outbound: 256,
			inbound: 256,
			inbound_per_site: 128,
			pending: 256,
			pending_per_site: 16,
			per_peer: 4,
		}
	}
}

/// How long anything may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
	/// To connect to a peer. The transport gives up after 10 seconds in any case.
	pub connect: Duration,
	/// To open a stream and send a request.
	pub request: Duration,
	/// To agree with a peer on what a stream that it opened is for.
	pub negotiate: Duration,
	/// Until a request is accepted, or an opening given.
	pub reply: Duration,
	/// Between two frames of an answer.
	pub idle: Duration,
	/// Until a connection without streams is closed.
	pub keep_connection: Duration,
	/// For streams in progress to end when the node stops.
	pub shutdown: Duration,
}

impl Default for Timeouts {
	fn default() -> Self {
		Self {
			connect: Duration::from_secs(10),
			request: Duration::from_secs(20),
			negotiate: Duration::from_secs(10),
			reply: Duration::from_secs(60),
			idle: Duration::from_secs(120),
			keep_connection: Duration::from_secs(60),
			shutdown: Duration::from_secs(5),
		}
	}
}

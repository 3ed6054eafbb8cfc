//! What a node is told at start.

use crate::NodeSecret;
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
	/// How much is done at once.
	pub limits: Limits,
	/// How long anything may take.
	pub timeouts: Timeouts,
}

impl SwarmConfig {
	/// A node with default limits and timeouts.
	pub fn new(secret: NodeSecret, listen: Vec<String>, genesis: Hash) -> Self {
		Self {
			secret,
			listen,
			genesis,
			limits: Limits::default(),
			timeouts: Timeouts::default(),
		}
	}
}

/// How much is done at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
	/// Streams of callers not known yet; where there are more, those of whoever has most give way.
	pub strangers: usize,
	/// Streams served at once for known payers, and as many again for drawn verifiers; more are refused
	/// as busy.
	pub streams: usize,
	/// Streams served at once for one account or peer; more are refused as busy.
	pub streams_per_caller: usize,
	/// Streams whose callers wait for something that is not known here yet; more are refused as busy.
	pub unknown: usize,
	/// Connections in either direction; more are closed.
	pub connections: u32,
	/// Connections from one address, or one IPv6 network; more are closed.
	pub connections_per_address: usize,
	/// Connections with one peer.
	pub connections_per_peer: u32,
}

impl Default for Limits {
	fn default() -> Self {
		// One request in flight holds at most 1 MiB of prompt: 256 streams are at most 256 MiB, and those
		// of strangers as much for a few seconds. A
		// gateway serves many clients, so one peer may hold half of the places.
		Self {
			strangers: 256,
			streams: 256,
			streams_per_caller: 128,
			unknown: 256,
			connections: 2_048,
			connections_per_address: 128,
			connections_per_peer: 4,
		}
	}
}

/// How long anything may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
	/// To connect to a peer. The transport gives up after 10 seconds in any case.
	pub connect: Duration,
	/// For a peer that is not known yet to send its request, and for the service to say who it is.
	pub stranger: Duration,
	/// To open a stream and send a request.
	pub request: Duration,
	/// Until a request is accepted, or an opening given.
	pub reply: Duration,
	/// Between two frames of an answer.
	pub idle: Duration,
	/// To hand one frame to a peer that reads slowly.
	pub write: Duration,
	/// Until a connection without streams is closed.
	pub keep_connection: Duration,
	/// For streams in progress to end when the node stops.
	pub shutdown: Duration,
}

impl Default for Timeouts {
	fn default() -> Self {
		Self {
			connect: Duration::from_secs(10),
			stranger: Duration::from_secs(10),
			request: Duration::from_secs(20),
			reply: Duration::from_secs(60),
			idle: Duration::from_secs(120),
			write: Duration::from_secs(30),
			keep_connection: Duration::from_secs(60),
			shutdown: Duration::from_secs(5),
		}
	}
}

//! Why nothing was measured.

use infergrid_chain::{ConnectError, ReadError};
use infergrid_checkpoint::CheckpointError;
use infergrid_client::ClientError;
use infergrid_engine::{LoadError, RandomCheckpointError};
use infergrid_proof::ComputeError;
use std::io;
use tokio::task::JoinError;

/// Why a measurement failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
	/// The model cannot be loaded. Name another.
	#[error(transparent)]
	Load(#[from] LoadError),
	/// The model's tokenizer or template cannot be used. Name another model.
	#[error(transparent)]
	Checkpoint(#[from] CheckpointError),
	/// The model cannot compute.
	#[error(transparent)]
	Compute(#[from] ComputeError),
	/// The random checkpoint cannot be written.
	#[error(transparent)]
	Random(#[from] RandomCheckpointError),
	/// A file or a socket cannot be used.
	#[error(transparent)]
	Io(#[from] io::Error),
	/// A computation panicked.
	#[error("a computation crashed: {0}")]
	Crashed(#[from] JoinError),
	/// The gateway that was measured came to an end.
	#[error("the local gateway ended by itself")]
	GatewayEnded,
	/// A gateway cannot be asked.
	#[error(transparent)]
	Client(#[from] ClientError),
	/// The gateway does not list its models.
	#[error("cannot ask the gateway at {url}")]
	Models {
		/// The gateway.
		url: String,
		/// What is wrong.
		source: reqwest::Error,
	},
	/// A miner's metrics cannot be read.
	#[error("cannot read a miner's metrics at {url}")]
	Metrics {
		/// Where they should be.
		url: String,
		/// What is wrong.
		source: reqwest::Error,
	},
	/// What is there are not the metrics of a miner.
	#[error("{0} is not where a miner serves its metrics")]
	NoMiner(String),
	/// The gateway lists no model. Wait until a miner offers one.
	#[error("the gateway has no model")]
	NoModel,
	/// No node can be used.
	#[error(transparent)]
	Connect(#[from] ConnectError),
	/// The chain cannot be read.
	#[error(transparent)]
	Read(#[from] ReadError),
	/// What follows the chain panicked.
	#[error("the watch over the chain crashed")]
	WatchCrashed,
}

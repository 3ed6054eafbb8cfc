//! Why a grid does not stand.

use std::{io, path::PathBuf};

/// A part ended, which nobody had asked it to.
#[derive(Debug, thiserror::Error)]
#[error("{name} ended ({how}); the end of {}:\n{tail}", log.display())]
pub struct Death {
	/// The part.
	pub name: String,
	/// Its exit status.
	pub how: String,
	/// Its log.
	pub log: PathBuf,
	/// The log's last lines.
	pub tail: String,
}

/// Why a grid, or a part of it, could not be started. Nothing of it runs any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
	/// The plan contradicts itself. Change it.
	#[error("the grid cannot be built as planned: {0}")]
	Plan(String),
	/// An executable is missing. Build or name it.
	#[error("{} does not exist", path.display())]
	NoProgram {
		/// Where it should be.
		path: PathBuf,
	},
	/// A port cannot be used. Choose others, or free ones.
	#[error("port {number} cannot be used: {source}")]
	Port {
		/// The port.
		number: u16,
		/// What the system says.
		source: io::Error,
	},
	/// There are too few ports. Choose a lower first one, or end something.
	#[error("{wanted} ports are needed, and there are not as many {place}")]
	TooFewPorts {
		/// Ports of the whole grid.
		wanted: usize,
		/// Where they were looked for.
		place: String,
	},
	/// The grid's directory cannot be used.
	#[error("cannot use {}: {source}", path.display())]
	Directory {
		/// The file or directory.
		path: PathBuf,
		/// What the system says.
		source: io::Error,
	},
	/// A program cannot be run.
	#[error("cannot start {}: {source}", path.display())]
	Start {
		/// The executable.
		path: PathBuf,
		/// What the system says.
		source: io::Error,
	},
	/// A program that prepares the grid failed, or said what cannot be understood.
	#[error("{task} failed ({how}):\n{output}")]
	Preparation {
		/// What it should have done.
		task: String,
		/// Its exit status, or what is wrong with its answer.
		how: String,
		/// The end of what it said.
		output: String,
	},
	/// A part ended while the grid came up.
	#[error(transparent)]
	Died(#[from] Death),
	/// The grid did not stand in time.
	#[error("the grid did not stand within {seconds} s; it waited for {awaited}")]
	Late {
		/// The time given.
		seconds: u64,
		/// What was missing.
		awaited: String,
	},
	/// The nodes cannot be used.
	#[error(transparent)]
	Connect(#[from] infergrid_chain::ConnectError),
	/// The chain cannot be read.
	#[error(transparent)]
	Read(#[from] infergrid_chain::ReadError),
	/// The plan names something that is no key.
	#[error("{uri} in the plan is {source}")]
	Key {
		/// The secret URI.
		uri: String,
		/// What is wrong.
		source: infergrid_chain::KeyError,
	},
	/// There is no part of this name.
	#[error("the grid has no part named {0}")]
	NoPart(String),
	/// The part runs already.
	#[error("{0} is running already")]
	Running(String),
}

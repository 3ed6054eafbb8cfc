//! How a command ends badly, and with which exit code.

use std::{fmt, process::ExitCode};

/// Whose matter a failure is. Its number is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
	/// Something outside failed: a node, a peer, a file, a deadline.
	Outside = 1,
	/// The command line is wrong. The parser of the command line uses the same code.
	Usage = 2,
	/// The settings are wrong: a file, a key, a directory that cannot be used.
	Config = 3,
	/// The command ran, and the answer is no: a model computes something else, a demonstration
	/// misses a part.
	Check = 4,
	/// A bug.
	Internal = 70,
}

/// Why a command ended, and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
	kind: Kind,
	error: anyhow::Error,
	hint: Option<String>,
}

impl Failure {
	/// Something outside failed.
	pub(crate) fn outside(error: impl Into<anyhow::Error>) -> Self {
		Self {
			kind: Kind::Outside,
			error: error.into(),
			hint: None,
		}
	}

	/// The command line is wrong.
	pub(crate) fn usage(message: impl fmt::Display) -> Self {
		Self {
			kind: Kind::Usage,
			error: anyhow::anyhow!("{message}"),
			hint: None,
		}
	}

	/// The settings are wrong.
	pub(crate) fn config(error: impl Into<anyhow::Error>) -> Self {
		Self {
			kind: Kind::Config,
			error: error.into(),
			hint: None,
		}
	}

	/// The answer is no.
	pub(crate) fn check(message: impl fmt::Display) -> Self {
		Self {
			kind: Kind::Check,
			error: anyhow::anyhow!("{message}"),
			hint: None,
		}
	}

	/// A bug.
	pub(crate) fn internal(error: impl Into<anyhow::Error>) -> Self {
		Self {
			kind: Kind::Internal,
			error: error.into(),
			hint: None,
		}
	}

	/// Says what to do.
	pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
		self.hint = Some(hint.into());
		self
	}

	/// Says what was being done.
	pub(crate) fn context(mut self, context: impl fmt::Display + Send + Sync + 'static) -> Self {
		self.error = self.error.context(context);
		self
	}

	/// Whose matter it is.
	pub(crate) fn kind(&self) -> Kind {
		self.kind
	}

	/// The exit code.
	pub(crate) fn code(&self) -> ExitCode {
		ExitCode::from(self.kind as u8)
	}
}

impl fmt::Display for Failure {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let mut told = String::new();
		for cause in self.error.chain() {
			let cause = cause.to_string();
			// Many errors repeat their cause in their own words.
			if told.contains(&cause) {
				continue;
			}
			if !told.is_empty() {
				told.push_str(": ");
			}
			told.push_str(&cause);
		}
		f.write_str(&told)?;
		match &self.hint {
			Some(hint) => write!(f, "\nhint: {hint}"),
			None => Ok(()),
		}
	}
}

impl From<infergrid_chain::ReadError> for Failure {
	fn from(error: infergrid_chain::ReadError) -> Self {
		Self::outside(error)
	}
}

impl From<infergrid_chain::SubmitError> for Failure {
	fn from(error: infergrid_chain::SubmitError) -> Self {
		use infergrid_chain::{Refusal, SubmitError};
		match error {
			SubmitError::Refused {
				reason: Refusal::WouldFail { .. },
				..
			} => Self::config(error),
			error => Self::outside(error),
		}
	}
}

impl From<infergrid_chain::ConnectError> for Failure {
	fn from(error: infergrid_chain::ConnectError) -> Self {
		Self::outside(error).hint("start a node, or name one with --node ws://HOST:PORT")
	}
}

impl From<infergrid_swarm::StartError> for Failure {
	fn from(error: infergrid_swarm::StartError) -> Self {
		Self::config(error)
	}
}

impl From<infergrid_chain::PairingError> for Failure {
	fn from(error: infergrid_chain::PairingError) -> Self {
		Self::config(error)
	}
}

impl From<infergrid_chain::PublishError> for Failure {
	fn from(error: infergrid_chain::PublishError) -> Self {
		match error {
			infergrid_chain::PublishError::Read(error) => error.into(),
			infergrid_chain::PublishError::Submit(error) => error.into(),
			error => Self::config(error),
		}
	}
}

impl From<infergrid_chain::ProfileError> for Failure {
	fn from(error: infergrid_chain::ProfileError) -> Self {
		Self::config(error)
	}
}

impl From<infergrid_payer::PayerError> for Failure {
	fn from(error: infergrid_payer::PayerError) -> Self {
		Self::outside(error)
	}
}

impl From<infergrid_miner::MinerError> for Failure {
	fn from(error: infergrid_miner::MinerError) -> Self {
		Self::outside(error)
	}
}

impl From<infergrid_miner::OfferError> for Failure {
	fn from(error: infergrid_miner::OfferError) -> Self {
		Self::config(error)
	}
}

impl From<infergrid_miner::ReachError> for Failure {
	fn from(error: infergrid_miner::ReachError) -> Self {
		match error {
			infergrid_miner::ReachError::Read(error) => error.into(),
			error => Self::config(error).hint(
				"announce an address that others reach, or go on nevertheless with --skip-dial-back",
			),
		}
	}
}

impl From<infergrid_verifier::VerifierError> for Failure {
	fn from(error: infergrid_verifier::VerifierError) -> Self {
		Self::outside(error)
	}
}

impl From<infergrid_journal::JournalError> for Failure {
	fn from(error: infergrid_journal::JournalError) -> Self {
		Self::outside(error)
	}
}

impl From<infergrid_journal::OpenError> for Failure {
	fn from(error: infergrid_journal::OpenError) -> Self {
		Self::config(error)
	}
}

impl From<infergrid_journal::DirectoryError> for Failure {
	fn from(error: infergrid_journal::DirectoryError) -> Self {
		Self::config(error)
	}
}

impl From<infergrid_client::ClientError> for Failure {
	fn from(error: infergrid_client::ClientError) -> Self {
		use infergrid_client::ClientError;
		match error {
			error @ ClientError::Start(_) => Self::internal(error),
			error @ ClientError::Unreachable { .. } => Self::outside(error).hint(
				"start one with `infergrid dev` or `infergrid gateway`, or name another with --url",
			),
			error => Self::outside(error),
		}
	}
}

impl From<infergrid_bench::BenchError> for Failure {
	fn from(error: infergrid_bench::BenchError) -> Self {
		use infergrid_bench::BenchError;
		match error {
			BenchError::Client(error) => error.into(),
			BenchError::Connect(error) => error.into(),
			error @ (BenchError::Load(_) | BenchError::Checkpoint(_)) => Self::config(error),
			error @ (BenchError::Crashed(_)
			| BenchError::GatewayEnded
			| BenchError::WatchCrashed) => Self::internal(error),
			error => Self::outside(error),
		}
	}
}

impl From<infergrid_devnet::SpawnError> for Failure {
	fn from(error: infergrid_devnet::SpawnError) -> Self {
		use infergrid_devnet::SpawnError;
		match error {
			error @ SpawnError::NoProgram { .. } => Self::config(error).hint(
				"build it with `cargo build -p infergrid-node --features fast-runtime`, or name it with --node-binary",
			),
			error @ SpawnError::Port { .. } => Self::outside(error)
				.hint("choose other ports with --base-port, or leave it out to take free ones"),
			error @ SpawnError::TooFewPorts { .. } => {
				Self::usage(error).hint("choose a lower --base-port, or 0 for free ones")
			}
			error @ (SpawnError::Late { .. } | SpawnError::Preparation { .. }) => {
				Self::outside(error).hint("look into the logs in the grid's directory")
			}
			error @ (SpawnError::Plan(_) | SpawnError::Key { .. }) => Self::internal(error),
			error @ SpawnError::Directory { .. } => Self::config(error),
			error => Self::outside(error),
		}
	}
}

impl From<infergrid_dev::DevError> for Failure {
	fn from(error: infergrid_dev::DevError) -> Self {
		use infergrid_dev::DevError;
		match error {
			DevError::Client(error) => error.into(),
			DevError::Read(error) => error.into(),
			error @ DevError::Place(_) => Self::config(error),
			error @ (DevError::Incomplete | DevError::Shares) => Self::internal(error),
			error => Self::check(error),
		}
	}
}

impl From<infergrid_operator::OperatorError> for Failure {
	fn from(error: infergrid_operator::OperatorError) -> Self {
		use infergrid_operator::OperatorError;
		match error {
			OperatorError::Read(error) => error.into(),
			error @ OperatorError::TooLittle { .. } => Self::config(error),
			error => Self::usage(error),
		}
	}
}

impl From<infergrid_crew::CrewError<Self>> for Failure {
	fn from(error: infergrid_crew::CrewError<Self>) -> Self {
		use infergrid_crew::CrewError;
		match error {
			CrewError::Failed { name, error } => error.context(format!("{name} stopped")),
			CrewError::Ended(_) | CrewError::Crashed(_) => {
				Self::internal(anyhow::anyhow!("{error}"))
			}
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use anyhow::Context;

	#[test]
	fn a_cause_is_told_once() {
		let cause = anyhow::anyhow!("no such file");
		let error = Err::<(), _>(cause)
			.context("cannot read x: no such file")
			.context("starting");
		let failure = Failure::config(error.unwrap_err()).hint("look again");
		assert_eq!(
			failure.to_string(),
			"starting: cannot read x: no such file\nhint: look again"
		);
	}

	#[test]
	fn a_task_that_fails_is_named_and_keeps_its_kind() {
		let error = Failure::config(anyhow::anyhow!("no key")).hint("make one");
		let failure = Failure::from(infergrid_crew::CrewError::Failed {
			name: "the work",
			error,
		});
		assert_eq!(failure.kind(), Kind::Config);
		assert_eq!(
			failure.to_string(),
			"the work stopped: no key\nhint: make one"
		);
		let failure = Failure::from(infergrid_crew::CrewError::Ended("the work"));
		assert_eq!(failure.kind(), Kind::Internal);
	}
}

//! A part of the grid: a program that runs, or is down because the caller wants it so.

use crate::{
	error::{Death, SpawnError},
	ports::Claim,
	process::{Process, Program, tail},
};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::watch;

/// A part. It is shared between those who wait for its death and those who bring it about.
#[derive(Debug)]
pub(crate) struct Part {
	pub(crate) role: &'static str,
	pub(crate) program: Program,
	/// What `grid.json` says of it besides.
	pub(crate) details: Value,
	/// None while it is down on purpose.
	process: watch::Sender<Option<Arc<Process>>>,
	/// Kept while it is down.
	_ports: Vec<Claim>,
}

impl Part {
	/// Starts `program`. `ports` are released by now.
	pub(crate) fn start(
		role: &'static str,
		program: Program,
		details: Value,
		ports: Vec<Claim>,
	) -> Result<Self, SpawnError> {
		let process = Process::start(&program)?;
		Ok(Self {
			role,
			program,
			details,
			process: watch::Sender::new(Some(Arc::new(process))),
			_ports: ports,
		})
	}

	/// The process id, if it should run.
	pub(crate) fn pid(&self) -> Option<u32> {
		self.process.borrow().as_ref().map(|process| process.id())
	}

	/// Waits until it dies without being asked to.
	pub(crate) async fn died(&self) -> Death {
		let mut changes = self.process.subscribe();
		loop {
			let Some(process) = changes.borrow_and_update().clone() else {
				let _ = changes.changed().await;
				continue;
			};
			let how = tokio::select! {
				how = process.ended() => how,
				_ = changes.changed() => continue,
			};
			let current = self.process.borrow();
			if current
				.as_ref()
				.is_some_and(|current| Arc::ptr_eq(current, &process))
			{
				return Death {
					name: self.program.name.clone(),
					how,
					log: self.program.log.clone(),
					tail: tail(&self.program.log),
				};
			}
		}
	}

	/// Asks it to end; kills it if it does not.
	pub(crate) async fn stop(&self) {
		if let Some(process) = self.process.send_replace(None)
			&& !process.stop().await
		{
			tracing::warn!(part = %self.program.name, "did not end in time and is killed");
		}
	}

	/// Kills it without warning, and waits until it is gone.
	pub(crate) async fn crash(&self) {
		if let Some(process) = self.process.send_replace(None) {
			process.kill().await;
		}
	}

	/// Starts it again with the same arguments, whether it was stopped or has died.
	pub(crate) fn restart(&self) -> Result<(), SpawnError> {
		let mut result = Ok(());
		self.process.send_if_modified(|current| {
			if current.as_ref().is_some_and(|process| process.lives()) {
				result = Err(SpawnError::Running(self.program.name.clone()));
				return false;
			}
			match Process::start(&self.program) {
				Ok(process) => *current = Some(Arc::new(process)),
				Err(error) => result = Err(error),
			}
			result.is_ok()
		});
		result
	}

	/// Kills it without waiting. Dropping it waits.
	pub(crate) fn condemn(&self) {
		if let Some(process) = self.process.borrow().as_ref() {
			process.condemn();
		}
	}
}

//! The tasks of one process: named, watched, stopped together.
//!
//! A role is several tasks, of which none is of use without the others. A [`Crew`] hears of the end of
//! each, a panic too, and tells the others to stop.

use std::{future::Future, time::Duration};
use tokio::{
	task::{JoinError, JoinSet},
	time::timeout,
};
use tokio_util::sync::CancellationToken;

/// How long tasks may take to end once they are told to, besides what their work takes.
const FAREWELL: Duration = Duration::from_secs(10);

/// Why a crew ended that should not have.
#[derive(Debug, thiserror::Error)]
pub enum CrewError<E> {
	/// A task had nothing left to do though nobody had told it to stop: a bug.
	#[error("the task `{0}` ended by itself")]
	Ended(&'static str),
	/// A task failed.
	#[error("{name} stopped: {error}")]
	Failed {
		/// The task.
		name: &'static str,
		/// What it says.
		error: E,
	},
	/// A task panicked.
	#[error("a task crashed: {0}")]
	Crashed(#[source] JoinError),
}

/// What a task leaves.
type Ended<E> = Result<(&'static str, Result<(), E>), JoinError>;

/// Tasks that stand and fall together: the first to end, however it ends, stops the others.
#[derive(Debug)]
pub struct Crew<E> {
	set: JoinSet<(&'static str, Result<(), E>)>,
	stop: CancellationToken,
}

impl<E: Send + 'static> Crew<E> {
	/// No tasks yet. They are told to stop by `stop`.
	pub fn new(stop: CancellationToken) -> Self {
		Self {
			set: JoinSet::new(),
			stop,
		}
	}

	/// Starts a task that runs until it is told to stop.
	pub fn spawn(
		&mut self,
		name: &'static str,
		task: impl Future<Output = Result<(), E>> + Send + 'static,
	) {
		self.set.spawn(async move { (name, task.await) });
	}

	/// Runs until a task ends or all are told to stop; then waits for the others, for `farewell` and ten
	/// seconds more.
	pub async fn run(mut self, farewell: Duration) -> Result<(), CrewError<E>> {
		let first = tokio::select! {
			_ = self.stop.cancelled() => Ok(()),
			ended = self.set.join_next() => match ended {
				Some(ended) => self.verdict(ended),
				None => Ok(()),
			},
		};
		self.stop.cancel();
		let mut result = first;
		let rest = async {
			while let Some(ended) = self.set.join_next().await {
				if let Err(error) = verdict_while_stopping(ended)
					&& result.is_ok()
				{
					result = Err(error);
				}
			}
		};
		let farewell = farewell.saturating_add(FAREWELL);
		if timeout(farewell, rest).await.is_err() {
			tracing::warn!(
				seconds = farewell.as_secs(),
				"some tasks did not end in time and are cut off"
			);
			self.set.shutdown().await;
		}
		result
	}

	fn verdict(&self, ended: Ended<E>) -> Result<(), CrewError<E>> {
		match ended {
			Ok((name, Ok(()))) if !self.stop.is_cancelled() => Err(CrewError::Ended(name)),
			ended => verdict_while_stopping(ended),
		}
	}
}

fn verdict_while_stopping<E>(ended: Ended<E>) -> Result<(), CrewError<E>> {
	match ended {
		Ok((_, Ok(()))) => Ok(()),
		Ok((name, Err(error))) => Err(CrewError::Failed { name, error }),
		Err(error) if error.is_cancelled() => Ok(()),
		Err(error) => Err(CrewError::Crashed(error)),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[tokio::test]
	async fn the_first_to_fail_stops_the_others() {
		let stop = CancellationToken::new();
		let mut crew = Crew::new(stop.clone());
		crew.spawn("patient", async move {
			stop.cancelled().await;
			Ok(())
		});
		crew.spawn("hasty", async { Err("no luck") });
		let error = crew.run(Duration::ZERO).await.unwrap_err();
		assert_eq!(error.to_string(), "hasty stopped: no luck");
	}

	#[tokio::test]
	async fn told_to_stop_all_end_well() {
		let stop = CancellationToken::new();
		let mut crew = Crew::<()>::new(stop.clone());
		let told = stop.clone();
		crew.spawn("patient", async move {
			told.cancelled().await;
			Ok(())
		});
		stop.cancel();
		crew.run(Duration::ZERO).await.unwrap();
	}

	#[tokio::test]
	async fn a_panic_and_an_end_that_nobody_asked_for_are_told() {
		let mut crew = Crew::<()>::new(CancellationToken::new());
		crew.spawn("clumsy", async { panic!("oops") });
		let error = crew.run(Duration::ZERO).await.unwrap_err();
		assert!(matches!(error, CrewError::Crashed(_)));

		let mut crew = Crew::<()>::new(CancellationToken::new());
		crew.spawn("idle", async { Ok(()) });
		let error = crew.run(Duration::ZERO).await.unwrap_err();
		assert!(matches!(error, CrewError::Ended("idle")));
	}
}

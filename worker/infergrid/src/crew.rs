//! The tasks of one command: named, watched, stopped together.

use crate::failure::Failure;
use anyhow::anyhow;
use std::{future::Future, time::Duration};
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

/// How long tasks may take to end once they are told to, besides what their work takes.
const FAREWELL: Duration = Duration::from_secs(10);

/// Tasks that stand and fall together: the first to end, however it ends, stops the others.
#[derive(Debug)]
pub(crate) struct Crew {
	set: JoinSet<(&'static str, Result<(), Failure>)>,
	stop: CancellationToken,
}

impl Crew {
	/// No tasks yet. They are told to stop by `stop`.
	pub(crate) fn new(stop: CancellationToken) -> Self {
		Self {
			set: JoinSet::new(),
			stop,
		}
	}

	/// Starts a task that runs until it is told to stop.
	pub(crate) fn spawn(
		&mut self,
		name: &'static str,
		task: impl Future<Output = Result<(), Failure>> + Send + 'static,
	) {
		self.set.spawn(async move { (name, task.await) });
	}

	/// Runs until a task ends or all are told to stop; then waits for the others, for `farewell` and ten
	/// seconds more.
	pub(crate) async fn run(mut self, farewell: Duration) -> Result<(), Failure> {
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
				if let Err(failure) = verdict_while_stopping(ended)
					&& result.is_ok()
				{
					result = Err(failure);
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

	fn verdict(
		&self,
		ended: Result<(&'static str, Result<(), Failure>), tokio::task::JoinError>,
	) -> Result<(), Failure> {
		match ended {
			Ok((name, Ok(()))) if !self.stop.is_cancelled() => Err(Failure::internal(anyhow!(
				"the task `{name}` ended by itself"
			))),
			ended => verdict_while_stopping(ended),
		}
	}
}

fn verdict_while_stopping(
	ended: Result<(&'static str, Result<(), Failure>), tokio::task::JoinError>,
) -> Result<(), Failure> {
	match ended {
		Ok((_, Ok(()))) => Ok(()),
		Ok((name, Err(failure))) => Err(failure.context(format!("{name} stopped"))),
		Err(error) if error.is_cancelled() => Ok(()),
		Err(error) => Err(Failure::internal(anyhow!("a task crashed: {error}"))),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::failure::Kind;

	#[tokio::test]
	async fn the_first_to_fail_stops_the_others() {
		let stop = CancellationToken::new();
		let mut crew = Crew::new(stop.clone());
		crew.spawn("patient", async move {
			stop.cancelled().await;
			Ok(())
		});
		crew.spawn("hasty", async { Err(Failure::outside(anyhow!("no luck"))) });
		let failure = crew.run(Duration::ZERO).await.unwrap_err();
		assert_eq!(failure.kind(), Kind::Outside);
		assert!(failure.to_string().contains("hasty") && failure.to_string().contains("no luck"));
	}

	#[tokio::test]
	async fn told_to_stop_all_end_well() {
		let stop = CancellationToken::new();
		let mut crew = Crew::new(stop.clone());
		let told = stop.clone();
		crew.spawn("patient", async move {
			told.cancelled().await;
			Ok(())
		});
		stop.cancel();
		crew.run(Duration::ZERO).await.unwrap();
	}

	#[tokio::test]
	async fn a_panic_is_a_bug() {
		let mut crew = Crew::new(CancellationToken::new());
		crew.spawn("clumsy", async { panic!("oops") });
		assert_eq!(
			crew.run(Duration::ZERO).await.unwrap_err().kind(),
			Kind::Internal
		);
	}
}

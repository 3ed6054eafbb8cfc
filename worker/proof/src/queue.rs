//! Whose turn it is: pure values, no clock and no thread.

use crate::{Speed, Work};
use std::time::Duration;

/// What is waiting and under way, and how long that takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
	/// Jobs that wait or are begun.
	pub jobs: usize,
	/// Time until all of them are done, at most.
	pub backlog: Duration,
	/// The speed by which it is estimated.
	pub speed: Speed,
}

impl Load {
	/// Time until a job that came now would be done, at most.
	pub fn done_in(&self, work: Work) -> Duration {
		self.backlog.saturating_add(self.speed.time(work))
	}
}

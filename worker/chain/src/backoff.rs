//! Waiting between attempts.

use std::time::Duration;

/// Pauses between attempts at the same thing: each at most twice as long as the one before, up to a
/// limit, and each shortened by chance to between half and all of that, so that many who wait for the
/// same node do not come back at once.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
	next: Duration,
	first: Duration,
	longest: Duration,
}

impl Backoff {
	/// Pauses from `first` up to `longest`.
	pub(crate) fn new(first: Duration, longest: Duration) -> Self {
		Self {
			next: first,
			first,
			longest,
		}
	}

	/// Begins again with the shortest pause.
	pub(crate) fn reset(&mut self) {
		self.next = self.first;
	}

	/// Waits for the next pause.
	pub(crate) async fn pause(&mut self) {
		tokio::time::sleep(self.draw()).await;
	}

	/// The next pause.
	pub(crate) fn draw(&mut self) -> Duration {
		let pause = self.next;
		self.next = pause.saturating_mul(2).min(self.longest);
		pause.mul_f64(rand::random_range(0.5..=1.0))
	}
}

impl Default for Backoff {
	/// For a node that does not answer: from a quarter of a second up to ten.
	fn default() -> Self {
		Self::new(Duration::from_millis(250), Duration::from_secs(10))
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn pauses_grow_up_to_the_limit_and_differ() {
		let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
		let pauses: Vec<_> = (0..50).map(|_| backoff.draw().as_secs_f64()).collect();
		for (pause, most) in pauses
			.iter()
			.zip([1.0, 2.0, 4.0].into_iter().chain([5.0; 47]))
		{
			assert!((most / 2.0..=most).contains(pause), "{pause} of {most}");
		}
		assert!(pauses[3..].iter().any(|pause| *pause != pauses[3]));
		backoff.reset();
		assert!(backoff.draw() <= Duration::from_secs(1));
	}
}

//! Saying in the log that something is wrong: when it begins, rarely while it lasts, and when it is
//! over.

use std::time::Duration;
use tokio::time::Instant;

/// What to log now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
	/// It begins, or is another trouble than before.
	Begins,
	/// It lasts.
	Lasts,
	/// It is over.
	Over,
}

/// Decides when to speak of a trouble `T`.
#[derive(Debug)]
pub(crate) struct Alarm<T> {
	repeat_after: Duration,
	/// What is wrong, and when that was last said.
	last: Option<(T, Instant)>,
}

impl<T: PartialEq> Alarm<T> {
	pub(crate) fn new(repeat_after: Duration) -> Self {
		Self {
			repeat_after,
			last: None,
		}
	}

	/// To be told again and again what is wrong now.
	pub(crate) fn update(&mut self, trouble: Option<T>) -> Option<Notice> {
		let now = Instant::now();
		match (trouble, &mut self.last) {
			(None, None) => None,
			(None, last) => {
				*last = None;
				Some(Notice::Over)
			}
			(Some(trouble), Some((known, said))) if *known == trouble => {
				let due = now.duration_since(*said) >= self.repeat_after;
				due.then(|| {
					*said = now;
					Notice::Lasts
				})
			}
			(Some(trouble), last) => {
				*last = Some((trouble, now));
				Some(Notice::Begins)
			}
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[tokio::test(start_paused = true)]
	async fn a_trouble_is_told_at_its_beginning_rarely_after_and_at_its_end() {
		let mut alarm = Alarm::new(Duration::from_secs(60));
		assert_eq!(alarm.update(None), None);
		assert_eq!(alarm.update(Some("a")), Some(Notice::Begins));
		assert_eq!(alarm.update(Some("a")), None);
		tokio::time::advance(Duration::from_secs(60)).await;
		assert_eq!(alarm.update(Some("a")), Some(Notice::Lasts));
		assert_eq!(alarm.update(Some("a")), None);
		assert_eq!(alarm.update(Some("b")), Some(Notice::Begins));
		assert_eq!(alarm.update(None), Some(Notice::Over));
		assert_eq!(alarm.update(None), None);
	}
}

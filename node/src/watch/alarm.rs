//! Saying in the log that something is wrong: when it begins, rarely while it lasts, and when it is
//! over.

use std::time::{Duration, Instant};

/// How often a trouble that lasts is told again.
const REPEAT_AFTER: Duration = Duration::from_secs(300);

/// What to log now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
	/// It begins, or it lasts.
	Wrong,
	/// It is over.
	Over,
}

/// Decides when to speak of a trouble.
#[derive(Debug)]
pub(super) struct Alarm {
	/// A trouble that is younger is none.
	patience: Duration,
	/// Since when it lasts.
	since: Option<Instant>,
	/// When it was last told.
	said: Option<Instant>,
}

impl Alarm {
	pub(super) fn new(patience: Duration) -> Self {
		Self {
			patience,
			since: None,
			said: None,
		}
	}

	/// To be told again and again whether it is wrong now.
	pub(super) fn update(&mut self, wrong: bool, now: Instant) -> Option<Notice> {
		if !wrong {
			self.since = None;
			return self.said.take().map(|_| Notice::Over);
		}
		let since = *self.since.get_or_insert(now);
		let (last, pause) = match self.said {
			Some(said) => (said, REPEAT_AFTER),
			None => (since, self.patience),
		};
		(now.saturating_duration_since(last) >= pause).then(|| {
			self.said = Some(now);
			Notice::Wrong
		})
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_trouble_is_told_once_it_lasts_rarely_after_and_at_its_end() {
		let start = Instant::now();
		let at = |seconds| start + Duration::from_secs(seconds);
		let mut alarm = Alarm::new(Duration::from_secs(30));
		assert_eq!(alarm.update(false, at(0)), None);
		assert_eq!(alarm.update(true, at(10)), None);
		assert_eq!(
			alarm.update(false, at(20)),
			None,
			"what was not told is not over"
		);
		assert_eq!(
			alarm.update(true, at(30)),
			None,
			"its age counts from its beginning"
		);
		assert_eq!(alarm.update(true, at(59)), None);
		assert_eq!(alarm.update(true, at(60)), Some(Notice::Wrong));
		assert_eq!(alarm.update(true, at(359)), None);
		assert_eq!(alarm.update(true, at(360)), Some(Notice::Wrong));
		assert_eq!(alarm.update(false, at(361)), Some(Notice::Over));
		assert_eq!(alarm.update(false, at(362)), None);
	}

	#[test]
	fn without_patience_it_is_told_at_once() {
		let mut alarm = Alarm::new(Duration::ZERO);
		assert_eq!(alarm.update(true, Instant::now()), Some(Notice::Wrong));
	}
}

//! What other validators' blocks say about this machine's clock.
//!
//! A block carries its author's time, its slot, under the author's seal, and comes here within a slot
//! or so. The clock of this machine is held against the authors that were heard, each with one voice,
//! whatever peer brought its blocks and whether or not they could be imported: with a clock that is
//! behind, they cannot. What is told is a difference. Most validators may have the wrong time and this
//! machine the right one; a machine that hears no other validator learns nothing; less than half a slot
//! behind, or two slots ahead, is not told from the time that making and sending a block takes.

use std::{
	collections::BTreeMap,
	time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// For how long a block counts.
const MEMORY: Duration = Duration::from_secs(600);

/// A moment, by the clock that may be wrong and by the one that only counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
	/// Since 1970.
	pub(super) wall: Duration,
	pub(super) instant: Instant,
}

impl Moment {
	pub(super) fn now() -> Self {
		Self {
			wall: SystemTime::now()
				.duration_since(UNIX_EPOCH)
				.unwrap_or_default(),
			instant: Instant::now(),
		}
	}

	/// What the wall clock, as it goes now, would have said at `instant`, in milliseconds.
	fn wall_at(&self, instant: Instant) -> i128 {
		let since = self.instant.saturating_duration_since(instant);
		milliseconds(self.wall) - milliseconds(since)
	}
}

/// How this machine's clock differs from those of most validators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Difference {
	Behind(Duration),
	Ahead(Duration),
}

/// What was concluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
	/// None if the clocks agree.
	pub(super) difference: Option<Difference>,
	/// From how many validators' blocks.
	pub(super) authors: usize,
}

/// The last block of one author.
#[derive(Debug)]
struct Heard {
	/// When its slot began, since 1970.
	made: Duration,
	/// When it came.
	at: Instant,
}

/// The blocks that were heard.
#[derive(Debug)]
pub(super) struct Clock<Author> {
	slot: Duration,
	heard: BTreeMap<Author, Heard>,
	looked_at: Option<Moment>,
}

impl<Author: Ord> Clock<Author> {
	/// With slots of this length.
	pub(super) fn new(slot: Duration) -> Self {
		Self {
			slot,
			heard: BTreeMap::new(),
			looked_at: None,
		}
	}

	/// A block by `author`, whose slot began at `made`, came. One older than another of the same author
	/// is late for reasons of its own.
	pub(super) fn hear(&mut self, author: Author, made: Duration, at: Instant) {
		let known = self.heard.get(&author);
		if known.is_none_or(|known| known.made < made) {
			self.heard.insert(author, Heard { made, at });
		}
	}

	/// Forgets blocks that came too long ago or before the machine slept, and those of authors that do
	/// not count any more.
	pub(super) fn forget(&mut self, now: Moment, counts: impl Fn(&Author) -> bool) {
		let slept = self.looked_at.replace(now).is_some_and(|before| {
			// The clock that only counts stands still meanwhile.
			let expected = now.wall_at(before.instant);
			expected - milliseconds(before.wall) > milliseconds(self.slot)
		});
		self.heard.retain(|author, heard| {
			let age = now.instant.saturating_duration_since(heard.at);
			!slept && counts(author) && age < MEMORY
		});
	}

	/// What more than half of the authors heard agree on, of `others` in all. None if too few were
	/// heard: one alone may be the one whose clock is wrong, unless there is no other.
	pub(super) fn judge(&self, now: Moment, others: usize) -> Option<Verdict> {
		let authors = self.heard.len();
		if authors < others.clamp(1, 2) {
			return None;
		}
		let mut ages: Vec<_> = self
			.heard
			.values()
			.map(|heard| now.wall_at(heard.at) - milliseconds(heard.made))
			.collect();
		ages.sort_unstable();

		let slot = milliseconds(self.slot);
		let most = |count: usize| count * 2 > authors;
		let early = ages.iter().filter(|age| **age < -slot / 2).count();
		let late = ages.iter().filter(|age| **age > 2 * slot).count();
		let median = ages.get(authors / 2).copied().unwrap_or_default();
		let by = Duration::from_millis(u64::try_from(median.unsigned_abs()).unwrap_or(u64::MAX));
		let difference = if most(early) {
			Some(Difference::Behind(by))
		} else {
			most(late).then_some(Difference::Ahead(by))
		};
		Some(Verdict {
			difference,
			authors,
		})
	}

	/// How far this machine's clock is from reaching the best block, whose slot began at `made`, if
	/// farther than a right one can be.
	pub(super) fn until(&self, made: Duration, now: Duration) -> Option<Duration> {
		made.checked_sub(now).filter(|missing| *missing > self.slot)
	}
}

fn milliseconds(duration: Duration) -> i128 {
	i128::try_from(duration.as_millis()).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
	use super::*;

	const SLOT: Duration = Duration::from_secs(3);
	/// When the tests take place, since 1970.
	const TODAY: Duration = Duration::from_secs(1_800_000_000);

	fn seconds(seconds: u64) -> Duration {
		Duration::from_secs(seconds)
	}

	/// A moment in which the true time is `TODAY` and the clock `ahead` seconds ahead of it.
	fn now(ahead: i64) -> Moment {
		Moment {
			wall: Duration::from_secs(TODAY.as_secs().saturating_add_signed(ahead)),
			instant: Instant::now(),
		}
	}

	/// The moment so long after `now`.
	fn later(now: Moment, by: Duration) -> Moment {
		Moment {
			wall: now.wall + by,
			instant: now.instant + by,
		}
	}

	/// Authors that made their blocks so many seconds ago, which came at once.
	fn heard(now: Moment, ages: &[i64]) -> Clock<usize> {
		let mut clock = Clock::new(SLOT);
		for (author, age) in ages.iter().enumerate() {
			let made = TODAY.as_secs().saturating_add_signed(-age);
			clock.hear(author, seconds(made), now.instant);
		}
		clock
	}

	fn difference(ahead: i64, ages: &[i64]) -> Option<Difference> {
		let now = now(ahead);
		heard(now, ages).judge(now, 10).unwrap().difference
	}

	#[test]
	fn a_right_clock_agrees_with_blocks_that_are_made_and_sent_in_time() {
		assert_eq!(difference(0, &[0, 1, 2, 3]), None);
	}

	#[test]
	fn a_wrong_clock_is_told_with_its_direction_and_size() {
		let behind = |by| Some(Difference::Behind(seconds(by)));
		let ahead = |by| Some(Difference::Ahead(seconds(by)));
		assert_eq!(difference(-30, &[0, 1, 2]), behind(29));
		assert_eq!(difference(40, &[0, 1, 2]), ahead(41));
		let dead_battery = -(TODAY.as_secs() as i64);
		assert_eq!(
			difference(dead_battery, &[0, 0, 0]),
			behind(TODAY.as_secs())
		);
	}

	#[test]
	fn what_was_heard_before_the_machine_slept_says_nothing() {
		let before = now(0);
		let mut clock = heard(before, &[0, 1, 2]);
		clock.forget(before, |_| true);
		assert!(clock.judge(before, 3).is_some());
		let looked_again = later(before, seconds(10));
		clock.forget(looked_again, |_| true);
		assert!(clock.judge(looked_again, 3).is_some());
		let woken = Moment {
			wall: looked_again.wall + seconds(3_600),
			instant: looked_again.instant + seconds(10),
		};
		clock.forget(woken, |_| true);
		assert_eq!(clock.judge(woken, 3), None);
	}

	#[test]
	fn a_few_authors_with_wrong_clocks_do_not_make_this_one_wrong() {
		assert_eq!(difference(0, &[0, 1, -500]), None);
		assert_eq!(difference(0, &[0, 1, 500]), None);
		assert_eq!(difference(0, &[0, -500]), None, "half is not most");
		assert_eq!(difference(0, &[0, 1, 500, -500]), None);
	}

	#[test]
	fn one_author_is_believed_only_where_there_is_no_other() {
		let now = now(60);
		let clock = heard(now, &[0]);
		assert_eq!(clock.judge(now, 3), None);
		assert_eq!(clock.judge(now, 2), None);
		let verdict = clock.judge(now, 1).unwrap();
		assert_eq!(verdict.authors, 1);
		assert_eq!(verdict.difference, Some(Difference::Ahead(seconds(60))));
		assert_eq!(heard(now, &[]).judge(now, 0), None);
		assert_eq!(heard(now, &[]).judge(now, 1), None);
	}

	#[test]
	fn a_clock_that_was_set_is_right_at_once() {
		let before = now(-90);
		let clock = heard(before, &[0, 0]);
		assert!(clock.judge(before, 4).unwrap().difference.is_some());
		let set = Moment {
			wall: TODAY + seconds(60),
			instant: before.instant + seconds(60),
		};
		assert_eq!(clock.judge(set, 4).unwrap().difference, None);
	}

	#[test]
	fn old_blocks_are_no_sign_of_a_wrong_clock() {
		let now = now(0);
		let mut clock = heard(now, &[1, 1]);
		clock.hear(0, TODAY - seconds(300), now.instant);
		clock.hear(1, TODAY - seconds(300), now.instant);
		assert_eq!(clock.judge(now, 4).unwrap().difference, None);
	}

	#[test]
	fn what_was_heard_is_forgotten_with_time_and_with_its_author() {
		let now = now(0);
		let mut clock = heard(now, &[0, 0, 0]);
		clock.forget(later(now, MEMORY - seconds(1)), |author| *author != 1);
		assert_eq!(clock.heard.len(), 2);
		clock.forget(later(now, MEMORY), |_| true);
		assert_eq!(clock.heard.len(), 0);
	}

	#[test]
	fn a_best_block_may_lie_a_slot_ahead() {
		let clock = Clock::<usize>::new(SLOT);
		assert_eq!(clock.until(TODAY - seconds(60), TODAY), None);
		assert_eq!(clock.until(TODAY + SLOT, TODAY), None);
		assert_eq!(clock.until(TODAY + seconds(60), TODAY), Some(seconds(60)));
	}
}

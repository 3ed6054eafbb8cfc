//! Whose turn it is: pure values, no clock and no thread.
//!
//! Who came first is served first, unless somebody who needs the result earlier could not wait for
//! that. Then a job that has been begun rests for the more urgent one too; what rests ends before
//! anything that is due later, so that begun jobs form a stack.
//!
//! The earliest deadline always first would serve short jobs, which are due soon, one after the other
//! until a long one is late.

use crate::{ComputeError, Memory, Speed, Work};
use std::{
	cmp::Reverse,
	time::{Duration, Instant},
};

/// Estimates of time may be wrong by this factor before a job is given up that could have been done.
const DOUBT: u32 = 2;

/// The part of the time for others that is added before a more urgent job is made to wait for them.
/// By simulation: without it, and with much more, miners that are full are late more often.
const RESERVE: u32 = 4;

/// When a job must be done, and what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
	/// A result is of no use after it; `None` can always wait.
	pub deadline: Option<Instant>,
	/// What there is to do, at most.
	pub work: Work,
}

/// Something that waits for its turn.
pub trait Job {
	/// Whether nobody waits for the result any more.
	fn abandoned(&self) -> bool;
}

/// What is waiting and under way, and what was done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
	/// Jobs that wait or are begun.
	pub jobs: usize,
	/// Time until all of them are done, at most.
	pub backlog: Duration,
	/// Time that was spent on jobs since the start.
	pub busy: Duration,
}

/// Jobs that wait for a model, and those that it has begun.
#[derive(Debug)]
pub struct Queue<J> {
	waiting: Vec<Waiting<J>>,
	/// The last one is being done, the others rest.
	begun: Vec<Begun>,
	speed: Speed,
	memory: Memory,
	max_waiting: usize,
	arrivals: u64,
	/// Time spent on jobs, without what has passed since `busy_since`.
	busy: Duration,
	busy_since: Option<Instant>,
}

/// A job under way.
#[derive(Debug)]
struct Begun {
	/// With the work that is left.
	terms: Terms,
	/// Tokens for which its cache has room.
	cached: u64,
}

#[derive(Debug)]
struct Waiting<J> {
	job: J,
	terms: Terms,
	arrival: u64,
}

impl Terms {
	/// Whether a result that comes `time` after `now` is still of use.
	fn allow(&self, now: Instant, time: Duration) -> bool {
		self.deadline
			.is_none_or(|deadline| now.checked_add(time).is_some_and(|done| done <= deadline))
	}

	/// Sorts by deadline; none comes last.
	fn urgency(&self) -> Reverse<Option<Reverse<Instant>>> {
		Reverse(self.deadline.map(Reverse))
	}

	/// The least that must be done: an answer may end with its first token.
	fn least(&self) -> Work {
		Work {
			write: self.work.write.min(1),
			..self.work
		}
	}
}

impl<J: Job> Queue<J> {
	/// An empty queue for a model of this speed, in this memory.
	pub fn new(max_waiting: usize, speed: Speed, memory: Memory) -> Self {
		Self {
			waiting: Vec::new(),
			begun: Vec::new(),
			speed,
			memory,
			max_waiting,
			arrivals: 0,
			busy: Duration::ZERO,
			busy_since: None,
		}
	}

	/// Adds a job, or gives it back with the reason why it cannot be taken.
	pub fn push(&mut self, now: Instant, job: J, terms: Terms) -> Result<(), (J, ComputeError)> {
		let (tokens, limit) = (terms.work.tokens(), self.memory.tokens());
		if self.memory.cached(tokens) > limit {
			return Err((job, ComputeError::TooLarge { tokens, limit }));
		}
		if self.hopeless(now, &terms) {
			return Err((job, ComputeError::TooLate));
		}
		self.waiting.retain(|waiting| !waiting.job.abandoned());
		let waiting = self.waiting.len();
		if waiting >= self.max_waiting {
			return Err((job, ComputeError::Busy { waiting }));
		}
		self.arrivals += 1;
		self.waiting.push(Waiting {
			job,
			terms,
			arrival: self.arrivals,
		});
		Ok(())
	}

	/// Forgets the jobs that nobody waits for, and gives back those that cannot be done in time.
	pub fn expire(&mut self, now: Instant) -> Vec<J> {
		self.waiting.retain(|waiting| !waiting.job.abandoned());
		let (late, waiting) = std::mem::take(&mut self.waiting)
			.into_iter()
			.partition(|waiting| self.hopeless(now, &waiting.terms));
		self.waiting = waiting;
		Vec::into_iter(late)
			.map(|late: Waiting<J>| late.job)
			.collect()
	}

	/// Takes the job that is to be done now. While another one is under way that is a more urgent one
	/// that could not wait for it, or none. Each job taken must be followed by [`Self::end`].
	pub fn begin(&mut self, now: Instant) -> Option<(J, Terms)> {
		let next = match self.begun.last() {
			None => {
				let oldest = self.oldest(now)?;
				self.too_urgent(now, &self.waiting[oldest].terms)
					.unwrap_or(oldest)
			}
			Some(current) => self
				.too_urgent(now, &current.terms)
				.filter(|next| self.has_room(&self.waiting[*next].terms))?,
		};
		let Waiting { job, terms, .. } = self.waiting.swap_remove(next);
		let cached = self.memory.cached(terms.work.tokens());
		self.begun.push(Begun { terms, cached });
		self.busy_since.get_or_insert(now);
		Some((job, terms))
	}

	/// Counts a token that the job under way has written.
	pub fn wrote(&mut self) {
		if let Some(current) = self.begun.last_mut() {
			let work = &mut current.terms.work;
			work.read = 0;
			work.write = work.write.saturating_sub(1);
		}
	}

	/// The job under way is done; the one that rested for it goes on.
	pub fn end(&mut self, now: Instant) {
		self.begun.pop();
		if self.begun.is_empty() {
			self.busy = self.busy_until(now);
			self.busy_since = None;
		}
	}

	fn busy_until(&self, now: Instant) -> Duration {
		let running = self
			.busy_since
			.map(|since| now.saturating_duration_since(since));
		self.busy.saturating_add(running.unwrap_or_default())
	}

	/// What there is to do, and what was done.
	pub fn load(&self, now: Instant) -> Load {
		let waiting = self.waiting.iter().map(|waiting| waiting.terms);
		let begun = self.begun.iter().map(|begun| begun.terms);
		let backlog = waiting
			.chain(begun)
			.map(|terms| self.speed.time(terms.work))
			.fold(Duration::ZERO, Duration::saturating_add);
		Load {
			jobs: self.waiting.len() + self.begun.len(),
			backlog,
			busy: self.busy_until(now),
		}
	}

	fn hopeless(&self, now: Instant, terms: &Terms) -> bool {
		!terms.allow(now, self.speed.time(terms.least()) / DOUBT)
	}

	/// The one that came first. Jobs that may turn out too long for their deadline come after those
	/// that surely fit: a late job must not make another one late.
	fn oldest(&self, now: Instant) -> Option<usize> {
		(0..self.waiting.len()).min_by_key(|index| {
			let waiting = &self.waiting[*index];
			(!self.fits(now, &waiting.terms), waiting.arrival)
		})
	}

	/// The most urgent one among those due before `current`, if one of them would be late were
	/// `current` finished first.
	fn too_urgent(&self, now: Instant, current: &Terms) -> Option<usize> {
		let mut urgent: Vec<_> = (0..self.waiting.len())
			.filter(|index| {
				let terms = &self.waiting[*index].terms;
				terms.urgency() < current.urgency() && self.fits(now, terms)
			})
			.collect();
		urgent.sort_by_key(|index| {
			let waiting = &self.waiting[*index];
			(waiting.terms.urgency(), waiting.arrival)
		});
		let mut time = self.speed.time(current.work);
		let late = urgent.iter().any(|index| {
			let terms = &self.waiting[*index].terms;
			time = time.saturating_add(self.speed.time(terms.work));
			!terms.allow(now, time.saturating_add(time / RESERVE))
		});
		urgent.first().copied().filter(|_| late)
	}

	fn fits(&self, now: Instant, terms: &Terms) -> bool {
		terms.allow(now, self.speed.time(terms.work))
	}

	/// Whether there is memory for one more sequence beside those that are begun.
	fn has_room(&self, terms: &Terms) -> bool {
		let cached = self.memory.cached(terms.work.tokens());
		let begun = self.begun.iter().map(|begun| begun.cached);
		begun.fold(cached, u64::saturating_add) <= self.memory.tokens()
	}
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;

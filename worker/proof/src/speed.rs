//! How fast a model is, and how many tasks at a time that is enough for.

use std::time::Duration;

/// The share of a window that is planned with. The rest is for what a plan does not see: other
/// programs on the machine, and answers that slow down as they grow long.
const PLANNED_SHARE: f64 = 0.7;

/// Most tasks that a miner offers to take, whatever its speed: each holds a stream and a prompt.
const MAX_CAPACITY: u32 = 64;

/// Tokens per second of one sequence at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
	/// While a prompt is read.
	pub prefill: f64,
	/// While an answer is written.
	pub decode: f64,
}

/// Tokens that a job has to do with, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
	/// Tokens read: the prompt, or prompt and answer where they are re-checked.
	pub read: u32,
	/// Tokens written.
	pub write: u32,
	/// Tokens judged, which are among those read. Judging one takes about as long as reading it: on a
	/// processor, with a vocabulary of 150,000, a model of 0.5B parameters takes 1.3 times as long.
	pub judge: u32,
}

impl Work {
	/// An answer of at most `write` tokens to a prompt of `read`.
	pub fn answer(read: u32, write: u32) -> Self {
		Self {
			read,
			write,
			judge: 0,
		}
	}

	/// Re-checking an answer of `output` tokens to a prompt of `prompt`.
	pub fn recheck(prompt: u32, output: u32) -> Self {
		Self {
			read: prompt.saturating_add(output),
			write: 0,
			judge: output,
		}
	}

	/// Tokens that the model sees.
	pub fn tokens(&self) -> u64 {
		u64::from(self.read) + u64::from(self.write)
	}
}

impl Speed {
	/// The time that `work` takes. Work that a speed of 0 never ends takes [`Duration::MAX`].
	pub fn time(&self, work: Work) -> Duration {
		let part = |tokens: u32, speed: f64| match tokens {
			0 => 0.0,
			tokens => f64::from(tokens) / speed,
		};
		let seconds = part(work.read, self.prefill)
			+ part(work.judge, self.prefill)
			+ part(work.write, self.decode);
		Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
	}
}

/// The time that the chain grants for a task: `base + tokens / tokens_per_second`, for prompt and
/// answer together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
	/// What does not depend on the tokens, less what passes between chain and worker: until the
	/// assignment is seen finalized, and until the receipt is in a block.
	pub base: Duration,
	/// The profile's least speed.
	pub tokens_per_second: u32,
	/// The profile's context: most tokens of one task.
	pub context: u32,
}

/// Tasks that a miner can take at a time and keep every deadline; 0 is a machine too slow for the
/// profile.
///
/// The model computes one sequence at a time, and prefers the one with the earliest deadline, even
/// to one that it has begun. If `n` tasks of `t` tokens come in the same instant, the last one is
/// done after `n · t / v`, where `v` is the slower speed of reading and writing, and the chain waits
/// for it `base + t / least`. So `n ≤ share · v · (base / t + 1 / least)`. The longest tasks, with
/// `t` the whole context, are the hardest; where they fit, any mixture of shorter ones does, because
/// a shorter task's window never ends after a longer one's of the same instant.
pub fn capacity(speed: Speed, grant: &Grant) -> u32 {
	let tokens = f64::from(grant.context.max(1));
	let window = grant.base.as_secs_f64() + tokens / f64::from(grant.tokens_per_second.max(1));
	let each = tokens / speed.prefill.min(speed.decode);
	let tasks = PLANNED_SHARE * window / each;
	// Casts of floats saturate, and make NaN 0.
	(tasks as u32).min(MAX_CAPACITY)
}

#[cfg(test)]
mod tests {
	use super::*;

	const SPEED: Speed = Speed {
		prefill: 200.0,
		decode: 20.0,
	};

	fn grant(base: u64, tokens_per_second: u32, context: u32) -> Grant {
		Grant {
			base: Duration::from_secs(base),
			tokens_per_second,
			context,
		}
	}

	#[test]
	fn time_counts_both_parts() {
		let work = Work::answer(400, 30);
		assert_eq!(SPEED.time(work), Duration::from_millis(3_500));
		let recheck = Work::recheck(400, 30);
		assert_eq!(recheck.tokens(), 430);
		assert_eq!(SPEED.time(recheck), Duration::from_millis(2_300));
		let stuck = Speed {
			prefill: 0.0,
			decode: 0.0,
		};
		assert_eq!(stuck.time(work), Duration::MAX);
		assert_eq!(stuck.time(Work::answer(0, 0)), Duration::ZERO);
	}

	#[test]
	fn as_many_tasks_as_the_longest_windows_hold() {
		// A task of 1,000 tokens takes 50 s. The window has 100 s + 200 s, of which 210 s are planned.
		assert_eq!(capacity(SPEED, &grant(100, 5, 1_000)), 4);
		// Without a base it is the ratio of the speeds, whatever the context: 0.7 · 4.
		assert_eq!(capacity(SPEED, &grant(0, 5, 1_000)), 2);
		assert_eq!(capacity(SPEED, &grant(0, 5, 100_000)), 2);
	}

	#[test]
	fn what_fits_for_the_longest_tasks_fits_for_shorter_ones() {
		for context in [64_u32, 500, 4_096, 32_768] {
			let grant = grant(100, 5, context);
			let tasks = capacity(SPEED, &grant);
			for tokens in (1..=context).step_by(7) {
				let each = SPEED.time(Work::answer(0, tokens));
				let window = grant.base + Duration::from_secs_f64(f64::from(tokens) / 5.0);
				assert!(each * tasks <= window, "{tasks} tasks of {tokens} tokens");
			}
		}
	}

	#[test]
	fn a_machine_that_is_too_slow_takes_none_and_a_fast_one_a_bounded_number() {
		let slow = Speed {
			prefill: 4.0,
			decode: 4.0,
		};
		assert_eq!(capacity(slow, &grant(0, 5, 1_000)), 0);
		for speed in [0.0, f64::NAN] {
			let broken = Speed {
				prefill: speed,
				decode: speed,
			};
			assert_eq!(capacity(broken, &grant(100, 5, 1_000)), 0);
		}
		let fast = Speed {
			prefill: 1e9,
			decode: 1e9,
		};
		assert_eq!(capacity(fast, &grant(100, 5, 1_000)), MAX_CAPACITY);
	}
}

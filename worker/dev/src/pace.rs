//! What can be asked of miners that share this machine with the rest of the grid.

use infergrid_proof::Speed;

/// Tasks that a miner should be able to take at a time.
const TASKS: f64 = 4.0;
/// The share of the machine that miners are planned with; nodes and verifiers need the rest.
const PLANNED_SHARE: f64 = 0.7;
/// Each task holds a stream and a prompt.
const MOST_TASKS: u32 = 64;

/// A least speed with a number of tasks at which honest miners keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
	/// Tokens per second of each task.
	pub(crate) least: u32,
	/// Tasks of each miner at a time.
	pub(crate) capacity: u32,
}

impl Pace {
	/// All tasks of all miners together get no more than the planned share of what the machine can do,
	/// unless one task of each is more than that.
	/// No task is promised more than `most` tokens per second.
	pub(crate) fn for_speed(speed: Speed, miners: usize, most: u32) -> Self {
		let each = speed.prefill.min(speed.decode) / miners.max(1) as f64;
		// Casts of floats saturate, and make NaN 0.
		let least = ((each / TASKS) as u32).clamp(1, most.max(1));
		let capacity = (PLANNED_SHARE * each / f64::from(least)) as u32;
		Self {
			least,
			capacity: capacity.clamp(1, MOST_TASKS),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn pace(decode: f64) -> (u32, u32) {
		let speed = Speed {
			prefill: decode * 10.0,
			decode,
		};
		let pace = Pace::for_speed(speed, 2, 10);
		(pace.least, pace.capacity)
	}

	#[test]
	fn all_tasks_together_ask_for_no_more_than_the_machine_has() {
		assert_eq!(pace(800.0), (10, 28));
		assert_eq!(pace(18.0), (2, 3));
		assert_eq!(pace(7.0), (1, 2));
		assert_eq!(pace(0.5), (1, 1));
		for tenth in 20..10_000 {
			let speed = f64::from(tenth) / 10.0;
			let (least, capacity) = pace(speed);
			let asked = 2 * least * capacity;
			assert!(f64::from(asked) <= speed, "{asked} of {speed}");
		}
	}
}

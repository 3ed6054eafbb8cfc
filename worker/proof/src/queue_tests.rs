use super::*;
use std::{cell::Cell, rc::Rc};

const SPEED: Speed = Speed {
	prefill: 100.0,
	decode: 10.0,
};
const MEMORY: Memory = Memory {
	available: 1_000,
	weights: 0,
	scratch: 0,
	per_token: 1,
	context: 1_000,
};

/// A job with a name, and whether it was abandoned.
#[derive(Clone, Debug, Default, PartialEq)]
struct Named(&'static str, Rc<Cell<bool>>);

impl Job for Named {
	fn abandoned(&self) -> bool {
		self.1.get()
	}
}

/// A queue and the instant at which its test begins.
struct Bench {
	queue: Queue<Named>,
	start: Instant,
}

impl Bench {
	fn new() -> Self {
		Self {
			queue: Queue::new(8, SPEED, MEMORY),
			start: Instant::now(),
		}
	}

	fn at(&self, seconds: u64) -> Instant {
		self.start + Duration::from_secs(seconds)
	}

	/// Adds an answer of `seconds`, due `due` seconds after the start.
	fn add(&mut self, name: &'static str, seconds: u32, due: Option<u64>) -> Rc<Cell<bool>> {
		let job = Named(name, Rc::default());
		let terms = Terms {
			deadline: due.map(|due| self.at(due)),
			work: Work::answer(0, seconds * 10),
		};
		self.queue.push(self.start, job.clone(), terms).unwrap();
		job.1
	}

	fn begin(&mut self, seconds: u64) -> Option<&'static str> {
		let now = self.at(seconds);
		self.queue.begin(now).map(|(job, _)| job.0)
	}

	/// Begins and ends what comes first, until nothing waits.
	fn order(&mut self) -> Vec<&'static str> {
		let mut order = Vec::new();
		while let Some(name) = self.begin(0) {
			order.push(name);
			self.queue.end(self.at(0));
		}
		order
	}
}

#[test]
fn who_came_first_is_first_unless_somebody_could_not_wait() {
	let mut bench = Bench::new();
	bench.add("whenever", 20, None);
	bench.add("patient", 1, Some(60));
	bench.add("urgent", 1, Some(10));
	bench.add("as urgent", 1, Some(10));
	assert_eq!(
		bench.order(),
		["urgent", "as urgent", "whenever", "patient"]
	);
}

#[test]
fn what_may_be_late_does_not_delay_what_fits() {
	let mut bench = Bench::new();
	bench.add("too long", 20, Some(10));
	bench.add("fits", 10, Some(12));
	assert_eq!(bench.order(), ["fits", "too long"]);
}

#[test]
fn what_nobody_waits_for_or_cannot_be_done_is_not_done() {
	let mut bench = Bench::new();
	let gone = bench.add("gone", 1, Some(20));
	bench.add("late", 1, Some(5));
	bench.add("on time", 1, Some(20));
	gone.set(true);
	let late = bench.queue.expire(bench.at(6));
	assert_eq!(late.iter().map(|job| job.0).collect::<Vec<_>>(), ["late"]);
	assert_eq!(bench.order(), ["on time"]);
}

#[test]
fn a_job_is_given_up_when_even_half_the_estimate_for_its_least_is_too_long() {
	let mut bench = Bench::new();
	// Reading takes 4 s by the estimate; the answer may end with its first token.
	let terms = |due| Terms {
		deadline: Some(bench.start + Duration::from_millis(due)),
		work: Work::answer(390, 400),
	};
	let (fair, hopeless) = (terms(2_000), terms(1_999));
	let push = |queue: &mut Queue<Named>, terms| queue.push(bench.start, Named::default(), terms);
	assert!(push(&mut bench.queue, fair).is_ok());
	assert!(matches!(
		push(&mut bench.queue, hopeless),
		Err((_, ComputeError::TooLate))
	));
}

#[test]
fn a_full_queue_refuses_unless_somebody_has_gone() {
	let mut bench = Bench::new();
	let first = bench.add("0", 1, None);
	for _ in 1..8 {
		bench.add("more", 1, None);
	}
	let terms = Terms {
		deadline: None,
		work: Work::answer(1, 1),
	};
	let refused = bench.queue.push(bench.start, Named::default(), terms);
	assert!(matches!(
		refused,
		Err((_, ComputeError::Busy { waiting: 8 }))
	));
	first.set(true);
	assert!(
		bench
			.queue
			.push(bench.start, Named::default(), terms)
			.is_ok()
	);
}

#[test]
fn what_no_memory_could_hold_is_refused() {
	let mut bench = Bench::new();
	let terms = |write| Terms {
		deadline: None,
		work: Work::answer(0, write),
	};
	let now = bench.start;
	assert!(
		bench
			.queue
			.push(now, Named::default(), terms(1_000))
			.is_ok()
	);
	assert!(matches!(
		bench.queue.push(now, Named::default(), terms(1_001)),
		Err((
			_,
			ComputeError::TooLarge {
				tokens: 1_001,
				limit: 1_000
			}
		))
	));
}

#[test]
fn a_job_rests_only_for_one_that_could_not_wait_for_it() {
	let mut bench = Bench::new();
	bench.add("long", 40, Some(100));
	assert_eq!(bench.begin(0), Some("long"));
	bench.add("patient", 5, Some(60));
	assert_eq!(
		bench.begin(0),
		None,
		"60 s are enough for both, and a quarter more"
	);
	bench.add("urgent", 5, Some(20));
	assert_eq!(bench.begin(0), Some("urgent"));
	bench.queue.end(bench.at(0));
	assert_eq!(bench.begin(3), None);
	assert_eq!(bench.begin(4), Some("patient"));
	bench.queue.end(bench.at(0));
	assert_eq!(bench.begin(9), None);
}

#[test]
fn what_the_job_has_written_counts_for_those_that_wait() {
	let mut bench = Bench::new();
	bench.add("long", 40, Some(100));
	assert_eq!(bench.begin(0), Some("long"));
	bench.add("next", 5, Some(50));
	for _ in 0..100 {
		bench.queue.wrote();
	}
	// 30 s are left of the long one.
	assert_eq!(bench.begin(6), None);
	assert_eq!(bench.begin(7), Some("next"));
}

#[test]
fn together_they_may_be_too_many_though_each_could_wait() {
	let mut bench = Bench::new();
	bench.add("long", 20, Some(100));
	assert_eq!(bench.begin(0), Some("long"));
	bench.add("one", 10, Some(40));
	assert_eq!(bench.begin(0), None);
	bench.add("two", 10, Some(45));
	assert_eq!(bench.begin(0), Some("one"));
}

#[test]
fn nothing_rests_for_what_is_due_later_or_lost_anyway() {
	let mut bench = Bench::new();
	bench.add("long", 40, Some(50));
	assert_eq!(bench.begin(0), Some("long"));
	bench.add("later", 20, Some(55));
	bench.add("lost", 20, Some(15));
	bench.add("whenever", 1, None);
	assert_eq!(bench.begin(0), None);
}

#[test]
fn nothing_is_begun_for_which_there_is_no_memory_beside_what_rests() {
	let mut bench = Bench::new();
	// 512 tokens of 1,000 are taken.
	bench.add("long", 40, Some(100));
	assert_eq!(bench.begin(0), Some("long"));
	bench.add("large", 30, Some(31));
	assert_eq!(bench.begin(0), None);
	bench.queue.end(bench.at(0));
	assert_eq!(bench.begin(0), Some("large"));
}

#[test]
fn the_load_is_what_is_left_to_do_and_what_was_done() {
	let mut bench = Bench::new();
	bench.add("begun", 20, None);
	assert_eq!(bench.begin(0), Some("begun"));
	bench.add("waiting", 3, None);
	for _ in 0..10 {
		bench.queue.wrote();
	}
	let load = bench.queue.load(bench.at(7));
	assert_eq!((load.jobs, load.backlog), (2, Duration::from_secs(22)));
	assert_eq!(
		load.busy,
		Duration::from_secs(7),
		"the one under way counts"
	);

	bench.add("urgent", 1, Some(9));
	assert_eq!(bench.begin(7), Some("urgent"));
	bench.queue.end(bench.at(8));
	bench.queue.end(bench.at(10));
	let idle = bench.queue.load(bench.at(20));
	assert_eq!(idle.busy, Duration::from_secs(10), "no second counts twice");
}

/// A miner that has as many tasks as its capacity allows, and gets another one some seconds after it
/// is done with one, is never late, whatever their lengths.
#[test]
fn a_miner_with_as_many_tasks_as_it_has_capacity_keeps_every_deadline() {
	use crate::{Grant, capacity};
	let turnaround = Duration::from_secs(9);
	let step = Duration::from_millis(500);
	for (seed, (base, least, context)) in
		(0..).zip([(60, 2, 800), (120, 5, 512), (30, 1, 2_000)].repeat(12))
	{
		let grant = Grant {
			base: Duration::from_secs(base),
			tokens_per_second: least,
			context,
		};
		let tasks = capacity(SPEED, &grant);
		assert!(tasks >= 3, "{tasks}");
		let memory = Memory {
			available: u64::MAX,
			..MEMORY
		};
		let mut queue = Queue::new(64, SPEED, memory);
		let mut random = 0x9E37_79B9_u64.wrapping_mul(2 * seed + 1);
		let mut arrivals = vec![Duration::ZERO; tasks as usize];
		let mut begun: Vec<(Instant, u32)> = Vec::new();
		let start = Instant::now();
		let mut passed = Duration::ZERO;
		while passed < Duration::from_secs(3_600) {
			let now = start + passed;
			for _ in arrivals.extract_if(.., |arrival| *arrival <= passed) {
				random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
				let write = 1 + (random >> 33) as u32 % context;
				let window = grant.base + Duration::from_secs(u64::from(write / least));
				let terms = Terms {
					deadline: Some(now + window),
					work: Work::answer(0, write),
				};
				queue.push(now, Named::default(), terms).unwrap();
			}
			assert!(queue.expire(now).is_empty(), "late before it began");
			while let Some((_, terms)) = queue.begin(now) {
				begun.push((terms.deadline.unwrap(), terms.work.write));
			}
			passed += step;
			let Some((deadline, left)) = begun.last_mut() else {
				continue;
			};
			for _ in 0..5 {
				queue.wrote();
			}
			*left = left.saturating_sub(5);
			if *left == 0 {
				assert!(start + passed <= *deadline, "late with {tasks} tasks");
				begun.pop();
				queue.end(start + passed);
				arrivals.push(passed + turnaround);
			}
		}
	}
}

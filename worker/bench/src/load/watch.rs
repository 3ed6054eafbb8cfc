//! What the chain says of the grid meanwhile.

use crate::BenchError;
use infergrid_chain::{Chain, Event, Follower, Options, Step, Walk, address};
use infergrid_primitives::TaskId;
use serde::Serialize;
use std::{collections::BTreeSet, time::Duration};
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

/// How long the tasks may take to be paid or refunded after the last answer: two audits.
const SETTLEMENT: Duration = Duration::from_secs(600);
/// Blocks until what was submitted last is in one that is final.
const LATE_BLOCKS: usize = 3;

/// What happened to all tasks of the time, whoever's they were.
#[derive(Clone, Debug, Default, Serialize)]
pub struct OnChain {
	/// Tasks that are on chain.
	pub submitted: BTreeSet<TaskId>,
	/// Those with a receipt.
	pub delivered: BTreeSet<TaskId>,
	/// Those that are paid.
	pub settled: BTreeSet<TaskId>,
	/// Those that are refunded.
	pub refunded: BTreeSet<TaskId>,
	/// Deadlines that passed.
	pub missed: Vec<Missed>,
	/// Money that was lost.
	pub slashed: Vec<Slashed>,
}

/// A deadline that a miner missed.
#[derive(Clone, Debug, Serialize)]
pub struct Missed {
	/// The task.
	pub task: TaskId,
	/// The miner's account in SS58.
	pub miner: String,
}

/// Money that an operator lost.
#[derive(Clone, Debug, Serialize)]
pub struct Slashed {
	/// The operator's account in SS58.
	pub operator: String,
	/// As what.
	pub role: String,
	/// As a decimal string: it does not fit a JavaScript number.
	pub plancks: String,
}

impl OnChain {
	fn note_all(&mut self, step: Option<Step>) {
		if let Some(Step::Block(_, events)) = step {
			events.iter().for_each(|event| self.note(event));
		}
	}

	fn note(&mut self, event: &Event) {
		match event {
			Event::TaskSubmitted(event) => drop(self.submitted.insert(event.task)),
			Event::ResultSubmitted(event) => drop(self.delivered.insert(event.task)),
			Event::TaskSettled(event) => drop(self.settled.insert(event.task)),
			Event::TaskRefunded(event) => drop(self.refunded.insert(event.task)),
			Event::TaskMissed(event) => self.missed.push(Missed {
				task: event.task,
				miner: address(&event.miner),
			}),
			Event::Slashed(event) => self.slashed.push(Slashed {
				operator: address(&event.operator),
				role: format!("{:?}", event.role).to_lowercase(),
				plancks: event.amount.to_string(),
			}),
			_ => {}
		}
	}

	/// Whether every task is paid or refunded.
	fn is_over(&self) -> bool {
		let over = |task| self.settled.contains(task) || self.refunded.contains(task);
		self.submitted.iter().all(over)
	}

	/// A line for each number.
	pub(super) fn render(&self) -> Vec<String> {
		let count = |tasks: &BTreeSet<TaskId>, what: &str| format!("{:>6}  {what}", tasks.len());
		let mut lines = vec![
			count(&self.submitted, "tasks on chain"),
			count(&self.delivered, "delivered"),
			count(&self.settled, "paid"),
			count(&self.refunded, "refunded"),
			format!("{:>6}  deadlines missed", self.missed.len()),
			format!("{:>6}  slashes", self.slashed.len()),
		];
		let missed = self.missed.iter();
		lines.extend(
			missed.map(|missed| format!("        task {} missed by {}", missed.task, missed.miner)),
		);
		for slashed in &self.slashed {
			let Slashed {
				operator,
				role,
				plancks,
			} = slashed;
			lines.push(format!(
				"        {operator} lost {plancks} plancks as {role}"
			));
		}
		lines
	}
}

/// A watch over the chain, from its start on.
#[derive(Debug)]
pub(super) struct Watch {
	work: JoinSet<Result<OnChain, BenchError>>,
	/// Fires when nobody asks any more.
	asked: CancellationToken,
}

impl Watch {
	/// Watches the chain through one of `nodes`.
	pub(super) async fn start(nodes: Vec<String>) -> Result<Self, BenchError> {
		let chain = Chain::connect(Options::new(nodes)).await?;
		let mut follower = Follower::new(chain, CancellationToken::new());
		// The first step is the state; all tasks that come belong to blocks after it.
		follower.next().await?;
		let asked = CancellationToken::new();
		let mut work = JoinSet::new();
		work.spawn(follow(follower, asked.clone()));
		Ok(Self { work, asked })
	}

	/// Waits until every task is over, and tells what happened.
	pub(super) async fn end(mut self) -> Result<OnChain, BenchError> {
		self.asked.cancel();
		match self.work.join_next().await {
			Some(Ok(result)) => result,
			_ => Err(BenchError::WatchCrashed),
		}
	}
}

async fn follow(mut follower: Follower, asked: CancellationToken) -> Result<OnChain, BenchError> {
	let mut seen = OnChain::default();
	loop {
		tokio::select! {
			_ = asked.cancelled() => break,
			step = follower.next() => seen.note_all(step?),
		}
	}
	// What was asked last comes with the next blocks.
	let rest = async {
		for _ in 0..LATE_BLOCKS {
			seen.note_all(follower.next().await?);
		}
		while !seen.is_over() {
			seen.note_all(follower.next().await?);
		}
		Ok(())
	};
	match timeout(SETTLEMENT, rest).await {
		Ok(Err(error)) => Err(error),
		Ok(Ok(())) | Err(_) => Ok(seen),
	}
}

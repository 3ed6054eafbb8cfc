//! What has happened on chain, and waiting for what is to happen.

use anyhow::{Result, bail, ensure};
use infergrid_chain::{Chain, Event, ReadError, View};
use infergrid_primitives::{AccountBytes, AuditId, Balance, BlockNumber, TaskId, audit::Verdict};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// After a failed reading.
const PAUSE: Duration = Duration::from_millis(500);
/// For one more block, before it is asked for again.
const STALL: Duration = Duration::from_secs(60);

/// The events of finalized blocks, each block read once.
#[derive(Debug)]
pub struct History {
	chain: Chain,
	next: BlockNumber,
	events: Vec<Event>,
}

impl History {
	/// A history that begins with the next finalized block.
	pub fn from_now(chain: &Chain) -> Self {
		Self {
			chain: chain.clone(),
			next: chain.finalized() + 1,
			events: Vec::new(),
		}
	}

	/// A history of everything. Nodes keep the state of 256 blocks: it has to be read on in time.
	pub fn from_genesis(chain: &Chain) -> Self {
		Self {
			chain: chain.clone(),
			next: 1,
			events: Vec::new(),
		}
	}

	/// What has been read so far.
	pub fn events(&self) -> &[Event] {
		&self.events
	}

	/// Reads on until `find` gives something, at most for `limit`. Errors count only when the time
	/// is over: nodes may be away for a while.
	pub async fn until<T>(
		&mut self,
		what: &str,
		limit: Duration,
		find: impl Fn(&[Event]) -> Option<T>,
	) -> Result<T> {
		let deadline = Instant::now() + limit;
		let mut reason = String::new();
		loop {
			if let Some(found) = find(&self.events) {
				return Ok(found);
			}
			match timeout_at(deadline, self.read()).await {
				Ok(Ok(())) => {}
				Ok(Err(error)) => {
					reason = format!("; last error: {error}");
					sleep(PAUSE).await;
				}
				Err(_) => bail!(
					"no {what} within {} s, up to block {}{reason}",
					limit.as_secs(),
					self.next
				),
			}
		}
	}

	/// Reads on until each of `tasks` is paid or refunded.
	pub async fn until_over(&mut self, tasks: &[TaskId], limit: Duration) -> Result<()> {
		let all_over = |events: &[Event]| {
			let over = |task: &TaskId| events.iter().any(|event| ends(event) == Some(*task));
			tasks.iter().all(over).then_some(())
		};
		self.until(&format!("end of the tasks {tasks:?}"), limit, all_over)
			.await
	}

	/// Reads on to the last finalized block, and gives its state.
	pub async fn catch_up(&mut self) -> Result<View> {
		let last = self.chain.finalized();
		while self.next <= last {
			self.read().await?;
		}
		Ok(self.chain.at(self.chain.block(last).await?).await?)
	}

	async fn read(&mut self) -> Result<(), ReadError> {
		self.chain.reach(self.next, STALL).await?;
		let block = self.chain.block(self.next).await?;
		let events = self.chain.at(block).await?.events().await?;
		self.events.extend(events);
		self.next += 1;
		Ok(())
	}
}

/// The task that an event ends.
fn ends(event: &Event) -> Option<TaskId> {
	match event {
		Event::TaskSettled(event) => Some(event.task),
		Event::TaskRefunded(event) => Some(event.task),
		_ => None,
	}
}

/// The first miner of a task.
pub fn assigned(events: &[Event], task: TaskId) -> Option<AccountBytes> {
	events.iter().find_map(|event| match event {
		Event::TaskAssigned(event) if event.task == task => Some(event.miner),
		_ => None,
	})
}

/// The first committee of a task's audit.
pub fn committee(events: &[Event], task: TaskId) -> Option<Vec<AccountBytes>> {
	events.iter().find_map(|event| match event {
		Event::AuditDrawn(event) if event.task == task => Some(event.committee.clone()),
		_ => None,
	})
}

/// Every task.
pub fn submitted(events: &[Event]) -> Vec<TaskId> {
	let submitted = events.iter().filter_map(|event| match event {
		Event::TaskSubmitted(event) => Some(event.task),
		_ => None,
	});
	submitted.collect()
}

/// The first task of a payer.
pub fn submitted_by(events: &[Event], payer: &AccountBytes) -> Option<TaskId> {
	events.iter().find_map(|event| match event {
		Event::TaskSubmitted(event) if event.payer == *payer => Some(event.task),
		_ => None,
	})
}

/// How an audit of a task ended.
pub fn verdict(events: &[Event], task: TaskId) -> Option<Verdict> {
	events.iter().find_map(|event| match event {
		Event::AuditConcluded(event) if event.task == task => Some(event.verdict),
		_ => None,
	})
}

/// Fails if somebody lost money or did not deliver.
pub fn unpunished(events: &[Event]) -> Result<()> {
	let wrong = events.iter().find(|event| {
		matches!(
			event,
			Event::Slashed(_)
				| Event::Ejected(_)
				| Event::MinerPunished(_)
				| Event::VerifierPunished(_)
				| Event::TaskMissed(_)
		)
	});
	match wrong {
		None => Ok(()),
		Some(event) => bail!("everybody was honest, but: {event:?}"),
	}
}

/// A receipt that came on chain.
#[derive(Clone, Copy, Debug)]
pub struct Delivered {
	/// The miner's operator.
	pub miner: AccountBytes,
	/// Tokens of the answer.
	pub n_out: u32,
	/// What is to be paid.
	pub fee: Balance,
	/// The audit that decides about it.
	pub audit: AuditId,
}

/// The receipts of a task.
pub fn delivered(events: &[Event], task: TaskId) -> Vec<Delivered> {
	let delivered = |event: &Event| match event {
		Event::ResultSubmitted(event) if event.task == task => Some(Delivered {
			miner: event.miner,
			n_out: event.n_out,
			fee: event.fee,
			audit: event.audit,
		}),
		_ => None,
	};
	events.iter().filter_map(delivered).collect()
}

/// The fee of a task that was paid: once, shared to the planck, and not refunded as well.
pub fn paid(events: &[Event], task: TaskId) -> Result<Option<Balance>> {
	let (mut ends, mut fee) = (0, None);
	for event in events {
		match event {
			Event::TaskSettled(event) if event.task == task => {
				ends += 1;
				let shares = event.shares;
				ensure!(
					shares.miner + shares.creator + shares.treasury == event.fee,
					"task {task}: the shares {shares:?} are not the fee of {}",
					event.fee
				);
				fee = Some(event.fee);
			}
			Event::TaskRefunded(event) if event.task == task => ends += 1,
			_ => {}
		}
	}
	ensure!(ends == 1, "task {task} ended {ends} times");
	Ok(fee)
}

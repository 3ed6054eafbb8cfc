//! Which tasks are this worker's: read from the chain and nothing else, so that a restart finds
//! them again.

use crate::{MinerError, jobs::Job, ledger::Tasks, miner::Miner};
use infergrid_chain::{
	Event, ReadError, Step, Task, TaskStatus, Walk, legible, persist, persist_latest,
};
use infergrid_primitives::{BlockNumber, Hash, TaskId};
use std::{collections::HashSet, sync::Arc};
use tokio::task::JoinSet;

/// Blocks for which finished work is kept after its task is over: half a day at 3 s.
const KEEP: BlockNumber = 14_400;
/// Blocks between two clearings of the journal.
const PRUNE_EVERY: BlockNumber = 100;

impl Miner {
	/// Works on everything that the chain assigns to the miner, to the end of `walk`.
	pub async fn follow<W>(self: Arc<Self>, mut walk: W) -> Result<(), MinerError>
	where
		W: Walk<View: Tasks>,
	{
		// The chain bounds their number: it assigns no more than the offer's capacity.
		let mut working = JoinSet::new();
		loop {
			let step = tokio::select! {
				biased;
				Some(ended) = working.join_next() => {
					ended??;
					continue;
				},
				step = walk.next() => step?,
			};
			let mut begun = Vec::new();
			let followed = match step {
				None => return Ok(()),
				Some(Step::Rescan(view)) => self.rescan(&view, &mut begun).await,
				Some(Step::Block(view, events)) => self.react(&view, events, &mut begun).await,
			};
			// What was begun before a read failed is known by then, and not begun a second time.
			for job in begun {
				working.spawn(self.clone().work(job));
			}
			match followed {
				Err(MinerError::Chain(error)) => walk.read_anew(error)?,
				followed => followed?,
			}
		}
	}

	/// Begins the tasks that are assigned to the miner and not yet delivered, loses those that are
	/// not any more, and closes the work whose end was missed.
	async fn rescan(&self, view: &impl Tasks, begun: &mut Vec<Arc<Job>>) -> Result<(), MinerError> {
		let tasks = persist(|| view.assigned_to(&self.operator)).await?;
		let assigned: HashSet<TaskId> = tasks.iter().map(|(id, _)| *id).collect();
		for job in self.jobs.unfinished() {
			if !assigned.contains(&job.id) && !self.is_delivered(view, job.id).await? {
				self.lose(job.id);
			}
		}
		self.close_missed(view).await?;
		begun.extend(
			tasks
				.into_iter()
				.filter_map(|(id, task)| self.begin(id, task)),
		);
		Ok(())
	}

	async fn is_delivered(&self, view: &impl Tasks, task: TaskId) -> Result<bool, MinerError> {
		match persist(|| view.task(task)).await {
			// What this version cannot read it does not give up.
			Err(ReadError::Undecodable { .. }) => Ok(true),
			Err(error) => Err(error.into()),
			Ok(task) => {
				Ok(task.is_some_and(|task| matches!(task.status, TaskStatus::Delivered { .. })))
			}
		}
	}

	/// Closes the work for tasks whose end this worker has not seen.
	async fn close_missed(&self, view: &impl Tasks) -> Result<(), MinerError> {
		let open = self
			.journal
			.run(|journal| journal.open_deliveries())
			.await?;
		for id in open {
			let task = match persist(|| view.task(id)).await {
				Err(error @ ReadError::Undecodable { .. }) => {
					tracing::error!(task = id, %error, "it is not known whether the task is over");
					continue;
				}
				task => task?,
			};
			let over = task.is_none_or(|task| {
				matches!(
					task.status,
					TaskStatus::Settled { .. } | TaskStatus::Refunded(_)
				)
			});
			if over {
				self.close(id, view.block()).await?;
			}
		}
		Ok(())
	}

	async fn react(
		&self,
		view: &impl Tasks,
		events: Vec<Event>,
		begun: &mut Vec<Arc<Job>>,
	) -> Result<(), MinerError> {
		let now = view.block();
		for event in events {
			match event {
				Event::TaskAssigned(event) if event.miner == self.operator => {
					let task = legible(persist(|| view.task(event.task)).await)?;
					begun.extend(task.and_then(|task| self.begin(event.task, task)));
				}
				Event::TaskRefunded(event) => {
					self.lose(event.task);
					self.close(event.task, now).await?;
				}
				Event::TaskSettled(event) if event.miner == self.operator => {
					let known = self.close(event.task, now).await?;
					if known {
						tracing::info!(task = event.task, earned = event.shares.miner, "paid");
						self.metrics.paid(event.shares.miner);
					}
				}
				event => self.suffer(event).await?,
			}
		}
		if now.is_multiple_of(PRUNE_EVERY) {
			self.journal
				.run(move |journal| journal.prune_deliveries(now))
				.await?;
		}
		Ok(())
	}

	/// Notes what the operator pays for work of this worker. Another worker of the operator notes its own.
	async fn suffer(&self, event: Event) -> Result<(), MinerError> {
		match event {
			Event::TaskMissed(event) if event.miner == self.operator => {
				let task = legible(persist_latest(|| self.ledger.task(event.task)).await)?;
				if self.serves(task.map(|task| task.request.profile)) {
					tracing::error!(task = event.task, "missed the deadline, and pays for it");
					self.metrics.missed();
					self.lose(event.task);
				}
			}
			Event::MinerPunished(event) if event.miner == self.operator => {
				let audit = legible(persist_latest(|| self.ledger.audit(event.audit)).await)?;
				if self.serves(audit.map(|audit| audit.work.profile)) {
					tracing::error!(audit = event.audit, amount = event.amount, "punished");
					self.metrics.slashed(event.amount);
				}
			}
			_ => {}
		}
		Ok(())
	}

	/// Whether work for `profile` is this worker's; that of which nothing is known any more may be.
	fn serves(&self, profile: Option<Hash>) -> bool {
		profile.is_none_or(|profile| profile == self.served.id)
	}

	/// Begins a task that is assigned to the miner, for the profile it serves.
	fn begin(&self, id: TaskId, task: Task) -> Option<Arc<Job>> {
		let TaskStatus::Assigned {
			miner,
			price,
			window,
		} = task.status.clone()
		else {
			return None;
		};
		if miner != self.operator || task.request.profile != self.served.id {
			return None;
		}
		if self
			.jobs
			.get(id)
			.is_some_and(|known| known.window != window)
		{
			// It was taken away and assigned anew, in blocks that were missed.
			self.lose(id);
		}
		let job = Arc::new(Job::new(id, task, price, window));
		if !self.jobs.add(job.clone()) {
			return None;
		}
		tracing::info!(task = id, due = window.due, "assigned");
		self.metrics.assigned();
		Some(job)
	}

	fn lose(&self, task: TaskId) {
		if let Some(job) = self.jobs.get(task) {
			job.lost.cancel();
			// The chain may assign the same task again.
			self.jobs.finish(&job);
			self.jobs.remove(&job);
		}
	}

	/// Notes the end of a task. False if the work for it was not this worker's.
	async fn close(&self, task: TaskId, now: BlockNumber) -> Result<bool, MinerError> {
		self.journal
			.run(move |journal| {
				let mine = journal.delivery(task)?.is_some();
				if mine {
					journal.close_task(task, now.saturating_add(KEEP))?;
				}
				Ok(mine)
			})
			.await
			.map_err(Into::into)
	}
}

//! The orders that an earlier run of the gateway left open.
//!
//! Their clients have gone. A task that nobody works on is called off; a miner that has one is owed
//! its prompt and gets it. An order that was recorded and not yet on chain when the earlier run
//! ended is found when it comes, or given up when its extrinsic has become invalid.

use super::{Grid, order};
use crate::{failure::Failure, follow::persist};
use infergrid_chain::{Event, MORTALITY, Task, TaskStatus, View};
use infergrid_gateway::Order;
use infergrid_journal::{self as journal, Placed};
use infergrid_primitives::{BlockNumber, TaskId};
use std::{collections::HashMap, sync::Arc};
use tokio::sync::mpsc;

/// The open orders of an earlier run, by their numbers in the journal.
pub(crate) struct Recovery {
	grid: Arc<Grid>,
	open: HashMap<u64, journal::Order>,
	/// The first block that this run has looked at.
	since: Option<BlockNumber>,
}

impl Recovery {
	/// Reads the journal. To be called before this run takes orders.
	pub(super) fn new(grid: Arc<Grid>) -> Result<Self, Failure> {
		let open = grid
			.journal
			.orders()?
			.into_iter()
			.filter(|(_, order)| !order.prompt.is_empty())
			.collect();
		Ok(Self {
			grid,
			open,
			since: None,
		})
	}

	/// Looks for the orders among all tasks.
	pub(super) async fn everything(&mut self, view: &View) -> Result<(), Failure> {
		self.since.get_or_insert(view.block().number);
		if self.open.is_empty() {
			return Ok(());
		}
		for (id, task) in persist(|| view.tasks()).await? {
			self.consider(view, id, task).await?;
		}
		Ok(())
	}

	/// Looks for the orders among the tasks that a block has submitted.
	pub(super) async fn submitted(&mut self, view: &View, events: &[Event]) -> Result<(), Failure> {
		if self.open.is_empty() {
			return Ok(());
		}
		for event in events {
			if let Event::TaskSubmitted(event) = event
				&& let Some(task) = persist(|| view.task(event.task)).await?
			{
				self.consider(view, event.task, task).await?;
			}
		}
		let now = view.block().number;
		if self
			.since
			.is_some_and(|since| now > since.saturating_add(MORTALITY))
		{
			for (nonce, _) in self.open.drain() {
				tracing::info!(order.nonce = nonce, "an order never came to the chain");
				self.grid.journal.close_order(nonce, now)?;
			}
		}
		Ok(())
	}

	/// Goes on with a task if it is one of the orders.
	async fn consider(&mut self, view: &View, id: TaskId, task: Task) -> Result<(), Failure> {
		let grid = &self.grid;
		if task.payer != grid.submitter.account() {
			return Ok(());
		}
		let nonce = task.request.user_nonce;
		let Some(order) = self.open.remove(&nonce) else {
			return Ok(());
		};
		let request_id = task.request.id(&grid.chain.genesis());
		let placed = Placed {
			task: id,
			request_id,
		};
		grid.journal.place_order(nonce, placed)?;
		grid.ledger.add(placed);
		let models = persist(|| grid.read_models(view)).await?;
		let model = models
			.into_iter()
			.find(|model| model.profile == task.request.profile);
		let running = matches!(
			task.status,
			TaskStatus::Queued | TaskStatus::Assigned { .. }
		);
		let (true, Some(model)) = (running, model) else {
			grid.journal.close_order(nonce, view.block().number)?;
			return Ok(());
		};
		let resumed = Order {
			model,
			prompt: order.prompt,
			params: task.request.params,
			assurance: task.request.assurance,
		};
		// Nobody listens any more.
		let (events, _) = mpsc::channel(1);
		let fulfilment = order::Fulfilment::new(grid.clone(), resumed, events);
		let task = order::Task {
			id,
			request_id,
			salt: order.salt,
			nonce,
			block: view.block().number,
		};
		let stop = grid.stop.clone();
		grid.orders.spawn(async move {
			tokio::select! {
				_ = stop.cancelled() => {},
				() = fulfilment.resume(task) => {},
			}
		});
		Ok(())
	}
}

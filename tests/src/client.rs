//! What tests ask of a gateway and of the chain.

use crate::{grid::Grid, wait::eventually};
use anyhow::{Context, Result};
use infergrid_chain::{Call, Chain, Event, Submitter, TaskInput, TaskOrder, TaskStatus};
use infergrid_primitives::{
	Balance, BlockNumber, TaskId,
	request::{Assurance, SamplingParams},
};
use serde_json::{Value, json};
use std::time::Duration;

/// Blocks that a test's task may take: more than any audit needs.
pub const PATIENCE: BlockNumber = 200;

/// An order for an answer to `text`, audited always.
pub fn order(grid: &Grid, text: &str, params: SamplingParams, max_fee: Balance) -> TaskOrder {
	TaskOrder {
		profile: grid.profile,
		input: TaskInput::Inline(text.into()),
		params,
		max_fee,
		patience: PATIENCE,
		user_nonce: 0,
		assurance: Assurance::Always,
	}
}

/// Submits `order` and gives the task.
pub async fn submit(payer: &Submitter, order: &TaskOrder) -> Result<TaskId> {
	let included = payer.submit(&Call::submit_task(order), None).await?;
	let task = included.events.iter().find_map(|event| match event {
		Event::TaskSubmitted(event) => Some(event.task),
		_ => None,
	});
	task.context("no TaskSubmitted event")
}

/// The status of `task` in the last finalized block.
pub async fn status(chain: &Chain, task: TaskId) -> Result<TaskStatus> {
	let task = chain.latest().await?.task(task).await?;
	Ok(task.context("the task is gone")?.status)
}

/// Waits until `task` is settled or refunded.
pub async fn end_of(chain: &Chain, task: TaskId, limit: Duration) -> Result<TaskStatus> {
	eventually(&format!("end of task {task}"), limit, || async {
		let status = status(chain, task).await?;
		let over = matches!(status, TaskStatus::Settled { .. } | TaskStatus::Refunded(_));
		Ok(over.then_some(status))
	})
	.await
}

/// The events of the finalized blocks from `first` on.
pub async fn history(chain: &Chain, first: BlockNumber) -> Result<Vec<Event>> {
	let mut events = Vec::new();
	for number in first..=chain.finalized() {
		let block = chain.block(number).await?;
		events.extend(chain.at(block).await?.events().await?);
	}
	Ok(events)
}

/// The body of a chat request.
pub fn chat_body(question: &str, temperature: f64, max_tokens: u32) -> Value {
	json!({
		"model": crate::grid::MODEL_NAME,
		"messages": [{"role": "user", "content": question}],
		"temperature": temperature,
		"max_tokens": max_tokens,
	})
}

//! One question, followed to the last planck.

use super::grid::Ready;
use crate::{
	failure::Failure,
	openai::{Client, Question, Turn},
	output,
};
use anyhow::anyhow;
use infergrid_chain::{Blocks, Event, address, event, persist};
use infergrid_primitives::{AIT, Balance, BlockNumber, TaskId, audit::Verdict};
use serde::Serialize;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long the audit and the settlement may take: about 30 blocks, and as many again for a second
/// committee.
const SETTLEMENT: Duration = Duration::from_secs(300);
const MAX_TOKENS: u32 = 128;

/// What happened to the question.
#[derive(Clone, Debug, Default, Serialize)]
struct Summary {
	question: String,
	answer: String,
	task: TaskId,
	receipt_id: String,
	miner: String,
	n_prompt: u64,
	n_out: u64,
	/// In plancks, as decimal strings: they do not fit a JavaScript number.
	fee: String,
	shares: SharesSummary,
	audit: u64,
	verdict: String,
	votes: Vec<String>,
	blocks: Blocktimes,
	seconds_to_first_token: f64,
	seconds_to_settlement: f64,
}

#[derive(Clone, Debug, Default, Serialize)]
struct SharesSummary {
	miner: String,
	creator: String,
	treasury: String,
}

#[derive(Clone, Debug, Default, Serialize)]
struct Blocktimes {
	submitted: Option<BlockNumber>,
	assigned: Option<BlockNumber>,
	delivered: Option<BlockNumber>,
	drawn: Option<BlockNumber>,
	concluded: Option<BlockNumber>,
	settled: Option<BlockNumber>,
}

/// What the chain says of one task.
#[derive(Debug, Default)]
struct Trail {
	blocks: Blocktimes,
	audit: Option<u64>,
	verdict: Option<Verdict>,
	votes: Vec<(String, Verdict)>,
	settled: Option<event::TaskSettled>,
}

/// Asks, prints the answer as it comes, waits for audit and settlement, prints what happened.
pub(super) async fn ask(ready: Ready, question: String, json: bool) -> Result<(), Failure> {
	let from = ready.chain.finalized();
	let client = Client::new(&ready.gateway, None)?;
	let turns = [Turn {
		role: "user",
		content: question.clone(),
	}];
	let asked = Question {
		model: &ready.model_name,
		turns: &turns,
		max_tokens: Some(MAX_TOKENS),
		temperature: Some(0.0),
	};
	tracing::info!(%question, "asking");
	let started = Instant::now();
	let mut first = None;
	let answered = client
		.ask(&asked, |text| {
			first.get_or_insert_with(|| started.elapsed());
			if !json {
				output::piece(text);
			}
		})
		.await?;
	if !json {
		output::line("");
	}
	if answered.text.trim().is_empty() {
		return Err(Failure::check("the answer is empty"));
	}
	let task = answered.receipt["task"]
		.as_u64()
		.ok_or_else(|| Failure::check("the answer carries no receipt"))?;
	tracing::info!(task, "waiting for audit and settlement");
	let trail = timeout(SETTLEMENT, follow(ready.chain.blocks(from), &ready, task))
		.await
		.unwrap_or_else(|_| {
			let seconds = SETTLEMENT.as_secs();
			Err(Failure::check(format!(
				"task {task} was not settled within {seconds} s"
			)))
		})?;
	let seconds = started.elapsed().as_secs_f64();
	let summary = summarise(
		question,
		answered,
		task,
		trail,
		(first.unwrap_or_default().as_secs_f64(), seconds),
	)?;
	output::line(if json {
		serde_json::to_string_pretty(&summary).map_err(Failure::internal)?
	} else {
		render(&summary)
	});
	Ok(())
}

/// Collects what the chain says of `task` until it is paid and its audit is over.
async fn follow(mut blocks: Blocks, ready: &Ready, task: TaskId) -> Result<Trail, Failure> {
	let mut trail = Trail::default();
	loop {
		let block = blocks.next().await?;
		let view = persist(|| ready.chain.at(block)).await?;
		for event in persist(|| view.events()).await? {
			trail.note(task, block.number, event)?;
		}
		if trail.settled.is_some() && trail.verdict.is_some() {
			return Ok(trail);
		}
	}
}

impl Trail {
	fn note(&mut self, task: TaskId, block: BlockNumber, event: Event) -> Result<(), Failure> {
		match event {
			Event::TaskSubmitted(event) if event.task == task => {
				self.blocks.submitted = Some(block);
			}
			Event::TaskAssigned(event) if event.task == task => self.blocks.assigned = Some(block),
			Event::TaskMissed(event) if event.task == task => {
				tracing::warn!(task, miner = %address(&event.miner), "a miner missed the deadline");
			}
			Event::ResultSubmitted(event) if event.task == task => {
				self.blocks.delivered = Some(block);
				self.audit = Some(event.audit);
				tracing::info!(task, block, "the receipt is on chain");
			}
			Event::AuditDrawn(event) if event.task == task => {
				self.blocks.drawn = Some(block);
				tracing::info!(audit = event.audit, block, "a committee is drawn");
			}
			Event::VoteRevealed(event) if Some(event.audit) == self.audit => {
				self.votes.push((address(&event.verifier), event.verdict));
			}
			Event::AuditConcluded(event) if event.task == task => {
				self.blocks.concluded = Some(block);
				self.verdict = Some(event.verdict);
				tracing::info!(audit = event.audit, block, verdict = ?event.verdict, "the audit is over");
			}
			Event::TaskSettled(event) if event.task == task => {
				self.blocks.settled = Some(block);
				self.settled = Some(event);
			}
			Event::TaskRefunded(event) if event.task == task => {
				return Err(Failure::check(format!(
					"the task was refunded in block {block}: {:?}",
					event.reason
				)));
			}
			_ => {}
		}
		Ok(())
	}
}

fn summarise(
	question: String,
	answered: crate::openai::Answered,
	task: TaskId,
	trail: Trail,
	(first, settlement): (f64, f64),
) -> Result<Summary, Failure> {
	let missing = |what: &str| Failure::check(format!("the grid gave no {what}"));
	let settled = trail.settled.ok_or_else(|| missing("settlement"))?;
	let verdict = trail.verdict.ok_or_else(|| missing("verdict"))?;
	if verdict != Verdict::Valid {
		return Err(Failure::check(format!(
			"the audit found the answer {verdict:?}"
		)));
	}
	let shares = settled.shares;
	if shares.total() != settled.fee {
		return Err(Failure::internal(anyhow!(
			"the shares do not sum to the fee"
		)));
	}
	let receipt = &answered.receipt;
	let number = |name: &str| {
		receipt[name]
			.as_u64()
			.ok_or_else(|| missing(&format!("{name} in the receipt")))
	};
	Ok(Summary {
		question,
		task,
		receipt_id: receipt["receipt_id"]
			.as_str()
			.unwrap_or_default()
			.to_owned(),
		miner: address(&settled.miner),
		n_prompt: number("n_prompt")?,
		n_out: number("n_out")?,
		fee: settled.fee.to_string(),
		shares: SharesSummary {
			miner: shares.miner.to_string(),
			creator: shares.creator.to_string(),
			treasury: shares.treasury.to_string(),
		},
		audit: trail.audit.ok_or_else(|| missing("audit"))?,
		verdict: format!("{verdict:?}").to_lowercase(),
		votes: trail
			.votes
			.iter()
			.map(|(verifier, verdict)| format!("{verifier} {verdict:?}"))
			.collect(),
		blocks: trail.blocks,
		seconds_to_first_token: round(first),
		seconds_to_settlement: round(settlement),
		answer: answered.text,
	})
}

fn round(seconds: f64) -> f64 {
	(seconds * 100.0).round() / 100.0
}

fn render(summary: &Summary) -> String {
	let block =
		|number: Option<BlockNumber>| number.map_or("-".into(), |number| number.to_string());
	let blocks = &summary.blocks;
	[
		format!("task        {} ({})", summary.task, summary.receipt_id),
		format!("miner       {}", summary.miner),
		format!("tokens      {} in, {} out", summary.n_prompt, summary.n_out),
		format!("fee         {}", ait(&summary.fee)),
		format!(
			"shares      miner {}, creator {}, treasury {}",
			ait(&summary.shares.miner),
			ait(&summary.shares.creator),
			ait(&summary.shares.treasury)
		),
		format!("audit       {} {}", summary.audit, summary.verdict),
		format!(
			"blocks      submitted {}, assigned {}, delivered {}, drawn {}, concluded {}, settled {}",
			block(blocks.submitted),
			block(blocks.assigned),
			block(blocks.delivered),
			block(blocks.drawn),
			block(blocks.concluded),
			block(blocks.settled)
		),
		format!(
			"seconds     {} to the first token, {} to the settlement",
			summary.seconds_to_first_token, summary.seconds_to_settlement
		),
	]
	.join("\n")
}

/// Plancks as AIT, without loss.
fn ait(plancks: &str) -> String {
	let plancks: Balance = plancks.parse().unwrap_or_default();
	let fraction = format!("{:012}", plancks % AIT);
	let fraction = fraction.trim_end_matches('0');
	let whole = plancks / AIT;
	if fraction.is_empty() {
		format!("{whole} AIT")
	} else {
		format!("{whole}.{fraction} AIT")
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn plancks_are_shown_without_loss() {
		for (plancks, shown) in [
			("0", "0 AIT"),
			("1", "0.000000000001 AIT"),
			("1500000000000", "1.5 AIT"),
			("20000000000000", "20 AIT"),
		] {
			assert_eq!(ait(plancks), shown);
		}
	}
}

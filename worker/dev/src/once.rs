//! One question, followed to the last planck.

use crate::{DevError, Ready};
use infergrid_chain::{Blocks, Event, address, event, persist};
use infergrid_client::{Answered, Client, Question, Turn};
use infergrid_primitives::{BlockNumber, TaskId, audit::Verdict};
use serde::Serialize;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long the audit and the settlement may take: about 30 blocks, and as many again for a second
/// committee.
const SETTLEMENT: Duration = Duration::from_secs(300);
const MAX_TOKENS: u32 = 128;

/// What happened to the question.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
	/// What was asked.
	pub question: String,
	/// What came of it.
	pub answer: String,
	/// The task on chain.
	pub task: TaskId,
	/// The receipt.
	pub receipt_id: String,
	/// The miner's account in SS58.
	pub miner: String,
	/// Tokens of the question.
	pub n_prompt: u64,
	/// Tokens of the answer.
	pub n_out: u64,
	/// In plancks, as decimal strings: they do not fit a JavaScript number.
	pub fee: String,
	/// Who got it.
	pub shares: SharesSummary,
	/// The audit.
	pub audit: u64,
	/// Its end.
	pub verdict: String,
	/// Each verifier's account in SS58 with its verdict.
	pub votes: Vec<String>,
	/// When what happened.
	pub blocks: Blocktimes,
	/// From the question on.
	pub seconds_to_first_token: f64,
	/// From the question on.
	pub seconds_to_settlement: f64,
}

/// Parts of a fee in plancks, as decimal strings.
#[derive(Clone, Debug, Serialize)]
pub struct SharesSummary {
	/// Of the miner.
	pub miner: String,
	/// Of the model's creator.
	pub creator: String,
	/// Of the treasury.
	pub treasury: String,
}

/// The blocks in which a task went on.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Blocktimes {
	/// It is on chain.
	pub submitted: Option<BlockNumber>,
	/// It has a miner.
	pub assigned: Option<BlockNumber>,
	/// It has a receipt.
	pub delivered: Option<BlockNumber>,
	/// Its audit has a committee.
	pub drawn: Option<BlockNumber>,
	/// Its audit is over.
	pub concluded: Option<BlockNumber>,
	/// It is paid.
	pub settled: Option<BlockNumber>,
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

/// A question with its answer, whose task the chain has still to see through.
#[derive(Clone, Debug)]
pub struct Asked {
	question: String,
	answered: Answered,
	/// The last final block before.
	from: BlockNumber,
	started: Instant,
	first_token: Duration,
}

/// Asks, and gives the answer's text to `on_text` as it comes.
pub async fn ask(
	ready: &Ready,
	question: String,
	mut on_text: impl FnMut(&str),
) -> Result<Asked, DevError> {
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
			on_text(text);
		})
		.await?;
	Ok(Asked {
		question,
		answered,
		from,
		started,
		first_token: first.unwrap_or_default(),
	})
}

impl Asked {
	/// Waits for audit and settlement, and tells what happened.
	pub async fn settled(self, ready: &Ready) -> Result<Summary, DevError> {
		if self.answered.text.trim().is_empty() {
			return Err(DevError::EmptyAnswer);
		}
		let task = self.answered.receipt["task"].as_u64();
		let task = task.ok_or(DevError::NoReceipt)?;
		tracing::info!(task, "waiting for audit and settlement");
		let blocks = ready.chain.blocks(self.from);
		let trail = timeout(SETTLEMENT, follow(blocks, ready, task))
			.await
			.map_err(|_| DevError::Unsettled {
				task,
				seconds: SETTLEMENT.as_secs(),
			})??;
		let settlement = self.started.elapsed();
		self.summarise(task, trail, settlement)
	}

	fn summarise(
		self,
		task: TaskId,
		trail: Trail,
		settlement: Duration,
	) -> Result<Summary, DevError> {
		let missing = |what: &str| DevError::Missing(what.to_owned());
		let settled = trail.settled.ok_or_else(|| missing("settlement"))?;
		let verdict = trail.verdict.ok_or_else(|| missing("verdict"))?;
		if verdict != Verdict::Valid {
			return Err(DevError::Judged(verdict));
		}
		let shares = settled.shares;
		if shares.total() != settled.fee {
			return Err(DevError::Shares);
		}
		let receipt = &self.answered.receipt;
		let number = |name: &str| {
			receipt[name]
				.as_u64()
				.ok_or_else(|| missing(&format!("{name} in the receipt")))
		};
		let receipt_id = receipt["receipt_id"].as_str().unwrap_or_default();
		let votes = trail.votes.iter();
		Ok(Summary {
			question: self.question,
			task,
			receipt_id: receipt_id.to_owned(),
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
			votes: votes
				.map(|(verifier, verdict)| format!("{verifier} {verdict:?}"))
				.collect(),
			blocks: trail.blocks,
			seconds_to_first_token: round(self.first_token),
			seconds_to_settlement: round(settlement),
			answer: self.answered.text,
		})
	}
}

/// Collects what the chain says of `task` until it is paid and its audit is over.
async fn follow(mut blocks: Blocks, ready: &Ready, task: TaskId) -> Result<Trail, DevError> {
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
	fn note(&mut self, task: TaskId, block: BlockNumber, event: Event) -> Result<(), DevError> {
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
				return Err(DevError::Refunded {
					block,
					reason: event.reason,
				});
			}
			_ => {}
		}
		Ok(())
	}
}

impl Summary {
	/// A line for each number.
	pub fn render(&self) -> String {
		let block =
			|number: Option<BlockNumber>| number.map_or("-".into(), |number| number.to_string());
		let blocks = &self.blocks;
		[
			format!("task        {} ({})", self.task, self.receipt_id),
			format!("miner       {}", self.miner),
			format!("tokens      {} in, {} out", self.n_prompt, self.n_out),
			format!("fee         {}", ait(&self.fee)),
			format!(
				"shares      miner {}, creator {}, treasury {}",
				ait(&self.shares.miner),
				ait(&self.shares.creator),
				ait(&self.shares.treasury)
			),
			format!("audit       {} {}", self.audit, self.verdict),
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
				self.seconds_to_first_token, self.seconds_to_settlement
			),
		]
		.join("\n")
	}
}

fn round(time: Duration) -> f64 {
	(time.as_secs_f64() * 100.0).round() / 100.0
}

fn ait(plancks: &str) -> String {
	format!(
		"{} AIT",
		infergrid_chain::ait(plancks.parse().unwrap_or_default())
	)
}

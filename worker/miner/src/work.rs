//! One task, from assignment to receipt.
//!
//! The journal holds finished work: a receipt is recorded before anybody sees it, and a restart
//! sends the same one again.

use crate::{
	MinerError,
	jobs::{Job, Prompt},
	miner::Miner,
};
use infergrid_chain::{Advice, ReadError, legible, persist_latest};
use infergrid_journal::Delivery;
use infergrid_primitives::{
	BlockNumber, Hash,
	request::{Opening, PromptCommitment, Receipt, commit_tokens, sampler_seed},
	trace,
};
use infergrid_proof::{Assignment, ComputeError, Generation, Remedy};
use infergrid_swarm::Refusal;
use std::{
	ops::ControlFlow,
	sync::Arc,
	time::{Duration, Instant},
};

/// How long a finished answer stays in memory for a payer that comes back for it.
const LINGER: Duration = Duration::from_secs(120);
/// Blocks between the end of an answer and its deadline, by the last finalized block: finality lags
/// about three behind, and the receipt needs two to get into one.
pub(crate) const DELIVERY_MARGIN: BlockNumber = 5;
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Why a task is not answered. Logged once, told to the payer as a refusal.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
	#[error("the payer sent no prompt in time")]
	NoPrompt,
	#[error("the chain has taken the task away")]
	Lost,
	#[error("the inline prompt is no text")]
	Prompt,
	#[error("the fee may exceed what the payer allows")]
	Fee,
	#[error("there is no time left to compute it")]
	TooLate,
	#[error(transparent)]
	Unreadable(ReadError),
	#[error(transparent)]
	Compute(ComputeError),
	/// Not this task alone: the worker stops.
	#[error(transparent)]
	Fatal(#[from] MinerError),
}

impl From<ReadError> for Unanswered {
	fn from(error: ReadError) -> Self {
		match error.advice() {
			Advice::Skip => Self::Unreadable(error),
			Advice::Retry | Advice::Die => Self::Fatal(error.into()),
		}
	}
}

impl From<infergrid_journal::JournalError> for Unanswered {
	fn from(error: infergrid_journal::JournalError) -> Self {
		Self::Fatal(error.into())
	}
}

impl Miner {
	/// One task from beginning to end. An error stops the whole worker.
	pub(crate) async fn work(self: Arc<Self>, job: Arc<Job>) -> Result<(), MinerError> {
		let result = tokio::select! {
			biased;
			_ = job.lost.cancelled() => Err(Unanswered::Lost),
			result = self.answer(&job) => result,
		};
		let delivered = match result {
			Ok(delivery) => {
				job.end(Ok(delivery.clone()));
				tokio::select! {
					_ = job.lost.cancelled() => false,
					delivered = self.deliver(&job, &delivery) => delivered?,
				}
			}
			Err(Unanswered::Fatal(error)) => {
				job.end(Err(Refusal::Internal));
				return Err(error);
			}
			Err(reason) => {
				tracing::warn!(task = job.id, %reason, "the task is not answered");
				job.end(Err(match reason {
					Unanswered::NoPrompt | Unanswered::Lost | Unanswered::TooLate => {
						Refusal::Expired
					}
					_ => Refusal::Unavailable,
				}));
				false
			}
		};
		self.jobs.finish(&job);
		self.metrics.finished(delivered);
		tokio::time::sleep(LINGER).await;
		self.jobs.remove(&job);
		Ok(())
	}

	/// The finished work for a task: from the journal, or computed and recorded there.
	async fn answer(&self, job: &Arc<Job>) -> Result<Arc<Delivery>, Unanswered> {
		let id = job.id;
		let done = self
			.journal
			.run(move |journal| journal.delivery(id))
			.await?;
		if let Some(done) = done {
			tracing::info!(
				task = id,
				"the task was finished before, its receipt is sent again"
			);
			return Ok(Arc::new(done));
		}
		let prompt = self.prompt(job).await?;
		let request = &job.task.request;
		let most = job
			.price
			.fee(prompt.ids.len() as u32, request.params.max_tokens);
		if most > request.max_fee {
			return Err(Unanswered::Fee);
		}
		let genesis = self.ledger.genesis();
		let request_id = request.id(&genesis);
		let seed = sampler_seed(&genesis, &request_id, &job.window.anchor, &request.profile);
		let generation = self.generate(job, &prompt, seed).await?;
		let (receipt, opening) = self.receipt(job, request_id, prompt, generation)?;
		let record = move |journal: &infergrid_journal::Journal| {
			journal.receipt(id, receipt.clone(), opening.clone())
		};
		Ok(Arc::new(self.journal.run(record).await?.standing()))
	}

	/// Computes an answer, again if the device failed for once and there is time.
	async fn generate(
		&self,
		job: &Arc<Job>,
		prompt: &Prompt,
		seed: Hash,
	) -> Result<Generation, Unanswered> {
		loop {
			job.restart();
			let teller = job.clone();
			let on_token = Box::new(move |token| {
				if teller.lost.is_cancelled() {
					return ControlFlow::Break(());
				}
				teller.push(token);
				ControlFlow::Continue(())
			});
			let assignment = Assignment {
				prompt: prompt.ids.clone(),
				params: job.task.request.params.clone(),
				seed,
				proof: self.served.profile.proof,
				context: self.served.profile.context,
			};
			let deadline = self.deadline(job.window.due);
			match self
				.compute
				.generate(assignment, Some(deadline), on_token)
				.await
			{
				Ok(generation) => return Ok(generation),
				Err(_) if job.lost.is_cancelled() => return Err(Unanswered::Lost),
				Err(ComputeError::TooLate) => return Err(Unanswered::TooLate),
				Err(error) => match error.remedy() {
					Remedy::Retry => {
						tracing::warn!(task = job.id, %error, "computing the answer again");
						tokio::time::sleep(RETRY_PAUSE).await;
					}
					Remedy::Skip => return Err(Unanswered::Compute(error)),
					Remedy::Die => return Err(MinerError::Compute(error).into()),
				},
			}
		}
	}

	/// When an answer must be ready so that its receipt can be in a block by `due`.
	fn deadline(&self, due: BlockNumber) -> Instant {
		let last = due.saturating_sub(DELIVERY_MARGIN);
		let blocks = last.saturating_sub(self.ledger.finalized());
		Instant::now() + self.block_time.saturating_mul(blocks)
	}

	/// The prompt: from the chain if it lies there, from the payer otherwise.
	async fn prompt(&self, job: &Job) -> Result<Prompt, Unanswered> {
		if let PromptCommitment::Salted { .. } = job.task.request.prompt {
			let last = job.window.due.saturating_sub(DELIVERY_MARGIN);
			return tokio::select! {
				prompt = job.prompt() => Ok(prompt),
				reached = persist_latest(|| self.ledger.reach(last)) => {
					reached?;
					Err(Unanswered::NoPrompt)
				},
			};
		}
		let text = persist_latest(|| self.ledger.prompt(job.id)).await?;
		let text = text.ok_or(Unanswered::Lost)?;
		let text = String::from_utf8(text).map_err(|_| Unanswered::Prompt)?;
		match self.compute.encode_inline(text).await {
			Ok(ids) => Ok(Prompt { salt: [0; 32], ids }),
			Err(error) if error.remedy() == Remedy::Die => Err(MinerError::Compute(error).into()),
			Err(error) => Err(Unanswered::Compute(error)),
		}
	}

	/// What is to be signed for an answer.
	fn receipt(
		&self,
		job: &Job,
		request_id: Hash,
		prompt: Prompt,
		generation: Generation,
	) -> Result<(Receipt, Opening), MinerError> {
		let genesis = self.ledger.genesis();
		let Generation {
			tokens,
			finish,
			proofs,
			time_to_first_token,
			total_time,
		} = generation;
		let output_salt: Hash = rand::random();
		let chunk = self.served.profile.proof.chunk;
		let trace_root =
			trace::answer_root(&genesis, &tokens, &proofs, chunk).ok_or(MinerError::Proofs)?;
		let (n_prompt, n_out) = (prompt.ids.len() as u32, tokens.len() as u32);
		self.metrics.answered(n_prompt, n_out, total_time);
		let receipt = Receipt {
			request_id,
			miner: self.operator,
			worker_key: self.ledger.worker(),
			n_prompt,
			n_out,
			finish,
			output_commit: commit_tokens(&genesis, &output_salt, &tokens),
			trace_root,
			fee: job.price.fee(n_prompt, n_out),
			ttft_ms: milliseconds(time_to_first_token),
			total_ms: milliseconds(total_time),
		};
		let opening = Opening {
			prompt_salt: prompt.salt,
			prompt: prompt.ids,
			output_salt,
			output: tokens,
			proofs,
		};
		Ok((receipt, opening))
	}

	/// Brings the receipt on chain, unless it is there or comes too late. Gives whether it is there.
	/// A refusal concerns this task, and no other.
	async fn deliver(&self, job: &Job, delivery: &Delivery) -> Result<bool, MinerError> {
		let due = job.window.due;
		match self.ledger.submit_result(job.id, delivery, due).await {
			Ok(block) => {
				tracing::info!(
					task = job.id,
					chain.block = block,
					receipt.n_prompt = delivery.receipt.n_prompt,
					receipt.n_out = delivery.receipt.n_out,
					receipt.fee = delivery.receipt.fee,
					receipt.total_ms = delivery.receipt.total_ms,
					"delivered"
				);
				Ok(true)
			}
			// An earlier submission of the same receipt may have come first.
			Err(_) if self.stands(job, delivery).await? => Ok(true),
			Err(error) => {
				tracing::error!(task = job.id, %error, "the chain does not take the receipt");
				Ok(false)
			}
		}
	}

	/// Whether the chain has this receipt for the task.
	async fn stands(&self, job: &Job, delivery: &Delivery) -> Result<bool, MinerError> {
		let receipt = legible(persist_latest(|| self.ledger.receipt(job.id)).await)?;
		Ok(receipt.is_some_and(|receipt| receipt == delivery.receipt))
	}
}

fn milliseconds(time: Duration) -> u32 {
	u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

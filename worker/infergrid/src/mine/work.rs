//! From assignment to receipt.
//!
//! Which tasks are this worker's is read from the chain and nothing else, so that a restart finds
//! them again. The journal holds finished work: a receipt is recorded before anybody sees it, and a
//! restart sends the same one again.

use super::jobs::{Job, Jobs, Prompt};
use crate::{
	engine::{Assignment, EngineHandle, JobError},
	failure::{Failure, needs_fees},
	follow::{Follower, Step, persist},
	profile::Served,
};
use infergrid_chain::{Advice, Call, Chain, Event, Submitter, Task, TaskStatus, View};
use infergrid_engine::Generation;
use infergrid_journal::{Delivery, Journal};
use infergrid_primitives::{
	AccountBytes, BlockNumber, Hash, TaskId,
	request::{Opening, PromptCommitment, Receipt, commit_tokens, sampler_seed},
	trace,
};
use infergrid_swarm::Refusal;
use std::{ops::ControlFlow, sync::Arc, time::Duration};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Blocks for which finished work is kept after its task is over: half a day at 3 s.
const KEEP: BlockNumber = 14_400;
/// Blocks between two clearings of the journal.
const PRUNE_EVERY: BlockNumber = 100;
/// How long a finished answer stays in memory for a payer that comes back for it.
const LINGER: Duration = Duration::from_secs(120);
const RETRY_PAUSE: Duration = Duration::from_secs(3);

/// A miner's worker.
#[derive(Debug)]
pub(crate) struct Miner {
	pub(crate) chain: Chain,
	pub(crate) journal: Journal,
	pub(crate) operator: AccountBytes,
	pub(crate) jobs: Jobs,
	submitter: Submitter,
	engine: EngineHandle,
	served: Served,
}

/// Why a task is not answered. Logged once, told to the payer as a refusal.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
	#[error("the payer sent no prompt in time")]
	NoPrompt,
	#[error("the chain has taken the task away")]
	Lost,
	#[error("the inline prompt cannot be encoded: {0}")]
	Prompt(String),
	#[error("the fee may exceed what the payer allows")]
	Fee,
	#[error("the engine refuses: {0}")]
	Engine(JobError),
}

impl Miner {
	pub(crate) fn new(
		chain: Chain,
		submitter: Submitter,
		engine: EngineHandle,
		journal: Journal,
		operator: AccountBytes,
		served: Served,
	) -> Self {
		Self {
			chain,
			journal,
			operator,
			jobs: Jobs::new(),
			submitter,
			engine,
			served,
		}
	}

	/// The worker key, which signs receipts.
	pub(crate) fn worker(&self) -> AccountBytes {
		self.submitter.account()
	}

	/// One task from beginning to end. An error stops the whole worker.
	async fn work(self: Arc<Self>, job: Arc<Job>) -> Result<(), Failure> {
		let result = self.answer(&job).await;
		let refusal = match result {
			Ok(Ok(delivery)) => {
				job.end(Ok(delivery.clone()));
				self.deliver(&job, &delivery).await?;
				None
			}
			Ok(Err(reason)) => {
				tracing::warn!(task = job.id, %reason, "the task is not answered");
				Some(match reason {
					Unanswered::NoPrompt | Unanswered::Lost => Refusal::Expired,
					Unanswered::Prompt(_) | Unanswered::Fee | Unanswered::Engine(_) => {
						Refusal::Unavailable
					}
				})
			}
			Err(failure) => {
				job.end(Err(Refusal::Internal));
				return Err(failure);
			}
		};
		if let Some(refusal) = refusal {
			job.end(Err(refusal));
		}
		tokio::time::sleep(LINGER).await;
		self.jobs.remove(&job);
		Ok(())
	}

	/// The finished work for a task: from the journal, or computed and recorded there.
	async fn answer(&self, job: &Arc<Job>) -> Result<Result<Arc<Delivery>, Unanswered>, Failure> {
		if let Some(done) = self.journal.delivery(job.id)? {
			tracing::info!(
				task = job.id,
				"the task was finished before, its receipt is sent again"
			);
			return Ok(Ok(Arc::new(done)));
		}
		let prompt = match self.prompt(job).await? {
			Ok(prompt) => prompt,
			Err(reason) => return Ok(Err(reason)),
		};
		let request = &job.task.request;
		let most = job
			.price
			.fee(prompt.ids.len() as u32, request.params.max_tokens);
		if most > request.max_fee {
			return Ok(Err(Unanswered::Fee));
		}
		let genesis = self.chain.genesis();
		let request_id = request.id(&genesis);
		let anchor = persist(|| self.chain.block(job.window.assigned_at))
			.await?
			.hash;
		let assignment = Assignment {
			prompt: prompt.ids.clone(),
			params: request.params.clone(),
			seed: sampler_seed(&genesis, &request_id, &anchor, &request.profile),
			proof: self.served.profile.proof,
			context: self.served.profile.context,
		};
		let teller = job.clone();
		let generated = self
			.engine
			.generate(assignment, move |token| {
				if teller.lost.is_cancelled() {
					return ControlFlow::Break(());
				}
				teller.push(token);
				ControlFlow::Continue(())
			})
			.await;
		match generated {
			Ok(generation) => {
				let delivery = self.sign(job, request_id, prompt, generation)?;
				Ok(Ok(Arc::new(delivery)))
			}
			Err(_) if job.lost.is_cancelled() => Ok(Err(Unanswered::Lost)),
			Err(error) if error.fatal() => Err(Failure::outside(error)),
			Err(error) => Ok(Err(Unanswered::Engine(error))),
		}
	}

	/// The prompt: from the chain if it lies there, from the payer otherwise.
	async fn prompt(&self, job: &Job) -> Result<Result<Prompt, Unanswered>, Failure> {
		if let PromptCommitment::Salted { .. } = job.task.request.prompt {
			let due = job.window.due;
			let mut blocks = self.chain.blocks(due);
			return Ok(tokio::select! {
				prompt = job.prompt() => Ok(prompt),
				_ = job.lost.cancelled() => Err(Unanswered::Lost),
				_ = blocks.next() => Err(Unanswered::NoPrompt),
			});
		}
		let view = persist(|| self.chain.latest()).await?;
		let Some(text) = persist(|| view.prompt(job.id)).await? else {
			return Ok(Err(Unanswered::Lost));
		};
		let text = match String::from_utf8(text) {
			Ok(text) => text,
			Err(error) => return Ok(Err(Unanswered::Prompt(error.to_string()))),
		};
		match self.engine.encode_inline(text).await {
			Ok(Ok(ids)) => Ok(Ok(Prompt { salt: [0; 32], ids })),
			Ok(Err(reason)) => Ok(Err(Unanswered::Prompt(reason))),
			Err(error) => Err(Failure::outside(error)),
		}
	}

	/// Signs for an answer.
	fn sign(
		&self,
		job: &Job,
		request_id: Hash,
		prompt: Prompt,
		generation: Generation,
	) -> Result<Delivery, Failure> {
		let genesis = self.chain.genesis();
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
			trace::answer_root(&genesis, &tokens, &proofs, chunk).ok_or_else(|| {
				Failure::internal(anyhow::anyhow!(
					"the engine gave another number of proofs than chunks"
				))
			})?;
		let (n_prompt, n_out) = (prompt.ids.len() as u32, tokens.len() as u32);
		let receipt = Receipt {
			request_id,
			miner: self.operator,
			worker_key: self.worker(),
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
		Ok(self.journal.receipt(job.id, receipt, opening)?.standing())
	}

	/// Brings the receipt on chain, unless it is there or came too late.
	async fn deliver(&self, job: &Job, delivery: &Delivery) -> Result<(), Failure> {
		let call = Call::submit_result(job.id, &delivery.receipt, &delivery.signature);
		loop {
			let error = match self.submitter.submit(&call, Some(job.window.due)).await {
				Ok(included) => {
					tracing::info!(
						task = job.id,
						chain.block = included.block.number,
						receipt.n_prompt = delivery.receipt.n_prompt,
						receipt.n_out = delivery.receipt.n_out,
						receipt.fee = delivery.receipt.fee,
						receipt.total_ms = delivery.receipt.total_ms,
						"delivered"
					);
					return Ok(());
				}
				Err(error) => error,
			};
			match error.advice() {
				Advice::Retry => {
					tracing::warn!(task = job.id, %error, "the receipt is not on chain yet");
					tokio::time::sleep(RETRY_PAUSE).await;
				}
				Advice::Skip => {
					if !self.delivered(job.id).await? {
						tracing::warn!(task = job.id, %error, "the chain does not take the receipt");
					}
					return Ok(());
				}
				Advice::Die => return Err(needs_fees(error)),
			}
		}
	}

	/// Whether the chain has this worker's receipt for the task.
	async fn delivered(&self, task: TaskId) -> Result<bool, Failure> {
		let view = persist(|| self.chain.latest()).await?;
		let receipt = persist(|| view.receipt(task)).await?;
		Ok(receipt.is_some_and(|receipt| receipt.worker_key == self.worker()))
	}
}

fn milliseconds(time: Duration) -> u32 {
	u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

/// Works on everything that the chain assigns to the miner, until `stop`.
pub(crate) async fn follow(miner: Arc<Miner>, stop: CancellationToken) -> Result<(), Failure> {
	let mut follower = Follower::new(miner.chain.clone(), stop);
	// The chain bounds their number: it assigns no more than the offer's capacity.
	let mut working = JoinSet::new();
	loop {
		let step = tokio::select! {
			biased;
			Some(ended) = working.join_next() => {
				ended.map_err(Failure::internal)??;
				continue;
			},
			step = follower.next() => step?,
		};
		let begun = match step {
			None => return Ok(()),
			Some(Step::Rescan(view)) => rescan(&miner, &view).await?,
			Some(Step::Block(view, events)) => react(&miner, &view, events).await?,
		};
		for job in begun {
			working.spawn(miner.clone().work(job));
		}
	}
}

/// Begins the tasks that are assigned to the miner and not yet delivered.
async fn rescan(miner: &Miner, view: &View) -> Result<Vec<Arc<Job>>, Failure> {
	let tasks = persist(|| view.assigned_to(&miner.operator)).await?;
	Ok(tasks
		.into_iter()
		.filter_map(|(id, task)| begin(miner, id, task))
		.collect())
}

async fn react(miner: &Miner, view: &View, events: Vec<Event>) -> Result<Vec<Arc<Job>>, Failure> {
	let now = view.block().number;
	let mut begun = Vec::new();
	for event in events {
		match event {
			Event::TaskAssigned(event) if event.miner == miner.operator => {
				let task = persist(|| view.task(event.task)).await?;
				begun.extend(task.and_then(|task| begin(miner, event.task, task)));
			}
			Event::TaskMissed(event) if event.miner == miner.operator => {
				tracing::warn!(task = event.task, "missed the deadline");
				lose(miner, event.task);
			}
			Event::TaskRefunded(event) => {
				lose(miner, event.task);
				close(miner, event.task, now)?;
			}
			Event::TaskSettled(event) if event.miner == miner.operator => {
				tracing::info!(task = event.task, earned = event.shares.miner, "paid");
				close(miner, event.task, now)?;
			}
			Event::MinerPunished(event) if event.miner == miner.operator => {
				tracing::error!(audit = event.audit, amount = event.amount, "punished");
			}
			_ => {}
		}
	}
	if now.is_multiple_of(PRUNE_EVERY) {
		miner.journal.prune_deliveries(now)?;
	}
	Ok(begun)
}

/// Begins a task that is assigned to the miner, for the profile it serves.
fn begin(miner: &Miner, id: TaskId, task: Task) -> Option<Arc<Job>> {
	let TaskStatus::Assigned {
		miner: assigned,
		price,
		window,
	} = task.status.clone()
	else {
		return None;
	};
	if assigned != miner.operator || task.request.profile != miner.served.id {
		return None;
	}
	let job = Arc::new(Job::new(id, task, price, window));
	if !miner.jobs.add(job.clone()) {
		return None;
	}
	tracing::info!(task = id, due = window.due, "assigned");
	Some(job)
}

fn lose(miner: &Miner, task: TaskId) {
	if let Some(job) = miner.jobs.get(task) {
		job.lost.cancel();
		// The chain may assign the same task again.
		miner.jobs.remove(&job);
	}
}

fn close(miner: &Miner, task: TaskId, now: BlockNumber) -> Result<(), Failure> {
	if miner.journal.delivery(task)?.is_some() {
		miner.journal.close_task(task, now.saturating_add(KEEP))?;
	}
	Ok(())
}

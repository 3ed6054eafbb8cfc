//! The tasks a miner works on, as its peers may look at them.

use infergrid_chain::Task;
use infergrid_journal::Delivery;
use infergrid_primitives::{
	Hash, TaskId, TokenId,
	market::Price,
	request::{PromptCommitment, Window, commit_tokens},
};
use infergrid_swarm::Refusal;
use std::{
	collections::HashMap,
	sync::{
		Arc, Mutex, MutexGuard, PoisonError,
		atomic::{AtomicBool, Ordering},
	},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A prompt with what opens its commitment.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Prompt {
	pub(crate) salt: Hash,
	pub(crate) ids: Vec<TokenId>,
}

impl std::fmt::Debug for Prompt {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		write!(f, "Prompt({} ids)", self.ids.len())
	}
}

impl Prompt {
	/// Whether this is the prompt that `commitment` fixes. An inline prompt is derived, never given.
	pub(crate) fn fits(&self, genesis: &Hash, commitment: &PromptCommitment) -> bool {
		match commitment {
			PromptCommitment::Inline { .. } => false,
			PromptCommitment::Salted {
				commitment,
				n_prompt,
			} => {
				self.ids.len() == *n_prompt as usize
					&& commit_tokens(genesis, &self.salt, &self.ids) == *commitment
			}
		}
	}
}

/// How far an answer is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
	/// The answer so far.
	pub(crate) tokens: Vec<TokenId>,
	/// How it ended.
	pub(crate) end: Option<Result<Arc<Delivery>, Refusal>>,
}

/// One task.
#[derive(Debug)]
pub(crate) struct Job {
	pub(crate) id: TaskId,
	pub(crate) task: Task,
	pub(crate) price: Price,
	pub(crate) window: Window,
	/// Fires when the chain has taken the task away.
	pub(crate) lost: CancellationToken,
	prompt: watch::Sender<Option<Prompt>>,
	progress: watch::Sender<Progress>,
	finished: AtomicBool,
}

impl Job {
	pub(crate) fn new(id: TaskId, task: Task, price: Price, window: Window) -> Self {
		Self {
			id,
			task,
			price,
			window,
			lost: CancellationToken::new(),
			prompt: watch::Sender::new(None),
			progress: watch::Sender::new(Progress::default()),
			finished: AtomicBool::new(false),
		}
	}

	/// Takes the prompt that the payer sent; the first one stays.
	pub(crate) fn offer_prompt(&self, prompt: Prompt) {
		self.prompt.send_if_modified(|slot| {
			let first = slot.is_none();
			if first {
				*slot = Some(prompt);
			}
			first
		});
	}

	/// Whether the prompt is here.
	pub(crate) fn has_prompt(&self) -> bool {
		self.prompt.borrow().is_some()
	}

	/// Waits for the payer's prompt.
	pub(crate) async fn prompt(&self) -> Prompt {
		let mut receiver = self.prompt.subscribe();
		loop {
			if let Some(prompt) = receiver.borrow_and_update().clone() {
				return prompt;
			}
			if receiver.changed().await.is_err() {
				std::future::pending::<()>().await;
			}
		}
	}

	/// Begins the answer anew. The same seed gives the same tokens: who has seen some sees them
	/// continued.
	pub(crate) fn restart(&self) {
		self.progress
			.send_if_modified(|progress| !std::mem::take(&mut progress.tokens).is_empty());
	}

	/// Adds a token to the answer.
	pub(crate) fn push(&self, token: TokenId) {
		self.progress
			.send_modify(|progress| progress.tokens.push(token));
	}

	/// Ends the answer; the first end stays.
	pub(crate) fn end(&self, end: Result<Arc<Delivery>, Refusal>) {
		self.progress.send_if_modified(|progress| {
			let first = progress.end.is_none();
			if first {
				if let Ok(delivery) = &end {
					// After a restart the tokens come from the journal.
					progress.tokens.clone_from(&delivery.opening.output);
				}
				progress.end = Some(end);
			}
			first
		});
	}

	/// Follows the answer from its beginning.
	pub(crate) fn watch(&self) -> watch::Receiver<Progress> {
		self.progress.subscribe()
	}
}

/// The tasks that are under way.
#[derive(Debug)]
pub(crate) struct Jobs {
	jobs: Mutex<HashMap<TaskId, Arc<Job>>>,
	/// Counts additions, for those who wait for one.
	added: watch::Sender<u64>,
	/// Counts the jobs that are not finished.
	under_way: watch::Sender<usize>,
}

impl Jobs {
	pub(crate) fn new() -> Self {
		Self {
			jobs: Mutex::default(),
			added: watch::Sender::new(0),
			under_way: watch::Sender::new(0),
		}
	}

	/// Adds a job, unless its task is there already.
	pub(crate) fn add(&self, job: Arc<Job>) -> bool {
		let fresh = {
			let mut jobs = self.lock();
			let fresh = !jobs.contains_key(&job.id);
			if fresh {
				jobs.insert(job.id, job);
			}
			fresh
		};
		if fresh {
			self.under_way.send_modify(|count| *count += 1);
			self.added.send_modify(|count| *count += 1);
		}
		fresh
	}

	/// Notes that nothing is left to do for `job`. It can still be looked at until it is removed.
	pub(crate) fn finish(&self, job: &Job) {
		if !job.finished.swap(true, Ordering::Relaxed) {
			self.under_way
				.send_modify(|count| *count = count.saturating_sub(1));
		}
	}

	/// How many jobs are not finished.
	pub(crate) fn under_way(&self) -> usize {
		*self.under_way.borrow()
	}

	/// Ends when every job is finished.
	pub(crate) async fn idle(&self) {
		let mut under_way = self.under_way.subscribe();
		if under_way.wait_for(|count| *count == 0).await.is_err() {
			std::future::pending::<()>().await;
		}
	}

	/// The jobs that are not finished.
	pub(crate) fn unfinished(&self) -> Vec<Arc<Job>> {
		let mut jobs: Vec<_> = self.lock().values().cloned().collect();
		jobs.retain(|job| !job.finished.load(Ordering::Relaxed));
		jobs
	}

	pub(crate) fn get(&self, task: TaskId) -> Option<Arc<Job>> {
		self.lock().get(&task).cloned()
	}

	/// Waits for a job of `task`.
	pub(crate) async fn wait(&self, task: TaskId) -> Arc<Job> {
		let mut added = self.added.subscribe();
		loop {
			added.mark_unchanged();
			if let Some(job) = self.get(task) {
				return job;
			}
			if added.changed().await.is_err() {
				std::future::pending::<()>().await;
			}
		}
	}

	/// Removes `job`, but not another one of the same task.
	pub(crate) fn remove(&self, job: &Arc<Job>) {
		let mut jobs = self.lock();
		if jobs
			.get(&job.id)
			.is_some_and(|known| Arc::ptr_eq(known, job))
		{
			jobs.remove(&job.id);
		}
	}

	fn lock(&self) -> MutexGuard<'_, HashMap<TaskId, Arc<Job>>> {
		self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
	}
}

//! A chain that does what a test says, and a miner on it.

use crate::{
	LastOffer, Ledger, Miner, MinerMetrics, Position, Tasks,
	jobs::{Job, Prompt},
};
use async_trait::async_trait;
use infergrid_chain::{
	Audit, OfferTerms, Phase, ReadError, Refusal, Served, Standing, SubmitError, Task, TaskStatus,
	fake::undecodable,
};
use infergrid_journal::{Delivery, Journal};
use infergrid_keys::Key;
use infergrid_primitives::{
	AccountBytes, AuditId, BlockNumber, Hash, TaskId, WorkerKey,
	market::{Price, Work},
	randomness::Ticket,
	request::{
		Assurance, Payment, PromptCommitment, Receipt, Request, SamplingParams, Window,
		commit_tokens,
	},
};
use infergrid_proof::fake::Echo;
use std::{
	collections::{HashMap, HashSet, VecDeque},
	sync::{Arc, Mutex, MutexGuard},
	time::Duration,
};
use tempfile::NamedTempFile;
use tokio::sync::watch;

pub(super) const GENESIS: Hash = [9; 32];
pub(super) const OPERATOR: AccountBytes = [7; 32];
pub(super) const SALT: Hash = [5; 32];
pub(super) const PRICE: Price = Price {
	input: 1_000,
	output: 2_000,
};
pub(super) const WINDOW: Window = Window {
	assigned_at: 10,
	anchor: [10; 32],
	due: 50,
};

#[derive(Debug, Default)]
pub(super) struct State {
	pub(super) tasks: HashMap<TaskId, Task>,
	pub(super) prompts: HashMap<TaskId, Vec<u8>>,
	pub(super) receipts: HashMap<TaskId, Receipt>,
	pub(super) audits: HashMap<AuditId, Audit>,
	pub(super) workers: HashMap<WorkerKey, AccountBytes>,
	/// How the next submissions end, before those that succeed.
	pub(super) refusals: VecDeque<SubmitError>,
	/// Receipts that were submitted, refused or not.
	pub(super) submitted: Vec<Receipt>,
	/// How the next reads fail.
	pub(super) failures: VecDeque<ReadError>,
	/// Tasks of which the next read at a step of the walk fails.
	pub(super) failing: HashMap<TaskId, ReadError>,
	/// Tasks and audits whose records cannot be decoded.
	pub(super) undecodable: HashSet<u64>,
	/// How the operator stands, where that is not well.
	pub(super) standing: Option<Standing>,
	pub(super) offer: Option<LastOffer>,
	/// Offers that were submitted, refused or not.
	pub(super) offered: Vec<OfferTerms>,
}

impl State {
	/// The record at `key` of `records`, which are called `item`.
	fn record<T: Clone>(
		&self,
		(item, records): (&str, &HashMap<u64, T>),
		key: u64,
	) -> Result<Option<T>, ReadError> {
		if self.undecodable.contains(&key) {
			return Err(undecodable(item, key));
		}
		Ok(records.get(&key).cloned())
	}

	fn task(&self, task: TaskId) -> Result<Option<Task>, ReadError> {
		self.record(("Tasks.Tasks", &self.tasks), task)
	}
}

/// A chain whose state and finalized block a test sets.
#[derive(Debug)]
pub(super) struct FakeLedger {
	worker: WorkerKey,
	finalized: watch::Sender<BlockNumber>,
	state: Mutex<State>,
}

impl FakeLedger {
	pub(super) fn state(&self) -> MutexGuard<'_, State> {
		self.state.lock().unwrap()
	}

	pub(super) fn finalize(&self, block: BlockNumber) {
		self.finalized.send_replace(block);
	}

	fn read<T>(&self, read: impl FnOnce(&State) -> T) -> Result<T, ReadError> {
		let mut state = self.state();
		match state.failures.pop_front() {
			Some(error) => Err(error),
			None => Ok(read(&state)),
		}
	}
}

#[async_trait]
impl Tasks for Arc<FakeLedger> {
	fn block(&self) -> BlockNumber {
		self.finalized()
	}

	async fn assigned_to(&self, operator: &AccountBytes) -> Result<Vec<(TaskId, Task)>, ReadError> {
		self.read(|state| {
			let legible = state
				.tasks
				.iter()
				.filter(|(id, _)| !state.undecodable.contains(id));
			legible
				.filter(
					|(_, task)| matches!(&task.status, TaskStatus::Assigned { miner, .. } if miner == operator),
				)
				.map(|(id, task)| (*id, task.clone()))
				.collect()
		})
	}

	async fn task(&self, task: TaskId) -> Result<Option<Task>, ReadError> {
		if let Some(error) = self.state().failing.remove(&task) {
			return Err(error);
		}
		self.read(|state| state.task(task))?
	}
}

#[async_trait]
impl Ledger for FakeLedger {
	fn genesis(&self) -> Hash {
		GENESIS
	}

	fn worker(&self) -> WorkerKey {
		self.worker
	}

	fn finalized(&self) -> BlockNumber {
		*self.finalized.borrow()
	}

	async fn reach(&self, block: BlockNumber) -> Result<(), ReadError> {
		let mut finalized = self.finalized.subscribe();
		let reached = finalized.wait_for(|reached| *reached >= block).await;
		reached.map(drop).map_err(|_| ReadError::Closed)
	}

	async fn task(&self, task: TaskId) -> Result<Option<Task>, ReadError> {
		self.read(|state| state.task(task))?
	}

	async fn prompt(&self, task: TaskId) -> Result<Option<Vec<u8>>, ReadError> {
		self.read(|state| state.record(("Tasks.Prompts", &state.prompts), task))?
	}

	async fn receipt(&self, task: TaskId) -> Result<Option<Receipt>, ReadError> {
		self.read(|state| state.record(("Tasks.Receipts", &state.receipts), task))?
	}

	async fn audit(&self, audit: AuditId) -> Result<Option<Audit>, ReadError> {
		self.read(|state| state.record(("Audits.Audits", &state.audits), audit))?
	}

	async fn last_opening(&self, audit: &Audit) -> Result<Option<BlockNumber>, ReadError> {
		self.read(|_| match audit.phase {
			Phase::Scheduled { draw_at, .. } => Some(draw_at + 100),
			_ => None,
		})
	}

	async fn operator_of(&self, worker: &WorkerKey) -> Result<Option<AccountBytes>, ReadError> {
		self.read(|state| state.workers.get(worker).copied())
	}

	async fn standing(&self, _: &AccountBytes, _: &Hash) -> Result<Standing, ReadError> {
		self.read(|state| state.standing.clone().unwrap_or(Standing::Good))
	}

	async fn last_offer(&self, _: &AccountBytes, _: &Hash) -> Result<Option<LastOffer>, ReadError> {
		self.read(|state| state.offer.clone())
	}

	async fn set_offer(&self, _: &Hash, terms: &OfferTerms) -> Result<(), SubmitError> {
		let mut state = self.state();
		state.offered.push(terms.clone());
		if let Some(refusal) = state.refusals.pop_front() {
			return Err(refusal);
		}
		state.offer = Some(LastOffer {
			terms: terms.clone(),
			stands: true,
		});
		// Who offers is in the profile's list.
		state.standing = None;
		Ok(())
	}

	async fn withdraw_offer(&self, _: &Hash) -> Result<(), SubmitError> {
		if let Some(offer) = &mut self.state().offer {
			offer.stands = false;
		}
		Ok(())
	}

	async fn submit_result(
		&self,
		task: TaskId,
		delivery: &Delivery,
		_: BlockNumber,
	) -> Result<BlockNumber, SubmitError> {
		let mut state = self.state();
		state.submitted.push(delivery.receipt.clone());
		if let Some(refusal) = state.refusals.pop_front() {
			return Err(refusal);
		}
		state.receipts.insert(task, delivery.receipt.clone());
		Ok(self.finalized())
	}
}

/// A miner with everything around it.
pub(super) struct Scene {
	pub(super) ledger: Arc<FakeLedger>,
	pub(super) model: Arc<Echo>,
	pub(super) miner: Arc<Miner>,
	pub(super) payer: Key,
	_directory: tempfile::TempDir,
}

pub(super) fn scene(model: Echo) -> Scene {
	let directory = tempfile::tempdir().unwrap();
	let worker = Key::from_uri("//Bob//worker").unwrap();
	let path = directory.path().join("journal.redb");
	let journal = Journal::create(&path, &GENESIS, worker.clone()).unwrap();
	let ledger = Arc::new(FakeLedger {
		worker: worker.public(),
		finalized: watch::Sender::new(12),
		state: Mutex::default(),
	});
	let model = Arc::new(model);
	let position = Position {
		operator: OPERATOR,
		served: Served {
			id: [3; 32],
			profile: model.profile(),
		},
		block_time: Duration::from_secs(3),
	};
	let metrics = MinerMetrics::register(&mut Default::default());
	let miner = Miner::new(ledger.clone(), model.clone(), journal, position, metrics);
	Scene {
		ledger,
		model,
		miner,
		payer: Key::from_uri("//Alice").unwrap(),
		_directory: directory,
	}
}

/// What is logged in this thread, as long as the guard lives.
pub(super) fn log() -> (NamedTempFile, impl Drop) {
	let log = NamedTempFile::new().unwrap();
	let subscriber = tracing_subscriber::fmt()
		.with_ansi(false)
		.with_writer(Arc::new(log.reopen().unwrap()));
	(log, tracing::subscriber::set_default(subscriber.finish()))
}

pub(super) const PROMPT: [u32; 3] = [10, 20, 30];

impl Scene {
	/// A task for the miner with the prompt [`PROMPT`], as it lies on chain.
	pub(super) fn task(&self, max_tokens: u32) -> Task {
		let commitment = commit_tokens(&GENESIS, &SALT, &PROMPT);
		Task {
			payer: self.payer.public(),
			request: Request {
				profile: [3; 32],
				params: SamplingParams::greedy(max_tokens),
				prompt: PromptCommitment::Salted {
					commitment,
					n_prompt: PROMPT.len() as u32,
				},
				max_fee: 1_000_000,
				user_nonce: 1,
				payment: Payment::Task(1),
				assurance: Assurance::Sampled,
			},
			status: TaskStatus::Assigned {
				miner: OPERATOR,
				price: PRICE,
				window: WINDOW,
			},
			submitted_at: 5,
			expires_at: 200,
		}
	}

	/// Puts a task on chain and lets the miner begin it.
	pub(super) fn assign(&self, id: TaskId, task: Task) -> Arc<Job> {
		self.ledger.state().tasks.insert(id, task.clone());
		let job = Arc::new(Job::new(id, task, PRICE, WINDOW));
		assert!(self.miner.jobs.add(job.clone()));
		job
	}
}

pub(super) fn prompt() -> Prompt {
	Prompt {
		salt: SALT,
		ids: PROMPT.to_vec(),
	}
}

/// The audit of `task`, for `profile`, drawn in block 40.
pub(super) fn scheduled(task: TaskId, profile: Hash) -> Audit {
	Audit {
		work: Work {
			task,
			profile,
			miner: OPERATOR,
			payer: [1; 32],
			fee: 1,
			tokens: 5,
			always: false,
		},
		included_at: 30,
		phase: Phase::Scheduled {
			round: 0,
			ticket: Ticket {
				first: 31,
				count: 8,
			},
			draw_at: 40,
		},
	}
}

pub(super) fn refused(reason: Refusal) -> SubmitError {
	SubmitError::Refused {
		call: "Tasks.submit_result".into(),
		account: "5worker".into(),
		reason,
	}
}

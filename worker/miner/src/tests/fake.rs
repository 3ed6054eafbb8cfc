//! A chain that does what a test says, and a miner on it.

use crate::{Ledger, Miner, MinerMetrics, Position, jobs::Job};
use async_trait::async_trait;
use infergrid_chain::{Audit, Phase, ReadError, Refusal, Served, SubmitError, Task, TaskStatus};
use infergrid_journal::{Delivery, Journal};
use infergrid_keys::Key;
use infergrid_primitives::{
	AccountBytes, AuditId, BlockNumber, Hash, TaskId, WorkerKey,
	market::Price,
	request::{
		Assurance, Payment, PromptCommitment, Receipt, Request, SamplingParams, Window,
		commit_tokens,
	},
};
use infergrid_proof::fake::Echo;
use std::{
	collections::{HashMap, VecDeque},
	sync::{Arc, Mutex, MutexGuard},
	time::Duration,
};
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

	async fn block_hash(&self, block: BlockNumber) -> Result<Hash, ReadError> {
		self.read(|_| [block as u8; 32])
	}

	async fn task(&self, task: TaskId) -> Result<Option<Task>, ReadError> {
		self.read(|state| state.tasks.get(&task).cloned())
	}

	async fn prompt(&self, task: TaskId) -> Result<Option<Vec<u8>>, ReadError> {
		self.read(|state| state.prompts.get(&task).cloned())
	}

	async fn receipt(&self, task: TaskId) -> Result<Option<Receipt>, ReadError> {
		self.read(|state| state.receipts.get(&task).cloned())
	}

	async fn audit(&self, audit: AuditId) -> Result<Option<Audit>, ReadError> {
		self.read(|state| state.audits.get(&audit).cloned())
	}

	async fn last_opening(&self, audit: &Audit) -> Result<Option<BlockNumber>, ReadError> {
		self.read(|_| match audit.phase {
			Phase::Scheduled { draw_at } => Some(draw_at + 100),
			_ => None,
		})
	}

	async fn operator_of(&self, worker: &WorkerKey) -> Result<Option<AccountBytes>, ReadError> {
		self.read(|state| state.workers.get(worker).copied())
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

pub(super) fn refused(reason: Refusal) -> SubmitError {
	SubmitError::Refused {
		call: "Tasks.submit_result".into(),
		account: "5worker".into(),
		reason,
	}
}

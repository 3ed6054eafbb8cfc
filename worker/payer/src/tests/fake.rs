//! A chain and miners that do what a test says, and a payer between them.

use crate::{
	Following, Ledger, Miners, OrderRequest, Part, Parts, Payer, Placing, Progress, Situation,
	Terms,
};
use async_trait::async_trait;
use futures::StreamExt;
use infergrid_chain::{
	Offer, OfferTerms, ReadError, RefundReason, SubmitError, Task, TaskInput, TaskOrder, TaskRules,
	TaskStatus,
};
use infergrid_journal::Journal;
use infergrid_keys::Key;
use infergrid_primitives::{
	AccountBytes, Balance, BlockNumber, Hash, TaskId, TokenId, WorkerKey,
	market::Price,
	model::{Arithmetic, Profile, ProofParams},
	request::{
		Assurance, Finish, Payment, PromptCommitment, Receipt, Request, SamplingParams, Window,
		commit_tokens,
	},
};
use infergrid_swarm::{InferRequest, NodeSecret, PeerAddress};
use std::{
	collections::{HashMap, VecDeque},
	sync::{Arc, Mutex, MutexGuard},
	time::Duration,
};
use tokio::sync::watch;

pub(crate) const GENESIS: Hash = [9; 32];
pub(crate) const PROFILE: Hash = [3; 32];
const SALT: Hash = [6; 32];
pub(crate) const PROMPT: [TokenId; 3] = [10, 20, 30];

pub(crate) fn request(max_tokens: u32) -> OrderRequest {
	OrderRequest {
		profile: PROFILE,
		prompt: PROMPT.to_vec(),
		params: SamplingParams::greedy(max_tokens),
		assurance: Assurance::Sampled,
		max_fee: None,
	}
}

fn price(per_thousand: Balance) -> Price {
	Price {
		input: per_thousand,
		output: per_thousand,
	}
}

/// Miners `[1; 32]`, `[2; 32]`… with prices, capacities, and tasks in hand.
pub(crate) fn situation(offers: &[(Balance, u32, u32)]) -> Situation {
	let offers = offers.iter().zip(1_u8..);
	Situation {
		profile: Profile {
			model: [1; 32],
			arithmetic: Arithmetic::F32,
			sampler: 1,
			proof: ProofParams::F32,
			calibration: ProofParams::F32.uncalibrated(),
			context: 1_000,
			min_tokens_per_second: 10,
			reference_input: 1_000,
			reference_output: 1_000,
		},
		rules: TaskRules {
			min_fee: 1,
			min_patience: 5,
			max_patience: 400,
			base_window: 20,
			millisecs_per_block: 3_000,
			draw_delay: 1,
		},
		offers: offers
			.map(|((per_thousand, capacity, in_use), n)| {
				let peer = NodeSecret::new([n; 32]).peer_id().unwrap();
				let terms = OfferTerms {
					price: price(*per_thousand),
					capacity: *capacity,
					peer: peer.to_bytes(),
					address: vec![n],
				};
				let offer = Offer {
					terms,
					in_use: *in_use,
				};
				([n; 32], offer)
			})
			.collect(),
	}
}

#[derive(Debug)]
pub(crate) struct State {
	pub(crate) situation: Situation,
	pub(crate) tasks: HashMap<TaskId, Task>,
	/// How the next submissions end; the order is on chain all the same where the flag says so.
	pub(crate) refusals: VecDeque<(SubmitError, bool)>,
	pub(crate) cancelled: Vec<TaskId>,
	/// Whether cancellations never come on chain.
	pub(crate) cancels_hang: bool,
	/// Whether the connection is gone for good.
	pub(crate) closed: bool,
	pub(crate) orders: Vec<TaskOrder>,
}

#[derive(Debug)]
pub(crate) struct FakeLedger {
	key: Key,
	finalized: watch::Sender<BlockNumber>,
	state: Mutex<State>,
}

impl FakeLedger {
	pub(crate) fn state(&self) -> MutexGuard<'_, State> {
		self.state.lock().unwrap()
	}

	pub(crate) fn next_block(&self) {
		self.finalized.send_modify(|block| *block += 1);
	}

	fn set(&self, task: TaskId, status: TaskStatus) {
		self.state().tasks.get_mut(&task).unwrap().status = status;
		self.next_block();
	}

	pub(crate) fn assign(&self, task: TaskId, miner: u8) {
		let assigned_at = *self.finalized.borrow();
		let status = TaskStatus::Assigned {
			miner: [miner; 32],
			price: price(1_000),
			window: Window {
				assigned_at,
				anchor: [0; 32],
				due: assigned_at + 30,
			},
		};
		self.set(task, status);
	}

	pub(crate) fn requeue(&self, task: TaskId) {
		self.set(task, TaskStatus::Queued);
	}

	pub(crate) fn deliver(&self, task: TaskId, miner: u8) {
		let n_out = self.state().tasks[&task].request.params.max_tokens;
		let status = TaskStatus::Delivered {
			miner: [miner; 32],
			fee: price(1_000).fee(PROMPT.len() as u32, n_out),
			anchor: [0; 32],
			audit: 1,
		};
		self.set(task, status);
	}

	pub(crate) fn refund(&self, task: TaskId, reason: RefundReason) {
		self.set(task, TaskStatus::Refunded(reason));
	}

	fn submit(&self, order: &TaskOrder) -> TaskId {
		let mut state = self.state();
		let id = state.tasks.len() as TaskId + 1;
		let TaskInput::Committed {
			commitment,
			n_prompt,
		} = order.input
		else {
			panic!("prompts are committed")
		};
		let task = Task {
			payer: self.key.public(),
			request: Request {
				profile: order.profile,
				params: order.params.clone(),
				prompt: PromptCommitment::Salted {
					commitment,
					n_prompt,
				},
				max_fee: order.max_fee,
				user_nonce: order.user_nonce,
				payment: Payment::Task(id),
				assurance: order.assurance,
			},
			status: TaskStatus::Queued,
			submitted_at: 1,
			expires_at: 400,
		};
		state.tasks.insert(id, task);
		id
	}
}

#[async_trait]
impl Ledger for FakeLedger {
	fn genesis(&self) -> Hash {
		GENESIS
	}

	fn key(&self) -> &Key {
		&self.key
	}

	fn finalized(&self) -> BlockNumber {
		*self.finalized.borrow()
	}

	async fn reach(&self, block: BlockNumber) -> Result<(), ReadError> {
		if self.state().closed {
			return Err(ReadError::Closed);
		}
		let mut finalized = self.finalized.subscribe();
		let reached = finalized.wait_for(|reached| *reached >= block).await;
		reached.map(drop).map_err(|_| ReadError::Closed)
	}

	async fn situation(&self, _: &Hash) -> Result<Option<Situation>, ReadError> {
		Ok(Some(self.state().situation.clone()))
	}

	async fn task(&self, task: TaskId) -> Result<Option<Task>, ReadError> {
		if self.state().closed {
			return Err(ReadError::Closed);
		}
		Ok(self.state().tasks.get(&task).cloned())
	}

	async fn offer(&self, _: &Hash, miner: &AccountBytes) -> Result<Option<Offer>, ReadError> {
		let state = self.state();
		let found = state.situation.offers.iter().find(|(m, _)| m == miner);
		Ok(found.map(|(_, offer)| offer.clone()))
	}

	async fn operator_of(&self, worker: &WorkerKey) -> Result<Option<AccountBytes>, ReadError> {
		Ok((1..=9).find_map(|n| (worker_key(n).public() == *worker).then_some([n; 32])))
	}

	async fn free(&self) -> Result<Balance, ReadError> {
		Ok(1)
	}

	async fn place(&self, order: &TaskOrder) -> Result<Placing, SubmitError> {
		self.state().orders.push(order.clone());
		let refusal = self.state().refusals.pop_front();
		match refusal {
			Some((error, true)) => {
				self.submit(order);
				Err(error)
			}
			Some((error, false)) => Err(error),
			None => Ok(Placing {
				task: self.submit(order),
				fee: 4,
			}),
		}
	}

	async fn find(&self, nonce: u64) -> Result<Option<TaskId>, ReadError> {
		let state = self.state();
		let mut tasks = state.tasks.iter();
		let found = tasks.find(|(_, task)| task.request.user_nonce == nonce);
		Ok(found.map(|(id, _)| *id))
	}

	async fn cancel(&self, task: TaskId) -> Result<Balance, SubmitError> {
		if self.state().cancels_hang {
			std::future::pending::<()>().await;
		}
		let mut state = self.state();
		state.cancelled.push(task);
		match &state.tasks[&task].status {
			TaskStatus::Queued => {
				let task = state.tasks.get_mut(&task).unwrap();
				task.status = TaskStatus::Refunded(RefundReason::Cancelled);
				Ok(3)
			}
			_ => Err(SubmitError::TooLate {
				call: "Tasks.cancel".into(),
				by: 1,
			}),
		}
	}
}

fn worker_key(miner: u8) -> Key {
	Key::from_uri(&format!("//Miner//{miner}")).unwrap()
}

/// What a miner does with a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
	/// Answers in full.
	Honest,
	/// Breaks off after so many tokens, each time.
	Breaks(usize),
	/// Signs for other tokens than it sends.
	Lies,
	/// Cannot be reached.
	Away,
}

/// Miners that answer with their own number, again and again.
#[derive(Debug, Default)]
pub(crate) struct FakeMiners {
	pub(crate) manners: Mutex<HashMap<u8, Manner>>,
	/// Who was handed the prompt, in order.
	pub(crate) handed: Mutex<Vec<u8>>,
	ledger: Mutex<Option<Arc<FakeLedger>>>,
}

impl FakeMiners {
	pub(crate) fn set(&self, miner: u8, manner: Manner) {
		self.manners.lock().unwrap().insert(miner, manner);
	}

	pub(crate) fn handed(&self) -> Vec<u8> {
		self.handed.lock().unwrap().clone()
	}

	fn receipt(&self, miner: u8, task: &Task, tokens: &[TokenId]) -> Receipt {
		Receipt {
			request_id: task.request.id(&GENESIS),
			miner: [miner; 32],
			worker_key: worker_key(miner).public(),
			n_prompt: PROMPT.len() as u32,
			n_out: tokens.len() as u32,
			finish: Finish::Length,
			output_commit: commit_tokens(&GENESIS, &SALT, tokens),
			trace_root: [0; 32],
			fee: price(1_000).fee(PROMPT.len() as u32, tokens.len() as u32),
			ttft_ms: 1,
			total_ms: 2,
		}
	}
}

#[async_trait]
impl Miners for FakeMiners {
	fn peer(&self) -> Vec<u8> {
		vec![1]
	}

	#[allow(clippy::disallowed_methods, reason = "these miners keep no journal")]
	async fn infer(&self, to: &PeerAddress, request: InferRequest) -> Result<Parts, String> {
		let miner = to.address.as_bytes()[0];
		let manner = self.manners.lock().unwrap().get(&miner).copied();
		let manner = manner.unwrap_or(Manner::Honest);
		if manner == Manner::Away {
			return Err("no route".into());
		}
		assert_eq!(request.prompt, PROMPT);
		self.handed.lock().unwrap().push(miner);
		let ledger = self.ledger.lock().unwrap().clone().unwrap();
		let task = ledger.state().tasks[&request.task].clone();
		let tokens = vec![TokenId::from(miner); task.request.params.max_tokens as usize];
		let mut parts: Vec<_> = tokens.iter().map(|t| Ok(Part::Tokens(vec![*t]))).collect();
		let mut receipt = self.receipt(miner, &task, &tokens);
		match manner {
			Manner::Breaks(after) => {
				parts.truncate(after);
				parts.push(Err("reset".into()));
			}
			Manner::Lies => receipt.output_commit = [0; 32],
			Manner::Honest | Manner::Away => {}
		}
		if !matches!(manner, Manner::Breaks(_)) {
			parts.push(Ok(Part::Done {
				signature: worker_key(miner).sign(&receipt.payload(&GENESIS)),
				receipt: Box::new(receipt),
				output_salt: SALT,
			}));
		}
		Ok(futures::stream::iter(parts).boxed())
	}
}

pub(crate) struct Scene {
	pub(crate) ledger: Arc<FakeLedger>,
	pub(crate) miners: Arc<FakeMiners>,
	pub(crate) payer: Payer,
	journal: Journal,
	_directory: tempfile::TempDir,
}

const TERMS: Terms = Terms {
	patience: 200,
	assurance: Assurance::Sampled,
	max_orders: 10,
};

pub(crate) async fn scene() -> Scene {
	let directory = tempfile::tempdir().unwrap();
	let key = Key::from_uri("//Alice").unwrap();
	let path = directory.path().join("journal.redb");
	let journal = Journal::create(&path, &GENESIS, key.clone()).unwrap();
	let ledger = Arc::new(FakeLedger {
		key,
		finalized: watch::Sender::new(10),
		state: Mutex::new(State {
			situation: situation(&[(1_000, 4, 0), (1_000, 4, 0)]),
			tasks: HashMap::new(),
			refusals: VecDeque::new(),
			cancelled: Vec::new(),
			cancels_hang: false,
			closed: false,
			orders: Vec::new(),
		}),
	});
	let miners = Arc::new(FakeMiners::default());
	*miners.ledger.lock().unwrap() = Some(ledger.clone());
	let payer = Payer::open(ledger.clone(), miners.clone(), journal.clone(), TERMS)
		.await
		.unwrap();
	Scene {
		ledger,
		miners,
		payer,
		journal,
		_directory: directory,
	}
}

impl Scene {
	/// The payer after a crash and a new start.
	pub(crate) async fn restart(&self) -> Payer {
		let parts = (self.ledger.clone(), self.miners.clone());
		Payer::open(parts.0, parts.1, self.journal.clone(), TERMS)
			.await
			.unwrap()
	}

	/// Waits until the order number `task` is on chain.
	pub(crate) async fn placed(&self, task: TaskId) {
		come_true(|| self.ledger.state().tasks.contains_key(&task)).await;
	}
}

/// How long a test waits for anything, in the time that it makes itself.
pub(crate) const LIMIT: Duration = Duration::from_secs(900);

/// Waits until `fact` holds.
pub(crate) async fn come_true(fact: impl Fn() -> bool) {
	let waiting = async {
		while !fact() {
			tokio::time::sleep(Duration::from_millis(100)).await;
		}
	};
	tokio::time::timeout(LIMIT, waiting).await.unwrap();
}

/// Waits until what is known of an order fits.
pub(crate) async fn until(following: &mut Following, fits: impl Fn(&Progress) -> bool) -> Progress {
	let waiting = async {
		loop {
			let progress = following.now();
			if fits(&progress) {
				return progress;
			}
			assert!(following.changed().await, "the order has ended");
		}
	};
	tokio::time::timeout(LIMIT, waiting).await.unwrap()
}

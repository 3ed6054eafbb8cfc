//! A chain and miners that do what a test says, and a verifier among them.

use crate::{AskError, Audits, Ledger, Miners, Position, Verifier, VerifierMetrics};
use async_trait::async_trait;
use infergrid_chain::{
	Audit, Duty, Offer, OfferTerms, Phase, ReadError, Served, Standing, SubmitError, Task,
	TaskStatus, fake::undecodable,
};
use infergrid_journal::Journal;
use infergrid_keys::Key;
use infergrid_primitives::{
	AccountBytes, AuditId, BlockNumber, Hash, TaskId, WorkerKey,
	audit::Vote,
	market::{Price, Work},
	request::{
		Assurance, Opening, Payment, PromptCommitment, Receipt, Request, SamplingParams,
		commit_tokens, sampler_seed,
	},
	trace,
};
use infergrid_proof::{
	Assignment,
	fake::{Echo, EchoModel},
	generate,
};
use infergrid_swarm::{NodeSecret, OpeningRequest, PeerAddress};
use std::{
	collections::{HashMap, HashSet, VecDeque},
	ops::ControlFlow,
	sync::{Arc, Mutex, MutexGuard},
	time::Duration,
};
use tempfile::NamedTempFile;
use tokio::sync::watch;

pub(super) const GENESIS: Hash = [9; 32];
pub(super) const OPERATOR: AccountBytes = [21; 32];
pub(super) const MINER: AccountBytes = [7; 32];
pub(super) const OTHER_MINER: AccountBytes = [8; 32];
pub(super) const PROFILE: Hash = [3; 32];
pub(super) const UNTIL: BlockNumber = 60;
pub(super) const DUTY: Duty = Duty {
	audit: 4,
	task: 1,
	round: 0,
};
const ANCHOR: Hash = [10; 32];
const PRICE: Price = Price {
	input: 1_000,
	output: 2_000,
};

#[derive(Debug)]
pub(super) struct State {
	pub(super) audit: Audit,
	pub(super) work: Option<(Task, Receipt)>,
	pub(super) offers: HashMap<AccountBytes, Offer>,
	pub(super) commitments: Vec<Hash>,
	pub(super) votes: Vec<(Vote, Hash)>,
	/// Whether the verifier has left the list.
	pub(super) stood_down: bool,
	/// Audits of other workers of the operator.
	pub(super) elsewhere: Vec<(Hash, AuditId, BlockNumber)>,
	/// How the next submissions end, before those that succeed.
	pub(super) refusals: VecDeque<SubmitError>,
	/// How the next reads of duties, audits and of the standing fail.
	pub(super) failures: VecDeque<ReadError>,
	/// Audits whose records cannot be decoded.
	pub(super) undecodable: HashSet<AuditId>,
	/// The audits on whose committee the verifier sits.
	pub(super) duties: Vec<Duty>,
	/// How the operator stands, where that is not well.
	pub(super) standing: Option<Standing>,
	/// How many times it was asked for a place in the list, refused or not.
	pub(super) asked: usize,
}

#[derive(Debug)]
pub(super) struct FakeLedger {
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

	fn submit(&self, change: impl FnOnce(&mut State)) -> Result<(), SubmitError> {
		let mut state = self.state();
		match state.refusals.pop_front() {
			Some(error) => Err(error),
			None => {
				change(&mut state);
				Ok(())
			}
		}
	}
}

#[async_trait]
impl Audits for Arc<FakeLedger> {
	fn block(&self) -> BlockNumber {
		self.finalized()
	}

	async fn duties(&self, _: &AccountBytes) -> Result<Vec<Duty>, ReadError> {
		self.read(|state| state.duties.clone())
	}
}

#[async_trait]
impl Ledger for FakeLedger {
	fn genesis(&self) -> Hash {
		GENESIS
	}

	fn worker(&self) -> WorkerKey {
		[22; 32]
	}

	fn finalized(&self) -> BlockNumber {
		*self.finalized.borrow()
	}

	async fn reach(&self, block: BlockNumber) -> Result<(), ReadError> {
		let mut finalized = self.finalized.subscribe();
		let reached = finalized.wait_for(|reached| *reached >= block).await;
		reached.map(drop).map_err(|_| ReadError::Closed)
	}

	async fn audit(&self, audit: AuditId) -> Result<Option<Audit>, ReadError> {
		self.read(|state| match state.undecodable.contains(&audit) {
			true => Err(undecodable("Audits.Audits", audit)),
			false => Ok(Some(state.audit.clone())),
		})?
	}

	async fn work(&self, _: TaskId) -> Result<Option<(Task, Receipt, Option<Vec<u8>>)>, ReadError> {
		let work = self.state().work.clone();
		Ok(work.map(|(task, receipt)| (task, receipt, None)))
	}

	async fn offer(
		&self,
		_: &Hash,
		miner: &AccountBytes,
		_: BlockNumber,
	) -> Result<Option<Offer>, ReadError> {
		Ok(self.state().offers.get(miner).cloned())
	}

	async fn offers(&self, _: &Hash) -> Result<Vec<(AccountBytes, Offer)>, ReadError> {
		Ok(self.state().offers.clone().into_iter().collect())
	}

	async fn commitment(&self, _: AuditId, _: &AccountBytes) -> Result<Option<Hash>, ReadError> {
		Ok(self.state().commitments.last().copied())
	}

	async fn has_voted(&self, _: AuditId, _: &AccountBytes) -> Result<bool, ReadError> {
		Ok(!self.state().votes.is_empty())
	}

	async fn votes_owed(
		&self,
		profile: &Hash,
		verifier: &AccountBytes,
	) -> Result<Vec<(AuditId, BlockNumber)>, ReadError> {
		let state = self.state();
		let running = match &state.audit.phase {
			Phase::Committing {
				committee, until, ..
			}
			| Phase::Revealing {
				committee, until, ..
			} if committee.contains(verifier) && state.votes.is_empty() => {
				Some((state.audit.work.profile, DUTY.audit, *until))
			}
			_ => None,
		};
		let all = running.into_iter().chain(state.elsewhere.iter().copied());
		let here = all.filter(|(of, ..)| of == profile);
		Ok(here.map(|(_, audit, until)| (audit, until)).collect())
	}

	async fn standing(&self, _: &AccountBytes, _: &Hash) -> Result<Standing, ReadError> {
		self.read(|state| state.standing.clone().unwrap_or(Standing::Good))
	}

	async fn stand(&self, _: &Hash) -> Result<(), SubmitError> {
		self.state().asked += 1;
		self.submit(|state| state.standing = None)
	}

	async fn stand_down(&self, _: &Hash) -> Result<(), SubmitError> {
		self.submit(|state| state.stood_down = true)
	}

	async fn commit(
		&self,
		_: AuditId,
		commitment: &Hash,
		_: BlockNumber,
	) -> Result<(), SubmitError> {
		self.submit(|state| state.commitments.push(*commitment))
	}

	async fn reveal(
		&self,
		_: AuditId,
		vote: &Vote,
		salt: &Hash,
		_: BlockNumber,
	) -> Result<(), SubmitError> {
		self.submit(|state| state.votes.push((vote.clone(), *salt)))
	}
}

/// What each miner answers; nobody else is reached.
#[derive(Debug, Default)]
pub(super) struct FakeMiners {
	answers: Mutex<HashMap<String, Result<Opening, AskError>>>,
}

impl FakeMiners {
	pub(super) fn set(&self, miner: &AccountBytes, answer: Result<Opening, AskError>) {
		let address = hex::encode(miner);
		self.answers.lock().unwrap().insert(address, answer);
	}
}

#[async_trait]
impl Miners for FakeMiners {
	fn peer(&self) -> Vec<u8> {
		vec![1]
	}

	async fn opening(&self, miner: &PeerAddress, _: OpeningRequest) -> Result<Opening, AskError> {
		let answers = self.answers.lock().unwrap();
		let unreached = || Err(AskError::Unreached("no route".into()));
		answers
			.get(&miner.address)
			.cloned()
			.unwrap_or_else(unreached)
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

pub(super) struct Scene {
	pub(super) ledger: Arc<FakeLedger>,
	pub(super) miners: Arc<FakeMiners>,
	pub(super) model: Arc<Echo>,
	pub(super) verifier: Arc<Verifier>,
	pub(super) opening: Opening,
	_directory: tempfile::TempDir,
}

/// An honest answer of a counting model, its receipt and its opening.
fn answer(model: &Echo) -> (Task, Receipt, Opening) {
	let prompt = vec![10, 20, 30];
	let salt = [5; 32];
	let params = SamplingParams::greedy(40);
	let request = Request {
		profile: PROFILE,
		params: params.clone(),
		prompt: PromptCommitment::Salted {
			commitment: commit_tokens(&GENESIS, &salt, &prompt),
			n_prompt: 3,
		},
		max_fee: 1_000_000,
		user_nonce: 1,
		payment: Payment::Task(1),
		assurance: Assurance::Always,
	};
	let request_id = request.id(&GENESIS);
	let profile = model.profile();
	let assignment = Assignment {
		prompt: prompt.clone(),
		params,
		seed: sampler_seed(&GENESIS, &request_id, &ANCHOR, &PROFILE),
		proof: profile.proof,
		context: profile.context,
	};
	let answer = generate(&EchoModel, &assignment, &mut |_| ControlFlow::Continue(())).unwrap();
	let output_salt = [6; 32];
	let (tokens, proofs) = (answer.tokens, answer.proofs);
	let receipt = Receipt {
		request_id,
		miner: MINER,
		worker_key: [1; 32],
		n_prompt: 3,
		n_out: tokens.len() as u32,
		finish: answer.finish,
		output_commit: commit_tokens(&GENESIS, &output_salt, &tokens),
		trace_root: trace::answer_root(&GENESIS, &tokens, &proofs, profile.proof.chunk).unwrap(),
		fee: PRICE.fee(3, tokens.len() as u32),
		ttft_ms: 1,
		total_ms: 2,
	};
	let task = Task {
		payer: [1; 32],
		request,
		status: TaskStatus::Delivered {
			miner: MINER,
			fee: receipt.fee,
			anchor: ANCHOR,
			audit: DUTY.audit,
		},
		submitted_at: 5,
		expires_at: 200,
	};
	let opening = Opening {
		prompt_salt: salt,
		prompt,
		output_salt,
		output: tokens,
		proofs,
	};
	(task, receipt, opening)
}

fn offer(miner: &AccountBytes) -> (AccountBytes, Offer) {
	let peer = NodeSecret::new(*miner).peer_id().unwrap();
	let terms = OfferTerms {
		price: PRICE,
		capacity: 4,
		peer: peer.to_bytes(),
		address: hex::encode(miner).into_bytes(),
	};
	(*miner, Offer { terms, in_use: 0 })
}

impl Scene {
	/// Lets a committee commit its votes, in draw `round` of the audit.
	pub(super) fn draw(&self, round: u8) {
		self.ledger.state().audit.phase = committing(round);
	}

	/// Opens the time to reveal.
	pub(super) fn reveal(&self) {
		self.ledger.state().audit.phase = Phase::Revealing {
			round: DUTY.round,
			randomness: [4; 32],
			committee: vec![OPERATOR],
			until: UNTIL + 20,
		};
		self.ledger.finalize(UNTIL + 1);
	}

	/// Waits until so many commitments are on chain.
	pub(super) async fn committed(&self, count: usize) {
		let committed = async {
			while self.ledger.state().commitments.len() < count {
				tokio::time::sleep(Duration::from_secs(1)).await;
			}
		};
		let waited = tokio::time::timeout(Duration::from_secs(600), committed).await;
		waited.expect("a vote is committed");
	}
}

fn committing(round: u8) -> Phase {
	Phase::Committing {
		round,
		randomness: [4; 32],
		committee: vec![OPERATOR],
		until: UNTIL,
	}
}

/// A verifier that is drawn for an honest answer, whose miner opens it; another miner refuses.
pub(super) fn scene() -> Scene {
	let model = Arc::new(Echo::new());
	let (task, receipt, opening) = answer(&model);
	let state = State {
		audit: Audit {
			work: Work {
				task: DUTY.task,
				profile: PROFILE,
				miner: MINER,
				payer: [1; 32],
				fee: receipt.fee,
				tokens: 43,
				always: true,
			},
			included_at: 20,
			phase: committing(DUTY.round),
		},
		work: Some((task, receipt)),
		offers: HashMap::from([offer(&MINER), offer(&OTHER_MINER)]),
		commitments: Vec::new(),
		votes: Vec::new(),
		stood_down: false,
		elsewhere: Vec::new(),
		refusals: VecDeque::new(),
		failures: VecDeque::new(),
		undecodable: HashSet::new(),
		duties: Vec::new(),
		standing: None,
		asked: 0,
	};
	let ledger = Arc::new(FakeLedger {
		finalized: watch::Sender::new(30),
		state: Mutex::new(state),
	});
	let miners = Arc::new(FakeMiners::default());
	miners.set(&MINER, Ok(opening.clone()));
	miners.set(&OTHER_MINER, Err(AskError::Refused("unknown".into())));

	let directory = tempfile::tempdir().unwrap();
	let key = Key::from_uri("//Charlie//worker").unwrap();
	let path = directory.path().join("journal.redb");
	let journal = Journal::create(&path, &GENESIS, key.clone()).unwrap();
	let position = Position {
		key,
		operator: OPERATOR,
		served: Served {
			id: PROFILE,
			profile: model.profile(),
		},
		block_time: Duration::from_secs(3),
		metrics: VerifierMetrics::register(&mut Default::default()),
	};
	let verifier = Verifier::new(
		ledger.clone(),
		miners.clone(),
		model.clone(),
		journal,
		position,
	);
	Scene {
		ledger,
		miners,
		model,
		verifier,
		opening,
		_directory: directory,
	}
}

//! A model and a [`Compute`] for tests: no weights, no waiting, the same answers everywhere.
//!
//! After the token `t` comes `t + 1`. Answers carry proofs that [`crate::verify`] accepts from the same
//! model, and no others.

use crate::{
	Assignment, Compute, ComputeError, Encoder, Examination, Facts, Generation, Judgement, Load,
	Memory, Model, OnToken, Replay, ReplayRequest, Sequence, Speed, Watcher, generate, margins,
	verify,
};
use async_trait::async_trait;
use infergrid_primitives::{
	Hash, TokenId,
	audit::FINGERPRINT_LEN,
	fingerprint::Probe,
	model::{Arithmetic, Manifest, ManifestFile, Profile, ProofParams},
	request::{
		Assurance, Opening, Payment, PromptCommitment, Receipt, Request, SamplingParams,
		commit_tokens, sampler_seed,
	},
	toploc::f32_to_bf16,
	trace,
};
use std::{
	collections::VecDeque,
	ops::ControlFlow,
	sync::{Arc, Mutex, MutexGuard, PoisonError},
	time::{Duration, Instant},
};
use tokio::sync::Semaphore;

const VOCAB: usize = 512;
const HIDDEN: usize = 32;
const CONTEXT: usize = 4_096;
const EOS: TokenId = 2;
/// Ids below it are special.
const FIRST: TokenId = 3;
/// Nothing that noise could overcome.
const CERTAIN: f32 = 1_000.0;

/// A model that counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct EchoModel;

impl EchoModel {
	/// The token after `token`: never a special one, so that answers end by their length alone.
	fn after(token: TokenId) -> TokenId {
		match token + 1 {
			next if next < FIRST || next as usize >= VOCAB => FIRST,
			next => next,
		}
	}

	/// The hidden state at `position`: the token, and noise that knows both.
	fn state(position: usize, token: TokenId) -> Vec<f32> {
		let noise = |place: usize| {
			let mixed = (position * 31 + token as usize * 1_009 + place * 7_919) % 251;
			mixed as f32 / 125.0 - 1.0
		};
		let first = token as f32;
		std::iter::once(first)
			.chain((1..HIDDEN).map(noise))
			.collect()
	}

	fn logits(state: &[f32]) -> Vec<f32> {
		let token = state.first().map_or(0, |first| *first as TokenId);
		let mut logits = vec![0.0; VOCAB];
		logits[Self::after(token) as usize] = CERTAIN;
		logits
	}
}

struct EchoSequence(usize, TokenId);

impl Sequence for EchoSequence {
	fn extend(
		&mut self,
		ids: &[TokenId],
		watcher: &mut dyn Watcher,
	) -> Result<Vec<f32>, ComputeError> {
		let last = *ids.last().ok_or(ComputeError::EmptyPrompt)?;
		watcher.rest()?;
		self.0 += ids.len();
		self.1 = last;
		Ok(EchoModel::state(self.0 - 1, self.1))
	}

	fn logits(&self, hidden: &[f32]) -> Result<Vec<f32>, ComputeError> {
		Ok(EchoModel::logits(hidden))
	}
}

impl Model for EchoModel {
	fn facts(&self) -> Facts<'_> {
		Facts {
			vocab: VOCAB,
			hidden: HIDDEN,
			context: CONTEXT,
			eos: &[EOS],
			tokenizer: None,
		}
	}

	fn encoder(&self) -> Encoder {
		Arc::new(|text| {
			let ids = text.bytes().map(|byte| FIRST + TokenId::from(byte));
			Ok(ids.collect())
		})
	}

	fn sequence(&self, _: usize) -> Box<dyn Sequence + '_> {
		Box::new(EchoSequence(0, 0))
	}

	fn replay(
		&self,
		request: &ReplayRequest<'_>,
		watcher: &mut dyn Watcher,
	) -> Result<Replay, ComputeError> {
		watcher.rest()?;
		let ids = [request.prompt, request.output].concat();
		let states: Vec<_> = (0..)
			.zip(&ids)
			.map(|(position, token)| Self::state(position, *token))
			.collect();
		let wanted = &states[request.prompt.len() - 1..ids.len() - 1];
		let logits: Vec<f32> = wanted
			.iter()
			.flat_map(|state| Self::logits(state))
			.collect();
		let probe = request
			.probe
			.and_then(|(randomness, audit)| Probe::draw(randomness, audit, 1, ids.len() as u32));
		Ok(Replay {
			hidden: HIDDEN,
			rows: wanted.iter().flatten().map(|v| f32_to_bf16(*v)).collect(),
			margins: margins(request, 0, &logits, VOCAB)?,
			fingerprint: match probe {
				Some(probe) => probe.project(&states[probe.position as usize])?,
				None => [0; FINGERPRINT_LEN],
			},
		})
	}
}

/// A profile of [`EchoModel`], for a model of this identifier.
pub fn profile(model: Hash) -> Profile {
	Profile {
		model,
		arithmetic: Arithmetic::F32,
		sampler: 1,
		proof: ProofParams::F32,
		calibration: ProofParams::F32.uncalibrated(),
		context: CONTEXT as u32,
		min_tokens_per_second: 10,
		reference_input: 1_000,
		reference_output: 2_000,
	}
}

/// An honest answer of `max_tokens` tokens by [`EchoModel`], as a verifier gets it.
pub fn examination(max_tokens: u32) -> Result<Examination, ComputeError> {
	let (genesis, anchor, salt) = ([1; 32], [2; 32], [3; 32]);
	let profile = profile([4; 32]);
	let prompt = vec![10, 20, 30];
	let request = Request {
		profile: profile.id(),
		params: SamplingParams::greedy(max_tokens),
		prompt: PromptCommitment::Salted {
			commitment: commit_tokens(&genesis, &salt, &prompt),
			n_prompt: prompt.len() as u32,
		},
		max_fee: 1,
		user_nonce: 0,
		payment: Payment::Task(0),
		assurance: Assurance::Sampled,
	};
	let request_id = request.id(&genesis);
	let assignment = Assignment {
		prompt: prompt.clone(),
		params: request.params.clone(),
		seed: sampler_seed(&genesis, &request_id, &anchor, &request.profile),
		proof: profile.proof,
		context: profile.context,
	};
	let answer = generate(&EchoModel, &assignment, &mut |_| ControlFlow::Continue(()))?;
	let root = trace::answer_root(
		&genesis,
		&answer.tokens,
		&answer.proofs,
		profile.proof.chunk,
	);
	let receipt = Receipt {
		request_id,
		miner: [5; 32],
		worker_key: [6; 32],
		n_prompt: prompt.len() as u32,
		n_out: answer.tokens.len() as u32,
		finish: answer.finish,
		output_commit: commit_tokens(&genesis, &salt, &answer.tokens),
		trace_root: root.unwrap_or_default(),
		fee: 1,
		ttft_ms: 1,
		total_ms: 1,
	};
	Ok(Examination {
		genesis,
		request,
		receipt,
		inline: None,
		profile,
		anchor,
		opening: Opening {
			prompt_salt: salt,
			prompt,
			output_salt: salt,
			output: answer.tokens,
			proofs: answer.proofs,
		},
		audit: 1,
		randomness: [7; 32],
	})
}

/// What was asked of an [`Echo`].
#[derive(Clone, Debug)]
pub enum Call {
	/// [`Compute::generate`].
	Generate(Assignment, Option<Instant>),
	/// [`Compute::verify`].
	Verify(Box<Examination>, Option<Instant>),
	/// [`Compute::encode_inline`].
	EncodeInline(String),
}

/// How a call of an [`Echo`] ends badly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
	/// The job is refused; others are not.
	Refuse,
	/// The deadline cannot be met.
	TooLate,
	/// The queue is full.
	Busy,
	/// The device is out of memory; the next job may find some.
	OutOfMemory,
	/// The model is gone for good.
	Stop,
	/// Nothing ever comes.
	Hang,
}

/// A [`Compute`] that a test leads by the hand.
#[derive(Debug)]
pub struct Echo {
	manifest: Manifest,
	state: Mutex<State>,
	/// What may still be done, where a test counts it out.
	steps: Option<Semaphore>,
}

#[derive(Debug)]
struct State {
	calls: Vec<Call>,
	faults: VecDeque<(usize, Fault)>,
}

/// As fast as that.
const SPEED: Speed = Speed {
	prefill: 1_000.0,
	decode: 100.0,
};
/// Enough for whatever a test asks.
const MEMORY: Memory = Memory {
	available: u64::MAX,
	weights: 0,
	scratch: 0,
	per_token: 1,
	context: CONTEXT as u64,
};

impl Default for Echo {
	fn default() -> Self {
		let file = ManifestFile {
			path: b"echo".to_vec(),
			size: 0,
			blake3: [0; 32],
		};
		Self {
			manifest: Manifest {
				files: vec![file],
				layers: 1,
				licence: b"unknown".to_vec(),
			},
			state: Mutex::new(State {
				calls: Vec::new(),
				faults: VecDeque::new(),
			}),
			steps: None,
		}
	}
}

impl Echo {
	/// Answers at once.
	pub fn new() -> Self {
		Self::default()
	}

	/// Does nothing before [`Self::step`].
	pub fn stepped() -> Self {
		Self {
			steps: Some(Semaphore::new(0)),
			..Self::default()
		}
	}

	/// Allows `count` more tokens, or verifications, over all calls.
	pub fn step(&self, count: usize) {
		if let Some(steps) = &self.steps {
			steps.add_permits(count);
		}
	}

	/// Lets the next call that has no fault yet fail after `tokens` tokens.
	pub fn fail_next(&self, tokens: usize, fault: Fault) {
		self.state().faults.push_back((tokens, fault));
	}

	/// Everything that was asked, in its order.
	pub fn calls(&self) -> Vec<Call> {
		self.state().calls.clone()
	}

	/// A profile of this model.
	pub fn profile(&self) -> Profile {
		profile(self.manifest.id())
	}

	fn state(&self) -> MutexGuard<'_, State> {
		self.state.lock().unwrap_or_else(PoisonError::into_inner)
	}

	/// Takes note of a call, and takes its fault.
	fn called(&self, call: Call) -> Option<(usize, Fault)> {
		let mut state = self.state();
		state.calls.push(call);
		state.faults.pop_front()
	}

	/// Waits for a test's leave to go on. Others have their turn in any case.
	async fn wait(&self) {
		tokio::task::yield_now().await;
		if let Some(steps) = &self.steps
			&& let Ok(permit) = steps.acquire().await
		{
			permit.forget();
		}
	}

	async fn fail(&self, fault: Fault) -> ComputeError {
		match fault {
			Fault::Refuse => ComputeError::NoTokenizer,
			Fault::TooLate => ComputeError::TooLate,
			Fault::Busy => ComputeError::Busy { waiting: 1 },
			Fault::OutOfMemory => ComputeError::Crashed {
				reason: "out of memory".into(),
				in_a_row: 1,
			},
			Fault::Stop => ComputeError::Stopped,
			Fault::Hang => std::future::pending().await,
		}
	}
}

#[async_trait]
impl Compute for Echo {
	fn manifest(&self) -> &Manifest {
		&self.manifest
	}

	fn speed(&self) -> Speed {
		SPEED
	}

	fn memory(&self) -> Memory {
		MEMORY
	}

	fn load(&self) -> Load {
		Load {
			jobs: 0,
			backlog: Duration::ZERO,
			busy: Duration::ZERO,
		}
	}

	async fn generate(
		&self,
		assignment: Assignment,
		deadline: Option<Instant>,
		mut on_token: OnToken,
	) -> Result<Generation, ComputeError> {
		let fault = self.called(Call::Generate(assignment.clone(), deadline));
		let generation = generate(&EchoModel, &assignment, &mut |_| ControlFlow::Continue(()))?;
		for (before, token) in generation.tokens.iter().enumerate() {
			if let Some((_, fault)) = fault.filter(|(tokens, _)| *tokens == before) {
				return Err(self.fail(fault).await);
			}
			self.wait().await;
			if on_token(*token).is_break() {
				return Err(ComputeError::Cancelled);
			}
		}
		Ok(generation)
	}

	async fn verify(
		&self,
		examination: Examination,
		deadline: Option<Instant>,
	) -> Result<Judgement, ComputeError> {
		let fault = self.called(Call::Verify(Box::new(examination.clone()), deadline));
		if let Some((_, fault)) = fault {
			return Err(self.fail(fault).await);
		}
		self.wait().await;
		verify(&EchoModel, &examination, &mut |_| ControlFlow::Continue(()))
	}

	async fn encode_inline(&self, text: String) -> Result<Vec<TokenId>, ComputeError> {
		let fault = self.called(Call::EncodeInline(text.clone()));
		if let Some((_, fault)) = fault {
			return Err(self.fail(fault).await);
		}
		(EchoModel.encoder())(&text).map_err(ComputeError::InlinePrompt)
	}
}

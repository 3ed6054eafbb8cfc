//! The engine on a thread of its own, behind a bounded queue of jobs.

use crate::failure::Failure;
use anyhow::{Context, anyhow};
use infergrid_checkpoint::manifest_of;
use infergrid_engine::{
	Case, Device, Engine, GenerateError, GenerateRequest, Generation, Judgement, Remedy,
};
use infergrid_primitives::{
	AuditId, Hash, TokenId,
	model::{Manifest, Profile, ProofParams},
	request::{Opening, Receipt, Request, SamplingParams},
};
use std::{ops::ControlFlow, path::Path, sync::Arc, thread};
use tokio::sync::{mpsc, oneshot};

/// Jobs that wait for the engine. Beyond it callers wait, which tasks and audits can afford.
const JOBS_WAITING: usize = 64;

/// What to generate.
#[derive(Clone, Debug)]
pub(crate) struct Assignment {
	pub(crate) prompt: Vec<TokenId>,
	pub(crate) params: SamplingParams,
	pub(crate) seed: Hash,
	pub(crate) proof: ProofParams,
	pub(crate) context: u32,
}

/// What to check again.
#[derive(Clone, Debug)]
pub(crate) struct Examination {
	pub(crate) genesis: Hash,
	pub(crate) request: Request,
	pub(crate) receipt: Receipt,
	/// The text of an inline prompt.
	pub(crate) inline: Option<String>,
	pub(crate) profile: Profile,
	pub(crate) anchor: Hash,
	pub(crate) opening: Opening,
	pub(crate) randomness: Hash,
	pub(crate) audit: AuditId,
}

/// Why a job has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
	/// The engine refuses or fails.
	#[error(transparent)]
	Engine(#[from] GenerateError),
	/// The engine's thread has ended.
	#[error("the engine has stopped")]
	Stopped,
}

impl JobError {
	/// Whether the worker must stop: its engine is of no use any more.
	pub(crate) fn fatal(&self) -> bool {
		match self {
			Self::Engine(error) => error.remedy() == Remedy::Die,
			Self::Stopped => true,
		}
	}
}

type OnToken = Box<dyn FnMut(TokenId) -> ControlFlow<()> + Send>;

enum Job {
	Generate(
		Box<Assignment>,
		OnToken,
		oneshot::Sender<Result<Generation, GenerateError>>,
	),
	Verify(
		Box<Examination>,
		oneshot::Sender<Result<Judgement, GenerateError>>,
	),
	EncodeInline(String, oneshot::Sender<Result<Vec<TokenId>, String>>),
}

/// The engine. Clones share it; its thread ends when the last one is dropped.
#[derive(Clone)]
pub(crate) struct EngineHandle {
	jobs: mpsc::Sender<Job>,
	manifest: Arc<Manifest>,
}

impl std::fmt::Debug for EngineHandle {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		f.debug_struct("EngineHandle").finish_non_exhaustive()
	}
}

impl EngineHandle {
	/// Loads the model in `directory` and starts its thread.
	pub(crate) async fn start(directory: &Path, device: Device) -> Result<Self, Failure> {
		let (jobs, waiting) = mpsc::channel(JOBS_WAITING);
		let (ready, loaded) = oneshot::channel();
		let directory = directory.to_path_buf();
		thread::Builder::new()
			.name("engine".into())
			.spawn(move || {
				let loaded = load(&directory, device);
				match loaded {
					Err(failure) => drop(ready.send(Err(failure))),
					Ok((engine, manifest)) => {
						if ready.send(Ok(manifest)).is_ok() {
							work(&engine, waiting);
						}
					}
				}
			})
			.map_err(|error| Failure::outside(anyhow!(error).context("cannot start a thread")))?;
		let manifest = loaded.await.map_err(|_| {
			Failure::internal(anyhow!("the engine crashed while it loaded the model"))
		})??;
		Ok(Self {
			jobs,
			manifest: Arc::new(manifest),
		})
	}

	/// The identifier of the model that is loaded.
	pub(crate) fn model(&self) -> Hash {
		self.manifest.id()
	}

	/// Computes an answer, giving each token to `on_token` on the engine's thread.
	pub(crate) async fn generate(
		&self,
		assignment: Assignment,
		on_token: impl FnMut(TokenId) -> ControlFlow<()> + Send + 'static,
	) -> Result<Generation, JobError> {
		let (reply, result) = oneshot::channel();
		self.give(Job::Generate(
			Box::new(assignment),
			Box::new(on_token),
			reply,
		))
		.await?;
		Ok(result.await.map_err(|_| JobError::Stopped)??)
	}

	/// Judges an answer.
	pub(crate) async fn verify(&self, examination: Examination) -> Result<Judgement, JobError> {
		let (reply, result) = oneshot::channel();
		self.give(Job::Verify(Box::new(examination), reply)).await?;
		Ok(result.await.map_err(|_| JobError::Stopped)??)
	}

	/// The token ids of an inline prompt; the error says why it has none.
	pub(crate) async fn encode_inline(
		&self,
		text: String,
	) -> Result<Result<Vec<TokenId>, String>, JobError> {
		let (reply, result) = oneshot::channel();
		self.give(Job::EncodeInline(text, reply)).await?;
		result.await.map_err(|_| JobError::Stopped)
	}

	async fn give(&self, job: Job) -> Result<(), JobError> {
		self.jobs.send(job).await.map_err(|_| JobError::Stopped)
	}
}

/// The manifest of the model in `directory`, as every command computes it.
pub(crate) fn manifest(directory: &Path) -> Result<Manifest, Failure> {
	let checkpoint = infergrid_checkpoint::Checkpoint::open(directory).map_err(Failure::config)?;
	manifest_of(directory, &checkpoint.config, LICENCE).map_err(Failure::config)
}

/// The licence goes on chain beside the manifest; inside it there is a constant, so that a model's
/// identifier follows from its files alone.
pub(crate) const LICENCE: &str = "unknown";

fn load(directory: &Path, device: Device) -> Result<(Engine, Manifest), Failure> {
	let engine = Engine::load(directory, device)
		.with_context(|| format!("cannot load the model in {}", directory.display()))
		.map_err(Failure::config)?;
	let manifest = manifest_of(directory, engine.config(), LICENCE).map_err(Failure::config)?;
	Ok((engine, manifest))
}

/// Does jobs in the order in which they come, until nobody can give more. Who asked may have gone;
/// that only loses the reply.
fn work(engine: &Engine, mut jobs: mpsc::Receiver<Job>) {
	while let Some(job) = jobs.blocking_recv() {
		match job {
			Job::Generate(assignment, on_token, reply) => {
				let request = GenerateRequest {
					prompt: &assignment.prompt,
					params: &assignment.params,
					seed: &assignment.seed,
					proof: &assignment.proof,
					context: assignment.context,
				};
				let _ = reply.send(engine.generate(&request, on_token));
			}
			Job::Verify(examination, reply) => {
				let case = Case {
					genesis: &examination.genesis,
					request: &examination.request,
					inline: examination.inline.as_deref(),
					profile: &examination.profile,
					anchor: &examination.anchor,
					receipt: &examination.receipt,
					opening: &examination.opening,
					audit: examination.audit,
					randomness: &examination.randomness,
				};
				let _ = reply.send(engine.verify(&case));
			}
			Job::EncodeInline(text, reply) => {
				let ids = engine.checkpoint().encode_inline(&text);
				let _ = reply.send(ids.map_err(|error| error.to_string()));
			}
		}
	}
}

//! The thread that owns a model and does its jobs.

use crate::{
	Assignment, Compute, ComputeError, Encoder, Examination, Generation, Job, Judgement, Load,
	Memory, Model, OnToken, Queue, Speed, Terms, Watcher, Work, generate, panic_message, verify,
};
use async_trait::async_trait;
use infergrid_primitives::{TokenId, model::Manifest, request::Opening};
use std::{
	cell::Cell,
	fmt, io,
	ops::ControlFlow,
	panic::{AssertUnwindSafe, catch_unwind},
	sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
	thread,
	time::Instant,
};
use tokio::sync::oneshot;

/// Jobs that wait for a model. Each holds a prompt; what comes beyond is refused.
const MAX_WAITING: usize = 256;

/// A model with what is known about it.
#[derive(Debug)]
pub struct Loaded<M> {
	/// The model.
	pub model: M,
	/// Its files.
	pub manifest: Manifest,
	/// Its speed, as measured.
	pub speed: Speed,
	/// The memory it has.
	pub memory: Memory,
}

/// A model on a thread of its own. The thread ends when this is dropped, at the next token.
pub struct Server {
	shared: Arc<Shared>,
	manifest: Manifest,
	speed: Speed,
	memory: Memory,
	encoder: Encoder,
	context: u32,
}

struct Shared {
	state: Mutex<State>,
	changed: Condvar,
}

struct State {
	queue: Queue<Task>,
	closed: bool,
}

type Reply<T> = oneshot::Sender<Result<T, ComputeError>>;

enum Task {
	Generate(Box<Assignment>, OnToken, Reply<Generation>),
	Verify(Box<Examination>, Reply<Judgement>),
}

impl fmt::Debug for Server {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Server")
			.field("speed", &self.speed)
			.finish_non_exhaustive()
	}
}

impl Job for Task {
	fn abandoned(&self) -> bool {
		match self {
			Self::Generate(_, _, reply) => reply.is_closed(),
			Self::Verify(_, reply) => reply.is_closed(),
		}
	}
}

impl Task {
	fn fail(self, error: ComputeError) {
		// Who asked may have gone; then nobody waits for the reason.
		match self {
			Self::Generate(_, _, reply) => drop(reply.send(Err(error))),
			Self::Verify(_, reply) => drop(reply.send(Err(error))),
		}
	}
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError<E> {
	/// The system gives no thread.
	#[error("cannot start a thread: {0}")]
	Thread(io::Error),
	/// The model cannot be loaded.
	#[error(transparent)]
	Load(E),
	/// Loading panicked.
	#[error("the model crashed while it was loaded")]
	Crashed,
}

impl Server {
	/// Starts a thread, which loads the model and then serves it: a device may bind what is made on
	/// it to the thread.
	pub async fn start<M, E>(
		load: impl FnOnce() -> Result<Loaded<M>, E> + Send + 'static,
	) -> Result<Self, StartError<E>>
	where
		M: Model + 'static,
		E: Send + 'static,
	{
		let (ready, started) = oneshot::channel();
		thread::Builder::new()
			.name("model".into())
			.spawn(move || match load() {
				Err(error) => drop(ready.send(Err(error))),
				Ok(loaded) => {
					let (server, model) = Self::new(loaded);
					let shared = server.shared.clone();
					// Without a receiver the server is dropped, and so the loop ends at once.
					drop(ready.send(Ok(server)));
					Worker::new(&model, &shared).work();
				}
			})
			.map_err(StartError::Thread)?;
		match started.await {
			Ok(loaded) => loaded.map_err(StartError::Load),
			Err(_) => Err(StartError::Crashed),
		}
	}

	fn new<M: Model>(loaded: Loaded<M>) -> (Self, M) {
		let Loaded {
			model,
			manifest,
			speed,
			memory,
		} = loaded;
		let queue = Queue::new(MAX_WAITING, speed, memory);
		let server = Self {
			shared: Arc::new(Shared {
				state: Mutex::new(State {
					queue,
					closed: false,
				}),
				changed: Condvar::new(),
			}),
			manifest,
			speed,
			memory,
			encoder: model.encoder(),
			context: u32::try_from(model.facts().context).unwrap_or(u32::MAX),
		};
		(server, model)
	}

	fn push(&self, task: Task, terms: Terms) {
		let pushed = self.shared.lock().queue.push(Instant::now(), task, terms);
		match pushed {
			Ok(()) => self.shared.changed.notify_one(),
			Err((task, error)) => task.fail(error),
		}
	}

	/// What an assignment takes at most. Impossible ones take little: they are refused when their
	/// turn comes.
	fn work(&self, assignment: &Assignment) -> Work {
		let read = count(assignment.prompt.len());
		let room = assignment.context.min(self.context).saturating_sub(read);
		Work::answer(
			read.min(self.context),
			assignment.params.max_tokens.min(room),
		)
	}
}

impl Drop for Server {
	fn drop(&mut self) {
		self.shared.lock().closed = true;
		self.shared.changed.notify_one();
	}
}

#[async_trait]
impl Compute for Server {
	fn manifest(&self) -> &Manifest {
		&self.manifest
	}

	fn speed(&self) -> Speed {
		self.speed
	}

	fn memory(&self) -> Memory {
		self.memory
	}

	fn load(&self) -> Load {
		self.shared.lock().queue.load(Instant::now())
	}

	async fn generate(
		&self,
		assignment: Assignment,
		deadline: Option<Instant>,
		on_token: OnToken,
	) -> Result<Generation, ComputeError> {
		let work = self.work(&assignment);
		let (reply, result) = oneshot::channel();
		let task = Task::Generate(Box::new(assignment), on_token, reply);
		self.push(task, Terms { deadline, work });
		result.await.unwrap_or(Err(ComputeError::Stopped))
	}

	async fn verify(
		&self,
		examination: Examination,
		deadline: Option<Instant>,
	) -> Result<Judgement, ComputeError> {
		let Opening { prompt, output, .. } = &examination.opening;
		// What is longer than the profile allows is invalid without being computed.
		let context = examination.profile.context.min(self.context);
		let prompt = count(prompt.len()).min(context);
		let output = count(output.len()).min(context - prompt);
		let work = Work::recheck(prompt, output);
		let (reply, result) = oneshot::channel();
		let task = Task::Verify(Box::new(examination), reply);
		self.push(task, Terms { deadline, work });
		result.await.unwrap_or(Err(ComputeError::Stopped))
	}

	async fn encode_inline(&self, text: String) -> Result<Vec<TokenId>, ComputeError> {
		// A text on chain is short: encoding takes milliseconds.
		(self.encoder)(&text).map_err(ComputeError::InlinePrompt)
	}
}

fn count(tokens: usize) -> u32 {
	u32::try_from(tokens).unwrap_or(u32::MAX)
}

impl Shared {
	fn lock(&self) -> MutexGuard<'_, State> {
		self.state.lock().unwrap_or_else(PoisonError::into_inner)
	}

	/// Waits for the next job; `None` when there will be none.
	fn next(&self) -> Option<(Task, Terms)> {
		let mut state = self.lock();
		while !state.closed {
			if let Some(next) = state.take() {
				return Some(next);
			}
			state = self
				.changed
				.wait(state)
				.unwrap_or_else(PoisonError::into_inner);
		}
		None
	}
}

impl State {
	/// The job to be done now, after those that came too late are told so.
	fn take(&mut self) -> Option<(Task, Terms)> {
		let now = Instant::now();
		for late in self.queue.expire(now) {
			late.fail(ComputeError::TooLate);
		}
		self.queue.begin(now)
	}
}

/// The model's thread.
struct Worker<'a, M> {
	model: &'a M,
	shared: &'a Shared,
	crashes: Cell<u32>,
}

impl<'a, M: Model> Worker<'a, M> {
	fn new(model: &'a M, shared: &'a Shared) -> Self {
		Self {
			model,
			shared,
			crashes: Cell::new(0),
		}
	}

	/// Does jobs until the server is dropped.
	fn work(&self) {
		while let Some((task, terms)) = self.shared.next() {
			self.run(task, terms);
		}
	}

	/// Does one job, which [`Queue::begin`] gave out.
	fn run(&self, task: Task, terms: Terms) {
		match task {
			Task::Generate(assignment, mut on_token, reply) => {
				let mut watch = self.watch(terms, &reply, Some(&mut on_token));
				let result = self.contained(|| generate(self.model, &assignment, &mut watch));
				self.shared.lock().queue.end(Instant::now());
				let _ = reply.send(result);
			}
			Task::Verify(examination, reply) => {
				let mut watch = self.watch(terms, &reply, None);
				let result = self.contained(|| verify(self.model, &examination, &mut watch));
				self.shared.lock().queue.end(Instant::now());
				let _ = reply.send(result);
			}
		}
	}

	fn watch<'b, T>(
		&'b self,
		terms: Terms,
		reply: &'b Reply<T>,
		on_token: Option<&'b mut OnToken>,
	) -> Watch<'b, 'a, M, T> {
		Watch {
			worker: self,
			deadline: terms.deadline,
			reply,
			on_token,
		}
	}

	/// A crash takes down the job and not the process.
	fn contained<T>(
		&self,
		work: impl FnOnce() -> Result<T, ComputeError>,
	) -> Result<T, ComputeError> {
		let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
			Err(ComputeError::Crashed {
				reason: panic_message(&*panic),
				in_a_row: 1,
			})
		});
		match result {
			Err(ComputeError::Crashed { reason, .. }) => {
				let in_a_row = self.crashes.get().saturating_add(1);
				self.crashes.set(in_a_row);
				Err(ComputeError::Crashed { reason, in_a_row })
			}
			Ok(done) => {
				self.crashes.set(0);
				Ok(done)
			}
			error => error,
		}
	}
}

/// What happens between two steps of a job.
struct Watch<'a, 'w, M, T> {
	worker: &'a Worker<'w, M>,
	deadline: Option<Instant>,
	reply: &'a Reply<T>,
	on_token: Option<&'a mut OnToken>,
}

impl<M: Model, T> Watcher for Watch<'_, '_, M, T> {
	fn token(&mut self, token: TokenId) -> Result<(), ComputeError> {
		self.worker.shared.lock().queue.wrote();
		match self.on_token.as_mut().map(|on_token| on_token(token)) {
			Some(ControlFlow::Break(())) => Err(ComputeError::Cancelled),
			Some(ControlFlow::Continue(())) | None => Ok(()),
		}
	}

	/// Stops what nobody waits for or comes too late, and does what cannot wait.
	fn rest(&mut self) -> Result<(), ComputeError> {
		loop {
			let urgent = {
				let mut state = self.worker.shared.lock();
				if state.closed {
					return Err(ComputeError::Stopped);
				}
				if self.reply.is_closed() {
					return Err(ComputeError::Cancelled);
				}
				if self
					.deadline
					.is_some_and(|deadline| Instant::now() > deadline)
				{
					return Err(ComputeError::TooLate);
				}
				state.take()
			};
			match urgent {
				Some((task, terms)) => self.worker.run(task, terms),
				None => return Ok(()),
			}
		}
	}
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;

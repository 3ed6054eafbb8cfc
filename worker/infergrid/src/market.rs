//! The grid as the gateway's market: tasks on the chain, answers over the swarm.

mod ledger;
mod order;
mod recovery;

use crate::{
	failure::Failure,
	follow::{Follower, Step, persist},
};
use async_trait::async_trait;
use futures::StreamExt;
use infergrid_chain::{Chain, ReadError, Submitter, View, address};
use infergrid_checkpoint::Checkpoint;
use infergrid_gateway::{
	Market, MarketError, Model, Order, OrderError, OrderStream, ReceiptProgress,
};
use infergrid_journal::Journal;
use infergrid_primitives::{BlockNumber, Hash, request::Assurance};
use infergrid_swarm::SwarmHandle;
use ledger::Ledger;
use recovery::Recovery;
use std::{
	collections::HashMap,
	path::PathBuf,
	sync::{Arc, Mutex, PoisonError},
	time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a list of models is good for: about a block.
const MODELS_FRESH: Duration = Duration::from_secs(3);
/// Blocks for which the receipt of an order that has ended can be followed: a week at 3 s, as long
/// as the chain keeps the task.
const RECEIPTS_KEPT: BlockNumber = 201_600;
/// Ended orders that are kept at most, whatever their age.
const RECEIPTS_MOST: u64 = 100_000;
/// Blocks between two clearings of the journal.
const PRUNE_EVERY: BlockNumber = 100;
/// Events that wait for a slow client before the miner's stream waits too.
const EVENTS_WAITING: usize = 64;
/// How long orders may take to end when the gateway stops.
const FAREWELL: Duration = Duration::from_secs(5);

/// On which terms the gateway orders.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
	/// Blocks to wait for an answer.
	pub(crate) patience: BlockNumber,
	/// The least checking.
	pub(crate) assurance: Assurance,
}

/// The grid.
#[derive(Debug)]
pub(crate) struct GridMarket {
	grid: Arc<Grid>,
}

/// What orders share.
#[derive(Debug)]
struct Grid {
	chain: Chain,
	submitter: Submitter,
	swarm: SwarmHandle,
	journal: Journal,
	terms: Terms,
	/// Local files by model.
	checkpoints: HashMap<Hash, Arc<Checkpoint>>,
	/// When this gateway began, for clients that want to know a model's age.
	since: u64,
	models: Mutex<Option<(Instant, Vec<Arc<Model>>)>>,
	ledger: Ledger,
	orders: TaskTracker,
	stop: CancellationToken,
}

impl GridMarket {
	/// A market over models whose files are in `directories`.
	pub(crate) fn open(
		chain: Chain,
		submitter: Submitter,
		swarm: SwarmHandle,
		journal: Journal,
		directories: &[PathBuf],
		terms: Terms,
	) -> Result<Arc<Self>, Failure> {
		let mut checkpoints = HashMap::new();
		for directory in directories {
			let checkpoint = Checkpoint::open(directory).map_err(Failure::config)?;
			checkpoint.tokenizer().map_err(Failure::config)?;
			let model = crate::engine::manifest(directory)?.id();
			tracing::info!(model = %hex::encode(model), directory = %directory.display(), "knows a model");
			checkpoints.insert(model, Arc::new(checkpoint));
		}
		let ledger = Ledger::restore(&journal)?;
		let grid = Grid {
			chain,
			submitter,
			swarm,
			journal,
			terms,
			checkpoints,
			since: SystemTime::now()
				.duration_since(UNIX_EPOCH)
				.map_or(0, |now| now.as_secs()),
			models: Mutex::default(),
			ledger,
			orders: TaskTracker::new(),
			stop: CancellationToken::new(),
		};
		Ok(Arc::new(Self {
			grid: Arc::new(grid),
		}))
	}

	/// The orders that an earlier run left open; to be asked for before this run takes any.
	pub(crate) fn recovery(&self) -> Result<Recovery, Failure> {
		Recovery::new(self.grid.clone())
	}

	/// Follows what becomes of the gateway's tasks, until `stop`.
	pub(crate) async fn follow(
		&self,
		mut recovery: Recovery,
		stop: CancellationToken,
	) -> Result<(), Failure> {
		let mut follower = Follower::new(self.grid.chain.clone(), stop);
		while let Some(step) = follower.next().await? {
			match step {
				Step::Rescan(view) => {
					let audits = persist(|| view.audits()).await?;
					self.grid.ledger.note_audits(&audits);
					recovery.everything(&view).await?;
					self.prune(view.block().number)?;
				}
				Step::Block(view, events) => {
					let now = view.block().number;
					self.grid.ledger.note(now, &events);
					recovery.submitted(&view, &events).await?;
					if now.is_multiple_of(PRUNE_EVERY) {
						self.prune(now)?;
					}
				}
			}
		}
		Ok(())
	}

	/// Forgets the orders that have ended long ago.
	fn prune(&self, now: BlockNumber) -> Result<(), Failure> {
		let journal = &self.grid.journal;
		let forgotten = journal.prune_orders(now, RECEIPTS_KEPT, RECEIPTS_MOST)?;
		if !forgotten.is_empty() {
			tracing::info!(
				orders = forgotten.len(),
				"forgot orders that ended long ago"
			);
			self.grid.ledger.forget(&forgotten);
		}
		Ok(())
	}

	/// Lets orders end, then cuts them off.
	pub(crate) async fn close(&self) {
		self.grid.orders.close();
		self.grid.stop.cancel();
		if tokio::time::timeout(FAREWELL, self.grid.orders.wait())
			.await
			.is_err()
		{
			tracing::warn!("some orders did not end in time");
		}
	}
}

impl Grid {
	/// Profiles of models that are known here and offered by somebody.
	async fn read_models(&self, view: &View) -> Result<Vec<Arc<Model>>, ReadError> {
		let mut models = Vec::new();
		for (id, profile) in view.profiles().await? {
			let Some(checkpoint) = self.checkpoints.get(&profile.model) else {
				continue;
			};
			let Some(model) = view.model(&profile.model).await? else {
				continue;
			};
			if model.retired_at.is_some() || view.offers(&id).await?.is_empty() {
				continue;
			}
			models.push(Arc::new(Model {
				name: String::from_utf8_lossy(&model.info.name).into_owned(),
				profile: id,
				owner: address(&model.creator),
				created: self.since,
				context: profile.context,
				checkpoint: checkpoint.clone(),
			}));
		}
		Ok(models)
	}
}

#[async_trait]
impl Market for GridMarket {
	async fn models(&self) -> Result<Vec<Arc<Model>>, MarketError> {
		let fresh = |(at, models): &(Instant, Vec<Arc<Model>>)| {
			(at.elapsed() < MODELS_FRESH).then(|| models.clone())
		};
		let cached = {
			let cached = self
				.grid
				.models
				.lock()
				.unwrap_or_else(PoisonError::into_inner);
			cached.as_ref().and_then(fresh)
		};
		if let Some(models) = cached {
			return Ok(models);
		}
		let read = async {
			self.grid
				.read_models(&self.grid.chain.latest().await?)
				.await
		};
		let models = read.await.map_err(|error: ReadError| {
			tracing::warn!(%error, "cannot read the models");
			MarketError::Unavailable
		})?;
		*self
			.grid
			.models
			.lock()
			.unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), models.clone()));
		Ok(models)
	}

	async fn order(&self, order: Order) -> Result<OrderStream, OrderError> {
		if self.grid.stop.is_cancelled() {
			return Err(OrderError::Overloaded);
		}
		let (events, receiver) = mpsc::channel(EVENTS_WAITING);
		let fulfilment = order::Fulfilment::new(self.grid.clone(), order, events);
		let stop = self.grid.stop.clone();
		self.grid.orders.spawn(async move {
			tokio::select! {
				_ = stop.cancelled() => {},
				() = fulfilment.run() => {},
			}
		});
		Ok(ReceiverStream::new(receiver).boxed())
	}

	async fn receipt(&self, request_id: &Hash) -> Result<Option<ReceiptProgress>, MarketError> {
		let Some(entry) = self.grid.ledger.find(request_id) else {
			return Ok(None);
		};
		let read = async {
			let view = self.grid.chain.latest().await?;
			ledger::progress(&view, entry).await
		};
		read.await.map_err(|error: ReadError| {
			tracing::warn!(%error, "cannot read a receipt");
			MarketError::Unavailable
		})
	}
}

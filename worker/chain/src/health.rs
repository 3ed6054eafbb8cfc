//! How the node and the chain behind it are, watched all the time.

use crate::{
	alarm::{Alarm, Notice},
	backoff::Backoff,
	transport::{Rpc, Transport},
};
use infergrid_primitives::BlockNumber;
use std::{
	fmt,
	mem::{Discriminant, discriminant},
	time::Duration,
};
use tokio::{
	sync::watch,
	time::{Instant, MissedTickBehavior, interval, timeout},
};

/// How often the node is asked how it is, and how long it may take to answer.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often a trouble that lasts is logged again.
const REPEAT_AFTER: Duration = Duration::from_secs(300);
/// How the node and its chain are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainHealth {
	/// Whether a node answers. One that does not answer once is only slow.
	pub connected: bool,
	/// The last finalized block seen.
	pub finalized: BlockNumber,
	/// When it was first seen.
	pub finalized_at: Instant,
	/// The node's best block, which may yet be replaced.
	pub best: BlockNumber,
	/// When the best block last changed.
	pub best_at: Instant,
	/// Whether the node says that it is still catching up with the chain.
	pub syncing: bool,
	/// When a node last answered.
	answered_at: Instant,
	/// From which age on a block is late.
	stall_after: Duration,
}

/// What is wrong with the node or its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
	/// No node answers.
	Disconnected,
	/// The node has not caught up with the chain.
	Syncing {
		/// Its best block.
		best: BlockNumber,
	},
	/// No block comes at all.
	NoBlocks {
		/// The last one.
		best: BlockNumber,
		/// Since it came.
		age: Duration,
	},
	/// Blocks come, and none is finalized.
	NoFinality {
		/// The last finalized one.
		finalized: BlockNumber,
		/// Since it was seen.
		age: Duration,
	},
}

impl ChainHealth {
	pub(crate) fn new(finalized: BlockNumber, stall_after: Duration) -> Self {
		let now = Instant::now();
		Self {
			connected: true,
			finalized,
			finalized_at: now,
			best: finalized,
			best_at: now,
			syncing: false,
			answered_at: now,
			stall_after,
		}
	}

	/// Since the last finalized block was first seen.
	pub fn finality_age(&self) -> Duration {
		self.finalized_at.elapsed()
	}

	/// The gravest of what is wrong, if anything is.
	pub fn trouble(&self) -> Option<Trouble> {
		let stalled = |since: Instant| since.elapsed() >= self.stall_after;
		if !self.connected {
			return Some(Trouble::Disconnected);
		}
		if self.syncing {
			return Some(Trouble::Syncing { best: self.best });
		}
		if stalled(self.finalized_at) && stalled(self.best_at) {
			return Some(Trouble::NoBlocks {
				best: self.best,
				age: self.best_at.elapsed(),
			});
		}
		if stalled(self.finalized_at) {
			return Some(Trouble::NoFinality {
				finalized: self.finalized,
				age: self.finality_age(),
			});
		}
		None
	}
}

impl fmt::Display for Trouble {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Disconnected => f.write_str(
				"no node answers: nothing can be delivered, checked or paid until one does. Start the \
				 node, or name others with --node",
			),
			Self::Syncing { best } => write!(
				f,
				"the node is still catching up with the chain, at block {best}: wait until it has, or \
				 name another with --node"
			),
			Self::NoBlocks { best, age } => write!(
				f,
				"no block has come for {} s after block {best}: the node is cut off from its peers or has a \
				 wrong clock, of which its log tells, or no validator makes blocks",
				age.as_secs()
			),
			Self::NoFinality { finalized, age } => write!(
				f,
				"blocks come, but none has been finalized for {} s after block {finalized}: more than a \
				 third of the validators is away, or this node does not hear them. Nothing can be \
				 delivered, checked or paid until that is over; it needs nothing from here but patience",
				age.as_secs()
			),
		}
	}
}

/// Keeps what is known of the last finalized block and of the node's health.
pub(crate) struct Watcher {
	pub(crate) transport: Transport,
	pub(crate) rpc: Rpc,
	pub(crate) finalized: watch::Sender<BlockNumber>,
	pub(crate) health: watch::Sender<ChainHealth>,
	pub(crate) stall_after: Duration,
}

/// What a look at the node shows.
struct Look {
	best: BlockNumber,
	syncing: bool,
}

impl Watcher {
	/// Watches until it is aborted.
	pub(crate) async fn run(self) {
		tokio::join!(self.follow(), self.look_after());
	}

	/// Follows finalized heads, at another endpoint where a stream of them ends or stands still.
	async fn follow(&self) {
		let mut backoff = Backoff::default();
		loop {
			if let Ok((generation, _)) = self.transport.link().await {
				match self.heads(&mut backoff).await {
					Ok(()) => tracing::debug!("no finalized blocks come through this endpoint"),
					Err(error) => tracing::debug!(%error, "cannot follow finalized blocks"),
				}
				self.transport.abandon(generation).await;
			}
			backoff.pause().await;
		}
	}

	/// One stream of finalized heads, until it ends or stands still.
	async fn heads(&self, backoff: &mut Backoff) -> Result<(), subxt::rpcs::Error> {
		let mut heads = self.rpc.chain_subscribe_finalized_heads().await?;
		let mut moved = Instant::now();
		loop {
			let left = self.stall_after.saturating_sub(moved.elapsed());
			let Ok(Some(header)) = timeout(left, heads.next()).await else {
				return Ok(());
			};
			let number = header?.number as BlockNumber;
			let newer = self.finalized.send_if_modified(|reached| {
				let newer = number > *reached;
				*reached = number.max(*reached);
				newer
			});
			if newer {
				moved = Instant::now();
				backoff.reset();
				self.health.send_modify(|health| {
					health.finalized = number;
					health.finalized_at = moved;
				});
			}
		}
	}

	/// Looks at the node again and again, and says what is wrong with it.
	async fn look_after(&self) {
		let mut alarm = Alarm::new(REPEAT_AFTER);
		let mut ticks = interval(LOOK_EVERY);
		ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
		loop {
			ticks.tick().await;
			let look = timeout(LOOK_EVERY, self.look()).await;
			let look = look.ok().and_then(Result::ok);
			self.health.send_modify(|health| update(health, look));
			tell(&mut alarm, self.health.borrow().trouble());
		}
	}

	async fn look(&self) -> Result<Look, subxt::rpcs::Error> {
		let header = self.rpc.chain_get_header(None).await?;
		let best = header.map_or(0, |header| header.number as BlockNumber);
		let syncing = self.rpc.system_health().await?.is_syncing;
		Ok(Look { best, syncing })
	}
}

fn update(health: &mut ChainHealth, look: Option<Look>) {
	let Some(look) = look else {
		health.connected = health.answered_at.elapsed() < 3 * LOOK_EVERY;
		return;
	};
	health.connected = true;
	health.answered_at = Instant::now();
	health.syncing = look.syncing;
	if look.best != health.best {
		health.best = look.best;
		health.best_at = Instant::now();
	}
}

fn tell(alarm: &mut Alarm<Discriminant<Trouble>>, trouble: Option<Trouble>) {
	let notice = alarm.update(trouble.as_ref().map(discriminant));
	match (notice, trouble) {
		(Some(Notice::Over), _) => tracing::info!("the chain is well again"),
		(Some(Notice::Begins | Notice::Lasts), Some(trouble)) => tracing::error!("{trouble}"),
		_ => {}
	}
}

impl fmt::Debug for Watcher {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Watcher").finish_non_exhaustive()
	}
}

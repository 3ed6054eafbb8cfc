//! Going through finalized blocks without missing one, whatever the node does meanwhile.

use crate::{Advice, BlockId, Blocks, Chain, Event, ReadError, View, backoff::Backoff};
use std::{future::Future, time::Duration};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Nodes keep the state of 256 blocks. Who is further behind than this starts over from the state.
const MAX_BEHIND: u32 = 128;
/// How long a node may take to answer somebody who wants to end.
const LAST_READ: Duration = Duration::from_secs(30);

/// What there is to do next.
#[derive(Debug)]
pub enum Step<V = View> {
	/// Everything before is unknown: look at the state itself.
	Rescan(V),
	/// The next block and its events.
	Block(V, Vec<Event>),
}

/// A walk along the finalized blocks. The first step is always a rescan. Implemented by a
/// [`Follower`], and by a fake in tests.
pub trait Walk: Send {
	/// The state after a block.
	type View;

	/// The next step; None after the stop. Waits as long as the chain does not answer. Cancelling
	/// loses nothing.
	fn next(&mut self) -> impl Future<Output = Result<Option<Step<Self::View>>, ReadError>> + Send;

	/// Makes the next step a rescan.
	fn rescan(&mut self);

	/// After a read at the last step failed with `error`: if the node has forgotten that state, the next
	/// step is a rescan, as the present state tells all. Any other error comes back.
	fn read_anew(&mut self, error: ReadError) -> Result<(), ReadError> {
		match error.advice() {
			Advice::Skip => {
				tracing::warn!(%error, "reading the state anew");
				self.rescan();
				Ok(())
			}
			Advice::Retry | Advice::Die => Err(error),
		}
	}
}

/// The walk along the blocks of a node.
#[derive(Debug)]
pub struct Follower {
	chain: Chain,
	blocks: Option<Blocks>,
	/// A block that is taken from `blocks` and not yet given out.
	taken: Option<BlockId>,
	/// Between attempts, and between rescans without a block in between.
	backoff: Backoff,
	/// Whether no block was given out since the last rescan.
	fresh: bool,
	stop: CancellationToken,
}

impl Follower {
	/// A walk that begins now and ends with `stop`.
	pub fn new(chain: Chain, stop: CancellationToken) -> Self {
		Self {
			chain,
			blocks: None,
			taken: None,
			backoff: Backoff::default(),
			fresh: false,
			stop,
		}
	}

	async fn step(&mut self) -> Result<Step, ReadError> {
		loop {
			let behind = self.blocks.as_ref().map_or(0, Blocks::behind);
			if behind > MAX_BEHIND {
				tracing::warn!(behind, "fell behind the chain, reading its state anew");
				self.rescan();
			}
			if self.blocks.is_none() && self.fresh {
				// The last rescan has led to the next at once.
				self.backoff.pause().await;
			}
			match self.attempt().await {
				Ok(step) => return Ok(step),
				Err(error) if error.advice() == Advice::Retry => {
					pause(error, &mut self.backoff).await;
				}
				Err(error) => self.read_anew(error)?,
			}
		}
	}

	async fn attempt(&mut self) -> Result<Step, ReadError> {
		let Some(blocks) = &mut self.blocks else {
			let view = self.chain.latest().await?;
			self.blocks = Some(self.chain.blocks(view.block().number.saturating_add(1)));
			self.fresh = true;
			return Ok(Step::Rescan(view));
		};
		let block = match self.taken {
			Some(block) => block,
			None => *self.taken.insert(blocks.next().await?),
		};
		let view = self.chain.at(block).await?;
		let events = view.events().await?;
		self.taken = None;
		self.fresh = false;
		self.backoff.reset();
		Ok(Step::Block(view, events))
	}
}

impl Walk for Follower {
	type View = View;

	async fn next(&mut self) -> Result<Option<Step>, ReadError> {
		let stop = self.stop.clone();
		tokio::select! {
			_ = stop.cancelled() => Ok(None),
			step = self.step() => step.map(Some),
		}
	}

	fn rescan(&mut self) {
		self.blocks = None;
		self.taken = None;
	}
}

/// Reads a certain state until the chain answers, or the answer shows that it never will: where the node
/// has forgotten that state, for instance.
pub async fn persist<T, F>(read: impl FnMut() -> F) -> Result<T, ReadError>
where
	F: Future<Output = Result<T, ReadError>>,
{
	persist_while(read, |error| error.advice() == Advice::Retry).await
}

/// Reads the present state, whichever that is by then, until the chain answers. That the node has
/// forgotten a state is no end: the next read is of a later one.
pub async fn persist_latest<T, F>(read: impl FnMut() -> F) -> Result<T, ReadError>
where
	F: Future<Output = Result<T, ReadError>>,
{
	persist_while(read, |error| {
		error.advice() == Advice::Retry || matches!(error, ReadError::Pruned(_))
	})
	.await
}

/// What `read` gives; None if it takes longer than half a minute: a node that is gone holds back nobody
/// who wants to end.
pub async fn in_time<T, E>(read: impl Future<Output = Result<T, E>>) -> Result<Option<T>, E> {
	timeout(LAST_READ, read).await.ok().transpose()
}

async fn persist_while<T, F>(
	mut read: impl FnMut() -> F,
	goes_on: fn(&ReadError) -> bool,
) -> Result<T, ReadError>
where
	F: Future<Output = Result<T, ReadError>>,
{
	let mut backoff = Backoff::default();
	loop {
		match read().await {
			Err(error) if goes_on(&error) => pause(error, &mut backoff).await,
			read => return read,
		}
	}
}

async fn pause(error: ReadError, backoff: &mut Backoff) {
	tracing::warn!(%error, "the chain does not answer, trying again");
	backoff.pause().await;
}

//! Going through finalized blocks without missing one, whatever the node does meanwhile.

use crate::{Advice, BlockId, Blocks, Chain, Event, ReadError, View};
use std::{future::Future, time::Duration};
use tokio_util::sync::CancellationToken;

const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Nodes keep the state of 256 blocks. Who is further behind than this starts over from the state.
const MAX_BEHIND: u32 = 128;

/// What there is to do next.
#[derive(Debug)]
pub enum Step {
	/// Everything before is unknown: look at the state itself.
	Rescan(View),
	/// The next block and its events.
	Block(View, Vec<Event>),
}

/// A walk along the finalized blocks. The first step is always a rescan.
#[derive(Debug)]
pub struct Follower {
	chain: Chain,
	blocks: Option<Blocks>,
	/// A block that is taken from `blocks` and not yet given out.
	taken: Option<BlockId>,
	stop: CancellationToken,
}

impl Follower {
	/// A walk that begins now and ends with `stop`.
	pub fn new(chain: Chain, stop: CancellationToken) -> Self {
		Self {
			chain,
			blocks: None,
			taken: None,
			stop,
		}
	}

	/// Begins anew: what is to be read next may be forgotten already.
	pub fn rescan(&mut self) {
		self.blocks = None;
		self.taken = None;
	}

	/// The next step; None after the stop. Waits as long as the chain does not answer. Cancelling
	/// loses nothing.
	pub async fn next(&mut self) -> Result<Option<Step>, ReadError> {
		let stop = self.stop.clone();
		tokio::select! {
			_ = stop.cancelled() => Ok(None),
			step = self.step() => step.map(Some),
		}
	}

	async fn step(&mut self) -> Result<Step, ReadError> {
		loop {
			if self
				.blocks
				.as_ref()
				.is_some_and(|blocks| blocks.behind() > MAX_BEHIND)
			{
				tracing::warn!("fell behind the chain, reading its state anew");
				self.rescan();
			}
			match self.attempt().await {
				Ok(step) => return Ok(step),
				Err(error) if error.advice() == Advice::Skip => {
					tracing::warn!(%error, "reading the state anew");
					self.rescan();
				}
				Err(error) => pause(error).await?,
			}
		}
	}

	async fn attempt(&mut self) -> Result<Step, ReadError> {
		let Some(blocks) = &mut self.blocks else {
			let view = self.chain.latest().await?;
			self.blocks = Some(self.chain.blocks(view.block().number.saturating_add(1)));
			return Ok(Step::Rescan(view));
		};
		let block = match self.taken {
			Some(block) => block,
			None => *self.taken.insert(blocks.next().await?),
		};
		let view = self.chain.at(block).await?;
		let events = view.events().await?;
		self.taken = None;
		Ok(Step::Block(view, events))
	}
}

/// Reads until the chain answers, or the answer shows that it never will: of a state that the node has
/// forgotten, for instance.
pub async fn persist<T, F>(mut read: impl FnMut() -> F) -> Result<T, ReadError>
where
	F: Future<Output = Result<T, ReadError>>,
{
	loop {
		match read().await {
			Ok(value) => return Ok(value),
			Err(error) => pause(error).await?,
		}
	}
}

async fn pause(error: ReadError) -> Result<(), ReadError> {
	match error.advice() {
		Advice::Retry => {
			tracing::warn!(%error, "the chain does not answer, trying again");
			tokio::time::sleep(RETRY_PAUSE).await;
			Ok(())
		}
		Advice::Skip | Advice::Die => Err(error),
	}
}

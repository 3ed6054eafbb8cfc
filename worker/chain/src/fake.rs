//! For the tests of those who follow the chain: a walk that a test leads by the hand, and errors of which
//! only this crate knows the causes.

use crate::{Event, ReadError, Step, Walk};
use std::mem;
use subxt::Error;
use tokio::sync::{mpsc, watch};

/// A walk along the blocks that a [`Lead`] makes.
#[derive(Debug)]
pub struct FakeWalk<V> {
	view: V,
	fresh: bool,
	/// Events, or None where blocks were missed.
	steps: mpsc::Receiver<Option<Vec<Event>>>,
	/// How many of them were taken.
	taken: usize,
	progress: watch::Sender<Progress>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Progress {
	/// Of what was taken, how much is done with.
	done: usize,
	rescans: usize,
}

/// Makes blocks. The walk ends when it is dropped.
#[derive(Debug)]
pub struct Lead {
	steps: mpsc::Sender<Option<Vec<Event>>>,
	sent: usize,
	progress: watch::Receiver<Progress>,
}

impl<V> FakeWalk<V> {
	/// A walk whose every step sees `view`.
	pub fn new(view: V) -> (Self, Lead) {
		let (sender, steps) = mpsc::channel(1);
		let (progress, seen) = watch::channel(Progress::default());
		let walk = Self {
			view,
			fresh: true,
			steps,
			taken: 0,
			progress,
		};
		let lead = Lead {
			steps: sender,
			sent: 0,
			progress: seen,
		};
		(walk, lead)
	}
}

impl<V: Clone + Send + Sync> Walk for FakeWalk<V> {
	type View = V;

	async fn next(&mut self) -> Result<Option<Step<V>>, ReadError> {
		loop {
			if mem::take(&mut self.fresh) {
				self.progress.send_modify(|progress| progress.rescans += 1);
				return Ok(Some(Step::Rescan(self.view.clone())));
			}
			// Who asks for the next step is done with the last.
			self.progress
				.send_modify(|progress| progress.done = self.taken);
			let Some(step) = self.steps.recv().await else {
				return Ok(None);
			};
			self.taken += 1;
			match step {
				Some(events) => return Ok(Some(Step::Block(self.view.clone(), events))),
				None => self.rescan(),
			}
		}
	}

	fn rescan(&mut self) {
		self.fresh = true;
	}
}

impl Lead {
	/// Makes a block, and waits until the one who walks is done with it, and with the rescan to which it
	/// led, or walks no more.
	pub async fn block(&mut self, events: Vec<Event>) {
		self.step(Some(events)).await;
	}

	/// Lets the one who walks miss blocks, and waits until it has read the state anew, or walks no more.
	pub async fn miss(&mut self) {
		self.step(None).await;
	}

	/// How many times the state was looked at.
	pub fn rescans(&self) -> usize {
		self.progress.borrow().rescans
	}

	async fn step(&mut self, step: Option<Vec<Event>>) {
		self.sent += 1;
		let sent = self.sent;
		// Who walks no more takes nothing, and is waited for no longer.
		let _ = self.steps.send(step).await;
		let _ = self
			.progress
			.wait_for(|progress| progress.done >= sent)
			.await;
	}
}

/// What a node says of a state that it has forgotten.
pub fn forgotten() -> ReadError {
	ReadError::Pruned(Box::new(Error::Other("State already discarded".into())))
}

/// What becomes of a record of `item`, a map by numbers, that a newer runtime has put there.
pub fn undecodable(item: &str, key: u64) -> ReadError {
	let cause = Error::Other("an unknown variant".into());
	ReadError::undecodable(item.into(), &key.to_le_bytes(), cause)
}

//! Getting extrinsics into the chain.
//!
//! What a node says of an extrinsic in its pool is a hint at best. Whether a call has happened is
//! read from finalized blocks: as long as the account's nonce is not consumed the call may still
//! come, and is signed anew when its era has passed; once it is consumed, the block that holds the
//! extrinsic is looked up, and where none does, another extrinsic took the nonce and the call goes
//! out again under a new one.

mod answer;
mod sent;
mod sign;

pub use sent::{MORTALITY, Pending};

use crate::{
	alarm::Alarm,
	backoff::Backoff,
	block::BlockId,
	calls::Call,
	client::Chain,
	error::{Advice, ReadError, Refusal, SubmitError},
	events::Event,
	follow::persist,
	view::Outcome,
};
use infergrid_keys::Key;
use infergrid_primitives::{AccountBytes, BlockNumber, Hash, hashing::blake2_256};
use std::{
	collections::{BTreeSet, HashSet},
	sync::{Arc, Mutex, PoisonError},
	time::Duration,
};
use subxt::{config::polkadot::H256, rpcs::Error as RpcError, utils::AccountId32};

use answer::Answer;
use sent::{Nonce, Sent, Trace};

/// Finalized blocks after which an extrinsic that has not come is given to the node again: pools
/// drop and ban extrinsics without telling.
const REMIND_AFTER: BlockNumber = 8;
/// Before the chain is watched for an extrinsic that the node does not take just now.
const POOL_PAUSE: Duration = Duration::from_secs(2);
/// How often it is said that a call is still not on chain.
const REPEAT_AFTER: Duration = Duration::from_secs(60);

/// A call that has happened.
#[derive(Clone, Debug)]
pub struct Included {
	/// The finalized block that holds it.
	pub block: BlockId,
	/// Its events that workers follow.
	pub events: Vec<Event>,
}

/// Submits calls with one key. Clones share the key's nonces; there must be one submitter for each
/// key in the whole process, and one process for each key.
#[derive(Clone)]
pub struct Submitter {
	chain: Chain,
	key: Key,
	/// Nonces of calls that are under way.
	nonces: Arc<Mutex<BTreeSet<u64>>>,
	/// Serialises the choice of a nonce with the first submission under it.
	turn: Arc<tokio::sync::Mutex<()>>,
}

impl std::fmt::Debug for Submitter {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		f.debug_struct("Submitter")
			.field("key", &self.key)
			.finish_non_exhaustive()
	}
}

/// What the chain knows of a call.
enum Progress {
	Pending,
	Included {
		block: BlockId,
		index: u32,
	},
	/// Another extrinsic has consumed the nonce.
	Displaced,
}

impl Submitter {
	/// A submitter for `key`.
	pub fn new(chain: Chain, key: Key) -> Self {
		Self {
			chain,
			key,
			nonces: Arc::default(),
			turn: Arc::default(),
		}
	}

	/// The account that signs.
	pub fn account(&self) -> AccountBytes {
		self.key.public()
	}

	/// The chain into which it submits.
	pub fn chain(&self) -> &Chain {
		&self.chain
	}

	/// The key that signs.
	pub fn key(&self) -> &Key {
		&self.key
	}

	/// Submits `call` and waits until it has happened in a finalized block. A call that is not
	/// included by block `by` is given up; without `by` it is tried until it happens or is refused.
	///
	/// Calls from one submitter may run at the same time; they are included in the order in which
	/// they were started.
	pub async fn submit(
		&self,
		call: &Call,
		by: Option<BlockNumber>,
	) -> Result<Included, SubmitError> {
		if let Some(reason) = call.flaw() {
			return Err(self.refused(call, reason.clone()));
		}
		loop {
			let turn = self.turn.lock().await;
			let nonce = self.take_nonce().await?;
			let number = nonce.value;
			let mut sent = Sent::new((&self.chain, &self.key), call, nonce).await?;
			let seen = async {
				self.send(call, &sent).await?;
				drop(turn);
				self.watch(call, &mut sent, by).await
			};
			match seen.await {
				Ok(Some((block, index))) => return self.outcome(call, block, index).await,
				Ok(None) => {
					tracing::debug!(chain.call = %call.name(), chain.nonce = number, "nonce was taken by another extrinsic, submitting again");
				}
				Err(SubmitError::Read(source)) if source.advice() == Advice::Retry => {
					return Err(SubmitError::Unknown {
						call: call.name(),
						pending: Box::new(Pending { sent }),
						source,
					});
				}
				Err(error) => return Err(error),
			}
		}
	}

	/// As [`Submitter::submit`], and tries again until block `by` whatever may pass: an account without
	/// money for the fee, a full pool, a node that does not answer. Says so in the log. Where the time
	/// is over, the last error is given. As long as no node answers it waits, as the chain's time is not
	/// known; it may be cancelled.
	pub async fn submit_by(&self, call: &Call, by: BlockNumber) -> Result<Included, SubmitError> {
		let mut backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(12));
		let mut alarm = Alarm::new(REPEAT_AFTER);
		loop {
			let error = match self.submit(call, Some(by)).await {
				Ok(included) => return Ok(included),
				Err(SubmitError::Unknown { pending, .. }) => {
					if let Some(included) = self.settle(call, &pending).await? {
						return Ok(included);
					}
					SubmitError::TooLate {
						call: call.name(),
						by: pending.until(),
					}
				}
				Err(error) => error,
			};
			// What was forgotten is an old state, and the next try reads a later one.
			let may_pass = error.advice() == Advice::Retry
				|| matches!(
					error,
					SubmitError::TooLate { .. } | SubmitError::Read(ReadError::Pruned(_))
				);
			if !may_pass || self.chain.finalized() >= by {
				return Err(error);
			}
			if alarm.update(Some(error.to_string())).is_some() {
				tracing::error!(chain.call = %call.name(), by, %error, "not on chain yet, trying again");
			}
			backoff.pause().await;
		}
	}

	/// What became of a call of which that was unknown. Gives it to the node again, which may have lost
	/// it, and waits until it has happened or cannot come any more, which gives None, and as long as the
	/// chain does not answer.
	pub async fn settle(
		&self,
		call: &Call,
		pending: &Pending,
	) -> Result<Option<Included>, SubmitError> {
		let trace = &pending.sent.trace;
		let mut next = trace.first.saturating_add(1);
		let mut remind_at = 0;
		loop {
			let mut blocks = self.chain.blocks(next.max(self.chain.finalized()));
			let block = match blocks.next().await {
				Ok(block) => block,
				Err(_) => persist(|| self.chain.block(self.chain.finalized())).await?,
			};
			match persist(|| self.progress(trace, block)).await {
				Ok(Progress::Included { block, index }) => {
					return self.outcome(call, block, index).await.map(Some);
				}
				Ok(Progress::Displaced) => return Ok(None),
				Ok(Progress::Pending) if block.number > pending.until() => return Ok(None),
				Ok(Progress::Pending) | Err(ReadError::Pruned(_)) => {}
				Err(error) => return Err(error.into()),
			}
			if block.number >= remind_at {
				remind_at = block.number.saturating_add(REMIND_AFTER);
				// The chain has the last word.
				if let Err(error) = self.send(call, &pending.sent).await {
					tracing::debug!(chain.call = %call.name(), %error, "the node does not take it again");
				}
			}
			next = block.number.saturating_add(1);
		}
	}

	/// Waits until the call has happened, signing it anew when its era has passed. None when its
	/// nonce has gone to another extrinsic.
	async fn watch(
		&self,
		call: &Call,
		sent: &mut Sent,
		by: Option<BlockNumber>,
	) -> Result<Option<(BlockId, u32)>, SubmitError> {
		let mut blocks = self.chain.blocks(sent.trace.first.saturating_add(1));
		loop {
			let block = blocks.next().await?;
			match self.progress(&sent.trace, block).await {
				Ok(Progress::Included { block, index }) => return Ok(Some((block, index))),
				Ok(Progress::Displaced) => return Ok(None),
				Ok(Progress::Pending) => {}
				// Too far behind to see the state of each block: the last one's tells as much.
				Err(ReadError::Pruned(_)) => {
					let next = block.number.saturating_add(1);
					blocks = self.chain.blocks(next.max(self.chain.finalized()));
					continue;
				}
				Err(error) => return Err(error.into()),
			}
			if by.is_some_and(|by| block.number >= by) {
				return Err(SubmitError::TooLate {
					call: call.name(),
					by: by.unwrap_or(block.number),
				});
			}
			if block.number >= sent.born + MORTALITY {
				sent.sign((&self.chain, &self.key), call).await?;
				self.send(call, sent).await?;
			} else if block.number >= sent.reminded + REMIND_AFTER {
				sent.reminded = block.number;
				self.send(call, sent).await?;
			}
		}
	}

	/// The lowest nonce that neither the chain, nor the pool, nor a call under way uses.
	async fn take_nonce(&self) -> Result<Nonce, ReadError> {
		let account = AccountId32(self.account());
		let next = self
			.chain
			.rpc()
			.system_account_next_index(&account)
			.await
			.map_err(|error| ReadError::from_subxt("a nonce", error))?;
		// The pool's count may run ahead over a gap that a dropped extrinsic has left.
		let consumed = self.chain.latest().await?.nonce(&self.account()).await?;
		let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
		let mut value = next.max(consumed);
		while nonces.contains(&value) {
			value += 1;
		}
		nonces.insert(value);
		Ok(Nonce {
			value,
			nonces: self.nonces.clone(),
		})
	}

	/// Gives the extrinsic to the node. An answer that says nothing final is ignored: the chain is
	/// watched anyway.
	async fn send(&self, call: &Call, sent: &Sent) -> Result<(), SubmitError> {
		let error = match self
			.chain
			.rpc()
			.author_submit_extrinsic(sent.transaction.encoded())
			.await
		{
			Ok(_) => return Ok(()),
			Err(RpcError::User(error)) => error,
			Err(error) => {
				return Err(ReadError::from_subxt("the answer to an extrinsic", error).into());
			}
		};
		tracing::debug!(chain.call = %call.name(), %error, "the node does not take an extrinsic");
		let answer = match answer::of_pool(error.code, &error.message) {
			Answer::Ask => self.ask_runtime(sent).await?,
			answer => answer,
		};
		match answer {
			Answer::Refused(reason) => Err(self.refused(call, reason)),
			Answer::Pause => {
				tokio::time::sleep(POOL_PAUSE).await;
				Ok(())
			}
			Answer::Wait | Answer::Ask => Ok(()),
		}
	}

	/// What the runtime says of an extrinsic in the block for which it was signed.
	async fn ask_runtime(&self, sent: &Sent) -> Result<Answer, ReadError> {
		let error = match sent.transaction.validate().await {
			Ok(validity) => return Ok(answer::of_runtime(validity)),
			Err(error) => error,
		};
		if !answer::is_stopped(&error) {
			return Err(ReadError::from_subxt("an extrinsic's validity", error));
		}
		let block = self.chain.block(sent.born).await?;
		let runs = self
			.chain
			.rpc()
			.state_call("Core_version", None, Some(H256(block.hash)))
			.await;
		Ok(match runs {
			Ok(_) => Answer::Refused(Refusal::Undecodable),
			// It is the node that cannot run the runtime, or has not got the block.
			Err(_) => Answer::Pause,
		})
	}

	pub(crate) fn refused(&self, call: &Call, reason: Refusal) -> SubmitError {
		SubmitError::Refused {
			call: call.name(),
			account: self.key.address(),
			reason,
		}
	}

	/// Looks for the call in the blocks up to `block`.
	async fn progress(&self, trace: &Trace, block: BlockId) -> Result<Progress, ReadError> {
		let consumed = self.chain.at(block).await?.nonce(&self.account()).await?;
		if consumed <= trace.nonce.value {
			return Ok(Progress::Pending);
		}
		for number in (trace.first + 1..=block.number).rev() {
			let candidate = if number == block.number {
				block
			} else {
				self.chain.block(number).await?
			};
			if let Some(index) = self.find(candidate, &trace.hashes).await? {
				return Ok(Progress::Included {
					block: candidate,
					index,
				});
			}
		}
		Ok(Progress::Displaced)
	}

	/// The index of the first extrinsic of `block` with one of `hashes`.
	async fn find(&self, block: BlockId, hashes: &HashSet<Hash>) -> Result<Option<u32>, ReadError> {
		let body = self
			.chain
			.rpc()
			.chain_get_block(Some(H256(block.hash)))
			.await
			.map_err(|error| ReadError::from_subxt("a block's body", error))?
			.ok_or(ReadError::UnknownBlock(block.number))?;
		let found = body
			.block
			.extrinsics
			.iter()
			.position(|extrinsic| hashes.contains(&blake2_256(&extrinsic.0)));
		Ok(found.map(|index| index as u32))
	}

	async fn outcome(
		&self,
		call: &Call,
		block: BlockId,
		index: u32,
	) -> Result<Included, SubmitError> {
		// It has happened: as long as the chain does not answer, what came of it is asked again.
		let read = persist(|| async { self.chain.at(block).await?.extrinsic(index).await }).await;
		let (call, number) = (call.name(), block.number);
		match read {
			Ok((Some(Outcome::Failure(error)), _)) => Err(SubmitError::Dispatch {
				call,
				block: number,
				error,
			}),
			Ok((Some(Outcome::Success) | None, events)) => Ok(Included { block, events }),
			Err(ReadError::Pruned(_)) => Err(SubmitError::Forgotten {
				call,
				block: number,
			}),
			Err(error) => Err(error.into()),
		}
	}
}

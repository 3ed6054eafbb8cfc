//! Getting extrinsics into the chain.
//!
//! What a node says of an extrinsic in its pool is a hint at best. Whether a call has happened is
//! read from finalized blocks: as long as the account's nonce is not consumed the call may still
//! come, and is signed anew when its era has passed; once it is consumed, the block that holds the
//! extrinsic is looked up, and where none does, another extrinsic took the nonce and the call goes
//! out again under a new one.

mod answer;

use crate::{
	calls::Call,
	client::{BlockId, Chain},
	error::{ReadError, Refusal, SubmitError},
	events::Event,
	view::Outcome,
};
use infergrid_keys::Key;
use infergrid_primitives::{AccountBytes, BlockNumber, Hash, hashing::blake2_256};
use std::{
	collections::{BTreeSet, HashSet},
	sync::{Arc, Mutex, PoisonError},
	time::Duration,
};
use subxt::{
	PolkadotConfig,
	config::{DefaultExtrinsicParamsBuilder, polkadot::H256},
	rpcs::Error as RpcError,
	tx::SubmittableTransaction,
	utils::AccountId32,
};

use answer::Answer;

/// Blocks for which a signed extrinsic is valid, and after which it can no longer come.
pub const MORTALITY: BlockNumber = 64;
/// Finalized blocks after which an extrinsic that has not come is given to the node again: pools
/// drop and ban extrinsics without telling.
const REMIND_AFTER: BlockNumber = 8;
const RETRY_PAUSE: Duration = Duration::from_secs(2);

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

/// A nonce in use; free again when dropped.
struct Nonce {
	value: u64,
	nonces: Arc<Mutex<BTreeSet<u64>>>,
}

impl Drop for Nonce {
	fn drop(&mut self) {
		self.nonces
			.lock()
			.unwrap_or_else(PoisonError::into_inner)
			.remove(&self.value);
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
			let mut sent = Sent::new(self, call, &nonce).await?;
			self.send(call, &sent).await?;
			drop(turn);

			match self.watch(call, &nonce, &mut sent, by).await? {
				Some((block, index)) => return self.outcome(call, block, index).await,
				None => {
					tracing::debug!(chain.call = %call.name(), chain.nonce = nonce.value, "nonce was taken by another extrinsic, submitting again");
				}
			}
		}
	}

	/// Waits until the call has happened, signing it anew when its era has passed. None when its
	/// nonce has gone to another extrinsic.
	async fn watch(
		&self,
		call: &Call,
		nonce: &Nonce,
		sent: &mut Sent,
		by: Option<BlockNumber>,
	) -> Result<Option<(BlockId, u32)>, SubmitError> {
		let mut blocks = self.chain.blocks(sent.first.saturating_add(1));
		loop {
			let block = blocks.next().await?;
			match self.progress(nonce, sent, block).await? {
				Progress::Included { block, index } => return Ok(Some((block, index))),
				Progress::Displaced => return Ok(None),
				Progress::Pending => {}
			}
			if by.is_some_and(|by| block.number >= by) {
				return Err(SubmitError::TooLate {
					call: call.name(),
					by: by.unwrap_or(block.number),
				});
			}
			if block.number >= sent.born + MORTALITY {
				sent.sign(self, call, nonce).await?;
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
				tokio::time::sleep(RETRY_PAUSE).await;
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

	fn refused(&self, call: &Call, reason: Refusal) -> SubmitError {
		SubmitError::Refused {
			call: call.name(),
			account: self.key.address(),
			reason,
		}
	}

	/// Looks for the call in the blocks up to `block`.
	async fn progress(
		&self,
		nonce: &Nonce,
		sent: &Sent,
		block: BlockId,
	) -> Result<Progress, ReadError> {
		let consumed = self.chain.at(block).await?.nonce(&self.account()).await?;
		if consumed <= nonce.value {
			return Ok(Progress::Pending);
		}
		for number in (sent.first + 1..=block.number).rev() {
			let candidate = if number == block.number {
				block
			} else {
				self.chain.block(number).await?
			};
			if let Some(index) = self.find(candidate, &sent.hashes).await? {
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
		let (outcome, events) = self.chain.at(block).await?.extrinsic(index).await?;
		match outcome {
			Some(Outcome::Failure(error)) => Err(SubmitError::Dispatch {
				call: call.name(),
				block: block.number,
				error,
			}),
			Some(Outcome::Success) | None => Ok(Included { block, events }),
		}
	}
}

/// An extrinsic under way, with what it takes to recognise it.
struct Sent {
	transaction: SubmittableTransaction<PolkadotConfig, AtBlock>,
	/// Of every signed form so far.
	hashes: HashSet<Hash>,
	/// The last block that cannot hold it.
	first: BlockNumber,
	/// The block in which its era begins.
	born: BlockNumber,
	/// When it was last given to the node.
	reminded: BlockNumber,
}

type AtBlock = subxt::client::OnlineClientAtBlockImpl<PolkadotConfig>;

impl Sent {
	async fn new(submitter: &Submitter, call: &Call, nonce: &Nonce) -> Result<Self, SubmitError> {
		let (transaction, block) = signed(submitter, call, nonce).await?;
		Ok(Self {
			hashes: HashSet::from([blake2_256(transaction.encoded())]),
			transaction,
			first: block,
			born: block,
			reminded: block,
		})
	}

	async fn sign(
		&mut self,
		submitter: &Submitter,
		call: &Call,
		nonce: &Nonce,
	) -> Result<(), SubmitError> {
		let (transaction, block) = signed(submitter, call, nonce).await?;
		self.hashes.insert(blake2_256(transaction.encoded()));
		self.transaction = transaction;
		self.born = block;
		self.reminded = block;
		Ok(())
	}
}

/// Signs `call` for the next [`MORTALITY`] blocks.
async fn signed(
	submitter: &Submitter,
	call: &Call,
	nonce: &Nonce,
) -> Result<(SubmittableTransaction<PolkadotConfig, AtBlock>, BlockNumber), SubmitError> {
	let block = submitter.chain.block(submitter.chain.finalized()).await?;
	let at = submitter
		.chain
		.client()
		.at_block_hash_and_number(H256(block.hash), block.number.into())
		.await
		.map_err(|error| ReadError::from_subxt("a block", error))?;
	let params = DefaultExtrinsicParamsBuilder::<PolkadotConfig>::new()
		.mortal_from_unchecked(MORTALITY.into(), block.number.into(), H256(block.hash))
		.nonce(nonce.value)
		.build();
	let encode = |error: subxt::error::ExtrinsicError| SubmitError::Encode {
		call: call.name(),
		source: Box::new(error.into()),
	};
	let payload = call.payload();
	let transaction = at
		.transactions()
		.create_signable_offline(&payload, params)
		.and_then(|mut signable| signable.sign(submitter.key.pair()))
		.map_err(encode)?;
	Ok((transaction, block.number))
}

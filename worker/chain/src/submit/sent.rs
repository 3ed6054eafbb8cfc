//! Extrinsics under way, and what it takes to recognise them.

use super::{MORTALITY, Submitter};
use crate::{
	calls::Call,
	error::{ReadError, SubmitError},
};
use infergrid_primitives::{BlockNumber, Hash, hashing::blake2_256};
use std::{
	collections::{BTreeSet, HashSet},
	fmt,
	sync::{Arc, Mutex, PoisonError},
};
use subxt::{
	PolkadotConfig,
	config::{DefaultExtrinsicParamsBuilder, polkadot::H256},
	tx::SubmittableTransaction,
};

type AtBlock = subxt::client::OnlineClientAtBlockImpl<PolkadotConfig>;

/// A nonce in use; free again when dropped.
pub(super) struct Nonce {
	pub(super) value: u64,
	pub(super) nonces: Arc<Mutex<BTreeSet<u64>>>,
}

impl Drop for Nonce {
	fn drop(&mut self) {
		self.nonces
			.lock()
			.unwrap_or_else(PoisonError::into_inner)
			.remove(&self.value);
	}
}

/// What tells an extrinsic in a block.
pub(super) struct Trace {
	pub(super) nonce: Nonce,
	/// Of every signed form so far.
	pub(super) hashes: HashSet<Hash>,
	/// The last block that cannot hold it.
	pub(super) first: BlockNumber,
}

/// A call that was sent, and of which nothing is known. Its nonce is kept free of others as long as
/// this lives.
pub struct Pending {
	pub(super) sent: Sent,
}

impl Pending {
	/// The last block that can hold the call.
	pub fn until(&self) -> BlockNumber {
		self.sent.born.saturating_add(MORTALITY)
	}
}

impl fmt::Debug for Pending {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Pending")
			.field("nonce", &self.sent.trace.nonce.value)
			.field("until", &self.until())
			.finish_non_exhaustive()
	}
}

/// An extrinsic under way.
pub(super) struct Sent {
	pub(super) transaction: SubmittableTransaction<PolkadotConfig, AtBlock>,
	pub(super) trace: Trace,
	/// The block in which its era begins.
	pub(super) born: BlockNumber,
	/// When it was last given to the node.
	pub(super) reminded: BlockNumber,
}

impl Sent {
	pub(super) async fn new(
		submitter: &Submitter,
		call: &Call,
		nonce: Nonce,
	) -> Result<Self, SubmitError> {
		let (transaction, block) = signed(submitter, call, nonce.value).await?;
		Ok(Self {
			trace: Trace {
				nonce,
				hashes: HashSet::from([blake2_256(transaction.encoded())]),
				first: block,
			},
			transaction,
			born: block,
			reminded: block,
		})
	}

	/// Signs the call for a new era.
	pub(super) async fn sign(
		&mut self,
		submitter: &Submitter,
		call: &Call,
	) -> Result<(), SubmitError> {
		let (transaction, block) = signed(submitter, call, self.trace.nonce.value).await?;
		self.trace.hashes.insert(blake2_256(transaction.encoded()));
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
	nonce: u64,
) -> Result<(SubmittableTransaction<PolkadotConfig, AtBlock>, BlockNumber), SubmitError> {
	let chain = submitter.chain();
	let block = chain.block(chain.finalized()).await?;
	let at = chain
		.client()
		.at_block_hash_and_number(H256(block.hash), block.number.into())
		.await
		.map_err(|error| ReadError::from_subxt("a block", error))?;
	let params = DefaultExtrinsicParamsBuilder::<PolkadotConfig>::new()
		.mortal_from_unchecked(MORTALITY.into(), block.number.into(), H256(block.hash))
		.nonce(nonce)
		.build();
	let encode = |error: subxt::error::ExtrinsicError| SubmitError::Encode {
		call: call.name(),
		source: Box::new(error.into()),
	};
	let payload = call.payload();
	let transaction = at
		.transactions()
		.create_signable_offline(&payload, params)
		.and_then(|mut signable| signable.sign(submitter.key().pair()))
		.map_err(encode)?;
	Ok((transaction, block.number))
}

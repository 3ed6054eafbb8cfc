//! Signing an extrinsic, and signing it anew.

use super::sent::{AtBlock, MORTALITY, Nonce, Sent, Trace};
use crate::{
	calls::Call,
	client::Chain,
	error::{ReadError, SubmitError},
};
use infergrid_keys::Key;
use infergrid_primitives::{BlockNumber, hashing::blake2_256};
use std::collections::HashSet;
use subxt::{
	PolkadotConfig,
	config::{DefaultExtrinsicParamsBuilder, polkadot::H256},
	tx::SubmittableTransaction,
};

/// For which chain, and with which key.
type By<'a> = (&'a Chain, &'a Key);

impl Sent {
	pub(super) async fn new(by: By<'_>, call: &Call, nonce: Nonce) -> Result<Self, SubmitError> {
		let (transaction, block) = signed(by, call, nonce.value).await?;
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
	pub(super) async fn sign(&mut self, by: By<'_>, call: &Call) -> Result<(), SubmitError> {
		let (transaction, block) = signed(by, call, self.trace.nonce.value).await?;
		self.trace.hashes.insert(blake2_256(transaction.encoded()));
		self.transaction = transaction;
		self.born = block;
		self.reminded = block;
		Ok(())
	}
}

/// Signs `call` for the next [`MORTALITY`] blocks.
async fn signed(
	(chain, key): By<'_>,
	call: &Call,
	nonce: u64,
) -> Result<(SubmittableTransaction<PolkadotConfig, AtBlock>, BlockNumber), SubmitError> {
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
		.and_then(|mut signable| signable.sign(key.pair()))
		.map_err(encode)?;
	Ok((transaction, block.number))
}

//! Extrinsics under way, and what it takes to recognise them.

use infergrid_primitives::{BlockNumber, Hash};
use std::{
	collections::{BTreeSet, HashSet},
	fmt,
	sync::{Arc, Mutex, PoisonError},
};
use subxt::{PolkadotConfig, tx::SubmittableTransaction};

/// Blocks for which a signed extrinsic is valid, and after which it can no longer come.
pub const MORTALITY: BlockNumber = 64;

pub(super) type AtBlock = subxt::client::OnlineClientAtBlockImpl<PolkadotConfig>;

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

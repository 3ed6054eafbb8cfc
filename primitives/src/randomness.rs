//! Randomness that nobody knows when it is asked for: tickets, and the traits through which the
//! pallets take and redeem them.

use crate::{BlockNumber, Hash, TaskId, hashing::domain_hash};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// What the author of a block gave as randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Output {
	/// The block.
	pub block: BlockNumber,
	/// The output of its author's VRF.
	pub vrf: Hash,
}

/// A claim to `count` outputs that do not exist yet, from the `first` on, as the chain counts them from
/// its beginning. It stays with who took it; equal tickets are worth the same hash whenever they are
/// redeemed.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Ticket {
	/// The number of the first output.
	pub first: u32,
	/// How many.
	pub count: u8,
}

impl Ticket {
	/// The hash that the ticket is worth: that of its outputs, in their order.
	pub fn hash(genesis: &Hash, outputs: &[Output]) -> Hash {
		domain_hash("ticket", genesis, &outputs)
	}
}

/// What a ticket is worth at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redeemed {
	/// All outputs are there.
	Ready(Hash),
	/// Not all of them; this is the first block that can have them.
	Pending(BlockNumber),
	/// Not all of them any more: take a new ticket.
	Forgotten,
}

/// Randomness, as the other pallets see it.
pub trait Tickets {
	/// A ticket for the `count` outputs, one at least, that follow on the output of this block and on
	/// `skip` more.
	fn take(skip: u32, count: u8) -> Ticket;
	/// The hash of a ticket's outputs, once they are there.
	fn redeem(ticket: &Ticket) -> Redeemed;
}

/// Blocks from the one in which a ticket is taken to the one in which it can be redeemed, if each has
/// an output.
pub const fn ticket_delay(skip: u32, count: u8) -> BlockNumber {
	skip.saturating_add(count as u32).saturating_add(1)
}

/// VRF outputs of block authors.
pub trait AuthorRandomness {
	/// The output of the parent block's author; None from a slot without one.
	fn parent() -> Option<Hash>;
}

/// The anchor of a task's seed, from the hash of the ticket that assigned it. The hash of a block would
/// not do: whoever makes the block chooses it.
pub fn task_anchor(genesis: &Hash, randomness: &Hash, task: TaskId) -> Hash {
	domain_hash("anchor", genesis, &(randomness, task))
}

//! Time and money of this chain.

use infergrid_primitives::{AIT, Balance, BlockNumber};

/// Milliseconds between two slots. Never changes after genesis.
pub const MILLISECS_PER_BLOCK: u64 = 3_000;
/// Milliseconds between two slots, under the name that BABE's configuration uses.
pub const SLOT_DURATION: u64 = MILLISECS_PER_BLOCK;

/// Blocks in a minute.
pub const MINUTES: BlockNumber = 60_000 / (MILLISECS_PER_BLOCK as BlockNumber);
/// Blocks in an hour.
pub const HOURS: BlockNumber = 60 * MINUTES;
/// Blocks in a day.
pub const DAYS: BlockNumber = 24 * HOURS;

/// `slow` on a real network, `fast` with the feature `fast-runtime`.
pub(crate) const fn slow_or_fast(slow: u32, fast: u32) -> u32 {
	if cfg!(feature = "fast-runtime") {
		fast
	} else {
		slow
	}
}

/// Slots in an epoch, which is also a session. Never changes after genesis.
pub const EPOCH_DURATION_IN_SLOTS: u32 = slow_or_fast(10 * MINUTES, MINUTES);

/// The prefix of accounts as text. That of networks that live is theirs alone; it is in no registry yet.
pub const SS58_PREFIX: u16 = slow_or_fast(6_174, 42) as u16;

/// A thousandth of an AIT.
pub const MILLI_AIT: Balance = AIT / 1_000;

/// The least an account holds; below it, it is removed.
pub const EXISTENTIAL_DEPOSIT: Balance = MILLI_AIT;

/// What `items` storage entries with `bytes` bytes in all cost on hold.
pub const fn deposit(items: u32, bytes: u32) -> Balance {
	items as Balance * 100 * MILLI_AIT + bytes as Balance * MILLI_AIT / 10
}

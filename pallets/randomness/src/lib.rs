//! # Randomness
//!
//! Keeps the outputs of block authors' VRFs for a day, and gives tickets for future ones.
//!
//! ## Pallet API
//!
//! There are no calls. Pallets that draw take and redeem tickets through
//! [`Tickets`](infergrid_primitives::randomness::Tickets), which the [`Pallet`] implements; see the
//! [`pallet`] module for the storage and the [`Config`].
//!
//! ## Overview
//!
//! The VRF (verifiable random function) of a block's author gives one output for a slot, whether it has the
//! slot as primary or as secondary author; it cannot choose it, and everybody can check it. A **ticket**
//! names outputs that do not exist yet; when they are there, it is worth their hash. It is plain data, and
//! the pallet keeps none: who took it redeems it when it likes, and gets the same hash however late.
//!
//! ```text
//! block        n          n+1      n+2        …       n+1+count    n+2+count
//!            take      skipped   first output  …     last output   redeem
//! ```
//!
//! With `skip` 1 the author of the block that takes the ticket and that of the next one, to whom it may
//! have sent what it wants drawn, have no part in it.
//!
//! - Outputs are counted, not blocks: a block from a slot without a VRF output adds nothing, and a ticket
//!   waits for one more. Were such a block to count as an empty output, an author that has the choice
//!   could give nothing without losing its block, and a run of them would make the hash known in advance.
//! - There is no way to ask for the latest outputs: whoever brings about the moment of asking would choose
//!   among them.
//! - A draw from a ticket's hash should be made in the block in which it is ready. What is due again later
//!   takes a ticket of its own, for the outputs right before. The hash is nobody's choice; the candidates
//!   are a matter of who draws: where their list can be changed in the block of the last output, as today,
//!   that block's author can try which list suits it.
//!
//! ## What bias remains
//!
//! - **The last revealer.** An author learns its outputs for a whole epoch when the epoch's randomness is
//!   fixed, long before its blocks. If the last output of a ticket is its own, it can withhold the block,
//!   and the author of the next one gives the last output instead: it chooses between a hash that it knows
//!   and one that it does not, and makes an event of chance p happen with chance 1 − (1 − p)². Whoever owns
//!   k slots in a row at the end of a range and right after it chooses among 2^k hashes at most: one bit
//!   for each own block, as in every beacon that mixes reveals (the tail slots of RANDAO). A choice costs
//!   the reward and the fees of each block withheld. With a fraction f of the slots, k slots in a row there
//!   are its own with a chance of about f^k.
//! - **Orphaned blocks.** BABE prefers the chain with more primary slots. The author of a primary slot can
//!   leave the secondary blocks before it out, with the same effect as if their authors had withheld them.
//! - **Knowing in advance.** Who owns all slots of a ticket's range knows its hash before it is taken, and
//!   can wait for such a range: a fraction f^count of all ranges. Hence eight outputs where a draw decides
//!   about a bond, and two where a miner is chosen, who is paid for work that is audited.
//!
//! The reasoning is that of BABE's documentation of its parent-block randomness, which is one output and
//! therefore weaker, and of the literature on RANDAO (Alpturer and Weinberg, "Optimal RANDAO manipulation
//! in Ethereum", 2024).
//!
//! ## Low level
//!
//! - The runtime gives this pallet a lower index than those that redeem: blocks begin in the order of the
//!   indices, so that [`Hooks::on_initialize`] notes the parent's output first, and a ticket is ready in the
//!   block after its last output.
//! - [`Config::Depth`] outputs are kept, so that none younger than that many blocks is forgotten.
//!
//! [`Hooks::on_initialize`]: polkadot_sdk::frame_support::traits::Hooks::on_initialize

#![cfg_attr(not(feature = "std"), no_std)]
#![allow(
	missing_debug_implementations,
	clippy::expect_used,
	reason = "what FRAME's macros write"
)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(test)]
mod mock;
mod ring;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "try-runtime"))]
mod try_state;
pub mod weights;

pub use pallet::*;
pub use weights::WeightInfo;

#[polkadot_sdk::frame_support::pallet]
pub mod pallet {
	use super::*;
	use frame_support::pallet_prelude::*;
	use frame_system::pallet_prelude::*;
	use infergrid_primitives::randomness::{AuthorRandomness, Output};
	use polkadot_sdk::*;
	use sp_runtime::SaturatedConversion;

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	#[pallet::config]
	pub trait Config: polkadot_sdk::frame_system::Config {
		/// The VRF output of the parent block's author.
		type Source: AuthorRandomness;

		/// Outputs that are kept: a day's worth, and more than any ticket asks for.
		#[pallet::constant]
		type Depth: Get<u32>;

		/// Weights.
		type WeightInfo: WeightInfo;
	}

	/// Outputs noted since the chain began; the next one gets this number.
	#[pallet::storage]
	pub type Noted<T> = StorageValue<_, u32, ValueQuery>;

	/// The latest outputs, in a ring: the output's number modulo [`Config::Depth`]. Slots count up, so a
	/// cheap hash will do.
	#[pallet::storage]
	pub type Outputs<T> = StorageMap<_, Twox64Concat, u32, Output, OptionQuery>;

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_initialize(now: BlockNumberFor<T>) -> Weight {
			Self::note_parent(now.saturated_into());
			T::WeightInfo::on_initialize()
		}

		fn integrity_test() {
			Self::check_config();
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(now: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state(now.saturated_into())
		}
	}
}

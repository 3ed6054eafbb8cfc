//! # Rewards
//!
//! Shares fees out: to the miner, to the model's creator, to the treasury.
//!
//! ## Pallet API
//!
//! There are no calls. The pallet that holds a fee pays it out through
//! [`infergrid_primitives::market::FeeSplit`], which [`Pallet`] implements; see the [`pallet`]
//! module for the storage, the events and the [`Config`].
//!
//! ## Overview
//!
//! - The treasury gets [`Config::TreasuryShare`] of a fee and the creator the royalty of its model,
//!   both rounded down; the miner gets the rest. So the three shares sum to the fee to the planck.
//! - A payment succeeds or fails as a whole. It takes the money straight out of the payer's hold.
//! - A share that its owner's account cannot take, because the account does not exist and the share
//!   is below the existential deposit, goes to the treasury. If the treasury cannot take it either it
//!   is burnt, and counted as the treasury's share and in [`Sums::burnt`]. Settlement never fails
//!   for so little. Give the treasury's account an existential deposit at genesis.
//! - The share of a profile that is not registered any more has no creator: the royalty is 0, and
//!   [`Event::FeePaid`] names the treasury as creator.
//! - [`Totals`] and [`Earned`] keep what was shared out.

#![cfg_attr(not(feature = "std"), no_std)]
#![allow(
	missing_debug_implementations,
	clippy::expect_used,
	reason = "what FRAME's macros write"
)]

extern crate alloc;

pub use pallet::*;
pub use types::{Earnings, Sums, shares};
pub use weights::WeightInfo;

mod split;
mod types;
pub mod weights;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(feature = "runtime-benchmarks")]
pub use benchmarking::BenchmarkHelper;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "try-runtime"))]
mod try_state;

#[polkadot_sdk::frame_support::pallet]
pub mod pallet {
	use super::{types::*, *};
	use frame_support::{
		pallet_prelude::*,
		traits::fungible::{InspectHold, MutateHold},
	};
	use frame_system::pallet_prelude::*;
	use infergrid_primitives::{
		Balance,
		market::{Registry, Shares},
	};
	use polkadot_sdk::*;
	use sp_runtime::Percent;

	/// Why money is on hold, as the currency names it.
	pub type ReasonOf<T> =
		<<T as Config>::Currency as InspectHold<<T as frame_system::Config>::AccountId>>::Reason;

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	#[pallet::config]
	pub trait Config: polkadot_sdk::frame_system::Config<RuntimeEvent: From<Event<Self>>> {
		/// The money that fees are paid in.
		type Currency: MutateHold<Self::AccountId, Balance = Balance>;

		/// Models and their creators.
		type Registry: Registry<Self::AccountId>;

		/// The treasury's account.
		type Treasury: Get<Self::AccountId>;

		/// The treasury's share of a fee.
		#[pallet::constant]
		type TreasuryShare: Get<Percent>;

		/// Weight of a payment.
		type WeightInfo: WeightInfo;

		/// Makes payments possible in benchmarks.
		#[cfg(feature = "runtime-benchmarks")]
		type BenchmarkHelper: BenchmarkHelper<Self>;
	}

	/// Everything that was ever shared out.
	#[pallet::storage]
	pub type Totals<T: Config> = StorageValue<_, Sums, ValueQuery>;

	/// What an account earned. Grows with the miners, who bond, and the creators, who hold a
	/// deposit.
	#[pallet::storage]
	pub type Earned<T: Config> =
		StorageMap<_, Blake2_128Concat, T::AccountId, Earnings, ValueQuery>;

	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A fee was shared out.
		FeePaid {
			/// Who paid.
			payer: T::AccountId,
			/// Who worked.
			miner: T::AccountId,
			/// Whose model it was.
			creator: T::AccountId,
			/// What each got; they sum to the fee.
			shares: Shares,
		},
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}
}

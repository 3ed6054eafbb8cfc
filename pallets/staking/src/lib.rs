//! # Role staking
//!
//! One ledger of bonds for the three roles of the market: validators, miners and verifiers.
//!
//! ## Pallet API
//!
//! See the [`pallet`] module for the calls, the storage, the events and the errors. Other pallets
//! reach bonds and worker keys through [`infergrid_primitives::market::Bonds`], which [`Pallet`]
//! implements. It is also the session manager and the handler of offences.
//!
//! ## Overview
//!
//! - An **operator** bonds money per role with [`Pallet::bond`]. The money stays in its account, on
//!   hold under one [`HoldReason`] per role. Each role has a minimum. What is bonded counts
//!   [`Config::ActivationDelay`] sessions later; bonds from genesis count at once.
//! - [`Pallet::unbond`] moves money into a bounded queue. It can be slashed until
//!   [`Pallet::withdraw_unbonded`] pays it out, [`Config::UnbondingSessions`] sessions later at the
//!   earliest; that must outlast every window in which work can be condemned.
//! - A **worker key** acts for one operator. [`Pallet::pair_worker`] asks for the key's signature
//!   over an [`infergrid_primitives::request::Consent`], which names the operator, the key's counter
//!   in [`Counters`] and the last block in which it holds; [`Pallet::unpair_worker`] ends it from
//!   either side. It moves no money. Both move the counter on, so that a consent pairs once at most
//!   and none outlives a key's leaving.
//!
//! ### Slashing
//!
//! A slash takes the active part first (what counts before what is pending), and then the unbonding
//! queue from the entry with the longest wait on: so money about to leave is the last to go, and
//! the duty the slash is for ends as soon as the bond falls below its minimum. It yields a credit
//! for what was really taken, and the ledger follows the credit. Ejection moves all of the active
//! part into the queue: the operator must bond from anew and wait for it to count.
//!
//! ### Validators
//!
//! Operators with a validator bond stand in [`Candidates`], a bounded list; when it is full, a
//! newcomer must beat the smallest bond in it, whose owner then drops out ([`Event::Outbid`]).
//! Each session the [`Config::MaxValidators`] candidates with session keys and the largest bonds
//! that count in it are elected, ties by account. If there is none, the old set stays.
//!
//! An offence takes its fraction of what could be slashed when the set was drawn, ejects the
//! offender, and disables it for the current session and the next, which is already planned. A later
//! report of the same session only takes the difference.

#![cfg_attr(not(feature = "std"), no_std)]
#![allow(
	missing_debug_implementations,
	clippy::expect_used,
	reason = "what FRAME's macros write"
)]

extern crate alloc;

pub use pallet::*;
pub use types::{Bond, BondOf, CreditOf, Exposure, Offender, QueueFull, Sessions, Unlock};
pub use validators::ExposureOf;
pub use weights::WeightInfo;

mod bonding;
mod pairing;
mod types;
mod validators;
pub mod weights;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "try-runtime"))]
mod try_state;

pub(crate) const LOG_TARGET: &str = "runtime::role-staking";

#[polkadot_sdk::frame_support::pallet]
pub mod pallet {
	use super::{types::*, *};
	use frame_support::{
		pallet_prelude::*,
		traits::{
			OnUnbalanced,
			fungible::{BalancedHold, InspectHold, MutateHold},
		},
	};
	use frame_system::pallet_prelude::*;
	use infergrid_primitives::{
		AccountBytes, Balance, BlockNumber, Signature, WorkerKey, market::Role,
	};
	use polkadot_sdk::*;
	use sp_core::H256;
	use sp_runtime::Perbill;
	use sp_staking::SessionIndex;

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(2);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	#[pallet::config]
	pub trait Config:
		polkadot_sdk::frame_system::Config<
			Hash = H256,
			AccountId: From<AccountBytes> + Into<AccountBytes>,
			RuntimeEvent: From<Event<Self>>,
		>
	{
		/// The money that is bonded.
		type Currency: BalancedHold<Self::AccountId, Balance = Balance>
			+ MutateHold<Self::AccountId, Balance = Balance>
			+ InspectHold<Self::AccountId, Reason: From<HoldReason>, Balance = Balance>;

		/// The sessions.
		type Sessions: Sessions<Self::AccountId>;

		/// Where slashes for consensus offences go; `()` burns them.
		type OnSlash: OnUnbalanced<CreditOf<Self>>;

		/// Smallest bond of a validator.
		#[pallet::constant]
		type MinValidatorBond: Get<Balance>;

		/// Smallest bond of a miner.
		#[pallet::constant]
		type MinMinerBond: Get<Balance>;

		/// Smallest bond of a verifier.
		#[pallet::constant]
		type MinVerifierBond: Get<Balance>;

		/// Sessions from bonding until it counts.
		#[pallet::constant]
		type ActivationDelay: Get<u32>;

		/// Sessions from unbonding until it can be withdrawn. Longer than every challenge window,
		/// and than the time in which an offence can be reported.
		#[pallet::constant]
		type UnbondingSessions: Get<u32>;

		/// Largest number of entries in an unbonding queue.
		#[pallet::constant]
		type MaxUnlocking: Get<u32>;

		/// Largest number of worker keys of an operator.
		#[pallet::constant]
		type MaxWorkers: Get<u32>;

		/// Largest number of candidates for the validator set.
		#[pallet::constant]
		type MaxCandidates: Get<u32>;

		/// Size of the validator set.
		#[pallet::constant]
		type MaxValidators: Get<u32>;

		/// Weights of the calls.
		type WeightInfo: WeightInfo;
	}

	/// Why money is on hold.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// Bonded as a validator.
		#[codec(index = 0)]
		ValidatorBond,
		/// Bonded as a miner.
		#[codec(index = 1)]
		MinerBond,
		/// Bonded as a verifier.
		#[codec(index = 2)]
		VerifierBond,
	}

	impl From<Role> for HoldReason {
		fn from(role: Role) -> Self {
			match role {
				Role::Validator => Self::ValidatorBond,
				Role::Miner => Self::MinerBond,
				Role::Verifier => Self::VerifierBond,
			}
		}
	}

	/// Bonds by role and operator. The operator pays by the bond itself, which has a minimum.
	#[pallet::storage]
	pub type Bonds<T: Config> = StorageDoubleMap<
		_,
		Twox64Concat,
		Role,
		Blake2_128Concat,
		T::AccountId,
		BondOf<T>,
		OptionQuery,
	>;

	/// The operator for whom a worker key acts. Keys are chosen by their owners, hence the hasher.
	#[pallet::storage]
	pub type Workers<T: Config> =
		StorageMap<_, Blake2_128Concat, WorkerKey, T::AccountId, OptionQuery>;

	/// The worker keys of an operator; operators without a bond have none.
	#[pallet::storage]
	pub type WorkersOf<T: Config> = StorageMap<
		_,
		Blake2_128Concat,
		T::AccountId,
		BoundedVec<WorkerKey, T::MaxWorkers>,
		ValueQuery,
	>;

	/// What a worker key's next [`infergrid_primitives::request::Consent`] must name as its counter.
	/// It stays when the key is unpaired: were it forgotten, an old consent would hold again.
	#[pallet::storage]
	pub type Counters<T: Config> = StorageMap<_, Blake2_128Concat, WorkerKey, u32, ValueQuery>;

	/// Who stands for the validator set, in order of arrival.
	#[pallet::storage]
	pub type Candidates<T: Config> =
		StorageValue<_, BoundedVec<T::AccountId, T::MaxCandidates>, ValueQuery>;

	/// Validators to be kept off duty in sessions that were planned before their offence.
	#[pallet::storage]
	pub type Offenders<T: Config> =
		StorageValue<_, BoundedVec<Offender<T::AccountId>, T::MaxValidators>, ValueQuery>;

	/// The fraction already slashed for offences in a session; kept as long as a report may come.
	#[pallet::storage]
	pub type SlashedFractions<T: Config> = StorageDoubleMap<
		_,
		Twox64Concat,
		SessionIndex,
		Blake2_128Concat,
		T::AccountId,
		Perbill,
		ValueQuery,
	>;

	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// An operator bonded.
		Bonded {
			/// Who.
			operator: T::AccountId,
			/// For what.
			role: Role,
			/// What was added, in plancks.
			amount: Balance,
			/// What is bonded now, the unbonding queue apart.
			total: Balance,
		},
		/// Money entered the unbonding queue.
		Unbonding {
			/// Whose.
			operator: T::AccountId,
			/// Out of which bond.
			role: Role,
			/// How much, in plancks.
			amount: Balance,
			/// The session from which it can be withdrawn.
			at: SessionIndex,
		},
		/// Money left the unbonding queue and is free.
		Withdrawn {
			/// Whose.
			operator: T::AccountId,
			/// Out of which bond.
			role: Role,
			/// How much, in plancks.
			amount: Balance,
		},
		/// A worker key acts for an operator.
		WorkerPaired {
			/// The operator.
			operator: T::AccountId,
			/// The key.
			worker: WorkerKey,
		},
		/// A worker key no longer acts for an operator.
		WorkerUnpaired {
			/// The operator.
			operator: T::AccountId,
			/// The key.
			worker: WorkerKey,
		},
		/// An operator lost bonded money.
		Slashed {
			/// Who.
			operator: T::AccountId,
			/// Out of which bond.
			role: Role,
			/// What was taken, in plancks.
			amount: Balance,
		},
		/// An operator lost a role and must bond from anew.
		Ejected {
			/// Who.
			operator: T::AccountId,
			/// Which role.
			role: Role,
		},
		/// A candidate dropped out of a full list for one with a larger bond.
		Outbid {
			/// Who dropped out; its bond stays.
			operator: T::AccountId,
			/// Who came in.
			by: T::AccountId,
		},
	}

	#[pallet::error]
	pub enum Error<T> {
		/// The amount is zero: name a positive one.
		ZeroAmount,
		/// The bond would be below the role's minimum: bond more, or unbond all of it.
		BelowMinimum,
		/// The sum does not fit into a balance: bond less.
		Overflow,
		/// There is no bond in this role: bond first.
		NotBonded,
		/// More than the active bond: unbond at most that.
		InsufficientBond,
		/// The unbonding queue is full: withdraw what is due, or wait for the next entry.
		UnbondingQueueFull,
		/// Nothing in the unbonding queue is due yet: wait for the session in `Unbonding`.
		NothingToWithdraw,
		/// The list of candidates is full: bond more than the smallest bond among `Candidates`.
		TooSmallToStand,
		/// The worker key acts for an operator already: unpair it there first.
		WorkerAlreadyPaired,
		/// The worker key is not paired: pair it first.
		WorkerNotPaired,
		/// Only the key's operator and the key itself can unpair it.
		NotYourWorker,
		/// The operator has as many worker keys as it can: unpair one first.
		TooManyWorkers,
		/// The consent names another counter than the worker key's: it was used, or the key has been
		/// unpaired since. Let the key sign one with the counter in `Counters`.
		ConsentUsed,
		/// The consent's last block has passed: let the worker key sign another.
		ConsentExpired,
		/// The signature is not the worker key's over this consent to act for this operator on this
		/// chain.
		BadPairingProof,
	}

	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		/// Bonds that count at once: operator, role, plancks.
		pub bonds: alloc::vec::Vec<(T::AccountId, Role, Balance)>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			for (operator, role, amount) in &self.bonds {
				if let Err(error) = Pallet::<T>::do_bond(operator, *role, *amount, 0) {
					panic!("genesis bond of {operator:?} as {role:?} is impossible: {error:?}");
				}
			}
		}
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn integrity_test() {
			assert!(
				T::MinValidatorBond::get() > 0,
				"a validator without a bond risks nothing"
			);
			assert!(
				T::MinMinerBond::get() > 0,
				"a miner without a bond risks nothing"
			);
			assert!(
				T::MinVerifierBond::get() > 0,
				"a verifier without a bond risks nothing"
			);
			assert!(
				T::MaxUnlocking::get() > 0,
				"an ejected bond needs a place in the queue"
			);
			assert!(
				T::MaxValidators::get() > 0,
				"the validator set must not be empty"
			);
			assert!(
				T::MaxCandidates::get() >= T::MaxValidators::get(),
				"there must be candidates for every seat"
			);
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call(weight(<T as Config>::WeightInfo))]
	impl<T: Config> Pallet<T> {
		/// Bonds `amount` plancks more for `role`.
		///
		/// ## Dispatch Origin
		///
		/// Signed by the operator.
		///
		/// ## Details
		///
		/// The money stays in the account, on hold. It counts `ActivationDelay` sessions from now;
		/// what counted before goes on counting.
		///
		/// ## Errors
		///
		/// - [`Error::ZeroAmount`], [`Error::BelowMinimum`], [`Error::Overflow`]
		/// - [`Error::TooSmallToStand`] for a validator when the list of candidates is full.
		/// - `TokenError` when the account's free money does not suffice.
		///
		/// ## Events
		///
		/// [`Event::Bonded`], and [`Event::Outbid`] where another candidate gave way.
		#[pallet::call_index(0)]
		pub fn bond(
			origin: OriginFor<T>,
			role: Role,
			#[pallet::compact] amount: Balance,
		) -> DispatchResult {
			let operator = ensure_signed(origin)?;
			Self::do_bond(&operator, role, amount, T::ActivationDelay::get())
		}

		/// Moves `amount` plancks of the active bond in `role` into the unbonding queue.
		///
		/// ## Dispatch Origin
		///
		/// Signed by the operator.
		///
		/// ## Details
		///
		/// What is left must be nothing or at least the role's minimum. Until it is withdrawn the
		/// money can be slashed.
		///
		/// ## Errors
		///
		/// - [`Error::ZeroAmount`], [`Error::NotBonded`], [`Error::InsufficientBond`],
		///   [`Error::BelowMinimum`], [`Error::UnbondingQueueFull`]
		///
		/// ## Events
		///
		/// [`Event::Unbonding`]
		#[pallet::call_index(1)]
		pub fn unbond(
			origin: OriginFor<T>,
			role: Role,
			#[pallet::compact] amount: Balance,
		) -> DispatchResult {
			let operator = ensure_signed(origin)?;
			Self::do_unbond(&operator, role, amount)
		}

		/// Frees what is due in the unbonding queue of `role`.
		///
		/// ## Dispatch Origin
		///
		/// Signed by the operator.
		///
		/// ## Details
		///
		/// An operator that has nothing bonded any more in any role loses its worker keys.
		///
		/// ## Errors
		///
		/// - [`Error::NotBonded`], [`Error::NothingToWithdraw`]
		///
		/// ## Events
		///
		/// [`Event::Withdrawn`], and [`Event::WorkerUnpaired`] for each key lost.
		#[pallet::call_index(2)]
		pub fn withdraw_unbonded(origin: OriginFor<T>, role: Role) -> DispatchResult {
			let operator = ensure_signed(origin)?;
			Self::do_withdraw(&operator, role)
		}

		/// Lets the worker key `worker` act for the caller.
		///
		/// ## Dispatch Origin
		///
		/// Signed by the operator, which must have a bond.
		///
		/// ## Details
		///
		/// `signature` is the key's sr25519 signature over the payload of its
		/// [`infergrid_primitives::request::Consent`] to act for the caller. `counter` is that in
		/// [`Counters`], which moves on; `valid_until` is the last block in which the consent holds.
		///
		/// ## Errors
		///
		/// - [`Error::NotBonded`], [`Error::WorkerAlreadyPaired`], [`Error::TooManyWorkers`]
		/// - [`Error::ConsentUsed`], [`Error::ConsentExpired`], [`Error::BadPairingProof`]
		///
		/// ## Events
		///
		/// [`Event::WorkerPaired`]
		#[pallet::call_index(3)]
		pub fn pair_worker(
			origin: OriginFor<T>,
			worker: WorkerKey,
			counter: u32,
			valid_until: BlockNumber,
			signature: Signature,
		) -> DispatchResult {
			let operator = ensure_signed(origin)?;
			Self::do_pair(operator, worker, counter, valid_until, &signature)
		}

		/// Ends the pairing of `worker`.
		///
		/// ## Dispatch Origin
		///
		/// Signed by the operator or by the worker key itself.
		///
		/// ## Details
		///
		/// The key's counter in [`Counters`] moves on: consents that it gave before are void.
		///
		/// ## Errors
		///
		/// - [`Error::WorkerNotPaired`], [`Error::NotYourWorker`]
		///
		/// ## Events
		///
		/// [`Event::WorkerUnpaired`]
		#[pallet::call_index(4)]
		pub fn unpair_worker(origin: OriginFor<T>, worker: WorkerKey) -> DispatchResult {
			let caller = ensure_signed(origin)?;
			Self::do_unpair(&caller, worker)
		}
	}
}

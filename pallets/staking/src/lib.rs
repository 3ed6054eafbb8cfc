#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![allow(
	missing_debug_implementations,
	clippy::expect_used,
	reason = "what FRAME's macros write"
)]

extern crate alloc;

pub use pallet::*;
pub use types::{Bond, BondOf, CreditOf, Offender, QueueFull, Record, Sentence, Sessions, Unlock};
pub use weights::WeightInfo;

mod bonding;
mod check_config;
mod offences;
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

		/// Who may cancel a slash that is ordered.
		type AdminOrigin: EnsureOrigin<Self::RuntimeOrigin>;

		/// Where slashes for consensus offences go; `()` burns them.
		type OnSlash: OnUnbalanced<CreditOf<Self>>;

		/// Smallest bond with which a validator comes in.
		#[pallet::constant]
		type MinValidatorBond: Get<Balance>;

		/// Smallest bond with which a miner comes in.
		#[pallet::constant]
		type MinMinerBond: Get<Balance>;

		/// Smallest bond with which a verifier comes in.
		#[pallet::constant]
		type MinVerifierBond: Get<Balance>;

		/// The share of its entry minimum below which a bond works no more.
		#[pallet::constant]
		type WorkingShare: Get<Perbill>;

		/// The share of a bond that may be at work.
		#[pallet::constant]
		type ExposureShare: Get<Perbill>;

		/// Sessions from bonding until it counts.
		#[pallet::constant]
		type ActivationDelay: Get<u32>;

		/// Sessions from unbonding until it can be withdrawn. Longer than every challenge window,
		/// and than the time in which an offence can be reported.
		#[pallet::constant]
		type UnbondingSessions: Get<u32>;

		/// Sessions for which an offence can be reported.
		#[pallet::constant]
		type ReportableSessions: Get<u32>;

		/// Sessions from ordering a slash until it is executed.
		#[pallet::constant]
		type SlashDelay: Get<u32>;

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

		/// Blocks that are expected of a validator before it is judged by those that it made.
		#[pallet::constant]
		type MinExpectedBlocks: Get<u32>;

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

	/// What was slashed for offences in a session; kept as long as a report may come.
	#[pallet::storage]
	pub type Sentences<T: Config> = StorageDoubleMap<
		_,
		Twox64Concat,
		SessionIndex,
		Blake2_128Concat,
		T::AccountId,
		Sentence,
		OptionQuery,
	>;

	/// Slashes of validators that are ordered, by the session that executes them. So much is locked in
	/// their bonds.
	#[pallet::storage]
	pub type PendingSlashes<T: Config> = StorageDoubleMap<
		_,
		Twox64Concat,
		SessionIndex,
		Blake2_128Concat,
		T::AccountId,
		Balance,
		ValueQuery,
	>;

	/// Blocks that validators made since they were judged last. Only validators make any, and who is
	/// none any more is dropped when a session ends.
	#[pallet::storage]
	pub type BlockRecords<T: Config> =
		StorageMap<_, Blake2_128Concat, T::AccountId, Record, ValueQuery>;

	/// Blocks of the current session.
	#[pallet::storage]
	pub type SessionBlocks<T: Config> = StorageValue<_, u32, ValueQuery>;

	/// Whom the election that follows the last session leaves out.
	#[pallet::storage]
	pub type Idle<T: Config> =
		StorageValue<_, BoundedVec<T::AccountId, T::MaxValidators>, ValueQuery>;

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
		/// A slash is ordered: the money is locked.
		SlashOrdered {
			/// Of whom.
			operator: T::AccountId,
			/// Out of which bond.
			role: Role,
			/// How much, in plancks; less, if there is less by then.
			amount: Balance,
			/// The session that executes it.
			due: SessionIndex,
		},
		/// An ordered slash was cancelled: the money is locked no more.
		SlashCancelled {
			/// Of whom.
			operator: T::AccountId,
			/// Out of which bond.
			role: Role,
			/// How much, in plancks.
			amount: Balance,
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
		/// A validator made so few blocks that it is left out of one session.
		LeftOut {
			/// Who.
			operator: T::AccountId,
			/// Of which session.
			session: SessionIndex,
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
		/// The bond would be below the role's entry minimum: bond more, or unbond all of it.
		BelowMinimum,
		/// The sum does not fit into a balance: bond less.
		Overflow,
		/// There is no bond in this role: bond first.
		NotBonded,
		/// The rest could not stand for the work that is open: unbond less, or take no new work and
		/// unbond when what is open is settled.
		BondAtWork,
		/// More than the active bond: unbond at most that.
		InsufficientBond,
		/// The unbonding queue is full: withdraw what is due, or wait for the next entry.
		UnbondingQueueFull,
		/// What is due is locked for a slash that is ordered: wait until that is executed or cancelled.
		SlashPending,
		/// No slash of this operator is ordered for this session: see `PendingSlashes`.
		NoPendingSlash,
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

	#[pallet::extra_constants]
	impl<T: Config> Pallet<T> {
		/// Smallest bond with which a validator stays at work.
		#[pallet::constant_name(WorkingValidatorBond)]
		fn working_validator_bond() -> Balance {
			Self::working_minimum(Role::Validator)
		}

		/// Smallest bond with which a miner stays at work.
		#[pallet::constant_name(WorkingMinerBond)]
		fn working_miner_bond() -> Balance {
			Self::working_minimum(Role::Miner)
		}

		/// Smallest bond with which a verifier stays at work.
		#[pallet::constant_name(WorkingVerifierBond)]
		fn working_verifier_bond() -> Balance {
			Self::working_minimum(Role::Verifier)
		}
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn integrity_test() {
			Self::check_config();
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
		/// what counted before goes on counting. A bond at or above its working minimum takes any
		/// amount more; any other must reach the entry minimum.
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
		/// What is left must be nothing or at least the role's entry minimum, and enough for what is
		/// at work. Until it is withdrawn the money can be slashed.
		///
		/// ## Errors
		///
		/// - [`Error::ZeroAmount`], [`Error::NotBonded`], [`Error::InsufficientBond`],
		///   [`Error::BelowMinimum`], [`Error::BondAtWork`], [`Error::UnbondingQueueFull`]
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
		/// - [`Error::NotBonded`], [`Error::NothingToWithdraw`], [`Error::SlashPending`]
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

		/// Cancels what is ordered to be slashed of the validator `operator` in session `due`.
		///
		/// ## Dispatch Origin
		///
		/// [`Config::AdminOrigin`].
		///
		/// ## Details
		///
		/// The operator stays ejected: its money leaves with the unbonding queue, and it may bond from
		/// anew.
		///
		/// ## Errors
		///
		/// - [`Error::NoPendingSlash`]
		///
		/// ## Events
		///
		/// [`Event::SlashCancelled`]
		#[pallet::call_index(5)]
		pub fn cancel_slash(
			origin: OriginFor<T>,
			#[pallet::compact] due: SessionIndex,
			operator: T::AccountId,
		) -> DispatchResult {
			T::AdminOrigin::ensure_origin(origin)?;
			Self::do_cancel_slash(due, operator)
		}
	}
}

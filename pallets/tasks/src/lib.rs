//! # Tasks
//!
//! One-shot requests for one answer, paid from escrow.
//!
//! ## Pallet API
//!
//! See the [`pallet`] module for calls, events, errors and storage. Audits settle or refund through
//! [`Escrow`](infergrid_primitives::market::Escrow), which the [`Pallet`] implements.
//!
//! ## Overview
//!
//! A payer submits a prompt — public on chain, or committed to and sent to the miner alone — with
//! the most it will pay, which is put on hold. In a later block the chain draws a miner among those
//! that offer the profile. The miner's worker key hands in a signed receipt before the deadline, the
//! surplus over the fee is released at once, and the receipt goes to audit. The audit settles the fee
//! (miner, creator, treasury) or refunds the payer in full.
//!
//! ```text
//!             draw                 receipt               audit passed
//!  Queued ───────────► Assigned ───────────► Delivered ───────────────► Settled
//!    │ ▲                  │                      │
//!    │ └── deadline missed┤                      │ condemned
//!    │                    │ no time left         ▼
//!    └────────────────────┴─────────────────► Refunded
//!     cancelled, no miner
//! ```
//!
//! ## Low level
//!
//! - **Randomness.** A task in block n takes a ticket for the VRF outputs of the authors of blocks n+2 and
//!   n+3 ([`Config::DrawSkip`], [`Config::DrawOutputs`]), and is drawn in block n+4. From the ticket's hash
//!   comes the draw, and the anchor of the sampler's seed, which is kept for whoever checks the answer: no
//!   author chooses it with the content of a block. A draw after a miss, or after one that found nobody,
//!   takes a new ticket: the outputs of the last one are known, and offers could be arranged to them.
//! - **Time.** A miner's window is [`Config::BaseWindow`] plus the time that the profile's slowest
//!   permitted decoder needs for prompt and answer. A task is assigned only while the whole window
//!   fits before its expiry, so no miner is slashed for a payer's impatience; when it fits no longer,
//!   the payer is refunded.
//! - **Inline prompts** have no token count before they are tokenized. Their bytes plus
//!   [`Config::InlineOverhead`] (the chat template) stand in for it, in the draw and in the window, and
//!   no receipt may count more: a tokenizer with a byte-level alphabet makes no more tokens than bytes.
//! - **Trust.** What a miner has in assigned and unsettled work is at work on its bond
//!   ([`Bonds::reserve_exposure`]), which has room for so much only.
//! - **Per-block service** walks an [agenda](infergrid_agenda) within [`Config::ServiceShare`] of a
//!   block. Late entries wait and are served first in the next block. A queued task is tried again
//!   after half of the time it has waited, at most [`Config::MaxRetryDelay`] blocks, or as soon as a
//!   ticket allows.
//! - **Overload**: while the service is more than [`Config::MaxLag`] blocks behind, no task is taken, so
//!   that the deadlines of those that are there mean something.
//! - **Payment never gets stuck**: if the split of a fee fails, the task is put into [`Unpaid`] and
//!   tried again.

#![cfg_attr(not(feature = "std"), no_std)]
#![allow(
	missing_debug_implementations,
	clippy::expect_used,
	reason = "what FRAME's macros write"
)]

extern crate alloc;

mod assign;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod deliver;
mod escrow;
#[cfg(any(feature = "try-runtime", test))]
mod invariants;
#[cfg(test)]
mod mock;
mod submit;
#[cfg(test)]
mod tests;
pub mod types;
pub mod weights;

#[cfg(feature = "runtime-benchmarks")]
pub use benchmarking::BenchmarkHelper;
pub use pallet::*;
pub use types::*;
pub use weights::WeightInfo;

use polkadot_sdk::*;

/// Where this pallet's log lines come from.
pub const LOG_TARGET: &str = "runtime::tasks";

#[frame_support::pallet]
pub mod pallet {
	use super::{Task, *};
	use frame_support::{
		pallet_prelude::*,
		traits::fungible::{Balanced, Credit, InspectHold, MutateHold},
		weights::Weight,
	};
	use frame_system::pallet_prelude::*;
	use infergrid_agenda::Cursor;
	use infergrid_primitives::{
		AccountBytes, AuditId, Balance, BlockNumber, Hash, Signature, TaskId,
		market::{Audits, Bonds, FeeSplit, Registry, Shares},
		randomness::Tickets,
		request::{Assurance, Receipt, SamplingParams},
	};
	use sp_runtime::{Perbill, SaturatedConversion};

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(2);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	#[pallet::config]
	pub trait Config:
		polkadot_sdk::frame_system::Config<
			RuntimeEvent: From<Event<Self>>,
			AccountId: From<AccountBytes> + Into<AccountBytes>,
		>
	{
		/// The runtime's reasons for holds.
		type RuntimeHoldReason: From<HoldReason>;

		/// The money.
		type Currency: InspectHold<Self::AccountId, Balance = Balance, Reason = Self::RuntimeHoldReason>
			+ MutateHold<Self::AccountId>
			+ Balanced<Self::AccountId>;

		/// Bonds of miners and their worker keys. A slash for a missed deadline is burnt.
		type Bonds: Bonds<Self::AccountId, Credit = Credit<Self::AccountId, Self::Currency>>;

		/// Profiles, and the draw of miners.
		type Registry: Registry<Self::AccountId>;

		/// Splits a fee among those who earned it.
		type FeeSplit: FeeSplit<Self::AccountId, Self::RuntimeHoldReason, Error: core::fmt::Debug>;

		/// Takes results; decides whether they are paid.
		type Audits: Audits<Self::AccountId>;

		/// Future outputs of block authors' VRFs, which assign tasks and anchor their seeds.
		type Randomness: Tickets;

		/// Outputs after that of the block in which a task came, or lost its miner, that have no part in
		/// its draw; 1 leaves out the next block alone.
		#[pallet::constant]
		type DrawSkip: Get<u32>;

		/// Outputs that have a part in a draw.
		#[pallet::constant]
		type DrawOutputs: Get<u8>;

		/// The least `max_fee`, in plancks; above zero.
		#[pallet::constant]
		type MinFee: Get<Balance>;

		/// The shortest time a payer may give a task, in blocks.
		#[pallet::constant]
		type MinPatience: Get<BlockNumber>;

		/// The longest time a payer may give a task, in blocks.
		#[pallet::constant]
		type MaxPatience: Get<BlockNumber>;

		/// The part of a miner's window that does not depend on the tokens, in blocks: finality, the
		/// delivery of the prompt, the way of the result into a block.
		#[pallet::constant]
		type BaseWindow: Get<BlockNumber>;

		/// The time between two blocks, in milliseconds.
		#[pallet::constant]
		type MillisecsPerBlock: Get<u32>;

		/// Tokens that a chat template may add to an inline prompt.
		#[pallet::constant]
		type InlineOverhead: Get<u32>;

		/// Blocks by which the service of tasks or audits may be behind while new tasks are taken.
		#[pallet::constant]
		type MaxLag: Get<BlockNumber>;

		/// The longest pause between two draws for a waiting task, in blocks.
		#[pallet::constant]
		type MaxRetryDelay: Get<BlockNumber>;

		/// The share of a miner's bond that a missed deadline costs.
		#[pallet::constant]
		type MissSlash: Get<Perbill>;

		/// How long a finished task is kept, in blocks.
		#[pallet::constant]
		type HistoryDepth: Get<BlockNumber>;

		/// The share of a block that the per-block service may take.
		#[pallet::constant]
		type ServiceShare: Get<Perbill>;

		/// Weights.
		type WeightInfo: WeightInfo;

		/// Sets the stage for benchmarks.
		#[cfg(feature = "runtime-benchmarks")]
		type BenchmarkHelper: BenchmarkHelper<Self::AccountId>;
	}

	/// Why this pallet holds money.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// The fee of a task that is not finished.
		Escrow,
	}

	/// The identifier of the next task.
	#[pallet::storage]
	pub type NextTask<T> = StorageValue<_, TaskId, ValueQuery>;

	/// Tasks, until they are pruned. Identifiers count up, so a cheap hash will do.
	#[pallet::storage]
	pub type Tasks<T: Config> =
		StorageMap<_, Twox64Concat, TaskId, Task<AccountIdOf<T>>, OptionQuery>;

	/// The task of a payer's nonce, as long as the task: where a payer finds its order again.
	#[pallet::storage]
	pub type Ordered<T: Config> = StorageDoubleMap<
		_,
		Blake2_128Concat,
		AccountIdOf<T>,
		Twox64Concat,
		u64,
		TaskId,
		OptionQuery,
	>;

	/// The tasks that a miner has to deliver: where it finds its work again.
	#[pallet::storage]
	pub type Assigned<T: Config> = StorageDoubleMap<
		_,
		Blake2_128Concat,
		AccountIdOf<T>,
		Twox64Concat,
		TaskId,
		(),
		OptionQuery,
	>;

	/// Inline prompts, as long as their task.
	#[pallet::storage]
	pub type Prompts<T> = StorageMap<_, Twox64Concat, TaskId, InlinePrompt, OptionQuery>;

	/// Receipts of delivered tasks, as long as their task.
	#[pallet::storage]
	pub type Receipts<T> = StorageMap<_, Twox64Concat, TaskId, Receipt, OptionQuery>;

	/// Miners that missed a task which is still open.
	#[pallet::storage]
	pub type Missed<T: Config> = StorageMap<
		_,
		Twox64Concat,
		TaskId,
		BoundedVec<AccountIdOf<T>, ConstU32<MAX_MISSES>>,
		ValueQuery,
	>;

	/// Tasks whose audit passed and whose payment failed; it is tried again.
	#[pallet::storage]
	pub type Unpaid<T> = StorageMap<_, Twox64Concat, TaskId, (), OptionQuery>;

	/// What falls due in a block, in pages.
	#[pallet::storage]
	pub type Agenda<T> = StorageDoubleMap<
		_,
		Twox64Concat,
		BlockNumber,
		Twox64Concat,
		u32,
		BoundedVec<Duty, ConstU32<AGENDA_PAGE>>,
		ValueQuery,
	>;

	/// Pages of the agenda for a block.
	#[pallet::storage]
	pub type AgendaPages<T> = StorageMap<_, Twox64Concat, BlockNumber, u32, ValueQuery>;

	/// Where the service of the agenda goes on.
	#[pallet::storage]
	pub type AgendaCursor<T> = StorageValue<_, Cursor, OptionQuery>;

	#[pallet::event]
	#[pallet::generate_deposit(pub(crate) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A task waits for a miner; `max_fee` is on hold.
		TaskSubmitted {
			task: TaskId,
			payer: T::AccountId,
			profile: Hash,
			request_id: Hash,
			max_fee: Balance,
		},
		/// A miner was drawn. `due` is the last block that takes the result; the anchor of the seed stands
		/// in the task.
		TaskAssigned {
			task: TaskId,
			miner: T::AccountId,
			due: BlockNumber,
		},
		/// A result is in and goes to audit.
		ResultSubmitted {
			task: TaskId,
			miner: T::AccountId,
			request_id: Hash,
			output_commit: Hash,
			trace_root: Hash,
			n_prompt: u32,
			n_out: u32,
			fee: Balance,
			audit: AuditId,
		},
		/// A miner did not deliver in time.
		TaskMissed { task: TaskId, miner: T::AccountId },
		/// The payer has `amount` back.
		TaskRefunded {
			task: TaskId,
			payer: T::AccountId,
			amount: Balance,
			reason: RefundReason,
		},
		/// The fee was paid out.
		TaskSettled {
			task: TaskId,
			miner: T::AccountId,
			creator: T::AccountId,
			fee: Balance,
			shares: Shares,
		},
	}

	#[pallet::error]
	pub enum Error<T> {
		/// No such profile. Ask `Models.Profiles` for registered ones.
		ProfileNotFound,
		/// A sampling parameter is out of range; `max_tokens` must be above zero.
		InvalidParams,
		/// `max_fee` is below `MinFee`.
		MaxFeeTooLow,
		/// An inline prompt must be non-empty UTF-8, a committed one at least one token long.
		InvalidPrompt,
		/// Prompt and answer do not fit into the profile's context: shorten the prompt or ask for
		/// fewer tokens.
		ExceedsContext,
		/// `patience` is outside `MinPatience..=MaxPatience`.
		PatienceOutOfRange,
		/// `patience` leaves a miner no time for so many tokens: raise it or ask for fewer.
		PatienceTooShort,
		/// The payer lacks `max_fee` in free balance.
		InsufficientFunds,
		/// What fell due blocks ago is not served yet: order again when the chain has caught up.
		Overloaded,
		/// An audit of every answer was asked for, and fewer operators than a committee has seats stand
		/// for the profile: ask for sampled audits, or wait until more stand.
		TooFewVerifiers,
		/// The payer has a task with this `user_nonce`: this order is on chain already, or needs
		/// another nonce.
		NonceInUse,
		/// No such task; finished ones are forgotten after a while.
		TaskNotFound,
		/// Only the payer may do this.
		NotPayer,
		/// Only a task that waits for a miner can be cancelled.
		NotQueued,
		/// No miner is assigned to the task at the moment.
		NotAssigned,
		/// The result of this task is in already.
		AlreadyDelivered,
		/// The deadline has passed.
		TooLate,
		/// The signer is not a worker key paired with the assigned miner.
		NotAssignedWorker,
		/// The receipt is for another request.
		WrongRequest,
		/// The receipt names another miner or worker key than the one that hands it in.
		WrongSigner,
		/// The receipt's prompt length is not that of the request, or more than an inline prompt can
		/// have.
		WrongPromptLength,
		/// The answer is empty or longer than `max_tokens`.
		WrongAnswerLength,
		/// The fee is not that of the assigned price and the token counts.
		WrongFee,
		/// The fee exceeds `max_fee`.
		FeeTooHigh,
		/// The signature is not that of the worker key over the receipt.
		BadSignature,
		/// The audit did not take the result; hand it in again.
		AuditRefused,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_initialize(now: BlockNumberFor<T>) -> Weight {
			Self::serve_agenda(now.saturated_into())
		}

		fn integrity_test() {
			Self::check_config();
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_now: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::check_invariants()
		}
	}

	#[pallet::call(weight = T::WeightInfo)]
	impl<T: Config> Pallet<T> {
		/// Asks for one answer.
		///
		/// ## Dispatch origin
		/// Signed by the payer.
		///
		/// ## Details
		/// Holds `max_fee` plancks until the task is settled or refunded. `patience` is the number of
		/// blocks after this one in which the result may arrive. `user_nonce` tells two otherwise
		/// equal requests apart, and is free again when its task is forgotten: an order that was
		/// submitted twice is taken once.
		///
		/// ## Errors
		/// [`ProfileNotFound`](Error::ProfileNotFound), [`InvalidParams`](Error::InvalidParams),
		/// [`InvalidPrompt`](Error::InvalidPrompt), [`ExceedsContext`](Error::ExceedsContext),
		/// [`MaxFeeTooLow`](Error::MaxFeeTooLow), [`PatienceOutOfRange`](Error::PatienceOutOfRange),
		/// [`PatienceTooShort`](Error::PatienceTooShort),
		/// [`InsufficientFunds`](Error::InsufficientFunds), [`NonceInUse`](Error::NonceInUse),
		/// [`TooFewVerifiers`](Error::TooFewVerifiers), [`Overloaded`](Error::Overloaded).
		///
		/// ## Events
		/// [`TaskSubmitted`](Event::TaskSubmitted).
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::submit(input.encoded_size() as u32))]
		#[allow(
			clippy::too_many_arguments,
			reason = "each is named in the extrinsic, and the macro repeats them"
		)]
		pub fn submit(
			origin: OriginFor<T>,
			profile: Hash,
			input: TaskInput,
			params: SamplingParams,
			#[pallet::compact] max_fee: Balance,
			patience: BlockNumber,
			user_nonce: u64,
			assurance: Assurance,
		) -> DispatchResult {
			let payer = ensure_signed(origin)?;
			let order = crate::submit::Order {
				profile,
				input,
				params,
				max_fee,
				patience,
				user_nonce,
				assurance,
			};
			Self::do_submit(payer, order)
		}

		/// Hands in the receipt of an answer.
		///
		/// ## Dispatch origin
		/// Signed by a worker key of the assigned miner. Free of charge when it succeeds.
		///
		/// ## Details
		/// `signature` is the worker key's over the receipt's payload. The difference between
		/// `max_fee` and the receipt's fee is released at once; the fee follows the audit.
		///
		/// ## Errors
		/// [`TaskNotFound`](Error::TaskNotFound), [`NotAssigned`](Error::NotAssigned),
		/// [`AlreadyDelivered`](Error::AlreadyDelivered), [`TooLate`](Error::TooLate),
		/// [`NotAssignedWorker`](Error::NotAssignedWorker), [`WrongRequest`](Error::WrongRequest),
		/// [`WrongSigner`](Error::WrongSigner), [`WrongPromptLength`](Error::WrongPromptLength),
		/// [`WrongAnswerLength`](Error::WrongAnswerLength), [`WrongFee`](Error::WrongFee),
		/// [`FeeTooHigh`](Error::FeeTooHigh), [`BadSignature`](Error::BadSignature),
		/// [`AuditRefused`](Error::AuditRefused).
		///
		/// ## Events
		/// [`ResultSubmitted`](Event::ResultSubmitted).
		#[pallet::call_index(1)]
		#[pallet::weight((T::WeightInfo::submit_result(), DispatchClass::Operational))]
		pub fn submit_result(
			origin: OriginFor<T>,
			task: TaskId,
			receipt: Receipt,
			signature: Signature,
		) -> DispatchResultWithPostInfo {
			let worker = ensure_signed(origin)?;
			Self::do_submit_result(worker, task, receipt, signature)?;
			Ok(Pays::No.into())
		}

		/// Calls a task off that no miner works on, and releases the money.
		///
		/// ## Dispatch origin
		/// Signed by the task's payer.
		///
		/// ## Errors
		/// [`TaskNotFound`](Error::TaskNotFound), [`NotPayer`](Error::NotPayer),
		/// [`NotQueued`](Error::NotQueued).
		///
		/// ## Events
		/// [`TaskRefunded`](Event::TaskRefunded).
		#[pallet::call_index(2)]
		pub fn cancel(origin: OriginFor<T>, task: TaskId) -> DispatchResult {
			let payer = ensure_signed(origin)?;
			Self::do_cancel(payer, task)
		}
	}
}

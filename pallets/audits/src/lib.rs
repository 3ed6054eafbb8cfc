//! # Audits
//!
//! Decides by re-computation whether delivered work is paid.
//!
//! ## Pallet API
//!
//! See the [`pallet`] module for calls, events, errors and storage. Work comes in through
//! [`Audits`](infergrid_primitives::market::Audits), which the [`Pallet`] implements, and leaves
//! through exactly one call of [`Escrow`](infergrid_primitives::market::Escrow).
//!
//! ## Overview
//!
//! ```text
//!                   not drawn
//!  Scheduled ──────────────────► Escrowed ─────────────────────────────► Concluded
//!      │ ▲ │ drawn                                                      ▲
//!      │ │ ▼            all committed,            all revealed, or      │
//!      │ │ Committing ► or time is up ► Revealing ► time is up ► tally ─┤
//!      │ │                                                         │    │ no verdict after
//!      │ └─────────────────────── no verdict ──────────────────────┘    │ the last round
//!      └────────────────────────────────────────────────────────────────┘ nobody stands
//! ```
//!
//! 1. **Draw.** A receipt in block n takes a ticket for the VRF outputs of the authors of blocks n+2 to
//!    n+9 ([`Config::DrawSkip`], [`Config::DrawOutputs`]); `R`, their hash, is known in block n+10. Work
//!    is audited while its miner is on probation, when the payer asked for it, or when `R` picks it with
//!    the chance [`AuditRate`]. Work that is not drawn waits [`Config::EscrowBlocks`] in escrow.
//! 2. **Committee.** [`Config::Seats`] operators that stand for the profile, by bond, from
//!    `H(R ‖ audit ‖ round)`; never the miner's or the payer's. A round that ends without a verdict takes
//!    a new ticket, for outputs that nobody knows when its last vote is revealed. Where nobody stands,
//!    the fee waits in escrow as that of work which was not drawn.
//! 3. **Vote.** Members commit, then reveal. The window for commitments grows with the tokens to
//!    re-check; reveals open as soon as everybody committed.
//! 4. **Tally.** See [`tally`]. More than half of the committee decides; condemning takes
//!    [`Config::MinCondemners`] votes whatever the committee's size, so that one verifier alone
//!    cannot cost a miner its bond. Without a verdict the committee is redrawn up to
//!    [`Config::MaxRedraws`] times; then the work is paid without fault.
//! 5. **Punishment.** A forger loses [`Config::ForgerySlash`] of its bond and is ejected; a miner
//!    that does not open its receipt loses [`Config::UnavailableSlash`]. Either way the payer is
//!    refunded in full. A verifier that votes without having run the model loses
//!    [`Config::LazySlash`], a silent one [`Config::SilentSlash`]. Of a miner's slash
//!    [`Config::PayerShare`] goes to the payer, of every slash [`Config::VoterShare`] to the members
//!    that voted with the verdict, and the rest is burnt.
//!
//! ## Low level
//!
//! - Phases end in the per-block service of an [agenda](infergrid_agenda), within
//!   [`Config::ServiceShare`] of a block: late audits wait and come first in the next block. A call
//!   that ends a phase early leaves the old entry on the agenda, where it finds nothing to do.
//! - A draw that is served late draws the same: its ticket is worth the same hash. Should it come so late
//!   that the outputs are forgotten, after a day, it takes a new ticket.
//! - **Probation** counts audited outcomes only: passes in a row, reset by a condemnation.
//!
//! ## Where more goes
//!
//! A larger committee on any Invalid vote or split fingerprints belongs between tally and verdict
//! (`tally.rs`, as a phase of its own); an appeal belongs between verdict and punishment
//! (`punish.rs`), holding the slash until its window closes.

#![cfg_attr(not(feature = "std"), no_std)]
#![allow(
	missing_debug_implementations,
	clippy::expect_used,
	reason = "what FRAME's macros write"
)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod conclude;
mod draw;
#[cfg(any(feature = "try-runtime", test))]
mod invariants;
#[cfg(test)]
mod mock;
mod punish;
mod randomness;
mod service;
pub mod tally;
#[cfg(test)]
mod tests;
pub mod types;
mod vote;
pub mod weights;

#[cfg(feature = "runtime-benchmarks")]
pub use benchmarking::BenchmarkHelper;
pub use pallet::*;
pub use types::*;
pub use weights::WeightInfo;

use polkadot_sdk::*;

/// Where this pallet's log lines come from.
pub const LOG_TARGET: &str = "runtime::audits";

#[frame_support::pallet]
pub mod pallet {
	use super::*;
	use frame_support::{
		pallet_prelude::*,
		traits::fungible::{Balanced, Credit, Inspect},
		weights::Weight,
	};
	use frame_system::pallet_prelude::*;
	use infergrid_agenda::Cursor;
	use infergrid_primitives::{
		AccountBytes, AuditId, Balance, BlockNumber, Hash, TaskId,
		audit::{Verdict, Vote},
		market::{Bonds, Escrow, Registry},
		randomness::Tickets,
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
		/// The money that slashes take.
		type Currency: Inspect<Self::AccountId, Balance = Balance> + Balanced<Self::AccountId>;

		/// Bonds and worker keys.
		type Bonds: Bonds<Self::AccountId, Credit = Credit<Self::AccountId, Self::Currency>>;

		/// Profiles, and the draw of committees.
		type Registry: Registry<Self::AccountId>;

		/// Pays the work or refunds the payer.
		type Escrow: Escrow<Self::AccountId>;

		/// Future outputs of block authors' VRFs.
		type Randomness: Tickets;

		/// Sets the audit rate.
		type AdminOrigin: EnsureOrigin<Self::RuntimeOrigin>;

		/// Outputs after that of the block in which a receipt came, or a round ended, that have no part in
		/// the draw; 1 leaves out the next block alone.
		#[pallet::constant]
		type DrawSkip: Get<u32>;

		/// Outputs that have a part in a draw.
		#[pallet::constant]
		type DrawOutputs: Get<u8>;

		/// Members of a committee, up to [`MAX_SEATS`].
		#[pallet::constant]
		type Seats: Get<u32>;

		/// The least number of votes that condemns a miner.
		#[pallet::constant]
		type MinCondemners: Get<u32>;

		/// The part of the window for commitments that does not depend on the tokens, in blocks.
		#[pallet::constant]
		type BaseCommitBlocks: Get<BlockNumber>;

		/// The time between two blocks, in milliseconds.
		#[pallet::constant]
		type MillisecsPerBlock: Get<u32>;

		/// The window for reveals, in blocks.
		#[pallet::constant]
		type RevealBlocks: Get<BlockNumber>;

		/// How long the fee of work that was not drawn stays in escrow, in blocks.
		#[pallet::constant]
		type EscrowBlocks: Get<BlockNumber>;

		/// Committees drawn after the first one before the work is paid without fault.
		#[pallet::constant]
		type MaxRedraws: Get<u8>;

		/// Audits that a new miner must pass in a row before its work is sampled.
		#[pallet::constant]
		type ProbationPasses: Get<u8>;

		/// How long a concluded audit is kept, in blocks.
		#[pallet::constant]
		type HistoryDepth: Get<BlockNumber>;

		/// What a forger loses of its bond.
		#[pallet::constant]
		type ForgerySlash: Get<Perbill>;

		/// What a miner that does not open a receipt loses of its bond.
		#[pallet::constant]
		type UnavailableSlash: Get<Perbill>;

		/// What a verifier that did not run the model loses of its bond.
		#[pallet::constant]
		type LazySlash: Get<Perbill>;

		/// What a verifier that does not vote loses of its bond.
		#[pallet::constant]
		type SilentSlash: Get<Perbill>;

		/// The payer's share of a miner's slash; it has none in a verifier's.
		#[pallet::constant]
		type PayerShare: Get<Perbill>;

		/// The share of a slash that goes to the members that voted with the verdict.
		#[pallet::constant]
		type VoterShare: Get<Perbill>;

		/// The share of a block that the per-block service may take.
		#[pallet::constant]
		type ServiceShare: Get<Perbill>;

		/// Weights.
		type WeightInfo: WeightInfo;

		/// Sets the stage for benchmarks.
		#[cfg(feature = "runtime-benchmarks")]
		type BenchmarkHelper: BenchmarkHelper<Self::AccountId>;
	}

	/// The identifier of the next audit.
	#[pallet::storage]
	pub type NextAudit<T> = StorageValue<_, AuditId, ValueQuery>;

	/// Audits, until they are pruned. Identifiers count up, so a cheap hash will do.
	#[pallet::storage]
	pub type Audits<T: Config> =
		StorageMap<_, Twox64Concat, AuditId, Audit<AccountIdOf<T>>, OptionQuery>;

	/// The audits in whose running round a verifier has a seat: where it finds its duties again.
	#[pallet::storage]
	pub type Seated<T: Config> = StorageDoubleMap<
		_,
		Blake2_128Concat,
		AccountIdOf<T>,
		Twox64Concat,
		AuditId,
		(),
		OptionQuery,
	>;

	/// The audits in which a miner may yet have to open its receipt.
	#[pallet::storage]
	pub type Openable<T: Config> = StorageDoubleMap<
		_,
		Blake2_128Concat,
		AccountIdOf<T>,
		Twox64Concat,
		AuditId,
		(),
		OptionQuery,
	>;

	/// Commitments of the running round, by operator.
	#[pallet::storage]
	pub type Commitments<T: Config> = StorageDoubleMap<
		_,
		Twox64Concat,
		AuditId,
		Blake2_128Concat,
		AccountIdOf<T>,
		Hash,
		OptionQuery,
	>;

	/// Revealed votes of the running or the last round, by operator.
	#[pallet::storage]
	pub type Votes<T: Config> = StorageDoubleMap<
		_,
		Twox64Concat,
		AuditId,
		Blake2_128Concat,
		AccountIdOf<T>,
		Vote,
		OptionQuery,
	>;

	/// Audits that a miner passed in a row, counted up to [`Config::ProbationPasses`].
	#[pallet::storage]
	pub type Probation<T: Config> = StorageMap<_, Blake2_128Concat, AccountIdOf<T>, u8, ValueQuery>;

	/// The chance of an audit for work that need not be audited.
	#[pallet::storage]
	pub type AuditRate<T> = StorageValue<_, Perbill, ValueQuery>;

	/// What falls due in a block, in pages.
	#[pallet::storage]
	pub type Agenda<T> = StorageDoubleMap<
		_,
		Twox64Concat,
		BlockNumber,
		Twox64Concat,
		u32,
		BoundedVec<AuditId, ConstU32<AGENDA_PAGE>>,
		ValueQuery,
	>;

	/// Pages of the agenda for a block.
	#[pallet::storage]
	pub type AgendaPages<T> = StorageMap<_, Twox64Concat, BlockNumber, u32, ValueQuery>;

	/// Where the service of the agenda goes on.
	#[pallet::storage]
	pub type AgendaCursor<T> = StorageValue<_, Cursor, OptionQuery>;

	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		/// The chance of an audit for work that need not be audited.
		pub audit_rate: Perbill,
		#[serde(skip)]
		pub _config: core::marker::PhantomData<T>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			AuditRate::<T>::put(self.audit_rate);
		}
	}

	#[pallet::event]
	#[pallet::generate_deposit(pub(crate) fn deposit_event)]
	pub enum Event<T: Config> {
		/// Work came in; whether it is audited is drawn in block `draw_at`.
		AuditScheduled {
			audit: AuditId,
			task: TaskId,
			draw_at: BlockNumber,
		},
		/// A committee was drawn. It commits until block `commit_by` and reveals until `reveal_by` at
		/// the latest. Fingerprints follow from `randomness`.
		AuditDrawn {
			audit: AuditId,
			task: TaskId,
			round: u8,
			committee: alloc::vec::Vec<T::AccountId>,
			commit_by: BlockNumber,
			reveal_by: BlockNumber,
			randomness: Hash,
		},
		/// The work is not audited and is paid after block `settles_at`.
		AuditSkipped {
			audit: AuditId,
			task: TaskId,
			settles_at: BlockNumber,
		},
		/// A member committed to its vote.
		VoteCommitted {
			audit: AuditId,
			verifier: T::AccountId,
		},
		/// A member revealed its vote.
		VoteRevealed {
			audit: AuditId,
			verifier: T::AccountId,
			verdict: Verdict,
		},
		/// Votes can be revealed.
		RevealOpened { audit: AuditId },
		/// A round gave no verdict; the committee of the next one, `round`, is drawn in block `draw_at`.
		AuditRedrawn {
			audit: AuditId,
			round: u8,
			draw_at: BlockNumber,
		},
		/// The draw of a round came so late that its outputs were forgotten; it waits for new ones until
		/// block `draw_at`.
		AuditPostponed {
			audit: AuditId,
			round: u8,
			draw_at: BlockNumber,
		},
		/// The audit is over. `Unproven` means paid without a finding.
		AuditConcluded {
			audit: AuditId,
			task: TaskId,
			verdict: Verdict,
		},
		/// A miner lost `amount` of its bond.
		MinerPunished {
			audit: AuditId,
			miner: T::AccountId,
			class: FaultClass,
			amount: Balance,
		},
		/// A verifier lost `amount` of its bond.
		VerifierPunished {
			audit: AuditId,
			verifier: T::AccountId,
			class: FaultClass,
			amount: Balance,
		},
		/// The chance of an audit was changed.
		AuditRateSet { old: Perbill, new: Perbill },
	}

	#[pallet::error]
	pub enum Error<T> {
		/// No such audit; concluded ones are forgotten after a while.
		AuditNotFound,
		/// The signer is no operator's worker key: pair it first.
		NotPaired,
		/// The signer's operator is not on the audit's committee in this round.
		NotOnCommittee,
		/// Commitments are not taken now: the audit is not drawn yet, or the window has closed.
		CommitClosed,
		/// This member has committed already.
		AlreadyCommitted,
		/// Votes cannot be revealed now: wait for `RevealOpened`, or the window has closed.
		RevealClosed,
		/// This member did not commit to a vote in this round.
		NotCommitted,
		/// This member has revealed its vote already.
		AlreadyRevealed,
		/// Vote and salt do not match the commitment.
		CommitmentMismatch,
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
		/// Commits to a vote.
		///
		/// ## Dispatch origin
		/// Signed by a worker key of a committee member. Free of charge when it succeeds.
		///
		/// ## Details
		/// `commitment` is that of [`Vote::commitment`] for the operator's account. When the last
		/// member commits, reveals open.
		///
		/// ## Errors
		/// [`NotPaired`](Error::NotPaired), [`AuditNotFound`](Error::AuditNotFound),
		/// [`CommitClosed`](Error::CommitClosed), [`NotOnCommittee`](Error::NotOnCommittee),
		/// [`AlreadyCommitted`](Error::AlreadyCommitted).
		///
		/// ## Events
		/// [`VoteCommitted`](Event::VoteCommitted), [`RevealOpened`](Event::RevealOpened).
		#[pallet::call_index(0)]
		#[pallet::weight((T::WeightInfo::commit_vote(), DispatchClass::Operational))]
		pub fn commit_vote(
			origin: OriginFor<T>,
			audit: AuditId,
			commitment: Hash,
		) -> DispatchResultWithPostInfo {
			let worker = ensure_signed(origin)?;
			Self::do_commit(worker, audit, commitment)?;
			Ok(Pays::No.into())
		}

		/// Reveals a vote.
		///
		/// ## Dispatch origin
		/// Signed by a worker key of a committee member. Free of charge when it succeeds.
		///
		/// ## Details
		/// When everybody who committed has revealed, the votes are counted in the next block.
		///
		/// ## Errors
		/// [`NotPaired`](Error::NotPaired), [`AuditNotFound`](Error::AuditNotFound),
		/// [`RevealClosed`](Error::RevealClosed), [`NotOnCommittee`](Error::NotOnCommittee),
		/// [`NotCommitted`](Error::NotCommitted), [`AlreadyRevealed`](Error::AlreadyRevealed),
		/// [`CommitmentMismatch`](Error::CommitmentMismatch).
		///
		/// ## Events
		/// [`VoteRevealed`](Event::VoteRevealed).
		#[pallet::call_index(1)]
		#[pallet::weight((T::WeightInfo::reveal_vote(), DispatchClass::Operational))]
		pub fn reveal_vote(
			origin: OriginFor<T>,
			audit: AuditId,
			vote: Vote,
			salt: Hash,
		) -> DispatchResultWithPostInfo {
			let worker = ensure_signed(origin)?;
			Self::do_reveal(worker, audit, vote, salt)?;
			Ok(Pays::No.into())
		}

		/// Sets the chance of an audit for work that need not be audited. Draws from the next block
		/// on follow it.
		///
		/// ## Dispatch origin
		/// [`Config::AdminOrigin`].
		///
		/// ## Events
		/// [`AuditRateSet`](Event::AuditRateSet).
		#[pallet::call_index(2)]
		pub fn set_audit_rate(origin: OriginFor<T>, rate: Perbill) -> DispatchResult {
			T::AdminOrigin::ensure_origin(origin)?;
			let old = AuditRate::<T>::get();
			AuditRate::<T>::put(rate);
			Self::deposit_event(Event::AuditRateSet { old, new: rate });
			Ok(())
		}
	}
}

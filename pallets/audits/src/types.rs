//! What is stored about an audit.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use infergrid_primitives::{BlockNumber, Hash, audit::Verdict, market::Work, randomness::Ticket};
use polkadot_sdk::{
	frame_support::{BoundedVec, traits::ConstU32},
	frame_system,
};
use scale_info::TypeInfo;

/// The most members a committee can have.
pub const MAX_SEATS: u32 = 7;
/// Entries in a page of the agenda.
pub const AGENDA_PAGE: u32 = 32;

/// The operators that vote in a round.
pub type Committee<AccountId> = BoundedVec<AccountId, ConstU32<MAX_SEATS>>;

/// An audit of one receipt.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Audit<AccountId> {
	/// What is audited.
	pub work: Work<AccountId>,
	/// The block that took the receipt.
	pub included_at: BlockNumber,
	/// How far it got.
	pub phase: Phase<AccountId>,
}

/// How far an audit got. Every block named is the last one of its phase.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub enum Phase<AccountId> {
	/// By whom it is audited is drawn in block `draw_at`; in round 0 also whether it is.
	Scheduled {
		round: u8,
		ticket: Ticket,
		draw_at: BlockNumber,
	},
	/// The committee works and commits to its votes.
	Committing {
		round: u8,
		randomness: Hash,
		committee: Committee<AccountId>,
		until: BlockNumber,
	},
	/// The committee reveals its votes.
	Revealing {
		round: u8,
		randomness: Hash,
		committee: Committee<AccountId>,
		until: BlockNumber,
	},
	/// Not drawn: the fee waits in escrow.
	Escrowed { until: BlockNumber },
	/// Over. `Unproven` stands for work that was paid without a finding.
	Concluded { verdict: Verdict, at: BlockNumber },
}

/// What an operator is punished for.
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
pub enum FaultClass {
	/// A miner's receipt is not what the profile computes.
	Forgery,
	/// A miner did not show what it was paid for.
	Unavailable,
	/// A verifier voted without running the model.
	Lazy,
	/// A verifier did not vote.
	Silent,
}

/// The account type of a runtime.
pub type AccountIdOf<T> = <T as frame_system::Config>::AccountId;
/// The audit type of a runtime.
pub type AuditOf<T> = Audit<AccountIdOf<T>>;
/// The phase type of a runtime.
pub type PhaseOf<T> = Phase<AccountIdOf<T>>;
/// The committee type of a runtime.
pub type CommitteeOf<T> = Committee<AccountIdOf<T>>;

//! What is stored about a task.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use infergrid_primitives::{
	AuditId, Balance, BlockNumber, Hash, TaskId,
	market::{Price, Shares},
	randomness::Ticket,
	request::{MAX_INLINE_PROMPT, Request, Window},
};
use polkadot_sdk::{
	frame_support::{BoundedVec, traits::ConstU32},
	frame_system,
};
use scale_info::TypeInfo;

/// Miners that may miss one task before the payer is refunded.
pub const MAX_MISSES: u32 = 8;
/// Draws for one task in one block, when the drawn miner may take no more money on trust.
pub const MAX_DRAWS: u32 = 3;
/// Entries in a page of the agenda.
pub const AGENDA_PAGE: u32 = 32;

/// A prompt that lies on chain, as UTF-8.
pub type InlinePrompt = BoundedVec<u8, ConstU32<MAX_INLINE_PROMPT>>;

/// What is to be answered.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub enum TaskInput {
	/// One user message, public on chain.
	Inline(InlinePrompt),
	/// The salted hash of the prompt's token ids and their number; the prompt itself goes to the
	/// miner only.
	Committed { commitment: Hash, n_prompt: u32 },
}

/// A one-shot task.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Task<AccountId> {
	/// Whose money is on hold, and who gets it back.
	pub payer: AccountId,
	/// What is asked.
	pub request: Request,
	/// How far it got.
	pub status: TaskStatus<AccountId>,
	/// The block that took it.
	pub submitted_at: BlockNumber,
	/// The last block in which a result can arrive.
	pub expires_at: BlockNumber,
	/// For the outputs that assign it: a new one for each draw.
	pub ticket: Ticket,
}

/// How far a task got.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub enum TaskStatus<AccountId> {
	/// Waits for a miner.
	Queued,
	/// A miner works on it.
	Assigned {
		/// The operator.
		miner: AccountId,
		/// Its price when it was drawn.
		price: Price,
		/// From the assignment to the last block that takes the result, and the anchor.
		window: Window,
	},
	/// The result is in; the fee stays on hold until the audit says where it goes.
	Delivered {
		/// The operator.
		miner: AccountId,
		/// What it charges, in plancks.
		fee: Balance,
		/// The anchor of the sampler's seed.
		anchor: Hash,
		/// The audit that decides.
		audit: AuditId,
	},
	/// Paid.
	Settled {
		/// The operator.
		miner: AccountId,
		/// Who got what.
		shares: Shares,
	},
	/// The payer has everything back.
	Refunded(RefundReason),
}

/// Why a payer has the money back.
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
pub enum RefundReason {
	/// No miner with this profile, free capacity and a low enough price was found in time.
	NoMiner,
	/// Miners were assigned and none delivered in time.
	Expired,
	/// The payer called it off.
	Cancelled,
	/// The audit found the result wrong, or the miner did not show it.
	Condemned,
}

/// Something to do at a later block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub enum Duty {
	/// Look for a miner, or at a deadline, or pay once more: what the task's status asks for.
	Serve(TaskId),
	/// Forget a finished task.
	Prune(TaskId),
}

/// The account type of a runtime.
pub type AccountIdOf<T> = <T as frame_system::Config>::AccountId;
/// The task type of a runtime.
pub type TaskOf<T> = Task<AccountIdOf<T>>;

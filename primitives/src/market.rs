//! Roles, prices, and the traits through which the pallets meet. `runtime/` joins them.

use crate::{AuditId, Balance, BlockNumber, Hash, TaskId, WorkerKey, model::Profile};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// What an operator bonds for.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	PartialOrd,
	Ord,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	serde::Serialize,
	serde::Deserialize,
)]
pub enum Role {
	/// Makes and finalizes blocks.
	Validator,
	/// Computes answers.
	Miner,
	/// Re-checks answers.
	Verifier,
}

/// A price in plancks per 1,000 tokens.
#[derive(
	Clone,
	Copy,
	Debug,
	Default,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Price {
	/// Per 1,000 tokens of the prompt.
	pub input: Balance,
	/// Per 1,000 tokens of the answer.
	pub output: Balance,
}

impl Price {
	/// The fee of a request: each part rounded up to the planck, saturating.
	pub fn fee(&self, n_prompt: u32, n_out: u32) -> Balance {
		let part = |price: Balance, tokens: u32| {
			let thousandths = price.saturating_mul(tokens.into());
			if cfg!(feature = "bug-fee-rounds-down") {
				return thousandths / 1_000;
			}
			thousandths.div_ceil(1_000)
		};
		part(self.input, n_prompt).saturating_add(part(self.output, n_out))
	}
}

/// Bonds and worker keys, as the other pallets see them.
pub trait Bonds<AccountId> {
	/// What a slash yields, to be resolved or dropped (which burns it).
	type Credit;
	/// The operator for whom `worker` acts.
	fn operator_of(worker: &WorkerKey) -> Option<AccountId>;
	/// The bond that lets `operator` work in `role` now: 0 before activation, below the minimum, or
	/// while suspended.
	fn active_bond(operator: &AccountId, role: Role) -> Balance;
	/// Everything that can be slashed in `role`, the unbonding queue included.
	fn slashable(operator: &AccountId, role: Role) -> Balance;
	/// Slashes up to `amount`, the unbonding queue included, and gives what was taken.
	fn slash(operator: &AccountId, role: Role, amount: Balance) -> Self::Credit;
	/// Makes `operator` inactive in `role`: it must bond again from anew.
	fn eject(operator: &AccountId, role: Role);
	/// Puts `amount` of fees, assigned or in escrow, at work on the bond of `operator` in `role`. What
	/// is at work stays within a share of [`Bonds::active_bond`].
	fn reserve_exposure(
		operator: &AccountId,
		role: Role,
		amount: Balance,
	) -> Result<(), Overexposed>;
	/// Takes `amount` off what was put at work: exactly as much as was reserved, in parts or at once.
	fn release_exposure(operator: &AccountId, role: Role, amount: Balance);
	/// Everybody with something at work in `role`, and how much: for checks of the whole state, as it
	/// reads every bond.
	fn exposures(role: Role) -> alloc::collections::BTreeMap<AccountId, Balance>;
}

/// The bond backs no more work: it is too small, or too much of it is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overexposed;

/// A miner chosen for a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment<AccountId> {
	/// The operator.
	pub miner: AccountId,
	/// Its price at this moment.
	pub price: Price,
}

/// Models, profiles and who stands for them, as the other pallets see them.
pub trait Registry<AccountId> {
	/// A registered profile.
	fn profile(id: &Hash) -> Option<Profile>;
	/// The creator of the profile's model and its royalty in percent of each fee (5..=20).
	fn creator(profile: &Hash) -> Option<(AccountId, u8)>;
	/// Draws a miner for `profile` among active ones with free capacity whose fee for the token
	/// counts stays within `max_fee`, at random by bond, none of `excluded`, and takes one unit of
	/// its capacity.
	fn assign(
		profile: &Hash,
		randomness: &Hash,
		n_prompt: u32,
		max_tokens: u32,
		max_fee: Balance,
		excluded: &[AccountId],
	) -> Option<Assignment<AccountId>>;
	/// Gives one unit of `miner`'s capacity back.
	fn release(profile: &Hash, miner: &AccountId);
	/// Draws up to `seats` distinct verifiers of `profile` at random by bond, none of `excluded`.
	fn draw_verifiers(
		profile: &Hash,
		randomness: &Hash,
		seats: u32,
		excluded: &[AccountId],
	) -> alloc::vec::Vec<AccountId>;
	/// How many operators besides `except` stand for audits of `profile`.
	fn standing(profile: &Hash, except: &AccountId) -> u32;
	/// Upper bound of candidates that one draw reads, for weights.
	fn max_candidates() -> u32;
}

/// Finished work handed over for auditing.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Work<AccountId> {
	/// The task.
	pub task: TaskId,
	/// The profile it ran on.
	pub profile: Hash,
	/// Who did it.
	pub miner: AccountId,
	/// Who pays.
	pub payer: AccountId,
	/// The fee in escrow.
	pub fee: Balance,
	/// Tokens to re-check, for deadlines.
	pub tokens: u32,
	/// The payer asked for an audit.
	pub always: bool,
}

/// What audits offer to the pallets whose work they check.
pub trait Audits<AccountId> {
	/// Takes work for the draw; from here on it ends in exactly one call of [`Escrow`].
	fn submit(work: Work<AccountId>) -> Result<AuditId, codec::Error>;
	/// Blocks by which the service of audits is behind.
	fn lag() -> BlockNumber;
	/// Whether a whole committee of others than `payer` stands for `profile`.
	fn can_seat(profile: &Hash, payer: &AccountId) -> bool;
}

/// What the pallet that holds the fee offers to audits. Neither call can fail: what cannot be done
/// now is logged and left to `try_state`.
pub trait Escrow<AccountId> {
	/// Pays the work out.
	fn settle(task: TaskId);
	/// Refunds the payer in full.
	fn refund(task: TaskId);
}

/// How a fee was shared.
#[derive(
	Clone,
	Copy,
	Debug,
	Default,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Shares {
	/// To the miner.
	pub miner: Balance,
	/// To the model's creator.
	pub creator: Balance,
	/// To the treasury.
	pub treasury: Balance,
}

impl Shares {
	/// The fee of which they are the shares.
	pub fn total(&self) -> Balance {
		self.miner
			.saturating_add(self.creator)
			.saturating_add(self.treasury)
	}
}

/// Splits fees. The three shares sum to the fee to the planck.
pub trait FeeSplit<AccountId, Reason> {
	/// What a failed payment says.
	type Error;
	/// Pays `fee` out of what `payer` has on hold for `reason`.
	fn pay_held(
		reason: &Reason,
		payer: &AccountId,
		fee: Balance,
		miner: &AccountId,
		profile: &Hash,
	) -> Result<Shares, Self::Error>;
}

/// A window of blocks.
pub type Blocks = BlockNumber;

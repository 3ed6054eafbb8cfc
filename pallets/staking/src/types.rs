//! The ledger of one bond, apart from storage and money.

use crate::{Config, HoldReason};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
	BoundedVec, CloneNoBound, DebugNoBound, EqNoBound, PartialEqNoBound,
	traits::{Get, fungible::Credit},
};
use infergrid_primitives::{Balance, market::Role};
use polkadot_sdk::*;
use scale_info::TypeInfo;
use sp_runtime::{FixedU64, Perbill};
use sp_staking::{SessionIndex, offence::OffenceSeverity};

/// What a slash yields.
pub type CreditOf<T> = Credit<<T as frame_system::Config>::AccountId, <T as Config>::Currency>;

/// The bond of an operator in one role, as it is stored.
pub type BondOf<T> = Bond<<T as Config>::MaxUnlocking>;

/// Money on its way out of a bond.
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
pub struct Unlock {
	/// Plancks.
	pub amount: Balance,
	/// The session from which it can be withdrawn.
	pub at: SessionIndex,
}

/// What an operator has bonded in one role. All of it is on hold in its account.
#[derive(
	CloneNoBound, DebugNoBound, PartialEqNoBound, EqNoBound, Encode, Decode, MaxEncodedLen, TypeInfo,
)]
#[scale_info(skip_type_params(MaxUnlocking))]
pub struct Bond<MaxUnlocking: Get<u32>> {
	/// Everything that is bonded and not on its way out.
	pub active: Balance,
	/// The part of `active` that counts from session `activates_at` on, and not before.
	pub pending: Balance,
	/// The session from which all of `active` counts.
	pub activates_at: SessionIndex,
	/// On its way out, ordered by session.
	pub unlocking: BoundedVec<Unlock, MaxUnlocking>,
	/// Fees of open work, assigned or in escrow, for which the bond stands.
	pub at_work: Balance,
	/// Slashes that are ordered and not executed: so much does not leave the bond.
	pub locked: Balance,
}

impl<MaxUnlocking: Get<u32>> Default for Bond<MaxUnlocking> {
	fn default() -> Self {
		Self {
			active: 0,
			pending: 0,
			activates_at: 0,
			unlocking: BoundedVec::new(),
			at_work: 0,
			locked: 0,
		}
	}
}

/// The unbonding queue has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueFull;

impl<MaxUnlocking: Get<u32>> Bond<MaxUnlocking> {
	/// What counts in session `now`.
	pub fn counted(&self, now: SessionIndex) -> Balance {
		if now >= self.activates_at {
			self.active
		} else {
			self.active.saturating_sub(self.pending)
		}
	}

	/// What is in the unbonding queue.
	pub fn unbonding(&self) -> Balance {
		self.unlocking
			.iter()
			.fold(0, |sum, chunk| sum.saturating_add(chunk.amount))
	}

	/// What is on hold, and can be slashed.
	pub fn total(&self) -> Balance {
		self.active.saturating_add(self.unbonding())
	}

	/// Whether no money is left in it.
	pub fn is_empty(&self) -> bool {
		self.active == 0 && self.unlocking.is_empty()
	}

	/// Whether nothing is left of it: no money, no open work and no ordered slash.
	pub fn is_gone(&self) -> bool {
		self.is_empty() && self.at_work == 0 && self.locked == 0
	}

	/// Adds `amount`, which counts from session `activates_at` on. An addition that is still pending
	/// waits as long as the new one. `None` if the sum does not fit.
	pub fn add(
		&mut self,
		amount: Balance,
		now: SessionIndex,
		activates_at: SessionIndex,
	) -> Option<()> {
		let waiting = if now >= self.activates_at {
			0
		} else {
			self.pending
		};
		let active = self.active.checked_add(amount)?;
		self.pending = waiting.checked_add(amount)?;
		self.active = active;
		self.activates_at = activates_at;
		Some(())
	}

	/// Queues `amount` of the active part for session `at`, what is pending first; at most what is
	/// active. Amounts for one session share an entry.
	pub fn unlock(&mut self, amount: Balance, at: SessionIndex) -> Result<Balance, QueueFull> {
		let amount = amount.min(self.active);
		if amount == 0 {
			return Ok(0);
		}
		match self.unlocking.last_mut() {
			Some(last) if last.at >= at => last.amount = last.amount.saturating_add(amount),
			_ => self
				.unlocking
				.try_push(Unlock { amount, at })
				.map_err(|_| QueueFull)?,
		}
		self.active = self.active.saturating_sub(amount);
		self.pending = self.pending.saturating_sub(amount);
		Ok(amount)
	}

	/// Queues all of the active part for session `at`. In a full queue the last entry takes it, and
	/// waits as long.
	pub fn unlock_all(&mut self, at: SessionIndex) -> Balance {
		let amount = self.active;
		if self.unlock(amount, at).is_err()
			&& let Some(last) = self.unlocking.last_mut()
		{
			last.amount = last.amount.saturating_add(amount);
			last.at = last.at.max(at);
			self.active = 0;
			self.pending = 0;
		}
		amount
	}

	/// What is due in session `now`, locked or not.
	pub fn due(&self, now: SessionIndex) -> Balance {
		let due = self.unlocking.iter().filter(|chunk| chunk.at <= now);
		due.fold(0, |sum, chunk| sum.saturating_add(chunk.amount))
	}

	/// Takes what is due in session `now` off the queue, as far as it is not locked.
	pub fn withdraw(&mut self, now: SessionIndex) -> Balance {
		let amount = self.due(now).min(self.total().saturating_sub(self.locked));
		let mut left = amount;
		for chunk in &mut self.unlocking {
			let part = left.min(chunk.amount);
			chunk.amount = chunk.amount.saturating_sub(part);
			left = left.saturating_sub(part);
		}
		self.unlocking.retain(|chunk| chunk.amount > 0);
		amount
	}

	/// Takes up to `amount`: the active part first, what counts before what is pending, and then the
	/// queue from the entry with the longest wait on. Gives what was taken.
	pub fn slash(&mut self, amount: Balance) -> Balance {
		let from_active = amount.min(self.active);
		self.active = self.active.saturating_sub(from_active);
		self.pending = self.pending.min(self.active);
		let mut left = amount.saturating_sub(from_active);
		for chunk in self.unlocking.iter_mut().rev() {
			let part = left.min(chunk.amount);
			chunk.amount = chunk.amount.saturating_sub(part);
			left = left.saturating_sub(part);
		}
		self.unlocking.retain(|chunk| chunk.amount > 0);
		amount.saturating_sub(left)
	}
}

/// What a validator was sentenced to for offences in one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Sentence {
	/// The fraction taken so far.
	pub fraction: Perbill,
	/// Of how much: what could be slashed at the session's first report, in plancks.
	pub of: Balance,
}

impl Sentence {
	/// What it takes, in plancks.
	pub fn amount(&self) -> Balance {
		self.fraction.mul_ceil(self.of)
	}
}

/// Blocks of a validator since it was judged last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Record {
	/// That it made.
	pub made: u32,
	/// That it would have made as an average validator of its sessions.
	pub expected: FixedU64,
}

/// A validator to keep out of its duties until a session is over.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Offender<AccountId> {
	/// Who.
	pub validator: AccountId,
	/// How grave the offence was.
	pub severity: OffenceSeverity,
	/// The last session to sit out.
	pub until: SessionIndex,
}

/// What the pallet asks of the sessions.
pub trait Sessions<AccountId> {
	/// The current session.
	fn current() -> SessionIndex;
	/// The validators of the current session.
	fn validators() -> Vec<AccountId>;
	/// Whether `validator` has registered session keys.
	fn has_keys(validator: &AccountId) -> bool;
	/// Takes `validator` off its duties for the rest of the current session, if it has any and the
	/// session's own strategy allows it.
	fn disable(validator: &AccountId, severity: OffenceSeverity);
	/// Drops the history of sessions before `index`: no offence in them is punished any more.
	fn forget_before(index: SessionIndex);
}

impl<T> Sessions<T::AccountId> for pallet_session::Pallet<T>
where
	T: pallet_session::historical::Config
		+ pallet_session::Config<ValidatorId = <T as frame_system::Config>::AccountId>,
{
	fn current() -> SessionIndex {
		Self::current_index()
	}

	fn validators() -> Vec<T::AccountId> {
		Self::validators()
	}

	fn has_keys(validator: &T::AccountId) -> bool {
		<Self as frame_support::traits::ValidatorRegistration<T::ValidatorId>>::is_registered(
			validator,
		)
	}

	fn disable(validator: &T::AccountId, severity: OffenceSeverity) {
		Self::report_offence(validator.clone(), severity);
	}

	fn forget_before(index: SessionIndex) {
		pallet_session::historical::Pallet::<T>::prune_up_to(index);
	}
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

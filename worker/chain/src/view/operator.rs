//! What an operator has: worker keys, bonds, money, and what it still owes.

use super::View;
use crate::{
	error::ReadError,
	names::{constant, entry, pallet},
	records::{Bond, Earnings, Funds, Owed, Record, TaskStatus},
};
use infergrid_primitives::{AccountBytes, Balance, BlockNumber, WorkerKey, market::Role};
use subxt::{ext::scale_decode::DecodeAsType, utils::Static};

impl View {
	/// The operator for whom a worker key acts.
	pub async fn operator_of(&self, worker: &WorkerKey) -> Result<Option<AccountBytes>, ReadError> {
		self.plain(pallet::STAKING, entry::WORKERS, (*worker,))
			.await
	}

	/// The counter that the next consent of a worker key must name.
	pub async fn consent_counter(&self, worker: &WorkerKey) -> Result<u32, ReadError> {
		let counter = self
			.plain(pallet::STAKING, entry::COUNTERS, (*worker,))
			.await?;
		Ok(counter.unwrap_or_default())
	}

	/// A bond.
	pub async fn bond(
		&self,
		role: Role,
		operator: &AccountBytes,
	) -> Result<Option<Bond>, ReadError> {
		self.get(pallet::STAKING, entry::BONDS, (Static(role), *operator))
			.await
	}

	/// The least bond with which an operator comes into a role, in plancks.
	pub fn minimum_bond(&self, role: Role) -> Result<Balance, ReadError> {
		let name = match role {
			Role::Validator => constant::MIN_VALIDATOR_BOND,
			Role::Miner => constant::MIN_MINER_BOND,
			Role::Verifier => constant::MIN_VERIFIER_BOND,
		};
		self.constant(pallet::STAKING, name)
	}

	/// The least bond with which an operator stays in a role, in plancks: less than the minimum.
	pub fn working_bond(&self, role: Role) -> Result<Balance, ReadError> {
		let name = match role {
			Role::Validator => constant::WORKING_VALIDATOR_BOND,
			Role::Miner => constant::WORKING_MINER_BOND,
			Role::Verifier => constant::WORKING_VERIFIER_BOND,
		};
		self.constant(pallet::STAKING, name)
	}

	/// What must stay bonded for the work that is open on a bond, in plancks.
	pub fn bond_for_work(&self, bond: &Bond) -> Result<Balance, ReadError> {
		const WHOLE: Balance = 1_000_000_000;
		let share: u32 = self.constant(pallet::STAKING, constant::EXPOSURE_SHARE)?;
		// The chain admits no share of nothing.
		let share = Balance::from(share).max(1);
		Ok(bond.at_work.saturating_mul(WHOLE).div_ceil(share))
	}

	/// The running session.
	pub async fn session(&self) -> Result<u32, ReadError> {
		let index = self
			.plain(pallet::SESSION, entry::CURRENT_INDEX, ())
			.await?;
		Ok(index.unwrap_or_default())
	}

	/// The block at which `session` begins, at the latest: slots without a block let it come earlier.
	/// None on a chain whose sessions do not tell.
	pub async fn session_start(&self, session: u32) -> Result<Option<BlockNumber>, ReadError> {
		let starts: Option<(BlockNumber, BlockNumber)> =
			self.plain(pallet::BABE, entry::EPOCH_START, ()).await?;
		let slots: u64 = self.constant(pallet::BABE, constant::EPOCH_DURATION)?;
		let now = self.session().await?;
		Ok(starts.map(|(_, start)| {
			let slots = u64::from(session.saturating_sub(now)).saturating_mul(slots);
			start.saturating_add(u32::try_from(slots).unwrap_or(u32::MAX))
		}))
	}

	/// The worker keys that act for an operator.
	pub async fn workers_of(&self, operator: &AccountBytes) -> Result<Vec<WorkerKey>, ReadError> {
		let keys = self
			.plain(pallet::STAKING, entry::WORKERS_OF, (*operator,))
			.await?;
		Ok(keys.unwrap_or_default())
	}

	/// What an operator must still do. Who stays away until it is due is slashed.
	pub async fn owed(&self, operator: &AccountBytes) -> Result<Owed, ReadError> {
		let mut owed = Owed::default();
		for (id, task) in self.assigned_to(operator).await? {
			if let TaskStatus::Assigned { window, .. } = task.status {
				owed.deliveries.push((id, window.due));
			}
		}
		for (_, audit) in self.openable(operator).await? {
			if let Some(until) = self.last_opening(&audit).await? {
				owed.openings.push((audit.work.task, until));
			}
		}
		let votes = self.votes_owed(operator).await?;
		owed.votes = votes
			.into_iter()
			.map(|(id, _, until)| (id, until))
			.collect();
		Ok(owed)
	}

	/// What an account has earned.
	pub async fn earnings(&self, account: &AccountBytes) -> Result<Option<Earnings>, ReadError> {
		self.get(pallet::REWARDS, entry::EARNED, (*account,)).await
	}

	/// An account's money.
	pub async fn funds(&self, account: &AccountBytes) -> Result<Funds, ReadError> {
		Ok(self
			.account(account)
			.await?
			.map_or_else(Funds::default, |account| Funds {
				free: account.data.free,
				reserved: account.data.reserved,
			}))
	}

	/// The nonce of the account's next extrinsic.
	pub async fn nonce(&self, account: &AccountBytes) -> Result<u64, ReadError> {
		Ok(self
			.account(account)
			.await?
			.map_or(0, |account| account.nonce.into()))
	}

	async fn account(&self, account: &AccountBytes) -> Result<Option<AccountInfo>, ReadError> {
		self.get(pallet::SYSTEM, entry::ACCOUNT, (*account,)).await
	}
}

impl Record for AccountInfo {
	type Wire = Self;

	fn from_wire(wire: Self) -> Self {
		wire
	}
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct AccountInfo {
	nonce: u32,
	data: AccountData,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct AccountData {
	free: u128,
	reserved: u128,
}

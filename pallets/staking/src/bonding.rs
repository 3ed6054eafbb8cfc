//! Bonding, unbonding, slashing.

use crate::{
	BondOf, Bonds, Candidates, Config, CreditOf, Error, Event, HoldReason, LOG_TARGET, Pallet,
	Sessions, Workers, WorkersOf,
};
use alloc::collections::BTreeMap;
use frame_support::{
	defensive, ensure,
	traits::{
		Get, Imbalance,
		fungible::{BalancedHold, InspectHold, MutateHold},
		tokens::Precision,
	},
};
use infergrid_primitives::{
	Balance, WorkerKey,
	market::{Overexposed, Role},
};
use polkadot_sdk::*;
use sp_runtime::{DispatchError, DispatchResult};
use sp_staking::SessionIndex;

/// The reason under which `role` is on hold, as the currency names it.
pub(crate) fn reason<T: Config>(role: Role) -> <T::Currency as InspectHold<T::AccountId>>::Reason {
	HoldReason::from(role).into()
}

impl<T: Config> Pallet<T> {
	/// The smallest bond with which an operator comes into `role`.
	pub fn entry_minimum(role: Role) -> Balance {
		match role {
			Role::Validator => T::MinValidatorBond::get(),
			Role::Miner => T::MinMinerBond::get(),
			Role::Verifier => T::MinVerifierBond::get(),
		}
	}

	/// The smallest bond with which an operator stays in `role`.
	pub fn working_minimum(role: Role) -> Balance {
		T::WorkingShare::get().mul_ceil(Self::entry_minimum(role))
	}

	/// The most that may be at work on a bond of which `active` counts.
	pub(crate) fn exposure_limit(active: Balance) -> Balance {
		T::ExposureShare::get().mul_floor(active)
	}

	/// What `bond` counts in session `at`: 0 below the working minimum.
	pub(crate) fn counted(bond: &BondOf<T>, role: Role, at: SessionIndex) -> Balance {
		let counted = bond.counted(at);
		if counted < Self::working_minimum(role) {
			0
		} else {
			counted
		}
	}

	pub(crate) fn do_bond(
		operator: &T::AccountId,
		role: Role,
		amount: Balance,
		delay: SessionIndex,
	) -> DispatchResult {
		ensure!(amount > 0, Error::<T>::ZeroAmount);
		let now = T::Sessions::current();
		let mut bond = Bonds::<T>::get(role, operator).unwrap_or_default();
		// Only an entry brings a bond to its working minimum, so whoever is there is in.
		let is_in = bond.active >= Self::working_minimum(role);
		bond.add(amount, now, now.saturating_add(delay))
			.ok_or(Error::<T>::Overflow)?;
		ensure!(
			is_in || bond.active >= Self::entry_minimum(role),
			Error::<T>::BelowMinimum
		);
		T::Currency::hold(&reason::<T>(role), operator, amount)?;
		let total = bond.active;
		if role == Role::Validator {
			Self::stand(operator, total)?;
		}
		Bonds::<T>::insert(role, operator, bond);
		Self::deposit_event(Event::Bonded {
			operator: operator.clone(),
			role,
			amount,
			total,
		});
		Ok(())
	}

	/// Bonds `amount` plancks, which count at once, for the benchmarks of other pallets.
	#[cfg(feature = "runtime-benchmarks")]
	pub fn bond_at_once(operator: &T::AccountId, role: Role, amount: Balance) -> DispatchResult {
		Self::do_bond(operator, role, amount, 0)
	}

	pub(crate) fn do_unbond(
		operator: &T::AccountId,
		role: Role,
		amount: Balance,
	) -> DispatchResult {
		ensure!(amount > 0, Error::<T>::ZeroAmount);
		let at = T::Sessions::current().saturating_add(T::UnbondingSessions::get());
		let mut bond = Bonds::<T>::get(role, operator).ok_or(Error::<T>::NotBonded)?;
		ensure!(amount <= bond.active, Error::<T>::InsufficientBond);
		bond.unlock(amount, at)
			.map_err(|_| Error::<T>::UnbondingQueueFull)?;
		ensure!(
			bond.active == 0 || bond.active >= Self::entry_minimum(role),
			Error::<T>::BelowMinimum
		);
		ensure!(
			bond.at_work <= Self::exposure_limit(bond.active),
			Error::<T>::BondAtWork
		);
		Self::store(operator, role, bond);
		Self::deposit_event(Event::Unbonding {
			operator: operator.clone(),
			role,
			amount,
			at,
		});
		Ok(())
	}

	pub(crate) fn do_withdraw(operator: &T::AccountId, role: Role) -> DispatchResult {
		let mut bond = Bonds::<T>::get(role, operator).ok_or(Error::<T>::NotBonded)?;
		let now = T::Sessions::current();
		ensure!(bond.due(now) > 0, Error::<T>::NothingToWithdraw);
		let amount = bond.withdraw(now);
		ensure!(amount > 0, Error::<T>::SlashPending);
		T::Currency::release(&reason::<T>(role), operator, amount, Precision::Exact)?;
		Self::store(operator, role, bond);
		Self::deposit_event(Event::Withdrawn {
			operator: operator.clone(),
			role,
			amount,
		});
		Ok(())
	}

	/// Writes `bond` back, and ends what hangs on it: a candidacy below the working minimum, and the
	/// pairings of an operator with no bond left in any role.
	fn store(operator: &T::AccountId, role: Role, bond: BondOf<T>) {
		if role == Role::Validator && bond.active < Self::working_minimum(role) {
			Candidates::<T>::mutate(|candidates| candidates.retain(|who| who != operator));
		}
		let is_empty = bond.is_empty();
		if bond.is_gone() {
			Bonds::<T>::remove(role, operator);
		} else {
			Bonds::<T>::insert(role, operator, bond);
		}
		if is_empty && !Self::is_bonded(operator) {
			for worker in WorkersOf::<T>::take(operator) {
				Workers::<T>::remove(worker);
				Self::deposit_event(Event::WorkerUnpaired {
					operator: operator.clone(),
					worker,
				});
			}
		}
	}

	/// Whether `operator` has anything bonded, unbonding included.
	pub(crate) fn is_bonded(operator: &T::AccountId) -> bool {
		[Role::Validator, Role::Miner, Role::Verifier]
			.into_iter()
			.any(|role| Bonds::<T>::get(role, operator).is_some_and(|bond| !bond.is_empty()))
	}

	/// Puts `operator`, whose bond is `active`, among the candidates. In a full list it takes the
	/// place of the smallest bond, among equals of the one with the highest account.
	fn stand(operator: &T::AccountId, active: Balance) -> Result<(), DispatchError> {
		let mut candidates = Candidates::<T>::get();
		if candidates.contains(operator) {
			return Ok(());
		}
		if candidates.try_push(operator.clone()).is_err() {
			let weakest = candidates
				.iter()
				.enumerate()
				.map(|(place, who)| {
					let bond = Bonds::<T>::get(Role::Validator, who).unwrap_or_default();
					(bond.active, core::cmp::Reverse(who.clone()), place)
				})
				.min();
			let Some((smallest, core::cmp::Reverse(outbid), place)) = weakest else {
				return Err(Error::<T>::TooSmallToStand.into());
			};
			ensure!(active > smallest, Error::<T>::TooSmallToStand);
			candidates.remove(place);
			candidates
				.try_push(operator.clone())
				.map_err(|_| Error::<T>::TooSmallToStand)?;
			Self::deposit_event(Event::Outbid {
				operator: outbid,
				by: operator.clone(),
			});
		}
		Candidates::<T>::put(candidates);
		Ok(())
	}

	pub(crate) fn do_slash(operator: &T::AccountId, role: Role, amount: Balance) -> CreditOf<T> {
		let Some(mut bond) = Bonds::<T>::get(role, operator) else {
			return CreditOf::<T>::zero();
		};
		let wanted = amount.min(bond.total());
		let (credit, missing) = T::Currency::slash(&reason::<T>(role), operator, wanted);
		if missing > 0 {
			defensive!("the hold is smaller than the ledger");
			log::error!(
				target: LOG_TARGET,
				"slash of {operator:?} as {role:?} falls short by {missing}",
			);
		}
		let taken = credit.peek();
		if taken > 0 {
			bond.slash(taken);
			Self::store(operator, role, bond);
			Self::deposit_event(Event::Slashed {
				operator: operator.clone(),
				role,
				amount: taken,
			});
		}
		credit
	}

	pub(crate) fn do_eject(operator: &T::AccountId, role: Role) {
		let Some(mut bond) = Bonds::<T>::get(role, operator) else {
			return;
		};
		let at = T::Sessions::current().saturating_add(T::UnbondingSessions::get());
		let amount = bond.unlock_all(at);
		if amount == 0 {
			return;
		}
		let at = bond.unlocking.last().map_or(at, |last| last.at);
		Self::store(operator, role, bond);
		Self::deposit_event(Event::Unbonding {
			operator: operator.clone(),
			role,
			amount,
			at,
		});
		Self::deposit_event(Event::Ejected {
			operator: operator.clone(),
			role,
		});
	}
}

impl<T: Config> infergrid_primitives::market::Bonds<T::AccountId> for Pallet<T> {
	type Credit = CreditOf<T>;

	fn operator_of(worker: &WorkerKey) -> Option<T::AccountId> {
		Workers::<T>::get(worker)
	}

	fn active_bond(operator: &T::AccountId, role: Role) -> Balance {
		Bonds::<T>::get(role, operator)
			.map_or(0, |bond| Self::counted(&bond, role, T::Sessions::current()))
	}

	fn slashable(operator: &T::AccountId, role: Role) -> Balance {
		Bonds::<T>::get(role, operator).map_or(0, |bond| bond.total())
	}

	fn slash(operator: &T::AccountId, role: Role, amount: Balance) -> CreditOf<T> {
		Self::do_slash(operator, role, amount)
	}

	fn eject(operator: &T::AccountId, role: Role) {
		Self::do_eject(operator, role);
	}

	fn reserve_exposure(
		operator: &T::AccountId,
		role: Role,
		amount: Balance,
	) -> Result<(), Overexposed> {
		if amount == 0 {
			return Ok(());
		}
		Bonds::<T>::try_mutate(role, operator, |entry| {
			let bond = entry.as_mut().ok_or(Overexposed)?;
			let counted = Self::counted(bond, role, T::Sessions::current());
			let at_work = bond.at_work.checked_add(amount).ok_or(Overexposed)?;
			if at_work > Self::exposure_limit(counted) {
				return Err(Overexposed);
			}
			bond.at_work = at_work;
			Ok(())
		})
	}

	fn release_exposure(operator: &T::AccountId, role: Role, amount: Balance) {
		if amount == 0 {
			return;
		}
		Bonds::<T>::mutate_exists(role, operator, |entry| {
			let Some(bond) = entry.as_mut().filter(|bond| bond.at_work >= amount) else {
				defensive!("more is released than was put at work");
				return;
			};
			bond.at_work = bond.at_work.saturating_sub(amount);
			if bond.is_gone() {
				*entry = None;
			}
		});
	}

	fn exposures(role: Role) -> BTreeMap<T::AccountId, Balance> {
		Bonds::<T>::iter_prefix(role)
			.filter(|(_, bond)| bond.at_work > 0)
			.map(|(operator, bond)| (operator, bond.at_work))
			.collect()
	}
}

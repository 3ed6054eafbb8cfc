//! What must hold between any two blocks.

use crate::{
	BlockRecords, Bonds, Candidates, Config, Pallet, PendingSlashes, Sessions, Workers, WorkersOf,
	bonding::reason,
};
use alloc::collections::BTreeSet;
use frame_support::{
	ensure,
	traits::{Get, fungible::InspectHold},
};
use infergrid_primitives::{Balance, market::Role};
use polkadot_sdk::*;
use sp_runtime::{FixedPointNumber, FixedU64, TryRuntimeError};

impl<T: Config> Pallet<T> {
	/// Holds equal the ledger; ordered slashes are locked and not overdue; queues are ordered and non-empty; candidates have bonds; validators of
	/// whom enough was expected are judged; the two sides of the pairings agree.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::try_state_bonds()?;
		Self::try_state_slashes()?;
		Self::try_state_candidates()?;
		Self::try_state_authorship()?;
		Self::try_state_workers()
	}

	fn try_state_bonds() -> Result<(), TryRuntimeError> {
		for (role, operator, bond) in Bonds::<T>::iter() {
			ensure!(!bond.is_gone(), "a bond of which nothing is left is stored");
			let ordered = PendingSlashes::<T>::iter()
				.filter(|(_, who, _)| role == Role::Validator && *who == operator)
				.fold(0, |sum: Balance, (_, _, amount)| sum.saturating_add(amount));
			ensure!(
				bond.locked == ordered,
				"not what is ordered to be slashed is locked"
			);
			ensure!(bond.pending <= bond.active, "more is pending than bonded");
			ensure!(
				bond.unlocking.iter().all(|chunk| chunk.amount > 0),
				"an empty entry is in an unbonding queue"
			);
			ensure!(
				bond.unlocking.iter().is_sorted_by(|a, b| a.at < b.at),
				"an unbonding queue is out of order"
			);
			let held = T::Currency::balance_on_hold(&reason::<T>(role), &operator);
			ensure!(held == bond.total(), "a hold differs from the ledger");
		}
		Ok(())
	}

	fn try_state_slashes() -> Result<(), TryRuntimeError> {
		let now = T::Sessions::current();
		for (due, validator, amount) in PendingSlashes::<T>::iter() {
			ensure!(amount > 0, "a slash of nothing is ordered");
			ensure!(due > now, "a slash that was due is not executed");
			ensure!(
				Bonds::<T>::contains_key(Role::Validator, validator),
				"a slash is ordered of somebody without a bond"
			);
		}
		Ok(())
	}

	fn try_state_candidates() -> Result<(), TryRuntimeError> {
		let candidates = Candidates::<T>::get();
		let distinct: BTreeSet<_> = candidates.iter().collect();
		ensure!(
			distinct.len() == candidates.len(),
			"a candidate is listed twice"
		);
		for candidate in &candidates {
			let active = Bonds::<T>::get(Role::Validator, candidate).map_or(0, |bond| bond.active);
			ensure!(
				active >= Self::working_minimum(Role::Validator),
				"a candidate's bond is below the working minimum"
			);
		}
		Ok(())
	}

	fn try_state_authorship() -> Result<(), TryRuntimeError> {
		let enough = FixedU64::saturating_from_integer(T::MinExpectedBlocks::get());
		for (_, record) in BlockRecords::<T>::iter() {
			ensure!(
				record.expected < enough,
				"a validator of whom enough was expected is not judged"
			);
		}
		Ok(())
	}

	fn try_state_workers() -> Result<(), TryRuntimeError> {
		for (worker, operator) in Workers::<T>::iter() {
			ensure!(
				WorkersOf::<T>::get(&operator).contains(&worker),
				"an operator does not list its worker key"
			);
		}
		for (operator, workers) in WorkersOf::<T>::iter() {
			ensure!(
				!workers.is_empty(),
				"an empty list of worker keys is stored"
			);
			ensure!(
				Self::is_bonded(&operator),
				"an operator without a bond has worker keys"
			);
			for worker in workers {
				ensure!(
					Workers::<T>::get(worker).as_ref() == Some(&operator),
					"a worker key acts for another operator than lists it"
				);
			}
		}
		Ok(())
	}
}

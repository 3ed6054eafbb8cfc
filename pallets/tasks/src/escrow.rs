//! Where the money on hold goes: to those who earned it, or back.

use crate::{LOG_TARGET, pallet::*, types::*};
use infergrid_primitives::{
	Balance, TaskId,
	market::{Bonds, Escrow, FeeSplit, Registry, Role, Shares},
};
use polkadot_sdk::{
	frame_support::{
		storage::with_storage_layer,
		traits::{Get, fungible::MutateHold, tokens::Precision},
	},
	sp_runtime::DispatchError,
};

impl<T: Config> Escrow<AccountIdOf<T>> for Pallet<T> {
	fn settle(task: TaskId) {
		Self::pay(task);
	}

	fn refund(id: TaskId) {
		let Some(task) = Tasks::<T>::get(id) else {
			log::error!(target: LOG_TARGET, "refund of unknown task {id}");
			return;
		};
		let TaskStatus::Delivered { miner, fee, .. } = &task.status else {
			log::error!(target: LOG_TARGET, "refund of task {id}, which has no fee in escrow");
			return;
		};
		if Unpaid::<T>::contains_key(id) {
			log::error!(target: LOG_TARGET, "refund of task {id}, whose audit passed");
			return;
		}
		T::Bonds::release_exposure(miner, Role::Miner, *fee);
		Self::give_back(id, task, RefundReason::Condemned);
	}
}

impl<T: Config> Pallet<T> {
	/// Pays a delivered task out. If that fails now, it is tried again later.
	pub(crate) fn pay(id: TaskId) {
		let Some(mut task) = Tasks::<T>::get(id) else {
			log::error!(target: LOG_TARGET, "settlement of unknown task {id}");
			return;
		};
		let TaskStatus::Delivered { miner, fee, .. } = task.status.clone() else {
			log::error!(target: LOG_TARGET, "settlement of task {id}, which has no fee in escrow");
			return;
		};
		match Self::try_pay(&task, &miner, fee) {
			Ok((creator, shares)) => {
				T::Bonds::release_exposure(&miner, Role::Miner, fee);
				Unpaid::<T>::remove(id);
				task.status = TaskStatus::Settled {
					miner: miner.clone(),
					shares,
				};
				Tasks::<T>::insert(id, task);
				Self::schedule_prune(id);
				Self::deposit_event(Event::TaskSettled {
					task: id,
					miner,
					creator,
					fee,
					shares,
				});
			}
			Err(error) => {
				log::error!(target: LOG_TARGET, "task {id} could not be paid, trying again: {error:?}");
				Unpaid::<T>::insert(id, ());
				let again = Self::now().saturating_add(T::MaxRetryDelay::get());
				Self::schedule(Duty::Serve(id), again);
			}
		}
	}

	fn try_pay(
		task: &TaskOf<T>,
		miner: &AccountIdOf<T>,
		fee: Balance,
	) -> Result<(AccountIdOf<T>, Shares), DispatchError> {
		let profile = &task.request.profile;
		// Without a creator nobody has a royalty, and the miner stands in its place in the event.
		let creator = T::Registry::creator(profile).map_or(miner.clone(), |(creator, _)| creator);
		let shares = with_storage_layer(|| {
			let reason = HoldReason::Escrow.into();
			T::FeeSplit::pay_held(&reason, &task.payer, fee, miner, profile).map_err(|error| {
				log::warn!(target: LOG_TARGET, "fee split failed: {error:?}");
				DispatchError::Other("fee split failed")
			})
		})?;
		Ok((creator, shares))
	}

	/// Releases what the task has on hold and finishes it.
	pub(crate) fn give_back(id: TaskId, mut task: TaskOf<T>, reason: RefundReason) {
		let amount = match task.status {
			TaskStatus::Queued | TaskStatus::Assigned { .. } => task.request.max_fee,
			TaskStatus::Delivered { fee, .. } => fee,
			TaskStatus::Settled { .. } | TaskStatus::Refunded(_) => {
				log::error!(target: LOG_TARGET, "refund of finished task {id}");
				return;
			}
		};
		let hold = HoldReason::Escrow.into();
		match T::Currency::release(&hold, &task.payer, amount, Precision::BestEffort) {
			Ok(released) if released == amount => {}
			outcome => {
				log::error!(target: LOG_TARGET, "task {id}: {amount} were on hold, got {outcome:?}");
			}
		}
		Missed::<T>::remove(id);
		let payer = task.payer.clone();
		task.status = TaskStatus::Refunded(reason);
		Tasks::<T>::insert(id, task);
		Self::schedule_prune(id);
		Self::deposit_event(Event::TaskRefunded {
			task: id,
			payer,
			amount,
			reason,
		});
	}

	fn schedule_prune(id: TaskId) {
		Self::schedule(
			Duty::Prune(id),
			Self::now().saturating_add(T::HistoryDepth::get()),
		);
	}
}

//! What must hold after every block.

use crate::{pallet::*, types::*};
use alloc::collections::{BTreeMap, BTreeSet};
use infergrid_primitives::{
	Balance, TaskId,
	market::{Bonds, Role},
	request::{PromptCommitment, commit_inline},
};
use polkadot_sdk::{
	frame_support::{ensure, traits::fungible::InspectHold},
	sp_runtime::TryRuntimeError,
};

impl<T: Config> Pallet<T> {
	/// - Every payer has exactly the escrow of its open tasks on hold.
	/// - What is at work on each miner's bond is the sum over its assigned and delivered tasks.
	/// - Open tasks that wait for something are on the agenda; finished ones are there to be pruned.
	/// - [`Assigned`] has the assigned tasks and no others; [`Ordered`] leads from each task's payer and
	///   nonce to that task.
	/// - Prompts, receipts, misses and failed payments belong to tasks in the right status.
	pub(crate) fn check_invariants() -> Result<(), TryRuntimeError> {
		let mut escrow = BTreeMap::<AccountIdOf<T>, Balance>::new();
		let mut at_work = BTreeMap::<AccountIdOf<T>, Balance>::new();
		let mut assigned = BTreeSet::<(AccountIdOf<T>, TaskId)>::new();
		let mut ordered = BTreeMap::<(AccountIdOf<T>, u64), TaskId>::new();
		let (serve, prune) = Self::agenda_entries();
		let add = |sums: &mut BTreeMap<_, Balance>, who: &AccountIdOf<T>, amount: Balance| {
			let sum = sums.entry(who.clone()).or_default();
			*sum = sum.saturating_add(amount);
		};

		for (id, task) in Tasks::<T>::iter() {
			ensure!(id < NextTask::<T>::get(), "task with a future identifier");
			Self::check_attachments(id, &task)?;
			let twin = ordered.insert((task.payer.clone(), task.request.user_nonce), id);
			ensure!(twin.is_none(), "two tasks of one payer with one nonce");
			let held = escrow.entry(task.payer.clone()).or_default();
			match &task.status {
				TaskStatus::Queued => {
					*held = held.saturating_add(task.request.max_fee);
					ensure!(serve.contains(&id), "queued task that nobody will serve");
				}
				TaskStatus::Assigned { miner, price, .. } => {
					*held = held.saturating_add(task.request.max_fee);
					let n_prompt = Self::task_prompt_tokens(id, &task);
					add(&mut at_work, miner, Self::worth(&task, price, n_prompt));
					assigned.insert((miner.clone(), id));
					ensure!(serve.contains(&id), "assigned task without a deadline");
				}
				TaskStatus::Delivered { miner, fee, .. } => {
					*held = held.saturating_add(*fee);
					add(&mut at_work, miner, *fee);
					ensure!(
						!Unpaid::<T>::contains_key(id) || serve.contains(&id),
						"unpaid task that nobody will serve"
					);
				}
				TaskStatus::Settled { .. } | TaskStatus::Refunded(_) => {
					ensure!(prune.contains(&id), "finished task that is never pruned");
				}
			}
		}

		for (payer, sum) in escrow {
			let held = T::Currency::balance_on_hold(&HoldReason::Escrow.into(), &payer);
			ensure!(
				held == sum,
				"a payer's hold is not the escrow of its open tasks"
			);
		}
		at_work.retain(|_, sum| *sum > 0);
		ensure!(
			T::Bonds::exposures(Role::Miner) == at_work,
			"what is at work on the bonds is not what the open tasks are worth"
		);
		let stored: BTreeSet<_> = Assigned::<T>::iter_keys().collect();
		ensure!(
			stored == assigned,
			"a miner's work is not what it is assigned"
		);
		let stored: BTreeMap<_, _> = Ordered::<T>::iter()
			.map(|(payer, nonce, id)| ((payer, nonce), id))
			.collect();
		ensure!(
			stored == ordered,
			"a payer's nonce does not lead to its task"
		);
		Ok(())
	}

	fn check_attachments(id: TaskId, task: &TaskOf<T>) -> Result<(), TryRuntimeError> {
		let open = matches!(
			task.status,
			TaskStatus::Queued | TaskStatus::Assigned { .. }
		);
		let delivered = matches!(
			task.status,
			TaskStatus::Delivered { .. }
				| TaskStatus::Settled { .. }
				| TaskStatus::Refunded(RefundReason::Condemned)
		);
		ensure!(
			Receipts::<T>::contains_key(id) == delivered,
			"receipt without delivery or reverse"
		);
		ensure!(
			open || !Missed::<T>::contains_key(id),
			"misses of a task that is not open"
		);
		let unpaid = Unpaid::<T>::contains_key(id);
		ensure!(
			!unpaid || matches!(task.status, TaskStatus::Delivered { .. }),
			"failed payment of a task that is not delivered"
		);
		let prompt = Prompts::<T>::get(id);
		let expected = match task.request.prompt {
			PromptCommitment::Salted { .. } => prompt.is_none(),
			inline => prompt.is_some_and(|text| commit_inline(&text) == inline),
		};
		ensure!(expected, "prompt does not match the request");
		Ok(())
	}

	/// Tasks to serve and tasks to prune, from the whole agenda.
	fn agenda_entries() -> (BTreeSet<TaskId>, BTreeSet<TaskId>) {
		let mut serve = BTreeSet::new();
		let mut prune = BTreeSet::new();
		for (_, _, page) in Agenda::<T>::iter() {
			for duty in page {
				match duty {
					Duty::Serve(id) => serve.insert(id),
					Duty::Prune(id) => prune.insert(id),
				};
			}
		}
		(serve, prune)
	}
}

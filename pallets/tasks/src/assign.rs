//! What happens by itself: drawing miners, enforcing deadlines, forgetting finished tasks.

use crate::{pallet::*, submit::TaskAgenda, types::*, weights::WeightInfo};
use infergrid_agenda::{Agenda as _, Costs};
use infergrid_primitives::{
	Balance, BlockNumber, Hash, TaskId,
	hashing::domain_hash,
	market::{Assignment, Bonds, Price, Registry, Role},
	model::Profile,
	randomness::{Redeemed, Tickets, task_anchor, ticket_delay},
	request::Window,
};
use polkadot_sdk::frame_support::{
	traits::Get,
	weights::{Weight, WeightMeter},
};

impl<T: Config> Pallet<T> {
	/// Does what is due, within the pallet's share of the block.
	pub(crate) fn serve_agenda(now: BlockNumber) -> Weight {
		let mut meter = WeightMeter::with_limit(Self::service_limit());
		TaskAgenda::<T>::serve(now, &mut meter, Self::service_costs(), |duty| match duty {
			Duty::Serve(id) => Self::serve_task(now, id),
			Duty::Prune(id) => Self::prune(id),
		});
		meter.consumed()
	}

	/// Panics if the parameters do not fit together.
	pub(crate) fn check_config() {
		TaskAgenda::<T>::integrity(Self::service_limit(), Self::service_costs());
		assert!(T::MinFee::get() > 0, "MinFee must be above zero");
		assert!(
			T::MinPatience::get() <= T::MaxPatience::get(),
			"MinPatience exceeds MaxPatience"
		);
		assert!(
			T::DrawOutputs::get() > 0,
			"a draw needs the output of a block"
		);
		let delay = ticket_delay(T::DrawSkip::get(), T::DrawOutputs::get());
		assert!(
			T::BaseWindow::get().saturating_add(delay) < T::MaxPatience::get(),
			"no patience can cover the first draw and BaseWindow: raise MaxPatience"
		);
		assert!(
			T::MillisecsPerBlock::get() > 0,
			"MillisecsPerBlock must be above zero"
		);
		assert!(
			T::HistoryDepth::get() > 0,
			"HistoryDepth must be above zero"
		);
	}

	fn service_limit() -> Weight {
		T::ServiceShare::get() * T::BlockWeights::get().max_block
	}

	fn service_costs() -> Costs {
		let item = Self::draw_weight(MAX_DRAWS)
			.max(T::WeightInfo::service_miss().saturating_add(T::WeightInfo::service_refund()))
			.max(T::WeightInfo::service_settle());
		Costs {
			page: T::WeightInfo::service_page(),
			item,
		}
	}

	fn draw_weight(draws: u32) -> Weight {
		T::WeightInfo::service_assign(T::Registry::max_candidates()).saturating_mul(draws.into())
	}

	pub(crate) fn serve_task(now: BlockNumber, id: TaskId) -> Weight {
		let Some(task) = Tasks::<T>::get(id) else {
			return T::WeightInfo::service_idle();
		};
		match task.status.clone() {
			TaskStatus::Queued => Self::assign(now, id, task),
			TaskStatus::Assigned {
				miner,
				price,
				window,
			} if now > window.due => Self::miss(now, id, task, miner, price),
			TaskStatus::Assigned { window, .. } => {
				Self::schedule(Duty::Serve(id), window.due.saturating_add(1));
				T::WeightInfo::service_idle()
			}
			TaskStatus::Delivered { .. } if Unpaid::<T>::contains_key(id) => {
				Self::pay(id);
				T::WeightInfo::service_settle()
			}
			TaskStatus::Delivered { .. } | TaskStatus::Settled { .. } | TaskStatus::Refunded(_) => {
				T::WeightInfo::service_idle()
			}
		}
	}

	/// Draws a miner for a queued task, or refunds the payer when there is no time left for one.
	fn assign(now: BlockNumber, id: TaskId, task: TaskOf<T>) -> Weight {
		let profile = T::Registry::profile(&task.request.profile);
		let n_prompt = Self::task_prompt_tokens(id, &task);
		let max_tokens = task.request.params.max_tokens;
		let Some(last_start) =
			profile.and_then(|profile| Self::last_start(&profile, &task, n_prompt, max_tokens))
		else {
			return Self::give_up(id, task);
		};
		if now > last_start {
			return Self::give_up(id, task);
		}
		let r = match T::Randomness::redeem(&task.ticket) {
			Redeemed::Ready(r) => r,
			// Either costs less than what its weight is measured for.
			Redeemed::Pending(at) => {
				Self::schedule(Duty::Serve(id), at.min(last_start.saturating_add(1)));
				return T::WeightInfo::service_refund();
			}
			Redeemed::Forgotten => {
				Self::draw_again(now, id, task, 0, last_start);
				return T::WeightInfo::service_refund();
			}
		};

		let randomness = Self::draw_randomness(&r, id);
		let mut excluded = Missed::<T>::get(id).into_inner();
		let mut draws = 0;
		while draws < MAX_DRAWS {
			draws = draws.saturating_add(1);
			let Some(drawn) = T::Registry::assign(
				&task.request.profile,
				&randomness,
				n_prompt,
				max_tokens,
				task.request.max_fee,
				&excluded,
			) else {
				break;
			};
			let worth = Self::worth(&task, &drawn.price, n_prompt);
			if T::Bonds::reserve_exposure(&drawn.miner, Role::Miner, worth).is_ok() {
				let window = Window {
					assigned_at: now,
					anchor: task_anchor(&Self::genesis_hash(), &r, id),
					due: now.saturating_add(task.expires_at.saturating_sub(last_start)),
				};
				Self::hand_to(id, task, drawn, window);
				return Self::draw_weight(draws);
			}
			T::Registry::release(&task.request.profile, &drawn.miner);
			excluded.push(drawn.miner);
		}

		let waited = now.saturating_sub(task.submitted_at);
		let pause = (waited / 2).min(T::MaxRetryDelay::get());
		Self::draw_again(now, id, task, pause, last_start);
		Self::draw_weight(draws)
	}

	/// Takes the ticket of the next draw, `pause` blocks from now or as soon as a ticket allows. It is
	/// for the outputs right before that draw: who knew them earlier could arrange the offers.
	fn draw_again(
		now: BlockNumber,
		id: TaskId,
		mut task: TaskOf<T>,
		pause: BlockNumber,
		last_start: BlockNumber,
	) {
		let outputs = T::DrawOutputs::get();
		let skip = pause
			.saturating_sub(ticket_delay(0, outputs))
			.max(T::DrawSkip::get());
		task.ticket = T::Randomness::take(skip, outputs);
		Tasks::<T>::insert(id, task);
		let at = now.saturating_add(ticket_delay(skip, outputs));
		Self::schedule(Duty::Serve(id), at.min(last_start.saturating_add(1)));
	}

	fn hand_to(
		id: TaskId,
		mut task: TaskOf<T>,
		Assignment { miner, price }: Assignment<AccountIdOf<T>>,
		window: Window,
	) {
		let due = window.due;
		task.status = TaskStatus::Assigned {
			miner: miner.clone(),
			price,
			window,
		};
		Tasks::<T>::insert(id, task);
		Assigned::<T>::insert(&miner, id, ());
		Self::schedule(Duty::Serve(id), due.saturating_add(1));
		Self::deposit_event(Event::TaskAssigned {
			task: id,
			miner,
			due,
		});
	}

	/// Punishes a miner that let the deadline pass, and puts the task back into the queue if there
	/// is time for another one.
	fn miss(
		now: BlockNumber,
		id: TaskId,
		mut task: TaskOf<T>,
		miner: AccountIdOf<T>,
		price: Price,
	) -> Weight {
		let n_prompt = Self::task_prompt_tokens(id, &task);
		T::Registry::release(&task.request.profile, &miner);
		Assigned::<T>::remove(&miner, id);
		T::Bonds::release_exposure(&miner, Role::Miner, Self::worth(&task, &price, n_prompt));
		let bond = T::Bonds::slashable(&miner, Role::Miner);
		// Dropping the credit burns it.
		drop(T::Bonds::slash(
			&miner,
			Role::Miner,
			T::MissSlash::get().mul_floor(bond),
		));
		Self::deposit_event(Event::TaskMissed {
			task: id,
			miner: miner.clone(),
		});

		let remembered = Missed::<T>::mutate(id, |missed| missed.try_push(miner)).is_ok();
		let max_tokens = task.request.params.max_tokens;
		let delay = ticket_delay(T::DrawSkip::get(), T::DrawOutputs::get());
		let last_start = T::Registry::profile(&task.request.profile)
			.and_then(|profile| Self::last_start(&profile, &task, n_prompt, max_tokens))
			.filter(|last_start| remembered && now.saturating_add(delay) <= *last_start);
		if let Some(last_start) = last_start {
			task.status = TaskStatus::Queued;
			Self::draw_again(now, id, task, 0, last_start);
			T::WeightInfo::service_miss()
		} else {
			Self::give_back(id, task, RefundReason::Expired);
			T::WeightInfo::service_miss().saturating_add(T::WeightInfo::service_refund())
		}
	}

	/// Refunds a task for which no time is left.
	fn give_up(id: TaskId, task: TaskOf<T>) -> Weight {
		let reason = match Missed::<T>::contains_key(id) {
			true => RefundReason::Expired,
			false => RefundReason::NoMiner,
		};
		Self::give_back(id, task, reason);
		T::WeightInfo::service_refund()
	}

	pub(crate) fn prune(id: TaskId) -> Weight {
		let finished = |task: &TaskOf<T>| {
			matches!(
				task.status,
				TaskStatus::Settled { .. } | TaskStatus::Refunded(_)
			)
		};
		if let Some(task) = Tasks::<T>::get(id).filter(finished) {
			Tasks::<T>::remove(id);
			Prompts::<T>::remove(id);
			Receipts::<T>::remove(id);
			Ordered::<T>::remove(&task.payer, task.request.user_nonce);
		}
		T::WeightInfo::service_prune()
	}

	/// The last block in which the task can be assigned with a whole window before it expires.
	fn last_start(
		profile: &Profile,
		task: &TaskOf<T>,
		n_prompt: u32,
		max_tokens: u32,
	) -> Option<BlockNumber> {
		let window = Self::window_blocks(profile, n_prompt.saturating_add(max_tokens));
		task.expires_at.checked_sub(window)
	}

	/// The most that a miner with this price can earn with the task.
	pub(crate) fn worth(task: &TaskOf<T>, price: &Price, n_prompt: u32) -> Balance {
		price
			.fee(n_prompt, task.request.params.max_tokens)
			.min(task.request.max_fee)
	}

	/// What a task's miner is drawn from, by the hash of its ticket.
	pub(crate) fn draw_randomness(r: &Hash, id: TaskId) -> Hash {
		domain_hash("assign", &Self::genesis_hash(), &(r, id))
	}
}

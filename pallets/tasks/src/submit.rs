//! Taking a task in, and calling it off.

use crate::{pallet::*, types::*};
use infergrid_agenda::Agenda as _;
use infergrid_primitives::{
	Balance, BlockNumber, Hash, TaskId,
	market::{Audits, Registry},
	model::Profile,
	randomness::{Tickets, ticket_delay},
	request::{
		Assurance, MAX_INLINE_PROMPT, Payment, PromptCommitment, Request, SamplingParams,
		commit_inline,
	},
};
use polkadot_sdk::{
	frame_support::{
		ensure,
		traits::{Get, fungible::MutateHold},
	},
	frame_system::{self, pallet_prelude::BlockNumberFor},
	sp_runtime::{DispatchResult, SaturatedConversion, traits::Zero},
};

/// What a payer asks for.
pub(crate) struct Order {
	pub(crate) profile: Hash,
	pub(crate) input: TaskInput,
	pub(crate) params: SamplingParams,
	pub(crate) max_fee: Balance,
	pub(crate) patience: BlockNumber,
	pub(crate) user_nonce: u64,
	pub(crate) assurance: Assurance,
}

impl<T: Config> Pallet<T> {
	pub(crate) fn do_submit(payer: AccountIdOf<T>, order: Order) -> DispatchResult {
		let profile = T::Registry::profile(&order.profile).ok_or(Error::<T>::ProfileNotFound)?;
		ensure!(order.params.validate().is_ok(), Error::<T>::InvalidParams);
		ensure!(order.max_fee >= T::MinFee::get(), Error::<T>::MaxFeeTooLow);

		ensure!(
			!Ordered::<T>::contains_key(&payer, order.user_nonce),
			Error::<T>::NonceInUse
		);
		let lag = TaskAgenda::<T>::lag(Self::now()).max(T::Audits::lag());
		ensure!(lag <= T::MaxLag::get(), Error::<T>::Overloaded);
		ensure!(
			order.assurance != Assurance::Always || T::Audits::can_seat(&order.profile, &payer),
			Error::<T>::TooFewVerifiers
		);

		let (prompt, text) = match order.input {
			TaskInput::Inline(text) => {
				let readable = !text.is_empty() && core::str::from_utf8(&text).is_ok();
				ensure!(readable, Error::<T>::InvalidPrompt);
				(commit_inline(&text), Some(text))
			}
			TaskInput::Committed {
				commitment,
				n_prompt,
			} => {
				ensure!(n_prompt > 0, Error::<T>::InvalidPrompt);
				(
					PromptCommitment::Salted {
						commitment,
						n_prompt,
					},
					None,
				)
			}
		};
		let n_prompt = Self::prompt_tokens(&prompt, text.as_ref());
		let tokens = n_prompt
			.checked_add(order.params.max_tokens)
			.filter(|tokens| *tokens <= profile.context)
			.ok_or(Error::<T>::ExceedsContext)?;

		let bounds = T::MinPatience::get()..=T::MaxPatience::get();
		ensure!(
			bounds.contains(&order.patience),
			Error::<T>::PatienceOutOfRange
		);
		let (skip, outputs) = (T::DrawSkip::get(), T::DrawOutputs::get());
		let delay = ticket_delay(skip, outputs);
		let needed = Self::window_blocks(&profile, tokens).saturating_add(delay);
		ensure!(order.patience >= needed, Error::<T>::PatienceTooShort);

		T::Currency::hold(&HoldReason::Escrow.into(), &payer, order.max_fee)
			.map_err(|_| Error::<T>::InsufficientFunds)?;

		let now = Self::now();
		let id = NextTask::<T>::mutate(|next| {
			let id = *next;
			*next = next.saturating_add(1);
			id
		});
		let request = Request {
			profile: order.profile,
			params: order.params,
			prompt,
			max_fee: order.max_fee,
			user_nonce: order.user_nonce,
			payment: Payment::Task(id),
			assurance: order.assurance,
		};
		let request_id = request.id(&Self::genesis_hash());
		if let Some(text) = text {
			Prompts::<T>::insert(id, text);
		}
		let expires_at = now.saturating_add(order.patience);
		let status = TaskStatus::Queued;
		let task = Task {
			payer: payer.clone(),
			request,
			status,
			submitted_at: now,
			expires_at,
			ticket: T::Randomness::take(skip, outputs),
		};
		Tasks::<T>::insert(id, task);
		Ordered::<T>::insert(&payer, order.user_nonce, id);
		Self::schedule(Duty::Serve(id), now.saturating_add(delay));
		Self::deposit_event(Event::TaskSubmitted {
			task: id,
			payer,
			profile: order.profile,
			request_id,
			max_fee: order.max_fee,
		});
		Ok(())
	}

	pub(crate) fn do_cancel(payer: AccountIdOf<T>, id: TaskId) -> DispatchResult {
		let task = Tasks::<T>::get(id).ok_or(Error::<T>::TaskNotFound)?;
		ensure!(task.payer == payer, Error::<T>::NotPayer);
		ensure!(
			matches!(task.status, TaskStatus::Queued),
			Error::<T>::NotQueued
		);
		Self::give_back(id, task, RefundReason::Cancelled);
		Ok(())
	}

	/// The prompt's tokens: exact for a committed prompt, an upper estimate for an inline one.
	pub(crate) fn prompt_tokens(prompt: &PromptCommitment, text: Option<&InlinePrompt>) -> u32 {
		match prompt {
			PromptCommitment::Salted { n_prompt, .. } => *n_prompt,
			PromptCommitment::Inline { .. } => {
				let bytes = text.map_or(MAX_INLINE_PROMPT, |text| text.len() as u32);
				bytes.saturating_add(T::InlineOverhead::get())
			}
		}
	}

	/// As [`Self::prompt_tokens`], for a stored task.
	pub(crate) fn task_prompt_tokens(id: TaskId, task: &TaskOf<T>) -> u32 {
		match &task.request.prompt {
			exact @ PromptCommitment::Salted { .. } => Self::prompt_tokens(exact, None),
			inline => Self::prompt_tokens(inline, Prompts::<T>::get(id).as_ref()),
		}
	}

	/// Blocks that a miner has for so many tokens.
	pub(crate) fn window_blocks(profile: &Profile, tokens: u32) -> BlockNumber {
		let speed = u64::from(profile.min_tokens_per_second).max(1);
		let block = u64::from(T::MillisecsPerBlock::get()).max(1);
		let millis = u64::from(tokens).saturating_mul(1_000).div_ceil(speed);
		let blocks = u32::try_from(millis.div_ceil(block)).unwrap_or(u32::MAX);
		T::BaseWindow::get().saturating_add(blocks)
	}

	/// Puts `duty` down for block `at`, the next one at the earliest.
	pub(crate) fn schedule(duty: Duty, at: BlockNumber) {
		TaskAgenda::<T>::schedule(duty, at, Self::now());
	}

	/// The current block.
	pub(crate) fn now() -> BlockNumber {
		frame_system::Pallet::<T>::block_number().saturated_into()
	}

	/// The hash of the chain's first block, which every signed payload carries.
	pub(crate) fn genesis_hash() -> Hash {
		let hash = frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::zero());
		Hash::try_from(hash.as_ref()).unwrap_or_default()
	}
}

/// The pallet's [agenda](infergrid_agenda::Agenda).
pub(crate) struct TaskAgenda<T>(core::marker::PhantomData<T>);

impl<T: Config> infergrid_agenda::Agenda for TaskAgenda<T> {
	type Item = Duty;
	type PageSize = polkadot_sdk::frame_support::traits::ConstU32<AGENDA_PAGE>;
	type Pages = Agenda<T>;
	type PageCount = AgendaPages<T>;
	type Cursor = AgendaCursor<T>;
}

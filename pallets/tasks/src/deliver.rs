//! Taking results.

use crate::{pallet::*, types::*};
use infergrid_primitives::{
	AccountBytes, Balance, Signature, TaskId,
	market::{Audits, Bonds, Price, Registry, Role, Work},
	request::{Assurance, PromptCommitment, Receipt, Window},
};
use polkadot_sdk::{
	frame_support::{
		ensure,
		traits::{fungible::MutateHold, tokens::Precision},
	},
	sp_core::sr25519,
	sp_io::crypto::sr25519_verify,
	sp_runtime::DispatchResult,
};

impl<T: Config> Pallet<T> {
	pub(crate) fn do_submit_result(
		worker: AccountIdOf<T>,
		id: TaskId,
		receipt: Receipt,
		signature: Signature,
	) -> DispatchResult {
		let mut task = Tasks::<T>::get(id).ok_or(Error::<T>::TaskNotFound)?;
		let (miner, price, window) = Self::assignment(&task)?;
		ensure!(Self::now() <= window.due, Error::<T>::TooLate);
		let worker: AccountBytes = worker.into();
		ensure!(
			T::Bonds::operator_of(&worker).as_ref() == Some(&miner),
			Error::<T>::NotAssignedWorker
		);
		let n_prompt = Self::task_prompt_tokens(id, &task);
		let fee = Self::check_receipt(&task, n_prompt, &miner, &price, &worker, &receipt)?;
		let genesis = Self::genesis_hash();
		ensure!(
			sr25519_verify(
				&sr25519::Signature::from_raw(signature),
				&receipt.payload(&genesis),
				&sr25519::Public::from_raw(worker),
			),
			Error::<T>::BadSignature
		);

		// The fee stays at work until it is settled; what the answer could have cost more does not.
		let spared = Self::worth(&task, &price, n_prompt).saturating_sub(fee);
		T::Bonds::release_exposure(&miner, Role::Miner, spared);
		T::Registry::release(&task.request.profile, &miner);
		let surplus = task.request.max_fee.saturating_sub(fee);
		T::Currency::release(
			&HoldReason::Escrow.into(),
			&task.payer,
			surplus,
			Precision::Exact,
		)?;

		let work = Work {
			task: id,
			profile: task.request.profile,
			miner: miner.clone(),
			payer: task.payer.clone(),
			fee,
			tokens: receipt.n_prompt.saturating_add(receipt.n_out),
			always: task.request.assurance == Assurance::Always,
		};
		let audit = T::Audits::submit(work).map_err(|_| Error::<T>::AuditRefused)?;
		let event = Event::ResultSubmitted {
			task: id,
			miner: miner.clone(),
			request_id: receipt.request_id,
			output_commit: receipt.output_commit,
			trace_root: receipt.trace_root,
			n_prompt: receipt.n_prompt,
			n_out: receipt.n_out,
			fee,
			audit,
		};
		task.status = TaskStatus::Delivered {
			miner: miner.clone(),
			fee,
			anchor: window.anchor,
			audit,
		};
		Tasks::<T>::insert(id, task);
		Assigned::<T>::remove(&miner, id);
		Receipts::<T>::insert(id, receipt);
		Missed::<T>::remove(id);
		Self::deposit_event(event);
		Ok(())
	}

	fn assignment(task: &TaskOf<T>) -> Result<(AccountIdOf<T>, Price, Window), Error<T>> {
		match &task.status {
			TaskStatus::Assigned {
				miner,
				price,
				window,
			} => Ok((miner.clone(), *price, *window)),
			TaskStatus::Delivered { .. } | TaskStatus::Settled { .. } => {
				Err(Error::<T>::AlreadyDelivered)
			}
			TaskStatus::Queued | TaskStatus::Refunded(_) => Err(Error::<T>::NotAssigned),
		}
	}

	/// Checks every field of a receipt that the chain can check, and gives the fee. `n_prompt` are the
	/// tokens that the draw and the window took the prompt for.
	fn check_receipt(
		task: &TaskOf<T>,
		n_prompt: u32,
		miner: &AccountIdOf<T>,
		price: &Price,
		worker: &AccountBytes,
		receipt: &Receipt,
	) -> Result<Balance, Error<T>> {
		let request = &task.request;
		ensure!(
			receipt.request_id == request.id(&Self::genesis_hash()),
			Error::<T>::WrongRequest
		);
		let named: AccountIdOf<T> = receipt.miner.into();
		ensure!(
			named == *miner && receipt.worker_key == *worker,
			Error::<T>::WrongSigner
		);
		let prompt_fits = match request.prompt {
			PromptCommitment::Salted { n_prompt, .. } => receipt.n_prompt == n_prompt,
			PromptCommitment::Inline { .. } => (1..=n_prompt).contains(&receipt.n_prompt),
		};
		ensure!(prompt_fits, Error::<T>::WrongPromptLength);
		let answer_fits = (1..=request.params.max_tokens).contains(&receipt.n_out);
		ensure!(answer_fits, Error::<T>::WrongAnswerLength);
		let fee = price.fee(receipt.n_prompt, receipt.n_out);
		ensure!(receipt.fee == fee, Error::<T>::WrongFee);
		ensure!(fee <= request.max_fee, Error::<T>::FeeTooHigh);
		Ok(fee)
	}
}

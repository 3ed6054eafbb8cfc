//! Benchmarks. What happens in other pallets is measured with them, so run these in a runtime.

use crate::{Pallet as TasksPallet, pallet::*, submit::TaskAgenda, types::*};
use alloc::vec;
use frame_benchmarking::v2::*;
use infergrid_agenda::{Agenda as _, Costs, Cursor};
use infergrid_primitives::{
	AIT, Balance, BlockNumber, Hash, Signature, TaskId, WorkerKey,
	market::{Price, Registry},
	randomness::Ticket,
	request::{Assurance, Finish, Receipt, SamplingParams},
};
use polkadot_sdk::{
	frame_benchmarking,
	frame_support::{
		traits::Get,
		weights::{Weight, WeightMeter},
	},
	frame_system::RawOrigin,
	sp_core::crypto::KeyTypeId,
	sp_io::crypto::{sr25519_generate, sr25519_sign},
};

/// What benchmarks need from the pallets around this one.
pub trait BenchmarkHelper<AccountId> {
	/// A profile with a context of 2,048 tokens or more which `miners` bonded miners with free
	/// capacity offer for at most one AIT per 1,000 tokens.
	fn market(miners: u32) -> Hash;
	/// Lets `verifiers` operators stand for audits of `profile`.
	fn stand(profile: Hash, verifiers: u32);
	/// Gives `who` enough money for a task.
	fn fund(who: &AccountId);
	/// Lets `worker` work for `operator`.
	fn pair(operator: &AccountId, worker: WorkerKey);
	/// Lets all outputs of `ticket` be there.
	fn complete(ticket: &Ticket);
}

const KEYS: KeyTypeId = KeyTypeId(*b"bnch");
const TOKENS: u32 = 64;
/// Enough for prompt and answer, so that no share of a fee is rounded away.
const MAX_FEE: Balance = AIT;

fn submit<T: Config>(payer: T::AccountId, profile: Hash) -> Result<TaskId, BenchmarkError> {
	T::BenchmarkHelper::fund(&payer);
	let id = NextTask::<T>::get();
	let text = vec![b'a'; 64]
		.try_into()
		.map_err(|_| BenchmarkError::Stop("short prompt"))?;
	TasksPallet::<T>::submit(
		RawOrigin::Signed(payer).into(),
		profile,
		TaskInput::Inline(text),
		SamplingParams::greedy(TOKENS),
		MAX_FEE,
		T::MaxPatience::get(),
		id,
		Assurance::Sampled,
	)?;
	Ok(id)
}

/// A payer that is not the signer, whose account is read and written.
fn payer<T: Config>() -> T::AccountId {
	account("payer", 0, 0)
}

/// A task that can be drawn, among `miners` miners.
fn waiting<T: Config>(miners: u32) -> Result<TaskId, BenchmarkError> {
	let id = submit::<T>(payer::<T>(), T::BenchmarkHelper::market(miners))?;
	let task = Tasks::<T>::get(id).ok_or(BenchmarkError::Stop("task is stored"))?;
	T::BenchmarkHelper::complete(&task.ticket);
	Ok(id)
}

fn assigned<T: Config>() -> Result<(TaskId, T::AccountId, Price, BlockNumber), BenchmarkError> {
	let id = waiting::<T>(1)?;
	TasksPallet::<T>::serve_task(TasksPallet::<T>::now(), id);
	match Tasks::<T>::get(id).map(|task| task.status) {
		Some(TaskStatus::Assigned {
			miner,
			price,
			window,
		}) => Ok((id, miner, price, window.due)),
		_ => Err(BenchmarkError::Stop("no miner was drawn")),
	}
}

/// The receipt of an assigned task and its signature, by a key that is paired for it.
fn signed<T: Config>(
	id: TaskId,
	miner: &T::AccountId,
	price: Price,
) -> Result<(T::AccountId, Receipt, Signature), BenchmarkError> {
	let genesis = TasksPallet::<T>::genesis_hash();
	let key = sr25519_generate(KEYS, None);
	T::BenchmarkHelper::pair(miner, key.0);
	let task = Tasks::<T>::get(id).ok_or(BenchmarkError::Stop("task is stored"))?;
	let receipt = Receipt {
		request_id: task.request.id(&genesis),
		miner: miner.clone().into(),
		worker_key: key.0,
		n_prompt: TOKENS,
		n_out: TOKENS,
		finish: Finish::Length,
		output_commit: [1; 32],
		trace_root: [2; 32],
		fee: price.fee(TOKENS, TOKENS),
		ttft_ms: 1,
		total_ms: 2,
	};
	let signature = sr25519_sign(KEYS, &key, &receipt.payload(&genesis))
		.ok_or(BenchmarkError::Stop("the key signs"))?;
	Ok((key.0.into(), receipt, signature.0))
}

fn delivered<T: Config>() -> Result<TaskId, BenchmarkError> {
	let (id, miner, price, _) = assigned::<T>()?;
	let (worker, receipt, signature) = signed::<T>(id, &miner, price)?;
	TasksPallet::<T>::do_submit_result(worker, id, receipt, signature)?;
	Ok(id)
}

#[benchmarks]
mod benches {
	use super::*;

	#[benchmark]
	fn submit(b: Linear<1, 1_900>) -> Result<(), BenchmarkError> {
		let profile = T::BenchmarkHelper::market(1);
		T::BenchmarkHelper::stand(profile, T::Registry::max_candidates());
		let payer: T::AccountId = whitelisted_caller();
		T::BenchmarkHelper::fund(&payer);
		let text = vec![b'a'; b as usize]
			.try_into()
			.map_err(|_| BenchmarkError::Stop("within 4 KiB"))?;

		#[extrinsic_call]
		_(
			RawOrigin::Signed(payer),
			profile,
			TaskInput::Inline(text),
			SamplingParams::greedy(TOKENS),
			MAX_FEE,
			T::MaxPatience::get(),
			0,
			Assurance::Always,
		);

		assert!(Tasks::<T>::contains_key(0));
		Ok(())
	}

	#[benchmark]
	fn submit_result() -> Result<(), BenchmarkError> {
		let (id, miner, price, _) = assigned::<T>()?;
		let (worker, receipt, signature) = signed::<T>(id, &miner, price)?;

		#[extrinsic_call]
		_(RawOrigin::Signed(worker), id, receipt, signature);

		assert!(Receipts::<T>::contains_key(id));
		Ok(())
	}

	#[benchmark]
	fn cancel() -> Result<(), BenchmarkError> {
		let payer: T::AccountId = whitelisted_caller();
		let id = super::submit::<T>(payer.clone(), T::BenchmarkHelper::market(1))?;

		#[extrinsic_call]
		_(RawOrigin::Signed(payer), id);

		let status = Tasks::<T>::get(id).map(|task| task.status);
		assert_eq!(status, Some(TaskStatus::Refunded(RefundReason::Cancelled)));
		Ok(())
	}

	#[benchmark]
	fn service_page() {
		let at = TasksPallet::<T>::now().saturating_add(1);
		for id in 0..AGENDA_PAGE {
			TasksPallet::<T>::schedule(Duty::Prune(id.into()), at);
		}
		AgendaCursor::<T>::put(Cursor { block: at, page: 0 });
		let costs = Costs {
			page: Weight::zero(),
			item: Weight::zero(),
		};

		#[block]
		{
			TaskAgenda::<T>::serve(at, &mut WeightMeter::new(), costs, |_| Weight::zero());
		}
		assert_eq!(Agenda::<T>::decode_len(at, 0), None);
	}

	#[benchmark]
	fn service_idle() -> Result<(), BenchmarkError> {
		let id = delivered::<T>()?;
		let now = TasksPallet::<T>::now().saturating_add(1);

		#[block]
		{
			TasksPallet::<T>::serve_task(now, id);
		}
		Ok(())
	}

	#[benchmark]
	fn service_assign(c: Linear<1, 64>) -> Result<(), BenchmarkError> {
		let miners = c.min(T::Registry::max_candidates());
		let id = waiting::<T>(miners)?;
		let now = TasksPallet::<T>::now();

		#[block]
		{
			TasksPallet::<T>::serve_task(now, id);
		}
		let status = Tasks::<T>::get(id).map(|task| task.status);
		assert!(matches!(status, Some(TaskStatus::Assigned { .. })));
		Ok(())
	}

	#[benchmark]
	fn service_miss() -> Result<(), BenchmarkError> {
		let (id, _, _, due) = assigned::<T>()?;

		#[block]
		{
			TasksPallet::<T>::serve_task(due.saturating_add(1), id);
		}
		assert_eq!(
			Tasks::<T>::get(id).map(|task| task.status),
			Some(TaskStatus::Queued)
		);
		Ok(())
	}

	#[benchmark]
	fn service_refund() -> Result<(), BenchmarkError> {
		let id = super::submit::<T>(payer::<T>(), T::BenchmarkHelper::market(1))?;
		let late = TasksPallet::<T>::now().saturating_add(T::MaxPatience::get());

		#[block]
		{
			TasksPallet::<T>::serve_task(late, id);
		}
		let status = Tasks::<T>::get(id).map(|task| task.status);
		assert_eq!(status, Some(TaskStatus::Refunded(RefundReason::NoMiner)));
		Ok(())
	}

	#[benchmark]
	fn service_settle() -> Result<(), BenchmarkError> {
		let id = delivered::<T>()?;

		#[block]
		{
			TasksPallet::<T>::pay(id);
		}
		let status = Tasks::<T>::get(id).map(|task| task.status);
		assert!(matches!(status, Some(TaskStatus::Settled { .. })));
		Ok(())
	}

	#[benchmark]
	fn service_prune() -> Result<(), BenchmarkError> {
		let id = delivered::<T>()?;
		TasksPallet::<T>::pay(id);

		#[block]
		{
			TasksPallet::<T>::prune(id);
		}
		assert!(!Tasks::<T>::contains_key(id));
		Ok(())
	}

	impl_benchmark_test_suite!(TasksPallet, crate::mock::new_test_ext(), crate::mock::Test);
}

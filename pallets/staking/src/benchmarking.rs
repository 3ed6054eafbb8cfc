//! Benchmarks of the calls, in their worst case.

use crate::{
	BlockRecords, Bonds, Call, Candidates, Config, Pallet, PendingSlashes, SessionBlocks, Sessions,
	Unlock, Workers, WorkersOf, bonding::reason,
};
use alloc::{vec, vec::Vec};
use codec::Encode;
use frame_benchmarking::v2::*;
use frame_support::{
	BoundedVec,
	traits::{
		EnsureOrigin, Get,
		fungible::{Inspect, Mutate, MutateHold},
	},
};
use frame_system::RawOrigin;
use infergrid_primitives::{BlockNumber, Signature, WorkerKey, market::Role, request::Consent};
use polkadot_sdk::*;
use sp_core::crypto::KeyTypeId;
use sp_runtime::Perbill;
use sp_staking::offence::{OffenceDetails, OnOffenceHandler};

const KEY_TYPE: KeyTypeId = KeyTypeId(*b"work");

fn operator<T: Config>(index: u32) -> T::AccountId
where
	T::Currency: Mutate<T::AccountId>,
{
	let who: T::AccountId = account("operator", index, 0);
	let funds = Pallet::<T>::entry_minimum(Role::Validator)
		.saturating_mul(100)
		.saturating_add(T::Currency::minimum_balance());
	T::Currency::set_balance(&who, funds);
	who
}

/// A full list of candidates with minimal bonds.
fn fill_candidates<T: Config>() -> Result<(), BenchmarkError>
where
	T::Currency: Mutate<T::AccountId>,
{
	// The genesis may have candidates of its own.
	Candidates::<T>::kill();
	for index in 0..T::MaxCandidates::get() {
		let who = operator::<T>(1_000 + index);
		Pallet::<T>::do_bond(&who, Role::Validator, T::MinValidatorBond::get(), 0)?;
	}
	Ok(())
}

/// A bond with a full queue that is due now, and the last money of its owner.
fn queue_everything<T: Config>(who: &T::AccountId, role: Role) -> Result<(), BenchmarkError>
where
	T::Currency: Mutate<T::AccountId>,
{
	let now = T::Sessions::current();
	let chunk = T::MinValidatorBond::get();
	let unlocking: Vec<_> = (0..T::MaxUnlocking::get())
		.map(|place| Unlock {
			amount: chunk,
			at: now.saturating_sub(place),
		})
		.rev()
		.collect();
	let total = chunk.saturating_mul(T::MaxUnlocking::get().into());
	T::Currency::hold(&reason::<T>(role), who, total)?;
	let bond = crate::BondOf::<T> {
		unlocking: BoundedVec::truncate_from(unlocking),
		..Default::default()
	};
	Bonds::<T>::insert(role, who, bond);
	Ok(())
}

/// As many worker keys as there can be, without their proofs.
fn fill_workers<T: Config>(who: &T::AccountId) -> WorkerKey {
	let mut last = [0; 32];
	for index in 0..T::MaxWorkers::get() {
		last = sp_io::hashing::blake2_256(&(who, index).encode());
		Workers::<T>::insert(last, who);
		let _ = WorkersOf::<T>::try_mutate(who, |workers| workers.try_push(last));
	}
	last
}

fn proven_worker<T: Config>(
	operator: &T::AccountId,
) -> Result<(WorkerKey, Signature), BenchmarkError> {
	let key = sp_io::crypto::sr25519_generate(KEY_TYPE, None);
	let consent = Consent {
		operator: operator.clone().into(),
		counter: 0,
		valid_until: BlockNumber::MAX,
	};
	let payload = consent.payload(&Pallet::<T>::genesis_hash());
	let signature = sp_io::crypto::sr25519_sign(KEY_TYPE, &key, &payload).ok_or(
		BenchmarkError::Stop("the key that was generated does not sign"),
	)?;
	Ok((key.0, signature.0))
}

#[benchmarks(where T::Currency: Mutate<T::AccountId>)]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn bond() -> Result<(), BenchmarkError> {
		fill_candidates::<T>()?;
		let who = operator::<T>(0);
		let amount = T::MinValidatorBond::get().saturating_mul(2);

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), Role::Validator, amount);

		assert!(Candidates::<T>::get().contains(&who));
		Ok(())
	}

	#[benchmark]
	fn unbond() -> Result<(), BenchmarkError> {
		fill_candidates::<T>()?;
		let who: T::AccountId = account("operator", 1_000, 0);
		let amount = T::MinValidatorBond::get();

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), Role::Validator, amount);

		assert!(!Candidates::<T>::get().contains(&who));
		Ok(())
	}

	#[benchmark]
	fn withdraw_unbonded() -> Result<(), BenchmarkError> {
		let who = operator::<T>(0);
		queue_everything::<T>(&who, Role::Validator)?;
		fill_workers::<T>(&who);

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), Role::Validator);

		assert!(!Bonds::<T>::contains_key(Role::Validator, &who));
		assert!(WorkersOf::<T>::get(&who).is_empty());
		Ok(())
	}

	#[benchmark]
	fn pair_worker() -> Result<(), BenchmarkError> {
		let who = operator::<T>(0);
		// The role that is looked up last.
		Pallet::<T>::do_bond(&who, Role::Verifier, T::MinVerifierBond::get(), 0)?;
		let (worker, signature) = proven_worker::<T>(&who)?;

		#[extrinsic_call]
		_(
			RawOrigin::Signed(who.clone()),
			worker,
			0,
			BlockNumber::MAX,
			signature,
		);

		assert_eq!(Workers::<T>::get(worker), Some(who));
		Ok(())
	}

	#[benchmark]
	fn unpair_worker() -> Result<(), BenchmarkError> {
		let who = operator::<T>(0);
		Pallet::<T>::do_bond(&who, Role::Verifier, T::MinVerifierBond::get(), 0)?;
		let worker = fill_workers::<T>(&who);

		#[extrinsic_call]
		_(RawOrigin::Signed(who), worker);

		assert!(!Workers::<T>::contains_key(worker));
		Ok(())
	}

	#[benchmark]
	fn cancel_slash() -> Result<(), BenchmarkError> {
		let who = operator::<T>(0);
		Pallet::<T>::do_bond(&who, Role::Validator, T::MinValidatorBond::get(), 0)?;
		let offence = OffenceDetails {
			offender: (who.clone(), ()),
			reporters: vec![],
		};
		let now = T::Sessions::current();
		<Pallet<T> as OnOffenceHandler<T::AccountId, _, _>>::on_offence(
			&[offence],
			&[Perbill::one()],
			now,
		);
		let due = now.saturating_add(T::SlashDelay::get());
		let origin = T::AdminOrigin::try_successful_origin()
			.map_err(|()| BenchmarkError::Stop("the admin origin has no example"))?;

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, due, who.clone());

		assert!(!PendingSlashes::<T>::contains_key(due, &who));
		Ok(())
	}

	#[benchmark]
	fn note_author() {
		let who = operator::<T>(0);
		let blocks = SessionBlocks::<T>::get();

		#[block]
		{
			<Pallet<T> as pallet_authorship::EventHandler<_, _>>::note_author(who.clone());
		}

		assert_eq!(BlockRecords::<T>::get(&who).made, 1);
		assert_eq!(SessionBlocks::<T>::get(), blocks.saturating_add(1));
	}

	#[benchmark]
	fn on_offence(n: Linear<1, { T::MaxValidators::get() }>) -> Result<(), BenchmarkError> {
		fill_candidates::<T>()?;
		let offenders: Vec<_> = (0..n)
			.map(|index| {
				let who: T::AccountId = account("operator", 1_000 + index, 0);
				fill_workers::<T>(&who);
				OffenceDetails {
					offender: (who, ()),
					reporters: vec![],
				}
			})
			.collect();
		let fractions = vec![Perbill::one(); n as usize];
		let now = T::Sessions::current();

		#[block]
		{
			<Pallet<T> as OnOffenceHandler<T::AccountId, _, _>>::on_offence(
				&offenders, &fractions, now,
			);
		}

		let left = T::MaxCandidates::get().saturating_sub(n);
		assert_eq!(Candidates::<T>::get().len() as u32, left);
		Ok(())
	}

	impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}

//! Benchmarks of the calls and of what other pallets call, in their worst case.

use crate::{
	Call, Config, Miners, ModelInfo, Models, Offer, OfferTerms, Offers, Pallet, Profiles,
	ProfilesOf, Verifiers, footprint,
};
use alloc::vec;
use frame_benchmarking::v2::*;
use frame_support::{
	BoundedVec,
	traits::{Consideration, Get},
};
use frame_system::{RawOrigin, pallet_prelude::BlockNumberFor};
use infergrid_primitives::{
	Balance, Hash,
	market::{Price, Registry, Role},
	model::{Arithmetic, Profile, ProofParams, model_id},
};
use polkadot_sdk::*;
use sp_runtime::traits::Saturating;

/// What benchmarks need from the runtime.
pub trait BenchmarkHelper<AccountId> {
	/// An operator number `index` with an active bond of at least `bond` in `role`, larger the
	/// larger `bond` is.
	fn operator(index: u32, role: Role, bond: Balance) -> AccountId;
	/// Gives `who` money for more than the deposit.
	fn fund(who: &AccountId);
}

/// The model of the benchmarks' creator.
fn model<T: Config>() -> Hash {
	let creator: T::AccountId = whitelisted_caller();
	model_id(&creator.into(), &info().manifest_hash)
}

fn info() -> ModelInfo {
	ModelInfo {
		name: BoundedVec::truncate_from(vec![b'm'; 64]),
		manifest_hash: [7; 32],
		layers: 32,
		weight_bytes: 1 << 34,
		licence: BoundedVec::truncate_from(vec![b'l'; 32]),
	}
}

fn profile<T: Config>(context: u32) -> Profile {
	Profile {
		model: model::<T>(),
		arithmetic: Arithmetic::F32,
		sampler: 1,
		proof: ProofParams::default(),
		calibration: [0; 32],
		context,
		min_tokens_per_second: 5,
		reference_input: 1_000,
		reference_output: 2_000,
	}
}

fn terms() -> OfferTerms {
	OfferTerms {
		price: Price {
			input: 1_000,
			output: 2_000,
		},
		capacity: 4,
		peer: BoundedVec::truncate_from(vec![1; 64]),
		address: BoundedVec::truncate_from(vec![b'/'; 128]),
	}
}

/// The model with `profiles` profiles, of which the first's id is given.
fn register<T: Config>(profiles: u32) -> Result<(T::AccountId, Hash), BenchmarkError> {
	let creator: T::AccountId = whitelisted_caller();
	T::BenchmarkHelper::fund(&creator);
	T::Consideration::ensure_successful(
		&creator,
		footprint(&info(), T::MaxProfiles::get() as usize),
	);
	Pallet::<T>::do_register_model(creator.clone(), info(), T::MaxRoyalty::get())?;
	for index in 0..profiles {
		Pallet::<T>::do_register_profile(&creator, profile::<T>(512 + index))?;
	}
	Ok((creator, profile::<T>(512).id()))
}

/// A full list of miners that offer `profile`.
fn fill_miners<T: Config>(profile: Hash) {
	list_miners::<T>(profile, |index| {
		T::BenchmarkHelper::operator(index, Role::Miner, 1)
	});
}

/// A full list of offers whose miners have unbonded.
fn leave_offers<T: Config>(profile: Hash) {
	list_miners::<T>(profile, |index| account("unbonded", index, 0));
}

fn list_miners<T: Config>(profile: Hash, miner: impl Fn(u32) -> T::AccountId) {
	let miners = (0..T::MaxCandidates::get())
		.map(miner)
		.inspect(|miner| {
			Offers::<T>::insert(
				profile,
				miner,
				Offer {
					terms: terms(),
					in_use: 0,
				},
			)
		})
		.collect();
	Miners::<T>::insert(profile, BoundedVec::truncate_from(miners));
}

/// A full list of verifiers that stand for `profile`.
fn fill_verifiers<T: Config>(profile: Hash) {
	let verifiers = (0..T::MaxCandidates::get())
		.map(|index| T::BenchmarkHelper::operator(index, Role::Verifier, 1))
		.collect();
	Verifiers::<T>::insert(profile, BoundedVec::truncate_from(verifiers));
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn register_model() -> Result<(), BenchmarkError> {
		let creator: T::AccountId = whitelisted_caller();
		T::BenchmarkHelper::fund(&creator);
		T::Consideration::ensure_successful(&creator, footprint(&info(), 0));

		#[extrinsic_call]
		_(RawOrigin::Signed(creator), info(), T::MaxRoyalty::get());

		assert!(Models::<T>::contains_key(model::<T>()));
		Ok(())
	}

	#[benchmark]
	fn register_profile() -> Result<(), BenchmarkError> {
		let (creator, _) = register::<T>(T::MaxProfiles::get().saturating_sub(1))?;

		#[extrinsic_call]
		_(RawOrigin::Signed(creator), profile::<T>(400));

		assert!(Profiles::<T>::contains_key(profile::<T>(400).id()));
		Ok(())
	}

	#[benchmark]
	fn set_offer() -> Result<(), BenchmarkError> {
		let (_, profile) = register::<T>(1)?;
		fill_miners::<T>(profile);
		let miner = T::BenchmarkHelper::operator(u32::MAX, Role::Miner, Balance::from(u64::MAX));

		#[extrinsic_call]
		_(RawOrigin::Signed(miner.clone()), profile, terms());

		assert!(Miners::<T>::get(profile).contains(&miner));
		Ok(())
	}

	#[benchmark]
	fn withdraw_offer() -> Result<(), BenchmarkError> {
		let (_, profile) = register::<T>(1)?;
		fill_miners::<T>(profile);
		let miner = T::BenchmarkHelper::operator(0, Role::Miner, 1);

		#[extrinsic_call]
		_(RawOrigin::Signed(miner.clone()), profile);

		assert!(!Offers::<T>::contains_key(profile, &miner));
		Ok(())
	}

	#[benchmark]
	fn stand() -> Result<(), BenchmarkError> {
		let (_, profile) = register::<T>(1)?;
		fill_verifiers::<T>(profile);
		let verifier =
			T::BenchmarkHelper::operator(u32::MAX, Role::Verifier, Balance::from(u64::MAX));

		#[extrinsic_call]
		_(RawOrigin::Signed(verifier.clone()), profile);

		assert!(Verifiers::<T>::get(profile).contains(&verifier));
		Ok(())
	}

	#[benchmark]
	fn stand_down() -> Result<(), BenchmarkError> {
		let (_, profile) = register::<T>(1)?;
		fill_verifiers::<T>(profile);
		let verifier = T::BenchmarkHelper::operator(0, Role::Verifier, 1);

		#[extrinsic_call]
		_(RawOrigin::Signed(verifier.clone()), profile);

		assert!(!Verifiers::<T>::get(profile).contains(&verifier));
		Ok(())
	}

	/// Both calls together: which of them costs more depends on what the model leaves behind.
	#[benchmark]
	fn retire_model() -> Result<(), BenchmarkError> {
		let (creator, _) = register::<T>(T::MaxProfiles::get())?;
		for profile in ProfilesOf::<T>::get(model::<T>()) {
			leave_offers::<T>(profile);
			fill_verifiers::<T>(profile);
		}

		#[block]
		{
			Pallet::<T>::do_retire_model(&creator, model::<T>())?;
			let now = frame_system::Pallet::<T>::block_number();
			let later: BlockNumberFor<T> = now.saturating_add(T::RetireDelay::get());
			frame_system::Pallet::<T>::set_block_number(later);
			Pallet::<T>::do_retire_model(&creator, model::<T>())?;
		}

		assert!(!Models::<T>::contains_key(model::<T>()));
		Ok(())
	}

	#[benchmark]
	fn assign() -> Result<(), BenchmarkError> {
		let (_, profile) = register::<T>(1)?;
		fill_miners::<T>(profile);

		#[block]
		{
			let assignment = <Pallet<T> as Registry<T::AccountId>>::assign(
				&profile,
				&[5; 32],
				9,
				9,
				Balance::MAX,
				&[],
			);
			assert!(assignment.is_some());
		}
		Ok(())
	}

	#[benchmark]
	fn draw_verifiers(n: Linear<1, 4>) -> Result<(), BenchmarkError> {
		let (_, profile) = register::<T>(1)?;
		fill_verifiers::<T>(profile);

		#[block]
		{
			let drawn =
				<Pallet<T> as Registry<T::AccountId>>::draw_verifiers(&profile, &[5; 32], n, &[]);
			assert_eq!(drawn.len() as u32, n.min(T::MaxCandidates::get()));
		}
		Ok(())
	}

	#[benchmark]
	fn release() -> Result<(), BenchmarkError> {
		let (_, profile) = register::<T>(1)?;
		fill_miners::<T>(profile);
		let miner = T::BenchmarkHelper::operator(0, Role::Miner, 1);
		Offers::<T>::insert(
			profile,
			&miner,
			Offer {
				terms: terms(),
				in_use: 1,
			},
		);

		#[block]
		{
			<Pallet<T> as Registry<T::AccountId>>::release(&profile, &miner);
		}

		assert_eq!(
			Offers::<T>::get(profile, &miner).map(|offer| offer.in_use),
			Some(0)
		);
		Ok(())
	}

	impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}

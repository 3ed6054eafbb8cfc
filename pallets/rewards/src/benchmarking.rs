//! Benchmark of a payment.

use crate::{Config, Pallet, ReasonOf, Totals};
use frame_benchmarking::v2::*;
use frame_support::traits::Get;
use infergrid_primitives::{AIT, Balance, Hash, market::FeeSplit};
use polkadot_sdk::*;

/// What benchmarks need from the runtime.
pub trait BenchmarkHelper<T: Config> {
	/// Puts `amount` of `payer`'s money on hold and gives the reason.
	fn hold(payer: &T::AccountId, amount: Balance) -> ReasonOf<T>;
	/// Registers a profile of a model of `creator`.
	fn profile(creator: &T::AccountId) -> Hash;
	/// Gives `who` an existential deposit.
	fn exist(who: &T::AccountId);
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn pay_held() -> Result<(), BenchmarkError> {
		let payer: T::AccountId = account("payer", 0, 0);
		let miner: T::AccountId = account("miner", 0, 0);
		let creator: T::AccountId = account("creator", 0, 0);
		let fee = AIT;
		let reason = T::BenchmarkHelper::hold(&payer, fee);
		let profile = T::BenchmarkHelper::profile(&creator);
		T::BenchmarkHelper::exist(&miner);
		T::BenchmarkHelper::exist(&T::Treasury::get());

		#[block]
		{
			Pallet::<T>::pay_held(&reason, &payer, fee, &miner, &profile)?;
		}

		assert_eq!(Totals::<T>::get().fees, 1);
		Ok(())
	}

	impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}

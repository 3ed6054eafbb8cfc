//! Benchmark of what happens in every block.

use crate::pallet::*;
use frame_benchmarking::v2::*;
use frame_support::traits::Get;
use infergrid_primitives::randomness::{AuthorRandomness, Ticket};
use polkadot_sdk::*;

#[benchmarks]
mod benches {
	use super::*;

	#[benchmark]
	fn on_initialize() {
		// The ring is full: an output takes the place of another one.
		let full = Ticket {
			first: T::Depth::get(),
			count: 1,
		};
		Pallet::<T>::complete(&full);
		let noted = Noted::<T>::get();

		#[block]
		{
			Pallet::<T>::note_parent(9);
		}

		let given = u32::from(T::Source::parent().is_some());
		assert_eq!(Noted::<T>::get(), noted + given);
	}

	impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}

//! What must hold between any two blocks.

use crate::pallet::*;
use frame_support::{ensure, traits::Get};
use infergrid_primitives::BlockNumber;
use polkadot_sdk::*;
use sp_runtime::TryRuntimeError;

impl<T: Config> Pallet<T> {
	/// 1. The latest outputs are kept, as many as fit, each in its slot, and no others.
	/// 2. Each is of a later block than the one before, the last of an earlier one than `now`.
	pub(crate) fn do_try_state(now: BlockNumber) -> Result<(), TryRuntimeError> {
		let noted = Noted::<T>::get();
		let kept = noted.min(T::Depth::get());
		ensure!(
			Outputs::<T>::iter_keys().count() == kept as usize,
			"outputs that are not the latest"
		);
		let mut before = None;
		for number in noted.saturating_sub(kept)..noted {
			let output = Outputs::<T>::get(Self::slot(number)).ok_or("output outside its slot")?;
			ensure!(Some(output.block) > before, "outputs out of order");
			before = Some(output.block);
		}
		ensure!(before < Some(now), "output of a block that is not over");
		Ok(())
	}
}

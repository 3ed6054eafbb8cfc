//! What must hold between any two blocks.

use crate::{Config, Earned, Pallet, Totals};
use frame_support::ensure;
use infergrid_primitives::Balance;
use polkadot_sdk::*;
use sp_runtime::TryRuntimeError;

impl<T: Config> Pallet<T> {
	/// What the accounts earned sums to the totals.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		let totals = Totals::<T>::get();
		let (mut mined, mut royalties): (Balance, Balance) = (0, 0);
		for earnings in Earned::<T>::iter_values() {
			mined = mined.saturating_add(earnings.mined);
			royalties = royalties.saturating_add(earnings.royalties);
		}
		ensure!(
			mined == totals.miners,
			"the miners' earnings do not sum to their total"
		);
		ensure!(
			royalties == totals.creators,
			"the royalties do not sum to their total"
		);
		ensure!(
			totals.burnt <= totals.treasury,
			"more is burnt than the treasury was due"
		);
		Ok(())
	}
}

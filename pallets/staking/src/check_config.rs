//! Parameters that fit together.

use crate::{Config, Pallet};
use frame_support::traits::Get;
use infergrid_primitives::market::Role;
use polkadot_sdk::*;
use sp_runtime::Perbill;

impl<T: Config> Pallet<T> {
	/// Panics if the parameters do not fit together.
	pub(crate) fn check_config() {
		for role in [Role::Validator, Role::Miner, Role::Verifier] {
			assert!(
				Self::working_minimum(role) > 0,
				"a {role:?} without a bond risks nothing"
			);
		}
		assert!(
			T::ExposureShare::get() > Perbill::zero(),
			"a bond of which nothing may be at work gets none"
		);
		assert!(
			T::MaxUnlocking::get() > 0,
			"an ejected bond needs a place in the queue"
		);
		assert!(
			T::MaxValidators::get() > 0,
			"the validator set must not be empty"
		);
		assert!(
			T::ReportableSessions::get() < T::UnbondingSessions::get(),
			"a bond must not leave before the last report"
		);
		assert!(
			T::SlashDelay::get() > 0,
			"a slash that is due at once is never executed"
		);
		assert!(
			T::MinExpectedBlocks::get() > 0,
			"of whom nothing is expected nobody can say that it is idle"
		);
		assert!(
			T::MaxCandidates::get() >= T::MaxValidators::get(),
			"there must be candidates for every seat"
		);
	}
}

//! What must hold between any two blocks.

use crate::{Config, Miners, Models, Offers, Pallet, Profiles, ProfilesOf, Verifiers};
use alloc::collections::BTreeSet;
use frame_support::{ensure, traits::Get};
use polkadot_sdk::*;
use sp_runtime::TryRuntimeError;

impl<T: Config> Pallet<T> {
	/// Models list their profiles and profiles name their model; lists hold each operator once and
	/// hang on a profile; miners in a list have an offer, and offers outside of one are in use.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::try_state_models()?;
		Self::try_state_lists()
	}

	fn try_state_models() -> Result<(), TryRuntimeError> {
		for (id, model) in Models::<T>::iter() {
			ensure!(model.info.is_valid(), "a model's metadata is invalid");
			ensure!(
				(T::MinRoyalty::get()..=T::MaxRoyalty::get()).contains(&model.royalty),
				"a royalty is out of range"
			);
			for profile in ProfilesOf::<T>::get(id) {
				ensure!(
					Profiles::<T>::contains_key(profile),
					"a model lists an unknown profile"
				);
			}
		}
		for (id, profile) in Profiles::<T>::iter() {
			ensure!(profile.id() == id, "a profile's key is not its id");
			ensure!(
				Models::<T>::contains_key(profile.model),
				"a profile has no model"
			);
			ensure!(
				ProfilesOf::<T>::get(profile.model)
					.iter()
					.filter(|other| **other == id)
					.count() == 1,
				"a profile is not listed once by its model"
			);
		}
		for (model, profiles) in ProfilesOf::<T>::iter() {
			ensure!(
				Models::<T>::contains_key(model),
				"profiles of an unknown model are listed"
			);
			ensure!(!profiles.is_empty(), "an empty list of profiles is stored");
		}
		Ok(())
	}

	fn try_state_lists() -> Result<(), TryRuntimeError> {
		for (profile, miners) in Miners::<T>::iter() {
			let known = Profiles::<T>::get(profile).ok_or("an unknown profile is offered")?;
			let model = Models::<T>::get(known.model).ok_or("an unknown model is offered")?;
			ensure!(model.retired_at.is_none(), "a retired model is offered");
			let distinct: BTreeSet<_> = miners.iter().collect();
			ensure!(
				!miners.is_empty() && distinct.len() == miners.len(),
				"a list of miners is unsound"
			);
			for miner in &miners {
				ensure!(
					Offers::<T>::contains_key(profile, miner),
					"a miner has no offer"
				);
			}
		}
		for (profile, verifiers) in Verifiers::<T>::iter() {
			ensure!(
				Profiles::<T>::contains_key(profile),
				"an unknown profile has verifiers"
			);
			let distinct: BTreeSet<_> = verifiers.iter().collect();
			ensure!(
				!verifiers.is_empty() && distinct.len() == verifiers.len(),
				"a list of verifiers is unsound"
			);
		}
		for (profile, miner, offer) in Offers::<T>::iter() {
			ensure!(
				offer.in_use > 0 || Miners::<T>::get(profile).contains(&miner),
				"an offer that is withdrawn and idle is stored"
			);
			ensure!(offer.terms.capacity > 0, "an offer has no capacity");
		}
		Ok(())
	}
}

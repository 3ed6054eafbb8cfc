//! Registering and retiring models and profiles.

use crate::{
	Config, Error, Event, Miners, Model, ModelInfo, ModelOf, Models, Pallet, Profiles, ProfilesOf,
	Verifiers, footprint,
};
use frame_support::{
	ensure,
	traits::{Consideration, Get},
};
use infergrid_primitives::{
	Hash,
	market::{Bonds as _, Role},
	model::{Profile, model_id},
};
use polkadot_sdk::*;
use sp_runtime::{DispatchResult, traits::Saturating};

impl<T: Config> Pallet<T> {
	pub(crate) fn do_register_model(
		creator: T::AccountId,
		info: ModelInfo,
		royalty: u8,
	) -> DispatchResult {
		ensure!(info.is_valid(), Error::<T>::InvalidModelInfo);
		ensure!(
			(T::MinRoyalty::get()..=T::MaxRoyalty::get()).contains(&royalty),
			Error::<T>::InvalidRoyalty
		);
		let id = model_id(&creator.clone().into(), &info.manifest_hash);
		ensure!(!Models::<T>::contains_key(id), Error::<T>::ModelExists);
		let ticket = T::Consideration::new(&creator, footprint(&info, 0))?;
		let model = Model {
			creator: creator.clone(),
			info,
			royalty,
			ticket,
			retired_at: None,
		};
		Models::<T>::insert(id, model);
		Self::deposit_event(Event::ModelRegistered {
			model: id,
			creator,
			royalty,
		});
		Ok(())
	}

	pub(crate) fn do_register_profile(creator: &T::AccountId, profile: Profile) -> DispatchResult {
		profile
			.validate()
			.map_err(|flaw| Error::<T>::from(flaw.field))?;
		let id = profile.id();
		ensure!(!Profiles::<T>::contains_key(id), Error::<T>::ProfileExists);
		let model_id = profile.model;
		let model = Self::open_model(&model_id)?;
		ensure!(model.creator == *creator, Error::<T>::NotCreator);
		let mut profiles = ProfilesOf::<T>::get(model_id);
		profiles
			.try_push(id)
			.map_err(|_| Error::<T>::TooManyProfiles)?;
		let ticket = model
			.ticket
			.update(creator, footprint(&model.info, profiles.len()))?;
		Models::<T>::insert(
			model_id,
			Model {
				creator: model.creator,
				info: model.info,
				royalty: model.royalty,
				ticket,
				retired_at: None,
			},
		);
		ProfilesOf::<T>::insert(model_id, profiles);
		Profiles::<T>::insert(id, profile);
		Self::deposit_event(Event::ProfileRegistered {
			profile: id,
			model: model_id,
		});
		Ok(())
	}

	pub(crate) fn do_retire_model(creator: &T::AccountId, id: Hash) -> DispatchResult {
		let mut model = Models::<T>::get(id).ok_or(Error::<T>::UnknownModel)?;
		ensure!(model.creator == *creator, Error::<T>::NotCreator);
		let now = frame_system::Pallet::<T>::block_number();
		let Some(retired_at) = model.retired_at else {
			for profile in ProfilesOf::<T>::get(id) {
				let miners = Miners::<T>::take(profile);
				let offered = |miner| T::Bonds::active_bond(miner, Role::Miner) > 0;
				ensure!(!miners.iter().any(offered), Error::<T>::StillOffered);
				for miner in miners {
					Self::close_offer(&profile, miner);
				}
			}
			model.retired_at = Some(now);
			Models::<T>::insert(id, model);
			Self::deposit_event(Event::ModelRetired { model: id });
			return Ok(());
		};
		ensure!(
			now >= retired_at.saturating_add(T::RetireDelay::get()),
			Error::<T>::TooEarly
		);
		model.ticket.drop(creator)?;
		for profile in ProfilesOf::<T>::take(id) {
			Profiles::<T>::remove(profile);
			for verifier in Verifiers::<T>::take(profile) {
				Self::deposit_event(Event::StoodDown { profile, verifier });
			}
		}
		Models::<T>::remove(id);
		Self::deposit_event(Event::ModelCleared { model: id });
		Ok(())
	}

	/// A model that is not retired.
	pub(crate) fn open_model(id: &Hash) -> Result<ModelOf<T>, Error<T>> {
		let model = Models::<T>::get(id).ok_or(Error::<T>::UnknownModel)?;
		if model.retired_at.is_some() {
			return Err(Error::<T>::Retired);
		}
		Ok(model)
	}

	/// A profile of a model that is not retired.
	pub(crate) fn open_profile(id: &Hash) -> Result<Profile, Error<T>> {
		let profile = Profiles::<T>::get(id).ok_or(Error::<T>::UnknownProfile)?;
		Self::open_model(&profile.model)?;
		Ok(profile)
	}
}

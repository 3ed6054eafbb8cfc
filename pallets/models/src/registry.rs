//! The register as the other pallets see it.

use crate::{Config, Miners, Models, Offers, Pallet, Profiles, Verifiers, draw::draw};
use alloc::vec::Vec;
use frame_support::traits::Get;
use infergrid_primitives::{
	Balance, Hash,
	market::{Assignment, Bonds, Registry, Role},
	model::Profile,
};
use polkadot_sdk::*;

impl<T: Config> Registry<T::AccountId> for Pallet<T> {
	fn profile(id: &Hash) -> Option<Profile> {
		Profiles::<T>::get(id)
	}

	fn creator(profile: &Hash) -> Option<(T::AccountId, u8)> {
		let profile = Profiles::<T>::get(profile)?;
		let model = Models::<T>::get(profile.model)?;
		Some((model.creator, model.royalty))
	}

	fn assign(
		profile: &Hash,
		randomness: &Hash,
		n_prompt: u32,
		max_tokens: u32,
		max_fee: Balance,
		excluded: &[T::AccountId],
	) -> Option<Assignment<T::AccountId>> {
		let candidates: Vec<_> = Miners::<T>::get(profile)
			.into_iter()
			.filter(|miner| !excluded.contains(miner))
			.filter(|miner| {
				Offers::<T>::get(profile, miner).is_some_and(|offer| {
					offer.in_use < offer.terms.capacity
						&& offer.terms.price.fee(n_prompt, max_tokens) <= max_fee
				})
			})
			.map(|miner| {
				let bond = T::Bonds::active_bond(&miner, Role::Miner);
				(miner, bond)
			})
			.collect();
		let miner = draw(candidates, randomness, profile, 1).pop()?;
		Offers::<T>::mutate(profile, &miner, |entry| {
			let offer = entry.as_mut()?;
			offer.in_use = offer.in_use.saturating_add(1);
			Some(offer.terms.price)
		})
		.map(|price| Assignment { miner, price })
	}

	fn release(profile: &Hash, miner: &T::AccountId) {
		Offers::<T>::mutate_exists(profile, miner, |entry| {
			let Some(offer) = entry.as_mut() else { return };
			offer.in_use = offer.in_use.saturating_sub(1);
			if offer.in_use == 0 && !Miners::<T>::get(profile).contains(miner) {
				*entry = None;
			}
		});
	}

	fn draw_verifiers(
		profile: &Hash,
		randomness: &Hash,
		seats: u32,
		excluded: &[T::AccountId],
	) -> Vec<T::AccountId> {
		let candidates = Verifiers::<T>::get(profile)
			.into_iter()
			.filter(|verifier| !excluded.contains(verifier))
			.map(|verifier| {
				let bond = T::Bonds::active_bond(&verifier, Role::Verifier);
				(verifier, bond)
			})
			.collect();
		draw(candidates, randomness, profile, seats)
	}

	fn standing(profile: &Hash, except: &T::AccountId) -> u32 {
		let others = |verifier: &&T::AccountId| *verifier != except;
		Verifiers::<T>::get(profile).iter().filter(others).count() as u32
	}

	fn max_candidates() -> u32 {
		T::MaxCandidates::get()
	}
}

//! Who offers a profile, and who stands for its audits.

use crate::{Config, Error, Event, ListOf, Miners, Offer, OfferTerms, Offers, Pallet, Verifiers};
use core::cmp::Reverse;
use frame_support::ensure;
use infergrid_primitives::{
	Balance, Hash,
	market::{Bonds, Role},
};
use polkadot_sdk::*;
use sp_runtime::DispatchResult;

impl<T: Config> Pallet<T> {
	/// The operator for whom `caller` acts: its own account unless it is a paired worker key.
	pub(crate) fn operator(caller: T::AccountId) -> T::AccountId {
		T::Bonds::operator_of(&caller.clone().into()).unwrap_or(caller)
	}

	pub(crate) fn do_set_offer(miner: T::AccountId, id: Hash, terms: OfferTerms) -> DispatchResult {
		let profile = Self::open_profile(&id)?;
		let bond = T::Bonds::active_bond(&miner, Role::Miner);
		ensure!(bond > 0, Error::<T>::NoActiveBond);
		let cap = Self::price_cap(&profile);
		ensure!(
			terms.price.input <= cap.input && terms.price.output <= cap.output,
			Error::<T>::PriceTooHigh
		);
		ensure!(terms.capacity > 0, Error::<T>::ZeroCapacity);
		ensure!(terms.is_dialable(), Error::<T>::InvalidAddress);

		let mut miners = Miners::<T>::get(id);
		if !miners.contains(&miner) {
			let evicted = Self::admit(&mut miners, &miner, bond, Role::Miner)?;
			Miners::<T>::insert(id, miners);
			if let Some(evicted) = evicted {
				Self::close_offer(&id, evicted);
			}
		}
		let (price, capacity) = (terms.price, terms.capacity);
		Offers::<T>::mutate(id, &miner, |entry| {
			let in_use = entry.as_ref().map_or(0, |offer| offer.in_use);
			*entry = Some(Offer { terms, in_use });
		});
		Self::deposit_event(Event::OfferSet {
			profile: id,
			miner,
			price,
			capacity,
		});
		Ok(())
	}

	pub(crate) fn do_withdraw_offer(miner: &T::AccountId, profile: &Hash) -> DispatchResult {
		let mut miners = Miners::<T>::get(profile);
		ensure!(remove_from::<T>(&mut miners, miner), Error::<T>::NoOffer);
		put_list::<T, Miners<T>>(profile, miners);
		Self::close_offer(profile, miner.clone());
		Ok(())
	}

	/// Ends an offer whose miner has left the list. What runs on it needs it still.
	pub(crate) fn close_offer(profile: &Hash, miner: T::AccountId) {
		Offers::<T>::mutate_exists(profile, &miner, |entry| {
			if entry.as_ref().is_some_and(|offer| offer.in_use == 0) {
				*entry = None;
			}
		});
		Self::deposit_event(Event::OfferWithdrawn {
			profile: *profile,
			miner,
		});
	}

	pub(crate) fn do_stand(verifier: T::AccountId, profile: Hash) -> DispatchResult {
		Self::open_profile(&profile)?;
		let bond = T::Bonds::active_bond(&verifier, Role::Verifier);
		ensure!(bond > 0, Error::<T>::NoActiveBond);
		let mut verifiers = Verifiers::<T>::get(profile);
		ensure!(!verifiers.contains(&verifier), Error::<T>::AlreadyStanding);
		let evicted = Self::admit(&mut verifiers, &verifier, bond, Role::Verifier)?;
		Verifiers::<T>::insert(profile, verifiers);
		if let Some(verifier) = evicted {
			Self::deposit_event(Event::StoodDown { profile, verifier });
		}
		Self::deposit_event(Event::Standing { profile, verifier });
		Ok(())
	}

	pub(crate) fn do_stand_down(verifier: T::AccountId, profile: &Hash) -> DispatchResult {
		let mut verifiers = Verifiers::<T>::get(profile);
		ensure!(
			remove_from::<T>(&mut verifiers, &verifier),
			Error::<T>::NotStanding
		);
		put_list::<T, Verifiers<T>>(profile, verifiers);
		Self::deposit_event(Event::StoodDown {
			profile: *profile,
			verifier,
		});
		Ok(())
	}

	/// Adds `who`, whose active bond is `bond`, to `list`. If it is full, the smallest active bond
	/// gives way (among equals the highest account), and is returned.
	fn admit(
		list: &mut ListOf<T>,
		who: &T::AccountId,
		bond: Balance,
		role: Role,
	) -> Result<Option<T::AccountId>, Error<T>> {
		if list.try_push(who.clone()).is_ok() {
			return Ok(None);
		}
		let weakest = list
			.iter()
			.enumerate()
			.map(|(place, other)| {
				(
					T::Bonds::active_bond(other, role),
					Reverse(other.clone()),
					place,
				)
			})
			.min();
		let Some((smallest, Reverse(evicted), place)) = weakest else {
			return Err(Error::<T>::ListFull);
		};
		ensure!(bond > smallest, Error::<T>::ListFull);
		list.remove(place);
		list.try_push(who.clone())
			.map_err(|_| Error::<T>::ListFull)?;
		Ok(Some(evicted))
	}
}

/// Takes `who` out of `list`; false if it is not in it.
fn remove_from<T: Config>(list: &mut ListOf<T>, who: &T::AccountId) -> bool {
	let before = list.len();
	list.retain(|other| other != who);
	list.len() < before
}

/// Stores `list`, or nothing if it is empty.
fn put_list<T: Config, Map>(profile: &Hash, list: ListOf<T>)
where
	Map: frame_support::StorageMap<Hash, ListOf<T>>,
{
	if list.is_empty() {
		Map::remove(profile);
	} else {
		Map::insert(profile, list);
	}
}

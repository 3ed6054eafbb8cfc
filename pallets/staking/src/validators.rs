//! Election of validators, and what happens to offenders.

use crate::{
	Bonds, Candidates, Config, Exposure, LOG_TARGET, Offender, Offenders, Pallet, Sessions,
	SlashedFractions, WeightInfo,
};
use alloc::vec::Vec;
use core::{cmp::Reverse, marker::PhantomData};
use frame_support::{
	pallet_prelude::Weight,
	traits::{Get, OnUnbalanced},
};
use infergrid_primitives::{Balance, market::Role};
use polkadot_sdk::*;
use sp_runtime::{Perbill, traits::Convert};
use sp_staking::{
	SessionIndex,
	offence::{OffenceDetails, OffenceSeverity, OnOffenceHandler},
};

/// What stands behind a validator now; an empty exposure for one whose bond is gone, so that it can
/// still be identified.
pub struct ExposureOf<T>(PhantomData<T>);

impl<T: Config> Convert<T::AccountId, Option<Exposure>> for ExposureOf<T> {
	fn convert(validator: T::AccountId) -> Option<Exposure> {
		Some(Pallet::<T>::exposure(&validator))
	}
}

impl<T: Config> Pallet<T> {
	fn exposure(validator: &T::AccountId) -> Exposure {
		let own = Bonds::<T>::get(Role::Validator, validator).map_or(0, |bond| bond.total());
		Exposure { own }
	}

	/// The validators of session `index`, the largest bond first; `None` to keep the old ones.
	pub fn elect(index: SessionIndex) -> Option<Vec<T::AccountId>> {
		let mut ranked: Vec<(Reverse<Balance>, T::AccountId)> = Candidates::<T>::get()
			.into_iter()
			.filter_map(|who| {
				let bond = Bonds::<T>::get(Role::Validator, &who)?;
				let counted = Self::counted(&bond, Role::Validator, index);
				(counted > 0).then_some((Reverse(counted), who))
			})
			.collect();
		ranked.sort();
		let elected: Vec<T::AccountId> = ranked
			.into_iter()
			.map(|(_, who)| who)
			.filter(T::Sessions::has_keys)
			.take(T::MaxValidators::get() as usize)
			.collect();
		if elected.is_empty() {
			log::warn!(
				target: LOG_TARGET,
				"no candidate for session {index} has a bond that counts and session keys; the \
				validators stay",
			);
			return None;
		}
		Some(elected)
	}

	/// Takes the offenders off duty in the session that starts, and forgets what is too old.
	fn begin_session(index: SessionIndex) {
		Offenders::<T>::mutate(|offenders| {
			offenders.retain(|offender| offender.until >= index);
			for offender in offenders.iter() {
				T::Sessions::disable(&offender.validator, offender.severity);
			}
		});
		let oldest = index.saturating_sub(T::UnbondingSessions::get());
		if let Some(old) = oldest.checked_sub(1) {
			T::Sessions::forget_before(oldest);
			// One session's entries are at most a validator set.
			let _ = SlashedFractions::<T>::clear_prefix(old, T::MaxValidators::get(), None);
		}
	}

	fn punish(validator: &T::AccountId, own: Balance, fraction: Perbill, session: SessionIndex) {
		let before = SlashedFractions::<T>::get(session, validator);
		if fraction <= before {
			return;
		}
		SlashedFractions::<T>::insert(session, validator, fraction);
		let amount = fraction.mul_ceil(own).saturating_sub(before.mul_ceil(own));
		T::OnSlash::on_unbalanced(Self::do_slash(validator, Role::Validator, amount));
		Self::do_eject(validator, Role::Validator);

		let severity = OffenceSeverity(fraction);
		let until = T::Sessions::current().saturating_add(1);
		Offenders::<T>::mutate(|offenders| {
			offenders.retain(|offender| offender.validator != *validator);
			let offender = Offender {
				validator: validator.clone(),
				severity,
				until,
			};
			if offenders.try_push(offender).is_err() {
				// Offenders of more than one set, and all of them at once: the oldest gives way.
				log::warn!(target: LOG_TARGET, "the list of offenders is full");
				offenders.remove(0);
				let _ = offenders.try_push(Offender {
					validator: validator.clone(),
					severity,
					until,
				});
			}
		});
		T::Sessions::disable(validator, severity);
	}
}

impl<T: Config> pallet_session::SessionManager<T::AccountId> for Pallet<T> {
	fn new_session(new_index: SessionIndex) -> Option<Vec<T::AccountId>> {
		Self::elect(new_index)
	}

	fn start_session(start_index: SessionIndex) {
		Self::begin_session(start_index);
	}

	fn end_session(_: SessionIndex) {}
}

impl<T: Config> pallet_session::historical::SessionManager<T::AccountId, Exposure> for Pallet<T> {
	fn new_session(new_index: SessionIndex) -> Option<Vec<(T::AccountId, Exposure)>> {
		let elected = Self::elect(new_index)?;
		Some(
			elected
				.into_iter()
				.map(|who| {
					let exposure = Self::exposure(&who);
					(who, exposure)
				})
				.collect(),
		)
	}

	fn start_session(start_index: SessionIndex) {
		Self::begin_session(start_index);
	}

	fn end_session(_: SessionIndex) {}
}

impl<T: Config, Reporter> OnOffenceHandler<Reporter, (T::AccountId, Exposure), Weight>
	for Pallet<T>
{
	fn on_offence(
		offenders: &[OffenceDetails<Reporter, (T::AccountId, Exposure)>],
		slash_fraction: &[Perbill],
		session: SessionIndex,
	) -> Weight {
		let now = T::Sessions::current();
		if session < now.saturating_sub(T::UnbondingSessions::get()) {
			log::warn!(target: LOG_TARGET, "an offence in session {session} comes too late");
			return T::DbWeight::get().reads(1);
		}
		for (details, fraction) in offenders.iter().zip(slash_fraction) {
			let (validator, exposure) = &details.offender;
			Self::punish(validator, exposure.own, *fraction, session);
		}
		T::WeightInfo::on_offence(offenders.len() as u32)
	}
}

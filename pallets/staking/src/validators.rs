//! Who is a validator, session by session.
//!
//! Each session the [`Config::MaxValidators`] candidates with session keys and the largest bonds that
//! count in it are elected, ties by account. If there is none, the old set stays.
//!
//! A validator that makes **less than a third of the blocks** expected of it is left out of the next
//! election, once, and a smaller bond takes its seat. Expected is an equal share of the blocks that
//! the session had. Who makes a slot's block is drawn, and with many validators in short sessions bad
//! luck alone would do: so blocks are counted over as many sessions as it takes until
//! [`Config::MinExpectedBlocks`] are expected, then judged, and counted from zero. Nobody is left out
//! if fewer than two thirds of the elected would remain: an outage is nobody's fault.

use crate::{
	BlockRecords, Bonds, Candidates, Config, Event, Idle, LOG_TARGET, Pallet, Record,
	SessionBlocks, Sessions, WeightInfo,
};
use alloc::{collections::BTreeMap, vec::Vec};
use core::cmp::Reverse;
use frame_support::{BoundedVec, dispatch::DispatchClass, traits::Get};
use frame_system::pallet_prelude::BlockNumberFor;
use infergrid_primitives::{Balance, market::Role};
use polkadot_sdk::*;
use sp_runtime::{FixedPointNumber, FixedU64, Saturating, traits::Convert};
use sp_staking::SessionIndex;

/// A validator is identified by its account alone: were its bond a part of that, bonding a planck
/// more would void every proof of what it did before.
impl<T: Config> Convert<T::AccountId, Option<()>> for Pallet<T> {
	fn convert(_: T::AccountId) -> Option<()> {
		Some(())
	}
}

impl<T: Config> Pallet<T> {
	/// The validators of session `index`, the largest bond first; `None` to keep the old ones.
	pub fn elect(index: SessionIndex) -> Option<Vec<T::AccountId>> {
		let standing = Self::standing(index);
		if standing.is_empty() {
			log::warn!(
				target: LOG_TARGET,
				"no candidate for session {index} has a bond that counts and session keys; the \
				validators stay",
			);
			return None;
		}
		let seats = T::MaxValidators::get() as usize;
		let idle = Idle::<T>::get();
		let elected = standing.iter().take(seats);
		let (left_out, remaining): (Vec<_>, Vec<_>) = elected.partition(|who| idle.contains(who));
		// Fewer than two thirds would remain: that is an outage, and the fault of none of them.
		if remaining.len() < left_out.len().saturating_mul(2) {
			return Some(standing.into_iter().take(seats).collect());
		}
		for operator in left_out {
			Self::deposit_event(Event::LeftOut {
				operator: operator.clone(),
				session: index,
			});
		}
		let awake = standing.into_iter().filter(|who| !idle.contains(who));
		Some(awake.take(seats).collect())
	}

	/// The candidates with session keys and a bond that counts in session `index`, the largest first.
	fn standing(index: SessionIndex) -> Vec<T::AccountId> {
		let mut ranked: Vec<(Reverse<Balance>, T::AccountId)> = Candidates::<T>::get()
			.into_iter()
			.filter_map(|who| {
				let bond = Bonds::<T>::get(Role::Validator, &who)?;
				let counted = Self::counted(&bond, Role::Validator, index);
				(counted > 0).then_some((Reverse(counted), who))
			})
			.collect();
		ranked.sort();
		let accounts = ranked.into_iter().map(|(_, who)| who);
		accounts.filter(T::Sessions::has_keys).collect()
	}

	/// Notes what was expected of each validator of the session that ends, and which of those of whom
	/// enough was expected by now have made less than a third of it.
	fn judge() {
		let validators = T::Sessions::validators();
		let blocks = SessionBlocks::<T>::take();
		let share = FixedU64::checked_from_rational(blocks, validators.len()).unwrap_or_default();
		let enough = FixedU64::saturating_from_integer(T::MinExpectedBlocks::get());
		let mut records: BTreeMap<_, _> = BlockRecords::<T>::drain().collect();
		let mut idle = Vec::new();
		for validator in validators {
			let mut record = records.remove(&validator).unwrap_or_default();
			record.expected = record.expected.saturating_add(share);
			if record.expected < enough {
				BlockRecords::<T>::insert(validator, record);
			} else if record.is_idle() {
				idle.push(validator);
			}
		}
		Idle::<T>::put(BoundedVec::truncate_from(idle));
	}
}

impl Record {
	/// Whether less than a third of what was expected was made.
	fn is_idle(&self) -> bool {
		FixedU64::saturating_from_integer(self.made.saturating_mul(3)) < self.expected
	}
}

impl<T: Config> pallet_authorship::EventHandler<T::AccountId, BlockNumberFor<T>> for Pallet<T> {
	fn note_author(author: T::AccountId) {
		SessionBlocks::<T>::mutate(|blocks| *blocks = blocks.saturating_add(1));
		BlockRecords::<T>::mutate(author, |record| record.made = record.made.saturating_add(1));
		// The pallet of the authors charges nothing for this.
		let weight = T::WeightInfo::note_author();
		frame_system::Pallet::<T>::register_extra_weight_unchecked(
			weight,
			DispatchClass::Mandatory,
		);
	}
}

impl<T: Config> pallet_session::SessionManager<T::AccountId> for Pallet<T> {
	fn new_session(index: SessionIndex) -> Option<Vec<T::AccountId>> {
		Self::elect(index)
	}

	fn start_session(index: SessionIndex) {
		Self::keep_offenders_off_duty(index);
		Self::forget_offences(index);
		Self::execute_slashes(index);
	}

	fn end_session(_: SessionIndex) {
		Self::judge();
	}
}

impl<T: Config> pallet_session::historical::SessionManager<T::AccountId, ()> for Pallet<T> {
	fn new_session(index: SessionIndex) -> Option<Vec<(T::AccountId, ())>> {
		let elected = Self::elect(index)?;
		Some(elected.into_iter().map(|who| (who, ())).collect())
	}

	fn start_session(index: SessionIndex) {
		<Self as pallet_session::SessionManager<_>>::start_session(index);
	}

	fn end_session(index: SessionIndex) {
		<Self as pallet_session::SessionManager<_>>::end_session(index);
	}
}

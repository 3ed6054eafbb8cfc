//! What happens to validators that offend against consensus.
//!
//! An offence takes its fraction of what could be slashed at the first report of the session in which
//! it happened; the unbonding queue counts, and outlasts every report. It ejects the offender, and
//! disables it for the current session and the next, which is already planned. The slash is only
//! ordered: the money is locked, and taken [`Config::SlashDelay`] sessions later, unless the
//! [`Config::AdminOrigin`] cancels it meanwhile, as where a fault of the node made everybody offend. A
//! later report of the same session only takes the difference. A session's offences can be reported
//! for [`Config::ReportableSessions`]; then its history is pruned.

use crate::{
	Bonds, Config, Error, Event, LOG_TARGET, Offender, Offenders, Pallet, PendingSlashes, Sentence,
	Sentences, Sessions, WeightInfo,
};
use frame_support::{
	ensure,
	pallet_prelude::Weight,
	traits::{Get, OnUnbalanced},
};
use infergrid_primitives::{
	Balance,
	market::{Bonds as _, Role},
};
use polkadot_sdk::*;
use sp_runtime::{DispatchResult, Perbill};
use sp_staking::{
	SessionIndex,
	offence::{OffenceDetails, OffenceSeverity, OnOffenceHandler},
};

impl<T: Config> Pallet<T> {
	/// Takes the offenders off duty in session `index`, which starts.
	pub(crate) fn keep_offenders_off_duty(index: SessionIndex) {
		Offenders::<T>::mutate(|offenders| {
			offenders.retain(|offender| offender.until >= index);
			for offender in offenders.iter() {
				T::Sessions::disable(&offender.validator, offender.severity);
			}
		});
	}

	/// Forgets the sessions of which nothing is punished any more when session `now` starts.
	pub(crate) fn forget_offences(now: SessionIndex) {
		let Some(oldest) = now.checked_sub(T::ReportableSessions::get()) else {
			return;
		};
		T::Sessions::forget_before(oldest);
		if let Some(old) = oldest.checked_sub(1) {
			// One session's entries are at most a validator set.
			let _ = Sentences::<T>::clear_prefix(old, T::MaxValidators::get(), None);
		}
	}

	fn punish(validator: &T::AccountId, fraction: Perbill, session: SessionIndex) {
		let before = Sentences::<T>::get(session, validator).unwrap_or_else(|| Sentence {
			fraction: Perbill::zero(),
			of: Self::slashable(validator, Role::Validator),
		});
		if fraction <= before.fraction {
			return;
		}
		let sentence = Sentence { fraction, ..before };
		let amount = sentence.amount().saturating_sub(before.amount());
		Sentences::<T>::insert(session, validator, sentence);
		Self::order_slash(validator, amount);
		Self::do_eject(validator, Role::Validator);

		let severity = OffenceSeverity(fraction);
		let offender = Offender {
			validator: validator.clone(),
			severity,
			until: T::Sessions::current().saturating_add(1),
		};
		Offenders::<T>::mutate(|offenders| {
			offenders.retain(|other| other.validator != *validator);
			if offenders.is_full() {
				// Offenders of more than one set, and all of them at once: the oldest gives way.
				log::warn!(target: LOG_TARGET, "the list of offenders is full");
				offenders.remove(0);
			}
			let _ = offenders.try_push(offender);
		});
		T::Sessions::disable(validator, severity);
	}
}

/// Slashes of validators are ordered, which locks the money, and executed when their window is over.
impl<T: Config> Pallet<T> {
	fn order_slash(validator: &T::AccountId, amount: Balance) {
		let Some(mut bond) = Bonds::<T>::get(Role::Validator, validator) else {
			return;
		};
		if amount == 0 {
			return;
		}
		let due = T::Sessions::current().saturating_add(T::SlashDelay::get());
		bond.locked = bond.locked.saturating_add(amount);
		Bonds::<T>::insert(Role::Validator, validator, bond);
		PendingSlashes::<T>::mutate(due, validator, |sum| *sum = sum.saturating_add(amount));
		Self::deposit_event(Event::SlashOrdered {
			operator: validator.clone(),
			role: Role::Validator,
			amount,
			due,
		});
	}

	/// Executes what is due in session `now`, which starts.
	pub(crate) fn execute_slashes(now: SessionIndex) {
		for (validator, amount) in PendingSlashes::<T>::drain_prefix(now) {
			Self::unlock_slash(&validator, amount);
			T::OnSlash::on_unbalanced(Self::do_slash(&validator, Role::Validator, amount));
		}
	}

	pub(crate) fn do_cancel_slash(due: SessionIndex, validator: T::AccountId) -> DispatchResult {
		let amount = PendingSlashes::<T>::take(due, &validator);
		ensure!(amount > 0, Error::<T>::NoPendingSlash);
		Self::unlock_slash(&validator, amount);
		Self::deposit_event(Event::SlashCancelled {
			operator: validator,
			role: Role::Validator,
			amount,
		});
		Ok(())
	}

	fn unlock_slash(validator: &T::AccountId, amount: Balance) {
		Bonds::<T>::mutate_exists(Role::Validator, validator, |entry| {
			if let Some(bond) = entry.as_mut() {
				bond.locked = bond.locked.saturating_sub(amount);
				if bond.is_gone() {
					*entry = None;
				}
			}
		});
	}
}

impl<T: Config, Reporter> OnOffenceHandler<Reporter, (T::AccountId, ()), Weight> for Pallet<T> {
	fn on_offence(
		offenders: &[OffenceDetails<Reporter, (T::AccountId, ())>],
		fractions: &[Perbill],
		session: SessionIndex,
	) -> Weight {
		let now = T::Sessions::current();
		if session < now.saturating_sub(T::ReportableSessions::get()) {
			log::warn!(target: LOG_TARGET, "an offence in session {session} comes too late");
			return T::DbWeight::get().reads(1);
		}
		for (details, fraction) in offenders.iter().zip(fractions) {
			let (validator, ()) = &details.offender;
			Self::punish(validator, *fraction, session);
		}
		T::WeightInfo::on_offence(offenders.len() as u32)
	}
}

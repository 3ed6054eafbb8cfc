//! What happens to validators that offend against consensus.

use crate::{
	Config, LOG_TARGET, Offender, Offenders, Pallet, Sentence, Sentences, Sessions, WeightInfo,
};
use frame_support::{
	pallet_prelude::Weight,
	traits::{Get, OnUnbalanced},
};
use infergrid_primitives::market::{Bonds, Role};
use polkadot_sdk::*;
use sp_runtime::Perbill;
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
		T::OnSlash::on_unbalanced(Self::do_slash(validator, Role::Validator, amount));
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

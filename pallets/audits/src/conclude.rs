//! From votes to the end of an audit.

use crate::{
	pallet::*,
	tally::{Tally, tally},
	types::*,
	weights::WeightInfo,
};
use alloc::vec::Vec;
use infergrid_primitives::{
	AuditId, BlockNumber,
	audit::{Verdict, Vote},
	market::{Bonds, Escrow, Registry, Role},
};
use polkadot_sdk::frame_support::{traits::Get, weights::Weight};

impl<T: Config> Pallet<T> {
	/// Counts a round's votes, punishes verifiers, and concludes or draws the next committee.
	pub(crate) fn count_votes(
		now: BlockNumber,
		id: AuditId,
		audit: AuditOf<T>,
		round: u8,
		committee: CommitteeOf<T>,
	) -> Weight {
		let votes: Vec<Option<Vote>> = committee
			.iter()
			.map(|member| Votes::<T>::get(id, member))
			.collect();
		let max_distance = T::Registry::profile(&audit.work.profile)
			.map_or(0, |profile| profile.proof.max_fingerprint_distance);
		let min_condemners = T::MinCondemners::get() as usize;
		let Tally {
			verdict,
			winners,
			lazy,
			silent,
		} = tally(&votes, max_distance, min_condemners);

		let at = |seats: &[usize]| -> Vec<AccountIdOf<T>> {
			seats
				.iter()
				.filter_map(|seat| committee.get(*seat).cloned())
				.collect()
		};
		let winners = at(&winners);
		Self::punish_verifiers(id, at(&lazy), FaultClass::Lazy, &winners);
		Self::punish_verifiers(id, at(&silent), FaultClass::Silent, &winners);
		for member in &committee {
			Commitments::<T>::remove(id, member);
			Seated::<T>::remove(member, id);
		}

		let Some(verdict) = verdict else {
			return Self::next_round(now, id, audit, round, committee)
				.saturating_add(T::WeightInfo::service_tally());
		};
		match verdict {
			Verdict::Invalid => {
				Self::punish_miner(id, &audit.work, FaultClass::Forgery, &winners);
				T::Bonds::eject(&audit.work.miner, Role::Miner);
			}
			Verdict::Unavailable => {
				Self::punish_miner(id, &audit.work, FaultClass::Unavailable, &winners);
			}
			Verdict::Valid | Verdict::Unproven => {}
		}
		Self::conclude(now, id, audit, verdict);
		T::WeightInfo::service_tally().saturating_add(T::WeightInfo::service_settle())
	}

	/// Waits for outputs that nobody knows when the round's last vote is revealed, for the next
	/// committee, unless that was the last one.
	fn next_round(
		now: BlockNumber,
		id: AuditId,
		audit: AuditOf<T>,
		round: u8,
		committee: CommitteeOf<T>,
	) -> Weight {
		if round >= T::MaxRedraws::get() {
			Self::conclude(now, id, audit, Verdict::Unproven);
			return T::WeightInfo::service_settle();
		}
		for member in &committee {
			Votes::<T>::remove(id, member);
		}
		let round = round.saturating_add(1);
		let draw_at = Self::await_draw(now, id, audit.work, audit.included_at, round);
		Self::deposit_event(Event::AuditRedrawn {
			audit: id,
			round,
			draw_at,
		});
		Weight::zero()
	}

	/// Ends the audit: the work is paid, or its payer refunded.
	pub(crate) fn conclude(now: BlockNumber, id: AuditId, mut audit: AuditOf<T>, verdict: Verdict) {
		let task = audit.work.task;
		match verdict {
			Verdict::Valid => {
				Probation::<T>::mutate(&audit.work.miner, |passes| {
					*passes = passes.saturating_add(1).min(T::ProbationPasses::get());
				});
			}
			Verdict::Invalid | Verdict::Unavailable => Probation::<T>::remove(&audit.work.miner),
			Verdict::Unproven => {}
		}
		Openable::<T>::remove(&audit.work.miner, id);
		audit.phase = Phase::Concluded { verdict, at: now };
		Audits::<T>::insert(id, audit);
		Self::schedule(id, now.saturating_add(T::HistoryDepth::get()));
		Self::deposit_event(Event::AuditConcluded {
			audit: id,
			task,
			verdict,
		});
		match verdict {
			Verdict::Valid | Verdict::Unproven => T::Escrow::settle(task),
			Verdict::Invalid | Verdict::Unavailable => T::Escrow::refund(task),
		}
	}
}

//! What ends phases by itself.

use crate::{pallet::*, types::*, weights::WeightInfo};
use infergrid_agenda::{Agenda as _, Costs};
use infergrid_primitives::{AuditId, BlockNumber, Hash, audit::Verdict, market::Registry};
use polkadot_sdk::{
	frame_support::{
		traits::Get,
		weights::{Weight, WeightMeter},
	},
	frame_system::{self, pallet_prelude::BlockNumberFor},
	sp_runtime::{Perbill, SaturatedConversion, traits::Zero},
};

impl<T: Config> Pallet<T> {
	/// Does what is due, within the pallet's share of the block.
	pub(crate) fn serve_agenda(now: BlockNumber) -> Weight {
		let mut meter = WeightMeter::with_limit(Self::service_limit());
		AuditAgenda::<T>::serve(now, &mut meter, Self::service_costs(), |id| {
			Self::serve_audit(now, id)
		});
		meter.consumed()
	}

	/// Panics if the parameters do not fit together.
	pub(crate) fn check_config() {
		AuditAgenda::<T>::integrity(Self::service_limit(), Self::service_costs());
		let seats = T::Seats::get();
		assert!(
			(1..=MAX_SEATS).contains(&seats),
			"Seats must be in 1..={MAX_SEATS}"
		);
		assert!(
			(1..=seats).contains(&T::MinCondemners::get()),
			"MinCondemners must be in 1..=Seats"
		);
		assert!(
			T::DrawOutputs::get() > 0,
			"a draw needs the output of a block"
		);
		assert!(
			T::PayerShare::get()
				.deconstruct()
				.checked_add(T::VoterShare::get().deconstruct())
				.is_some_and(|sum| sum <= Perbill::one().deconstruct()),
			"PayerShare and VoterShare must not exceed the whole"
		);
		assert!(
			T::MillisecsPerBlock::get() > 0,
			"MillisecsPerBlock must be above zero"
		);
		assert!(
			T::HistoryDepth::get() > 0,
			"HistoryDepth must be above zero"
		);
	}

	fn service_limit() -> Weight {
		T::ServiceShare::get() * T::BlockWeights::get().max_block
	}

	fn service_costs() -> Costs {
		// A tally may settle, and so may a draw that finds nobody.
		let item = T::WeightInfo::service_tally()
			.max(Self::draw_weight())
			.saturating_add(T::WeightInfo::service_settle());
		Costs {
			page: T::WeightInfo::service_page(),
			item,
		}
	}

	pub(crate) fn draw_weight() -> Weight {
		T::WeightInfo::service_draw(T::Registry::max_candidates())
	}

	pub(crate) fn serve_audit(now: BlockNumber, id: AuditId) -> Weight {
		let Some(audit) = Audits::<T>::get(id) else {
			return T::WeightInfo::service_idle();
		};
		match audit.phase.clone() {
			Phase::Scheduled {
				round,
				ticket,
				draw_at,
			} if now >= draw_at => Self::draw(now, id, audit, round, ticket),
			Phase::Committing {
				round,
				randomness,
				committee,
				until,
			} if now > until => Self::close_commits(now, id, audit, round, randomness, committee),
			Phase::Revealing {
				round,
				committee,
				until,
				..
			} if now > until => Self::count_votes(now, id, audit, round, committee),
			Phase::Escrowed { until } if now > until => {
				Self::conclude(now, id, audit, Verdict::Unproven);
				T::WeightInfo::service_settle()
			}
			Phase::Concluded { at, .. } if now >= at.saturating_add(T::HistoryDepth::get()) => {
				Self::prune(id)
			}
			_ => T::WeightInfo::service_idle(),
		}
	}

	fn prune(id: AuditId) -> Weight {
		Audits::<T>::remove(id);
		// One round's votes at most; see `count_votes`.
		let _ = Votes::<T>::clear_prefix(id, MAX_SEATS, None);
		T::WeightInfo::service_prune()
	}

	/// Puts the audit down for block `at`, the next one at the earliest.
	pub(crate) fn schedule(id: AuditId, at: BlockNumber) {
		AuditAgenda::<T>::schedule(id, at, Self::now());
	}

	/// The current block.
	pub(crate) fn now() -> BlockNumber {
		frame_system::Pallet::<T>::block_number().saturated_into()
	}

	/// The hash of the chain's first block, which every hashed payload carries.
	pub(crate) fn genesis_hash() -> Hash {
		let hash = frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::zero());
		Hash::try_from(hash.as_ref()).unwrap_or_default()
	}
}

/// The pallet's [agenda](infergrid_agenda::Agenda).
pub(crate) struct AuditAgenda<T>(core::marker::PhantomData<T>);

impl<T: Config> infergrid_agenda::Agenda for AuditAgenda<T> {
	type Item = AuditId;
	type PageSize = polkadot_sdk::frame_support::traits::ConstU32<AGENDA_PAGE>;
	type Pages = Agenda<T>;
	type PageCount = AgendaPages<T>;
	type Cursor = AgendaCursor<T>;
}

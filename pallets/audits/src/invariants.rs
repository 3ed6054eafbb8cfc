//! What must hold after every block.

use crate::{pallet::*, types::*};
use alloc::collections::BTreeSet;
use infergrid_primitives::{AuditId, BlockNumber};
use polkadot_sdk::{
	frame_support::{ensure, traits::Get},
	sp_runtime::TryRuntimeError,
};

impl<T: Config> Pallet<T> {
	/// - Every audit is on the agenda at or before the end of its phase.
	/// - Committees are not empty, hold nobody twice, and neither miner nor payer.
	/// - Commitments and votes belong to members of a committee; votes follow commitments.
	/// - [`Seated`] has the members of running rounds, [`Openable`] the miners whose work is neither
	///   escrowed nor concluded, and neither has others.
	/// - Probation counts stay within their bound.
	pub(crate) fn check_invariants() -> Result<(), TryRuntimeError> {
		let agenda: BTreeSet<(AuditId, BlockNumber)> = Agenda::<T>::iter()
			.flat_map(|(block, _, page)| page.into_iter().map(move |id| (id, block)))
			.collect();
		let mut seated = BTreeSet::new();
		let mut openable = BTreeSet::new();
		for (id, audit) in Audits::<T>::iter() {
			ensure!(id < NextAudit::<T>::get(), "audit with a future identifier");
			let ends = match &audit.phase {
				Phase::Scheduled { draw_at, .. } => *draw_at,
				Phase::Committing { until, .. }
				| Phase::Revealing { until, .. }
				| Phase::Escrowed { until } => until.saturating_add(1),
				Phase::Concluded { at, .. } => at.saturating_add(T::HistoryDepth::get()),
			};
			ensure!(
				agenda.contains(&(id, ends)),
				"audit whose phase nobody will end"
			);
			Self::check_votes(id, &audit)?;
			if let Phase::Committing { committee, .. } | Phase::Revealing { committee, .. } =
				&audit.phase
			{
				seated.extend(committee.iter().map(|member| (member.clone(), id)));
			}
			if !matches!(
				audit.phase,
				Phase::Escrowed { .. } | Phase::Concluded { .. }
			) {
				openable.insert((audit.work.miner.clone(), id));
			}
		}
		ensure!(
			Seated::<T>::iter_keys().collect::<BTreeSet<_>>() == seated,
			"a verifier's seats are not those of the committees"
		);
		ensure!(
			Openable::<T>::iter_keys().collect::<BTreeSet<_>>() == openable,
			"a miner's openings are not those of its audits"
		);
		for (id, _, _) in Commitments::<T>::iter() {
			ensure!(
				Audits::<T>::contains_key(id),
				"commitment to an unknown audit"
			);
		}
		for (id, _, _) in Votes::<T>::iter() {
			ensure!(Audits::<T>::contains_key(id), "vote in an unknown audit");
		}
		for (_, passes) in Probation::<T>::iter() {
			ensure!(
				passes <= T::ProbationPasses::get(),
				"more passes than probation counts"
			);
		}
		Ok(())
	}

	fn check_votes(id: AuditId, audit: &AuditOf<T>) -> Result<(), TryRuntimeError> {
		let mut committed = Commitments::<T>::iter_key_prefix(id);
		let mut voted = Votes::<T>::iter_key_prefix(id);
		let committee = match &audit.phase {
			Phase::Scheduled { .. } | Phase::Escrowed { .. } => {
				ensure!(
					committed.next().is_none() && voted.next().is_none(),
					"votes before a draw"
				);
				return Ok(());
			}
			Phase::Concluded { .. } => {
				ensure!(
					committed.next().is_none(),
					"commitments after the conclusion"
				);
				ensure!(
					voted.count() <= T::Seats::get() as usize,
					"votes of more than one round"
				);
				return Ok(());
			}
			Phase::Committing { committee, .. } => {
				ensure!(voted.next().is_none(), "votes before reveals opened");
				committee
			}
			Phase::Revealing { committee, .. } => {
				ensure!(
					voted.all(|member| Commitments::<T>::contains_key(id, member)),
					"vote without a commitment"
				);
				committee
			}
		};
		ensure!(!committee.is_empty(), "empty committee");
		ensure!(
			committee.len() as u32 <= T::Seats::get(),
			"committee with too many members"
		);
		let distinct: BTreeSet<_> = committee.iter().collect();
		ensure!(distinct.len() == committee.len(), "member with two seats");
		ensure!(
			!committee.contains(&audit.work.miner) && !committee.contains(&audit.work.payer),
			"party on the committee"
		);
		ensure!(
			committed.all(|member| committee.contains(&member)),
			"commitment of somebody outside the committee"
		);
		Ok(())
	}
}

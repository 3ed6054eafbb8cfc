//! Taking work, deciding whether it is audited, and by whom.

use crate::{pallet::*, types::*, weights::WeightInfo};
use infergrid_primitives::{
	AuditId, BlockNumber, Hash,
	audit::Verdict,
	market::{Audits as AuditsTrait, Registry, Work},
};
use polkadot_sdk::{
	frame_support::{BoundedVec, traits::Get, weights::Weight},
	sp_runtime::traits::One,
};

impl<T: Config> AuditsTrait<AccountIdOf<T>> for Pallet<T> {
	fn submit(work: Work<AccountIdOf<T>>) -> Result<AuditId, codec::Error> {
		let now = Self::now();
		let id = NextAudit::<T>::get();
		let next = id.checked_add(1).ok_or("audit identifiers are used up")?;
		NextAudit::<T>::put(next);
		let draw_at = Self::draw_block(now);
		let task = work.task;
		let phase = Phase::Scheduled { draw_at };
		Openable::<T>::insert(&work.miner, id, ());
		Audits::<T>::insert(
			id,
			Audit {
				work,
				included_at: now,
				phase,
			},
		);
		Self::schedule(id, draw_at);
		Self::deposit_event(Event::AuditScheduled {
			audit: id,
			task,
			draw_at,
		});
		Ok(id)
	}
}

impl<T: Config> Pallet<T> {
	/// The first block that knows all outputs for work included in `block`.
	fn draw_block(block: BlockNumber) -> BlockNumber {
		Self::first_output(block).saturating_add(T::DrawBlocks::get())
	}

	/// The first block whose author takes part in the draw for work included in `block`.
	fn first_output(block: BlockNumber) -> BlockNumber {
		block
			.saturating_add(T::DrawSkip::get())
			.saturating_add(BlockNumber::one())
	}

	pub(crate) fn draw(now: BlockNumber, id: AuditId, mut audit: AuditOf<T>) -> Weight {
		let first = match audit.phase {
			Phase::Scheduled { draw_at } => draw_at.saturating_sub(T::DrawBlocks::get()),
			_ => Self::first_output(audit.included_at),
		};
		let Some(r) = Self::outputs_hash(first) else {
			let draw_at = Self::draw_block(now);
			let task = audit.work.task;
			audit.phase = Phase::Scheduled { draw_at };
			Audits::<T>::insert(id, audit);
			Self::schedule(id, draw_at);
			Self::deposit_event(Event::AuditScheduled {
				audit: id,
				task,
				draw_at,
			});
			return T::WeightInfo::service_idle();
		};
		let on_probation = Probation::<T>::get(&audit.work.miner) < T::ProbationPasses::get();
		if on_probation || audit.work.always || Self::is_picked(&r, id) {
			return Self::seat(now, id, audit, &r, 0);
		}
		let until = now.saturating_add(T::EscrowBlocks::get());
		let task = audit.work.task;
		Openable::<T>::remove(&audit.work.miner, id);
		audit.phase = Phase::Escrowed { until };
		Audits::<T>::insert(id, audit);
		Self::schedule(id, until.saturating_add(1));
		Self::deposit_event(Event::AuditSkipped {
			audit: id,
			task,
			settles_at: until,
		});
		T::WeightInfo::service_idle()
	}

	/// Draws the committee of `round` and opens its window for commitments; pays the work if nobody
	/// stands for the profile.
	pub(crate) fn seat(
		now: BlockNumber,
		id: AuditId,
		mut audit: AuditOf<T>,
		r: &Hash,
		round: u8,
	) -> Weight {
		let randomness = Self::round_randomness(r, id, round);
		let work = &audit.work;
		let excluded = [work.miner.clone(), work.payer.clone()];
		let drawn =
			T::Registry::draw_verifiers(&work.profile, &randomness, T::Seats::get(), &excluded);
		let committee: CommitteeOf<T> = BoundedVec::truncate_from(drawn);
		if committee.is_empty() {
			Self::conclude(now, id, audit, Verdict::Unproven);
			return Self::draw_weight().saturating_add(T::WeightInfo::service_settle());
		}
		for member in &committee {
			Seated::<T>::insert(member, id, ());
		}
		let until = now.saturating_add(Self::commit_blocks(work));
		Self::deposit_event(Event::AuditDrawn {
			audit: id,
			task: work.task,
			round,
			committee: committee.to_vec(),
			commit_by: until,
			reveal_by: until
				.saturating_add(1)
				.saturating_add(T::RevealBlocks::get()),
			randomness,
		});
		audit.phase = Phase::Committing {
			round,
			randomness,
			committee,
			until,
		};
		Audits::<T>::insert(id, audit);
		Self::schedule(id, until.saturating_add(1));
		Self::draw_weight()
	}

	/// Blocks to re-check the work and commit: what generating it may take, and a base.
	fn commit_blocks(work: &Work<AccountIdOf<T>>) -> BlockNumber {
		let speed = T::Registry::profile(&work.profile)
			.map_or(1, |profile| u64::from(profile.min_tokens_per_second).max(1));
		let block = u64::from(T::MillisecsPerBlock::get()).max(1);
		let millis = u64::from(work.tokens).saturating_mul(1_000).div_ceil(speed);
		let blocks = u32::try_from(millis.div_ceil(block)).unwrap_or(u32::MAX);
		T::BaseCommitBlocks::get().saturating_add(blocks)
	}
}

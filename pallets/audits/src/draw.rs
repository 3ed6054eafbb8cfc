//! Taking work, deciding whether it is audited, and by whom.

use crate::{pallet::*, service::AuditAgenda, types::*, weights::WeightInfo};
use infergrid_agenda::Agenda as _;
use infergrid_primitives::{
	AuditId, BlockNumber, Hash,
	market::{Audits as AuditsTrait, Registry, Work},
	randomness::{Redeemed, Ticket, Tickets, ticket_delay},
};
use polkadot_sdk::frame_support::{BoundedVec, traits::Get, weights::Weight};

impl<T: Config> AuditsTrait<AccountIdOf<T>> for Pallet<T> {
	fn submit(work: Work<AccountIdOf<T>>) -> Result<AuditId, codec::Error> {
		let now = Self::now();
		let id = NextAudit::<T>::get();
		let next = id.checked_add(1).ok_or("audit identifiers are used up")?;
		NextAudit::<T>::put(next);
		let task = work.task;
		Openable::<T>::insert(&work.miner, id, ());
		let draw_at = Self::await_draw(now, id, work, now, 0);
		Self::deposit_event(Event::AuditScheduled {
			audit: id,
			task,
			draw_at,
		});
		Ok(id)
	}

	fn lag() -> BlockNumber {
		AuditAgenda::<T>::lag(Self::now())
	}

	fn can_seat(profile: &Hash, payer: &AccountIdOf<T>) -> bool {
		T::Registry::standing(profile, payer) >= T::Seats::get()
	}
}

impl<T: Config> Pallet<T> {
	/// Takes a ticket for the draw of `round`, and gives the block in which it can be redeemed.
	pub(crate) fn await_draw(
		now: BlockNumber,
		id: AuditId,
		work: Work<AccountIdOf<T>>,
		included_at: BlockNumber,
		round: u8,
	) -> BlockNumber {
		let (skip, outputs) = (T::DrawSkip::get(), T::DrawOutputs::get());
		let ticket = T::Randomness::take(skip, outputs);
		let draw_at = now.saturating_add(ticket_delay(skip, outputs));
		let phase = Phase::Scheduled {
			round,
			ticket,
			draw_at,
		};
		let audit = Audit {
			work,
			included_at,
			phase,
		};
		Audits::<T>::insert(id, audit);
		Self::schedule(id, draw_at);
		draw_at
	}

	/// Decides whether the work is audited, in the first round, and by whom, in each.
	pub(crate) fn draw(
		now: BlockNumber,
		id: AuditId,
		mut audit: AuditOf<T>,
		round: u8,
		ticket: Ticket,
	) -> Weight {
		let r = match T::Randomness::redeem(&ticket) {
			Redeemed::Ready(r) => r,
			Redeemed::Pending(draw_at) => {
				audit.phase = Phase::Scheduled {
					round,
					ticket,
					draw_at,
				};
				Audits::<T>::insert(id, audit);
				Self::schedule(id, draw_at);
				return T::WeightInfo::service_idle();
			}
			Redeemed::Forgotten => {
				let draw_at = Self::await_draw(now, id, audit.work, audit.included_at, round);
				Self::deposit_event(Event::AuditPostponed {
					audit: id,
					round,
					draw_at,
				});
				return T::WeightInfo::service_idle();
			}
		};
		if round > 0 || Self::is_audited(&r, id, &audit.work) {
			return Self::seat(now, id, audit, &r, round);
		}
		Self::escrow(now, id, audit);
		T::WeightInfo::service_idle()
	}

	/// Keeps the fee of work that nobody checks for the whole escrow window.
	fn escrow(now: BlockNumber, id: AuditId, mut audit: AuditOf<T>) {
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
	}

	fn is_audited(r: &Hash, id: AuditId, work: &Work<AccountIdOf<T>>) -> bool {
		let on_probation = Probation::<T>::get(&work.miner) < T::ProbationPasses::get();
		on_probation || work.always || Self::is_picked(r, id)
	}

	/// Draws the committee of `round` and opens its window for commitments. Where nobody stands for the
	/// profile, the fee stays in escrow as that of work which was not drawn: paying it at once would
	/// pay miners for keeping verifiers away.
	fn seat(now: BlockNumber, id: AuditId, mut audit: AuditOf<T>, r: &Hash, round: u8) -> Weight {
		let randomness = Self::round_randomness(r, id, round);
		let work = &audit.work;
		let excluded = [work.miner.clone(), work.payer.clone()];
		let drawn =
			T::Registry::draw_verifiers(&work.profile, &randomness, T::Seats::get(), &excluded);
		let committee: CommitteeOf<T> = BoundedVec::truncate_from(drawn);
		if committee.is_empty() {
			Self::escrow(now, id, audit);
			return Self::draw_weight().saturating_add(T::WeightInfo::service_idle());
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

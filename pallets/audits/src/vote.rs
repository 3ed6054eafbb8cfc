//! Committing to votes and revealing them.

use crate::{pallet::*, types::*, weights::WeightInfo};
use infergrid_primitives::{AuditId, BlockNumber, Hash, audit::Vote, market::Bonds};
use polkadot_sdk::{
	frame_support::{ensure, traits::Get, weights::Weight},
	sp_runtime::DispatchResult,
};

impl<T: Config> Pallet<T> {
	pub(crate) fn do_commit(
		worker: AccountIdOf<T>,
		id: AuditId,
		commitment: Hash,
	) -> DispatchResult {
		let verifier = Self::operator(worker)?;
		let mut audit = Audits::<T>::get(id).ok_or(Error::<T>::AuditNotFound)?;
		let Phase::Committing {
			round,
			randomness,
			committee,
			until,
		} = audit.phase
		else {
			return Err(Error::<T>::CommitClosed.into());
		};
		let now = Self::now();
		ensure!(now <= until, Error::<T>::CommitClosed);
		ensure!(committee.contains(&verifier), Error::<T>::NotOnCommittee);
		ensure!(
			!Commitments::<T>::contains_key(id, &verifier),
			Error::<T>::AlreadyCommitted
		);
		Commitments::<T>::insert(id, &verifier, commitment);
		Self::deposit_event(Event::VoteCommitted {
			audit: id,
			verifier,
		});
		if committee
			.iter()
			.all(|member| Commitments::<T>::contains_key(id, member))
		{
			audit.phase = Self::open_reveals(now, id, round, randomness, committee);
			Audits::<T>::insert(id, audit);
		}
		Ok(())
	}

	pub(crate) fn do_reveal(
		worker: AccountIdOf<T>,
		id: AuditId,
		vote: Vote,
		salt: Hash,
	) -> DispatchResult {
		let verifier = Self::operator(worker)?;
		let mut audit = Audits::<T>::get(id).ok_or(Error::<T>::AuditNotFound)?;
		let Phase::Revealing {
			round,
			randomness,
			committee,
			until,
		} = audit.phase
		else {
			return Err(Error::<T>::RevealClosed.into());
		};
		ensure!(committee.contains(&verifier), Error::<T>::NotOnCommittee);
		ensure!(
			!Votes::<T>::contains_key(id, &verifier),
			Error::<T>::AlreadyRevealed
		);
		let now = Self::now();
		ensure!(now <= until, Error::<T>::RevealClosed);
		let commitment = Commitments::<T>::get(id, &verifier).ok_or(Error::<T>::NotCommitted)?;
		let account = verifier.clone().into();
		let opened = vote.commitment(&Self::genesis_hash(), id, &account, &salt);
		ensure!(opened == commitment, Error::<T>::CommitmentMismatch);
		let verdict = vote.verdict;
		Votes::<T>::insert(id, &verifier, vote);
		Self::deposit_event(Event::VoteRevealed {
			audit: id,
			verifier,
			verdict,
		});

		let waits_for = |member: &AccountIdOf<T>| {
			Commitments::<T>::contains_key(id, member) && !Votes::<T>::contains_key(id, member)
		};
		if !committee.iter().any(waits_for) {
			// Nothing more can come: the votes are counted in the next block.
			audit.phase = Phase::Revealing {
				round,
				randomness,
				committee,
				until: now,
			};
			Audits::<T>::insert(id, audit);
			Self::schedule(id, now.saturating_add(1));
		}
		Ok(())
	}

	/// The window for commitments has passed: those who committed reveal.
	pub(crate) fn close_commits(
		now: BlockNumber,
		id: AuditId,
		mut audit: AuditOf<T>,
		round: u8,
		randomness: Hash,
		committee: CommitteeOf<T>,
	) -> Weight {
		if !committee
			.iter()
			.any(|member| Commitments::<T>::contains_key(id, member))
		{
			return Self::count_votes(now, id, audit, round, committee);
		}
		audit.phase = Self::open_reveals(now, id, round, randomness, committee);
		Audits::<T>::insert(id, audit);
		T::WeightInfo::service_close()
	}

	fn open_reveals(
		now: BlockNumber,
		id: AuditId,
		round: u8,
		randomness: Hash,
		committee: CommitteeOf<T>,
	) -> PhaseOf<T> {
		let until = now.saturating_add(T::RevealBlocks::get());
		Self::schedule(id, until.saturating_add(1));
		Self::deposit_event(Event::RevealOpened { audit: id });
		Phase::Revealing {
			round,
			randomness,
			committee,
			until,
		}
	}

	fn operator(worker: AccountIdOf<T>) -> Result<AccountIdOf<T>, Error<T>> {
		T::Bonds::operator_of(&worker.into()).ok_or(Error::<T>::NotPaired)
	}
}

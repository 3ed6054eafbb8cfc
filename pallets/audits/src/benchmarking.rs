//! Benchmarks. What happens in other pallets is measured with them, so run these in a runtime.

use crate::{Pallet as AuditsPallet, pallet::*, service::AuditAgenda, types::*};
use alloc::vec::Vec;
use frame_benchmarking::v2::*;
use infergrid_agenda::{Agenda as _, Costs};
use infergrid_primitives::{
	AuditId, BlockNumber, Hash,
	audit::{FINGERPRINT_LEN, Measures, Verdict, Vote},
	market::{Audits as AuditsTrait, Registry, Work},
	randomness::Ticket,
};
use polkadot_sdk::{
	frame_benchmarking,
	frame_support::{
		BoundedVec,
		traits::{EnsureOrigin, Get},
		weights::{Weight, WeightMeter},
	},
	frame_system::RawOrigin,
	sp_runtime::Perbill,
};

/// What benchmarks need from the pallets around this one.
pub trait BenchmarkHelper<AccountId> {
	/// Work on a profile for which `verifiers` bonded verifiers stand. In a runtime it is that of a
	/// delivered task, so that settling and refunding find something to do.
	fn work(verifiers: u32) -> Work<AccountId>;
	/// The account of a worker key that is paired with `operator`.
	fn worker_of(operator: &AccountId) -> AccountId;
	/// Lets all outputs of `ticket` be there.
	fn complete(ticket: &Ticket);
}

const SALT: Hash = [1; 32];

fn vote(verdict: Verdict) -> Vote {
	Vote {
		verdict,
		measures: Measures::default(),
		fingerprint: [100; FINGERPRINT_LEN],
	}
}

/// An audit of work for which `verifiers` stand.
fn audit<T: Config>(verifiers: u32) -> Result<AuditId, BenchmarkError> {
	let work = T::BenchmarkHelper::work(verifiers);
	AuditsPallet::<T>::submit(work).map_err(|_| BenchmarkError::Stop("work is refused"))
}

/// The end of a window that is open when the benchmark runs, which it does one block after its
/// set-up.
fn open_until<T: Config>() -> BlockNumber {
	AuditsPallet::<T>::now().saturating_add(1)
}

/// Puts `audit` into the hands of a full committee.
fn seat<T: Config>(id: AuditId) -> Result<CommitteeOf<T>, BenchmarkError> {
	let mut audit = stored::<T>(id)?;
	let excluded = [audit.work.miner.clone(), audit.work.payer.clone()];
	let drawn =
		T::Registry::draw_verifiers(&audit.work.profile, &[7; 32], T::Seats::get(), &excluded);
	if drawn.len() as u32 != T::Seats::get() {
		return Err(BenchmarkError::Stop("not enough verifiers"));
	}
	let committee: CommitteeOf<T> = BoundedVec::truncate_from(drawn);
	let until = open_until::<T>();
	audit.phase = Phase::Committing {
		round: 0,
		randomness: [7; 32],
		committee: committee.clone(),
		until,
	};
	Audits::<T>::insert(id, audit);
	Ok(committee)
}

/// Lets `members` commit to `vote`, without touching the phase.
fn commit<T: Config>(id: AuditId, members: &[AccountIdOf<T>], vote: &Vote) {
	for member in members {
		let account = member.clone().into();
		let hash = vote.commitment(&AuditsPallet::<T>::genesis_hash(), id, &account, &SALT);
		Commitments::<T>::insert(id, member, hash);
	}
}

fn reveals<T: Config>(id: AuditId, committee: &CommitteeOf<T>) -> Result<(), BenchmarkError> {
	let mut audit = stored::<T>(id)?;
	let until = open_until::<T>();
	audit.phase = Phase::Revealing {
		round: 0,
		randomness: [7; 32],
		committee: committee.clone(),
		until,
	};
	Audits::<T>::insert(id, audit);
	Ok(())
}

fn stored<T: Config>(id: AuditId) -> Result<AuditOf<T>, BenchmarkError> {
	Audits::<T>::get(id).ok_or(BenchmarkError::Stop("audit is stored"))
}

/// Makes the draw of a scheduled audit possible, and gives its block.
fn ready<T: Config>(id: AuditId) -> Result<BlockNumber, BenchmarkError> {
	match stored::<T>(id)?.phase {
		Phase::Scheduled {
			ticket, draw_at, ..
		} => {
			T::BenchmarkHelper::complete(&ticket);
			Ok(draw_at)
		}
		_ => Err(BenchmarkError::Stop("the audit is scheduled")),
	}
}

fn verdict<T: Config>(id: AuditId) -> Option<Verdict> {
	match Audits::<T>::get(id)?.phase {
		Phase::Concluded { verdict, .. } => Some(verdict),
		_ => None,
	}
}

#[benchmarks]
mod benches {
	use super::*;

	#[benchmark]
	fn commit_vote() -> Result<(), BenchmarkError> {
		let id = audit::<T>(T::Seats::get())?;
		let committee = seat::<T>(id)?;
		let (last, others) = committee
			.split_last()
			.ok_or(BenchmarkError::Stop("seats"))?;
		commit::<T>(id, others, &vote(Verdict::Valid));
		let worker = T::BenchmarkHelper::worker_of(last);

		#[extrinsic_call]
		_(RawOrigin::Signed(worker), id, [1; 32]);

		assert!(matches!(stored::<T>(id)?.phase, Phase::Revealing { .. }));
		Ok(())
	}

	#[benchmark]
	fn reveal_vote() -> Result<(), BenchmarkError> {
		let id = audit::<T>(T::Seats::get())?;
		let committee = seat::<T>(id)?;
		let ballot = vote(Verdict::Valid);
		commit::<T>(id, &committee, &ballot);
		reveals::<T>(id, &committee)?;
		let (last, others) = committee
			.split_last()
			.ok_or(BenchmarkError::Stop("seats"))?;
		for member in others {
			Votes::<T>::insert(id, member, ballot.clone());
		}
		let worker = T::BenchmarkHelper::worker_of(last);

		#[extrinsic_call]
		_(RawOrigin::Signed(worker), id, ballot, SALT);

		assert!(Votes::<T>::contains_key(id, last));
		Ok(())
	}

	#[benchmark]
	fn set_audit_rate() -> Result<(), BenchmarkError> {
		let origin =
			T::AdminOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, Perbill::from_percent(3));

		assert_eq!(AuditRate::<T>::get(), Perbill::from_percent(3));
		Ok(())
	}

	#[benchmark]
	fn service_page() {
		let now = AuditsPallet::<T>::now();
		for id in 0..AGENDA_PAGE {
			AuditsPallet::<T>::schedule(id.into(), now.saturating_add(1));
		}
		let at = now.saturating_add(1);
		AgendaCursor::<T>::put(infergrid_agenda::Cursor { block: at, page: 0 });
		let costs = Costs {
			page: Weight::zero(),
			item: Weight::zero(),
		};

		#[block]
		{
			AuditAgenda::<T>::serve(at, &mut WeightMeter::new(), costs, |_| Weight::zero());
		}
		assert_eq!(Agenda::<T>::decode_len(at, 0), None);
	}

	#[benchmark]
	fn service_idle() -> Result<(), BenchmarkError> {
		let id = audit::<T>(0)?;
		let mut sampled = stored::<T>(id)?;
		sampled.work.always = false;
		Probation::<T>::insert(&sampled.work.miner, T::ProbationPasses::get());
		Audits::<T>::insert(id, sampled);
		AuditRate::<T>::put(Perbill::zero());
		let now = ready::<T>(id)?;

		#[block]
		{
			AuditsPallet::<T>::serve_audit(now, id);
		}
		assert!(matches!(stored::<T>(id)?.phase, Phase::Escrowed { .. }));
		Ok(())
	}

	#[benchmark]
	fn service_draw(c: Linear<3, 64>) -> Result<(), BenchmarkError> {
		let id = audit::<T>(c.min(T::Registry::max_candidates()))?;
		let now = ready::<T>(id)?;

		#[block]
		{
			AuditsPallet::<T>::serve_audit(now, id);
		}
		assert!(matches!(stored::<T>(id)?.phase, Phase::Committing { .. }));
		Ok(())
	}

	#[benchmark]
	fn service_close() -> Result<(), BenchmarkError> {
		let id = audit::<T>(T::Seats::get())?;
		let committee = seat::<T>(id)?;
		let last: Vec<_> = committee.iter().rev().take(1).cloned().collect();
		commit::<T>(id, &last, &vote(Verdict::Valid));
		let now = open_until::<T>().saturating_add(1);

		#[block]
		{
			AuditsPallet::<T>::serve_audit(now, id);
		}
		assert!(matches!(stored::<T>(id)?.phase, Phase::Revealing { .. }));
		Ok(())
	}

	/// A condemnation: every member gets or loses money, and the miner does.
	#[benchmark]
	fn service_tally() -> Result<(), BenchmarkError> {
		let id = audit::<T>(T::Seats::get())?;
		let committee = seat::<T>(id)?;
		let ballot = vote(Verdict::Invalid);
		commit::<T>(id, &committee, &ballot);
		reveals::<T>(id, &committee)?;
		let majority = committee.len() / 2 + 1;
		for (seat, member) in committee.iter().enumerate() {
			let fingerprint = match seat < majority {
				true => ballot.fingerprint,
				false => [9_000; FINGERPRINT_LEN],
			};
			Votes::<T>::insert(
				id,
				member,
				Vote {
					fingerprint,
					..ballot.clone()
				},
			);
		}
		let now = open_until::<T>().saturating_add(1);

		#[block]
		{
			AuditsPallet::<T>::serve_audit(now, id);
		}
		assert_eq!(verdict::<T>(id), Some(Verdict::Invalid));
		Ok(())
	}

	#[benchmark]
	fn service_settle() -> Result<(), BenchmarkError> {
		let id = audit::<T>(0)?;
		let mut waiting = stored::<T>(id)?;
		let now = AuditsPallet::<T>::now();
		waiting.phase = Phase::Escrowed { until: now };
		Audits::<T>::insert(id, waiting);

		#[block]
		{
			AuditsPallet::<T>::serve_audit(now.saturating_add(1), id);
		}
		assert_eq!(verdict::<T>(id), Some(Verdict::Unproven));
		Ok(())
	}

	#[benchmark]
	fn service_prune() -> Result<(), BenchmarkError> {
		let id = audit::<T>(T::Seats::get())?;
		let committee = seat::<T>(id)?;
		for member in &committee {
			Votes::<T>::insert(id, member, vote(Verdict::Valid));
		}
		let mut over = stored::<T>(id)?;
		let at = AuditsPallet::<T>::now();
		over.phase = Phase::Concluded {
			verdict: Verdict::Valid,
			at,
		};
		Audits::<T>::insert(id, over);

		#[block]
		{
			AuditsPallet::<T>::serve_audit(at.saturating_add(T::HistoryDepth::get()), id);
		}
		assert!(!Audits::<T>::contains_key(id));
		Ok(())
	}

	impl_benchmark_test_suite!(AuditsPallet, crate::mock::new_test_ext(), crate::mock::Test);
}

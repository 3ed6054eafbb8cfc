//! One duty, from the draw to the revealed vote.
//!
//! A vote is recorded with its salt before its commitment is sent, so that a restart reveals the vote
//! that was committed.

use crate::{Verifier, VerifierError, opening::Asked, round::Round};
use infergrid_chain::{Duty, Phase, SubmitError, TaskStatus, persist_latest};
use infergrid_journal::Ballot;
use infergrid_primitives::{
	BlockNumber,
	audit::{FINGERPRINT_LEN, Measures, Verdict, Vote},
};
use infergrid_proof::{ComputeError, Examination, Remedy};
use std::time::{Duration, Instant};

/// Finalized blocks before the end of the commit window at which the verifier commits to what it
/// has: finality lags about three blocks behind, and the commitment needs one.
const COMMIT_MARGIN: BlockNumber = 5;
/// Blocks for which a vote is kept after the end of its commit window: a day at 3 s, more than its
/// audit can last.
const KEEP: BlockNumber = 28_800;
const RETRY_PAUSE: Duration = Duration::from_secs(2);

impl Verifier {
	/// One duty from beginning to end. An error stops the whole worker.
	pub(crate) async fn serve(&self, duty: Duty) -> Result<(), VerifierError> {
		let Some(round) = self.round(&duty).await? else {
			return Ok(());
		};
		if round.audit.work.profile != self.served.id {
			// The operator's worker for that profile has it.
			tracing::debug!(audit = duty.audit, "drawn for another profile");
			return Ok(());
		}
		self.metrics.drawn();
		tracing::info!(
			audit = duty.audit,
			task = duty.task,
			until = round.until,
			"on duty"
		);
		let key = (duty.audit, duty.round);
		let before = self
			.journal
			.run(move |journal| journal.ballot(key.0, key.1))
			.await?;
		let ballot = match before {
			Some(ballot) => ballot,
			None if round.revealing => {
				tracing::warn!(audit = duty.audit, "too late to commit to a vote");
				return Ok(());
			}
			None => {
				let Some(vote) = self.examine(&duty, &round).await? else {
					return Ok(());
				};
				tracing::info!(
					audit = duty.audit,
					vote.verdict = ?vote.verdict,
					vote.exact_tokens = vote.measures.exact_tokens,
					vote.positions = vote.measures.positions,
					vote.exponent_mismatches = vote.measures.exponent_mismatches,
					"examined"
				);
				self.metrics.examined(vote.verdict);
				let until = round.until.saturating_add(KEEP);
				self.journal
					.run(move |journal| journal.vote(key, vote.clone(), until))
					.await?
					.standing()
			}
		};
		if !round.revealing && !self.commit(&duty, &ballot, round.until).await? {
			return Ok(());
		}
		self.reveal(&duty, &ballot).await
	}

	/// The round of the duty, while it runs.
	async fn round(&self, duty: &Duty) -> Result<Option<Round>, VerifierError> {
		let audit = persist_latest(|| self.ledger.audit(duty.audit)).await?;
		let Some(audit) = audit else {
			return Ok(None);
		};
		let (round, randomness, committee, until, revealing) = match audit.phase.clone() {
			Phase::Committing {
				round,
				randomness,
				committee,
				until,
			} => (round, randomness, committee, until, false),
			Phase::Revealing {
				round,
				randomness,
				committee,
				until,
			} => (round, randomness, committee, until, true),
			Phase::Scheduled { .. } | Phase::Escrowed { .. } | Phase::Concluded { .. } => {
				return Ok(None);
			}
		};
		if round != duty.round || !committee.contains(&self.operator) {
			return Ok(None);
		}
		Ok(Some(Round {
			audit,
			randomness,
			until,
			revealing,
		}))
	}

	/// The vote on a receipt; None if the chain has no task to vote on.
	async fn examine(&self, duty: &Duty, round: &Round) -> Result<Option<Vote>, VerifierError> {
		let work = persist_latest(|| self.ledger.work(duty.task)).await?;
		let Some((task, receipt, inline)) = work else {
			return Ok(None);
		};
		let TaskStatus::Delivered { anchor, .. } = task.status else {
			return Ok(None);
		};
		// The window has room for generating the answer at the profile's least speed: a quarter of what
		// is left of it is enough for the examination.
		let left = round.until.saturating_sub(self.ledger.finalized());
		let give_up = round.until.saturating_sub((left / 4).max(COMMIT_MARGIN));
		let opening = match self.opening(duty, round, give_up).await? {
			Asked::Opened(opening) => *opening,
			Asked::Withheld => return Ok(Some(verdict_only(Verdict::Unavailable))),
			Asked::CutOff => return Ok(Some(verdict_only(Verdict::Unproven))),
		};
		let examination = Examination {
			genesis: self.ledger.genesis(),
			request: task.request,
			receipt,
			inline: inline.map(|text| String::from_utf8_lossy(&text).into_owned()),
			profile: self.served.profile.clone(),
			anchor,
			opening,
			randomness: round.randomness,
			audit: duty.audit,
		};
		self.judge(duty, round, examination).await.map(Some)
	}

	/// Judges an answer by the end of the commit window, again if the device failed for once.
	async fn judge(
		&self,
		duty: &Duty,
		round: &Round,
		examination: Examination,
	) -> Result<Vote, VerifierError> {
		loop {
			let last = round.until.saturating_sub(COMMIT_MARGIN);
			let blocks = last.saturating_sub(self.ledger.finalized());
			let deadline = Instant::now() + self.block_time.saturating_mul(blocks);
			let judged = tokio::select! {
				judged = self.compute.verify(examination.clone(), Some(deadline)) => judged,
				late = persist_latest(|| self.ledger.reach(last)) => {
					late?;
					Err(ComputeError::TooLate)
				},
			};
			let error = match judged {
				Ok(judgement) => {
					for violation in &judgement.violations {
						tracing::warn!(audit = duty.audit, task = duty.task, %violation, "the receipt is wrong");
					}
					return Ok(judgement.vote);
				}
				Err(error) => error,
			};
			match error.remedy() {
				Remedy::Die => return Err(VerifierError::Compute(error)),
				Remedy::Retry if self.ledger.finalized() < last => {
					tracing::warn!(audit = duty.audit, %error, "examining the receipt again");
					tokio::time::sleep(RETRY_PAUSE).await;
				}
				Remedy::Retry | Remedy::Skip => {
					tracing::error!(audit = duty.audit, %error, "the receipt cannot be examined in time");
					return Ok(verdict_only(Verdict::Unproven));
				}
			}
		}
	}

	/// Brings the commitment on chain. False if that is not possible any more.
	async fn commit(
		&self,
		duty: &Duty,
		ballot: &Ballot,
		until: BlockNumber,
	) -> Result<bool, VerifierError> {
		let genesis = self.ledger.genesis();
		let commitment = ballot
			.vote
			.commitment(&genesis, duty.audit, &self.operator, &ballot.salt);
		let committed = || persist_latest(|| self.ledger.commitment(duty.audit, &self.operator));
		let mut found = committed().await?;
		if found.is_none() {
			let commit = self.ledger.commit(duty.audit, &commitment, until);
			if self.sent(duty, commit).await {
				return Ok(true);
			}
			// An earlier submission of the same commitment may have come first.
			found = committed().await?;
		}
		if found.is_some_and(|found| found != commitment) {
			tracing::error!(
				audit = duty.audit,
				"another vote was committed with this key; two workers share it"
			);
		}
		Ok(found == Some(commitment))
	}

	/// Waits for the time to reveal, and reveals.
	async fn reveal(&self, duty: &Duty, ballot: &Ballot) -> Result<(), VerifierError> {
		let mut next = self.ledger.finalized();
		loop {
			persist_latest(|| self.ledger.reach(next)).await?;
			next = self.ledger.finalized().max(next).saturating_add(1);
			let Some(round) = self.round(duty).await? else {
				return Ok(());
			};
			if !round.revealing {
				continue;
			}
			if persist_latest(|| self.ledger.has_voted(duty.audit, &self.operator)).await? {
				return Ok(());
			}
			let reveal = self
				.ledger
				.reveal(duty.audit, &ballot.vote, &ballot.salt, round.until);
			if self.sent(duty, reveal).await {
				tracing::info!(audit = duty.audit, "revealed the vote");
				self.metrics.revealed();
			}
			return Ok(());
		}
	}

	/// Whether a call of this duty has come. A refusal concerns this duty, and no other.
	async fn sent(
		&self,
		duty: &Duty,
		submission: impl Future<Output = Result<(), SubmitError>>,
	) -> bool {
		let result = submission.await;
		if let Err(error) = &result {
			tracing::error!(audit = duty.audit, %error, "the chain does not take it");
		}
		result.is_ok()
	}
}

/// A vote that rests on no computation.
fn verdict_only(verdict: Verdict) -> Vote {
	Vote {
		verdict,
		measures: Measures::default(),
		fingerprint: [0; FINGERPRINT_LEN],
	}
}

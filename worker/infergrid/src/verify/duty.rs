//! From the draw of a committee to the revealed vote.
//!
//! Duties are read from the chain, so that a restart finds them again; a vote is recorded with its
//! salt before its commitment is sent, so that a restart reveals the vote that was committed.

use crate::{
	engine::{EngineHandle, Examination},
	failure::{Failure, needs_fees},
	follow::{Follower, Step, persist},
	profile::Served,
};
use infergrid_chain::{
	Advice, Audit, Call, Chain, Duty, Event, Offer, Phase, ReadError, Submitter, TaskStatus, View,
};
use infergrid_journal::{Ballot, Journal};
use infergrid_primitives::{
	AccountBytes, AuditId, BlockNumber, Hash,
	audit::{FINGERPRINT_LEN, Measures, Verdict, Vote},
	request::Opening,
};
use infergrid_swarm::{OpeningRequest, PeerAddress, PeerId, SwarmHandle};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Finalized blocks before the end of the commit window at which the verifier commits to what it
/// has: finality lags about three blocks behind, and the commitment needs one.
const COMMIT_MARGIN: BlockNumber = 5;
/// Finalized blocks for which the miner is asked even by a verifier that comes late.
const LEAST_ASKING: BlockNumber = 3;
/// Blocks for which a vote is kept after the end of its commit window: a day at 3 s, more than its
/// audit can last.
const KEEP: BlockNumber = 28_800;
const ASK_PAUSE: Duration = Duration::from_secs(2);
const RETRY_PAUSE: Duration = Duration::from_secs(2);

/// A verifier's worker.
#[derive(Debug)]
pub(crate) struct Verifier {
	pub(crate) chain: Chain,
	pub(crate) submitter: Submitter,
	pub(crate) engine: EngineHandle,
	pub(crate) journal: Journal,
	pub(crate) swarm: SwarmHandle,
	pub(crate) operator: AccountBytes,
	pub(crate) served: Served,
}

/// The running round of an audit, as this verifier sees it.
struct Round {
	audit: Audit,
	randomness: Hash,
	until: BlockNumber,
	revealing: bool,
}

/// Does the duties that the chain draws for the verifier, until `stop`.
pub(crate) async fn follow(
	verifier: Arc<Verifier>,
	stop: CancellationToken,
) -> Result<(), Failure> {
	let mut follower = Follower::new(verifier.chain.clone(), stop);
	// The chain bounds their number by the work that miners may have unsettled.
	let mut working = JoinSet::new();
	let mut known = HashSet::new();
	loop {
		let step = tokio::select! {
			biased;
			Some(ended) = working.join_next() => {
				let key = ended.map_err(Failure::internal)??;
				known.remove(&key);
				continue;
			},
			step = follower.next() => step?,
		};
		let duties = match step {
			None => return Ok(()),
			Some(Step::Rescan(view)) => persist(|| view.duties(&verifier.operator)).await?,
			Some(Step::Block(_, events)) => drawn(&verifier, events),
		};
		for duty in duties {
			let key = (duty.audit, duty.round);
			if known.insert(key) {
				let verifier = verifier.clone();
				working.spawn(async move { verifier.serve(duty).await.map(|()| key) });
			}
		}
	}
}

fn drawn(verifier: &Verifier, events: Vec<Event>) -> Vec<Duty> {
	let mut duties = Vec::new();
	for event in events {
		match event {
			Event::AuditDrawn(event) if event.committee.contains(&verifier.operator) => {
				duties.push(Duty {
					audit: event.audit,
					task: event.task,
					round: event.round,
				});
			}
			Event::VerifierPunished(event) if event.verifier == verifier.operator => {
				tracing::error!(audit = event.audit, amount = event.amount, "punished");
			}
			_ => {}
		}
	}
	duties
}

impl Verifier {
	/// One duty from beginning to end. An error stops the whole worker.
	async fn serve(&self, duty: Duty) -> Result<(), Failure> {
		let Some(round) = self.round(&duty).await? else {
			return Ok(());
		};
		tracing::info!(
			audit = duty.audit,
			task = duty.task,
			until = round.until,
			"on duty"
		);
		let ballot = match self.journal.ballot(duty.audit, duty.round)? {
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
				let until = round.until.saturating_add(KEEP);
				self.journal
					.vote((duty.audit, duty.round), vote, until)?
					.standing()
			}
		};
		if !round.revealing && !self.commit(&duty, &ballot, round.until).await? {
			return Ok(());
		}
		self.reveal(&duty, &ballot).await
	}

	/// The round of the duty, while it runs.
	async fn round(&self, duty: &Duty) -> Result<Option<Round>, Failure> {
		let audit = self
			.read(|view| async move { view.audit(duty.audit).await })
			.await?;
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
	async fn examine(&self, duty: &Duty, round: &Round) -> Result<Option<Vote>, Failure> {
		let (task, receipt, inline) = self
			.read(|view| async move {
				Ok((
					view.task(duty.task).await?,
					view.receipt(duty.task).await?,
					view.prompt(duty.task).await?,
				))
			})
			.await?;
		let (Some(task), Some(receipt)) = (task, receipt) else {
			return Ok(None);
		};
		let TaskStatus::Delivered { assigned_at, .. } = task.status else {
			return Ok(None);
		};
		if task.request.profile != self.served.id {
			tracing::warn!(
				audit = duty.audit,
				"drawn for a profile that this worker does not serve"
			);
			return Ok(None);
		}
		let inline = inline.map(|text| String::from_utf8_lossy(&text).into_owned());
		let Some(opening) = self.opening(duty, round).await? else {
			return Ok(Some(verdict_only(Verdict::Unavailable)));
		};
		let examination = Examination {
			genesis: self.chain.genesis(),
			request: task.request,
			receipt,
			inline,
			profile: self.served.profile.clone(),
			anchor: persist(|| self.chain.block(assigned_at)).await?.hash,
			opening,
			randomness: round.randomness,
			audit: duty.audit,
		};
		let mut last = self.chain.blocks(round.until.saturating_sub(COMMIT_MARGIN));
		let judgement = tokio::select! {
			judgement = self.engine.verify(examination) => judgement,
			late = persist_next(&mut last) => {
				late?;
				tracing::warn!(audit = duty.audit, "the examination takes longer than the chain grants");
				return Ok(Some(verdict_only(Verdict::Unproven)));
			},
		};
		match judgement {
			Ok(judgement) => {
				for violation in &judgement.violations {
					tracing::warn!(audit = duty.audit, task = duty.task, %violation, "the receipt is wrong");
				}
				Ok(Some(judgement.vote))
			}
			Err(error) if error.fatal() => Err(Failure::outside(error)),
			Err(error) => {
				tracing::warn!(audit = duty.audit, %error, "the receipt cannot be examined");
				Ok(Some(verdict_only(Verdict::Unproven)))
			}
		}
	}

	/// Asks the miner for the opening until what is left of the window is needed for the examination:
	/// a quarter of it, as the window has room for generating the answer at the profile's least speed.
	async fn opening(&self, duty: &Duty, round: &Round) -> Result<Option<Opening>, Failure> {
		let now = self.chain.finalized();
		let examination = round.until.saturating_sub(now) / 4;
		let give_up = round
			.until
			.saturating_sub(examination.max(COMMIT_MARGIN))
			.max(now.saturating_add(LEAST_ASKING));
		let mut last = self.chain.blocks(give_up);
		let mut reason = "it does not answer".to_owned();
		let asking = async {
			loop {
				match self.ask(duty, round).await? {
					Ok(opening) => return Ok(opening),
					Err(error) => reason = error,
				}
				tracing::debug!(audit = duty.audit, %reason, "no opening yet");
				tokio::time::sleep(ASK_PAUSE).await;
			}
		};
		tokio::select! {
			opening = asking => return opening.map(Some),
			late = persist_next(&mut last) => late?,
		};
		tracing::warn!(audit = duty.audit, %reason, "the miner does not open the receipt");
		Ok(None)
	}

	/// Asks the miner once, at the address in its offer: the present one, or the one under which it
	/// worked.
	async fn ask(&self, duty: &Duty, round: &Round) -> Result<Result<Opening, String>, Failure> {
		let work = &round.audit.work;
		let offer = self
			.read(|view| async move { view.offer(&work.profile, &work.miner).await })
			.await?;
		let offer = match offer {
			Some(offer) => Some(offer),
			None => self.offer_before(round).await,
		};
		let Some(offer) = offer else {
			return Ok(Err("the miner has withdrawn its offer".into()));
		};
		let Ok(peer) = PeerId::from_bytes(&offer.terms.peer) else {
			return Ok(Err("the offer's peer id is none".into()));
		};
		let address = String::from_utf8_lossy(&offer.terms.address).into_owned();
		let to = PeerAddress { peer, address };
		let me = self.swarm.peer_id().to_bytes();
		let request = OpeningRequest {
			audit: duty.audit,
			task: duty.task,
			round: duty.round,
			worker: self.submitter.account(),
			signature: self.submitter.key().sign_opening_request(
				&self.chain.genesis(),
				duty.task,
				duty.round,
				&me,
			),
		};
		Ok(self
			.swarm
			.fetch_opening(&to, request)
			.await
			.map_err(|error| error.to_string()))
	}

	/// The miner's offer when its result came in, if the node still has that state.
	async fn offer_before(&self, round: &Round) -> Option<Offer> {
		let before = round.audit.included_at.saturating_sub(1);
		let work = &round.audit.work;
		let view = self.chain.at(self.chain.block(before).await.ok()?).await;
		let offer = view.ok()?.offer(&work.profile, &work.miner).await;
		offer.ok().flatten()
	}

	/// Brings the commitment on chain. False if that is not possible any more.
	async fn commit(
		&self,
		duty: &Duty,
		ballot: &Ballot,
		until: BlockNumber,
	) -> Result<bool, Failure> {
		let genesis = self.chain.genesis();
		let commitment = ballot
			.vote
			.commitment(&genesis, duty.audit, &self.operator, &ballot.salt);
		let mut found = self.committed(duty).await?;
		if found.is_none() {
			let call = Call::commit_vote(duty.audit, &commitment);
			if self.send(duty.audit, &call, until).await? {
				return Ok(true);
			}
			// An earlier submission of the same commitment may have come first.
			found = self.committed(duty).await?;
		}
		if found.is_some_and(|found| found != commitment) {
			tracing::error!(
				audit = duty.audit,
				"another vote was committed with this key; two workers share it"
			);
		}
		Ok(found == Some(commitment))
	}

	/// What stands on chain as this verifier's commitment.
	async fn committed(&self, duty: &Duty) -> Result<Option<Hash>, Failure> {
		self.read(|view| async move { view.commitment(duty.audit, &self.operator).await })
			.await
	}

	/// Waits for the time to reveal, and reveals.
	async fn reveal(&self, duty: &Duty, ballot: &Ballot) -> Result<(), Failure> {
		let mut blocks = self.chain.blocks(self.chain.finalized());
		loop {
			persist_next(&mut blocks).await?;
			let Some(round) = self.round(duty).await? else {
				return Ok(());
			};
			if !round.revealing {
				continue;
			}
			let voted = self
				.read(|view| async move { view.vote(duty.audit, &self.operator).await })
				.await?;
			if voted.is_some() {
				return Ok(());
			}
			let call = Call::reveal_vote(duty.audit, &ballot.vote, &ballot.salt);
			if self.send(duty.audit, &call, round.until).await? {
				tracing::info!(audit = duty.audit, "revealed the vote");
			}
			return Ok(());
		}
	}

	/// Reads the state after the last finalized block, which moves on while the node does not answer.
	async fn read<T, F>(&self, read: impl Fn(View) -> F) -> Result<T, Failure>
	where
		F: Future<Output = Result<T, ReadError>>,
	{
		persist(|| async { read(self.chain.latest().await?).await }).await
	}

	/// Submits a call of this duty. False if it came too late.
	async fn send(&self, audit: AuditId, call: &Call, by: BlockNumber) -> Result<bool, Failure> {
		loop {
			let error = match self.submitter.submit(call, Some(by)).await {
				Ok(_) => return Ok(true),
				Err(error) => error,
			};
			match error.advice() {
				Advice::Retry => {
					tracing::warn!(audit, %error, "not on chain yet");
					tokio::time::sleep(RETRY_PAUSE).await;
				}
				Advice::Skip => {
					tracing::warn!(audit, %error, "the chain does not take it");
					return Ok(false);
				}
				Advice::Die => return Err(needs_fees(error)),
			}
		}
	}
}

async fn persist_next(
	blocks: &mut infergrid_chain::Blocks,
) -> Result<infergrid_chain::BlockId, Failure> {
	loop {
		match blocks.next().await {
			Ok(block) => return Ok(block),
			Err(error) if error.advice() == Advice::Die => return Err(error.into()),
			Err(_) => tokio::time::sleep(RETRY_PAUSE).await,
		}
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

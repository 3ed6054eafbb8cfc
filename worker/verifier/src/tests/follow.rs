//! What the verifier makes of the chain's steps.

use super::fake::{DUTY, MINER, OPERATOR, OTHER_MINER, Scene, UNTIL, scene};
use crate::VerifierError;
use infergrid_chain::{
	Event, ReadError, event,
	fake::{FakeWalk, Lead, forgotten},
};
use infergrid_primitives::{AIT, AccountBytes, AuditId, audit::Verdict, market::Role};
use infergrid_proof::fake::Fault;
use std::time::Duration;
use tokio::{task::JoinHandle, time::sleep};

impl Scene {
	/// Lets the verifier follow a chain whose blocks the lead makes.
	fn follow(&self) -> (Lead, JoinHandle<Result<(), VerifierError>>) {
		let (walk, lead) = FakeWalk::new(self.ledger.clone());
		(lead, tokio::spawn(self.verifier.clone().follow(walk)))
	}

	fn duties_taken_up(&self) -> u64 {
		self.verifier.metrics.counts().0
	}
}

fn drawn(audit: AuditId, round: u8, committee: &[AccountBytes]) -> Event {
	Event::AuditDrawn(event::AuditDrawn {
		audit,
		task: DUTY.task,
		round,
		committee: committee.to_vec(),
		commit_by: UNTIL,
		reveal_by: UNTIL + 20,
		randomness: [4; 32],
	})
}

fn deposit(who: AccountBytes, amount: u128) -> Event {
	Event::Deposit(event::Deposit { who, amount })
}

fn slashed(operator: AccountBytes, role: Role) -> Event {
	Event::Slashed(event::Slashed {
		operator,
		role,
		amount: 4 * AIT,
	})
}

fn miner_punished(audit: AuditId) -> Event {
	Event::MinerPunished(event::MinerPunished {
		audit,
		miner: MINER,
		amount: 4 * AIT,
	})
}

fn verifier_punished(audit: AuditId, verifier: AccountBytes) -> Event {
	Event::VerifierPunished(event::VerifierPunished {
		audit,
		verifier,
		amount: 4 * AIT,
	})
}

/// A fee that comes back, a slash with a share for the verifier, and one of the verifier itself.
fn verdict() -> Vec<Event> {
	vec![
		deposit(OPERATOR, 9 * AIT),
		slashed(MINER, Role::Miner),
		deposit(OTHER_MINER, AIT),
		deposit(OPERATOR, 3 * AIT),
		miner_punished(DUTY.audit),
		slashed(OPERATOR, Role::Verifier),
		verifier_punished(DUTY.audit, OPERATOR),
		deposit(OPERATOR, AIT),
	]
}

#[tokio::test(start_paused = true)]
async fn a_duty_is_done_once_however_often_it_is_found() {
	let scene = scene();
	scene.ledger.state().duties.push(DUTY);
	let (mut lead, following) = scene.follow();
	lead.block(vec![drawn(DUTY.audit, DUTY.round, &[OPERATOR])])
		.await;
	lead.miss().await;
	assert_eq!(lead.rescans(), 2);
	scene.committed(1).await;
	scene.reveal();
	lead.block(Vec::new()).await;
	while scene.ledger.state().votes.is_empty() {
		sleep(Duration::from_secs(1)).await;
	}
	let (vote, _) = scene.ledger.state().votes[0].clone();
	assert_eq!(vote.verdict, Verdict::Valid);
	assert_eq!(scene.duties_taken_up(), 1);
	drop(lead);
	following.await.unwrap().unwrap();
	assert_eq!(scene.ledger.state().commitments.len(), 1);
	assert_eq!(scene.ledger.state().votes.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_draw_is_a_duty_and_a_redraw_is_another() {
	let scene = scene();
	let (mut lead, _following) = scene.follow();
	lead.block(vec![drawn(DUTY.audit, 0, &[OTHER_MINER])]).await;
	assert_eq!(scene.duties_taken_up(), 0);
	lead.block(vec![drawn(DUTY.audit, 0, &[OTHER_MINER, OPERATOR])])
		.await;
	scene.committed(1).await;
	assert_eq!(scene.duties_taken_up(), 1);

	// The fake chain knows the last commitment, of whatever draw.
	let first = scene.ledger.state().commitments.pop();
	scene.draw(1);
	lead.block(vec![drawn(DUTY.audit, 1, &[OPERATOR])]).await;
	scene.committed(1).await;
	assert_eq!(scene.duties_taken_up(), 2);
	assert_ne!(scene.ledger.state().commitments.last(), first.as_ref());
}

#[tokio::test(start_paused = true)]
async fn a_restart_finds_duties_again() {
	let scene = scene();
	let (mut lead, following) = scene.follow();
	lead.block(vec![drawn(DUTY.audit, DUTY.round, &[OPERATOR])])
		.await;
	scene.committed(1).await;
	drop(lead);
	following.await.unwrap().unwrap();

	scene.ledger.state().duties.push(DUTY);
	let (_lead, _following) = scene.follow();
	scene.reveal();
	while scene.ledger.state().votes.is_empty() {
		sleep(Duration::from_secs(1)).await;
	}
	assert_eq!(scene.ledger.state().commitments.len(), 1);
	assert_eq!(scene.model.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_fails_is_made_anew() {
	let scene = scene();
	scene.ledger.state().duties.push(DUTY);
	let failing = [ReadError::UnknownBlock(9), forgotten()];
	scene.ledger.state().failures.extend(failing);
	let (mut lead, following) = scene.follow();
	lead.block(Vec::new()).await;
	assert_eq!(lead.rescans(), 2);
	scene.committed(1).await;

	let failing = ReadError::Closed;
	scene.ledger.state().failures.push_back(failing);
	lead.miss().await;
	let error = following.await.unwrap().unwrap_err();
	assert!(matches!(error, VerifierError::Chain(ReadError::Closed)));
}

#[tokio::test(start_paused = true)]
async fn an_undecodable_record_gives_up_only_itself() {
	let scene = scene();
	scene.ledger.state().undecodable.insert(5);
	let (mut lead, following) = scene.follow();
	let mut events = vec![
		drawn(5, 0, &[OPERATOR]),
		slashed(MINER, Role::Miner),
		deposit(OPERATOR, AIT),
		miner_punished(5),
		verifier_punished(5, OPERATOR),
		drawn(DUTY.audit, DUTY.round, &[OPERATOR]),
	];
	events.extend(verdict());
	lead.block(events).await;
	scene.committed(1).await;
	lead.block(Vec::new()).await;
	assert_eq!(lead.rescans(), 1);
	assert_eq!(scene.verifier.metrics.counts(), (1, 3.0, 4.0));
	assert!(!following.is_finished());
}

#[tokio::test(start_paused = true)]
async fn shares_of_slashes_are_earned_and_nothing_else() {
	let scene = scene();
	let (mut lead, _following) = scene.follow();
	lead.block(verdict()).await;
	assert_eq!(scene.verifier.metrics.counts(), (0, 3.0, 4.0));
	// Another verifier's slash has its share, too, and is not this one's loss.
	lead.block(vec![
		slashed(OTHER_MINER, Role::Verifier),
		deposit(OPERATOR, 2 * AIT),
		verifier_punished(DUTY.audit, OTHER_MINER),
	])
	.await;
	assert_eq!(scene.verifier.metrics.counts(), (0, 5.0, 4.0));
}

#[tokio::test(start_paused = true)]
async fn what_audits_of_others_give_and_take_is_not_counted() {
	for own in [false, true] {
		let scene = scene();
		match own {
			// The operator paid for the answer, and has a payer's share.
			true => scene.ledger.state().audit.work.payer = OPERATOR,
			// Another worker of the operator is drawn for that profile.
			false => scene.ledger.state().audit.work.profile = [99; 32],
		}
		let (mut lead, _following) = scene.follow();
		lead.block(verdict()).await;
		assert_eq!(scene.verifier.metrics.counts(), (0, 0.0, 0.0));
	}
}

#[tokio::test(start_paused = true)]
async fn a_vote_is_forgotten_when_its_audit_is_long_over() {
	let scene = scene();
	let (mut lead, _following) = scene.follow();
	lead.block(vec![drawn(DUTY.audit, DUTY.round, &[OPERATOR])])
		.await;
	scene.committed(1).await;
	let kept = || !scene.verifier.journal.ballots().unwrap().is_empty();
	scene.ledger.finalize(28_800);
	lead.block(Vec::new()).await;
	assert!(kept());
	scene.ledger.finalize(28_900);
	lead.block(Vec::new()).await;
	assert!(!kept());
}

#[tokio::test(start_paused = true)]
async fn a_model_that_has_stopped_ends_the_walk() {
	let scene = scene();
	scene.model.fail_next(0, Fault::Stop);
	scene.ledger.state().duties.push(DUTY);
	let (_lead, following) = scene.follow();
	let error = following.await.unwrap().unwrap_err();
	assert!(matches!(error, VerifierError::Compute(_)), "{error}");
}

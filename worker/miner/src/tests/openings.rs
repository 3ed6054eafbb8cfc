//! Who may see an answer's opening, and when.

use super::fake::{GENESIS, OPERATOR, PROMPT, SALT, Scene, scene};
use crate::{MinerService, jobs::Prompt};
use infergrid_chain::{Audit, Phase};
use infergrid_keys::Key;
use infergrid_primitives::{AccountBytes, market::Work};
use infergrid_proof::fake::Echo;
use infergrid_swarm::{NodeSecret, OpeningReply, OpeningRequest, Openings, PeerId, Refusal};

const VERIFIER: AccountBytes = [21; 32];
const AUDIT: u64 = 4;

fn peer() -> PeerId {
	NodeSecret::new([1; 32]).peer_id().unwrap()
}

fn verifier() -> Key {
	Key::from_uri("//Charlie//worker").unwrap()
}

/// A scene in which task 1 is answered, delivered, and audited by [`VERIFIER`] in round 0.
async fn audited() -> Scene {
	let scene = scene(Echo::new());
	let job = scene.assign(1, scene.task(3));
	job.offer_prompt(Prompt {
		salt: SALT,
		ids: PROMPT.to_vec(),
	});
	scene.miner.clone().work(job).await.unwrap();
	let audit = Audit {
		work: Work {
			task: 1,
			payer: [1; 32],
			miner: OPERATOR,
			profile: [3; 32],
			tokens: 6,
			fee: 9,
			always: true,
		},
		included_at: 20,
		phase: Phase::Committing {
			round: 0,
			randomness: [0; 32],
			committee: vec![VERIFIER],
			until: 60,
		},
	};
	let mut state = scene.ledger.state();
	state.audits.insert(AUDIT, audit);
	state.workers.insert(verifier().public(), VERIFIER);
	drop(state);
	scene
}

async fn open(scene: &Scene, key: &Key, round: u8) -> Result<Vec<u32>, Refusal> {
	let request = OpeningRequest {
		audit: AUDIT,
		task: 1,
		round,
		worker: key.public(),
		signature: key.sign_opening_request(&GENESIS, 1, round, &peer().to_bytes()),
	};
	let service = MinerService::new(scene.miner.clone());
	service.who_opens(peer(), &request).await?;
	match service.opening(peer(), request).await {
		OpeningReply::Opening(opening) => Ok(opening.output),
		OpeningReply::Refused(refusal) => Err(refusal),
	}
}

#[tokio::test(start_paused = true)]
async fn a_drawn_verifier_gets_the_opening_of_its_round() {
	let scene = audited().await;
	assert_eq!(open(&scene, &verifier(), 0).await, Ok(vec![31, 32, 33]));
	assert_eq!(open(&scene, &verifier(), 1).await, Err(Refusal::Unknown));
}

#[tokio::test(start_paused = true)]
async fn nobody_else_gets_it() {
	let scene = audited().await;
	let stranger = Key::from_uri("//Eve").unwrap();
	assert_eq!(open(&scene, &stranger, 0).await, Err(Refusal::NotAssigned));
}

#[tokio::test(start_paused = true)]
async fn what_another_worker_of_the_operator_delivered_is_not_opened_with_this_ones_answer() {
	let scene = audited().await;
	if let Some(receipt) = scene.ledger.state().receipts.get_mut(&1) {
		receipt.output_commit = [0; 32];
	}
	assert_eq!(
		open(&scene, &verifier(), 0).await,
		Err(Refusal::Unavailable)
	);
}

#[tokio::test(start_paused = true)]
async fn once_the_audit_is_over_nothing_is_opened() {
	let scene = audited().await;
	if let Some(audit) = scene.ledger.state().audits.get_mut(&AUDIT) {
		audit.phase = Phase::Escrowed { until: 99 };
	}
	assert_eq!(open(&scene, &verifier(), 0).await, Err(Refusal::Expired));
}

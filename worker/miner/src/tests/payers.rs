//! What payers get, and what strangers do not.

use super::fake::{GENESIS, PROMPT, SALT, Scene, scene};
use crate::MinerService;
use infergrid_keys::Key;
use infergrid_proof::fake::Echo;
use infergrid_swarm::{
	Answers, FrameSender, InferFrame, InferLimits, InferRequest, NodeSecret, PeerId, Refusal,
};
use std::sync::Arc;
use tokio::{sync::mpsc, time::timeout};

fn peer() -> PeerId {
	NodeSecret::new([1; 32]).peer_id().unwrap()
}

fn request(payer: &Key, peer: &PeerId) -> InferRequest {
	InferRequest {
		task: 1,
		salt: SALT,
		prompt: PROMPT.to_vec(),
		payer_key: payer.public(),
		signature: payer.sign_delivery_request(&GENESIS, 1, &peer.to_bytes()),
	}
}

/// Asks as the swarm does for a peer.
fn ask(scene: &Scene, request: InferRequest) -> mpsc::Receiver<InferFrame> {
	let service = MinerService::new(scene.miner.clone());
	let (frames, receiver) = FrameSender::channel(64);
	tokio::spawn(async move {
		let mut who = service.who_infers(peer(), &request).await;
		if who == Err(Refusal::Unknown) {
			let _ = timeout(InferLimits::default().wait, service.known(request.task)).await;
			who = service.who_infers(peer(), &request).await;
		}
		match who {
			Ok(_) => service.infer(peer(), request, frames).await,
			Err(refusal) => drop(frames.send(InferFrame::Refused(refusal)).await),
		}
	});
	receiver
}

async fn refusal(mut frames: mpsc::Receiver<InferFrame>) -> Refusal {
	match frames.recv().await {
		Some(InferFrame::Refused(refusal)) => refusal,
		other => panic!("{other:?}"),
	}
}

async fn tokens(mut frames: mpsc::Receiver<InferFrame>) -> (Vec<u32>, bool) {
	let mut tokens = Vec::new();
	let mut done = false;
	while let Some(frame) = frames.recv().await {
		match frame {
			InferFrame::Tokens(part) => tokens.extend(part),
			InferFrame::Done { .. } => done = true,
			InferFrame::Accepted => {}
			InferFrame::Refused(refusal) => panic!("{refusal}"),
		}
	}
	(tokens, done)
}

#[tokio::test(start_paused = true)]
async fn the_payer_brings_its_prompt_and_gets_the_answer() {
	let scene = scene(Echo::new());
	let job = scene.assign(1, scene.task(3));
	let work = tokio::spawn(scene.miner.clone().work(job));
	let frames = ask(&scene, request(&scene.payer, &peer()));
	assert_eq!(tokens(frames).await, (vec![31, 32, 33], true));
	work.await.unwrap().unwrap();
	// The work's memory is gone; the journal has the answer.
	let frames = ask(&scene, request(&scene.payer, &peer()));
	assert_eq!(tokens(frames).await, (vec![31, 32, 33], true));
}

#[tokio::test(start_paused = true)]
async fn nobody_else_gets_it_and_nobody_can_bring_another_prompt() {
	let scene = scene(Echo::new());
	let job = scene.assign(1, scene.task(3));
	let stranger = Key::from_uri("//Eve").unwrap();
	assert_eq!(
		refusal(ask(&scene, request(&stranger, &peer()))).await,
		Refusal::Unauthorised
	);
	let stolen = request(&scene.payer, &NodeSecret::new([2; 32]).peer_id().unwrap());
	assert_eq!(refusal(ask(&scene, stolen)).await, Refusal::Unauthorised);
	let mut other = request(&scene.payer, &peer());
	other.prompt[0] += 1;
	assert_eq!(refusal(ask(&scene, other)).await, Refusal::PromptMismatch);
	assert!(!job.has_prompt());
}

#[tokio::test(start_paused = true)]
async fn a_payer_that_knows_of_the_task_first_is_kept_waiting_for_a_while() {
	let scene = scene(Echo::new());
	let frames = ask(&scene, request(&scene.payer, &peer()));
	tokio::time::sleep(InferLimits::default().wait / 2).await;
	let job = scene.assign(1, scene.task(2));
	tokio::spawn(Arc::clone(&scene.miner).work(job));
	assert_eq!(tokens(frames).await, (vec![31, 32], true));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_task_is_refused_in_the_end() {
	let scene = scene(Echo::new());
	assert_eq!(
		refusal(ask(&scene, request(&scene.payer, &peer()))).await,
		Refusal::Unknown
	);
}

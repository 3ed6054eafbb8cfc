//! What a miner answers to its peers: payers who want their answer, verifiers who want an opening.

use crate::{
	jobs::{Progress, Prompt},
	miner::Miner,
};
use async_trait::async_trait;
use infergrid_chain::{Phase, Task};
use infergrid_journal::Delivery;
use infergrid_keys::{verify_delivery_request, verify_opening_request};
use infergrid_primitives::{AccountBytes, TaskId, request::PromptCommitment};
use infergrid_swarm::{
	Answers, FrameSender, InferFrame, InferRequest, OpeningReply, OpeningRequest, Openings, PeerId,
	Refusal,
};
use std::sync::Arc;
use tokio::sync::watch;

/// Tokens in one frame; it holds 16,000.
const TOKENS_PER_FRAME: usize = 4_096;

/// Answers peers for a miner.
#[derive(Debug)]
pub struct MinerService {
	miner: Arc<Miner>,
}

impl MinerService {
	/// The service of `miner`.
	pub fn new(miner: Arc<Miner>) -> Self {
		Self { miner }
	}

	async fn answer(&self, request: InferRequest, frames: &FrameSender) -> Result<(), Refusal> {
		let genesis = self.miner.ledger.genesis();
		let Some(job) = self.miner.jobs.get(request.task) else {
			return self.finished(request.task, frames).await;
		};
		authorise(&job.task, &request)?;
		if let PromptCommitment::Salted { .. } = job.task.request.prompt
			&& !job.has_prompt()
		{
			let prompt = Prompt {
				salt: request.salt,
				ids: request.prompt,
			};
			if !prompt.fits(&genesis, &job.task.request.prompt) {
				return Err(Refusal::PromptMismatch);
			}
			job.offer_prompt(prompt);
		}
		stream(job.watch(), frames).await
	}

	/// Gives an answer that was finished before.
	async fn finished(&self, task: TaskId, frames: &FrameSender) -> Result<(), Refusal> {
		let delivery = self.delivery(task).await?.ok_or(Refusal::Unknown)?;
		let progress = Progress {
			tokens: delivery.opening.output.clone(),
			end: Some(Ok(Arc::new(delivery))),
		};
		stream(watch::Sender::new(progress).subscribe(), frames).await
	}

	async fn delivery(&self, task: u64) -> Result<Option<Delivery>, Refusal> {
		let journal = &self.miner.journal;
		journal
			.run(move |journal| journal.delivery(task))
			.await
			.map_err(internal)
	}

	/// The opening of a receipt, for somebody who was drawn to see it.
	async fn open(&self, request: &OpeningRequest) -> Result<OpeningReply, Refusal> {
		let miner = &self.miner;
		// Another worker of the same operator may have delivered: its answer cannot be opened with this
		// one's, and the verifiers would take the attempt for a forgery.
		let standing = miner.ledger.receipt(request.task).await.map_err(internal)?;
		let delivery = self.delivery(request.task).await?;
		delivery
			.filter(|delivery| standing.as_ref() == Some(&delivery.receipt))
			.map(|delivery| OpeningReply::Opening(delivery.opening))
			.ok_or(Refusal::Unavailable)
	}
}

#[async_trait]
impl Answers for MinerService {
	async fn who_infers(
		&self,
		peer: PeerId,
		request: &InferRequest,
	) -> Result<AccountBytes, Refusal> {
		let ledger = &self.miner.ledger;
		let (payer, peer) = (&request.payer_key, peer.to_bytes());
		let genesis = ledger.genesis();
		if !verify_delivery_request(payer, &genesis, request.task, &peer, &request.signature) {
			return Err(Refusal::Unauthorised);
		}
		if let Some(job) = self.miner.jobs.get(request.task) {
			authorise(&job.task, request)?;
		} else {
			self.delivery(request.task).await?.ok_or(Refusal::Unknown)?;
			let task = ledger.task(request.task).await.map_err(internal)?;
			authorise(&task.ok_or(Refusal::Expired)?, request)?;
		}
		Ok(*payer)
	}

	async fn known(&self, task: TaskId) {
		self.miner.jobs.wait(task).await;
	}

	async fn infer(&self, peer: PeerId, request: InferRequest, frames: FrameSender) {
		let task = request.task;
		if let Err(refusal) = self.answer(request, &frames).await {
			tracing::debug!(task, %peer, %refusal, "refused an answer");
			// The peer may have gone; then nobody waits for the reason.
			let _ = frames.send(InferFrame::Refused(refusal)).await;
		}
	}
}

#[async_trait]
impl Openings for MinerService {
	async fn who_opens(
		&self,
		peer: PeerId,
		request: &OpeningRequest,
	) -> Result<AccountBytes, Refusal> {
		let miner = &self.miner;
		let genesis = miner.ledger.genesis();
		let what = (request.task, request.round);
		let peer = peer.to_bytes();
		if !verify_opening_request(&request.worker, &genesis, what, &peer, &request.signature) {
			return Err(Refusal::Unauthorised);
		}
		let audit = miner.ledger.audit(request.audit).await;
		let audit = audit.map_err(internal)?.ok_or(Refusal::Unknown)?;
		if audit.work.task != request.task || audit.work.miner != miner.operator {
			return Err(Refusal::NotAssigned);
		}
		let committee = match &audit.phase {
			Phase::Committing {
				round, committee, ..
			}
			| Phase::Revealing {
				round, committee, ..
			} if *round == request.round => committee,
			// The verifier may have seen a block that this worker has not.
			Phase::Scheduled { .. } | Phase::Committing { .. } | Phase::Revealing { .. } => {
				return Err(Refusal::Unknown);
			}
			Phase::Escrowed { .. } | Phase::Concluded { .. } => return Err(Refusal::Expired),
		};
		let verifier = miner.ledger.operator_of(&request.worker).await;
		match verifier.map_err(internal)? {
			Some(verifier) if committee.contains(&verifier) => Ok(verifier),
			_ => Err(Refusal::NotAssigned),
		}
	}

	async fn opening(&self, peer: PeerId, request: OpeningRequest) -> OpeningReply {
		match self.open(&request).await {
			Ok(reply) => {
				self.miner.metrics.opened();
				tracing::info!(audit = request.audit, task = request.task, %peer, "opened a receipt");
				reply
			}
			Err(refusal) => {
				tracing::debug!(audit = request.audit, %peer, %refusal, "refused an opening");
				OpeningReply::Refused(refusal)
			}
		}
	}
}

fn authorise(task: &Task, request: &InferRequest) -> Result<(), Refusal> {
	if task.payer == request.payer_key {
		Ok(())
	} else {
		Err(Refusal::Unauthorised)
	}
}

fn internal(error: impl std::fmt::Display) -> Refusal {
	tracing::warn!(%error, "cannot answer a peer");
	Refusal::Internal
}

/// Sends an answer from its beginning to its end, as it grows.
async fn stream(
	mut progress: watch::Receiver<Progress>,
	frames: &FrameSender,
) -> Result<(), Refusal> {
	let mut sent = 0;
	if frames.send(InferFrame::Accepted).await.is_err() {
		return Ok(());
	}
	loop {
		let (fresh, end) = {
			let progress = progress.borrow_and_update();
			(
				progress.tokens.get(sent..).unwrap_or_default().to_vec(),
				progress.end.clone(),
			)
		};
		sent += fresh.len();
		for tokens in fresh.chunks(TOKENS_PER_FRAME) {
			if frames
				.send(InferFrame::Tokens(tokens.to_vec()))
				.await
				.is_err()
			{
				return Ok(());
			}
		}
		match end {
			Some(Ok(delivery)) => {
				let done = InferFrame::Done {
					receipt: delivery.receipt.clone(),
					signature: delivery.signature,
					output_salt: delivery.opening.output_salt,
				};
				let _ = frames.send(done).await;
				return Ok(());
			}
			Some(Err(refusal)) => return Err(refusal),
			None => {}
		}
		tokio::select! {
			changed = progress.changed() => {
				if changed.is_err() {
					return Err(Refusal::Internal);
				}
			},
			_ = frames.closed() => return Ok(()),
		}
	}
}

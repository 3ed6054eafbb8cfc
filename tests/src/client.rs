//! What tests ask of a gateway and of the chain.

use crate::grid::Grid;
use anyhow::{Context, Result};
use infergrid_chain::{Call, Chain, Event, Key, Submitter, TaskInput, TaskOrder};
use infergrid_primitives::{
	AccountBytes, Balance, BlockNumber, Hash, TaskId, TokenId,
	request::{Assurance, SamplingParams, commit_tokens, delivery_payload},
};
use infergrid_swarm::{InferRequest, PeerAddress, PeerId};
use serde_json::{Value, json};

/// Blocks that a test's task may take: more than any audit needs.
pub const PATIENCE: BlockNumber = 200;

/// An order for an answer to `text`, audited always.
pub fn order(grid: &Grid, text: &str, params: SamplingParams, max_fee: Balance) -> TaskOrder {
	TaskOrder {
		profile: grid.profile,
		input: TaskInput::Inline(text.into()),
		params,
		max_fee,
		patience: PATIENCE,
		user_nonce: rand::random(),
		assurance: Assurance::Always,
	}
}

/// Submits `order` and gives the task.
pub async fn submit(payer: &Submitter, order: &TaskOrder) -> Result<TaskId> {
	let included = payer.submit(&Call::submit_task(order), None).await?;
	let task = included.events.iter().find_map(|event| match event {
		Event::TaskSubmitted(event) => Some(event.task),
		_ => None,
	});
	task.context("no TaskSubmitted event")
}

/// A prompt of which the chain sees no more than a commitment.
#[derive(Clone, Debug)]
pub struct Sealed {
	/// Hides the prompt in the commitment.
	pub salt: Hash,
	/// Its tokens.
	pub prompt: Vec<TokenId>,
}

impl Sealed {
	/// What goes on chain.
	pub fn input(&self, genesis: &Hash) -> TaskInput {
		TaskInput::Committed {
			commitment: commit_tokens(genesis, &self.salt, &self.prompt),
			n_prompt: self.prompt.len() as u32,
		}
	}

	/// What goes to the miner of `task`, from the peer `from` in the name of `payer`.
	pub fn delivery(&self, genesis: &Hash, task: TaskId, payer: &Key, from: &[u8]) -> InferRequest {
		InferRequest {
			task,
			salt: self.salt,
			prompt: self.prompt.clone(),
			payer_key: payer.public(),
			signature: payer.sign(&delivery_payload(genesis, task, from)),
		}
	}
}

/// Where peers reach a miner, by its offer.
pub async fn peer_of(chain: &Chain, profile: &Hash, miner: &AccountBytes) -> Result<PeerAddress> {
	let offer = chain.latest().await?.offer(profile, miner).await?;
	let terms = offer.context("the miner has no offer")?.terms;
	Ok(PeerAddress {
		peer: PeerId::from_bytes(&terms.peer)?,
		address: String::from_utf8(terms.address)?,
	})
}

/// The body of a chat request.
pub fn chat_body(question: &str, temperature: f64, max_tokens: u32) -> Value {
	json!({
		"model": crate::grid::MODEL_NAME,
		"messages": [{"role": "user", "content": question}],
		"temperature": temperature,
		"max_tokens": max_tokens,
	})
}

//! Handing a prompt over, and taking the answer and its receipt.

use crate::{
	custodian::Custodian,
	miners::Part,
	task::{Interrupted, Owing, Task},
};
use futures::StreamExt;
use infergrid_journal::Answer;
use infergrid_keys::verify;
use infergrid_primitives::{
	Hash, Signature, TokenId,
	request::{Receipt, commit_tokens},
};
use infergrid_swarm::{InferRequest, PeerAddress};

impl Custodian {
	/// Asks the miner and takes its tokens, from the first one that is not here yet.
	pub(crate) async fn ask(&self, task: &Task, owing: Owing) -> Result<Answer, Interrupted> {
		let shared = &self.shared;
		let broken = |error: infergrid_chain::ReadError| Interrupted::Broken(error.to_string());
		let offer = shared
			.ledger
			.offer(&self.request.profile, &owing.miner)
			.await
			.map_err(broken)?
			.ok_or_else(|| Interrupted::Broken("the miner has withdrawn its offer".into()))?;
		let to = PeerAddress::from_bytes(&offer.terms.peer, &offer.terms.address)
			.map_err(|error| Interrupted::Broken(error.to_string()))?;
		let key = shared.ledger.key();
		let genesis = shared.ledger.genesis();
		let request = InferRequest {
			task: task.id,
			salt: task.salt,
			prompt: self.request.prompt.clone(),
			payer_key: key.public(),
			signature: key.sign_delivery_request(&genesis, task.id, &shared.miners.peer()),
		};
		let parts = shared.miners.infer(&to, request).await;
		let mut parts = parts.map_err(Interrupted::Broken)?;
		let mut seen = 0;
		loop {
			let part = parts
				.next()
				.await
				.unwrap_or_else(|| Err("the stream ended".into()));
			match part.map_err(Interrupted::Broken)? {
				Part::Tokens(tokens) => {
					self.take(seen, &tokens)?;
					seen += tokens.len();
				}
				Part::Done {
					receipt,
					signature,
					output_salt,
				} => {
					let tokens = self.progress.borrow().tokens.clone();
					if seen != tokens.len() {
						return Err(Interrupted::Dishonest);
					}
					let receipt = *receipt;
					self.check(task, owing, (&receipt, &signature), (&output_salt, &tokens))
						.await?;
					return Ok(Answer {
						profile: self.request.profile,
						receipt,
						signature,
						tokens,
						at: shared.ledger.finalized(),
					});
				}
			}
		}
	}

	/// Adds the part of an answer that begins at `from`, as far as it is not here yet.
	fn take(&self, from: usize, tokens: &[TokenId]) -> Result<(), Interrupted> {
		let most = self.request.params.max_tokens as usize;
		let mut honest = true;
		self.progress.send_if_modified(|progress| {
			let known = progress.tokens.len().saturating_sub(from).min(tokens.len());
			let (again, fresh) = tokens.split_at(known);
			honest = progress.tokens[from..from + known] == *again
				&& progress.tokens.len() + fresh.len() <= most;
			if honest {
				progress.tokens.extend_from_slice(fresh);
			}
			honest && !fresh.is_empty()
		});
		if honest {
			Ok(())
		} else {
			Err(Interrupted::Dishonest)
		}
	}

	/// Compares the receipt with what was ordered and what came.
	async fn check(
		&self,
		task: &Task,
		owing: Owing,
		(receipt, signature): (&Receipt, &Signature),
		(output_salt, tokens): (&Hash, &[TokenId]),
	) -> Result<(), Interrupted> {
		let ledger = &self.shared.ledger;
		let genesis = ledger.genesis();
		let (n_prompt, n_out) = (self.request.prompt.len() as u32, tokens.len() as u32);
		let operator = ledger
			.operator_of(&receipt.worker_key)
			.await
			.map_err(|error| Interrupted::Broken(error.to_string()))?;
		let honest = operator == Some(owing.miner)
			&& receipt.miner == owing.miner
			&& receipt.request_id == task.request_id
			&& receipt.n_prompt == n_prompt
			&& receipt.n_out == n_out
			&& owing.fee.is(receipt.fee, (n_prompt, n_out))
			&& receipt.output_commit == commit_tokens(&genesis, output_salt, tokens)
			&& verify(&receipt.worker_key, &receipt.payload(&genesis), signature);
		if honest {
			Ok(())
		} else {
			Err(Interrupted::Dishonest)
		}
	}
}

//! Signatures that ask for something and bind nobody: to repeat one is harmless.

use crate::{Key, verify};
use infergrid_primitives::{
	AccountBytes, Hash, Signature, TaskId, WorkerKey,
	request::{Consent, delivery_payload, opening_payload},
};

impl Key {
	/// As the payer of `task`: asks that its answer be given to the peer `peer`.
	#[expect(clippy::disallowed_methods, reason = "binds nobody")]
	pub fn sign_delivery_request(&self, genesis: &Hash, task: TaskId, peer: &[u8]) -> Signature {
		self.sign(&delivery_payload(genesis, task, peer))
	}

	/// As a verifier's worker: asks that the opening of `task` for one round of its audit be given
	/// to the peer `peer`.
	#[expect(clippy::disallowed_methods, reason = "binds nobody")]
	pub fn sign_opening_request(
		&self,
		genesis: &Hash,
		task: TaskId,
		round: u8,
		peer: &[u8],
	) -> Signature {
		self.sign(&opening_payload(genesis, task, round, peer))
	}

	/// As a worker: agrees to act for an operator, once and until a block.
	#[expect(clippy::disallowed_methods, reason = "binds nobody")]
	pub fn sign_consent(&self, genesis: &Hash, consent: &Consent) -> Signature {
		self.sign(&consent.payload(genesis))
	}
}

/// Whether `signature` is [`Key::sign_delivery_request`] by `payer`.
pub fn verify_delivery_request(
	payer: &AccountBytes,
	genesis: &Hash,
	task: TaskId,
	peer: &[u8],
	signature: &Signature,
) -> bool {
	verify(payer, &delivery_payload(genesis, task, peer), signature)
}

/// Whether `signature` is [`Key::sign_opening_request`] by `worker`, for `task` and `round`.
pub fn verify_opening_request(
	worker: &WorkerKey,
	genesis: &Hash,
	(task, round): (TaskId, u8),
	peer: &[u8],
	signature: &Signature,
) -> bool {
	verify(
		worker,
		&opening_payload(genesis, task, round, peer),
		signature,
	)
}

#[cfg(test)]
mod tests {
	use super::*;

	const GENESIS: Hash = [7; 32];

	#[test]
	fn a_delivery_request_holds_for_its_payer_task_peer_and_chain_only() {
		let payer = Key::from_uri("//Alice").unwrap();
		let signature = payer.sign_delivery_request(&GENESIS, 5, b"peer");
		let holds = |account: &AccountBytes, genesis: &Hash, task, peer: &[u8]| {
			verify_delivery_request(account, genesis, task, peer, &signature)
		};
		let me = payer.public();
		assert!(holds(&me, &GENESIS, 5, b"peer"));
		assert!(!holds(&[1; 32], &GENESIS, 5, b"peer"));
		assert!(!holds(&me, &[8; 32], 5, b"peer"));
		assert!(!holds(&me, &GENESIS, 6, b"peer"));
		assert!(!holds(&me, &GENESIS, 5, b"another"));
	}

	#[test]
	fn an_opening_request_is_no_delivery_request_and_holds_for_one_round() {
		let worker = Key::from_uri("//Bob//worker").unwrap();
		let signature = worker.sign_opening_request(&GENESIS, 5, 1, b"peer");
		let me = worker.public();
		assert!(verify_opening_request(
			&me,
			&GENESIS,
			(5, 1),
			b"peer",
			&signature
		));
		assert!(!verify_opening_request(
			&me,
			&GENESIS,
			(5, 0),
			b"peer",
			&signature
		));
		assert!(!verify_delivery_request(
			&me, &GENESIS, 5, b"peer", &signature
		));
	}
}

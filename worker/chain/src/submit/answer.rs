//! What a node's answer to an extrinsic means.
//!
//! A node answers from two places: its pool, by a code of its own, and the runtime, through the pool.
//! Only what no later block can change is a refusal. A runtime that cannot decode an extrinsic stops
//! instead of calling it invalid, which the node reports like a failure of its own: whether it is
//! the extrinsic that stops the runtime is found out by asking it something else.

use crate::error::Refusal;
use subxt::{
	error::{BackendError, ExtrinsicError},
	rpcs::Error as RpcError,
	tx::{TransactionInvalid, ValidationResult},
};

/// What to do after an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
	/// Watch the chain: the extrinsic is in the pool, or may be taken another time.
	Wait,
	/// As above, but not at once.
	Pause,
	/// It will never be taken.
	Refused(Refusal),
	/// The runtime must be asked for its reason.
	Ask,
}

/// What the node's refusal with `code` and `message` means.
pub(super) fn of_pool(code: i32, message: &str) -> Answer {
	match code {
		code::ALREADY_IMPORTED
		// Another extrinsic has the nonce, and will displace this one or be displaced.
		| code::TOO_LOW_PRIORITY
		| code::CYCLE_DETECTED
		| code::INVALID_BLOCK
		| code::REJECTED_FUTURE => Answer::Wait,
		code::BANNED | code::DROPPED | code::BUSY | code::RATE_LIMIT => Answer::Pause,
		code::UNACTIONABLE
		| code::NO_TAGS
		| code::NO_SUCH_METHOD
		| code::BAD_PARAMS
		| code::OVERSIZED => Answer::Refused(Refusal::Node(message.to_owned())),
		// What says that the runtime was asked, and what this worker does not know.
		_ => Answer::Ask,
	}
}

/// What the runtime's word means.
pub(super) fn of_runtime(validity: ValidationResult) -> Answer {
	match validity {
		ValidationResult::Valid(_)
		| ValidationResult::Unknown(_)
		| ValidationResult::Invalid(
			TransactionInvalid::Stale
			| TransactionInvalid::Future
			| TransactionInvalid::AncientBirthBlock
			| TransactionInvalid::ExhaustsResources,
		) => Answer::Wait,
		ValidationResult::Invalid(TransactionInvalid::Payment) => Answer::Refused(Refusal::Payment),
		// The operational class is for workers that are paired: see the runtime's `CheckOperational`.
		ValidationResult::Invalid(TransactionInvalid::BadSigner) => {
			Answer::Refused(Refusal::WouldFail {
				error: "RoleStaking::WorkerNotPaired",
				detail: String::new(),
			})
		}
		ValidationResult::Invalid(other) => Answer::Refused(Refusal::Invalid(format!("{other:?}"))),
	}
}

/// Whether the node has answered, with an error, the question for an extrinsic's validity: the
/// runtime has stopped, or the node could not run it.
pub(super) fn is_stopped(error: &ExtrinsicError) -> bool {
	matches!(
		error,
		ExtrinsicError::CannotGetValidationInfo(BackendError::Rpc(
			subxt::error::RpcError::ClientError(RpcError::User(_))
		))
	)
}

/// Codes with which a node answers an extrinsic that it does not take: those of `author_*` in
/// sc-rpc-api, of JSON-RPC, and of the server.
mod code {
	pub(super) const BANNED: i32 = 1012;
	pub(super) const ALREADY_IMPORTED: i32 = 1013;
	pub(super) const TOO_LOW_PRIORITY: i32 = 1014;
	pub(super) const CYCLE_DETECTED: i32 = 1015;
	/// The pool is full.
	pub(super) const DROPPED: i32 = 1016;
	/// It may not be gossiped, and this node makes no blocks.
	pub(super) const UNACTIONABLE: i32 = 1018;
	pub(super) const NO_TAGS: i32 = 1019;
	pub(super) const INVALID_BLOCK: i32 = 1020;
	pub(super) const REJECTED_FUTURE: i32 = 1021;

	pub(super) const NO_SUCH_METHOD: i32 = -32_601;
	pub(super) const BAD_PARAMS: i32 = -32_602;
	pub(super) const OVERSIZED: i32 = -32_007;
	pub(super) const BUSY: i32 = -32_009;
	pub(super) const RATE_LIMIT: i32 = -32_999;
}

#[cfg(test)]
mod tests {
	use super::*;
	use subxt::{rpcs::UserError, tx::TransactionUnknown};

	/// The runtime stopped, the runtime said invalid, the node could not decode: 1002, 1010, 1040.
	#[test]
	fn the_runtime_is_asked_wherever_it_may_have_the_last_word() {
		for code in [1001, 1002, 1010, 1011, 1040, -32_000, 7] {
			assert_eq!(of_pool(code, "no"), Answer::Ask, "{code}");
		}
	}

	#[test]
	fn a_pool_that_may_take_it_later_is_waited_for() {
		for code in [1013, 1014, 1015, 1020, 1021] {
			assert_eq!(of_pool(code, "no"), Answer::Wait, "{code}");
		}
		for code in [1012, 1016, -32_009, -32_999] {
			assert_eq!(of_pool(code, "no"), Answer::Pause, "{code}");
		}
	}

	#[test]
	fn a_node_that_will_never_take_it_is_quoted() {
		for code in [1018, 1019, -32_601, -32_602, -32_007] {
			let answer = of_pool(code, "no such thing");
			let Answer::Refused(refusal) = answer else {
				panic!("{code}: {answer:?}");
			};
			assert!(refusal.to_string().contains("no such thing"), "{refusal}");
		}
	}

	#[test]
	fn only_what_time_does_not_heal_is_refused() {
		use TransactionInvalid::*;
		for invalid in [Stale, Future, AncientBirthBlock, ExhaustsResources] {
			assert_eq!(of_runtime(ValidationResult::Invalid(invalid)), Answer::Wait);
		}
		assert_eq!(
			of_runtime(ValidationResult::Unknown(TransactionUnknown::CannotLookup)),
			Answer::Wait
		);
		assert_eq!(
			of_runtime(ValidationResult::Invalid(Payment)),
			Answer::Refused(Refusal::Payment)
		);
		let Answer::Refused(unpaired) = of_runtime(ValidationResult::Invalid(BadSigner)) else {
			panic!("a key that is not paired is refused");
		};
		assert!(unpaired.to_string().contains("stake pair"), "{unpaired}");
		for invalid in [Call, BadProof, Custom(3), BadMandatory] {
			assert!(matches!(
				of_runtime(ValidationResult::Invalid(invalid)),
				Answer::Refused(Refusal::Invalid(_))
			));
		}
	}

	#[test]
	fn a_broken_connection_is_no_word_of_the_runtime() {
		let failed = |error: RpcError| ExtrinsicError::CannotGetValidationInfo(error.into());
		let user = UserError {
			code: 4003,
			message: "wasm trap".into(),
			data: None,
		};
		assert!(is_stopped(&failed(RpcError::User(user))));
		assert!(!is_stopped(&failed(RpcError::Client("reset".into()))));
	}
}

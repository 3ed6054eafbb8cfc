//! The extrinsics that workers make.

use crate::{
	error::Refusal,
	names::{call, pallet},
	records::{ModelInfo, OfferTerms},
};
use codec::{Compact, Encode};
use infergrid_primitives::{
	AccountBytes, AuditId, Balance, BlockNumber, Hash, Signature, TaskId, WorkerKey,
	audit::Vote,
	market::Role,
	model::Profile,
	request::{Assurance, Consent, MAX_INLINE_PROMPT, Receipt, SamplingParams},
};
use std::fmt;
use subxt::{
	ext::scale_encode::{EncodeAsFields, Error as EncodeError, FieldIter, TypeResolver},
	utils::{AccountId32, MultiAddress},
};

/// A call with its arguments, encoded and named. It fits a chain whose call takes exactly these
/// names, in any order.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
	pallet: &'static str,
	name: &'static str,
	args: Arguments,
	/// Why no chain takes it.
	flaw: Option<Refusal>,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Arguments(Vec<(&'static str, Vec<u8>)>);

/// A prompt as it goes on chain.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub enum TaskInput {
	/// The text itself, at most [`MAX_INLINE_PROMPT`] bytes: a longer one is refused before it is sent.
	Inline(Vec<u8>),
	/// A commitment; the prompt goes to the miner alone.
	Committed {
		/// [`infergrid_primitives::request::commit_tokens`].
		commitment: Hash,
		/// Tokens of the prompt.
		n_prompt: u32,
	},
}

/// The arguments of [`Call::submit_task`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskOrder {
	/// The execution profile.
	pub profile: Hash,
	/// The prompt.
	pub input: TaskInput,
	/// How to sample.
	pub params: SamplingParams,
	/// The most that may be charged, in plancks.
	pub max_fee: Balance,
	/// Blocks that the payer waits.
	pub patience: BlockNumber,
	/// Tells equal requests apart.
	pub user_nonce: u64,
	/// How much checking.
	pub assurance: Assurance,
}

impl Call {
	fn new(pallet: &'static str, name: &'static str, args: Vec<(&'static str, Vec<u8>)>) -> Self {
		Self {
			pallet,
			name,
			args: Arguments(args),
			flaw: None,
		}
	}

	/// Why it need not be sent.
	pub(crate) fn flaw(&self) -> Option<&Refusal> {
		self.flaw.as_ref()
	}

	/// The pallet.
	pub(crate) fn pallet(&self) -> &'static str {
		self.pallet
	}

	/// The name within the pallet.
	pub(crate) fn call(&self) -> &'static str {
		self.name
	}

	/// An encoded argument.
	pub(crate) fn bytes(&self, name: &str) -> Option<&[u8]> {
		let found = self.args.0.iter().find(|(known, _)| *known == name);
		found.map(|(_, bytes)| bytes.as_slice())
	}

	/// `Pallet.call`.
	pub fn name(&self) -> String {
		format!("{}.{}", self.pallet, self.name)
	}

	pub(crate) fn payload(&self) -> subxt::tx::DynamicPayload<Arguments> {
		subxt::dynamic::tx(self.pallet, self.name, self.args.clone())
	}

	/// Bonds `amount` plancks for `role`.
	pub fn bond(role: Role, amount: Balance) -> Self {
		let args = vec![
			("role", role.encode()),
			("amount", Compact(amount).encode()),
		];
		Self::new(pallet::STAKING, call::BOND, args)
	}

	/// Begins to unbond `amount` plancks of a role's bond.
	pub fn unbond(role: Role, amount: Balance) -> Self {
		let args = vec![
			("role", role.encode()),
			("amount", Compact(amount).encode()),
		];
		Self::new(pallet::STAKING, call::UNBOND, args)
	}

	/// Takes back what is unbonded in a role.
	pub fn withdraw_unbonded(role: Role) -> Self {
		let args = vec![("role", role.encode())];
		Self::new(pallet::STAKING, call::WITHDRAW_UNBONDED, args)
	}

	/// Lets `worker` act for nobody any more; signed by its operator or by itself.
	pub fn unpair_worker(worker: &WorkerKey) -> Self {
		let args = vec![("worker", worker.encode())];
		Self::new(pallet::STAKING, call::UNPAIR_WORKER, args)
	}

	/// Lets `worker` act for the signer, whom `consent` names; `signature` is the worker's.
	pub fn pair_worker(worker: &WorkerKey, consent: &Consent, signature: &Signature) -> Self {
		let args = vec![
			("worker", worker.encode()),
			("counter", consent.counter.encode()),
			("valid_until", consent.valid_until.encode()),
			("signature", signature.encode()),
		];
		Self::new(pallet::STAKING, call::PAIR_WORKER, args)
	}

	/// Registers a model; the signer earns `royalty` percent of each fee.
	pub fn register_model(info: &ModelInfo, royalty: u8) -> Self {
		let args = vec![("info", info.encode()), ("royalty", royalty.encode())];
		Self::new(pallet::MODELS, call::REGISTER_MODEL, args)
	}

	/// Registers a profile of the signer's model.
	pub fn register_profile(profile: &Profile) -> Self {
		Self::new(
			pallet::MODELS,
			call::REGISTER_PROFILE,
			vec![("profile", profile.encode())],
		)
	}

	/// Offers to run `profile`.
	pub fn set_offer(profile: &Hash, terms: &OfferTerms) -> Self {
		let args = vec![("profile", profile.encode()), ("offer", terms.encode())];
		Self::new(pallet::MODELS, call::SET_OFFER, args)
	}

	/// Withdraws the offer.
	pub fn withdraw_offer(profile: &Hash) -> Self {
		Self::new(
			pallet::MODELS,
			call::WITHDRAW_OFFER,
			vec![("profile", profile.encode())],
		)
	}

	/// Stands for audits of `profile`.
	pub fn stand(profile: &Hash) -> Self {
		Self::new(
			pallet::MODELS,
			call::STAND,
			vec![("profile", profile.encode())],
		)
	}

	/// Stands for audits of `profile` no more.
	pub fn stand_down(profile: &Hash) -> Self {
		Self::new(
			pallet::MODELS,
			call::STAND_DOWN,
			vec![("profile", profile.encode())],
		)
	}

	/// Asks for an answer.
	pub fn submit_task(order: &TaskOrder) -> Self {
		let args = vec![
			("profile", order.profile.encode()),
			("input", order.input.encode()),
			("params", order.params.encode()),
			("max_fee", Compact(order.max_fee).encode()),
			("patience", order.patience.encode()),
			("user_nonce", order.user_nonce.encode()),
			("assurance", order.assurance.encode()),
		];
		let limit = MAX_INLINE_PROMPT as usize;
		let flaw = match &order.input {
			TaskInput::Inline(text) if text.len() > limit => Some(Refusal::PromptTooLong {
				bytes: text.len(),
				limit,
			}),
			_ => None,
		};
		Self {
			flaw,
			..Self::new(pallet::TASKS, call::SUBMIT, args)
		}
	}

	/// Delivers a receipt with the worker key's signature over it.
	pub fn submit_result(task: TaskId, receipt: &Receipt, signature: &Signature) -> Self {
		let args = vec![
			("task", task.encode()),
			("receipt", receipt.encode()),
			("signature", signature.encode()),
		];
		Self::new(pallet::TASKS, call::SUBMIT_RESULT, args)
	}

	/// Cancels a task that has no miner yet.
	pub fn cancel_task(task: TaskId) -> Self {
		Self::new(pallet::TASKS, call::CANCEL, vec![("task", task.encode())])
	}

	/// Commits to a vote.
	pub fn commit_vote(audit: AuditId, commitment: &Hash) -> Self {
		let args = vec![
			("audit", audit.encode()),
			("commitment", commitment.encode()),
		];
		Self::new(pallet::AUDITS, call::COMMIT_VOTE, args)
	}

	/// Reveals a vote.
	pub fn reveal_vote(audit: AuditId, vote: &Vote, salt: &Hash) -> Self {
		let args = vec![
			("audit", audit.encode()),
			("vote", vote.encode()),
			("salt", salt.encode()),
		];
		Self::new(pallet::AUDITS, call::REVEAL_VOTE, args)
	}

	/// Sends `amount` plancks to `to`, keeping the signer's account alive.
	pub fn transfer(to: &AccountBytes, amount: Balance) -> Self {
		let to = MultiAddress::<AccountId32, ()>::Id(AccountId32(*to));
		let args = vec![("dest", to.encode()), ("value", Compact(amount).encode())];
		Self::new(pallet::BALANCES, call::TRANSFER_KEEP_ALIVE, args)
	}
}

impl fmt::Debug for Call {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "{}.{}", self.pallet, self.name)
	}
}

impl EncodeAsFields for Arguments {
	fn encode_as_fields_to<R: TypeResolver>(
		&self,
		fields: &mut dyn FieldIter<'_, R::TypeId>,
		_types: &R,
		out: &mut Vec<u8>,
	) -> Result<(), EncodeError> {
		let mut used = 0;
		for field in fields {
			let name = field.name.unwrap_or_default();
			let Some((_, bytes)) = self.0.iter().find(|(known, _)| *known == name) else {
				return Err(EncodeError::custom_string(format!(
					"the chain wants an argument `{name}`, which this worker does not know"
				)));
			};
			out.extend_from_slice(bytes);
			used += 1;
		}
		if used != self.0.len() {
			return Err(EncodeError::custom_string(format!(
				"the chain takes {used} arguments, this worker gives {}",
				self.0.len()
			)));
		}
		Ok(())
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use scale_info::PortableRegistry;
	use subxt::ext::scale_type_resolver::Field;

	fn encode(call: &Call, names: &[&str]) -> Result<Vec<u8>, EncodeError> {
		let types = PortableRegistry { types: Vec::new() };
		let mut fields = names.iter().map(|name| Field::new(0u32, Some(*name)));
		let mut out = Vec::new();
		call.args
			.encode_as_fields_to(&mut fields, &types, &mut out)?;
		Ok(out)
	}

	#[test]
	fn arguments_go_where_the_chain_wants_them() {
		let call = Call::commit_vote(7, &[9; 32]);
		let usual = encode(&call, &["audit", "commitment"]).unwrap();
		assert_eq!(usual, (7u64, [9u8; 32]).encode());
		let moved = encode(&call, &["commitment", "audit"]).unwrap();
		assert_eq!(moved, ([9u8; 32], 7u64).encode());
	}

	#[test]
	fn an_inline_prompt_beyond_the_limit_is_flawed_and_says_what_to_do() {
		let submit = |bytes| {
			Call::submit_task(&TaskOrder {
				profile: [1; 32],
				input: TaskInput::Inline(vec![b'x'; bytes]),
				params: SamplingParams::greedy(16),
				max_fee: 1,
				patience: 10,
				user_nonce: 1,
				assurance: Assurance::Sampled,
			})
		};
		let limit = MAX_INLINE_PROMPT as usize;
		assert_eq!(submit(limit).flaw(), None);
		let flaw = submit(limit + 1).flaw().unwrap().to_string();
		for part in ["4097 bytes", "4096", "shorten", "commitment"] {
			assert!(flaw.contains(part), "{flaw}");
		}
	}

	#[test]
	fn a_chain_that_wants_other_arguments_is_refused() {
		let call = Call::commit_vote(7, &[9; 32]);
		let more = encode(&call, &["audit", "commitment", "tip"])
			.unwrap_err()
			.to_string();
		assert!(more.contains("tip"), "{more}");
		assert!(encode(&call, &["audit"]).is_err());
	}
}

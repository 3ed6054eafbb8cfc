//! Events of the pallets that workers follow.

#![allow(
	unused_imports,
	reason = "the derive imports its crate under a name it may not use"
)]

use crate::{
	error::ReadError,
	names::pallet,
	records::{Record, RefundReason, records},
};
use infergrid_primitives::{
	AccountBytes, AuditId, Balance, BlockNumber, Hash, TaskId, WorkerKey,
	audit::Verdict,
	market::{Price, Role, Shares},
};
use subxt::{PolkadotConfig, ext::scale_decode::DecodeAsFields};

macro_rules! events {
	($( $pallet:ident => {$(
		$(#[$doc:meta])*
		$name:ident { $( $(#[$field_doc:meta])* $field:ident: $ty:ty, )* }
	)*} )*) => {
		/// The events themselves, named as the pallets name them.
		pub mod event {
			use super::*;

			records! { $($(
				$(#[$doc])*
				$name { $( $(#[$field_doc])* $field: $ty, )* }
			)*)* }
		}

		/// An event that workers follow.
		#[derive(Clone, Debug, PartialEq, Eq)]
		pub enum Event { $($(
			$(#[$doc])*
			$name(event::$name),
		)*)* }

		/// The event, where it is one that workers follow.
		pub(crate) fn decode(
			event: &subxt::events::Event<'_, PolkadotConfig>,
		) -> Result<Option<Event>, ReadError> {
			Ok(Some(match (event.pallet_name(), event.event_name()) {
				$($( (pallet::$pallet, stringify!($name)) => Event::$name(fields(event)?), )*)*
				_ => return Ok(None),
			}))
		}
	};
}

fn fields<E: Record>(event: &subxt::events::Event<'_, PolkadotConfig>) -> Result<E, ReadError>
where
	E::Wire: DecodeAsFields,
{
	event
		.decode_fields_unchecked_as::<E::Wire>()
		.map(E::from_wire)
		.map_err(|error| ReadError::from_subxt("an event", error))
}

events! {
	TRANSACTION_PAYMENT => {
		/// A signer paid for an extrinsic.
		TransactionFeePaid {
			/// Who.
			who: AccountBytes,
			/// What was kept of it, in plancks, tip included.
			actual_fee: Balance,
			/// The tip, in plancks.
			tip: Balance,
		}
	}
	BALANCES => {
		/// Money came into an account from no other: a share of a slash, or of a fee.
		Deposit {
			/// Whose account.
			who: AccountBytes,
			/// How much, in plancks.
			amount: Balance,
		}
	}
	STAKING => {
		/// Money was bonded for a role.
		Bonded {
			/// Who bonded.
			operator: AccountBytes,
			/// For what.
			role: Role,
			/// How much, in plancks.
			amount: Balance,
			/// The whole bond now, in plancks.
			total: Balance,
		}
		/// A worker key acts for an operator from now on.
		WorkerPaired {
			/// The operator.
			operator: AccountBytes,
			/// The key.
			worker: WorkerKey,
		}
		/// A worker key acts for an operator no more.
		WorkerUnpaired {
			/// The operator.
			operator: AccountBytes,
			/// The key.
			worker: WorkerKey,
		}
		/// An operator lost money.
		Slashed {
			/// Who.
			operator: AccountBytes,
			/// In which role.
			role: Role,
			/// How much, in plancks.
			amount: Balance,
		}
		/// An operator may not work in a role any more.
		Ejected {
			/// Who.
			operator: AccountBytes,
			/// In which role.
			role: Role,
		}
	}
	MODELS => {
		/// A model was registered.
		ModelRegistered {
			/// Its identifier.
			model: Hash,
			/// Who registered it.
			creator: AccountBytes,
		}
		/// A profile was registered.
		ProfileRegistered {
			/// Its identifier.
			profile: Hash,
			/// Of which model.
			model: Hash,
		}
		/// A miner offers a profile.
		OfferSet {
			/// The profile.
			profile: Hash,
			/// The miner's operator.
			miner: AccountBytes,
			/// What 1,000 tokens cost.
			price: Price,
			/// Tasks taken at the same time.
			capacity: u32,
		}
		/// A miner offers a profile no more.
		OfferWithdrawn {
			/// The profile.
			profile: Hash,
			/// The miner's operator.
			miner: AccountBytes,
		}
		/// A verifier stands for a profile.
		Standing {
			/// The profile.
			profile: Hash,
			/// The verifier's operator.
			verifier: AccountBytes,
		}
		/// A verifier stands for a profile no more.
		StoodDown {
			/// The profile.
			profile: Hash,
			/// The verifier's operator.
			verifier: AccountBytes,
		}
	}
	TASKS => {
		/// A payer asks for an answer.
		TaskSubmitted {
			/// The task.
			task: TaskId,
			/// Who pays.
			payer: AccountBytes,
			/// The profile asked for.
			profile: Hash,
			/// The request's identifier.
			request_id: Hash,
			/// What is on hold, in plancks.
			max_fee: Balance,
		}
		/// The chain has chosen a miner.
		TaskAssigned {
			/// The task.
			task: TaskId,
			/// The miner's operator.
			miner: AccountBytes,
			/// The last block that accepts the result.
			due: BlockNumber,
		}
		/// A receipt came on chain.
		ResultSubmitted {
			/// The task.
			task: TaskId,
			/// The miner's operator.
			miner: AccountBytes,
			/// The request's identifier.
			request_id: Hash,
			/// The commitment to the answer.
			output_commit: Hash,
			/// The root of the proofs.
			trace_root: Hash,
			/// Tokens of the prompt.
			n_prompt: u32,
			/// Tokens of the answer.
			n_out: u32,
			/// The fee, in plancks.
			fee: Balance,
			/// The audit of the receipt.
			audit: AuditId,
		}
		/// The miner did not deliver in time.
		TaskMissed {
			/// The task.
			task: TaskId,
			/// The miner's operator.
			miner: AccountBytes,
		}
		/// The payer has its money back.
		TaskRefunded {
			/// The task.
			task: TaskId,
			/// Who paid.
			payer: AccountBytes,
			/// How much, in plancks.
			amount: Balance,
			/// Why.
			reason: RefundReason,
		}
		/// The fee was paid out.
		TaskSettled {
			/// The task.
			task: TaskId,
			/// The miner's operator.
			miner: AccountBytes,
			/// The model's creator.
			creator: AccountBytes,
			/// The fee, in plancks.
			fee: Balance,
			/// Who got what.
			shares: Shares,
		}
	}
	AUDITS => {
		/// A receipt waits for the draw.
		AuditScheduled {
			/// The audit.
			audit: AuditId,
			/// The task.
			task: TaskId,
			/// The block of the draw.
			draw_at: BlockNumber,
		}
		/// A committee was drawn.
		AuditDrawn {
			/// The audit.
			audit: AuditId,
			/// The task.
			task: TaskId,
			/// Counts draws, from 0.
			round: u8,
			/// The operators drawn.
			committee: Vec<AccountBytes>,
			/// The last block for commitments.
			commit_by: BlockNumber,
			/// The last block for votes.
			reveal_by: BlockNumber,
			/// Of the draw.
			randomness: Hash,
		}
		/// The receipt was not drawn.
		AuditSkipped {
			/// The audit.
			audit: AuditId,
			/// The task.
			task: TaskId,
			/// When the fee is paid out.
			settles_at: BlockNumber,
		}
		/// A verifier committed its vote.
		VoteCommitted {
			/// The audit.
			audit: AuditId,
			/// The verifier's operator.
			verifier: AccountBytes,
		}
		/// A verifier revealed its vote.
		VoteRevealed {
			/// The audit.
			audit: AuditId,
			/// The verifier's operator.
			verifier: AccountBytes,
			/// What it found.
			verdict: Verdict,
		}
		/// All commitments are in.
		RevealOpened {
			/// The audit.
			audit: AuditId,
		}
		/// A new committee is drawn.
		AuditRedrawn {
			/// The audit.
			audit: AuditId,
			/// Counts draws, from 0.
			round: u8,
			/// The block of the draw.
			draw_at: BlockNumber,
		}
		/// A draw came so late that its randomness was forgotten: it is dated anew.
		AuditPostponed {
			/// The audit.
			audit: AuditId,
			/// Counts draws, from 0.
			round: u8,
			/// The block of the draw.
			draw_at: BlockNumber,
		}
		/// The audit is over.
		AuditConcluded {
			/// The audit.
			audit: AuditId,
			/// The task.
			task: TaskId,
			/// What the committee found.
			verdict: Verdict,
		}
		/// A miner was slashed.
		MinerPunished {
			/// The audit.
			audit: AuditId,
			/// The miner's operator.
			miner: AccountBytes,
			/// How much, in plancks.
			amount: Balance,
		}
		/// A verifier was slashed.
		VerifierPunished {
			/// The audit.
			audit: AuditId,
			/// The verifier's operator.
			verifier: AccountBytes,
			/// How much, in plancks.
			amount: Balance,
		}
	}
}

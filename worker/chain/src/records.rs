//! What lies in the chain's storage, as workers see it.
//!
//! Structs are matched to the chain's metadata by field name, so that fields may be added and moved
//! there; the types of the fields are those of `infergrid-primitives`, decoded as they are.

#![allow(
	unused_imports,
	reason = "the derive imports its crate under a name it may not use"
)]

use codec::Decode;
use infergrid_primitives::{
	AccountBytes, AuditId, Balance, BlockNumber, Hash, TaskId,
	audit::Verdict,
	market::{Price, Shares, Work},
	model::Profile,
	randomness::Ticket,
	request::{Request, Window},
};
use subxt::{ext::scale_decode::DecodeAsType, utils::Static};

/// A type with a wire form that decodes by the names of its fields.
pub(crate) trait Record: Sized {
	/// The wire form.
	type Wire: DecodeAsType + Send + Sync + 'static;
	/// Unwraps the wire form.
	fn from_wire(wire: Self::Wire) -> Self;
}

/// Values that decode as they are.
impl<T: Decode + Send + Sync + 'static> Record for Plain<T> {
	type Wire = Static<T>;

	fn from_wire(wire: Self::Wire) -> Self {
		Self(wire.0)
	}
}

/// A value decoded as it is, without a look at the metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plain<T>(pub(crate) T);

macro_rules! records {
	($(
		$(#[$doc:meta])*
		$name:ident { $( $(#[$field_doc:meta])* $field:ident: $ty:ty, )* }
	)*) => { $(
		$(#[$doc])*
		#[derive(Clone, Debug, PartialEq, Eq)]
		pub struct $name { $( $(#[$field_doc])* pub $field: $ty, )* }

		const _: () = {
			#[derive(subxt::ext::scale_decode::DecodeAsType)]
			#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
			pub(crate) struct Wire { $( $field: subxt::utils::Static<$ty>, )* }

			impl $crate::records::Record for $name {
				type Wire = Wire;

				fn from_wire(wire: Wire) -> Self {
					Self { $( $field: wire.$field.0, )* }
				}
			}
		};
	)* };
}
pub(crate) use records;

records! {
	/// A bond for one role.
	Bond {
		/// What is bonded, in plancks.
		active: Balance,
		/// The part that counts only from `activates_at` on, in plancks.
		pending: Balance,
		/// The session from which all of it counts.
		activates_at: u32,
		/// On its way out.
		unlocking: Vec<Unlock>,
		/// Fees of open work, assigned or in escrow, in plancks.
		at_work: Balance,
		/// Slashes that are ordered and not executed, in plancks: so much cannot be withdrawn.
		locked: Balance,
	}

	/// A registered model.
	Model {
		/// Who registered it and earns its royalty.
		creator: AccountBytes,
		/// What it is.
		info: ModelInfo,
		/// Percent of each fee.
		royalty: u8,
		/// The block that retired it.
		retired_at: Option<BlockNumber>,
	}

	/// A miner's standing offer.
	Offer {
		/// Its terms.
		terms: OfferTerms,
		/// Tasks that it works on now.
		in_use: u32,
	}

	/// A one-shot task.
	Task {
		/// Who pays.
		payer: AccountBytes,
		/// What is asked.
		request: Request,
		/// How far it is.
		status: TaskStatus,
		/// When it was submitted.
		submitted_at: BlockNumber,
		/// When the payer's patience ends.
		expires_at: BlockNumber,
	}

	/// An audit of a task's receipt.
	Audit {
		/// What is audited.
		work: Work<AccountBytes>,
		/// When the receipt came on chain.
		included_at: BlockNumber,
		/// How far it is.
		phase: Phase,
	}

	/// What an account has earned by work and royalties.
	Earnings {
		/// For mining, in plancks.
		mined: Balance,
		/// For models, in plancks.
		royalties: Balance,
	}
}

impl Bond {
	/// What can be withdrawn in `session`, in plancks: what is due by then and not locked.
	pub fn withdrawable(&self, session: u32) -> Balance {
		let sum = |unlocks: &mut dyn Iterator<Item = &Unlock>| {
			unlocks.fold(0, |sum: Balance, unlock| sum.saturating_add(unlock.amount))
		};
		let due = sum(&mut self.unlocking.iter().filter(|unlock| unlock.at <= session));
		let total = self.active.saturating_add(sum(&mut self.unlocking.iter()));
		due.min(total.saturating_sub(self.locked))
	}

	/// What of it counts in `session`, in plancks: nothing below `working`.
	pub fn counted(&self, session: u32, working: Balance) -> Balance {
		let counted = if session >= self.activates_at {
			self.active
		} else {
			self.active.saturating_sub(self.pending)
		};
		if counted < working { 0 } else { counted }
	}
}

/// A part of a bond that is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Decode)]
pub struct Unlock {
	/// In plancks.
	pub amount: Balance,
	/// The session from which it can be withdrawn.
	pub at: u32,
}

/// What a model's creator says of it.
#[derive(Clone, Debug, PartialEq, Eq, codec::Encode, Decode)]
pub struct ModelInfo {
	/// A name of at most 64 bytes, by which clients ask for it.
	pub name: Vec<u8>,
	/// [`infergrid_primitives::model::Manifest::id`], by which whoever has the files finds the model.
	pub manifest_hash: Hash,
	/// Decoder layers.
	pub layers: u32,
	/// Bytes of all weights.
	pub weight_bytes: u64,
	/// SPDX identifier, at most 32 bytes.
	pub licence: Vec<u8>,
}

/// The terms of an offer.
#[derive(Clone, Debug, PartialEq, Eq, codec::Encode, Decode)]
pub struct OfferTerms {
	/// What 1,000 tokens cost.
	pub price: Price,
	/// Tasks taken at the same time.
	pub capacity: u32,
	/// The libp2p peer id, in bytes.
	pub peer: Vec<u8>,
	/// Where the peer listens: a multiaddr as text.
	pub address: Vec<u8>,
}

/// How far a task is.
#[derive(Clone, Debug, PartialEq, Eq, Decode)]
pub enum TaskStatus {
	/// Waiting for a miner.
	Queued,
	/// A miner works on it.
	Assigned {
		/// The miner's operator.
		miner: AccountBytes,
		/// Its price when it was assigned.
		price: Price,
		/// When it was assigned, what its seed is anchored to, and when the result is due.
		window: Window,
	},
	/// The receipt is on chain; the fee is in escrow.
	Delivered {
		/// The miner's operator.
		miner: AccountBytes,
		/// The fee, in plancks.
		fee: Balance,
		/// What the seed of its sampler is anchored to.
		anchor: Hash,
		/// Its audit.
		audit: AuditId,
	},
	/// Paid.
	Settled {
		/// The miner's operator.
		miner: AccountBytes,
		/// Who got what.
		shares: Shares,
	},
	/// The payer has its money back.
	Refunded(RefundReason),
}

/// Why a payer got its money back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Decode, serde::Serialize)]
pub enum RefundReason {
	/// No miner could be found.
	NoMiner,
	/// No result came in time.
	Expired,
	/// The payer cancelled.
	Cancelled,
	/// The audit condemned the answer, or the miner hid it.
	Condemned,
}

/// How far an audit is.
#[derive(Clone, Debug, PartialEq, Eq, Decode)]
pub enum Phase {
	/// Waiting for the draw.
	Scheduled {
		/// Counts draws, from 0.
		round: u8,
		/// For the outputs that draw.
		ticket: Ticket,
		/// The block of the draw.
		draw_at: BlockNumber,
	},
	/// The committee commits its votes.
	Committing {
		/// Counts draws, from 0.
		round: u8,
		/// Of the draw.
		randomness: Hash,
		/// The operators drawn.
		committee: Vec<AccountBytes>,
		/// The last block of the phase.
		until: BlockNumber,
	},
	/// The committee reveals its votes.
	Revealing {
		/// Counts draws, from 0.
		round: u8,
		/// Of the draw.
		randomness: Hash,
		/// The operators drawn.
		committee: Vec<AccountBytes>,
		/// The last block of the phase.
		until: BlockNumber,
	},
	/// Not drawn; the fee waits for the escrow window's end.
	Escrowed {
		/// The end of the window.
		until: BlockNumber,
	},
	/// Over.
	Concluded {
		/// What the committee found.
		verdict: Verdict,
		/// When.
		at: BlockNumber,
	},
}

/// What the chain asks of every task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskRules {
	/// The least `max_fee`, in plancks.
	pub min_fee: Balance,
	/// The shortest patience, in blocks.
	pub min_patience: BlockNumber,
	/// The longest patience, in blocks.
	pub max_patience: BlockNumber,
	/// The part of a miner's window that does not depend on the tokens, in blocks.
	pub base_window: BlockNumber,
	/// Milliseconds between two blocks.
	pub millisecs_per_block: u32,
	/// Blocks from the submission to the first draw.
	pub draw_delay: BlockNumber,
}

impl TaskRules {
	/// Most tokens of prompt and answer whose window fits twice into the longest patience.
	pub fn longest(&self, profile: &Profile) -> u32 {
		let around = self.base_window.saturating_add(self.draw_delay);
		let blocks = (self.max_patience / 2).saturating_sub(around);
		let millis = u64::from(blocks) * u64::from(self.millisecs_per_block);
		let tokens = millis * u64::from(profile.min_tokens_per_second) / 1_000;
		u32::try_from(tokens).unwrap_or(u32::MAX)
	}

	/// The least patience for a task of so many tokens, prompt and answer together.
	pub fn needed_patience(&self, profile: &Profile, tokens: u32) -> BlockNumber {
		let speed = u64::from(profile.min_tokens_per_second).max(1);
		let block = u64::from(self.millisecs_per_block).max(1);
		let millis = u64::from(tokens).saturating_mul(1_000).div_ceil(speed);
		let blocks = u32::try_from(millis.div_ceil(block)).unwrap_or(u32::MAX);
		self.base_window
			.saturating_add(blocks)
			.saturating_add(self.draw_delay)
			.max(self.min_patience)
	}
}

/// How long audits take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AuditRules {
	/// The part of the window for commitments that does not depend on the tokens, in blocks.
	pub(crate) base_commit: BlockNumber,
	/// The window for reveals, in blocks.
	pub(crate) reveal: BlockNumber,
	/// Committees drawn after the first one.
	pub(crate) redraws: u8,
	/// Blocks from the end of a round to the draw of the next one.
	pub(crate) draw_delay: BlockNumber,
	/// Milliseconds between two blocks.
	pub(crate) millisecs_per_block: u32,
}

impl AuditRules {
	/// The last block in which a committee of `audit` can ask for the opening, should every round end
	/// without a verdict; None if none asks any more. `speed` is the profile's least.
	pub(crate) fn last_opening(&self, audit: &Audit, speed: u32) -> Option<BlockNumber> {
		let speed = u64::from(speed).max(1);
		let block = u64::from(self.millisecs_per_block).max(1);
		let millis = u64::from(audit.work.tokens)
			.saturating_mul(1_000)
			.div_ceil(speed);
		let blocks = u32::try_from(millis.div_ceil(block)).unwrap_or(u32::MAX);
		let commit = self.base_commit.saturating_add(blocks);
		// Each window ends after its last block, and the next round is drawn a while after that.
		let pause = self.draw_delay.saturating_add(1);
		let round = commit
			.saturating_add(1)
			.saturating_add(self.reveal)
			.saturating_add(pause);
		let rounds = |count: u8| round.saturating_mul(count.into());
		match audit.phase {
			Phase::Scheduled {
				round: number,
				draw_at,
				..
			} => Some(
				draw_at
					.saturating_add(rounds(self.redraws.saturating_sub(number)))
					.saturating_add(commit),
			),
			Phase::Committing { round, until, .. } => {
				Some(until.saturating_add(rounds(self.redraws.saturating_sub(round))))
			}
			Phase::Revealing { round, until, .. } => {
				Some(match self.redraws.saturating_sub(round).checked_sub(1) {
					Some(more) => until
						.saturating_add(pause)
						.saturating_add(commit)
						.saturating_add(rounds(more)),
					None => until,
				})
			}
			Phase::Escrowed { .. } | Phase::Concluded { .. } => None,
		}
	}
}

/// An account's money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Funds {
	/// Free to use.
	pub free: Balance,
	/// On hold.
	pub reserved: Balance,
}

/// What an operator must still do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owed {
	/// Tasks to deliver, each with the last block that accepts it.
	pub deliveries: Vec<(TaskId, BlockNumber)>,
	/// Tasks whose receipts may have to be opened, each with the last block in which that can be asked.
	pub openings: Vec<(TaskId, BlockNumber)>,
	/// Audits to vote on, each with the last block of the running phase.
	pub votes: Vec<(AuditId, BlockNumber)>,
}

impl Owed {
	/// Whether it is safe to stop.
	pub fn is_empty(&self) -> bool {
		self.deliveries.is_empty() && self.openings.is_empty() && self.votes.is_empty()
	}
}

/// An audit on which an operator has a duty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duty {
	/// The audit.
	pub audit: AuditId,
	/// The task whose receipt it checks.
	pub task: TaskId,
	/// Which draw.
	pub round: u8,
}

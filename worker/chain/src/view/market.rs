//! What the market's pallets hold: tasks, models, offers and audits.

use super::View;
use crate::{
	error::{ReadError, legible},
	names::{constant, entry, pallet},
	records::{Audit, AuditRules, Duty, Model, Offer, Phase, Plain, Record, Task, TaskRules},
};
use futures::{StreamExt, TryStreamExt, stream};
use infergrid_primitives::{
	AccountBytes, AuditId, Balance, BlockNumber, Hash, TaskId, audit::Vote, market::Role,
	model::Profile, randomness::ticket_delay, request::Receipt,
};
use std::{
	collections::{HashMap, HashSet},
	ops::RangeInclusive,
};

/// Reads under way at once.
const READS: usize = 16;

impl View {
	/// A task, until it is pruned.
	pub async fn task(&self, task: TaskId) -> Result<Option<Task>, ReadError> {
		self.get(pallet::TASKS, entry::TASKS, (task,)).await
	}

	/// What the chain asks of every task.
	pub fn task_rules(&self) -> Result<TaskRules, ReadError> {
		Ok(TaskRules {
			min_fee: self.constant(pallet::TASKS, constant::MIN_FEE)?,
			min_patience: self.constant(pallet::TASKS, constant::MIN_PATIENCE)?,
			max_patience: self.constant(pallet::TASKS, constant::MAX_PATIENCE)?,
			base_window: self.constant(pallet::TASKS, constant::BASE_WINDOW)?,
			millisecs_per_block: self.constant(pallet::TASKS, constant::MILLISECS_PER_BLOCK)?,
			draw_delay: self.draw_delay(pallet::TASKS)?,
		})
	}

	/// Blocks from the moment in which a pallet takes a ticket to its draw.
	fn draw_delay(&self, pallet: &'static str) -> Result<BlockNumber, ReadError> {
		let skip = self.constant(pallet, constant::DRAW_SKIP)?;
		Ok(ticket_delay(
			skip,
			self.constant(pallet, constant::DRAW_OUTPUTS)?,
		))
	}

	/// The task that `payer`'s order `nonce` has become, until it is pruned.
	pub async fn ordered(
		&self,
		payer: &AccountBytes,
		nonce: u64,
	) -> Result<Option<TaskId>, ReadError> {
		self.plain(pallet::TASKS, entry::ORDERED, (*payer, nonce))
			.await
	}

	/// The tasks that `miner` has to deliver.
	pub async fn assigned_to(
		&self,
		miner: &AccountBytes,
	) -> Result<Vec<(TaskId, Task)>, ReadError> {
		self.named_for(miner, (pallet::TASKS, entry::ASSIGNED), entry::TASKS)
			.await
	}

	/// The text of an inline prompt.
	pub async fn prompt(&self, task: TaskId) -> Result<Option<Vec<u8>>, ReadError> {
		self.plain(pallet::TASKS, entry::PROMPTS, (task,)).await
	}

	/// The receipt of a task.
	pub async fn receipt(&self, task: TaskId) -> Result<Option<Receipt>, ReadError> {
		self.plain(pallet::TASKS, entry::RECEIPTS, (task,)).await
	}

	/// A registered profile.
	pub async fn profile(&self, profile: &Hash) -> Result<Option<Profile>, ReadError> {
		self.plain(pallet::MODELS, entry::PROFILES, (*profile,))
			.await
	}

	/// Every registered profile.
	pub async fn profiles(&self) -> Result<Vec<(Hash, Profile)>, ReadError> {
		let profiles = self
			.all::<Hash, Plain<Profile>>(pallet::MODELS, entry::PROFILES)
			.await?;
		Ok(profiles
			.into_iter()
			.map(|(id, profile)| (id, profile.0))
			.collect())
	}

	/// Every registered model.
	pub async fn models(&self) -> Result<HashMap<Hash, Model>, ReadError> {
		let models = self
			.all::<Hash, Model>(pallet::MODELS, entry::MODELS)
			.await?;
		Ok(models.into_iter().collect())
	}

	/// A registered model.
	pub async fn model(&self, model: &Hash) -> Result<Option<Model>, ReadError> {
		self.get(pallet::MODELS, entry::MODELS, (*model,)).await
	}

	/// The royalties that a creator may ask, in percent of each fee.
	pub fn royalties(&self) -> Result<RangeInclusive<u8>, ReadError> {
		let least = self.constant(pallet::MODELS, constant::MIN_ROYALTY)?;
		let most = self.constant(pallet::MODELS, constant::MAX_ROYALTY)?;
		Ok(least..=most)
	}

	/// How many times a profile's reference price an offer may ask.
	pub fn price_factor(&self) -> Result<u32, ReadError> {
		self.constant(pallet::MODELS, constant::MAX_PRICE_FACTOR)
	}

	/// How many miners, and how many verifiers, a profile has places for.
	pub fn max_candidates(&self) -> Result<u32, ReadError> {
		self.constant(pallet::MODELS, constant::MAX_CANDIDATES)
	}

	/// The standing offers of a profile, by the miner's operator. A withdrawn one, whose record stays
	/// while its last tasks run, is none of them.
	pub async fn offers(&self, profile: &Hash) -> Result<Vec<(AccountBytes, Offer)>, ReadError> {
		let offers = self
			.list::<(Hash, AccountBytes), _, Offer>(pallet::MODELS, entry::OFFERS, (*profile,))
			.await?;
		let miners: HashSet<_> = self.miners(profile).await?.into_iter().collect();
		Ok(offers
			.into_iter()
			.map(|((_, miner), offer)| (miner, offer))
			.filter(|(miner, _)| miners.contains(miner))
			.collect())
	}

	/// The standing offer of one miner.
	pub async fn offer(
		&self,
		profile: &Hash,
		miner: &AccountBytes,
	) -> Result<Option<Offer>, ReadError> {
		if !self.miners(profile).await?.contains(miner) {
			return Ok(None);
		}
		self.last_offer(profile, miner).await
	}

	/// The offer of one miner, or a withdrawn one on which tasks still run: it tells how the miner is
	/// reached.
	pub async fn last_offer(
		&self,
		profile: &Hash,
		miner: &AccountBytes,
	) -> Result<Option<Offer>, ReadError> {
		self.get(pallet::MODELS, entry::OFFERS, (*profile, *miner))
			.await
	}

	/// The operators that offer a profile.
	pub async fn miners(&self, profile: &Hash) -> Result<Vec<AccountBytes>, ReadError> {
		let miners = self
			.plain(pallet::MODELS, entry::MINERS, (*profile,))
			.await?;
		Ok(miners.unwrap_or_default())
	}

	/// The operators in a profile's list for `role`. Validators need no place in a list.
	pub async fn candidates(
		&self,
		role: Role,
		profile: &Hash,
	) -> Result<Vec<AccountBytes>, ReadError> {
		match role {
			Role::Miner => self.miners(profile).await,
			Role::Verifier => self.verifiers(profile).await,
			Role::Validator => Ok(Vec::new()),
		}
	}

	/// The bond that an operator must exceed for a place in a profile's list, in plancks: the smallest
	/// that counts in it. None while the list has a free place.
	pub async fn bond_to_beat(
		&self,
		role: Role,
		profile: &Hash,
	) -> Result<Option<Balance>, ReadError> {
		let candidates = self.candidates(role, profile).await?;
		let places = usize::try_from(self.max_candidates()?).unwrap_or(usize::MAX);
		if candidates.len() < places {
			return Ok(None);
		}
		let session = self.session().await?;
		let working = self.working_bond(role)?;
		let mut bonds = stream::iter(candidates)
			.map(async |operator| {
				let bond = self.bond(role, &operator).await?;
				Ok::<_, ReadError>(bond.map_or(0, |bond| bond.counted(session, working)))
			})
			.buffer_unordered(READS);
		let mut smallest = None;
		while let Some(bond) = bonds.next().await {
			let bond = bond?;
			smallest = Some(smallest.map_or(bond, |least: Balance| least.min(bond)));
		}
		Ok(smallest)
	}

	/// The operators that stand for audits of a profile.
	pub async fn verifiers(&self, profile: &Hash) -> Result<Vec<AccountBytes>, ReadError> {
		let verifiers = self
			.plain(pallet::MODELS, entry::VERIFIERS, (*profile,))
			.await?;
		Ok(verifiers.unwrap_or_default())
	}

	/// An audit, until it is pruned.
	pub async fn audit(&self, audit: AuditId) -> Result<Option<Audit>, ReadError> {
		self.get(pallet::AUDITS, entry::AUDITS, (audit,)).await
	}

	/// The audits in whose running round `verifier` has a seat.
	async fn seats(&self, verifier: &AccountBytes) -> Result<Vec<(AuditId, Audit)>, ReadError> {
		self.named_for(verifier, (pallet::AUDITS, entry::SEATED), entry::AUDITS)
			.await
	}

	/// The audits in which `miner` may yet have to open its receipt.
	pub async fn openable(&self, miner: &AccountBytes) -> Result<Vec<(AuditId, Audit)>, ReadError> {
		self.named_for(miner, (pallet::AUDITS, entry::OPENABLE), entry::AUDITS)
			.await
	}

	/// The records that an index of a pallet names for `who`.
	async fn named_for<R: Record>(
		&self,
		who: &AccountBytes,
		(pallet, index): (&'static str, &'static str),
		records: &'static str,
	) -> Result<Vec<(u64, R)>, ReadError> {
		let mut named = self
			.list::<(AccountBytes, u64), _, Plain<()>>(pallet, index, (*who,))
			.await?;
		// The oldest first.
		named.sort_unstable_by_key(|((_, id), _)| *id);
		let found = stream::iter(named)
			.map(async |((_, id), _)| {
				// As in a list: what this version cannot read does not hide the others.
				let record = legible(self.get(pallet, records, (id,)).await)?;
				Ok::<_, ReadError>(record.map(|record| (id, record)))
			})
			.buffered(READS);
		found
			.try_filter_map(async |named| Ok(named))
			.try_collect()
			.await
	}

	/// The last block in which an opening can be asked for in `audit`, whatever its committees find;
	/// None if it cannot be any more.
	pub async fn last_opening(&self, audit: &Audit) -> Result<Option<BlockNumber>, ReadError> {
		let rules = AuditRules {
			base_commit: self.constant(pallet::AUDITS, constant::BASE_COMMIT_BLOCKS)?,
			reveal: self.constant(pallet::AUDITS, constant::REVEAL_BLOCKS)?,
			redraws: self.constant(pallet::AUDITS, constant::MAX_REDRAWS)?,
			draw_delay: self.draw_delay(pallet::AUDITS)?,
			millisecs_per_block: self.constant(pallet::AUDITS, constant::MILLISECS_PER_BLOCK)?,
		};
		let profile = self.profile(&audit.work.profile).await?;
		let speed = profile.map_or(1, |profile| profile.min_tokens_per_second);
		Ok(rules.last_opening(audit, speed))
	}

	/// The audits for which `verifier` was drawn and can still vote: each with its profile, and with the
	/// last block of the running phase.
	pub async fn votes_owed(
		&self,
		verifier: &AccountBytes,
	) -> Result<Vec<(AuditId, Hash, BlockNumber)>, ReadError> {
		let mut owed = Vec::new();
		for (id, audit) in self.seats(verifier).await? {
			let until = match &audit.phase {
				Phase::Committing {
					committee, until, ..
				} if committee.contains(verifier) => *until,
				// Whoever has not committed by now has nothing to reveal.
				Phase::Revealing {
					committee, until, ..
				} if committee.contains(verifier)
					&& self.commitment(id, verifier).await?.is_some()
					&& self.vote(id, verifier).await?.is_none() =>
				{
					*until
				}
				_ => continue,
			};
			owed.push((id, audit.work.profile, until));
		}
		Ok(owed)
	}

	/// The running audits on whose committee `verifier` sits.
	pub async fn duties(&self, verifier: &AccountBytes) -> Result<Vec<Duty>, ReadError> {
		let audits = self.seats(verifier).await?;
		Ok(audits
			.into_iter()
			.filter_map(|(id, audit)| match &audit.phase {
				Phase::Committing {
					round, committee, ..
				}
				| Phase::Revealing {
					round, committee, ..
				} if committee.contains(verifier) => Some(Duty {
					audit: id,
					task: audit.work.task,
					round: *round,
				}),
				_ => None,
			})
			.collect())
	}

	/// The commitment of a verifier's vote.
	pub async fn commitment(
		&self,
		audit: AuditId,
		verifier: &AccountBytes,
	) -> Result<Option<Hash>, ReadError> {
		self.plain(pallet::AUDITS, entry::COMMITMENTS, (audit, *verifier))
			.await
	}

	/// A verifier's revealed vote.
	pub async fn vote(
		&self,
		audit: AuditId,
		verifier: &AccountBytes,
	) -> Result<Option<Vote>, ReadError> {
		self.plain(pallet::AUDITS, entry::VOTES, (audit, *verifier))
			.await
	}
}

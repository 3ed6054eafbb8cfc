//! The chain's state after one block.

use crate::{
	client::BlockId,
	dispatch::{DispatchError, Failed},
	error::ReadError,
	events::{self, Event},
	names::{constant, entry, outcome, pallet},
	records::{
		Audit, Bond, Duty, Earnings, Funds, Model, Offer, Phase, Plain, Record, Task, TaskRules,
		TaskStatus,
	},
};
use infergrid_primitives::{
	AccountBytes, AuditId, Balance, Hash, TaskId, WorkerKey, audit::Vote, market::Role,
	model::Profile, request::Receipt,
};
use std::{
	collections::BTreeSet,
	sync::{Mutex, PoisonError},
};
use subxt::{
	PolkadotConfig,
	client::OnlineClientAtBlock,
	events::Phase as EventPhase,
	ext::{
		frame_decode::{helpers::IntoDecodableValues, storage::IntoEncodableValues},
		scale_decode::DecodeAsType,
	},
	utils::Static,
};

/// The chain's state after one block. Reads are repeated at other endpoints when one fails.
#[derive(Clone, Debug)]
pub struct View {
	at: OnlineClientAtBlock<PolkadotConfig>,
	block: BlockId,
}

/// How an extrinsic ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
	Success,
	/// `Pallet::Error`, or the name of a general error.
	Failure(String),
}

impl View {
	pub(crate) fn new(at: OnlineClientAtBlock<PolkadotConfig>, block: BlockId) -> Self {
		Self { at, block }
	}

	/// The block.
	pub fn block(&self) -> BlockId {
		self.block
	}

	/// A task, until it is pruned.
	pub async fn task(&self, task: TaskId) -> Result<Option<Task>, ReadError> {
		self.get("a task", pallet::TASKS, entry::TASKS, (task,))
			.await
	}

	/// What the chain asks of every task.
	pub fn task_rules(&self) -> Result<TaskRules, ReadError> {
		Ok(TaskRules {
			min_fee: self.constant(pallet::TASKS, constant::MIN_FEE)?,
			min_patience: self.constant(pallet::TASKS, constant::MIN_PATIENCE)?,
			max_patience: self.constant(pallet::TASKS, constant::MAX_PATIENCE)?,
			base_window: self.constant(pallet::TASKS, constant::BASE_WINDOW)?,
			millisecs_per_block: self.constant(pallet::TASKS, constant::MILLISECS_PER_BLOCK)?,
		})
	}

	/// Every task that is not pruned.
	pub async fn tasks(&self) -> Result<Vec<(TaskId, Task)>, ReadError> {
		self.list("a task", pallet::TASKS, entry::TASKS).await
	}

	/// The tasks that `miner` has to deliver.
	pub async fn assigned_to(
		&self,
		miner: &AccountBytes,
	) -> Result<Vec<(TaskId, Task)>, ReadError> {
		let mut tasks = self.tasks().await?;
		tasks.retain(|(_, task)| {
			matches!(&task.status, TaskStatus::Assigned { miner: assigned, .. } if assigned == miner)
		});
		Ok(tasks)
	}

	/// The text of an inline prompt.
	pub async fn prompt(&self, task: TaskId) -> Result<Option<Vec<u8>>, ReadError> {
		self.plain("a prompt", pallet::TASKS, entry::PROMPTS, (task,))
			.await
	}

	/// The receipt of a task.
	pub async fn receipt(&self, task: TaskId) -> Result<Option<Receipt>, ReadError> {
		self.plain("a receipt", pallet::TASKS, entry::RECEIPTS, (task,))
			.await
	}

	/// A registered profile.
	pub async fn profile(&self, profile: &Hash) -> Result<Option<Profile>, ReadError> {
		self.plain("a profile", pallet::MODELS, entry::PROFILES, (*profile,))
			.await
	}

	/// Every registered profile.
	pub async fn profiles(&self) -> Result<Vec<(Hash, Profile)>, ReadError> {
		let profiles = self
			.list::<Hash, Plain<Profile>>("a profile", pallet::MODELS, entry::PROFILES)
			.await?;
		Ok(profiles
			.into_iter()
			.map(|(id, profile)| (id, profile.0))
			.collect())
	}

	/// A registered model.
	pub async fn model(&self, model: &Hash) -> Result<Option<Model>, ReadError> {
		self.get("a model", pallet::MODELS, entry::MODELS, (*model,))
			.await
	}

	/// Every registered model.
	pub async fn models(&self) -> Result<Vec<(Hash, Model)>, ReadError> {
		self.list("a model", pallet::MODELS, entry::MODELS).await
	}

	/// The offers of a profile, by the miner's operator.
	pub async fn offers(&self, profile: &Hash) -> Result<Vec<(AccountBytes, Offer)>, ReadError> {
		let what = "an offer";
		let address = subxt::dynamic::storage::<([u8; 32], [u8; 32]), <Offer as Record>::Wire>(
			pallet::MODELS,
			entry::OFFERS,
		);
		let mut entries = self
			.at
			.storage()
			.iter(address, (*profile,))
			.await
			.map_err(|error| ReadError::from_subxt(what, error))?;
		let mut offers = Vec::new();
		while let Some(entry) = entries.next().await {
			let entry = entry.map_err(|error| ReadError::from_subxt(what, error))?;
			let Some(wire) = decodable(what, entry.value().decode()) else {
				continue;
			};
			let (_, miner) = entry
				.key()
				.and_then(|key| key.decode())
				.map_err(|error| ReadError::from_subxt(what, error))?;
			offers.push((miner, Offer::from_wire(wire)));
		}
		Ok(offers)
	}

	/// The offer of one miner.
	pub async fn offer(
		&self,
		profile: &Hash,
		miner: &AccountBytes,
	) -> Result<Option<Offer>, ReadError> {
		self.get(
			"an offer",
			pallet::MODELS,
			entry::OFFERS,
			(*profile, *miner),
		)
		.await
	}

	/// The operators that stand for audits of a profile.
	pub async fn verifiers(&self, profile: &Hash) -> Result<Vec<AccountBytes>, ReadError> {
		let verifiers = self
			.plain(
				"the verifiers",
				pallet::MODELS,
				entry::VERIFIERS,
				(*profile,),
			)
			.await?;
		Ok(verifiers.unwrap_or_default())
	}

	/// An audit, until it is pruned.
	pub async fn audit(&self, audit: AuditId) -> Result<Option<Audit>, ReadError> {
		self.get("an audit", pallet::AUDITS, entry::AUDITS, (audit,))
			.await
	}

	/// Every audit that is not pruned.
	pub async fn audits(&self) -> Result<Vec<(AuditId, Audit)>, ReadError> {
		self.list("an audit", pallet::AUDITS, entry::AUDITS).await
	}

	/// The running audits on whose committee `verifier` sits.
	pub async fn duties(&self, verifier: &AccountBytes) -> Result<Vec<Duty>, ReadError> {
		let audits = self.audits().await?;
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
		self.plain(
			"a commitment",
			pallet::AUDITS,
			entry::COMMITMENTS,
			(audit, *verifier),
		)
		.await
	}

	/// A verifier's revealed vote.
	pub async fn vote(
		&self,
		audit: AuditId,
		verifier: &AccountBytes,
	) -> Result<Option<Vote>, ReadError> {
		self.plain("a vote", pallet::AUDITS, entry::VOTES, (audit, *verifier))
			.await
	}

	/// The operator for whom a worker key acts.
	pub async fn operator_of(&self, worker: &WorkerKey) -> Result<Option<AccountBytes>, ReadError> {
		self.plain("a worker key", pallet::STAKING, entry::WORKERS, (*worker,))
			.await
	}

	/// A bond.
	pub async fn bond(
		&self,
		role: Role,
		operator: &AccountBytes,
	) -> Result<Option<Bond>, ReadError> {
		self.get(
			"a bond",
			pallet::STAKING,
			entry::BONDS,
			(Static(role), *operator),
		)
		.await
	}

	/// The least bond that works in a role, in plancks.
	pub fn minimum_bond(&self, role: Role) -> Result<Balance, ReadError> {
		let name = match role {
			Role::Validator => constant::MIN_VALIDATOR_BOND,
			Role::Miner => constant::MIN_MINER_BOND,
			Role::Verifier => constant::MIN_VERIFIER_BOND,
		};
		self.constant(pallet::STAKING, name)
	}

	/// The running session.
	pub async fn session(&self) -> Result<u32, ReadError> {
		let index = self
			.plain("the session", pallet::SESSION, entry::CURRENT_INDEX, ())
			.await?;
		Ok(index.unwrap_or_default())
	}

	/// What an account has earned.
	pub async fn earnings(&self, account: &AccountBytes) -> Result<Option<Earnings>, ReadError> {
		self.get("earnings", pallet::REWARDS, entry::EARNED, (*account,))
			.await
	}

	/// An account's money.
	pub async fn funds(&self, account: &AccountBytes) -> Result<Funds, ReadError> {
		Ok(self
			.account(account)
			.await?
			.map_or_else(Funds::default, |account| Funds {
				free: account.data.free,
				reserved: account.data.reserved,
			}))
	}

	/// The nonce of the account's next extrinsic.
	pub async fn nonce(&self, account: &AccountBytes) -> Result<u64, ReadError> {
		Ok(self
			.account(account)
			.await?
			.map_or(0, |account| account.nonce.into()))
	}

	/// The block's events that workers follow, in order.
	pub async fn events(&self) -> Result<Vec<Event>, ReadError> {
		Ok(self
			.all_events()
			.await?
			.into_iter()
			.map(|(_, event)| event)
			.collect())
	}

	/// The outcome and the events of the extrinsic at `index`.
	pub(crate) async fn extrinsic(
		&self,
		index: u32,
	) -> Result<(Option<Outcome>, Vec<Event>), ReadError> {
		let fetched = self.fetch_events().await?;
		let mut outcome = None;
		let mut events = Vec::new();
		for event in fetched.iter() {
			let event = event.map_err(|error| ReadError::from_subxt("events", error))?;
			if event.phase() != EventPhase::ApplyExtrinsic(index) {
				continue;
			}
			match (event.pallet_name(), event.event_name()) {
				(pallet::SYSTEM, outcome::SUCCESS) => outcome = Some(Outcome::Success),
				(pallet::SYSTEM, outcome::FAILED) => {
					let failed: Failed = event
						.decode_fields_unchecked_as()
						.map_err(|error| ReadError::from_subxt("a dispatch error", error))?;
					outcome = Some(Outcome::Failure(self.name_of(&failed.dispatch_error)));
				}
				_ => events.extend(events::decode(&event)?),
			}
		}
		Ok((outcome, events))
	}

	/// The block's events that workers follow, each with the extrinsic that caused it.
	async fn all_events(&self) -> Result<Vec<(Option<u32>, Event)>, ReadError> {
		let fetched = self.fetch_events().await?;
		let mut events = Vec::new();
		for event in fetched.iter() {
			let event = event.map_err(|error| ReadError::from_subxt("events", error))?;
			let index = match event.phase() {
				EventPhase::ApplyExtrinsic(index) => Some(index),
				_ => None,
			};
			let known = decodable("an event", events::decode(&event)).flatten();
			events.extend(known.map(|event| (index, event)));
		}
		Ok(events)
	}

	async fn fetch_events(&self) -> Result<subxt::events::Events<PolkadotConfig>, ReadError> {
		self.at
			.events()
			.fetch()
			.await
			.map_err(|error| ReadError::from_subxt("events", error))
	}

	fn name_of(&self, error: &DispatchError) -> String {
		let DispatchError::Module(module) = error else {
			return format!("{error:?}");
		};
		let pallet = self.at.metadata_ref().pallet_by_error_index(module.index);
		let variant = pallet
			.as_ref()
			.and_then(|pallet| pallet.error_variant_by_index(module.error[0]));
		match (&pallet, variant) {
			(Some(pallet), Some(variant)) => format!("{}::{}", pallet.name(), variant.name),
			_ => format!("module {} error {}", module.index, module.error[0]),
		}
	}

	fn constant<T: DecodeAsType>(
		&self,
		pallet: &'static str,
		name: &'static str,
	) -> Result<T, ReadError> {
		self.at
			.constants()
			.entry(subxt::dynamic::constant::<T>(pallet, name))
			.map_err(|error| ReadError::from_subxt("a constant", error))
	}

	async fn account(&self, account: &AccountBytes) -> Result<Option<AccountInfo>, ReadError> {
		let address =
			subxt::dynamic::storage::<([u8; 32],), AccountInfo>(pallet::SYSTEM, entry::ACCOUNT);
		let what = "an account";
		let found = self
			.at
			.storage()
			.try_fetch(address, (*account,))
			.await
			.map_err(|error| ReadError::from_subxt(what, error))?;
		found
			.map(|value| {
				value
					.decode()
					.map_err(|error| ReadError::from_subxt(what, error))
			})
			.transpose()
	}

	async fn get<K, R: Record>(
		&self,
		what: &'static str,
		pallet: &'static str,
		entry: &'static str,
		key: K,
	) -> Result<Option<R>, ReadError>
	where
		K: IntoEncodableValues + IntoDecodableValues,
	{
		let address = subxt::dynamic::storage::<K, R::Wire>(pallet, entry);
		let found = self
			.at
			.storage()
			.try_fetch(address, key)
			.await
			.map_err(|error| ReadError::from_subxt(what, error))?;
		found
			.map(|value| {
				value
					.decode()
					.map(R::from_wire)
					.map_err(|error| ReadError::from_subxt(what, error))
			})
			.transpose()
	}

	async fn plain<K, T>(
		&self,
		what: &'static str,
		pallet: &'static str,
		entry: &'static str,
		key: K,
	) -> Result<Option<T>, ReadError>
	where
		K: IntoEncodableValues + IntoDecodableValues,
		T: codec::Decode + Send + Sync + 'static,
	{
		let found = self.get::<K, Plain<T>>(what, pallet, entry, key).await?;
		Ok(found.map(|plain| plain.0))
	}

	/// Every entry of a map with a single key.
	async fn list<K, R>(
		&self,
		what: &'static str,
		pallet: &'static str,
		entry: &'static str,
	) -> Result<Vec<(K, R)>, ReadError>
	where
		R: Record,
		K: codec::Decode + codec::Encode + Send + Sync + 'static,
	{
		let address = subxt::dynamic::storage::<(Static<K>,), R::Wire>(pallet, entry);
		let mut entries = self
			.at
			.storage()
			.iter(address, ())
			.await
			.map_err(|error| ReadError::from_subxt(what, error))?;
		let mut list = Vec::new();
		while let Some(entry) = entries.next().await {
			let entry = entry.map_err(|error| ReadError::from_subxt(what, error))?;
			let Some(wire) = decodable(what, entry.value().decode()) else {
				continue;
			};
			let (key,) = entry
				.key()
				.and_then(|key| key.decode())
				.map_err(|error| ReadError::from_subxt(what, error))?;
			list.push((key.0, R::from_wire(wire)));
		}
		Ok(list)
	}
}

/// One of many values; one that a newer runtime has put there, and this version does not know, is left
/// out, so that it does not hide the others. That is said once for each kind.
fn decodable<T, E: std::fmt::Display>(what: &'static str, decoded: Result<T, E>) -> Option<T> {
	static TOLD: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
	match decoded {
		Ok(value) => Some(value),
		Err(error) => {
			let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
			if told.insert(what) {
				tracing::error!(%error, "the chain has {what} that this version cannot read, and leaves out: install the version that fits the runtime");
			}
			None
		}
	}
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct AccountInfo {
	nonce: u32,
	data: AccountData,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct AccountData {
	free: u128,
	reserved: u128,
}

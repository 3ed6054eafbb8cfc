//! Which profile a worker serves with the model it has loaded.

use crate::{Chain, ReadError, View, persist};
use infergrid_keys::address;
use infergrid_primitives::{AccountBytes, Hash, WorkerKey, model::Profile};
use std::time::Duration;
use tokio::time::Instant;

/// How long to wait for the profile to be registered.
const PATIENCE: Duration = Duration::from_secs(600);

/// Models that are named to somebody whose model is not registered.
const TOLD: usize = 8;

/// A profile with its identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
	/// Its identifier.
	pub id: Hash,
	/// The profile.
	pub profile: Profile,
}

/// A profile that fits, and what is known of its model.
#[derive(Clone)]
struct Candidate {
	served: Served,
	creator: AccountBytes,
	retired: bool,
}

/// Why there is no profile to serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
	/// The chain cannot be read.
	#[error(transparent)]
	Read(#[from] ReadError),
	/// Not the name of a profile.
	#[error("`{0}` is not a hash of 64 hexadecimal digits")]
	NoHash(String),
	/// More than one fits.
	#[error("the model has several profiles: choose one with --profile: {}", .0.join(", "))]
	Several(Vec<String>),
	/// None came.
	#[error(
		"the chain knows no profile for the model {model}: register it with `infergrid model publish`, or \
		 compare the directory's files by `infergrid model verify`"
	)]
	None {
		/// The model, in hexadecimal digits.
		model: String,
	},
	/// The profile is for another model.
	#[error("the profile is for model {wanted}, but the directory holds model {found}")]
	OtherModel {
		/// The profile's model.
		wanted: String,
		/// The model at hand.
		found: String,
	},
}

/// The profile named `wanted`, or the only one of the files whose manifest is `manifest`, whoever
/// registered them. Waits until it is registered. Of several that is it which `worker`'s operator has
/// offered or stands for, and otherwise the only one that is not retired: anybody may register the same
/// files once more, and must not keep a worker from coming back by it.
pub async fn find_profile(
	chain: &Chain,
	manifest: &Hash,
	wanted: Option<&str>,
	worker: &WorkerKey,
) -> Result<Served, ProfileError> {
	let wanted = wanted.map(parse_hash).transpose()?;
	let started = Instant::now();
	let mut told = false;
	loop {
		let view = persist(|| chain.latest()).await?;
		let found = candidates(&view, manifest, wanted.as_ref()).await?;
		let found = prefer(&view, found, worker).await?;
		match found.as_slice() {
			[Candidate { served: only, .. }] => {
				if !only.profile.is_calibrated() {
					tracing::info!(
						profile = %hex::encode(only.id),
						"the profile's thresholds are the protocol's own, not measured for its model"
					);
				}
				return Ok(only.clone());
			}
			[] => {}
			[..] => {
				let names = found.iter().map(
					|Candidate {
					     served, creator, ..
					 }| { format!("{} by {}", hex::encode(served.id), address(creator)) },
				);
				return Err(ProfileError::Several(names.collect()));
			}
		}
		if started.elapsed() >= PATIENCE {
			return Err(ProfileError::None {
				model: hex::encode(manifest),
			});
		}
		if !told {
			tracing::warn!(
				model = %hex::encode(manifest),
				registered = %registered(&view).await?,
				"the chain knows no profile for this model: waiting until one is registered. A changed or \
				 incomplete directory is another model: `infergrid model verify` compares it"
			);
			told = true;
		}
		let next = view.block().number.saturating_add(1);
		// A stall only means one more look.
		let _ = chain.reach(next, Duration::from_secs(30)).await;
	}
}

/// The models that have profiles, by name and identifier, for somebody who looks for theirs.
pub(crate) async fn registered(view: &View) -> Result<String, ReadError> {
	let profiles = persist(|| view.profiles()).await?;
	let mut ids: Vec<_> = profiles.iter().map(|(_, profile)| profile.model).collect();
	ids.sort_unstable();
	ids.dedup();
	let mut told = Vec::new();
	for id in ids.iter().take(TOLD) {
		let model = persist(|| view.model(id)).await?;
		let name = model.map(|model| String::from_utf8_lossy(&model.info.name).into_owned());
		told.push(format!(
			"{} ({})",
			name.unwrap_or_default(),
			hex::encode(id)
		));
	}
	if ids.len() > TOLD {
		told.push(format!("and {} more", ids.len() - TOLD));
	}
	Ok(match told.is_empty() {
		true => "none".to_owned(),
		false => told.join(", "),
	})
}

/// The profiles of the files whose manifest is `manifest`.
async fn candidates(
	view: &View,
	manifest: &Hash,
	wanted: Option<&Hash>,
) -> Result<Vec<Candidate>, ProfileError> {
	let profiles = persist(|| view.profiles()).await?;
	let models = persist(|| view.models()).await?;
	let mut found = Vec::new();
	for (id, profile) in profiles {
		let Some(model) = models.get(&profile.model) else {
			continue;
		};
		let fits = model.info.manifest_hash == *manifest;
		match wanted {
			Some(wanted) if *wanted != id => {}
			Some(_) if !fits => {
				return Err(ProfileError::OtherModel {
					wanted: hex::encode(model.info.manifest_hash),
					found: hex::encode(manifest),
				});
			}
			_ if fits => found.push(Candidate {
				served: Served { id, profile },
				creator: model.creator,
				retired: model.retired_at.is_some(),
			}),
			_ => {}
		}
	}
	Ok(found)
}

/// Of several candidates the one that the worker's operator serves already, or else the only one of a
/// model that is not retired; all of them if neither tells.
async fn prefer(
	view: &View,
	found: Vec<Candidate>,
	worker: &WorkerKey,
) -> Result<Vec<Candidate>, ReadError> {
	if found.len() < 2 {
		return Ok(found);
	}
	let mut served = Vec::new();
	if let Some(operator) = persist(|| view.operator_of(worker)).await? {
		for candidate in &found {
			let profile = candidate.served.id;
			if persist(|| view.last_offer(&profile, &operator))
				.await?
				.is_some() || persist(|| view.verifiers(&profile))
				.await?
				.contains(&operator)
			{
				served.push(candidate.clone());
			}
		}
	}
	if served.len() == 1 {
		return Ok(served);
	}
	let living = found.iter().filter(|candidate| !candidate.retired);
	let living: Vec<_> = living.cloned().collect();
	Ok(if living.is_empty() { found } else { living })
}

/// 64 hexadecimal digits, with or without 0x.
pub fn parse_hash(text: &str) -> Result<Hash, ProfileError> {
	hex::decode(text.trim_start_matches("0x"))
		.ok()
		.and_then(|bytes| Hash::try_from(bytes).ok())
		.ok_or_else(|| ProfileError::NoHash(text.to_owned()))
}

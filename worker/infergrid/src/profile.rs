//! Which profile a worker serves with the model it has loaded.

use crate::{failure::Failure, follow::persist};
use anyhow::anyhow;
use infergrid_chain::{Chain, View};
use infergrid_primitives::{Hash, model::Profile};
use std::time::{Duration, Instant};

/// How long to wait for the profile to be registered.
const PATIENCE: Duration = Duration::from_secs(600);

/// A profile with its identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Served {
	pub(crate) id: Hash,
	pub(crate) profile: Profile,
}

/// The profile named `wanted`, or the only one of `model`. Waits until it is registered.
pub(crate) async fn find(
	chain: &Chain,
	model: &Hash,
	wanted: Option<&str>,
) -> Result<Served, Failure> {
	let wanted = wanted.map(parse_hash).transpose()?;
	let started = Instant::now();
	let mut told = false;
	loop {
		let view = persist(|| chain.latest()).await?;
		let found = candidates(&view, model, wanted.as_ref()).await?;
		match found.as_slice() {
			[only] => {
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
				let ids: Vec<_> = found.iter().map(|served| hex::encode(served.id)).collect();
				return Err(Failure::config(anyhow!("the model has several profiles"))
					.hint(format!("choose one with --profile: {}", ids.join(", "))));
			}
		}
		if started.elapsed() >= PATIENCE {
			return Err(Failure::config(anyhow!(
				"the chain knows no profile for the model {}",
				hex::encode(model)
			))
			.hint("register it with `infergrid model publish`, or check the model's files"));
		}
		if !told {
			tracing::info!(model = %hex::encode(model), "waiting until a profile for the model is registered");
			told = true;
		}
		let next = view.block().number.saturating_add(1);
		// A stall only means one more look.
		let _ = chain.reach(next, Duration::from_secs(30)).await;
	}
}

async fn candidates(
	view: &View,
	model: &Hash,
	wanted: Option<&Hash>,
) -> Result<Vec<Served>, Failure> {
	let profiles = persist(|| view.profiles()).await?;
	let mut found: Vec<_> = profiles
		.into_iter()
		.map(|(id, profile)| Served { id, profile })
		.collect();
	match wanted {
		None => found.retain(|served| served.profile.model == *model),
		Some(id) => {
			found.retain(|served| served.id == *id);
			if let Some(served) = found.first()
				&& served.profile.model != *model
			{
				return Err(Failure::config(anyhow!(
					"the profile is for model {}, but the directory holds model {}",
					hex::encode(served.profile.model),
					hex::encode(model)
				)));
			}
		}
	}
	Ok(found)
}

/// 64 hexadecimal digits, with or without 0x.
pub(crate) fn parse_hash(text: &str) -> Result<Hash, Failure> {
	hex::decode(text.trim_start_matches("0x"))
		.ok()
		.and_then(|bytes| Hash::try_from(bytes).ok())
		.ok_or_else(|| Failure::usage(format!("`{text}` is not a hash of 64 hexadecimal digits")))
}

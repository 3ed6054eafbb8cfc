//! The private grid that newcomers get: two miners, three verifiers, a gateway, one model.

use crate::{DevError, pace::Pace};
use infergrid_chain::Chain;
use infergrid_devnet::{Handle, Model, Plan, SpawnError};
use infergrid_primitives::{Hash, market::Price};
use infergrid_proof::Speed;
use serde_json::Value;
use std::{
	fs,
	future::Future,
	path::{Path, PathBuf},
	time::Duration,
};
use tokio_util::sync::CancellationToken;

const MINERS: usize = 2;
const VERIFIERS: usize = 3;
const CREATOR: &str = "//Ferdie";
const ROYALTY: u8 = 20;
/// Blocks that the gateway gives an order: the most that the chain allows, 20 minutes. On a machine
/// that computes for all, many askers wait for each other.
const PATIENCE: u32 = 400;
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// The model that a grid serves.
#[derive(Clone, Debug)]
pub struct Offered {
	/// Its files.
	pub directory: PathBuf,
	/// Its name on chain, if not the directory's.
	pub name: Option<String>,
	/// SPDX identifier.
	pub licence: String,
	/// Its reference price.
	pub price: Price,
	/// How fast this machine computes it.
	pub speed: Speed,
	/// Tokens per second that miners promise at most, however fast the machine is.
	pub tokens_per_second: u32,
}

/// A grid that stands, as the commands see it.
#[derive(Clone, Debug)]
pub struct Ready {
	/// The chain.
	pub chain: Chain,
	/// The gateway's URL.
	pub gateway: String,
	/// The nodes' endpoints.
	pub rpc: Vec<String>,
	/// The profile on chain.
	pub profile: Hash,
	/// The model's name.
	pub model_name: String,
	/// The grid's files.
	pub directory: PathBuf,
}

impl Ready {
	/// What there is to see of `handle`.
	pub fn of(handle: &Handle) -> Result<Self, DevError> {
		let served = handle.served().first().ok_or(DevError::Incomplete)?;
		let gateway = handle.gateways().first().ok_or(DevError::Incomplete)?;
		Ok(Self {
			chain: handle.chain().clone(),
			gateway: gateway.clone(),
			rpc: handle.rpc().to_vec(),
			profile: served.profile,
			model_name: served.name.clone(),
			directory: handle.directory().to_path_buf(),
		})
	}
}

/// Adds to `plan` who works, and the model at a pace that this machine keeps.
pub fn fill(plan: Plan, model: Offered) -> Plan {
	let pace = Pace::for_speed(model.speed, MINERS, model.tokens_per_second);
	let name = model.name.unwrap_or_else(|| name_of(&model.directory));
	// A grid that goes on has a profile already; another least speed would make a second one.
	let before = least_speed_before(&plan.directory, &name, &model.directory);
	let mut plan = plan.with_workers(MINERS, VERIFIERS);
	for miner in &mut plan.miners {
		miner.capacity = Some(pace.capacity);
	}
	for gateway in &mut plan.gateways {
		let patience = ["--patience".to_owned(), PATIENCE.to_string()];
		gateway.extra.args.extend(patience);
	}
	plan.models = vec![Model {
		directory: model.directory,
		name,
		creator: CREATOR.into(),
		royalty: ROYALTY,
		price: model.price,
		licence: model.licence,
		min_tokens_per_second: before.unwrap_or(pace.least),
		context: None,
	}];
	plan
}

/// Runs `work` as long as all parts live and nobody says stop. With `restart`, a part that dies is
/// started again instead.
pub async fn guard<E: From<SpawnError>>(
	handle: &Handle,
	restart: bool,
	stop: &CancellationToken,
	work: impl Future<Output = Result<(), E>>,
) -> Result<(), E> {
	tokio::pin!(work);
	loop {
		let death = tokio::select! {
			biased;
			_ = stop.cancelled() => return Ok(()),
			result = &mut work => return result,
			death = handle.died() => death,
		};
		if !restart {
			return Err(SpawnError::Died(death).into());
		}
		tracing::warn!(part = %death.name, "died and is started again");
		tokio::time::sleep(RESTART_PAUSE).await;
		handle.restart(&death.name)?;
	}
}

/// The name of a model in `directory`: the directory's own. A snapshot in a download cache is named
/// after a commit; there the model's configuration knows better.
fn name_of(directory: &Path) -> String {
	let name = directory.file_name().map(|name| name.to_string_lossy());
	let name = name.unwrap_or_default().into_owned();
	let is_commit = name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
	if !is_commit {
		return name;
	}
	let config = fs::read_to_string(directory.join("config.json")).unwrap_or_default();
	let config: Value = serde_json::from_str(&config).unwrap_or_default();
	let path = config["_name_or_path"].as_str().unwrap_or_default();
	let last = path.rsplit('/').next().filter(|last| !last.is_empty());
	last.map_or(name, str::to_owned)
}

/// The least speed with which the grid in `place` has published the model before.
fn least_speed_before(place: &Path, name: &str, directory: &Path) -> Option<u32> {
	let text = fs::read_to_string(place.join("grid.json")).ok()?;
	let grid: Value = serde_json::from_str(&text).ok()?;
	let model = &grid["model"];
	let same = model["name"] == name && model["directory"] == directory.to_str()?;
	let speed = model["min_tokens_per_second"].as_u64().filter(|_| same)?;
	u32::try_from(speed).ok()
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_model_is_named_after_its_directory_or_what_a_snapshot_says() {
		let directory = tempfile::tempdir().unwrap();
		let model = directory.path().join("SmolLM2-135M-Instruct");
		fs::create_dir(&model).unwrap();
		assert_eq!(name_of(&model), "SmolLM2-135M-Instruct");
		let snapshot = directory
			.path()
			.join("12fd25f77366fa6b3b4b768ec3050bf629380bac");
		fs::create_dir(&snapshot).unwrap();
		assert_eq!(
			name_of(&snapshot),
			"12fd25f77366fa6b3b4b768ec3050bf629380bac"
		);
		let config = r#"{"_name_or_path": "HuggingFaceTB/SmolLM2-135M"}"#;
		fs::write(snapshot.join("config.json"), config).unwrap();
		assert_eq!(name_of(&snapshot), "SmolLM2-135M");
	}

	#[test]
	fn a_grid_that_goes_on_keeps_the_least_speed_of_the_same_model() {
		let place = tempfile::tempdir().unwrap();
		let model = Path::new("/models/small");
		assert_eq!(least_speed_before(place.path(), "small", model), None);
		let text = r#"{"model": {"name": "small", "directory": "/models/small", "min_tokens_per_second": 3}}"#;
		fs::write(place.path().join("grid.json"), text).unwrap();
		assert_eq!(least_speed_before(place.path(), "small", model), Some(3));
		assert_eq!(least_speed_before(place.path(), "other", model), None);
	}
}

//! What miners and verifiers share before their roles begin: flags, settings, and the way to a place on
//! chain.

use crate::{
	engine,
	failure::Failure,
	settings::{self, Common},
};
use anyhow::anyhow;
use clap::Args;
use infergrid_chain::{Chain, Options, Served, Submitter, TaskRules, find_profile, persist};
use infergrid_crew::Crew;
use infergrid_engine::Device;
use infergrid_journal::{DataDir, Journal};
use infergrid_keys::{Key, KeySource, Secret};
use infergrid_primitives::AccountBytes;
use infergrid_proof::{Compute, Server};
use infergrid_swarm::{AddressPolicy, NodeSecret};
use infergrid_telemetry::MetricsServer;
use prometheus_client::registry::Registry;
use serde::Serialize;
use std::{path::PathBuf, sync::Arc};
use tokio_util::sync::CancellationToken;

/// How long a worker waits at a stop for what is under way, where it is not told.
pub(crate) const DEFAULT_DRAIN_SECONDS: u64 = 900;

/// Flags that miners and verifiers share.
#[derive(Args, Clone, Debug)]
pub(crate) struct WorkerArgs {
	/// Directory of the model in Hugging Face layout
	#[arg(long, value_name = "DIR", env = "INFERGRID_MODEL")]
	pub(crate) model: Option<PathBuf>,
	/// Profile to serve [default: the only one on chain for the model]
	#[arg(long, value_name = "HASH", env = "INFERGRID_PROFILE")]
	pub(crate) profile: Option<String>,
	/// Worker key as a secret URI; prefer --key-file
	#[arg(
		long,
		value_name = "URI",
		env = "INFERGRID_KEY",
		hide_env_values = true
	)]
	pub(crate) key: Option<Secret>,
	/// File with the worker key, readable by its owner only
	#[arg(long, value_name = "FILE", env = "INFERGRID_KEY_FILE")]
	pub(crate) key_file: Option<PathBuf>,
	/// Operator's key as a secret URI, to pair the worker key once; prefer --operator-key-file
	#[arg(
		long,
		value_name = "URI",
		env = "INFERGRID_OPERATOR_KEY",
		hide_env_values = true
	)]
	pub(crate) operator_key: Option<Secret>,
	/// File with the operator's key
	#[arg(long, value_name = "FILE", env = "INFERGRID_OPERATOR_KEY_FILE")]
	pub(crate) operator_key_file: Option<PathBuf>,
	/// Directory of this worker alone, for its journal and identity
	#[arg(long, value_name = "DIR", env = "INFERGRID_DATA")]
	pub(crate) data: Option<PathBuf>,
	/// Serve Prometheus metrics, on 127.0.0.1:9100 for instance [default: none]
	#[arg(long, value_name = "HOST:PORT", env = "INFERGRID_METRICS")]
	pub(crate) metrics: Option<String>,
	/// Make a new journal where the old one is lost: only if nothing that this key signed is open
	#[arg(long)]
	pub(crate) new_journal: bool,
	/// Where to compute: cpu, cuda or cuda:N [default: cpu]
	#[arg(long, value_name = "DEVICE", env = "INFERGRID_DEVICE")]
	pub(crate) device: Option<String>,
	/// Announce and dial addresses of this machine and of private networks: for private grids
	#[arg(long, env = "INFERGRID_ALLOW_LOCAL")]
	pub(crate) allow_local: bool,
}

/// Merged settings that miners and verifiers share.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct WorkerSettings {
	#[serde(flatten)]
	pub(crate) common: Common,
	pub(crate) model: PathBuf,
	pub(crate) profile: Option<String>,
	pub(crate) key: KeySource,
	pub(crate) operator_key: Option<KeySource>,
	pub(crate) data: PathBuf,
	pub(crate) new_journal: bool,
	pub(crate) metrics: Option<String>,
	pub(crate) device: String,
	pub(crate) allow_local: bool,
}

impl WorkerSettings {
	/// Merges flags and file.
	pub(crate) fn merge(
		args: WorkerArgs,
		file: &settings::WorkerFile,
		common: &Common,
		role: &str,
	) -> Result<Self, Failure> {
		let key = KeySource::choose(args.key, args.key_file)
			.or_else(|| KeySource::choose(file.key.clone(), file.key_file.clone()))
			.ok_or_else(|| Failure::usage("no worker key: give --key-file FILE"))?;
		let operator_key =
			KeySource::choose(args.operator_key, args.operator_key_file).or_else(|| {
				KeySource::choose(file.operator_key.clone(), file.operator_key_file.clone())
			});
		Ok(Self {
			common: common.clone(),
			model: args
				.model
				.or_else(|| file.model.clone())
				.ok_or_else(|| Failure::usage("no model: give --model DIR"))?,
			profile: args.profile.or_else(|| file.profile.clone()),
			key,
			operator_key,
			data: args
				.data
				.or_else(|| file.data.clone())
				.unwrap_or_else(|| settings::default_data(role)),
			new_journal: args.new_journal,
			metrics: args.metrics.or_else(|| file.metrics.clone()),
			device: args
				.device
				.or_else(|| file.device.clone())
				.unwrap_or_else(|| "cpu".into()),
			allow_local: args.allow_local || file.allow_local.unwrap_or_default(),
		})
	}

	/// Which addresses are dialled and announced.
	pub(crate) fn addresses(&self) -> AddressPolicy {
		AddressPolicy {
			allow_local: self.allow_local,
		}
	}

	/// The device by its name.
	pub(crate) fn device(&self) -> Result<Device, Failure> {
		self.device.parse().map_err(Failure::config)
	}
}

/// A worker with its model, its journal and its place on chain.
pub(crate) struct Enrolled {
	pub(crate) key: Key,
	pub(crate) submitter: Submitter,
	pub(crate) engine: Arc<Server>,
	pub(crate) journal: Journal,
	/// The network identity.
	pub(crate) secret: NodeSecret,
	pub(crate) operator: AccountBytes,
	pub(crate) served: Served,
	pub(crate) rules: TaskRules,
	/// Nobody else may use it meanwhile.
	pub(crate) data: DataDir,
}

impl Enrolled {
	/// Loads the model, opens the journal, and finds operator and profile on chain, for which it waits.
	pub(crate) async fn get(settings: &WorkerSettings) -> Result<Self, Failure> {
		let key = settings.key.key().map_err(Failure::config)?;
		let data = DataDir::take(&settings.data)?;
		let engine = engine::start(&settings.model, settings.device()?).await?;
		let chain = Chain::connect(Options::new(settings.common.node.clone())).await?;
		let journal = data.open_journal(&chain.genesis(), key.clone(), settings.new_journal)?;
		let secret = NodeSecret::new(data.peer_secret()?);
		let wanted = settings.profile.as_deref();
		let served = find_profile(&chain, &engine.model(), wanted, &key.public()).await?;
		engine
			.memory()
			.check(served.profile.context.into())
			.map_err(Failure::config)?;
		// It costs a fee, so that everything that may be wrong here comes before it.
		let operator =
			infergrid_chain::operator(&chain, &key, settings.operator_key.as_ref()).await?;
		let rules = persist(|| chain.latest()).await?.task_rules()?;
		Ok(Self {
			submitter: Submitter::new(chain, key.clone()),
			key,
			engine,
			journal,
			secret,
			operator,
			served,
			rules,
			data,
		})
	}
}

/// Serves metrics, if an address is given.
pub(crate) async fn metrics_server(
	crew: &mut Crew<Failure>,
	address: Option<&str>,
	registry: Registry,
	stop: &CancellationToken,
) -> Result<(), Failure> {
	let Some(address) = address else {
		return Ok(());
	};
	let server = MetricsServer::bind(address, registry)
		.await
		.map_err(|error| {
			Failure::config(anyhow!("cannot serve metrics on {address}: {error}"))
				.hint("choose another address with --metrics HOST:PORT")
		})?;
	tracing::info!(metrics.url = %format!("http://{}/metrics", server.address()), "serving metrics");
	let stop = stop.clone();
	crew.spawn("the metrics", async move {
		server.run(stop).await.map_err(Failure::outside)
	});
	Ok(())
}

//! `infergrid mine`: computes what the chain assigns to this worker.

mod jobs;
mod service;
mod work;

use crate::{
	cli::Context,
	crew::Crew,
	engine::EngineHandle,
	enrol,
	failure::Failure,
	follow::persist,
	pairing,
	profile::{self, Served},
	settings::{self, Common},
};
use anyhow::anyhow;
use clap::Args;
use infergrid_chain::{Call, Chain, OfferTerms, Options, Submitter, address};
use infergrid_engine::Device;
use infergrid_journal::DataDir;
use infergrid_keys::{KeySource, Secret};
use infergrid_primitives::market::Price;
use infergrid_swarm::{NodeSecret, Swarm, SwarmConfig, SwarmHandle};
use serde::Serialize;
use std::{path::PathBuf, sync::Arc};

const DEFAULT_CAPACITY: u32 = 4;
const DEFAULT_LISTEN: &str = "/ip4/127.0.0.1/tcp/0";

/// Flags of `infergrid mine`.
#[derive(Args, Clone, Debug)]
pub(crate) struct MineArgs {
	#[command(flatten)]
	pub(crate) worker: WorkerArgs,
	/// Plancks per 1,000 prompt tokens [default: the profile's reference price]
	#[arg(long, value_name = "PLANCKS", env = "INFERGRID_PRICE_INPUT")]
	pub(crate) price_input: Option<u128>,
	/// Plancks per 1,000 answer tokens [default: the profile's reference price]
	#[arg(long, value_name = "PLANCKS", env = "INFERGRID_PRICE_OUTPUT")]
	pub(crate) price_output: Option<u128>,
	/// Tasks taken at the same time [default: 4]
	#[arg(long, value_name = "N", env = "INFERGRID_CAPACITY")]
	pub(crate) capacity: Option<u32>,
	/// Multiaddress to listen on; repeat for more [default: /ip4/127.0.0.1/tcp/0]
	#[arg(
		long,
		value_name = "ADDRESS",
		env = "INFERGRID_LISTEN",
		value_delimiter = ','
	)]
	pub(crate) listen: Vec<String>,
	/// Multiaddress that others dial [default: the first one listened on]
	#[arg(long, value_name = "ADDRESS", env = "INFERGRID_ANNOUNCE")]
	pub(crate) announce: Option<String>,
}

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
	/// Make a new journal where the old one is lost: only if nothing that this key signed is open
	#[arg(long)]
	pub(crate) new_journal: bool,
	/// Where to compute: cpu, cuda or cuda:N [default: cpu]
	#[arg(long, value_name = "DEVICE", env = "INFERGRID_DEVICE")]
	pub(crate) device: Option<String>,
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
	pub(crate) device: String,
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
			device: args
				.device
				.or_else(|| file.device.clone())
				.unwrap_or_else(|| "cpu".into()),
		})
	}

	/// The device by its name.
	pub(crate) fn device(&self) -> Result<Device, Failure> {
		self.device.parse().map_err(Failure::config)
	}
}

/// Merged settings of `infergrid mine`.
#[derive(Clone, Debug, Serialize)]
struct MineSettings {
	#[serde(flatten)]
	worker: WorkerSettings,
	price_input: Option<u128>,
	price_output: Option<u128>,
	capacity: u32,
	listen: Vec<String>,
	announce: Option<String>,
}

impl MineSettings {
	fn merge(args: MineArgs, context: &Context) -> Result<Self, Failure> {
		let file = &context.file.mine;
		let listen = if args.listen.is_empty() {
			file.listen.clone()
		} else {
			Some(args.listen)
		};
		Ok(Self {
			worker: WorkerSettings::merge(args.worker, file, &context.common, "miner")?,
			price_input: args.price_input.or(file.price_input),
			price_output: args.price_output.or(file.price_output),
			capacity: args.capacity.or(file.capacity).unwrap_or(DEFAULT_CAPACITY),
			listen: listen.unwrap_or_else(|| vec![DEFAULT_LISTEN.to_owned()]),
			announce: args.announce.or_else(|| file.announce.clone()),
		})
	}
}

/// Runs the command.
pub(crate) async fn run(args: MineArgs, context: Context) -> Result<(), Failure> {
	let settings = MineSettings::merge(args, &context)?;
	if context.show_settings {
		return settings::show(&settings);
	}
	let worker = &settings.worker;
	let key = worker.key.key().map_err(Failure::config)?;
	let data = DataDir::take(&worker.data)?;
	let engine = EngineHandle::start(&worker.model, worker.device()?).await?;
	let chain = Chain::connect(Options::new(worker.common.node.clone())).await?;
	let journal = enrol::journal(&data, &chain.genesis(), key.clone(), worker.new_journal)?;

	let operator = pairing::operator(&chain, &key, worker.operator_key.as_ref()).await?;
	let model = engine.model();
	let served = tokio::select! {
		_ = context.stop.cancelled() => return Ok(()),
		served = profile::find(&chain, &model, worker.profile.as_deref()) => served?,
	};
	let submitter = Submitter::new(chain.clone(), key);
	let miner = Arc::new(work::Miner::new(
		chain.clone(),
		submitter.clone(),
		engine,
		journal,
		operator,
		served.clone(),
	));
	let secret = NodeSecret::new(data.peer_secret()?);
	let config = SwarmConfig::new(secret, settings.listen.clone(), chain.genesis());
	let service = Arc::new(service::MinerService::new(miner.clone()));
	let (handle, swarm) = Swarm::start(config, Some(service)).await?;
	let terms = terms(&settings, &served, &handle)?;
	offer(&chain, &submitter, &served, &operator, &terms).await?;
	tracing::info!(
		miner.operator = %address(&operator),
		miner.peer = %handle.peer_id(),
		miner.address = %String::from_utf8_lossy(&terms.address),
		model.profile = %hex::encode(served.id),
		"mining"
	);

	let mut crew = Crew::new(context.stop.clone());
	crew.spawn(
		"the work on tasks",
		work::follow(miner, context.stop.clone()),
	);
	let result = crew.run().await;
	swarm.shutdown().await;
	result
}

/// What this miner offers.
fn terms(
	settings: &MineSettings,
	served: &Served,
	handle: &SwarmHandle,
) -> Result<OfferTerms, Failure> {
	let address = settings
		.announce
		.clone()
		.or_else(|| handle.listen_addresses().first().cloned())
		.ok_or_else(|| {
			Failure::config(anyhow!("no address to announce: give --announce ADDRESS"))
		})?;
	if is_local(&address)
		&& !settings
			.worker
			.common
			.node
			.iter()
			.all(|node| is_local(node))
	{
		tracing::warn!(%address, "nobody on another machine can dial this address: give --announce ADDRESS");
	}
	Ok(OfferTerms {
		price: Price {
			input: settings
				.price_input
				.unwrap_or(served.profile.reference_input),
			output: settings
				.price_output
				.unwrap_or(served.profile.reference_output),
		},
		capacity: settings.capacity,
		peer: handle.peer_id().to_bytes(),
		address: address.into_bytes(),
	})
}

/// Whether an address, a multiaddress or a URL, means this machine to everybody.
fn is_local(address: &str) -> bool {
	["127.0.0.1", "localhost", "0.0.0.0", "/ip6/::", "[::1]"]
		.iter()
		.any(|local| address.contains(local))
}

/// Puts the offer on chain, unless it is there already.
async fn offer(
	chain: &Chain,
	submitter: &Submitter,
	served: &Served,
	operator: &infergrid_primitives::AccountBytes,
	terms: &OfferTerms,
) -> Result<(), Failure> {
	let view = persist(|| chain.latest()).await?;
	let standing = persist(|| view.offer(&served.id, operator)).await?;
	if let Some(standing) = standing {
		if standing.terms == *terms {
			return Ok(());
		}
		if standing.terms.peer != terms.peer {
			tracing::warn!(
				"replacing the offer of another peer: one operator can have one miner for a profile, and \
				 only the one that answered can open its answers"
			);
		}
	}
	submitter
		.submit(&Call::set_offer(&served.id, terms), None)
		.await
		.map_err(|error| crate::failure::needs_bond(error, "miner"))?;
	Ok(())
}

//! `infergrid mine`: computes what the chain assigns to this worker.

use crate::{
	cli::Context,
	crew::Crew,
	engine, enrol,
	failure::Failure,
	settings::{self, Common},
};
use anyhow::anyhow;
use clap::Args;
use infergrid_chain::{Chain, Options, Served, Submitter, TaskRules, find_profile, persist};
use infergrid_engine::Device;
use infergrid_journal::{DataDir, Journal};
use infergrid_keys::{KeySource, Secret};
use infergrid_miner::{
	Intent, Miner, MinerMetrics, MinerService, Node, OfferKeeper, Owed, Position, dial_back, drain,
	first_address, follow_address,
};
use infergrid_primitives::{AccountBytes, market::Price};
use infergrid_proof::{Compute, Grant, Server};
use infergrid_swarm::{
	AddressPolicy, DialBackHandler, InferHandler, NodeSecret, OpeningHandler, Swarm, SwarmConfig,
	SwarmHandle,
};
use infergrid_telemetry::MetricsServer;
use prometheus_client::registry::Registry;
use serde::Serialize;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const DEFAULT_DRAIN_SECONDS: u64 = 900;
/// Blocks of a window that pass between chain and worker: until the assignment is seen finalized, and
/// until the receipt is in a block.
const CHAIN_BLOCKS: u32 = 9;
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
	/// Tasks taken at the same time [default: what this machine can finish in time, as measured]
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
	/// How long to wait at a stop until what was assigned is delivered; 0 stops at once [default: 900]
	#[arg(long, value_name = "SECONDS", env = "INFERGRID_DRAIN_SECONDS")]
	pub(crate) drain_seconds: Option<u64>,
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

/// Merged settings of `infergrid mine`.
#[derive(Clone, Debug, Serialize)]
struct MineSettings {
	#[serde(flatten)]
	worker: WorkerSettings,
	price_input: Option<u128>,
	price_output: Option<u128>,
	capacity: Option<u32>,
	listen: Vec<String>,
	announce: Option<String>,
	drain_seconds: u64,
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
			capacity: args.capacity.or(file.capacity),
			listen: listen.unwrap_or_else(|| vec![DEFAULT_LISTEN.to_owned()]),
			announce: args.announce.or_else(|| file.announce.clone()),
			drain_seconds: args
				.drain_seconds
				.or(file.drain_seconds)
				.unwrap_or(DEFAULT_DRAIN_SECONDS),
		})
	}
}

/// Runs the command.
pub(crate) async fn run(args: MineArgs, context: Context) -> Result<(), Failure> {
	let settings = MineSettings::merge(args, &context)?;
	if context.show_settings {
		return settings::show(&settings);
	}
	tokio::select! {
		ready = Ready::get(&settings) => ready?.work(&settings, context.stop).await,
		_ = context.stop.cancelled() => Ok(()),
	}
}

/// Everything a miner needs before it offers anything.
struct Ready {
	chain: Chain,
	submitter: Submitter,
	engine: Arc<Server>,
	journal: Journal,
	secret: NodeSecret,
	operator: AccountBytes,
	served: Served,
	registry: Registry,
}

impl Ready {
	async fn get(settings: &MineSettings) -> Result<Self, Failure> {
		let worker = &settings.worker;
		let key = worker.key.key().map_err(Failure::config)?;
		let data = DataDir::take(&worker.data)?;
		let engine = engine::start(&worker.model, worker.device()?).await?;
		let chain = Chain::connect(Options::new(worker.common.node.clone())).await?;
		let genesis = chain.genesis();
		let journal = enrol::journal(&data, &genesis, key.clone(), worker.new_journal)?;
		let secret = NodeSecret::new(data.peer_secret()?);
		let operator =
			infergrid_chain::operator(&chain, &key, worker.operator_key.as_ref()).await?;
		let served = find_profile(&chain, &engine.model(), worker.profile.as_deref()).await?;
		engine
			.memory()
			.check(served.profile.context.into())
			.map_err(Failure::config)?;
		Ok(Self {
			submitter: Submitter::new(chain.clone(), key),
			chain,
			engine,
			journal,
			secret,
			operator,
			served,
			registry: Registry::with_prefix("infergrid"),
		})
	}

	async fn work(
		mut self,
		settings: &MineSettings,
		stop: CancellationToken,
	) -> Result<(), Failure> {
		let rules = persist(|| self.chain.latest()).await?.task_rules()?;
		let block_time = Duration::from_millis(rules.millisecs_per_block.into());
		let capacity = self.capacity(settings, &rules)?;
		let metrics = MinerMetrics::register(&mut self.registry);
		let node = Node::new(self.chain.clone(), self.submitter.clone());
		let position = Position {
			operator: self.operator,
			served: self.served.clone(),
			block_time,
		};
		let engine: Arc<dyn Compute> = self.engine.clone();
		let miner = Miner::new(
			Arc::new(node),
			engine,
			self.journal,
			position,
			metrics.clone(),
		);

		let here = (&self.chain, &self.served);
		let (handle, swarm, address) = join(settings, &miner, self.secret, here).await?;
		let intent = Intent {
			price: Price {
				input: settings
					.price_input
					.unwrap_or(self.served.profile.reference_input),
				output: settings
					.price_output
					.unwrap_or(self.served.profile.reference_output),
			},
			capacity,
			peer: handle.peer_id().to_bytes(),
		};
		let (announced, addresses) = watch::channel(address.clone());
		let for_whom = (self.operator, self.served.clone());
		let keeper = OfferKeeper::new(self.submitter.clone(), for_whom, intent, addresses, metrics);
		keeper.begin(settings.worker.new_journal).await?;
		tracing::info!(
			miner.operator = %infergrid_keys::address(&self.operator),
			miner.peer = %handle.peer_id(),
			miner.address = %address,
			miner.capacity = capacity,
			model.profile = %hex::encode(self.served.id),
			"mining"
		);

		let halt = CancellationToken::new();
		let mut crew = Crew::new(halt.clone());
		metrics_server(
			&mut crew,
			settings.worker.metrics.as_deref(),
			self.registry,
			&halt,
		)
		.await?;
		let (fixed, policy) = (settings.announce.is_some(), settings.worker.addresses());
		let moving = halt.clone();
		crew.spawn("the watch over the address", async move {
			if fixed {
				moving.cancelled().await;
				drop(announced);
			} else {
				follow_address(handle, policy, announced, moving).await;
			}
			Ok(())
		});
		let watching = halt.clone();
		crew.spawn("the watch over the offer", async move {
			keeper.watch(watching).await.map_err(Into::into)
		});
		let (chain, following) = (self.chain.clone(), halt.clone());
		let working = miner.clone();
		crew.spawn("the work on tasks", async move {
			working.follow(chain, following).await.map_err(Into::into)
		});
		let limit = Duration::from_secs(settings.drain_seconds);
		let (chain, submitter, served) = (self.chain, self.submitter, self.served);
		crew.spawn("the end of the work", async move {
			stop.cancelled().await;
			if !limit.is_zero() {
				tell_owed(&drain(&miner, &chain, (&submitter, &served), limit).await?);
			}
			halt.cancel();
			Ok(())
		});
		let result = crew.run(Duration::ZERO).await;
		swarm.shutdown().await;
		result
	}

	/// How many tasks this machine can take at a time.
	fn capacity(&self, settings: &MineSettings, rules: &TaskRules) -> Result<u32, Failure> {
		let profile = &self.served.profile;
		let blocks = rules.base_window.saturating_sub(CHAIN_BLOCKS);
		let grant = Grant {
			base: Duration::from_millis(u64::from(rules.millisecs_per_block) * u64::from(blocks)),
			tokens_per_second: profile.min_tokens_per_second,
			context: profile.context,
		};
		let measured = infergrid_proof::capacity(self.engine.speed(), &grant);
		match settings.capacity {
			None if measured == 0 => Err(Failure::config(anyhow!(
				"this machine is too slow for the profile, which asks for {} tokens/s: it would miss its \
				 deadlines and be slashed",
				profile.min_tokens_per_second
			))
			.hint("choose a profile with a lower least speed, a faster device, or set --capacity 1 if the measurement was disturbed")),
			None => Ok(measured),
			Some(asked) => {
				if asked > measured {
					tracing::warn!(
						asked,
						measured,
						"more tasks at a time than this machine was measured to finish in time: missed \
						 deadlines are slashed"
					);
				}
				Ok(asked)
			}
		}
	}
}

/// Joins the network, and gives the address at which others find the miner, as far as they can tell.
async fn join(
	settings: &MineSettings,
	miner: &Arc<Miner>,
	secret: NodeSecret,
	(chain, served): (&Chain, &Served),
) -> Result<(SwarmHandle, Swarm, String), Failure> {
	let mut config = SwarmConfig::new(secret, settings.listen.clone(), chain.genesis());
	let policy = settings.worker.addresses();
	config.addresses = policy;
	let service = Arc::new(MinerService::new(miner.clone()));
	let (handle, swarm) = Swarm::builder(config)
		.accept(InferHandler::new(service.clone()))
		.accept(OpeningHandler::new(service))
		.accept(DialBackHandler::new(policy))
		.start()
		.await?;
	let address = match &settings.announce {
		Some(given) => policy.announce(given).map(|()| given.clone()),
		None => first_address(&handle, policy).await,
	};
	let address = address.map_err(Failure::config)?;
	let view = persist(|| chain.latest()).await?;
	dial_back(&view, &served.id, &handle, &address).await?;
	Ok((handle, swarm, address))
}

/// Serves metrics, if an address is given.
pub(crate) async fn metrics_server(
	crew: &mut Crew,
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

fn tell_owed(owed: &[Owed]) {
	if owed.is_empty() {
		tracing::info!("nothing is owed: it is safe to stay away");
		return;
	}
	let until = owed.iter().filter_map(|owed| owed.until).max();
	tracing::warn!(
		answers = owed.len(),
		until.block = until,
		"answers may still have to be opened for verifiers: start again before that, with this data \
		 directory, or a part of the bond is lost"
	);
}

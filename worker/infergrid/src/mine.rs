//! `infergrid mine`: computes what the chain assigns to this worker.

use crate::{
	context::Context,
	failure::Failure,
	settings,
	worker::{DEFAULT_DRAIN_SECONDS, Enrolled, WorkerArgs, WorkerSettings, metrics_server},
};
use anyhow::anyhow;
use clap::Args;
use infergrid_chain::{Chain, Follower, Served};
use infergrid_crew::Crew;
use infergrid_miner::{
	Intent, Miner, MinerMetrics, MinerService, Node, OfferKeeper, Position, dial_back,
	first_address, follow_address, tell_owed,
};
use infergrid_primitives::market::Price;
use infergrid_proof::{Compute, Grant, ModelMetrics};
use infergrid_swarm::{
	DialBackHandler, InferHandler, NodeSecret, OpeningHandler, Swarm, SwarmConfig, SwarmHandle,
};
use prometheus_client::registry::Registry;
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

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
	/// Multiaddress that others dial [default: of those listened on, the one that most can dial]
	#[arg(long, value_name = "ADDRESS", env = "INFERGRID_ANNOUNCE")]
	pub(crate) announce: Option<String>,
	/// Offer without asking other miners whether they reach the announced address
	#[arg(long)]
	pub(crate) skip_dial_back: bool,
	/// How long to wait at a stop until what was assigned is delivered; 0 stops at once [default: 900]
	#[arg(long, value_name = "SECONDS", env = "INFERGRID_DRAIN_SECONDS")]
	pub(crate) drain_seconds: Option<u64>,
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
	skip_dial_back: bool,
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
			skip_dial_back: args.skip_dial_back,
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
		enrolled = Enrolled::get(&settings.worker) => work(enrolled?, &settings, context.stop).await,
		_ = context.stop.cancelled() => Ok(()),
	}
}

async fn work(
	enrolled: Enrolled,
	settings: &MineSettings,
	stop: CancellationToken,
) -> Result<(), Failure> {
	let capacity = capacity(&enrolled, settings)?;
	let Enrolled {
		submitter,
		engine,
		journal,
		secret,
		operator,
		served,
		rules,
		data: _data,
		..
	} = enrolled;
	let mut registry = Registry::with_prefix("infergrid");
	ModelMetrics::register(&mut registry, engine.clone());
	let metrics = MinerMetrics::register(&mut registry);
	let position = Position {
		operator,
		served: served.clone(),
		block_time: Duration::from_millis(rules.millisecs_per_block.into()),
	};
	let node = Arc::new(Node::new(submitter.clone()));
	let miner = Miner::new(node, engine, journal, position, metrics);

	let here = (submitter.chain(), &served);
	let (handle, swarm, address) = join(settings, &miner, secret, here).await?;
	let reference = &served.profile;
	let intent = Intent {
		price: Price {
			input: settings.price_input.unwrap_or(reference.reference_input),
			output: settings.price_output.unwrap_or(reference.reference_output),
		},
		capacity,
		peer: handle.peer_id().to_bytes(),
	};
	let (announced, addresses) = watch::channel(address.clone());
	let keeper = OfferKeeper::new(miner.clone(), intent, addresses);
	keeper.begin(settings.worker.new_journal).await?;
	tracing::info!(
		miner.operator = %infergrid_keys::address(&operator),
		miner.peer = %handle.peer_id(),
		miner.address = %address,
		miner.capacity = capacity,
		model.profile = %hex::encode(served.id),
		"mining"
	);

	let halt = CancellationToken::new();
	let mut crew = Crew::new(halt.clone());
	let metrics = settings.worker.metrics.as_deref();
	metrics_server(&mut crew, metrics, registry, &halt).await?;
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
	let walk = Follower::new(submitter.chain().clone(), halt.clone());
	crew.spawn("the work on tasks", async move {
		miner.follow(walk).await.map_err(Into::into)
	});
	let limit = Duration::from_secs(settings.drain_seconds);
	crew.spawn("the watch over the offer", async move {
		let owed = tokio::select! {
			_ = halt.cancelled() => return Ok(()),
			owed = infergrid_miner::serve(keeper, stop, limit) => owed?,
		};
		if !limit.is_zero() {
			tell_owed(owed.as_deref());
		}
		halt.cancel();
		Ok(())
	});
	let result = crew.run(Duration::ZERO).await;
	swarm.shutdown().await;
	Ok(result?)
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
	if !settings.skip_dial_back {
		dial_back(chain, &served.id, &handle, &address).await?;
	}
	Ok((handle, swarm, address))
}

/// How many tasks this machine can take at a time.
fn capacity(enrolled: &Enrolled, settings: &MineSettings) -> Result<u32, Failure> {
	let (profile, rules) = (&enrolled.served.profile, &enrolled.rules);
	let blocks = rules.base_window.saturating_sub(CHAIN_BLOCKS);
	let grant = Grant {
		base: Duration::from_millis(u64::from(rules.millisecs_per_block) * u64::from(blocks)),
		tokens_per_second: profile.min_tokens_per_second,
		context: profile.context,
	};
	let measured = infergrid_proof::capacity(enrolled.engine.speed(), &grant);
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

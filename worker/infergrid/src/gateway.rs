//! `infergrid gateway`: serves the OpenAI API and pays miners for the answers.

use crate::{
	cli::Context,
	crew::Crew,
	enrol,
	failure::Failure,
	market::{GridMarket, Terms},
	settings::{self, Common},
};
use anyhow::anyhow;
use clap::Args;
use infergrid_chain::{Chain, Options, Submitter};
use infergrid_gateway::{ApiKey, Settings};
use infergrid_journal::DataDir;
use infergrid_keys::{KeySource, Secret};
use infergrid_primitives::request::Assurance;
use infergrid_swarm::{NodeSecret, Swarm, SwarmConfig};
use serde::Serialize;
use std::{path::PathBuf, sync::Arc};
use tokio::net::TcpListener;

const DEFAULT_LISTEN: &str = "127.0.0.1:8080";
/// Blocks: five minutes at 3 s.
const DEFAULT_PATIENCE: u32 = 100;

/// Flags of `infergrid gateway`.
#[derive(Args, Clone, Debug)]
pub(crate) struct GatewayArgs {
	/// Directory of a model whose tokenizer and template are used; repeat for more
	#[arg(
		long,
		value_name = "DIR",
		env = "INFERGRID_MODEL",
		value_delimiter = ','
	)]
	model: Vec<PathBuf>,
	/// Where to serve HTTP [default: 127.0.0.1:8080]
	#[arg(long, value_name = "HOST:PORT", env = "INFERGRID_GATEWAY_LISTEN")]
	listen: Option<String>,
	/// Payer's key as a secret URI; prefer --key-file
	#[arg(
		long,
		value_name = "URI",
		env = "INFERGRID_KEY",
		hide_env_values = true
	)]
	key: Option<Secret>,
	/// File with the payer's key, readable by its owner only
	#[arg(long, value_name = "FILE", env = "INFERGRID_KEY_FILE")]
	key_file: Option<PathBuf>,
	/// Directory of this gateway alone, for its journal and identity
	#[arg(long, value_name = "DIR", env = "INFERGRID_DATA")]
	data: Option<PathBuf>,
	/// Make a new journal where the old one is lost: only if nothing that this key signed is open
	#[arg(long)]
	new_journal: bool,
	/// Blocks to wait for an answer, at least what the chain asks for its length [default: 100]
	#[arg(long, value_name = "BLOCKS", env = "INFERGRID_PATIENCE")]
	patience: Option<u32>,
	/// Ask for an audit of every answer
	#[arg(long)]
	always_audit: bool,
	/// Key of which clients must show one; repeat for more [default: everybody may ask]
	#[arg(
		long,
		value_name = "KEY",
		env = "INFERGRID_API_KEY",
		hide_env_values = true,
		value_delimiter = ','
	)]
	api_key: Vec<Secret>,
}

/// Merged settings of `infergrid gateway`.
#[derive(Clone, Debug, Serialize)]
struct GatewaySettings {
	#[serde(flatten)]
	common: Common,
	model: Vec<PathBuf>,
	listen: String,
	key: KeySource,
	data: PathBuf,
	new_journal: bool,
	patience: u32,
	always_audit: bool,
	api_key: Vec<Secret>,
}

impl GatewaySettings {
	fn merge(args: GatewayArgs, context: &Context) -> Result<Self, Failure> {
		let file = &context.file.gateway;
		let given = |flags: Vec<PathBuf>| (!flags.is_empty()).then_some(flags);
		let keys = |flags: Vec<Secret>| (!flags.is_empty()).then_some(flags);
		Ok(Self {
			common: context.common.clone(),
			model: given(args.model)
				.or_else(|| file.model.clone())
				.ok_or_else(|| Failure::usage("no model: give --model DIR"))?,
			listen: args
				.listen
				.or_else(|| file.listen.clone())
				.unwrap_or_else(|| DEFAULT_LISTEN.to_owned()),
			key: KeySource::choose(args.key, args.key_file)
				.or_else(|| KeySource::choose(file.key.clone(), file.key_file.clone()))
				.ok_or_else(|| Failure::usage("no payer's key: give --key-file FILE"))?,
			data: args
				.data
				.or_else(|| file.data.clone())
				.unwrap_or_else(|| settings::default_data("gateway")),
			new_journal: args.new_journal,
			patience: args.patience.or(file.patience).unwrap_or(DEFAULT_PATIENCE),
			always_audit: args.always_audit || file.always_audit.unwrap_or_default(),
			api_key: keys(args.api_key)
				.or_else(|| file.api_key.clone())
				.unwrap_or_default(),
		})
	}
}

/// Runs the command.
pub(crate) async fn run(args: GatewayArgs, context: Context) -> Result<(), Failure> {
	let settings = GatewaySettings::merge(args, &context)?;
	if context.show_settings {
		return settings::show(&settings);
	}
	let key = settings.key.key().map_err(Failure::config)?;
	let data = DataDir::take(&settings.data)?;
	let listener = TcpListener::bind(&settings.listen).await.map_err(|error| {
		Failure::config(anyhow!("cannot listen on {}: {error}", settings.listen))
			.hint("choose another address with --listen HOST:PORT")
	})?;
	let chain = Chain::connect(Options::new(settings.common.node.clone())).await?;
	let journal = enrol::journal(&data, &chain.genesis(), key.clone(), settings.new_journal)?;
	let config = SwarmConfig::new(
		NodeSecret::new(data.peer_secret()?),
		Vec::new(),
		chain.genesis(),
	);
	let (swarm_handle, swarm) = Swarm::start(config, None).await?;
	let terms = Terms {
		patience: settings.patience,
		assurance: if settings.always_audit {
			Assurance::Always
		} else {
			Assurance::Sampled
		},
	};
	let submitter = Submitter::new(chain.clone(), key);
	let market = GridMarket::open(
		chain,
		submitter,
		swarm_handle,
		journal,
		&settings.model,
		terms,
	)?;

	let recovery = market.recovery()?;
	let http = Settings {
		api_keys: settings
			.api_key
			.iter()
			.map(|key| ApiKey::new(key.expose()))
			.collect(),
		..Settings::default()
	};
	let router = infergrid_gateway::router(http, market.clone());
	let address = listener.local_addr().map_err(Failure::outside)?;
	tracing::info!(gateway.url = %format!("http://{address}"), "serving");
	let mut crew = Crew::new(context.stop.clone());
	let stop = context.stop.clone();
	crew.spawn("the HTTP server", async move {
		infergrid_gateway::serve(listener, router, stop.cancelled_owned())
			.await
			.map_err(Failure::outside)
	});
	crew.spawn("the watch over settlements", {
		let (market, stop) = (Arc::clone(&market), context.stop.clone());
		async move { market.follow(recovery, stop).await }
	});
	let result = crew.run().await;
	market.close().await;
	swarm.shutdown().await;
	result
}

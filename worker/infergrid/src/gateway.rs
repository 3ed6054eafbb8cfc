//! `infergrid gateway`: serves the OpenAI API and pays miners for the answers.

use crate::{
	context::Context,
	failure::Failure,
	market::{self, GridMarket},
	settings::{self, Common},
	worker::metrics_server,
};
use anyhow::anyhow;
use clap::Args;
use infergrid_chain::{Chain, Options, Submitter};
use infergrid_crew::Crew;
use infergrid_gateway::{ApiKey, GatewayMetrics, Settings};
use infergrid_journal::DataDir;
use infergrid_keys::{KeySource, Secret};
use infergrid_payer::{Node, Payer, Terms};
use infergrid_primitives::request::Assurance;
use infergrid_swarm::{NodeSecret, Swarm, SwarmConfig};
use prometheus_client::registry::Registry;
use serde::Serialize;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const DEFAULT_LISTEN: &str = "127.0.0.1:8080";
/// Blocks: ten minutes at 3 s, for which the OpenAI libraries wait.
const DEFAULT_PATIENCE: u32 = 200;
const DEFAULT_MAX_ORDERS: usize = 256;
const DEFAULT_DRAIN_SECONDS: u64 = 20;

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
	/// Blocks to wait for an answer, at least what the chain asks for its length [default: 200]
	#[arg(long, value_name = "BLOCKS", env = "INFERGRID_PATIENCE")]
	patience: Option<u32>,
	/// Answers under way at once; further requests are told when to come back [default: 256]
	#[arg(long, value_name = "N", env = "INFERGRID_MAX_ORDERS")]
	max_orders: Option<usize>,
	/// How long to wait at a stop for orders under way; the next start takes up the rest [default: 20]
	#[arg(long, value_name = "SECONDS", env = "INFERGRID_DRAIN_SECONDS")]
	drain_seconds: Option<u64>,
	/// Host name by which clients may call, besides those of loopback; repeat for more
	#[arg(
		long,
		value_name = "NAME",
		env = "INFERGRID_ALLOW_HOST",
		value_delimiter = ','
	)]
	allow_host: Vec<String>,
	/// Web origin whose pages may call, such as https://example.org; repeat for more
	#[arg(
		long,
		value_name = "ORIGIN",
		env = "INFERGRID_ALLOW_ORIGIN",
		value_delimiter = ','
	)]
	allow_origin: Vec<String>,
	/// Serve Prometheus metrics, on 127.0.0.1:9101 for instance [default: none]
	#[arg(long, value_name = "HOST:PORT", env = "INFERGRID_GATEWAY_METRICS")]
	metrics: Option<String>,
	/// Ask for an audit of every answer
	#[arg(long)]
	always_audit: bool,
	/// Dial miners at addresses of this machine and of private networks: for private grids
	#[arg(long, env = "INFERGRID_ALLOW_LOCAL")]
	allow_local: bool,
	/// Let messages spell control tokens such as <|im_end|>, with which they can forge whole turns
	#[arg(long, env = "INFERGRID_ALLOW_CONTROL_TOKENS")]
	allow_control_tokens: bool,
	/// Key of which clients must show one; repeat for more. Needed to listen beyond loopback
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
	max_orders: usize,
	drain_seconds: u64,
	allow_host: Vec<String>,
	allow_origin: Vec<String>,
	metrics: Option<String>,
	always_audit: bool,
	allow_local: bool,
	allow_control_tokens: bool,
	api_key: Vec<Secret>,
}

impl GatewaySettings {
	fn merge(args: GatewayArgs, context: &Context) -> Result<Self, Failure> {
		let file = &context.file.gateway;
		let given = |flags: Vec<PathBuf>| (!flags.is_empty()).then_some(flags);
		let listed = |flags: Vec<String>, file: &Option<Vec<String>>| match flags.is_empty() {
			true => file.clone().unwrap_or_default(),
			false => flags,
		};
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
			max_orders: args
				.max_orders
				.or(file.max_orders)
				.unwrap_or(DEFAULT_MAX_ORDERS),
			drain_seconds: args
				.drain_seconds
				.or(file.drain_seconds)
				.unwrap_or(DEFAULT_DRAIN_SECONDS),
			allow_host: listed(args.allow_host, &file.allow_host),
			allow_origin: listed(args.allow_origin, &file.allow_origin),
			metrics: args.metrics.or_else(|| file.metrics.clone()),
			always_audit: args.always_audit || file.always_audit.unwrap_or_default(),
			allow_local: args.allow_local || file.allow_local.unwrap_or_default(),
			allow_control_tokens: args.allow_control_tokens
				|| file.allow_control_tokens.unwrap_or_default(),
			api_key: keys(args.api_key)
				.or_else(|| file.api_key.clone())
				.unwrap_or_default(),
		})
	}
}

impl GatewaySettings {
	/// What the HTTP server is told.
	fn http(&self, metrics: GatewayMetrics) -> Settings {
		let keys = self.api_key.iter();
		Settings {
			api_keys: keys.map(|key| ApiKey::new(key.expose())).collect(),
			allow_hosts: self.allow_host.clone(),
			allow_origins: self.allow_origin.clone(),
			allow_control_tokens: self.allow_control_tokens,
			metrics,
			..Settings::default().for_answers(self.max_orders)
		}
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
	let address = listener.local_addr().map_err(Failure::outside)?;
	let mut registry = Registry::with_prefix("infergrid");
	let http = settings.http(GatewayMetrics::register(&mut registry));
	http.check(address).map_err(Failure::config)?;
	let models = market::open(&settings.model)?;
	let chain = tokio::select! {
		_ = context.stop.cancelled() => return Ok(()),
		chain = Chain::connect(Options::new(settings.common.node.clone())) => chain?,
	};
	let journal = data.open_journal(&chain.genesis(), key.clone(), settings.new_journal)?;
	let mut config = SwarmConfig::new(
		NodeSecret::new(data.peer_secret()?),
		Vec::new(),
		chain.genesis(),
	);
	config.addresses.allow_local = settings.allow_local;
	let (swarm_handle, swarm) = Swarm::builder(config).start().await?;
	let terms = Terms {
		patience: settings.patience,
		assurance: if settings.always_audit {
			Assurance::Always
		} else {
			Assurance::Sampled
		},
		max_orders: settings.max_orders,
	};
	let node = Arc::new(Node::new(Submitter::new(chain.clone(), key)));
	let payer = Arc::new(Payer::open(node, Arc::new(swarm_handle), journal, terms).await?);
	let market = GridMarket::new(chain.clone(), payer.clone(), models);
	let connections = http.max_connections;
	let router = infergrid_gateway::router(http, market);
	tracing::info!(gateway.url = %format!("http://{address}"), "serving");
	let mut crew = Crew::new(context.stop.clone());
	metrics_server(
		&mut crew,
		settings.metrics.as_deref(),
		registry,
		&context.stop,
	)
	.await?;
	let stop = context.stop.clone();
	crew.spawn("the HTTP server", async move {
		infergrid_gateway::serve(listener, router, connections, stop.cancelled_owned())
			.await
			.map_err(Failure::outside)
	});
	// Custodians need it as long as they have orders.
	let halt = CancellationToken::new();
	crew.spawn("the watch over orders", {
		let (payer, halt) = (payer.clone(), halt.clone());
		async move { payer.follow(chain, halt).await.map_err(Into::into) }
	});
	let limit = Duration::from_secs(settings.drain_seconds);
	crew.spawn("the end of orders", {
		let stop = context.stop.clone();
		async move {
			stop.cancelled().await;
			payer.close(limit).await;
			halt.cancel();
			Ok(())
		}
	});
	let result = crew.run(limit).await;
	swarm.shutdown().await;
	Ok(result?)
}

#[cfg(test)]
mod tests {
	use super::*;
	use clap::Parser;

	#[derive(Parser)]
	struct Line {
		#[command(flatten)]
		args: GatewayArgs,
	}

	#[test]
	fn clients_have_a_place_for_every_order() {
		let line = [
			"gateway",
			"--model",
			"m",
			"--key",
			"//A",
			"--max-orders",
			"700",
		];
		let args = Line::parse_from(line).args;
		let context = Context {
			common: Common::merge(&settings::CommonArgs::default(), &settings::File::default()),
			file: settings::File::default(),
			show_settings: false,
			stop: CancellationToken::new(),
		};
		let settings = GatewaySettings::merge(args, &context).unwrap();
		let http = settings.http(GatewayMetrics::default());
		assert!(http.max_concurrent >= 700);
	}
}

//! `infergrid verify`: checks other miners' answers when the chain draws this verifier.

use crate::{
	context::Context,
	failure::Failure,
	settings,
	worker::{DEFAULT_DRAIN_SECONDS, Enrolled, WorkerArgs, WorkerSettings, metrics_server},
};
use clap::Args;
use infergrid_chain::{Chain, Follower};
use infergrid_crew::Crew;
use infergrid_journal::DataDir;
use infergrid_proof::ModelMetrics;
use infergrid_swarm::{Swarm, SwarmConfig};
use infergrid_verifier::{Node, Position, Verifier, VerifierMetrics, tell_owed};
use prometheus_client::registry::Registry;
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Flags of `infergrid verify`.
#[derive(Args, Clone, Debug)]
pub(crate) struct VerifyArgs {
	#[command(flatten)]
	worker: WorkerArgs,
	/// How long to wait at a stop until votes under way are revealed; 0 stops at once [default: 900]
	#[arg(long, value_name = "SECONDS", env = "INFERGRID_DRAIN_SECONDS")]
	drain_seconds: Option<u64>,
}

/// Merged settings of `infergrid verify`.
#[derive(Clone, Debug, Serialize)]
struct VerifySettings {
	#[serde(flatten)]
	worker: WorkerSettings,
	drain_seconds: u64,
}

/// Runs the command.
pub(crate) async fn run(args: VerifyArgs, context: Context) -> Result<(), Failure> {
	let file = &context.file.verify;
	let settings = VerifySettings {
		worker: WorkerSettings::merge(args.worker, file, &context.common, "verifier")?,
		drain_seconds: args
			.drain_seconds
			.or(file.drain_seconds)
			.unwrap_or(DEFAULT_DRAIN_SECONDS),
	};
	if context.show_settings {
		return settings::show(&settings);
	}
	let started = tokio::select! {
		started = start(&settings.worker) => started?,
		_ = context.stop.cancelled() => return Ok(()),
	};
	let Started {
		verifier,
		chain,
		swarm,
		registry,
		data: _data,
	} = started;
	let halt = CancellationToken::new();
	let mut crew = Crew::new(halt.clone());
	let metrics = settings.worker.metrics.as_deref();
	metrics_server(&mut crew, metrics, registry, &halt).await?;
	let (working, walk) = (verifier.clone(), Follower::new(chain, halt.clone()));
	crew.spawn("the work on audits", async move {
		working.follow(walk).await.map_err(Into::into)
	});
	let limit = Duration::from_secs(settings.drain_seconds);
	crew.spawn("the watch over the bond", async move {
		let owed = tokio::select! {
			_ = halt.cancelled() => return Ok(()),
			owed = verifier.keep_standing(context.stop, limit) => owed?,
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

/// Everything a verifier needs before it stands for anything.
struct Started {
	verifier: Arc<Verifier>,
	chain: Chain,
	swarm: Swarm,
	registry: Registry,
	data: DataDir,
}

async fn start(settings: &WorkerSettings) -> Result<Started, Failure> {
	let Enrolled {
		key,
		submitter,
		engine,
		journal,
		secret,
		operator,
		served,
		rules,
		data,
	} = Enrolled::get(settings).await?;
	// A verifier only calls: nobody needs to reach it.
	let mut config = SwarmConfig::new(secret, Vec::new(), submitter.chain().genesis());
	config.addresses = settings.addresses();
	let (handle, swarm) = Swarm::builder(config).start().await?;
	tracing::info!(
		verifier.operator = %infergrid_keys::address(&operator),
		model.profile = %hex::encode(served.id),
		"verifying"
	);
	let mut registry = Registry::with_prefix("infergrid");
	ModelMetrics::register(&mut registry, engine.clone());
	let position = Position {
		key,
		operator,
		served,
		block_time: Duration::from_millis(rules.millisecs_per_block.into()),
		metrics: VerifierMetrics::register(&mut registry),
	};
	let chain = submitter.chain().clone();
	let node = Arc::new(Node::new(submitter));
	let verifier = Verifier::new(node, Arc::new(handle), engine, journal, position);
	Ok(Started {
		verifier,
		chain,
		swarm,
		registry,
		data,
	})
}

//! `infergrid verify`: checks other miners' answers when the chain draws this verifier.

use crate::{
	context::Context,
	failure::Failure,
	settings,
	worker::{Enrolled, WorkerArgs, WorkerSettings, metrics_server},
};
use clap::Args;
use infergrid_chain::Submitter;
use infergrid_crew::Crew;
use infergrid_journal::DataDir;
use infergrid_proof::ModelMetrics;
use infergrid_swarm::{Swarm, SwarmConfig};
use infergrid_verifier::{Node, Position, Verifier, VerifierMetrics};
use prometheus_client::registry::Registry;
use std::{sync::Arc, time::Duration};

/// Flags of `infergrid verify`.
#[derive(Args, Clone, Debug)]
pub(crate) struct VerifyArgs {
	#[command(flatten)]
	worker: WorkerArgs,
}

/// Runs the command.
pub(crate) async fn run(args: VerifyArgs, context: Context) -> Result<(), Failure> {
	let file = &context.file.verify;
	let settings = WorkerSettings::merge(args.worker, file, &context.common, "verifier")?;
	if context.show_settings {
		return settings::show(&settings);
	}
	let started = tokio::select! {
		started = start(&settings) => started?,
		_ = context.stop.cancelled() => return Ok(()),
	};
	let Started {
		verifier,
		submitter,
		swarm,
		registry,
		data: _data,
	} = started;
	let stop = context.stop;
	let mut crew = Crew::new(stop.clone());
	metrics_server(&mut crew, settings.metrics.as_deref(), registry, &stop).await?;
	let (standing, told) = (verifier.clone(), stop.clone());
	let chain = submitter.chain().clone();
	crew.spawn("the watch over the bond", async move {
		standing.stand(&submitter, told).await.map_err(Into::into)
	});
	crew.spawn("the work on audits", async move {
		verifier.follow(chain, stop).await.map_err(Into::into)
	});
	let result = crew.run(Duration::ZERO).await;
	swarm.shutdown().await;
	Ok(result?)
}

/// Everything a verifier needs before it stands for anything.
struct Started {
	verifier: Arc<Verifier>,
	submitter: Submitter,
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
	let node = Arc::new(Node::new(submitter.clone()));
	let verifier = Verifier::new(node, Arc::new(handle), engine, journal, position);
	Ok(Started {
		verifier,
		submitter,
		swarm,
		registry,
		data,
	})
}

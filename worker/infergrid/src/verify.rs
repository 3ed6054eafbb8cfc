//! `infergrid verify`: checks other miners' answers when the chain draws this verifier.

use crate::{
	cli::Context,
	crew::Crew,
	engine, enrol,
	failure::Failure,
	mine::{WorkerArgs, WorkerSettings, metrics_server},
	settings,
};
use clap::Args;
use infergrid_chain::{Chain, Options, Submitter, find_profile, persist};
use infergrid_journal::DataDir;
use infergrid_proof::Compute;
use infergrid_swarm::{NodeSecret, Swarm, SwarmConfig};
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
	let data = DataDir::take(&settings.data)?;
	let started = tokio::select! {
		started = start(&settings, &data) => started?,
		_ = context.stop.cancelled() => return Ok(()),
	};
	let Started {
		verifier,
		submitter,
		swarm,
		registry,
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
	result
}

/// Everything a verifier needs before it stands for anything.
struct Started {
	verifier: Arc<Verifier>,
	submitter: Submitter,
	swarm: Swarm,
	registry: Registry,
}

async fn start(settings: &WorkerSettings, data: &DataDir) -> Result<Started, Failure> {
	let key = settings.key.key().map_err(Failure::config)?;
	let engine = engine::start(&settings.model, settings.device()?).await?;
	let chain = Chain::connect(Options::new(settings.common.node.clone())).await?;
	let genesis = chain.genesis();
	let journal = enrol::journal(data, &genesis, key.clone(), settings.new_journal)?;
	let secret = NodeSecret::new(data.peer_secret()?);
	let operator = infergrid_chain::operator(&chain, &key, settings.operator_key.as_ref()).await?;
	let served = find_profile(&chain, &engine.model(), settings.profile.as_deref()).await?;
	engine
		.memory()
		.check(served.profile.context.into())
		.map_err(Failure::config)?;
	let rules = persist(|| chain.latest()).await?.task_rules()?;
	// A verifier only calls: nobody needs to reach it.
	let mut config = SwarmConfig::new(secret, Vec::new(), genesis);
	config.addresses = settings.addresses();
	let (handle, swarm) = Swarm::builder(config).start().await?;
	tracing::info!(
		verifier.operator = %infergrid_keys::address(&operator),
		model.profile = %hex::encode(served.id),
		"verifying"
	);
	let mut registry = Registry::with_prefix("infergrid");
	let submitter = Submitter::new(chain, key.clone());
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
	})
}

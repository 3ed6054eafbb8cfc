//! `infergrid verify`: checks other miners' answers when the chain draws this verifier.

mod duty;

use crate::{
	cli::Context,
	crew::Crew,
	engine::EngineHandle,
	enrol,
	failure::Failure,
	follow::persist,
	mine::{WorkerArgs, WorkerSettings},
	pairing, profile, settings,
};
use clap::Args;
use infergrid_chain::{Call, Chain, Options, Submitter, address};
use infergrid_journal::DataDir;
use infergrid_swarm::{NodeSecret, Swarm, SwarmConfig};
use std::sync::Arc;

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
	let key = settings.key.key().map_err(Failure::config)?;
	let data = DataDir::take(&settings.data)?;
	let engine = EngineHandle::start(&settings.model, settings.device()?).await?;
	let chain = Chain::connect(Options::new(settings.common.node.clone())).await?;
	let journal = enrol::journal(&data, &chain.genesis(), key.clone(), settings.new_journal)?;

	let operator = pairing::operator(&chain, &key, settings.operator_key.as_ref()).await?;
	let model = engine.model();
	let served = tokio::select! {
		_ = context.stop.cancelled() => return Ok(()),
		served = profile::find(&chain, &model, settings.profile.as_deref()) => served?,
	};
	let submitter = Submitter::new(chain.clone(), key);
	let view = persist(|| chain.latest()).await?;
	if !persist(|| view.verifiers(&served.id))
		.await?
		.contains(&operator)
	{
		submitter
			.submit(&Call::stand(&served.id), None)
			.await
			.map_err(|error| crate::failure::needs_bond(error, "verifier"))?;
	}
	// A verifier only calls: nobody needs to reach it.
	let config = SwarmConfig::new(
		NodeSecret::new(data.peer_secret()?),
		Vec::new(),
		chain.genesis(),
	);
	let (handle, swarm) = Swarm::start(config, None).await?;
	tracing::info!(
		verifier.operator = %address(&operator),
		model.profile = %hex::encode(served.id),
		"verifying"
	);

	let verifier = Arc::new(duty::Verifier {
		chain,
		submitter,
		engine,
		journal,
		swarm: handle,
		operator,
		served,
	});
	let mut crew = Crew::new(context.stop.clone());
	crew.spawn(
		"the work on audits",
		duty::follow(verifier, context.stop.clone()),
	);
	let result = crew.run().await;
	swarm.shutdown().await;
	result
}

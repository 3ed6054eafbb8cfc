//! `infergrid rotate-key`: another worker key for a stopped worker.

use crate::{context::Context, failure::Failure, output, settings};
use anyhow::anyhow;
use clap::Args;
use infergrid_chain::{Call, Chain, Options, Submitter, pair_worker};
use infergrid_journal::{DataDir, Journal};
use infergrid_keys::Key;
use std::path::PathBuf;

/// Flags of `infergrid rotate-key`.
#[derive(Args, Clone, Debug)]
pub(crate) struct RotateArgs {
	/// The worker's directory; the worker must be stopped
	#[arg(long, value_name = "DIR", env = "INFERGRID_DATA")]
	data: PathBuf,
	/// File with the present worker key
	#[arg(long, value_name = "FILE", env = "INFERGRID_KEY_FILE")]
	key_file: PathBuf,
	/// File with the new worker key
	#[arg(long, value_name = "FILE")]
	new_key_file: PathBuf,
	/// File with the operator's key, which pairs the one and unpairs the other
	#[arg(long, value_name = "FILE", env = "INFERGRID_OPERATOR_KEY_FILE")]
	operator_key_file: PathBuf,
}

/// Runs the command. Each step may be repeated: where one fails, the command is run again.
pub(crate) async fn run(args: RotateArgs, context: Context) -> Result<(), Failure> {
	if context.show_settings {
		return settings::show(&context.common);
	}
	let key = |path: &PathBuf| Key::from_file(path).map_err(Failure::config);
	let (old, new) = (key(&args.key_file)?, key(&args.new_key_file)?);
	let operator = key(&args.operator_key_file)?;
	let data = DataDir::take(&args.data)?;
	let chain = Chain::connect(Options::new(context.common.node.clone())).await?;
	let journal = Journal::open(&data.journal(), &chain.genesis(), old.clone())?;
	let submitter = Submitter::new(chain.clone(), operator.clone());
	let answers = infergrid_miner::Node::new(submitter.clone());
	let owed = infergrid_miner::owed(&journal, &answers).await?;
	let mut owed: Vec<_> = owed.iter().map(|owed| owed.until).collect();
	let votes = infergrid_verifier::Node::new(submitter.clone());
	let open = infergrid_verifier::open_votes(&journal, &votes, &operator.public()).await?;
	owed.extend(open.iter().map(|(_, until)| until));
	if let Some(until) = owed.iter().max() {
		return Err(Failure::config(anyhow!(
			"{} answers or votes may still have to be delivered, opened or revealed with the present key, \
			 until block {until} at most",
			owed.len()
		))
		.hint(
			"start the worker again with it, and rotate when `infergrid status` says that nothing is owed",
		));
	}
	let view = chain.latest().await?;
	if view.operator_of(&new.public()).await? != Some(operator.public()) {
		let pair = pair_worker(&chain, &view, &new, &operator.public()).await?;
		submitter.submit_checked(&pair).await?;
	}
	drop(journal.hand_over(new.clone())?);
	if view.operator_of(&old.public()).await? == Some(operator.public()) {
		submitter
			.submit(&Call::unpair_worker(&old.public()), None)
			.await?;
	}
	output::line(format!(
		"{} acts for {} in the place of {}: start the worker with --key-file {}, and send that account some \
		 AIT for fees",
		new.address(),
		operator.address(),
		old.address(),
		args.new_key_file.display()
	));
	Ok(())
}

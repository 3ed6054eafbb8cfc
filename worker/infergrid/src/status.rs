//! `infergrid status`: how an operator stands, and whether it is safe to stop.

use crate::{context::Context, failure::Failure, output, settings, stake};
use clap::Args;
use infergrid_chain::{Chain, Options, Owed};
use infergrid_operator::Places;
use serde_json::json;

/// Flags of `infergrid status`.
#[derive(Args, Clone, Debug)]
pub(crate) struct StatusArgs {
	/// The operator's account in SS58
	account: String,
	/// Print the result as JSON
	#[arg(long)]
	json: bool,
}

/// Runs the command.
pub(crate) async fn run(args: StatusArgs, context: Context) -> Result<(), Failure> {
	if context.show_settings {
		return settings::show(&context.common);
	}
	let account = stake::account_of(&args.account)?;
	let chain = Chain::connect(Options::new(context.common.node.clone())).await?;
	let view = chain.latest().await?;
	let owed = view.owed(&account).await?;
	let places = Places::read(&view, &account).await?;
	if args.json {
		let mut value = stake::show(&view, &account).await?;
		value["finalized"] = view.block().number.into();
		value["finality_age_seconds"] = chain.finality_age().as_secs().into();
		value["offers"] = places.offers();
		value["stands_for"] = places.stands_for();
		value["assigned"] = json!(owed.deliveries);
		value["openings_owed"] = json!(owed.openings);
		value["votes_owed"] = json!(owed.votes);
		value["safe_to_stop"] = places.safe_to_stop(&owed).into();
		output::line(stake::pretty(&value)?);
		return Ok(());
	}
	output::line(stake::text(&view, &account).await?);
	output::line(format!("block      {}, finalized", view.block().number));
	for place in places.render() {
		output::line(place);
	}
	tell(&owed);
	output::line(format!("stop       {}", places.advice(&owed)));
	Ok(())
}

fn tell(owed: &Owed) {
	for (task, due) in &owed.deliveries {
		output::line(format!("to do      deliver task {task} by block {due}"));
	}
	for (task, until) in &owed.openings {
		output::line(format!(
			"owed       open task {task} to verifiers who ask, until block {until} at most"
		));
	}
	for (audit, until) in &owed.votes {
		output::line(format!("to do      vote on audit {audit} by block {until}"));
	}
}

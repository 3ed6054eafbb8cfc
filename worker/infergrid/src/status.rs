//! `infergrid status`: how an operator stands, and whether it is safe to stop.

use crate::{context::Context, failure::Failure, output, settings, stake};
use clap::Args;
use infergrid_chain::{Chain, Options, Owed, View};
use infergrid_primitives::{AccountBytes, Hash};
use serde_json::{Value, json};

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
	let offers = offers(&view, &account).await?;
	if args.json {
		let mut value = stake::show(&view, &account).await?;
		value["finalized"] = view.block().number.into();
		value["finality_age_seconds"] = chain.finality_age().as_secs().into();
		value["offers"] = offers;
		value["assigned"] = json!(owed.deliveries);
		value["openings_owed"] = json!(owed.openings);
		value["votes_owed"] = json!(owed.votes);
		value["safe_to_stop"] = owed.is_empty().into();
		output::line(stake::pretty(&value)?);
		return Ok(());
	}
	output::line(stake::text(&view, &account).await?);
	output::line(format!("block      {}, finalized", view.block().number));
	for offer in offers.as_array().into_iter().flatten() {
		output::line(format!(
			"offer      profile {} at {}, {} of {} tasks taken",
			offer["profile"].as_str().unwrap_or_default(),
			offer["address"].as_str().unwrap_or_default(),
			offer["in_use"],
			offer["capacity"]
		));
	}
	tell(&owed);
	Ok(())
}

fn tell(owed: &Owed) {
	for (task, due) in &owed.deliveries {
		output::line(format!("to do      deliver task {task} by block {due}"));
	}
	for (task, until) in &owed.openings {
		let until = match until {
			Some(until) => format!("until block {until} at least"),
			None => "if a committee is drawn".to_owned(),
		};
		output::line(format!("owed       open task {task} to verifiers {until}"));
	}
	for (audit, until) in &owed.votes {
		output::line(format!("to do      vote on audit {audit} by block {until}"));
	}
	output::line(match owed.is_empty() {
		true => "stop       it is safe to stop: nothing is owed",
		false => "stop       not yet: whoever stays away until these are due is slashed",
	});
}

async fn offers(view: &View, account: &AccountBytes) -> Result<Value, Failure> {
	let mut offers = Vec::new();
	let hex = |hash: &Hash| format!("0x{}", hex::encode(hash));
	for (profile, _) in view.profiles().await? {
		if let Some(offer) = view.offer(&profile, account).await? {
			offers.push(json!({
				"profile": hex(&profile),
				"capacity": offer.terms.capacity,
				"in_use": offer.in_use,
				"price_input": offer.terms.price.input.to_string(),
				"price_output": offer.terms.price.output.to_string(),
				"address": String::from_utf8_lossy(&offer.terms.address),
			}));
		}
		if view.verifiers(&profile).await?.contains(account) {
			offers.push(json!({"profile": hex(&profile), "stands": true}));
		}
	}
	Ok(offers.into())
}

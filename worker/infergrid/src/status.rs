//! `infergrid status`: how an operator stands, and whether it is safe to stop.

use crate::{cli::Context, failure::Failure, output, settings, stake};
use clap::Args;
use infergrid_chain::{Chain, Options, Phase, TaskStatus, View};
use infergrid_primitives::{AccountBytes, BlockNumber, Hash, TaskId};
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

/// What an operator has to do.
struct Duties {
	/// Tasks to deliver, with the last block that accepts each.
	assigned: Vec<(TaskId, BlockNumber)>,
	/// Receipts that may have to be opened, with the last block of the running phase if there is one.
	openings: Vec<(TaskId, Option<BlockNumber>)>,
	/// Audits to vote on, with the last block of the running phase.
	votes: Vec<(u64, BlockNumber)>,
}

/// Runs the command.
pub(crate) async fn run(args: StatusArgs, context: Context) -> Result<(), Failure> {
	if context.show_settings {
		return settings::show(&context.common);
	}
	let account = stake::account_of(&args.account)?;
	let chain = Chain::connect(Options::new(context.common.node.clone())).await?;
	let view = chain.latest().await?;
	let duties = duties(&view, &account).await?;
	let offers = offers(&view, &account).await?;
	if args.json {
		let mut value = stake::show(&view, &account).await?;
		value["finalized"] = view.block().number.into();
		value["finality_age_seconds"] = chain.finality_age().as_secs().into();
		value["offers"] = offers;
		value["assigned"] = json!(duties.assigned);
		value["openings_owed"] = json!(duties.openings);
		value["votes_owed"] = json!(duties.votes);
		value["safe_to_stop"] = duties.is_empty().into();
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
	duties.tell();
	Ok(())
}

impl Duties {
	fn is_empty(&self) -> bool {
		self.assigned.is_empty() && self.openings.is_empty() && self.votes.is_empty()
	}

	fn tell(&self) {
		for (task, due) in &self.assigned {
			output::line(format!("to do      deliver task {task} by block {due}"));
		}
		for (task, until) in &self.openings {
			let until = match until {
				Some(until) => format!("until block {until} at least"),
				None => "if a committee is drawn".to_owned(),
			};
			output::line(format!("owed       open task {task} to verifiers {until}"));
		}
		for (audit, until) in &self.votes {
			output::line(format!("to do      vote on audit {audit} by block {until}"));
		}
		output::line(match self.is_empty() {
			true => "stop       it is safe to stop: nothing is owed",
			false => "stop       not yet: whoever stays away until these are due is slashed",
		});
	}
}

async fn duties(view: &View, account: &AccountBytes) -> Result<Duties, Failure> {
	let mut duties = Duties {
		assigned: Vec::new(),
		openings: Vec::new(),
		votes: Vec::new(),
	};
	for (id, task) in view.assigned_to(account).await? {
		if let TaskStatus::Assigned { window, .. } = task.status {
			duties.assigned.push((id, window.due));
		}
	}
	for (id, audit) in view.audits().await? {
		let (until, committee) = match audit.phase {
			Phase::Scheduled { .. } => (None, Vec::new()),
			Phase::Committing {
				until, committee, ..
			}
			| Phase::Revealing {
				until, committee, ..
			} => (Some(until), committee),
			Phase::Escrowed { .. } | Phase::Concluded { .. } => continue,
		};
		if audit.work.miner == *account {
			duties.openings.push((audit.work.task, until));
		}
		if let Some(until) = until.filter(|_| committee.contains(account)) {
			duties.votes.push((id, until));
		}
	}
	Ok(duties)
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

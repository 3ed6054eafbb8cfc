//! `infergrid stake`: an operator's bonds and worker keys.

use crate::{cli::Context, failure::Failure, output, settings};
use anyhow::anyhow;
use clap::{Args, Subcommand, ValueEnum};
use infergrid_chain::{Call, Chain, Included, Options, Submitter, View};
use infergrid_keys::{Key, KeySource, Secret, address, parse_address};
use infergrid_primitives::{AIT, AccountBytes, Balance, market::Role};
use serde_json::{Value, json};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  infergrid stake bond miner 100 --operator-key-file operator.key
  infergrid stake pair --operator-key-file operator.key --worker-key-file worker.key
  infergrid stake show --account 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
  infergrid stake unbond miner all --operator-key-file operator.key
  infergrid stake withdraw miner --operator-key-file operator.key";

/// Flags of `infergrid stake`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StakeArgs {
	#[command(subcommand)]
	command: StakeCommand,
	#[command(flatten)]
	operator: OperatorArgs,
	/// Print the result as JSON
	#[arg(long, global = true)]
	json: bool,
}

#[derive(Args, Clone, Debug)]
struct OperatorArgs {
	/// Operator's key as a secret URI; prefer --operator-key-file
	#[arg(
		long,
		value_name = "URI",
		env = "INFERGRID_OPERATOR_KEY",
		hide_env_values = true,
		global = true
	)]
	operator_key: Option<Secret>,
	/// File with the operator's key, readable by its owner only
	#[arg(
		long,
		value_name = "FILE",
		env = "INFERGRID_OPERATOR_KEY_FILE",
		global = true
	)]
	operator_key_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Subcommand)]
enum StakeCommand {
	/// Bond money for a role, or more of it
	Bond {
		/// For which role
		role: RoleName,
		/// How much, in AIT such as 100 or 0.5
		amount: String,
	},
	/// Begin to take a bond back; until it is withdrawn it can be slashed
	Unbond {
		/// Of which role
		role: RoleName,
		/// How much, in AIT, or `all`
		amount: String,
	},
	/// Take back what is unbonded
	Withdraw {
		/// Of which role
		role: RoleName,
	},
	/// Let a worker key act for the operator
	Pair {
		/// File with the worker key, readable by its owner only
		#[arg(long, value_name = "FILE", env = "INFERGRID_KEY_FILE")]
		worker_key_file: PathBuf,
	},
	/// Let a worker key act for nobody any more
	Unpair {
		/// The worker key's account in SS58
		worker: String,
	},
	/// Show bonds, minimums and money of an account
	Show {
		/// The account in SS58 [default: that of the operator's key]
		#[arg(long, value_name = "SS58")]
		account: Option<String>,
	},
}

/// A role by the name that people write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleName {
	/// Runs a node that makes blocks
	Validator,
	/// Computes answers
	Miner,
	/// Checks answers
	Verifier,
}

impl RoleName {
	pub(crate) const ALL: [Self; 3] = [Self::Validator, Self::Miner, Self::Verifier];

	pub(crate) fn role(self) -> Role {
		match self {
			Self::Validator => Role::Validator,
			Self::Miner => Role::Miner,
			Self::Verifier => Role::Verifier,
		}
	}

	pub(crate) fn name(self) -> &'static str {
		match self {
			Self::Validator => "validator",
			Self::Miner => "miner",
			Self::Verifier => "verifier",
		}
	}
}

/// Runs the command.
pub(crate) async fn run(args: StakeArgs, context: Context) -> Result<(), Failure> {
	if context.show_settings {
		return settings::show(&context.common);
	}
	let operator = &args.operator;
	let source = KeySource::choose(
		operator.operator_key.clone(),
		operator.operator_key_file.clone(),
	);
	let key = source
		.map(|source| source.key().map_err(Failure::config))
		.transpose()?;
	let chain = Chain::connect(Options::new(context.common.node.clone())).await?;
	if let StakeCommand::Show { account } = &args.command {
		let account = match (account, &key) {
			(Some(text), _) => account_of(text)?,
			(None, Some(key)) => key.public(),
			(None, None) => return Err(no_key()),
		};
		let view = chain.latest().await?;
		output::line(match args.json {
			true => pretty(&show(&view, &account).await?)?,
			false => text(&view, &account).await?,
		});
		return Ok(());
	}
	let key = key.ok_or_else(no_key)?;
	let view = chain.latest().await?;
	let call = call(&args.command, &view, &key, &chain).await?;
	let done = Submitter::new(chain, key).submit(&call, None).await?;
	told_done(&call, &done, args.json)
}

fn no_key() -> Failure {
	Failure::usage("no operator's key: give --operator-key-file FILE")
}

/// The call for a command, after everything that would be refused is refused without a fee.
async fn call(
	command: &StakeCommand,
	view: &View,
	key: &Key,
	chain: &Chain,
) -> Result<Call, Failure> {
	Ok(match command {
		StakeCommand::Bond { role, amount } => {
			let amount = plancks(amount)?;
			let bonded = active(view, *role, key).await?;
			let minimum = view.minimum_bond(role.role())?;
			if bonded.saturating_add(amount) < minimum {
				return Err(Failure::usage(format!(
					"a {} needs at least {} AIT: bond {} AIT more than that",
					role.name(),
					ait(minimum),
					ait(minimum - bonded - amount)
				)));
			}
			let free = view.funds(&key.public()).await?.free;
			if free <= amount {
				return Err(Failure::config(anyhow!(
					"{} has {} AIT, which is not enough for {} AIT and the fee",
					key.address(),
					ait(free),
					ait(amount)
				)));
			}
			Call::bond(role.role(), amount)
		}
		StakeCommand::Unbond { role, amount } => {
			let bonded = active(view, *role, key).await?;
			let amount = match amount.as_str() {
				"all" => bonded,
				amount => plancks(amount)?,
			};
			let minimum = view.minimum_bond(role.role())?;
			let left = bonded.checked_sub(amount).ok_or_else(|| {
				Failure::usage(format!(
					"only {} AIT are bonded as a {}",
					ait(bonded),
					role.name()
				))
			})?;
			if amount == 0 || (left > 0 && left < minimum) {
				return Err(Failure::usage(format!(
					"{} AIT would be left, below the minimum of {} AIT: unbond less, or `all`",
					ait(left),
					ait(minimum)
				)));
			}
			Call::unbond(role.role(), amount)
		}
		StakeCommand::Withdraw { role } => Call::withdraw_unbonded(role.role()),
		StakeCommand::Pair { worker_key_file } => {
			let worker = Key::from_file(worker_key_file).map_err(Failure::config)?;
			let signature = worker.sign_pairing(&chain.genesis(), &key.public());
			Call::pair_worker(&worker.public(), &signature)
		}
		StakeCommand::Unpair { worker } => Call::unpair_worker(&account_of(worker)?),
		StakeCommand::Show { .. } => return Err(Failure::internal(anyhow!("shown before"))),
	})
}

async fn active(view: &View, role: RoleName, key: &Key) -> Result<Balance, Failure> {
	let bond = view.bond(role.role(), &key.public()).await?;
	Ok(bond.map_or(0, |bond| bond.active))
}

/// Bonds and money of an account as JSON; amounts in plancks, as text.
pub(crate) async fn show(view: &View, account: &AccountBytes) -> Result<Value, Failure> {
	let mut bonds = serde_json::Map::new();
	for role in RoleName::ALL {
		let minimum = view.minimum_bond(role.role())?.to_string();
		let bond = view.bond(role.role(), account).await?;
		let bond = bond.map(|bond| {
			let unbonding: Vec<_> = bond
				.unlocking
				.iter()
				.map(|unlock| json!({"amount": unlock.amount.to_string(), "session": unlock.at}))
				.collect();
			json!({
				"active": bond.active.to_string(),
				"pending": bond.pending.to_string(),
				"counts_from_session": bond.activates_at,
				"unbonding": unbonding,
			})
		});
		bonds.insert(
			role.name().into(),
			json!({"minimum": minimum, "bond": bond}),
		);
	}
	let funds = view.funds(account).await?;
	let earned = view.earnings(account).await?;
	Ok(json!({
		"account": address(account),
		"session": view.session().await?,
		"free": funds.free.to_string(),
		"on_hold": funds.reserved.to_string(),
		"earned_mining": earned.as_ref().map_or_else(|| "0".into(), |e| e.mined.to_string()),
		"earned_royalties": earned.as_ref().map_or_else(|| "0".into(), |e| e.royalties.to_string()),
		"roles": bonds,
	}))
}

/// The same for people.
pub(crate) async fn text(view: &View, account: &AccountBytes) -> Result<String, Failure> {
	let funds = view.funds(account).await?;
	let session = view.session().await?;
	let mut lines = vec![
		format!("account    {}", address(account)),
		format!("free       {} AIT", ait(funds.free)),
		format!("on hold    {} AIT", ait(funds.reserved)),
	];
	if let Some(earned) = view.earnings(account).await? {
		lines.push(format!(
			"earned     {} AIT mining, {} AIT royalties",
			ait(earned.mined),
			ait(earned.royalties)
		));
	}
	for role in RoleName::ALL {
		let minimum = ait(view.minimum_bond(role.role())?);
		let told = match view.bond(role.role(), account).await? {
			None => format!("no bond, the minimum is {minimum} AIT"),
			Some(bond) => {
				let mut told = format!("{} AIT, the minimum is {minimum} AIT", ait(bond.active));
				if bond.pending > 0 && session < bond.activates_at {
					told += &format!(
						"; {} AIT count from session {} on, now is {session}",
						ait(bond.pending),
						bond.activates_at
					);
				}
				for unlock in &bond.unlocking {
					told += &format!(
						"; {} AIT can be withdrawn from session {} on, now is {session}",
						ait(unlock.amount),
						unlock.at
					);
				}
				told
			}
		};
		lines.push(format!("{:<10} {told}", role.name()));
	}
	Ok(lines.join("\n"))
}

pub(crate) fn pretty(value: &Value) -> Result<String, Failure> {
	serde_json::to_string_pretty(value).map_err(Failure::internal)
}

fn told_done(call: &Call, done: &Included, json: bool) -> Result<(), Failure> {
	let (name, block) = (call.name(), done.block.number);
	output::line(match json {
		true => pretty(&json!({"call": name, "block": block}))?,
		false => format!("{name} is in block {block}"),
	});
	Ok(())
}

/// An account by its address.
pub(crate) fn account_of(text: &str) -> Result<AccountBytes, Failure> {
	parse_address(text).ok_or_else(|| {
		Failure::usage(format!(
			"`{text}` is no account: give its SS58 address, such as 5Grwva…"
		))
	})
}

/// Plancks as AIT, with as many digits as needed.
pub(crate) fn ait(plancks: Balance) -> String {
	let (whole, rest) = (plancks / AIT, plancks % AIT);
	let digits = format!("{rest:012}");
	match digits.trim_end_matches('0') {
		"" => whole.to_string(),
		digits => format!("{whole}.{digits}"),
	}
}

/// AIT with up to twelve digits after the point, as plancks.
fn plancks(text: &str) -> Result<Balance, Failure> {
	let wrong = || {
		Failure::usage(format!(
			"`{text}` is no amount in AIT: give one such as 100 or 0.5"
		))
	};
	let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
	let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
	if whole.is_empty() || rest.len() > 12 || !digits(whole) || !digits(rest) {
		return Err(wrong());
	}
	let whole: Balance = whole.parse().map_err(|_| wrong())?;
	let rest: Balance = format!("{rest:0<12}").parse().map_err(|_| wrong())?;
	whole
		.checked_mul(AIT)
		.and_then(|plancks| plancks.checked_add(rest))
		.ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn amounts_are_read_and_shown_to_the_planck() {
		for (text, amount) in [
			("1", AIT),
			("0.5", AIT / 2),
			("0.000000000001", 1),
			("12.000000000034", 12 * AIT + 34),
		] {
			assert_eq!(plancks(text).unwrap(), amount);
			assert_eq!(ait(amount), text);
		}
		for text in [
			"",
			".5",
			"-1",
			"1e3",
			"1.0000000000001",
			"0x1",
			"1.2.3",
			"9".repeat(40).as_str(),
		] {
			assert!(plancks(text).is_err(), "{text}");
		}
	}
}

//! `infergrid stake`: an operator's bonds and worker keys.

use crate::{context::Context, failure::Failure, output, settings};
use anyhow::anyhow;
use clap::{Args, Subcommand, ValueEnum};
use infergrid_chain::{Call, Chain, Included, Options, Submitter, View, pair_worker, parse_ait};
use infergrid_keys::{Key, KeySource, Secret, parse_address};
use infergrid_operator::Statement;
use infergrid_primitives::{AccountBytes, Balance, market::Role};
use serde_json::{Value, json};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  infergrid stake bond miner 1000 --operator-key-file operator.key
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
		/// How much, in AIT such as 1000 or 0.5
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
enum RoleName {
	/// Runs a node that makes blocks
	Validator,
	/// Computes answers
	Miner,
	/// Checks answers
	Verifier,
}

impl RoleName {
	fn role(self) -> Role {
		match self {
			Self::Validator => Role::Validator,
			Self::Miner => Role::Miner,
			Self::Verifier => Role::Verifier,
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
	check(&args.command)?;
	if key.is_none() && !matches!(args.command, StakeCommand::Show { account: Some(_) }) {
		return Err(no_key());
	}
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
	let submitter = Submitter::new(chain, key);
	let done = submitter.submit_checked(&call).await?;
	told_done(&call, &done, args.json)
}

/// What is given here is looked at before anybody waits for a node.
fn check(command: &StakeCommand) -> Result<(), Failure> {
	use StakeCommand::{Bond, Pair, Show, Unbond, Unpair, Withdraw};
	match command {
		Bond { amount, .. } => plancks(amount).map(drop),
		Unbond { amount, .. } => part(amount).map(drop),
		Pair { worker_key_file } => Key::from_file(worker_key_file)
			.map(drop)
			.map_err(Failure::config),
		Unpair { worker: text }
		| Show {
			account: Some(text),
		} => account_of(text).map(drop),
		Withdraw { .. } | Show { account: None } => Ok(()),
	}
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
	let account = key.public();
	Ok(match command {
		StakeCommand::Bond { role, amount } => {
			infergrid_operator::bond(view, &account, role.role(), plancks(amount)?).await?
		}
		StakeCommand::Unbond { role, amount } => {
			infergrid_operator::unbond(view, &account, role.role(), part(amount)?).await?
		}
		StakeCommand::Withdraw { role } => Call::withdraw_unbonded(role.role()),
		StakeCommand::Pair { worker_key_file } => {
			let worker = Key::from_file(worker_key_file).map_err(Failure::config)?;
			pair_worker(chain, view, &worker, &account).await?
		}
		StakeCommand::Unpair { worker } => Call::unpair_worker(&account_of(worker)?),
		StakeCommand::Show { .. } => return Err(Failure::internal(anyhow!("shown before"))),
	})
}

/// Bonds and money of an account as JSON; amounts in plancks, as text.
pub(crate) async fn show(view: &View, account: &AccountBytes) -> Result<Value, Failure> {
	Ok(Statement::read(view, account).await?.json())
}

/// The same for people.
pub(crate) async fn text(view: &View, account: &AccountBytes) -> Result<String, Failure> {
	Ok(Statement::read(view, account).await?.render())
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

/// An amount, or `None` for all.
fn part(text: &str) -> Result<Option<Balance>, Failure> {
	(text != "all").then(|| plancks(text)).transpose()
}

fn plancks(text: &str) -> Result<Balance, Failure> {
	parse_ait(text).ok_or_else(|| {
		Failure::usage(format!(
			"`{text}` is no amount in AIT: give one such as 1000 or 0.5"
		))
	})
}

//! `infergrid dev`: a whole private grid on this machine.
//!
//! Two validators whose operators each have a miner, three verifiers, a gateway, and the demo model.
//! Every part is a child process of its own; the grid stands and falls with each of them.

use crate::{
	context::Context,
	engine,
	failure::{Failure, Kind},
	model::{DEFAULT_PRICE_INPUT, DEFAULT_PRICE_OUTPUT, DEFAULT_TOKENS_PER_SECOND},
	output, settings,
};
use anyhow::anyhow;
use clap::Args;
use infergrid_dev::{Offered, Place, Ready};
use infergrid_devnet::{INHERITED, Plan, PortChoice, Programs, spawn};
use infergrid_engine::{Device, LICENCE};
use infergrid_primitives::market::Price;
use infergrid_proof::Compute;
use serde::Serialize;
use std::{
	ffi::OsString,
	io::{self, IsTerminal},
	path::{Path, PathBuf},
};
use tokio_util::sync::CancellationToken;

const DEFAULT_MODEL: &str = "models/demo";
const DEFAULT_QUESTION: &str = "What is Infergrid?";
const NODE: &str = "infergrid-node";

/// Flags of `infergrid dev`.
#[derive(Args, Clone, Debug)]
pub(crate) struct DevArgs {
	/// Ask one question, wait for settlement and audit, print a summary, stop
	#[arg(long)]
	once: bool,
	/// What to ask with --once
	#[arg(long, value_name = "TEXT", default_value = DEFAULT_QUESTION)]
	question: String,
	/// First of the ports to use, 0 for any free ones [default: the usual ones where they are free]
	#[arg(long, value_name = "PORT", env = "INFERGRID_BASE_PORT")]
	base_port: Option<u16>,
	/// Directory of the grid, kept for the next time [default: a new one, deleted at the end]
	#[arg(long, value_name = "DIR")]
	dir: Option<PathBuf>,
	/// Keep the new directory
	#[arg(long)]
	keep: bool,
	/// Start a child again when it dies, instead of ending the grid
	#[arg(long)]
	restart: bool,
	/// Print the grid's description, or with --once the summary, as JSON
	#[arg(long)]
	json: bool,
	/// Directory of the model in Hugging Face layout
	#[arg(long, value_name = "DIR", env = "INFERGRID_MODEL", default_value = DEFAULT_MODEL)]
	model: PathBuf,
	/// Name of the model on chain [default: its directory's]
	#[arg(long, value_name = "NAME")]
	model_name: Option<String>,
	/// The node's executable [default: infergrid-node beside this one]
	#[arg(long, value_name = "FILE", env = "INFERGRID_NODE_BINARY")]
	node_binary: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct DevSettings {
	once: bool,
	question: String,
	base_port: Option<u16>,
	dir: Option<PathBuf>,
	keep: bool,
	restart: bool,
	model: PathBuf,
	model_name: Option<String>,
	node_binary: PathBuf,
}

/// Runs the command.
pub(crate) async fn run(args: DevArgs, context: Context) -> Result<(), Failure> {
	let node_binary = node_binary(args.node_binary.as_deref())?;
	if context.show_settings {
		return settings::show(&DevSettings {
			once: args.once,
			question: args.question,
			base_port: args.base_port,
			dir: args.dir,
			keep: args.keep,
			restart: args.restart,
			model: args.model,
			model_name: args.model_name,
			node_binary,
		});
	}
	let model = args.model.canonicalize().map_err(|error| {
		Failure::config(anyhow!(
			"cannot use the model in {}: {error}",
			args.model.display()
		))
		.hint("name its directory with --model")
	})?;
	let programs = Programs {
		node: node_binary,
		worker: own_executable()?,
	};
	let place = Place::choose(args.dir.as_deref(), args.keep)?;
	let mut plan = Plan::new(programs, place.path().to_path_buf());
	plan.cache = cache();
	plan.environment = environment();
	plan.log = context.common.log.clone();
	plan.ports = match args.base_port {
		None => PortChoice::Usual,
		Some(0) => PortChoice::Free,
		Some(first) => PortChoice::From(first),
	};
	let result = live(plan, &model, &args, &context.stop).await;
	match &result {
		Err(failure) if failure.kind() != Kind::Usage => {
			let path = place.path().display().to_string();
			place.keep();
			tracing::warn!(directory = %path, "the logs of all parts are kept");
		}
		_ => place.finish(),
	}
	result
}

/// Brings the grid up, does with it what was asked for, and ends it.
async fn live(
	plan: Plan,
	model: &Path,
	args: &DevArgs,
	stop: &CancellationToken,
) -> Result<(), Failure> {
	let spawned = async {
		let model = offered(model, args.model_name.clone()).await?;
		Ok::<_, Failure>(spawn(infergrid_dev::fill(plan, model)).await?)
	};
	let handle = tokio::select! {
		biased;
		_ = stop.cancelled() => return Ok(()),
		handle = spawned => handle?,
	};
	let ready = Ready::of(&handle)?;
	tracing::info!(gateway = %ready.gateway, node = %ready.rpc[0], "the grid is ready");
	if args.json && !args.once {
		output::line(handle.description());
	}
	let work = async {
		if args.once {
			ask_once(&ready, args).await
		} else {
			let terminal = io::stderr().is_terminal();
			infergrid_dev::watch(&ready, terminal, output::aside).await?;
			Ok(())
		}
	};
	let result = infergrid_dev::guard(&handle, args.restart, stop, work).await;
	handle.shutdown().await;
	result
}

/// The model in `directory` at the usual terms, and how fast this machine computes it.
async fn offered(directory: &Path, name: Option<String>) -> Result<Offered, Failure> {
	let speed = engine::start(directory, Device::Cpu).await?.speed();
	Ok(Offered {
		directory: directory.to_path_buf(),
		name,
		licence: LICENCE.into(),
		price: Price {
			input: DEFAULT_PRICE_INPUT,
			output: DEFAULT_PRICE_OUTPUT,
		},
		speed,
		tokens_per_second: DEFAULT_TOKENS_PER_SECOND,
	})
}

/// Asks, prints the answer as it comes, waits for audit and settlement, prints what happened.
async fn ask_once(ready: &Ready, args: &DevArgs) -> Result<(), Failure> {
	let asked = infergrid_dev::ask(ready, args.question.clone(), |text| {
		if !args.json {
			output::piece(text);
		}
	})
	.await?;
	if !args.json {
		output::line("");
	}
	let summary = asked.settled(ready).await?;
	output::line(match args.json {
		true => serde_json::to_string_pretty(&summary).map_err(Failure::internal)?,
		false => summary.render(),
	});
	Ok(())
}

fn own_executable() -> Result<PathBuf, Failure> {
	std::env::current_exe()
		.map_err(|error| Failure::internal(anyhow!(error).context("cannot find this executable")))
}

fn node_binary(named: Option<&Path>) -> Result<PathBuf, Failure> {
	if let Some(path) = named {
		return Ok(path.to_path_buf());
	}
	Ok(own_executable()?.with_file_name(NODE))
}

/// Of this process's environment, what the parts of a grid see.
#[expect(
	clippy::disallowed_methods,
	reason = "the program's environment is read here"
)]
fn environment() -> Vec<(OsString, OsString)> {
	let variables = INHERITED.iter();
	let value = |name: &&str| Some((OsString::from(name), std::env::var_os(name)?));
	variables.filter_map(value).collect()
}

/// The directory for what can be computed again.
#[expect(
	clippy::disallowed_methods,
	reason = "the program's environment is read here"
)]
fn cache() -> Option<PathBuf> {
	let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"));
	std::env::var_os("XDG_CACHE_HOME")
		.map(PathBuf::from)
		.or_else(home)
		.map(|cache| cache.join("infergrid"))
}

//! `infergrid dev`: a whole private grid on this machine.
//!
//! Two validators whose operators each have a miner, three verifiers, a gateway, and the demo model.
//! Every part is a child process of its own; the grid stands and falls with each of them.

mod board;
mod grid;
mod once;
mod pace;

use crate::{
	cli::Context,
	failure::{Failure, Kind},
	output, settings,
};
use anyhow::anyhow;
use clap::Args;
use grid::Ready;
use infergrid_devnet::{Plan, PortChoice, Programs, spawn};
use serde::Serialize;
use std::path::{Path, PathBuf};
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
	let mut plan = Plan::new(programs, place.path.clone());
	plan.cache = cache();
	plan.environment = grid::environment();
	plan.log = context.common.log.clone();
	plan.ports = match args.base_port {
		None => PortChoice::Usual,
		Some(0) => PortChoice::Free,
		Some(first) => PortChoice::From(first),
	};
	let result = live(plan, &model, &args, &context.stop).await;
	match &result {
		Err(failure) if failure.kind() != Kind::Usage => {
			let path = place.path.display().to_string();
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
		let plan = grid::fill(plan, model, args.model_name.clone()).await?;
		Ok::<_, Failure>(spawn(plan).await?)
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
			once::ask(ready, args.question.clone(), args.json).await
		} else {
			board::watch(ready).await
		}
	};
	let result = grid::guard(&handle, args.restart, stop, work).await;
	handle.shutdown().await;
	result
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

/// The grid's directory.
struct Place {
	path: PathBuf,
	temporary: Option<tempfile::TempDir>,
}

impl Place {
	fn choose(named: Option<&Path>, keep: bool) -> Result<Self, Failure> {
		let failed = |error: std::io::Error| {
			Failure::config(anyhow!(error).context("cannot make the grid's directory"))
		};
		if let Some(path) = named {
			std::fs::create_dir_all(path).map_err(failed)?;
			let path = path.canonicalize().map_err(failed)?;
			return Ok(Self {
				path,
				temporary: None,
			});
		}
		let directory = tempfile::Builder::new()
			.prefix("infergrid-dev-")
			.tempdir()
			.map_err(failed)?;
		let path = directory.path().to_path_buf();
		if keep {
			return Ok(Self {
				path: directory.keep(),
				temporary: None,
			});
		}
		Ok(Self {
			path,
			temporary: Some(directory),
		})
	}

	/// Leaves the directory where it is.
	fn keep(self) {
		if let Some(directory) = self.temporary {
			let _ = directory.keep();
		}
	}

	/// Deletes the directory, if it was made for this run only.
	fn finish(self) {
		if let Some(directory) = self.temporary {
			let path = directory.path().to_path_buf();
			if let Err(error) = directory.close() {
				tracing::warn!(directory = %path.display(), %error, "cannot delete the grid's directory");
			}
		}
	}
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

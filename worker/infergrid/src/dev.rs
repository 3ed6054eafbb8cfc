//! `infergrid dev`: a whole private grid on this machine.
//!
//! Two validators whose operators each have a miner, three verifiers, a gateway, and the demo model.
//! Every part is a child process of its own; the grid stands and falls with each of them.

mod board;
mod grid;
mod once;
pub mod ports;
mod process;
mod spec;

pub(crate) use process::kill_leftovers;

use crate::{cli::Context, engine, failure::Failure, output, settings};
use anyhow::anyhow;
use clap::Args;
use grid::{Grid, Plan};
use infergrid_engine::Device;
use infergrid_proof::Compute;
use serde::Serialize;
use std::{
	borrow::Cow,
	path::{Path, PathBuf},
};
use tokio_util::sync::CancellationToken;

/// Two miners and three verifiers run on this machine, and a miner needs room for several tasks.
const SHARING: f64 = 8.0;
const DEFAULT_NAME: &str = "demo";
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
	if !node_binary.is_file() {
		return Err(
			Failure::config(anyhow!("{} does not exist", node_binary.display())).hint(
				"build it with `cargo build -p infergrid-node`, or name it with --node-binary",
			),
		);
	}
	let model = args.model.canonicalize().map_err(|error| {
		Failure::config(anyhow!(
			"cannot use the model in {}: {error}",
			args.model.display()
		))
		.hint("name its directory with --model")
	})?;
	let place = Place::choose(args.dir.as_deref(), args.keep)?;
	let plan = Plan {
		directory: place.path.clone(),
		base_port: args.base_port,
		model_name: args.model_name.clone().unwrap_or_else(|| name_of(&model)),
		min_tokens_per_second: least_speed(&model, &context.stop).await?,
		model,
		node_binary,
		log: context.common.log.clone(),
		restart: args.restart,
	};
	let mut grid = Grid::new(plan, context.stop.clone())?;
	let result = live(&mut grid, &args).await;
	grid.stop().await;
	match &result {
		Err(failure) if failure.kind() != crate::failure::Kind::Usage => {
			let path = place.path.display().to_string();
			place.keep();
			tracing::warn!(directory = %path, "the logs of all parts are kept");
		}
		_ => place.finish(),
	}
	result
}

/// The name of a model whose directory is `directory`.
fn name_of(directory: &Path) -> String {
	let name = directory.file_name().map(|name| name.to_string_lossy());
	name.map_or_else(|| DEFAULT_NAME.to_owned(), Cow::into_owned)
}

/// What can be asked of miners that share this machine with the rest of the grid.
async fn least_speed(model: &Path, stop: &CancellationToken) -> Result<u32, Failure> {
	let speed = tokio::select! {
		server = engine::start(model, Device::Cpu) => server?.speed(),
		_ = stop.cancelled() => return Err(Failure::outside(anyhow!("interrupted"))),
	};
	let shared = speed.prefill.min(speed.decode) / SHARING;
	Ok((shared as u32).clamp(1, crate::model::DEFAULT_TOKENS_PER_SECOND))
}

async fn live(grid: &mut Grid, args: &DevArgs) -> Result<(), Failure> {
	let Some(ready) = grid.start().await? else {
		return Ok(());
	};
	if args.once {
		let question = args.question.clone();
		let json = args.json;
		return grid
			.guard(once::ask(ready, question, json))
			.await
			.map(|_| ());
	}
	if args.json {
		output::line(grid.description()?);
	}
	grid.guard(board::watch(ready)).await.map(|_| ())
}

fn node_binary(named: Option<&Path>) -> Result<PathBuf, Failure> {
	if let Some(path) = named {
		return Ok(path.to_path_buf());
	}
	let own = std::env::current_exe().map_err(|error| {
		Failure::internal(anyhow!(error).context("cannot find this executable"))
	})?;
	Ok(own.with_file_name(NODE))
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
fn cache() -> Option<PathBuf> {
	let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"));
	std::env::var_os("XDG_CACHE_HOME")
		.map(PathBuf::from)
		.or_else(home)
}

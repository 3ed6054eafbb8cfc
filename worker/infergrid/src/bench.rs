//! `infergrid bench`: measures this machine, or a gateway under load, in one run and as one table.

use crate::{context::Context, engine, failure::Failure, output, settings};
use clap::Args;
use infergrid_bench::{LoadOptions, MachineReport, latency, load, measure, measure_random};
use infergrid_engine::{Device, MeasureOptions};
use infergrid_keys::Secret;
use serde::Serialize;
use std::path::PathBuf;

const DEFAULT_MODEL: &str = "models/demo";

/// Flags of `infergrid bench`.
#[derive(Args, Clone, Debug)]
pub(crate) struct BenchArgs {
	/// Directory of the model that the gateway serves meanwhile
	#[arg(long, value_name = "DIR", env = "INFERGRID_MODEL", default_value = DEFAULT_MODEL)]
	model: PathBuf,
	/// Leave out the random checkpoint of 0.5B parameters, which needs 4 GB of disk and memory
	#[arg(long)]
	small: bool,
	/// Where to compute: cpu, cuda or cuda:N
	#[arg(
		long,
		value_name = "DEVICE",
		env = "INFERGRID_DEVICE",
		default_value = "cpu"
	)]
	device: String,
	/// Tokens of the prompt
	#[arg(long, value_name = "N", default_value_t = MeasureOptions::default().prompt)]
	prompt: usize,
	/// Tokens of the answer
	#[arg(long, value_name = "N", default_value_t = MeasureOptions::default().output)]
	output: usize,
	#[command(flatten)]
	load: LoadArgs,
	/// Print the results as JSON
	#[arg(long)]
	json: bool,
}

/// Flags of `infergrid bench --load`.
#[derive(Args, Clone, Debug)]
struct LoadArgs {
	/// Ask the gateway at URL, many clients at once, instead of measuring this machine
	#[arg(long, value_name = "URL")]
	load: Option<String>,
	/// Clients that ask at the same time, with --load
	#[arg(long, value_name = "N", default_value_t = 16, requires = "load", value_parser = clap::value_parser!(u32).range(1..=4_096))]
	clients: u32,
	/// Tokens that each asks for, with --load
	#[arg(long, value_name = "N", default_value_t = 512, requires = "load", value_parser = clap::value_parser!(u32).range(1..))]
	tokens: u32,
	/// Follow the chain through --node, and tell which miner missed a deadline and who was slashed
	#[arg(long, requires = "load")]
	watch: bool,
	/// Also tell how much of the time a miner's model has worked, by its metrics; repeat for more
	#[arg(long, value_name = "URL", requires = "load")]
	miner_metrics: Vec<String>,
	/// Key to show to the gateway, with --load
	#[arg(
		long,
		value_name = "KEY",
		env = "INFERGRID_API_KEY",
		hide_env_values = true
	)]
	api_key: Option<Secret>,
}

/// Runs the command.
pub(crate) async fn run(args: BenchArgs, context: Context) -> Result<(), Failure> {
	if context.show_settings {
		return settings::show(&context.common);
	}
	if let Some(gateway) = args.load.load {
		let report = load(&LoadOptions {
			gateway,
			key: args.load.api_key,
			clients: args.load.clients,
			tokens: args.load.tokens,
			watch: args.load.watch.then_some(context.common.node),
			miners: args.load.miner_metrics,
		})
		.await?;
		return tell(&report, args.json, || report.render());
	}
	let report = machine(&args).await?;
	tell(&report, args.json, || report.render())
}

async fn machine(args: &BenchArgs) -> Result<MachineReport, Failure> {
	let device: Device = args.device.parse().map_err(Failure::config)?;
	let options = MeasureOptions {
		prompt: args.prompt,
		output: args.output,
	};
	let mut models = vec![measure(&args.model, device, options).await?];
	if !args.small {
		models.push(measure_random(device, options).await?);
	}
	let engine = engine::start(&args.model, device).await?;
	let gateway = latency(engine, &args.model).await?;
	Ok(MachineReport { models, gateway })
}

fn tell(
	report: &impl Serialize,
	json: bool,
	render: impl FnOnce() -> String,
) -> Result<(), Failure> {
	output::line(match json {
		true => serde_json::to_string_pretty(report).map_err(Failure::internal)?,
		false => render(),
	});
	Ok(())
}

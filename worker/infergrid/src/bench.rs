//! `infergrid bench`: measures this machine, in one run and as one table.

mod load;
mod local;

use crate::{blocking, cli::Context, engine, failure::Failure, output, settings};
use clap::Args;
use infergrid_engine::{
	Device, Engine, MeasureOptions, Measurements, half_billion_config, write_random_checkpoint,
};
use serde::Serialize;
use std::path::{Path, PathBuf};

const DEFAULT_MODEL: &str = "models/demo";
const SEED: u64 = 1;
/// Requests per side when the gateway's latency is measured.
const ROUNDS: u32 = 20;

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
	load: load::LoadArgs,
	/// Print the results as JSON
	#[arg(long)]
	json: bool,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
struct Report {
	models: Vec<Row>,
	gateway: local::Latency,
}

#[derive(Debug, Serialize)]
struct Row {
	model: String,
	#[serde(flatten)]
	measurements: Measurements,
}

/// Runs the command.
pub(crate) async fn run(args: BenchArgs, context: Context) -> Result<(), Failure> {
	if context.show_settings {
		return settings::show(&context.common);
	}
	if let Some(gateway) = args.load.gateway() {
		return load::run(&args.load, gateway, args.json, &context).await;
	}
	let device: Device = args.device.parse().map_err(Failure::config)?;
	let options = MeasureOptions {
		prompt: args.prompt,
		output: args.output,
	};
	let mut models = vec![Row {
		model: name_of(&args.model),
		measurements: measure(args.model.clone(), device, options).await?,
	}];
	if !args.small {
		tracing::info!("writing a random checkpoint of 0.5B parameters");
		let directory = tempfile::Builder::new()
			.prefix("infergrid-bench-")
			.tempdir()
			.map_err(Failure::outside)?;
		let path = directory.path().to_path_buf();
		let written =
			blocking(move || write_random_checkpoint(&path, &half_billion_config(), SEED));
		written.await?.map_err(Failure::outside)?;
		models.push(Row {
			model: "random 0.5B".into(),
			measurements: measure(directory.path().to_path_buf(), device, options).await?,
		});
	}
	let engine = engine::start(&args.model, device).await?;
	let gateway = local::latency(engine, &args.model, ROUNDS).await?;
	let report = Report { models, gateway };
	output::line(if args.json {
		serde_json::to_string_pretty(&report).map_err(Failure::internal)?
	} else {
		render(&report)
	});
	Ok(())
}

async fn measure(
	directory: PathBuf,
	device: Device,
	options: MeasureOptions,
) -> Result<Measurements, Failure> {
	tracing::info!(directory = %directory.display(), "measuring");
	blocking(move || {
		let engine = Engine::load(&directory, device).map_err(Failure::config)?;
		engine.measure(&options).map_err(Failure::outside)
	})
	.await?
}

fn name_of(directory: &Path) -> String {
	directory.file_name().map_or_else(
		|| "model".into(),
		|name| name.to_string_lossy().into_owned(),
	)
}

fn render(report: &Report) -> String {
	type Cell = fn(&Measurements) -> String;
	let rows: [(&str, Cell); 11] = [
		("device", |m| m.device.clone()),
		("parameters", |m| {
			format!("{:.1} M", m.parameters as f64 / 1e6)
		}),
		("weights", |m| {
			format!("{:.1} MB", m.weight_bytes as f64 / 1e6)
		}),
		("memory read bandwidth", |m| {
			format!("{:.1} GB/s", m.read_bandwidth / 1e9)
		}),
		("prefill", |m| {
			format!("{:.0} tokens/s", m.prefill_tokens_per_second)
		}),
		("decode", |m| {
			format!("{:.1} tokens/s", m.decode_tokens_per_second)
		}),
		("decode, share of bandwidth", |m| {
			format!("{:.0} %", m.bandwidth_share * 100.0)
		}),
		("generation", |m| format!("{:.2} s", m.generation_seconds)),
		("verification over generation", |m| {
			format!("{:.3}", m.verification_share)
		}),
		("memory per cached token", |m| {
			format!("{} B", m.kv_bytes_per_token)
		}),
		("resident memory", |m| {
			m.resident_bytes.map_or("unknown".into(), |bytes| {
				format!("{:.1} MB", bytes as f64 / 1e6)
			})
		}),
	];
	let mut lines = Vec::new();
	let names = report.models.iter().map(|row| row.model.clone());
	lines.push(line("", names));
	lines.push(format!("|---|{}", "---|".repeat(report.models.len())));
	for (label, cell) in rows {
		lines.push(line(
			label,
			report.models.iter().map(|row| cell(&row.measurements)),
		));
	}
	let gateway = &report.gateway;
	lines.push(String::new());
	lines.push(format!(
		"The gateway adds {:.1} ms to the first token and {:.1} ms to a whole answer of {} tokens \
		 (medians of {} requests; the bare engine needs {:.1} ms and {:.1} ms).",
		gateway.added_first_token_ms,
		gateway.added_total_ms,
		gateway.tokens,
		gateway.rounds,
		gateway.engine_first_token_ms,
		gateway.engine_total_ms
	));
	lines.join("\n")
}

fn line(label: &str, cells: impl Iterator<Item = String>) -> String {
	let cells: Vec<_> = cells.collect();
	format!("| {label} | {} |", cells.join(" | "))
}

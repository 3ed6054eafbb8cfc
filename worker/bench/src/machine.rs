//! How fast models are on this machine.

use crate::{BenchError, Latency};
use infergrid_engine::{
	Device, Engine, MeasureOptions, Measurements, half_billion_config, write_random_checkpoint,
};
use serde::Serialize;
use std::path::{Path, PathBuf};
use tokio::task::spawn_blocking;

const SEED: u64 = 1;

/// Everything that was measured on this machine.
#[derive(Clone, Debug, Serialize)]
pub struct MachineReport {
	/// A column of the table for each.
	pub models: Vec<Measured>,
	/// What a gateway adds.
	pub gateway: Latency,
}

/// What was measured of a model.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
	/// Its name.
	pub model: String,
	/// Speed and memory.
	#[serde(flatten)]
	pub measurements: Measurements,
}

/// Measures the model in `directory`.
pub async fn measure(
	directory: &Path,
	device: Device,
	options: MeasureOptions,
) -> Result<Measured, BenchError> {
	Ok(Measured {
		model: name_of(directory),
		measurements: measurements(directory.to_path_buf(), device, options).await?,
	})
}

/// Measures a model of 0.5B random parameters, which needs 4 GB of disk and memory meanwhile.
pub async fn measure_random(
	device: Device,
	options: MeasureOptions,
) -> Result<Measured, BenchError> {
	tracing::info!("writing a random checkpoint of 0.5B parameters");
	let directory = tempfile::Builder::new()
		.prefix("infergrid-bench-")
		.tempdir()?;
	let path = directory.path().to_path_buf();
	spawn_blocking(move || write_random_checkpoint(&path, &half_billion_config(), SEED)).await??;
	Ok(Measured {
		model: "random 0.5B".into(),
		measurements: measurements(directory.path().to_path_buf(), device, options).await?,
	})
}

async fn measurements(
	directory: PathBuf,
	device: Device,
	options: MeasureOptions,
) -> Result<Measurements, BenchError> {
	tracing::info!(directory = %directory.display(), "measuring");
	spawn_blocking(move || {
		let engine = Engine::load(&directory, device)?;
		Ok(engine.measure(&options)?)
	})
	.await?
}

fn name_of(directory: &Path) -> String {
	directory.file_name().map_or_else(
		|| "model".into(),
		|name| name.to_string_lossy().into_owned(),
	)
}

impl MachineReport {
	/// As a table, with a sentence on the gateway.
	pub fn render(&self) -> String {
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
		let names = self.models.iter().map(|row| row.model.clone());
		lines.push(line("", names));
		lines.push(format!("|---|{}", "---|".repeat(self.models.len())));
		for (label, cell) in rows {
			lines.push(line(
				label,
				self.models.iter().map(|row| cell(&row.measurements)),
			));
		}
		let gateway = &self.gateway;
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
}

fn line(label: &str, cells: impl Iterator<Item = String>) -> String {
	let cells: Vec<_> = cells.collect();
	format!("| {label} | {} |", cells.join(" | "))
}

//! What every worker of a running grid tells Prometheus.

use anyhow::{Context, Result, ensure};
use infergrid_tests::grid::Grid;
use serde_json::Value;

/// Of each role, numbers that cannot be zero on a grid that works.
const TOLD: [(&str, &[&str]); 3] = [
	(
		"miner",
		&[
			"infergrid_miner_in_good_standing",
			"infergrid_model_busy_seconds_total",
		],
	),
	(
		"verifier",
		&[
			"infergrid_verifier_in_good_standing",
			"infergrid_verifier_duties_total",
			"infergrid_model_busy_seconds_total",
		],
	),
	("gateway", &["infergrid_gateway_requests_total"]),
];

/// Reads the metrics of all workers.
pub(crate) async fn tell(grid: &Grid) -> Result<()> {
	for (role, names) in TOLD {
		for name in names {
			let sum = sum(grid, role, name).await?;
			ensure!(sum > 0.0, "{name} is {sum}");
		}
	}
	Ok(())
}

/// What all workers of a `role` together say of the number `name`.
pub(crate) async fn sum(grid: &Grid, role: &str, name: &str) -> Result<f64> {
	let described: Value = serde_json::from_str(&grid.handle.description())?;
	let parts = described["parts"].as_array().context("no parts")?;
	let mut sum = 0.0;
	for part in parts.iter().filter(|part| part["role"] == role) {
		let url = part["metrics"].as_str().context("no metrics")?;
		let text = reqwest::get(url).await?.error_for_status()?.text().await?;
		ensure!(text.contains(name), "{role} does not tell {name}");
		sum += value(&text, name);
	}
	Ok(sum)
}

/// The sum over all labels.
fn value(text: &str, name: &str) -> f64 {
	text.lines()
		.filter_map(|line| line.strip_prefix(name))
		.filter(|rest| rest.starts_with(['{', ' ']))
		.filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok())
		.sum()
}

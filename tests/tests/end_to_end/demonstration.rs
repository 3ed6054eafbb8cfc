//! The demonstration that a newcomer starts.

use anyhow::{Result, ensure};
use infergrid_tests::{
	demo_model,
	process::{node, output_of, worker},
};
use serde_json::Value;
use tokio::process::Command;

#[tokio::test]
async fn the_demonstration_asks_settles_and_stops() -> Result<()> {
	let mut command = Command::new(worker()?);
	command
		.args(["dev", "--once", "--json", "--base-port", "0", "--model"])
		.arg(demo_model());
	command.arg("--node-binary").arg(node()?);
	let summary: Value = serde_json::from_slice(&output_of(command).await?)?;
	ensure!(summary["verdict"] == "valid", "{summary}");
	ensure!(
		summary["answer"]
			.as_str()
			.is_some_and(|answer| !answer.is_empty()),
		"{summary}"
	);
	let shares = &summary["shares"];
	let paid: u128 = ["miner", "creator", "treasury"]
		.iter()
		.map(|who| number(&shares[who]))
		.sum();
	ensure!(paid > 0 && paid == number(&summary["fee"]), "{summary}");
	Ok(())
}

fn number(value: &Value) -> u128 {
	value
		.as_str()
		.and_then(|text| text.parse().ok())
		.unwrap_or_default()
}

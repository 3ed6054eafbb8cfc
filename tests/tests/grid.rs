//! The demonstration that a newcomer starts, and the clients that speak to a grid unmodified.

use anyhow::{Context, Result, ensure};
use infergrid_tests::{
	client::chat_body,
	demo_model,
	grid::{Grid, Setup},
	process::program,
	root,
};
use serde_json::Value;
use std::{
	path::Path,
	process::{Command, Output, Stdio},
	time::Duration,
};

const ANSWER: Duration = Duration::from_secs(180);

/// Runs a program to its end; fails with its output if it does.
fn run(mut command: Command) -> Result<Output> {
	let output = command
		.stdin(Stdio::null())
		.output()
		.with_context(|| format!("{command:?}"))?;
	ensure!(
		output.status.success(),
		"{command:?} failed ({}):\n{}\n{}",
		output.status,
		String::from_utf8_lossy(&output.stdout),
		String::from_utf8_lossy(&output.stderr)
	);
	Ok(output)
}

fn number(value: &Value) -> u128 {
	value
		.as_str()
		.and_then(|text| text.parse().ok())
		.unwrap_or_default()
}

#[test]
fn the_demonstration_asks_settles_and_stops() -> Result<()> {
	let mut command = Command::new(program("infergrid", "INFERGRID_PROGRAM")?);
	command
		.args(["dev", "--once", "--json", "--base-port", "0", "--model"])
		.arg(demo_model());
	command
		.arg("--node-binary")
		.arg(program("infergrid-node", "INFERGRID_NODE_PROGRAM")?);
	let output = run(command)?;
	let summary: Value = serde_json::from_slice(&output.stdout)?;
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

#[tokio::test(flavor = "multi_thread")]
async fn unmodified_clients_are_served() -> Result<()> {
	let mut grid = Grid::start(&Setup::default()).await?;
	let result = clients(&grid).await;
	result
		.and_then(|()| grid.check())
		.map_err(|error| error.context(grid.report()))
}

async fn clients(grid: &Grid) -> Result<()> {
	let client = reqwest::Client::builder().timeout(ANSWER).build()?;
	let url = format!("{}/v1/chat/completions", grid.gateway_url);
	let body = chat_body("What is the capital of France?", 0.0, 64);
	let answer: Value = client
		.post(&url)
		.json(&body)
		.send()
		.await?
		.error_for_status()?
		.json()
		.await?;
	let text = answer["choices"][0]["message"]["content"]
		.as_str()
		.unwrap_or_default();
	ensure!(text.contains("Paris"), "{answer}");
	ensure!(
		answer["usage"]["completion_tokens"].as_u64() > Some(0),
		"{answer}"
	);
	ensure!(answer["infergrid"]["receipt_id"].is_string(), "{answer}");

	polkadot(grid)?;
	openai(grid)
}

/// `npm ci` in `directory`, unless that was done.
fn install(directory: &Path) -> Result<()> {
	if directory.join("node_modules").is_dir() {
		return Ok(());
	}
	let mut npm = Command::new("npm");
	npm.args(["ci", "--no-audit", "--no-fund"])
		.current_dir(directory);
	run(npm).map(drop)
}

fn polkadot(grid: &Grid) -> Result<()> {
	let directory = root().join("tests/clients/polkadot");
	install(&directory)?;
	let mut node = Command::new("node");
	node.args(["task.mjs", "--url", &grid.endpoints[0], "--payer", "//Bob"])
		.current_dir(directory);
	let summary: Value = serde_json::from_slice(&run(node)?.stdout)?;
	ensure!(summary["verdict"] == "Valid", "{summary}");
	Ok(())
}

fn openai(grid: &Grid) -> Result<()> {
	let directory = root().join("tests/clients/openai");
	install(&directory)?;
	let base = format!("{}/v1", grid.gateway_url);
	let mut node = Command::new("node");
	node.args(["client.mjs", &base]).current_dir(&directory);
	run(node)?;

	let python = directory.join(".venv/bin/python");
	if !python.is_file() {
		let mut make = Command::new("python3");
		make.args(["-m", "venv", ".venv"]).current_dir(&directory);
		run(make)?;
		let mut pip = Command::new(&python);
		pip.args([
			"-m",
			"pip",
			"install",
			"--quiet",
			"--requirement",
			"requirements.txt",
		]);
		pip.current_dir(&directory);
		run(pip)?;
	}
	let mut client = Command::new(python);
	client.args(["client.py", &base]).current_dir(directory);
	run(client).map(drop)
}

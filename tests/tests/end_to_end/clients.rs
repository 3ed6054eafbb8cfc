//! Clients that speak to a grid unmodified.

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use infergrid_tests::{
	client::chat_body,
	grid::Grid,
	process::{install_node_modules, output_of},
	root,
};
use serde_json::Value;
use std::{path::PathBuf, time::Duration};
use tokio::process::Command;

const ANSWER: Duration = Duration::from_secs(300);

/// A question to the gateway, without any client library.
pub(crate) async fn chat(grid: &Grid) -> Result<()> {
	let client = reqwest::Client::builder().timeout(ANSWER).build()?;
	let url = format!("{}/v1/chat/completions", grid.gateway_url());
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
	let receipt = answer["infergrid"]["receipt_id"].as_str();
	let receipt = receipt.with_context(|| answer.to_string())?;
	let url = format!("{}/v1/receipts/{receipt}", grid.gateway_url());
	let receipt: Value = client.get(url).send().await?.json().await?;
	let fee: u128 = receipt["transaction_fee"]
		.as_str()
		.with_context(|| receipt.to_string())?
		.parse()?;
	ensure!(fee > 0, "{receipt}");
	Ok(())
}

/// Polkadot.js submits a task and follows it to its settlement; an operator bonds with it.
pub(crate) async fn polkadot(grid: &Grid) -> Result<()> {
	let directory = root().join("tests/clients/polkadot");
	install_node_modules(&directory).await?;
	let mut node = Command::new("node");
	node.args([
		"task.mjs",
		"--url",
		&grid.handle.rpc()[0],
		"--payer",
		"//Bob",
	])
	.current_dir(directory);
	let summary: Value = serde_json::from_slice(&output_of(node).await?)?;
	ensure!(summary["verdict"] == "Valid", "{summary}");
	call(grid).await
}

/// `scripts/call`, with which operators sign what `infergrid` has no command for.
async fn call(grid: &Grid) -> Result<()> {
	let directory = tempfile::tempdir()?;
	let key = directory.path().join("operator.key");
	std::fs::write(&key, "//Ferdie//stash\n")?;
	let mut call = Command::new(root().join("scripts/call"));
	call.args(["--url", &grid.handle.rpc()[0], "--key-file"])
		.arg(key)
		.args(["roleStaking.bond", "Miner", "1100000000000000"]);
	let told: Value = serde_json::from_slice(&output_of(call).await?)?;
	let events = told["events"].as_array();
	let mut events = events.into_iter().flatten();
	ensure!(
		events.any(|event| event["event"] == "roleStaking.Bonded"),
		"{told}"
	);
	Ok(())
}

/// The OpenAI SDK for Node against the gateway.
pub(crate) async fn openai_node(grid: &Grid) -> Result<()> {
	let directory = openai();
	install_node_modules(&directory).await?;
	let mut node = Command::new("node");
	node.args(["client.mjs", &base(grid)])
		.current_dir(directory);
	output_of(node).await.map(drop)
}

/// The OpenAI SDK for Python, LiteLLM and LangChain against the gateways.
pub(crate) async fn python(grid: &Grid) -> Result<()> {
	let directory = openai();
	let python = directory.join(".venv/bin/python");
	if !python.is_file() {
		let mut make = Command::new("python3");
		make.args(["-m", "venv", ".venv"]).current_dir(&directory);
		output_of(make).await?;
	}
	// Whatever the environment of an earlier run lacks.
	let mut pip = Command::new(&python);
	pip.args([
		"-m",
		"pip",
		"install",
		"--quiet",
		"--disable-pip-version-check",
		"--requirement",
		"requirements.txt",
	]);
	pip.current_dir(&directory);
	output_of(pip).await?;
	let full = grid.handle.gateways().get(1).context("a full gateway")?;
	let runs = ["client.py", "litellm_client.py", "langchain_client.py"].map(|script| {
		let mut client = Command::new(&python);
		client
			.args([script, &base(grid)])
			.env("INFERGRID_FULL_URL", format!("{full}/v1"))
			.current_dir(&directory);
		async move { output_of(client).await.context(script) }
	});
	try_join_all(runs).await.map(drop)
}

fn openai() -> PathBuf {
	root().join("tests/clients/openai")
}

fn base(grid: &Grid) -> String {
	format!("{}/v1", grid.gateway_url())
}

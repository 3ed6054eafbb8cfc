//! The node's JSON-RPC interface.

use anyhow::{Context, Result, ensure};
use infergrid_tests::grid::Grid;
use serde_json::{Value, json};
use std::time::Duration;

/// By which the tests of the chain crate have a runtime.
const METADATA: &[u8] = include_bytes!("../../../../worker/chain/fixtures/metadata.scale");

fn call(method: &str, params: Value) -> String {
	json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
}

async fn ask(grid: &Grid, body: String) -> Result<Value> {
	let url = grid.handle.rpc()[0].replacen("ws", "http", 1);
	let client = reqwest::Client::builder()
		.timeout(Duration::from_secs(30))
		.build()?;
	let request = client
		.post(&url)
		.header("content-type", "application/json")
		.body(body);
	Ok(request.send().await?.json().await?)
}

pub(crate) async fn tells_the_metadata_that_tests_have(grid: &Grid) -> Result<()> {
	let version = hex::encode(16u32.to_le_bytes());
	let params = json!(["Metadata_metadata_at_version", format!("0x{version}")]);
	let answer = ask(grid, call("state_call", params)).await?;
	ensure!(
		answer["result"] == format!("0x{}", hex::encode(METADATA)),
		"the tests of the chain crate have an old runtime's metadata: run scripts/metadata"
	);
	Ok(())
}

pub(crate) async fn refuses(grid: &Grid) -> Result<()> {
	let mut wrong = Vec::new();
	for (name, body, code) in [
		("no JSON", "{".to_owned(), -32_700),
		(
			"unknown method",
			call("author_stealFunds", json!([])),
			-32_601,
		),
		(
			"wrong parameter",
			call("chain_getBlockHash", json!([{"a": 1}])),
			-32_602,
		),
		(
			"no hex",
			call("author_submitExtrinsic", json!(["hello"])),
			-32_602,
		),
		(
			"no extrinsic",
			call("author_submitExtrinsic", json!(["0x00"])),
			1_002,
		),
	] {
		let answer = ask(grid, body).await.context(name)?;
		if answer["error"]["code"] != code {
			wrong.push(format!("{name}: {answer}"));
		}
	}
	ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
	Ok(())
}

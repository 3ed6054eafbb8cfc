//! The node's JSON-RPC interface.

use anyhow::{Context, Result, ensure};
use infergrid_tests::grid::Grid;
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) async fn refuses(grid: &Grid) -> Result<()> {
	let url = grid.handle.rpc()[0].replacen("ws", "http", 1);
	let client = reqwest::Client::builder()
		.timeout(Duration::from_secs(30))
		.build()?;
	let call = |method: &str, params: Value| {
		json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
	};
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
		let request = client
			.post(&url)
			.header("content-type", "application/json")
			.body(body);
		let answer: Value = request.send().await?.json().await.context(name)?;
		if answer["error"]["code"] != code {
			wrong.push(format!("{name}: {answer}"));
		}
	}
	ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
	Ok(())
}

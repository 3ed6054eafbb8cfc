//! The gateway's HTTP interface.

use anyhow::{Context, Result, ensure};
use infergrid_tests::{client::chat_body, grid::Grid};
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) async fn refuses(grid: &Grid) -> Result<()> {
	let client = reqwest::Client::builder()
		.timeout(Duration::from_secs(60))
		.build()?;
	let with = |field: &str, value: Value| {
		let mut body = chat_body("hello", 0.0, 16);
		body[field] = value;
		body.to_string()
	};
	let chat = "/v1/chat/completions";
	let long = "x ".repeat(4_000);
	let rows: Vec<(&str, &str, String, u16, &str)> = vec![
		("no JSON", chat, "{".into(), 400, "invalid_json"),
		("not an object", chat, "[]".into(), 400, "invalid_json"),
		(
			"empty object",
			chat,
			"{}".into(),
			400,
			"missing_required_parameter",
		),
		(
			"unknown model",
			chat,
			with("model", json!("gpt-5")),
			404,
			"model_not_found",
		),
		(
			"model of a wrong type",
			chat,
			with("model", json!(7)),
			400,
			"invalid_value",
		),
		(
			"hot",
			chat,
			with("temperature", json!(2.5)),
			400,
			"invalid_value",
		),
		(
			"temperature as text",
			chat,
			with("temperature", json!("1")),
			400,
			"invalid_value",
		),
		(
			"no tokens",
			chat,
			with("max_tokens", json!(0)),
			400,
			"invalid_value",
		),
		(
			"negative tokens",
			chat,
			with("max_tokens", json!(-1)),
			400,
			"invalid_value",
		),
		(
			"too much mass",
			chat,
			with("top_p", json!(1.5)),
			400,
			"invalid_value",
		),
		(
			"no messages",
			chat,
			with("messages", json!([])),
			400,
			"invalid_value",
		),
		(
			"unknown role",
			chat,
			with("messages", json!([{"role": "emperor", "content": "x"}])),
			400,
			"invalid_value",
		),
		(
			"unknown field",
			chat,
			with("flavour", json!("mint")),
			400,
			"unknown_parameter",
		),
		(
			"two answers",
			chat,
			with("n", json!(2)),
			400,
			"unsupported_parameter",
		),
		(
			"too long",
			chat,
			with("messages", json!([{"role": "user", "content": long}])),
			400,
			"context_length_exceeded",
		),
		(
			"huge",
			chat,
			with("user", json!("y".repeat(20 << 20))),
			413,
			"request_too_large",
		),
		("unknown route", "/v1/chat", "{}".into(), 404, "unknown_url"),
	];
	let mut wrong = Vec::new();
	for (name, path, body, status, code) in rows {
		let request = client.post(format!("{}{path}", grid.gateway_url()));
		let request = request
			.header("content-type", "application/json")
			.body(body);
		let answer = match request.send().await {
			Ok(answer) => answer,
			// A server may close the connection before a client has sent 20 MB.
			Err(error) if status == 413 && (error.is_request() || error.is_body()) => continue,
			Err(error) => return Err(error).context(name),
		};
		let found = answer.status().as_u16();
		let error: Value = answer.json().await.context(name)?;
		if found != status || error["error"]["code"] != code {
			wrong.push(format!("{name}: {found} {error}"));
		}
	}
	for (path, status, code) in [
		("/v1/receipts/zz", 400, "invalid_value"),
		(
			&format!("/v1/receipts/0x{}", "ab".repeat(32)),
			404,
			"receipt_not_found",
		),
		("/v1/chat/completions", 405, "method_not_allowed"),
	] {
		let answer = client
			.get(format!("{}{path}", grid.gateway_url()))
			.send()
			.await?;
		let found = answer.status().as_u16();
		let error: Value = answer.json().await.context(path.to_owned())?;
		if found != status || error["error"]["code"] != code {
			wrong.push(format!("{path}: {found} {error}"));
		}
	}
	ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
	Ok(())
}

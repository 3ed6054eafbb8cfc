//! Everything that is refused, and how.

use super::*;
use crate::fake::{BARE_MODEL, CONTEXT};

/// Checks the status and the error object; `param` null means that none is named.
pub(super) fn assert_error(reply: &Reply, status: u16, code: &str, param: Value, what: &str) {
	assert_eq!(reply.status.as_u16(), status, "{what}: {}", reply.text);
	let body = reply.json();
	let error = body["error"]
		.as_object()
		.unwrap_or_else(|| panic!("{what}: {body}"));
	let fields: Vec<_> = error.keys().map(String::as_str).collect();
	assert_eq!(fields, ["message", "type", "param", "code"], "{what}");
	assert_eq!(error["code"], code, "{what}: {body}");
	assert_eq!(error["param"], param, "{what}: {body}");
	assert!(
		error["message"]
			.as_str()
			.is_some_and(|message| !message.is_empty()),
		"{what}"
	);
	let kind = match status {
		429 => "rate_limit_error",
		500.. => "server_error",
		_ => "invalid_request_error",
	};
	assert_eq!(error["type"], kind, "{what}");
	assert!(reply.header("x-request-id").starts_with("req_"), "{what}");
}

#[tokio::test]
async fn bad_chat_parameters_are_refused_by_name() {
	let app = App::new();
	let many = vec![json!({"role": "user", "content": "x"}); 1_025];
	let table = [
		(json!({"temperature": 2.1}), "invalid_value", "temperature"),
		(json!({"temperature": -0.1}), "invalid_value", "temperature"),
		(
			json!({"temperature": "hot"}),
			"invalid_value",
			"temperature",
		),
		(json!({"top_p": 1.5}), "invalid_value", "top_p"),
		(json!({"top_p": []}), "invalid_value", "top_p"),
		(json!({"top_k": -1}), "invalid_value", "top_k"),
		(json!({"top_k": 1.5}), "invalid_value", "top_k"),
		(
			json!({"frequency_penalty": 3}),
			"invalid_value",
			"frequency_penalty",
		),
		(
			json!({"presence_penalty": -3}),
			"invalid_value",
			"presence_penalty",
		),
		(json!({"max_tokens": 0}), "invalid_value", "max_tokens"),
		(json!({"max_tokens": -5}), "invalid_value", "max_tokens"),
		(json!({"max_tokens": 1e300}), "invalid_value", "max_tokens"),
		(json!({"max_tokens": "ten"}), "invalid_value", "max_tokens"),
		(
			json!({"max_completion_tokens": 4_294_967_296u64}),
			"invalid_value",
			"max_completion_tokens",
		),
		(
			json!({"max_tokens": 1, "max_completion_tokens": 2}),
			"invalid_value",
			"max_tokens",
		),
		(json!({"seed": "x"}), "invalid_value", "seed"),
		(json!({"seed": 1.5}), "invalid_value", "seed"),
		(json!({"stream": "yes"}), "invalid_value", "stream"),
		(
			json!({"stream_options": {"include_usage": true}}),
			"invalid_value",
			"stream_options",
		),
		(
			json!({"stream": true, "stream_options": 1}),
			"invalid_value",
			"stream_options",
		),
		(
			json!({"stream": true, "stream_options": {"include_usage": 1}}),
			"invalid_value",
			"stream_options.include_usage",
		),
		(
			json!({"stream": true, "stream_options": {"x": 1}}),
			"unknown_parameter",
			"stream_options.x",
		),
		(json!({"stop": ""}), "invalid_value", "stop"),
		(
			json!({"stop": ["a", "b", "c", "d", "e"]}),
			"invalid_value",
			"stop",
		),
		(json!({"stop": [1]}), "invalid_value", "stop"),
		(json!({"stop": "x".repeat(65)}), "invalid_value", "stop"),
		(json!({"n": 2}), "unsupported_parameter", "n"),
		(json!({"n": 0}), "unsupported_parameter", "n"),
		(
			json!({"logprobs": true}),
			"unsupported_parameter",
			"logprobs",
		),
		(
			json!({"top_logprobs": 5}),
			"unsupported_parameter",
			"top_logprobs",
		),
		(
			json!({"tools": [{"type": "function"}]}),
			"unsupported_parameter",
			"tools",
		),
		(
			json!({"tool_choice": "auto"}),
			"unsupported_parameter",
			"tool_choice",
		),
		(
			json!({"functions": [{}]}),
			"unsupported_parameter",
			"functions",
		),
		(
			json!({"response_format": {"type": "json_object"}}),
			"unsupported_parameter",
			"response_format",
		),
		(
			json!({"logit_bias": {"5": 1}}),
			"unsupported_parameter",
			"logit_bias",
		),
		(
			json!({"modalities": ["audio"]}),
			"unsupported_parameter",
			"modalities",
		),
		(
			json!({"audio": {"voice": "x"}}),
			"unsupported_parameter",
			"audio",
		),
		(
			json!({"reasoning_effort": "high"}),
			"unsupported_parameter",
			"reasoning_effort",
		),
		(json!({"nonsense": 1}), "unknown_parameter", "nonsense"),
		(
			json!({"infergrid": {"assurance": "total"}}),
			"invalid_value",
			"infergrid.assurance",
		),
		(
			json!({"infergrid": {"x": 1}}),
			"unknown_parameter",
			"infergrid.x",
		),
		(json!({"infergrid": 5}), "invalid_value", "infergrid"),
		(
			json!({"model": null}),
			"missing_required_parameter",
			"model",
		),
		(json!({"model": 5}), "invalid_value", "model"),
		(
			json!({"messages": null}),
			"missing_required_parameter",
			"messages",
		),
		(json!({"messages": "hello"}), "invalid_value", "messages"),
		(json!({"messages": []}), "invalid_value", "messages"),
		(json!({"messages": many}), "invalid_value", "messages"),
		(json!({"messages": [5]}), "invalid_value", "messages[0]"),
		(
			json!({"messages": [{"content": "x"}]}),
			"missing_required_parameter",
			"messages[0].role",
		),
		(
			json!({"messages": [{"role": "user"}]}),
			"missing_required_parameter",
			"messages[0].content",
		),
		(
			json!({"messages": [{"role": 1, "content": "x"}]}),
			"invalid_value",
			"messages[0].role",
		),
		(
			json!({"messages": [{"role": "king", "content": "x"}]}),
			"invalid_value",
			"messages[0].role",
		),
		(
			json!({"messages": [{"role": "tool", "content": "x"}]}),
			"unsupported_parameter",
			"messages[0].role",
		),
		(
			json!({"messages": [{"role": "user", "content": 5}]}),
			"invalid_value",
			"messages[0].content",
		),
		(
			json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}),
			"unsupported_parameter",
			"messages[0].content[0].type",
		),
		(
			json!({"messages": [{"role": "user", "content": [{"type": "text"}]}]}),
			"missing_required_parameter",
			"messages[0].content[0].text",
		),
		(
			json!({"messages": [{"role": "user", "content": "x", "mood": 1}]}),
			"unknown_parameter",
			"messages[0].mood",
		),
		(
			json!({"messages": [{"role": "assistant", "content": "x", "tool_calls": [{}]}]}),
			"unsupported_parameter",
			"messages[0].tool_calls",
		),
		(
			json!({"messages": [{"role": "assistant", "content": null, "tool_calls": [{}]}]}),
			"unsupported_parameter",
			"messages[0].tool_calls",
		),
		(
			json!({"messages": [{"role": "assistant", "content": "x"}]}),
			"invalid_value",
			"messages",
		),
		(json!({"model": BARE_MODEL}), "invalid_value", "model"),
	];
	for (more, code, param) in table {
		let what = more.to_string().chars().take(100).collect::<String>();
		let reply = app.chat(ask("x", more)).await;
		assert_error(&reply, 400, code, json!(param), &what);
	}
	assert!(
		app.seen.orders.lock().unwrap().is_empty(),
		"nothing was ordered"
	);
}

#[tokio::test]
async fn bad_completion_parameters_are_refused_by_name() {
	let app = App::new();
	let table = [
		(
			json!({"prompt": null}),
			"missing_required_parameter",
			"prompt",
		),
		(json!({"prompt": 5}), "invalid_value", "prompt"),
		(json!({"prompt": ""}), "invalid_value", "prompt"),
		(json!({"prompt": []}), "invalid_value", "prompt"),
		(json!({"prompt": [[]]}), "invalid_value", "prompt"),
		(json!({"prompt": vec!["x"; 33]}), "invalid_value", "prompt"),
		(json!({"prompt": ["a", ""]}), "invalid_value", "prompt[1]"),
		(json!({"prompt": ["a", 5]}), "invalid_value", "prompt"),
		(json!({"prompt": [{}, "a"]}), "invalid_value", "prompt[0]"),
		(
			json!({"prompt": ["a", [1, "b"]]}),
			"invalid_value",
			"prompt[1]",
		),
		(
			json!({"prompt": [[1], [2], [261]]}),
			"invalid_value",
			"prompt[2]",
		),
		(
			json!({"prompt": ["a", "x".repeat(CONTEXT as usize)]}),
			"context_length_exceeded",
			"prompt[1]",
		),
		(
			json!({"prompt": ["a", "b"], "max_tokens": CONTEXT}),
			"context_length_exceeded",
			"prompt[0]",
		),
		(json!({"prompt": [1, "a"]}), "invalid_value", "prompt"),
		(json!({"prompt": [1, -1]}), "invalid_value", "prompt"),
		(json!({"prompt": [1, 261]}), "invalid_value", "prompt"),
		(json!({"prompt": [{}]}), "invalid_value", "prompt"),
		(json!({"best_of": 2}), "unsupported_parameter", "best_of"),
		(json!({"echo": true}), "unsupported_parameter", "echo"),
		(json!({"logprobs": 0}), "unsupported_parameter", "logprobs"),
		(json!({"suffix": "x"}), "unsupported_parameter", "suffix"),
		(json!({"messages": []}), "unknown_parameter", "messages"),
		(
			json!({"max_completion_tokens": 5}),
			"unknown_parameter",
			"max_completion_tokens",
		),
	];
	for (more, code, param) in table {
		let mut request = json!({"model": MODEL, "prompt": "x"});
		request
			.as_object_mut()
			.unwrap()
			.extend(more.as_object().unwrap().clone());
		let reply = app.post("/v1/completions", &request).await;
		let what = more.to_string().chars().take(100).collect::<String>();
		assert_error(&reply, 400, code, json!(param), &what);
	}
	let reply = app.complete(json!(vec!["x"; 33]), json!({})).await;
	assert!(reply.text.contains("at most 32"), "{}", reply.text);
	assert!(
		app.seen.orders.lock().unwrap().is_empty(),
		"nothing was ordered"
	);
}

#[tokio::test]
async fn malformed_bodies_are_refused() {
	let app = App::new();
	let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
	let nested = format!(r#"{{"model":"parrot","messages":{deep}}}"#);
	for body in [
		"",
		"{",
		"[]",
		"\"text\"",
		"{\"model\": }",
		"nonsense",
		"{\"a\":1}{\"b\":2}",
		&nested,
	] {
		for path in ["/v1/chat/completions", "/v1/completions"] {
			let reply = app.send(post(path, body.to_owned())).await;
			assert_error(
				&reply,
				400,
				"invalid_json",
				Value::Null,
				&body.chars().take(40).collect::<String>(),
			);
		}
	}
	let reply = app
		.send(post("/v1/chat/completions", vec![0xff, 0xfe, 0x00]))
		.await;
	assert_error(&reply, 400, "invalid_json", Value::Null, "not UTF-8");
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused() {
	let settings = Settings {
		max_body_bytes: 1_000,
		..Settings::default()
	};
	let app = App::with(settings);
	let reply = app.chat(ask(&"x".repeat(1_000), json!({}))).await;
	assert_error(&reply, 413, "request_too_large", Value::Null, "large");
	let reply = app.chat(ask(&"x".repeat(500), json!({}))).await;
	assert_eq!(reply.status, StatusCode::OK);
}

#[tokio::test]
async fn unknown_routes_methods_models_and_receipts_are_refused() {
	let app = App::new();
	assert_error(
		&app.get("/v1/embeddings").await,
		404,
		"unknown_url",
		Value::Null,
		"route",
	);
	assert_error(
		&app.get("/v1/chat/completions").await,
		405,
		"method_not_allowed",
		Value::Null,
		"GET",
	);
	let delete = Request::delete("/v1/models").body(Body::empty()).unwrap();
	assert_error(
		&app.send(delete).await,
		405,
		"method_not_allowed",
		Value::Null,
		"DELETE",
	);
	let reply = app.chat(ask("x", json!({"model": "gpt-4o"}))).await;
	assert_error(&reply, 404, "model_not_found", json!("model"), "chat");
	let request = json!({"model": "gpt-4o", "prompt": "x"});
	let reply = app.post("/v1/completions", &request).await;
	assert_error(&reply, 404, "model_not_found", json!("model"), "completion");
	assert_error(
		&app.get("/v1/models/gpt-4o").await,
		404,
		"model_not_found",
		json!("model"),
		"model",
	);
	let unknown = format!("/v1/receipts/0x{}", "ab".repeat(32));
	assert_error(
		&app.get(&unknown).await,
		404,
		"receipt_not_found",
		json!("id"),
		"receipt",
	);
	assert_error(
		&app.get("/v1/receipts/12").await,
		400,
		"invalid_value",
		json!("id"),
		"receipt id",
	);
}

#[tokio::test]
async fn what_does_not_fit_the_context_is_refused() {
	let app = App::new();
	let code = "context_length_exceeded";
	let reply = app
		.chat(ask(&"x".repeat(CONTEXT as usize), json!({})))
		.await;
	assert_error(&reply, 400, code, json!("messages"), "prompt");
	let reply = app.chat(ask("x", json!({"max_tokens": CONTEXT - 2}))).await;
	assert_error(&reply, 400, code, json!("messages"), "prompt and answer");
	assert!(
		reply
			.text
			.contains("maximum context length is 2000 tokens. However, you requested 2001 tokens (3 in the messages, 1998 in the completion). \
			Please reduce the length of the messages or completion. (context_length_exceeded)"),
		"{}",
		reply.text
	);
	let reply = app.chat(ask("x", json!({"max_tokens": CONTEXT - 3}))).await;
	assert_error(&reply, 400, code, json!("messages"), "no time for it");
	for words in [
		"at most 1900 tokens",
		"This model's maximum context length is",
		"(context_length_exceeded)",
	] {
		assert!(reply.text.contains(words), "{}", reply.text);
	}
	let reply = app.chat(ask("x", json!({"max_tokens": LONGEST - 3}))).await;
	assert_eq!(reply.status, StatusCode::OK);
	app.chat(ask("x", json!({}))).await;
	let last = app.seen.orders.lock().unwrap().last().cloned().unwrap();
	assert_eq!(last.params.max_tokens, LONGEST - 3);
	let request = json!({"model": MODEL, "prompt": "x", "max_tokens": CONTEXT});
	let reply = app.post("/v1/completions", &request).await;
	assert_error(&reply, 400, code, json!("prompt"), "completion");
}

/// Whole or streamed: what fails before the first token has a status.
#[tokio::test]
async fn failures_of_the_grid_have_their_status() {
	let app = App::new();
	for stream in [false, true] {
		for (text, status, code, retry, after) in [
			("!nominer", 503, "no_miner", "true", "30"),
			("!funds", 503, "insufficient_funds", "false", ""),
			("!chain", 503, "grid_unavailable", "true", "3"),
			("!busy", 503, "busy", "true", "77"),
			("!full", 503, "busy", "true", "66"),
			("!closing", 503, "grid_unavailable", "true", "55"),
			("!dear", 400, "max_fee_too_low", "false", ""),
			("!vanish", 504, "upstream_timeout", "false", ""),
		] {
			let reply = app.chat(ask(text, json!({"stream": stream}))).await;
			assert_error(&reply, status, code, Value::Null, text);
			assert_eq!(reply.header("x-should-retry"), retry, "{text}");
			assert_eq!(reply.header("retry-after"), after, "{text}");
		}
	}
	for (text, status, code, retry, money) in [
		("!break", 502, "upstream_failed", "false", "on hold"),
		("!alien", 502, "upstream_failed", "false", "on hold"),
		("!late", 504, "upstream_timeout", "true", "come back"),
	] {
		let reply = app.chat(ask(text, json!({}))).await;
		let error = &reply.json()["error"];
		assert_eq!(
			(reply.status.as_u16(), error["code"].as_str()),
			(status, Some(code))
		);
		assert_eq!(reply.header("x-should-retry"), retry, "{text}");
		assert!(
			error["message"].as_str().unwrap().contains(money),
			"{error}"
		);
		assert!(!reply.text.contains("Nothing is charged"), "{text}");
		let id = error["infergrid"]["receipt_id"].as_str().unwrap();
		assert_eq!(reply.header("x-infergrid-receipt"), id);
	}
	app.idle().await;
	let app = App::over(Settings::default(), |market| market.down = true);
	assert_error(
		&app.get("/v1/models").await,
		503,
		"grid_unavailable",
		Value::Null,
		"market down",
	);
}

#[tokio::test]
async fn waiting_for_the_grid_ends() {
	let settings = Settings {
		answer_timeout: Duration::from_millis(50),
		..Settings::default()
	};
	let app = App::with(settings);
	for text in ["!wait", "!hang"] {
		let reply = app.chat(ask(text, json!({}))).await;
		let error = &reply.json()["error"];
		assert_eq!(
			(reply.status.as_u16(), error["code"].as_str()),
			(504, Some("upstream_timeout")),
			"{text}"
		);
		assert_eq!(reply.header("x-should-retry"), "false", "it may be paid");
	}
	app.idle().await;
}

#[tokio::test]
async fn requests_above_the_limit_are_refused_until_a_place_is_free() {
	let settings = Settings {
		max_concurrent: 1,
		..Settings::default()
	};
	let app = App::with(settings);
	let request = post(
		"/v1/chat/completions",
		ask("!slow", json!({"stream": true})).to_string(),
	);
	let first = app.response(request).await;
	assert_eq!(first.status(), StatusCode::OK);
	let reply = app.chat(ask("x", json!({}))).await;
	assert_error(&reply, 429, "overloaded", Value::Null, "second");
	drop(first);
	app.idle().await;
	assert_eq!(app.chat(ask("x", json!({}))).await.status, StatusCode::OK);
	// A failed order gives its place back too.
	app.chat(ask("!break", json!({}))).await;
	app.chat(ask("!nominer", json!({}))).await;
	assert_eq!(app.chat(ask("x", json!({}))).await.status, StatusCode::OK);
}

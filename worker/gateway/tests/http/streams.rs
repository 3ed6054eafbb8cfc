//! Answers as server-sent events.

use super::*;

#[tokio::test]
async fn a_chat_stream_has_role_text_finish_and_done() {
	let app = App::new();
	let reply = app.chat(ask("né 🦀", json!({"stream": true}))).await;
	assert_eq!(reply.status, StatusCode::OK);
	let chunks = reply.chunks();
	let id = chunks[0]["id"].as_str().unwrap().to_owned();
	assert!(id.starts_with("chatcmpl-"));
	for chunk in &chunks {
		assert_eq!(chunk["id"], id);
		assert_eq!(chunk["object"], "chat.completion.chunk");
		assert_eq!(chunk["model"], MODEL);
		assert!(chunk.get("usage").is_none(), "not asked for");
	}
	let deltas: Vec<_> = chunks
		.iter()
		.map(|chunk| &chunk["choices"][0]["delta"])
		.collect();
	assert_eq!(
		deltas[0],
		&json!({"role": "assistant", "content": "", "refusal": null})
	);
	let (last, middle) = deltas[1..].split_last().unwrap();
	assert_eq!(
		middle,
		[
			&json!({"content": "n"}),
			&json!({"content": "é"}),
			&json!({"content": " "}),
			&json!({"content": "🦀"})
		]
	);
	assert_eq!(*last, &json!({}));
	let reasons: Vec<_> = chunks
		.iter()
		.map(|chunk| &chunk["choices"][0]["finish_reason"])
		.collect();
	assert!(
		reasons[..reasons.len() - 1]
			.iter()
			.all(|reason| reason.is_null())
	);
	assert_eq!(reasons[reasons.len() - 1], "stop");
	let last = chunks.last().unwrap();
	assert_eq!(
		last["infergrid"]["receipt_id"],
		reply.header("x-infergrid-receipt")
	);
	assert_eq!(last["infergrid"]["status"], "delivered");
}

#[tokio::test]
async fn usage_comes_last_when_it_is_asked_for() {
	let app = App::new();
	let more = json!({"stream": true, "stream_options": {"include_usage": true}});
	let reply = app.chat(ask("abc", more)).await;
	let chunks = reply.chunks();
	let (last, others) = chunks.split_last().unwrap();
	assert!(
		others
			.iter()
			.all(|chunk| chunk["usage"].is_null() && chunk.get("usage").is_some())
	);
	assert_eq!(last["choices"], json!([]));
	assert_eq!(
		last["usage"],
		json!({"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9})
	);
	assert_eq!(
		last["infergrid"]["receipt_id"],
		reply.header("x-infergrid-receipt")
	);
}

#[tokio::test]
async fn what_may_become_a_stop_string_is_held_back() {
	let app = App::new();
	let texts = |chunks: &[Value]| -> Vec<String> {
		let text = |chunk: &Value| {
			chunk["choices"][0]["delta"]["content"]
				.as_str()
				.map(str::to_owned)
		};
		chunks.iter().skip(1).filter_map(text).collect()
	};
	let reply = app
		.chat(ask("aEND b", json!({"stream": true, "stop": "END"})))
		.await;
	assert_eq!(texts(&reply.chunks()), ["a"]);
	let reply = app
		.chat(ask("aENb", json!({"stream": true, "stop": ["END"]})))
		.await;
	assert_eq!(texts(&reply.chunks()), ["a", "ENb"]);
	let reply = app
		.chat(ask("aEN", json!({"stream": true, "stop": ["END"]})))
		.await;
	assert_eq!(texts(&reply.chunks()), ["a", "EN"], "comes out at the end");
}

#[tokio::test]
async fn a_completion_stream_has_text_finish_and_done() {
	let app = App::new();
	let request = json!({"model": MODEL, "prompt": "ab", "stream": true});
	let chunks = app.post("/v1/completions", &request).await.chunks();
	let choices: Vec<_> = chunks
		.iter()
		.map(|chunk| chunk["choices"][0].clone())
		.collect();
	let choice = |text: &str, reason: Value| json!({"index": 0, "text": text, "logprobs": null, "finish_reason": reason});
	assert_eq!(
		choices,
		[
			choice("a", Value::Null),
			choice("b", Value::Null),
			choice("", json!("stop"))
		]
	);
	assert!(
		chunks
			.iter()
			.all(|chunk| chunk["object"] == "text_completion")
	);
}

/// The error comes as an event, and no `[DONE]` after it.
#[tokio::test]
async fn a_miner_that_breaks_off_ends_the_stream_with_an_error() {
	let app = App::new();
	let reply = app.chat(ask("!break", json!({"stream": true}))).await;
	assert_eq!(reply.status, StatusCode::OK, "the stream had begun");
	let events = reply.events();
	let error: Value = serde_json::from_str(events.last().unwrap()).unwrap();
	assert_eq!(error["error"]["code"], "upstream_failed");
	assert_eq!(error["error"]["type"], "server_error");
	assert!(!reply.text.contains("[DONE]"));
	app.idle().await;
}

#[tokio::test]
async fn a_silent_grid_ends_the_stream_with_an_error() {
	let settings = Settings {
		answer_timeout: Duration::from_millis(50),
		..Settings::default()
	};
	let app = App::with(settings);
	let reply = app.chat(ask("!hang", json!({"stream": true}))).await;
	let events = reply.events();
	let error: Value = serde_json::from_str(events.last().unwrap()).unwrap();
	assert_eq!(error["error"]["code"], "upstream_timeout");
}

#[tokio::test]
async fn a_client_that_leaves_a_stream_stops_listening() {
	let app = App::new();
	let request = post(
		"/v1/chat/completions",
		ask("!slow", json!({"stream": true})).to_string(),
	);
	let mut body = app.response(request).await.into_body().into_data_stream();
	assert!(next_event(&mut body).await.is_some());
	assert!(next_event(&mut body).await.is_some());
	assert_eq!(app.seen.running.load(Ordering::SeqCst), 1);
	drop(body);
	app.idle().await;
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_stops_listening() {
	let app = App::new();
	let waiting = app.chat(ask("!hang", json!({})));
	assert!(
		tokio::time::timeout(Duration::from_millis(100), waiting)
			.await
			.is_err()
	);
	app.idle().await;
}

#[tokio::test]
async fn a_quiet_stream_is_kept_alive() {
	let settings = Settings {
		keep_alive: Duration::from_millis(30),
		..Settings::default()
	};
	let app = App::with(settings);
	let request = post(
		"/v1/completions",
		json!({"model": MODEL, "prompt": "!hang", "stream": true}).to_string(),
	);
	let mut body = app.response(request).await.into_body().into_data_stream();
	for _ in 0..2 {
		assert_eq!(next_event(&mut body).await.unwrap(), ": keep-alive\n");
	}
}

/// No comment makes an event of its own: each one that ends has data.
#[tokio::test]
async fn comments_stand_within_events() {
	let settings = Settings {
		keep_alive: Duration::from_millis(5),
		..Settings::default()
	};
	let reply = App::with(settings)
		.chat(ask("!slow", json!({"stream": true, "max_tokens": 5})))
		.await;
	assert!(
		reply.text.contains(": keep-alive\ndata: {"),
		"{}",
		reply.text
	);
	for event in reply.text.split_terminator("\n\n") {
		assert!(
			event.lines().any(|line| line.starts_with("data: ")),
			"{event}"
		);
	}
	assert_eq!(reply.chunks().len(), 7);
}

#[tokio::test]
async fn a_stream_says_that_it_is_not_to_be_buffered() {
	let app = App::new();
	let reply = app.chat(ask("x", json!({"stream": true}))).await;
	assert_eq!(reply.header("x-accel-buffering"), "no");
	assert_eq!(reply.header("cache-control"), "no-cache");
}

/// What another miner begins anew cannot be glued to what was shown; who has seen nothing yet loses
/// nothing.
#[tokio::test]
async fn another_miner_begins_anew() {
	let app = App::new();
	let whole = app.chat(ask("!restart", json!({}))).await.json();
	assert_eq!(whole["choices"][0]["message"]["content"], "second");
	let reply = app.chat(ask("!restart", json!({"stream": true}))).await;
	let events = reply.events();
	let error: Value = serde_json::from_str(events.last().unwrap()).unwrap();
	assert_eq!(error["error"]["code"], "upstream_failed");
	assert!(error["error"]["infergrid"]["receipt_id"].is_string());
	assert!(!reply.text.contains("second") && !reply.text.contains("[DONE]"));
}

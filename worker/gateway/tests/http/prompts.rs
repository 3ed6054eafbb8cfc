//! Completions of several prompts in one request.

use super::{again::keep, errors::assert_error, *};
use infergrid_primitives::request::SamplingParams;

/// The receipts that a response names, in the order of its choices.
fn receipts(reply: &Reply) -> Vec<String> {
	let named = reply.header("x-infergrid-receipt");
	named.split(", ").map(str::to_owned).collect()
}

fn choice(index: usize, text: &str, reason: Value) -> Value {
	json!({"index": index, "text": text, "logprobs": null, "finish_reason": reason})
}

/// What a stream says of one choice: its text, and why it ended.
fn told(chunks: &[Value], index: usize) -> (String, Value) {
	let choices = chunks.iter().map(|chunk| &chunk["choices"][0]);
	let own: Vec<_> = choices.filter(|choice| choice["index"] == index).collect();
	let text = own.iter().filter_map(|choice| choice["text"].as_str());
	let reason = own.last().map(|choice| choice["finish_reason"].clone());
	(text.collect(), reason.unwrap_or_default())
}

/// The running orders' number, once it is `count`.
async fn running(app: &App, count: usize) {
	let wait = async {
		while app.seen.running.load(Ordering::SeqCst) != count {
			tokio::task::yield_now().await;
		}
	};
	tokio::time::timeout(Duration::from_secs(5), wait)
		.await
		.expect("orders in progress");
}

#[tokio::test]
async fn each_prompt_has_a_choice_an_order_and_a_receipt() {
	let app = App::new();
	for prompts in [
		json!(["abc", "de", "!restart"]),
		json!([[97, 98, 99], [100, 101], "!restart"]),
	] {
		app.seen.orders.lock().unwrap().clear();
		let extension = json!({"infergrid": {"max_fee": "123456789", "assurance": "always"}});
		let reply = app.complete(prompts, extension).await;
		assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
		let body = reply.json();
		assert_eq!(
			body["choices"],
			json!([
				choice(0, "abc", json!("stop")),
				choice(1, "de", json!("stop")),
				choice(2, "second", json!("stop"))
			])
		);
		let usage = json!({"prompt_tokens": 13, "completion_tokens": 14, "total_tokens": 27});
		assert_eq!(body["usage"], usage);
		let told = body["infergrid"]["choices"].as_array().unwrap();
		let ids: Vec<_> = told.iter().map(|one| one["receipt_id"].clone()).collect();
		assert_eq!(json!(ids), json!(receipts(&reply)));
		let tasks: Vec<_> = told.iter().map(|one| &one["task"]).collect();
		assert_eq!(tasks, [1, 2, 3]);
		for (id, prompt) in receipts(&reply).iter().zip([3, 2, 8]) {
			let receipt = app.get(&format!("/v1/receipts/{id}")).await.json();
			assert_eq!(receipt["receipt"]["n_prompt"], prompt);
		}
		let orders = app.seen.orders.lock().unwrap();
		assert_eq!(orders.len(), 3);
		for order in &*orders {
			assert_eq!(order.max_fee, Some(123_456_789), "the limit of each");
			let SamplingParams { max_tokens, .. } = order.params;
			assert_eq!(max_tokens, 100);
		}
	}
}

#[tokio::test]
async fn one_prompt_in_an_array_is_told_like_one_without() {
	let app = App::new();
	for more in [json!({}), json!({"stream": true})] {
		let bare = app.complete(json!("abc"), more.clone()).await;
		let listed = app.complete(json!(["abc"]), more).await;
		// They differ in ids and times only.
		assert_eq!(bare.text.len(), listed.text.len());
		assert!(!listed.text.contains("\"infergrid\":{\"choices\""));
	}
}

#[tokio::test]
async fn a_stream_has_the_chunks_of_all_choices_as_they_come() {
	let app = App::new();
	let usage = json!({"stream": true, "stream_options": {"include_usage": true}});
	let more = with(usage, json!({"max_tokens": 5}));
	let reply = app.complete(json!(["!slow", "abc", "!slow"]), more).await;
	let chunks = reply.chunks();
	assert!(chunks.iter().all(|chunk| chunk["id"] == chunks[0]["id"]));
	assert_eq!(told(&chunks, 0), ("slow ".into(), json!("length")));
	assert_eq!(told(&chunks, 1), ("abc".into(), json!("stop")));
	assert_eq!(told(&chunks, 2), ("slow ".into(), json!("length")));
	let (last, choices) = chunks.split_last().unwrap();
	let index = |chunk: &Value| chunk["choices"][0]["index"].as_u64().unwrap();
	let order: Vec<_> = choices.iter().map(index).collect();
	let first_of = |index| order.iter().position(|one| *one == index).unwrap();
	let last_of = |index| order.iter().rposition(|one| *one == index).unwrap();
	assert!(first_of(2) < last_of(0), "one after the other: {order:?}");
	assert!(last_of(1) < last_of(0), "the quick one waited: {order:?}");
	for (index, id) in receipts(&reply).iter().enumerate() {
		let end = &choices[last_of(index as u64)];
		assert_eq!(end["infergrid"]["receipt_id"], *id, "its own receipt");
		assert_eq!(last["infergrid"]["choices"][index], end["infergrid"]);
	}
	assert_eq!(last["choices"], json!([]));
	let usage = json!({"prompt_tokens": 13, "completion_tokens": 14, "total_tokens": 27});
	assert_eq!(last["usage"], usage);
}

/// Whoever asks again would pay again for what is there: the others' receipts are told instead.
#[tokio::test]
async fn a_failure_names_the_receipts_of_the_others() {
	let app = App::new();
	for (failing, status, code) in [
		("!busy", 503, "busy"),
		("!dear", 400, "max_fee_too_low"),
		("!late", 504, "upstream_timeout"),
		("!break", 502, "upstream_failed"),
	] {
		let prompts = json!(["abc", failing, "!vanish", "de"]);
		let reply = app.complete(prompts, json!({})).await;
		assert_eq!(reply.status.as_u16(), status, "{failing}");
		assert_eq!(reply.header("x-should-retry"), "false", "{failing}");
		assert_eq!(reply.header("retry-after"), "", "{failing}");
		let error = &reply.json()["error"];
		assert_eq!(error["code"], code, "that of the first that failed");
		let message = error["message"].as_str().unwrap();
		assert!(
			message.starts_with("`prompt[1]` is not answered: ") && message.contains("2 of 4"),
			"{message}"
		);
		let told = error["infergrid"]["choices"].as_array().unwrap();
		let statuses: Vec<_> = told.iter().map(|one| &one["status"]).collect();
		assert_eq!(statuses, ["delivered", "failed", "failed", "delivered"]);
		assert_eq!(told[1]["error"]["code"], code);
		let placed = matches!(failing, "!late" | "!break");
		assert_eq!(told[1]["receipt_id"].is_string(), placed, "{failing}");
		assert_eq!(told[2]["receipt_id"], Value::Null);
		let ids = told.iter().filter_map(|one| one["receipt_id"].as_str());
		assert!(ids.eq(receipts(&reply).iter()), "{failing}");
		// They can be had, each as the choice that it is.
		for (index, text) in [(0, "abc"), (3, "de")] {
			let id = told[index]["receipt_id"].as_str().unwrap();
			keep(&app, id, text);
			let again = app.get(&format!("/v1/receipts/{id}/answer")).await.json();
			let whole = choice(index, text, json!("stop"));
			assert_eq!(again["choices"], json!([whole]));
			assert_eq!(again["infergrid"], told[index]);
		}
	}
	app.idle().await;
}

#[tokio::test]
async fn what_is_delivered_is_not_to_be_paid_again() {
	let app = App::new();
	for prompts in [["abc", "!busy"], ["!late", "abc"]] {
		let reply = app.complete(json!(prompts), json!({})).await;
		assert_eq!(reply.header("x-should-retry"), "false", "{prompts:?}");
		assert_eq!(reply.header("retry-after"), "", "{prompts:?}");
	}
}

/// Where nothing is paid and nothing on hold, all of it can be asked again, once the last has room.
#[tokio::test]
async fn a_request_of_which_nothing_is_paid_may_be_sent_again() {
	let app = App::new();
	for (prompts, retry, after) in [
		(["!late", "!busy"], "true", "77"),
		(["!busy", "!late"], "true", "77"),
		(["!busy", "!dear"], "false", ""),
		(["!busy", "!vanish"], "false", ""),
	] {
		let reply = app.complete(json!(prompts), json!({})).await;
		assert_eq!(reply.header("x-should-retry"), retry, "{prompts:?}");
		assert_eq!(reply.header("retry-after"), after, "{prompts:?}");
		assert!(reply.text.contains("None of the others"), "{}", reply.text);
	}
	// A stream has not begun: there is a status.
	let stream = json!({"stream": true});
	let reply = app.complete(json!(["!busy", "!busy"]), stream).await;
	assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
	assert_eq!(reply.header("retry-after"), "77");
}

#[tokio::test]
async fn in_a_stream_the_others_go_on_and_the_error_comes_last() {
	let app = App::new();
	for failing in ["!break", "!busy"] {
		let prompts = json!([failing, "abc", "!slow"]);
		let more =
			json!({"stream": true, "max_tokens": 7, "stream_options": {"include_usage": true}});
		let reply = app.complete(prompts, more).await;
		assert_eq!(reply.status, StatusCode::OK);
		assert!(!reply.text.contains("[DONE]"));
		let events = reply.events();
		let events: Vec<Value> = events
			.iter()
			.map(|event| serde_json::from_str(event).unwrap())
			.collect();
		let (error, chunks) = events.split_last().unwrap();
		assert_eq!(told(chunks, 1), ("abc".into(), json!("stop")));
		assert_eq!(told(chunks, 2), ("slow sl".into(), json!("length")));
		assert_eq!(told(chunks, 0).1, Value::Null, "no end");
		let told = error["error"]["infergrid"]["choices"].as_array().unwrap();
		let statuses: Vec<_> = told.iter().map(|one| &one["status"]).collect();
		assert_eq!(statuses, ["failed", "delivered", "delivered"]);
		let message = error["error"]["message"].as_str().unwrap();
		assert!(message.starts_with("`prompt[0]` is not answered"));
	}
	app.idle().await;
}

/// What is shown of a choice cannot be taken back, and this one alone ends by it.
#[tokio::test]
async fn another_miner_begins_one_choice_anew() {
	let app = App::new();
	let prompts = json!(["abc", "!restart"]);
	let reply = app.complete(prompts, json!({"stream": true})).await;
	let error: Value = serde_json::from_str(reply.events().last().unwrap()).unwrap();
	let told = error["error"]["infergrid"]["choices"].clone();
	assert_eq!(told[0]["status"], "delivered");
	assert_eq!(told[1]["error"]["code"], "upstream_failed");
	assert_eq!(told[1]["receipt_id"], receipts(&reply)[1]);
	assert!(!reply.text.contains("second"));
	app.idle().await;
}

#[tokio::test]
async fn all_prompts_find_a_place_or_none() {
	let app = App::with(Settings {
		max_concurrent: 3,
		..Settings::default()
	});
	let four = || app.complete(json!(["a", "b", "c", "d"]), json!({}));
	assert_error(&four().await, 429, "overloaded", Value::Null, "four");
	assert_eq!(four().await.header("x-should-retry"), "true");
	let two = complete(json!(["!hang", "!hang"]), json!({"stream": true}));
	let request = post("/v1/completions", two.to_string());
	let first = app.response(request).await;
	let reply = app.complete(json!(["a", "b"]), json!({})).await;
	assert_error(&reply, 429, "overloaded", Value::Null, "two more");
	assert_eq!(app.seen.orders.lock().unwrap().len(), 2);
	let one = app.complete(json!("a"), json!({})).await;
	assert_eq!(one.status, StatusCode::OK);
	drop(first);
	app.idle().await;
	let three = app.complete(json!(["a", "b", "c"]), json!({})).await;
	assert_eq!(three.status, StatusCode::OK);
	// A market that has no room for all of them takes none.
	app.seen.orders.lock().unwrap().clear();
	let reply = app.complete(json!(["a", "!full"]), json!({})).await;
	assert_error(&reply, 503, "busy", Value::Null, "full");
	assert_eq!(reply.header("retry-after"), "66");
	assert!(app.seen.orders.lock().unwrap().is_empty());
}

/// A choice gives its place back when it ends, not when the last one does.
#[tokio::test]
async fn a_choice_that_has_ended_leaves_its_place_to_others() {
	let app = App::with(Settings {
		max_concurrent: 2,
		..Settings::default()
	});
	let two = complete(json!(["!hang", "a"]), json!({"stream": true}));
	let request = post("/v1/completions", two.to_string());
	let mut body = app.response(request).await.into_body().into_data_stream();
	for _ in 0..2 {
		assert!(next_event(&mut body).await.is_some());
	}
	running(&app, 1).await;
	let other = app.complete(json!("b"), json!({})).await;
	assert_eq!(other.status, StatusCode::OK);
}

#[tokio::test]
async fn a_client_that_leaves_stops_listening_to_all() {
	let app = App::new();
	for stream in [false, true] {
		let request = complete(json!(["!hang", "!hang", "a"]), json!({"stream": stream}));
		let request = post("/v1/completions", request.to_string());
		let mut asking = Box::pin(async {
			let response = app.response(request).await;
			let mut body = response.into_body().into_data_stream();
			while next_event(&mut body).await.is_some() {}
		});
		tokio::select! {
			() = &mut asking => panic!("it hangs"),
			() = running(&app, 2) => {}
		}
		drop(asking);
		app.idle().await;
	}
}

//! Answers that are fetched again, and what is counted.

use super::*;
use infergrid_gateway::{ApiKey, Delivery, GatewayMetrics, KeptAnswer};

/// Keeps the answer to the last order, as a market does.
pub(super) fn keep(app: &App, id: &str, text: &str) {
	let hash: [u8; 32] = hex::decode(&id[2..]).unwrap().try_into().unwrap();
	let order = app.seen.orders.lock().unwrap().last().unwrap().clone();
	let receipt = app.seen.receipts.lock().unwrap()[&hash].clone();
	let tokenizer = order.model.checkpoint.tokenizer().unwrap();
	let answer = KeptAnswer::Complete {
		tokens: tokenizer.encode(text, false).unwrap(),
		model: order.model.clone(),
		placement: receipt.placement,
		delivery: Box::new(Delivery {
			receipt: receipt.receipt.unwrap(),
			signature: [7; 64],
		}),
	};
	app.seen.kept.lock().unwrap().insert(hash, answer);
}

#[tokio::test]
async fn what_comes_again_is_what_came_first() {
	let app = App::new();
	for (path, request) in [
		(
			"/v1/chat/completions",
			ask("one END two", json!({"stop": "END"})),
		),
		(
			"/v1/completions",
			json!({"model": MODEL, "prompt": "one END", "stop": ["END"]}),
		),
	] {
		let first = app.post(path, &request).await;
		let id = first.header("x-infergrid-receipt").to_owned();
		keep(&app, &id, "one END");
		let again = app.get(&format!("/v1/receipts/{id}/answer")).await;
		assert_eq!(again.json(), first.json());
		assert_eq!(again.header("x-infergrid-receipt"), id);
	}
}

/// The identifiers of requests can be computed from the chain: they open nothing.
#[tokio::test]
async fn only_the_key_that_asked_gets_the_answer() {
	let app = App::with(Settings {
		api_keys: vec![ApiKey::new("one"), ApiKey::new("two")],
		..Settings::default()
	});
	let with = |mut request: Request<Body>, key: &str| {
		let value = format!("Bearer {key}").parse().unwrap();
		request.headers_mut().insert("authorization", value);
		request
	};
	// The answer to the second has another receipt than that of its first price.
	for asked in ["secret", "!dearer"] {
		let request = post("/v1/chat/completions", ask(asked, json!({})).to_string());
		let first = app.send(with(request, "one")).await;
		let id = first.header("x-infergrid-receipt");
		keep(&app, id, "secret");
		let path = format!("/v1/receipts/{id}/answer");
		for (key, status) in [("two", 404), ("one", 200), ("three", 401)] {
			let request = Request::get(&path).body(Body::empty()).unwrap();
			let reply = app.send(with(request, key)).await;
			assert_eq!(reply.status.as_u16(), status, "{asked} {key}");
			assert_eq!(reply.text.contains("secret"), status == 200);
		}
	}
}

#[tokio::test]
async fn requests_answers_and_tokens_are_counted() {
	let mut registry = prometheus_client::registry::Registry::with_prefix("infergrid");
	let app = App::with(Settings {
		metrics: GatewayMetrics::register(&mut registry),
		..Settings::default()
	});
	app.chat(ask("abc", json!({}))).await;
	app.chat(ask("!break", json!({}))).await;
	app.get("/nowhere").await;
	let mut text = String::new();
	prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
	for line in [
		"infergrid_gateway_requests_total{route=\"/v1/chat/completions\",status=\"200\"} 1",
		"infergrid_gateway_requests_total{route=\"/v1/chat/completions\",status=\"502\"} 1",
		"infergrid_gateway_requests_total{route=\"unknown\",status=\"404\"} 1",
		"infergrid_gateway_answers_total{outcome=\"Done\"} 1",
		"infergrid_gateway_answers_total{outcome=\"Failed\"} 1",
		"infergrid_gateway_answers_total{outcome=\"Left\"} 0",
		"infergrid_gateway_answers_in_progress 0",
		"infergrid_gateway_answer_tokens_total 4",
		"infergrid_gateway_time_to_first_token_seconds_count 2",
	] {
		assert!(text.contains(line), "{line}\n{text}");
	}
}

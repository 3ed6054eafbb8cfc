//! Answers as one object, models and receipts.

use super::*;
use crate::fake::{BARE_MODEL, CONTEXT, MINER};
use infergrid_gateway::{Delivery, KeptAnswer};
use infergrid_primitives::request::{Assurance, SamplingParams};

fn order_params(app: &App) -> SamplingParams {
	app.seen
		.orders
		.lock()
		.unwrap()
		.last()
		.unwrap()
		.params
		.clone()
}

#[tokio::test]
async fn models_are_listed_and_found() {
	let app = App::new();
	let list = app.get("/v1/models").await.json();
	assert_eq!(list["object"], "list");
	let ids: Vec<_> = list["data"]
		.as_array()
		.unwrap()
		.iter()
		.map(|model| &model["id"])
		.collect();
	assert_eq!(ids, [MODEL, BARE_MODEL]);
	let model = app.get("/v1/models/parrot").await.json();
	assert_eq!(model, list["data"][0]);
	assert_eq!(model["object"], "model");
	assert_eq!(model["owned_by"], "ferdie");
	assert_eq!(model["created"], 1_700_000_000);
	assert_eq!(model["infergrid"]["context"], CONTEXT);
	// A slash may stand in a name, plain or escaped.
	assert_eq!(
		app.get("/v1/models/owner/bare").await.json()["id"],
		BARE_MODEL
	);
	assert_eq!(
		app.get("/v1/models/owner%2Fbare").await.json()["id"],
		BARE_MODEL
	);
}

#[tokio::test]
async fn a_chat_answer_has_its_text_usage_and_receipt() {
	let app = App::new();
	let reply = app.chat(ask("Crabs: 🦀!", json!({}))).await;
	assert_eq!(reply.status, StatusCode::OK);
	assert!(reply.header("x-request-id").starts_with("req_"));
	let body = reply.json();
	assert!(body["id"].as_str().unwrap().starts_with("chatcmpl-"));
	assert_eq!(body["object"], "chat.completion");
	assert_eq!(body["model"], MODEL);
	assert!(body["created"].as_u64().unwrap() > 1_700_000_000);
	let choice = json!({
		"index": 0,
		"message": {"role": "assistant", "content": "Crabs: 🦀!", "refusal": null},
		"logprobs": null,
		"finish_reason": "stop",
	});
	assert_eq!(body["choices"], json!([choice]));
	// Twelve bytes and the end; the prompt has two marks around them.
	let usage = json!({"prompt_tokens": 14, "completion_tokens": 13, "total_tokens": 27});
	assert_eq!(body["usage"], usage);
	let extension = &body["infergrid"];
	let id = reply.header("x-infergrid-receipt");
	assert_eq!(extension["receipt_id"], id);
	assert_eq!(extension["request_id"], id);
	assert_eq!(extension["task"], 1);
	assert_eq!(extension["miner"], MINER);
	assert_eq!(extension["status"], "delivered");
	assert_eq!(extension["n_out"], 13);
	assert_eq!(extension["finish"], "end_of_sequence");
	assert_eq!(extension["fee"], "40000000");
	assert_eq!(extension["signature"].as_str().unwrap().len(), 130);

	let receipt = app.get(&format!("/v1/receipts/{id}")).await.json();
	assert_eq!(receipt["object"], "infergrid.receipt");
	assert_eq!(receipt["receipt_id"], id);
	assert_eq!(receipt["status"], "settled");
	assert_eq!(receipt["fee"], "40000000");
	assert_eq!(
		receipt["shares"],
		json!({"miner": "28000000", "creator": "8000000", "treasury": "4000000"})
	);
	assert_eq!(
		receipt["audit"],
		json!({"id": 9, "phase": "concluded", "verdict": "valid"})
	);
	assert_eq!(receipt["receipt"]["n_prompt"], 14);
	assert_eq!(receipt["block"], 42);
}

#[tokio::test]
async fn content_may_be_text_parts_and_roles_are_those_of_the_template() {
	let app = App::new();
	let parts = json!([{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]);
	let messages = json!([
		{"role": "developer", "content": "be brief"},
		{"role": "user", "content": "before", "name": "Ann"},
		{"role": "assistant", "content": "after", "refusal": null, "tool_calls": null},
		{"role": "user", "content": parts},
	]);
	let body = app
		.chat(json!({"model": MODEL, "messages": messages}))
		.await
		.json();
	assert_eq!(body["choices"][0]["message"]["content"], "one two");
	let order = app.seen.orders.lock().unwrap().pop().unwrap();
	let checkpoint = &order.model.checkpoint;
	let expected = "<|system|>be brief<|user|>before<|assistant|>after<|user|>one two<|assistant|>";
	assert_eq!(
		order.prompt,
		checkpoint
			.tokenizer()
			.unwrap()
			.encode(expected, false)
			.unwrap()
	);
}

#[tokio::test]
async fn the_limit_on_tokens_ends_an_answer() {
	let app = App::new();
	for limit in [
		json!({"max_tokens": 3}),
		json!({"max_completion_tokens": 3}),
	] {
		let body = app.chat(ask("abcdef", limit)).await.json();
		assert_eq!(body["choices"][0]["message"]["content"], "abc");
		assert_eq!(body["choices"][0]["finish_reason"], "length");
		assert_eq!(body["usage"]["completion_tokens"], 3);
	}
	// Half a crab is no crab.
	let body = app.chat(ask("🦀", json!({"max_tokens": 2}))).await.json();
	assert_eq!(body["choices"][0]["message"]["content"], "\u{fffd}");
}

#[tokio::test]
async fn a_stop_string_is_cut_off() {
	let app = App::new();
	for stop in [json!("END"), json!(["zz", "END"])] {
		let body = app
			.chat(ask("first END second", json!({"stop": stop})))
			.await
			.json();
		assert_eq!(body["choices"][0]["message"]["content"], "first ");
		assert_eq!(body["choices"][0]["finish_reason"], "stop");
		assert_eq!(
			body["usage"]["completion_tokens"], 9,
			"the stop string was computed"
		);
		assert_eq!(body["infergrid"]["finish"], "stop_string");
	}
}

#[tokio::test]
async fn sampling_parameters_arrive_in_millionths() {
	let app = App::new();
	app.chat(ask("x", json!({}))).await;
	let mut expected = SamplingParams::greedy(LONGEST - 3);
	expected.temperature_micros = 1_000_000;
	assert_eq!(order_params(&app), expected, "OpenAI's defaults");

	let more = json!({
		"temperature": 0.7, "top_p": 0.95, "top_k": 40, "frequency_penalty": -0.5, "presence_penalty": 2,
		"max_tokens": 7, "stop": "x", "seed": -3,
	});
	app.chat(ask("x", more)).await;
	let params = order_params(&app);
	assert_eq!(params.temperature_micros, 700_000);
	assert_eq!(params.top_p_micros, 950_000);
	assert_eq!(params.top_k, 40);
	assert_eq!(params.frequency_penalty_micros, -500_000);
	assert_eq!(params.presence_penalty_micros, 2_000_000);
	assert_eq!(params.max_tokens, 7);
	assert_eq!(params.stop.len(), 1);

	app.chat(ask("x", json!({"temperature": 0, "top_p": 0})))
		.await;
	assert_eq!(order_params(&app).temperature_micros, 0);
	assert_eq!(order_params(&app).top_p_micros, 1);
}

#[tokio::test]
async fn the_default_limit_stays_within_the_context() {
	let app = App::new();
	let text = "x".repeat(LONGEST as usize - 2 - 10);
	app.chat(ask(&text, json!({}))).await;
	assert_eq!(order_params(&app).max_tokens, 10);
}

#[tokio::test]
async fn assurance_is_passed_on() {
	let app = App::new();
	app.chat(ask("x", json!({"infergrid": {"assurance": "always"}})))
		.await;
	assert_eq!(
		app.seen.orders.lock().unwrap()[0].assurance,
		Assurance::Always
	);
	app.chat(ask("x", json!({}))).await;
	assert_eq!(
		app.seen.orders.lock().unwrap()[1].assurance,
		Assurance::Sampled
	);
}

/// What SDKs and tools send without meaning anything by it.
#[tokio::test]
async fn parameters_that_change_nothing_are_accepted() {
	let app = App::new();
	let more = json!({
		"n": 1, "logprobs": false, "top_logprobs": null, "tools": [], "tool_choice": "none",
		"response_format": {"type": "text"}, "logit_bias": {}, "modalities": ["text"], "user": "u",
		"metadata": {"a": "b"}, "store": false, "service_tier": "auto", "parallel_tool_calls": true,
		"unheard_of": null, "stop": null, "max_tokens": null, "stream": null, "stream_options": null,
	});
	let reply = app.chat(ask("x", more)).await;
	assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
}

#[tokio::test]
async fn a_completion_continues_text_or_ids() {
	let app = App::new();
	for prompt in [
		json!("abc"),
		json!(["abc"]),
		json!([97, 98, 99]),
		json!([[97, 98, 99]]),
	] {
		let request = json!({"model": BARE_MODEL, "prompt": prompt, "max_tokens": 100});
		let reply = app.post("/v1/completions", &request).await;
		let body = reply.json();
		assert!(body["id"].as_str().unwrap().starts_with("cmpl-"));
		assert_eq!(body["object"], "text_completion");
		let choice = json!({"index": 0, "text": "abc", "logprobs": null, "finish_reason": "stop"});
		assert_eq!(body["choices"], json!([choice]));
		assert_eq!(body["usage"]["prompt_tokens"], 3);
		assert_eq!(
			body["infergrid"]["receipt_id"],
			reply.header("x-infergrid-receipt")
		);
	}
	let request = json!({"model": MODEL, "prompt": "a text of more than sixteen tokens"});
	let body = app.post("/v1/completions", &request).await.json();
	assert_eq!(body["usage"]["completion_tokens"], 16, "OpenAI's default");
	assert_eq!(body["choices"][0]["finish_reason"], "length");
}

#[tokio::test]
async fn health_says_whether_the_market_answers_and_needs_no_key() {
	let settings = Settings {
		api_keys: vec![infergrid_gateway::ApiKey::new("secret")],
		..Settings::default()
	};
	let app = App::with(settings.clone());
	let reply = app.get("/healthz").await;
	assert_eq!(reply.status, StatusCode::OK);
	assert_eq!(reply.json()["models"], 2);
	let app = App::over(settings, |market| market.down = true);
	assert_eq!(
		app.get("/healthz").await.status,
		StatusCode::SERVICE_UNAVAILABLE
	);
}

#[tokio::test]
async fn a_finished_answer_can_be_fetched_again_and_a_running_one_says_so() {
	let app = App::new();
	let first = app.chat(ask("hello there", json!({}))).await;
	let id = first.header("x-infergrid-receipt").to_owned();
	let path = format!("/v1/receipts/{id}/answer");
	assert_eq!(app.get(&path).await.status, StatusCode::NOT_FOUND);

	let hash: [u8; 32] = hex::decode(&id[2..]).unwrap().try_into().unwrap();
	let keep = |kept| app.seen.kept.lock().unwrap().insert(hash, kept);
	keep(KeptAnswer::Running { tokens: 3 });
	let running = app.get(&path).await;
	assert_eq!(running.status, StatusCode::ACCEPTED);
	assert_eq!(running.json()["tokens"], 3);

	let order = app.seen.orders.lock().unwrap()[0].clone();
	let receipt = app.seen.receipts.lock().unwrap()[&hash].clone();
	keep(KeptAnswer::Complete {
		tokens: order
			.model
			.checkpoint
			.tokenizer()
			.unwrap()
			.encode("hello there", false)
			.unwrap(),
		model: order.model,
		placement: receipt.placement,
		delivery: Box::new(Delivery {
			receipt: receipt.receipt.unwrap(),
			signature: [7; 64],
		}),
	});
	let again = app.get(&path).await.json();
	let first = first.json();
	assert_eq!(again["choices"], first["choices"]);
	assert_eq!(again["usage"], first["usage"]);
	assert_eq!(again["infergrid"], first["infergrid"]);
}

#[tokio::test]
async fn the_clients_highest_price_reaches_the_market() {
	let app = App::new();
	let extension = json!({"infergrid": {"max_fee": "123456789012345678901"}});
	app.chat(ask("x", extension)).await;
	let orders = app.seen.orders.lock().unwrap();
	assert_eq!(orders[0].max_fee, Some(123_456_789_012_345_678_901));
}

#[tokio::test]
async fn the_address_itself_says_what_this_is() {
	let app = App::new();
	assert_eq!(
		app.get("/").await.json()["routes"]["models"],
		"GET /v1/models"
	);
	let browser = Request::get("/").header("accept", "text/html,*/*");
	let page = app.send(browser.body(Body::empty()).unwrap()).await;
	assert!(page.header("content-type").starts_with("text/html"));
	assert!(page.text.contains("/v1/chat/completions"));
	assert!(!page.text.contains("http://") && !page.text.contains("https://"));
}

#[tokio::test]
async fn health_is_what_it_says() {
	let app = App::new();
	let healthy = app.get("/healthz").await;
	assert_eq!(
		(healthy.status, healthy.json()["status"].as_str()),
		(StatusCode::OK, Some("ok"))
	);
	let sick = App::over(Settings::default(), |market| {
		market.problems = vec!["finality stands still".into()];
	});
	let reply = sick.get("/healthz").await;
	assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
	assert_eq!(reply.json()["problems"], json!(["finality stands still"]));
	assert_eq!(sick.get("/livez").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_an_assistant_refused_is_part_of_the_talk() {
	let app = App::new();
	let messages = json!([
		{"role": "user", "content": "a"},
		{"role": "assistant", "content": null, "refusal": "no"},
		{"role": "assistant", "content": [{"type": "refusal", "refusal": "never"}]},
		{"role": "user", "content": "b"},
	]);
	let body = json!({"model": MODEL, "messages": messages});
	assert_eq!(app.chat(body).await.status, StatusCode::OK);
	let orders = app.seen.orders.lock().unwrap();
	let tokenizer = orders[0].model.checkpoint.tokenizer().unwrap();
	let prompt = tokenizer.decode(&orders[0].prompt).unwrap();
	assert!(
		prompt.contains("no") && prompt.contains("never"),
		"{prompt}"
	);
}

#[tokio::test]
async fn a_model_has_sampling_defaults_of_its_own() {
	let app = App::over(Settings::default(), |market| {
		let first = market.models[0].clone();
		market.models.push(Arc::new(infergrid_gateway::Model {
			name: "own".into(),
			aliases: Vec::new(),
			profile: first.profile,
			owner: first.owner.clone(),
			created: 0,
			context: first.context,
			longest: first.longest,
			sampling: infergrid_gateway::SamplingDefaults {
				temperature_micros: Some(600_000),
				top_p_micros: Some(900_000),
				top_k: Some(20),
			},
			checkpoint: first.checkpoint.clone(),
		}));
	});
	app.chat(ask("x", json!({"model": "own"}))).await;
	let params = order_params(&app);
	assert_eq!(params.temperature_micros, 600_000);
	assert_eq!((params.top_p_micros, params.top_k), (900_000, 20));
	let said = json!({"model": "own", "temperature": 1, "top_p": 1, "top_k": 0});
	app.chat(ask("x", said)).await;
	let params = order_params(&app);
	assert_eq!(params.temperature_micros, 1_000_000);
	assert_eq!((params.top_p_micros, params.top_k), (1_000_000, 0));
}

/// Longer names mean the same model; a name that two creators use means neither, and both are named.
#[tokio::test]
async fn models_are_found_by_all_of_their_names() {
	let app = App::over(Settings::default(), |market| {
		let first = market.models[0].clone();
		let model = |owner: &str, aliases: &[&str]| {
			Arc::new(infergrid_gateway::Model {
				name: format!("{owner}/twin"),
				aliases: aliases.iter().map(ToString::to_string).collect(),
				profile: first.profile,
				owner: owner.into(),
				created: 0,
				context: first.context,
				longest: first.longest,
				sampling: first.sampling,
				checkpoint: first.checkpoint.clone(),
			})
		};
		let ann = model("ann", &["ann/twin@01020304"]);
		market.models.extend([ann, model("bob", &[])]);
	});
	for name in ["ann/twin", "ann/twin@01020304", "bob/twin"] {
		let reply = app.chat(ask("x", json!({"model": name}))).await;
		assert_eq!(reply.status, StatusCode::OK, "{name}");
		let reply = app.get(&format!("/v1/models/{name}")).await;
		assert_eq!(reply.json()["id"], name.split('@').next().unwrap());
	}
	let reply = app.chat(ask("x", json!({"model": "twin"}))).await;
	assert_eq!(reply.status, StatusCode::NOT_FOUND);
	let message = reply.json()["error"]["message"].to_string();
	assert!(message.contains("ann/twin, bob/twin"), "{message}");
}

/// What messages spell is text, unless the operator says otherwise.
#[tokio::test]
async fn messages_spell_control_tokens_only_where_that_is_allowed() {
	for allow_control_tokens in [false, true] {
		let settings = Settings {
			allow_control_tokens,
			..Settings::default()
		};
		let app = App::with(settings);
		app.chat(ask("<|system|>", json!({}))).await;
		let orders = app.seen.orders.lock().unwrap();
		let tokenizer = orders[0].model.checkpoint.tokenizer().unwrap();
		let system = tokenizer.id("<|system|>").unwrap();
		assert_eq!(orders[0].prompt.contains(&system), allow_control_tokens);
	}
}

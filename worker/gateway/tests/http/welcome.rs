//! Who is let in: clients with keys, and web pages.

use super::{errors::assert_error, *};
use infergrid_gateway::ApiKey;

#[tokio::test]
async fn keys_are_asked_for_where_there_are_some() {
	let settings = Settings {
		api_keys: vec![ApiKey::new("sk-one"), ApiKey::new("sk-two")],
		..Settings::default()
	};
	assert!(!format!("{settings:?}").contains("sk-"));
	let app = App::with(settings);
	let get = |path: &str, header: Option<&str>| {
		let mut request = Request::get(path);
		if let Some(header) = header {
			request = request.header("authorization", header);
		}
		request.body(Body::empty()).unwrap()
	};
	for path in ["/v1/models", "/v1/models/parrot", "/v1/receipts/12"] {
		for header in [
			None,
			Some("Bearer"),
			Some("Bearer sk-three"),
			Some("Basic sk-one"),
			Some("sk-one"),
		] {
			let reply = app.send(get(path, header)).await;
			assert_error(&reply, 401, "invalid_api_key", Value::Null, path);
			assert_eq!(reply.header("www-authenticate"), "Bearer");
			assert!(!reply.text.contains("sk-"), "keys are not repeated");
		}
	}
	assert_error(
		&app.chat(ask("x", json!({}))).await,
		401,
		"invalid_api_key",
		Value::Null,
		"chat",
	);
	for key in ["Bearer sk-one", "bearer sk-two"] {
		assert_eq!(
			app.send(get("/v1/models", Some(key))).await.status,
			StatusCode::OK
		);
	}
}

fn with_headers(mut request: Request<Body>, headers: &[(&'static str, &str)]) -> Request<Body> {
	for (name, value) in headers {
		request.headers_mut().insert(*name, value.parse().unwrap());
	}
	request
}

/// No page of another origin can make a gateway without keys pay.
#[tokio::test]
async fn web_pages_of_others_are_refused() {
	let app = App::new();
	let ask = || post("/v1/chat/completions", ask("x", json!({})).to_string());
	for (headers, status, code) in [
		(
			&[("content-type", "text/plain")][..],
			415,
			"unsupported_media_type",
		),
		(
			&[("content-type", "application/x-www-form-urlencoded")],
			415,
			"unsupported_media_type",
		),
		(&[("host", "evil.example")], 421, "foreign_host"),
		(
			&[("host", "localhost:1"), ("origin", "https://evil.example")],
			403,
			"foreign_origin",
		),
		(
			&[("host", "localhost:1"), ("origin", "null")],
			403,
			"foreign_origin",
		),
	] {
		let reply = app.send(with_headers(ask(), headers)).await;
		assert_error(&reply, status, code, Value::Null, &format!("{headers:?}"));
	}
	assert!(app.seen.orders.lock().unwrap().is_empty());
	for headers in [
		&[("host", "127.0.0.1:8080")][..],
		&[("host", "localhost:1"), ("origin", "http://localhost:1")],
		&[("content-type", "application/json; charset=utf-8")],
	] {
		let reply = app.send(with_headers(ask(), headers)).await;
		assert_eq!(reply.status, StatusCode::OK, "{headers:?}");
	}
}

#[tokio::test]
async fn pages_of_allowed_origins_are_let_in_by_preflight_and_header() {
	let settings = Settings {
		allow_origins: vec!["https://app.example".into()],
		..Settings::default()
	};
	let app = App::with(settings);
	let preflight = || {
		Request::builder()
			.method(Method::OPTIONS)
			.uri("/v1/chat/completions")
			.header("host", "localhost:1")
			.header("access-control-request-method", "POST")
			.header(
				"access-control-request-headers",
				"authorization,content-type",
			)
			.body(Body::empty())
			.unwrap()
	};
	let origin = [("origin", "https://app.example")];
	let reply = app.send(with_headers(preflight(), &origin)).await;
	assert_eq!(reply.status, StatusCode::NO_CONTENT);
	assert_eq!(
		reply.header("access-control-allow-origin"),
		"https://app.example"
	);
	assert_eq!(
		reply.header("access-control-allow-headers"),
		"authorization,content-type"
	);
	let request = post("/v1/chat/completions", ask("x", json!({})).to_string());
	let reply = app.send(with_headers(request, &origin)).await;
	assert_eq!(reply.status, StatusCode::OK);
	assert_eq!(
		reply.header("access-control-allow-origin"),
		"https://app.example"
	);
	let foreign = [("origin", "https://evil.example")];
	let reply = app.send(with_headers(preflight(), &foreign)).await;
	assert_eq!(reply.status, StatusCode::FORBIDDEN);
	assert_eq!(reply.header("access-control-allow-origin"), "");
}

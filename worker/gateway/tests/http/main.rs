//! The whole router in process, without a socket.

#![allow(clippy::too_many_lines, reason = "refusals are tables")]
#![allow(
	clippy::disallowed_methods,
	clippy::expect_used,
	clippy::unwrap_used,
	reason = "tests are not bound by what binds the libraries"
)]

mod again;
mod answers;
mod errors;
mod fake;
mod prompts;
mod socket;
mod streams;
mod welcome;

use axum::{
	Router,
	body::Body,
	http::{HeaderMap, Method, Request, StatusCode},
};
use fake::{FakeMarket, LONGEST, MODEL, Seen};
use futures::StreamExt;
use infergrid_gateway::{Settings, router};
use serde_json::{Value, json};
use std::{
	sync::{Arc, atomic::Ordering},
	time::Duration,
};
use tower::ServiceExt;

struct App {
	router: Router,
	seen: Arc<Seen>,
	_directory: tempfile::TempDir,
}

struct Reply {
	status: StatusCode,
	headers: HeaderMap,
	text: String,
}

impl App {
	fn new() -> Self {
		Self::with(Settings::default())
	}

	fn with(settings: Settings) -> Self {
		Self::over(settings, |_| {})
	}

	fn over(settings: Settings, change: impl FnOnce(&mut FakeMarket)) -> Self {
		let directory = tempfile::tempdir().unwrap();
		let mut market = FakeMarket::new(directory.path());
		change(&mut market);
		let seen = market.seen.clone();
		Self {
			router: router(settings, Arc::new(market)),
			seen,
			_directory: directory,
		}
	}

	async fn response(&self, request: Request<Body>) -> axum::response::Response {
		self.router.clone().oneshot(request).await.unwrap()
	}

	async fn send(&self, request: Request<Body>) -> Reply {
		let response = self.response(request).await;
		let (parts, body) = response.into_parts();
		let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
		Reply {
			status: parts.status,
			headers: parts.headers,
			text: String::from_utf8(bytes.to_vec()).unwrap(),
		}
	}

	async fn get(&self, path: &str) -> Reply {
		self.send(Request::get(path).body(Body::empty()).unwrap())
			.await
	}

	async fn post(&self, path: &str, body: &Value) -> Reply {
		self.send(post(path, body.to_string())).await
	}

	/// Continuations of `prompts`; `more` overrides and adds fields.
	async fn complete(&self, prompts: Value, more: Value) -> Reply {
		self.post("/v1/completions", &complete(prompts, more)).await
	}

	async fn chat(&self, body: Value) -> Reply {
		self.post("/v1/chat/completions", &body).await
	}

	/// Waits until no order is in progress.
	async fn idle(&self) {
		let wait = async {
			while self.seen.running.load(Ordering::SeqCst) > 0 {
				tokio::time::sleep(Duration::from_millis(5)).await;
			}
		};
		tokio::time::timeout(Duration::from_secs(5), wait)
			.await
			.expect("an order goes on");
	}
}

impl Reply {
	fn json(&self) -> Value {
		serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
	}

	fn header(&self, name: &str) -> &str {
		self.headers
			.get(name)
			.map_or("", |value| value.to_str().unwrap())
	}

	/// The data of the server-sent events.
	fn events(&self) -> Vec<String> {
		assert_eq!(self.header("content-type"), "text/event-stream");
		let data = |event: &str| {
			let lines: Vec<_> = event
				.lines()
				.filter(|line| !line.starts_with(':'))
				.collect();
			lines.join("\n").strip_prefix("data: ").unwrap().to_owned()
		};
		self.text.split_terminator("\n\n").map(data).collect()
	}

	fn chunks(&self) -> Vec<Value> {
		let mut events = self.events();
		assert_eq!(events.pop().as_deref(), Some("[DONE]"));
		events
			.iter()
			.map(|event| serde_json::from_str(event).unwrap())
			.collect()
	}
}

fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
	Request::builder()
		.method(Method::POST)
		.uri(path)
		.header("content-type", "application/json")
		.body(body.into())
		.unwrap()
}

/// A chat request with one message; `more` overrides and adds fields.
fn ask(text: &str, more: Value) -> Value {
	let body = json!({"model": MODEL, "messages": [{"role": "user", "content": text}]});
	with(body, more)
}

/// A completion request with room for long answers; `more` overrides and adds fields.
fn complete(prompts: Value, more: Value) -> Value {
	let body = json!({"model": MODEL, "prompt": prompts, "max_tokens": 100});
	with(body, more)
}

fn with(mut body: Value, more: Value) -> Value {
	if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
		body.extend(more);
	}
	body
}

/// The next event of a stream that goes on.
async fn next_event(body: &mut axum::body::BodyDataStream) -> Option<String> {
	let part = tokio::time::timeout(Duration::from_secs(5), body.next())
		.await
		.unwrap()?;
	Some(String::from_utf8(part.unwrap().to_vec()).unwrap())
}

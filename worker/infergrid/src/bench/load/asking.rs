//! One client of many.

use crate::{failure::Failure, openai::Events};
use anyhow::{Context, anyhow};
use reqwest::{RequestBuilder, Response};
use serde::Serialize;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A gateway says something every few seconds while it works.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(120);

/// What a client lived through.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Outcome {
	pub(super) client: u32,
	/// Until the end, good or bad.
	pub(super) seconds: f64,
	pub(super) served: Option<Served>,
	pub(super) refused: Option<Refused>,
}

/// A whole answer.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Served {
	pub(super) first_token_seconds: f64,
	pub(super) tokens: u32,
}

/// Why there is none.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Refused {
	/// The HTTP status; 0 if the connection failed.
	pub(super) status: u16,
	pub(super) code: String,
	pub(super) message: String,
	/// In seconds.
	pub(super) retry_after: Option<u64>,
}

impl Outcome {
	/// The same for all that were told the same.
	pub(super) fn told(&self) -> String {
		let Some(refused) = &self.refused else {
			return "answered".into();
		};
		let again = refused
			.retry_after
			.map(|seconds| format!(", retry after {seconds} s"));
		let (status, code) = (refused.status, &refused.code);
		format!("{status} {code}{}", again.unwrap_or_default())
	}
}

/// What all clients share.
#[derive(Clone, Debug)]
pub(super) struct Client {
	http: reqwest::Client,
	gateway: String,
	key: Option<String>,
}

impl Client {
	/// Clients of `gateway`, which show it `key`.
	pub(super) fn new(gateway: &str, key: Option<String>) -> Result<Self, Failure> {
		let http = reqwest::Client::builder()
			.connect_timeout(CONNECT_TIMEOUT)
			.read_timeout(SILENCE_TIMEOUT)
			.no_proxy()
			.build()
			.map_err(Failure::internal)?;
		Ok(Self {
			http,
			gateway: gateway.to_owned(),
			key,
		})
	}

	/// The first model that the gateway has.
	pub(super) async fn model(&self) -> Result<String, Failure> {
		let request = self.http.get(format!("{}/v1/models", self.gateway));
		let response = self.keyed(request).send().await;
		let list: Value = async { response?.error_for_status()?.json().await }
			.await
			.with_context(|| format!("cannot ask the gateway at {}", self.gateway))
			.map_err(Failure::outside)?;
		let first = list["data"][0]["id"].as_str();
		let first = first.ok_or_else(|| Failure::outside(anyhow!("the gateway has no model")))?;
		Ok(first.to_owned())
	}

	/// Asks for `tokens` tokens as client `number`.
	pub(super) async fn ask(&self, model: &str, number: u32, tokens: u32) -> Outcome {
		let started = Instant::now();
		let result = self.try_ask(model, number, tokens, started).await;
		let (served, refused) = match result {
			Ok(served) => (Some(served), None),
			Err(refused) => (None, Some(refused)),
		};
		Outcome {
			client: number,
			seconds: started.elapsed().as_secs_f64(),
			served,
			refused,
		}
	}

	async fn try_ask(
		&self,
		model: &str,
		number: u32,
		tokens: u32,
		started: Instant,
	) -> Result<Served, Refused> {
		let question = format!("Count from {number} upwards, and never stop.");
		let body = json!({
			"model": model,
			"messages": [{"role": "user", "content": question}],
			"max_tokens": tokens,
			"stream": true,
			"stream_options": {"include_usage": true},
		});
		let request = self
			.http
			.post(format!("{}/v1/chat/completions", self.gateway));
		let sent = self.keyed(request).json(&body).send().await;
		let response = sent.map_err(|error| broken(0, &error))?;
		if !response.status().is_success() {
			return Err(refusal(response).await);
		}
		let status = response.status().as_u16();
		let (mut first, mut written) = (None, None);
		let mut events = Events::of(response);
		let failed = |failure| broken(status, &failure);
		while let Some(event) = events.next().await.map_err(failed)? {
			if !event["error"].is_null() {
				return Err(error_of(&event, status, None));
			}
			let text = event["choices"][0]["delta"]["content"].as_str();
			if text.is_some_and(|text| !text.is_empty()) {
				first.get_or_insert_with(|| started.elapsed());
			}
			let usage = event["usage"]["completion_tokens"].as_u64();
			written = usage.and_then(|tokens| tokens.try_into().ok()).or(written);
		}
		Ok(Served {
			first_token_seconds: first.unwrap_or(started.elapsed()).as_secs_f64(),
			tokens: written.unwrap_or_default(),
		})
	}

	fn keyed(&self, request: RequestBuilder) -> RequestBuilder {
		match &self.key {
			Some(key) => request.bearer_auth(key),
			None => request,
		}
	}
}

async fn refusal(response: Response) -> Refused {
	let status = response.status().as_u16();
	let retry_after = response.headers().get("retry-after");
	let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
	let body: Value = response.json().await.unwrap_or_default();
	error_of(&body, status, retry_after)
}

fn error_of(body: &Value, status: u16, retry_after: Option<u64>) -> Refused {
	let text = |name: &str| body["error"][name].as_str().map(str::to_owned);
	Refused {
		status,
		code: text("code")
			.or(text("type"))
			.unwrap_or_else(|| "no code".into()),
		message: text("message").unwrap_or_default(),
		retry_after,
	}
}

fn broken(status: u16, error: &impl ToString) -> Refused {
	Refused {
		status,
		code: "broken off".into(),
		message: error.to_string(),
		retry_after: None,
	}
}

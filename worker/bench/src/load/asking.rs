//! One client of many.

use crate::BenchError;
use infergrid_client::{ClientError, Events};
use infergrid_keys::Secret;
use reqwest::{RequestBuilder, Response};
use serde::Serialize;
use serde_json::{Value, json};
use std::{
	error::Error,
	iter,
	time::{Duration, Instant},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A gateway says something every few seconds while it works.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(120);

/// What a client lived through.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
	/// Its number.
	pub client: u32,
	/// Until the end, good or bad.
	pub seconds: f64,
	/// The answer, if there is one.
	pub served: Option<Served>,
	/// Why there is none.
	pub refused: Option<Refused>,
}

/// A whole answer.
#[derive(Clone, Debug, Serialize)]
pub struct Served {
	/// Until its first token.
	pub first_token_seconds: f64,
	/// Until its last token.
	pub last_token_seconds: f64,
	/// Its length.
	pub tokens: u32,
}

/// Why there is none.
#[derive(Clone, Debug, Serialize)]
pub struct Refused {
	/// The HTTP status; 0 if the connection failed.
	pub status: u16,
	/// The gateway's word for it, or that the answer broke off.
	pub code: String,
	/// What the gateway says, or the system.
	pub message: String,
	/// In seconds.
	pub retry_after: Option<u64>,
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
	key: Option<Secret>,
}

impl Client {
	/// Clients of `gateway`, which show it `key`.
	pub(super) fn new(gateway: &str, key: Option<Secret>) -> Result<Self, BenchError> {
		let http = reqwest::Client::builder()
			.connect_timeout(CONNECT_TIMEOUT)
			.read_timeout(SILENCE_TIMEOUT)
			.no_proxy()
			.build()
			.map_err(ClientError::Start)?;
		Ok(Self {
			http,
			gateway: gateway.to_owned(),
			key,
		})
	}

	/// The first model that the gateway has.
	pub(super) async fn model(&self) -> Result<String, BenchError> {
		let request = self.http.get(format!("{}/v1/models", self.gateway));
		let response = self.keyed(request).send().await;
		let list: Value = async { response?.error_for_status()?.json().await }
			.await
			.map_err(|source| BenchError::Models {
				url: self.gateway.clone(),
				source,
			})?;
		let first = list["data"][0]["id"].as_str();
		Ok(first.ok_or(BenchError::NoModel)?.to_owned())
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
		// Asks for a long answer, and for another one than the others do.
		let question = format!(
			"Write a very long story of a lighthouse keeper and {number} ships, in twenty chapters, with every detail."
		);
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
		let response = sent.map_err(|error| broken(0, error.to_string()))?;
		if !response.status().is_success() {
			return Err(refusal(response).await);
		}
		let status = response.status().as_u16();
		let (mut first, mut last, mut written) = (None, None, None);
		let mut events = Events::of(response);
		let failed = |error: ClientError| broken(status, with_causes(&error));
		while let Some(event) = events.next().await.map_err(failed)? {
			if !event["error"].is_null() {
				return Err(error_of(&event, status, None));
			}
			let text = event["choices"][0]["delta"]["content"].as_str();
			if text.is_some_and(|text| !text.is_empty()) {
				first.get_or_insert_with(|| started.elapsed());
				last = Some(started.elapsed());
			}
			let usage = event["usage"]["completion_tokens"].as_u64();
			written = usage.and_then(|tokens| tokens.try_into().ok()).or(written);
		}
		let end = started.elapsed();
		Ok(Served {
			first_token_seconds: first.unwrap_or(end).as_secs_f64(),
			last_token_seconds: last.unwrap_or(end).as_secs_f64(),
			tokens: written.unwrap_or_default(),
		})
	}

	fn keyed(&self, request: RequestBuilder) -> RequestBuilder {
		match &self.key {
			Some(key) => request.bearer_auth(key.expose()),
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

fn with_causes(error: &(dyn Error + 'static)) -> String {
	let chain = iter::successors(Some(error), |&error| error.source());
	let told: Vec<_> = chain.map(ToString::to_string).collect();
	told.join(": ")
}

fn broken(status: u16, message: String) -> Refused {
	Refused {
		status,
		code: "broken off".into(),
		message,
		retry_after: None,
	}
}

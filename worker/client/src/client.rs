//! A gateway, and what is asked of it.

use crate::{ClientError, Events};
use infergrid_keys::Secret;
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A miner is found, the prompt is sent and the answer begins in about 20 s; the gateway gives up
/// and says so before this.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(300);

/// A gateway.
#[derive(Clone, Debug)]
pub struct Client {
	http: reqwest::Client,
	url: String,
	key: Option<Secret>,
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Turn {
	/// `system`, `user` or `assistant`.
	pub role: &'static str,
	/// What is said.
	pub content: String,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question<'a> {
	/// The model's name.
	pub model: &'a str,
	/// The conversation so far.
	pub turns: &'a [Turn],
	/// Tokens of the answer at most.
	pub max_tokens: Option<u32>,
	/// 0 for the likeliest answer.
	pub temperature: Option<f32>,
}

/// A complete answer.
#[derive(Clone, Debug)]
pub struct Answered {
	/// All of the text.
	pub text: String,
	/// The extension field with the receipt.
	pub receipt: Value,
}

impl Client {
	/// A client of the gateway at `url`, with or without a trailing `/v1`.
	pub fn new(url: &str, key: Option<Secret>) -> Result<Self, ClientError> {
		let http = reqwest::Client::builder()
			.connect_timeout(CONNECT_TIMEOUT)
			.read_timeout(SILENCE_TIMEOUT)
			.no_proxy()
			.build()
			.map_err(ClientError::Start)?;
		let url = url.trim_end_matches('/').trim_end_matches("/v1").to_owned();
		Ok(Self { http, url, key })
	}

	/// The names of the models that can be asked.
	pub async fn models(&self) -> Result<Vec<String>, ClientError> {
		let list = self.get("/v1/models").await?;
		let names = list["data"].as_array().into_iter().flatten();
		Ok(names
			.filter_map(|model| model["id"].as_str().map(str::to_owned))
			.collect())
	}

	/// Asks, and gives the answer's text to `on_text` as it comes.
	pub async fn ask(
		&self,
		question: &Question<'_>,
		mut on_text: impl FnMut(&str),
	) -> Result<Answered, ClientError> {
		let mut body = json!({
			"model": question.model,
			"messages": question.turns,
			"stream": true,
		});
		if let Some(max_tokens) = question.max_tokens {
			body["max_tokens"] = json!(max_tokens);
		}
		if let Some(temperature) = question.temperature {
			body["temperature"] = json!(temperature);
		}
		let request = self
			.http
			.post(format!("{}/v1/chat/completions", self.url))
			.json(&body);
		let response = self.send(request).await?;
		let mut events = Events::of(response);
		let mut text = String::new();
		let mut receipt = Value::Null;
		while let Some(event) = events.next().await? {
			if !event["error"].is_null() {
				return Err(ClientError::Failed {
					message: reason(&event),
				});
			}
			// The first event only names the assistant's role.
			if let Some(more) = event["choices"][0]["delta"]["content"].as_str()
				&& !more.is_empty()
			{
				on_text(more);
				text.push_str(more);
			}
			if !event["infergrid"].is_null() {
				receipt = event["infergrid"].clone();
			}
		}
		Ok(Answered { text, receipt })
	}

	async fn get(&self, path: &str) -> Result<Value, ClientError> {
		let request = self
			.http
			.get(format!("{}{path}", self.url))
			.timeout(SILENCE_TIMEOUT);
		let response = self.send(request).await?;
		response.json().await.map_err(ClientError::NoJson)
	}

	async fn send(
		&self,
		mut request: reqwest::RequestBuilder,
	) -> Result<reqwest::Response, ClientError> {
		if let Some(key) = &self.key {
			request = request.bearer_auth(key.expose());
		}
		let response = request
			.send()
			.await
			.map_err(|source| ClientError::Unreachable {
				url: self.url.clone(),
				source,
			})?;
		if response.status().is_success() {
			return Ok(response);
		}
		let status = response.status();
		let body: Value = response.json().await.unwrap_or_default();
		Err(ClientError::Refused {
			status,
			message: reason(&body),
		})
	}
}

fn reason(body: &Value) -> String {
	let message = body["error"]["message"].as_str();
	message.unwrap_or("no reason given").to_owned()
}

//! A client of the OpenAI API, as far as this program needs one.

use crate::failure::Failure;
use anyhow::{Context, anyhow};
use serde::Serialize;
use serde_json::{Value, json};
use std::{collections::VecDeque, time::Duration};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A miner is found, the prompt is sent and the answer begins in about 20 s; the gateway gives up
/// and says so before this.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(300);
/// A line of an event stream is a few hundred bytes; the last one holds the receipt.
const LONGEST_LINE: usize = 1 << 20;

/// A gateway.
#[derive(Clone, Debug)]
pub(crate) struct Client {
	http: reqwest::Client,
	url: String,
	key: Option<String>,
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Turn {
	pub(crate) role: &'static str,
	pub(crate) content: String,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Question<'a> {
	pub(crate) model: &'a str,
	pub(crate) turns: &'a [Turn],
	pub(crate) max_tokens: Option<u32>,
	pub(crate) temperature: Option<f32>,
}

/// A complete answer.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
	pub(crate) text: String,
	/// The extension field with the receipt.
	pub(crate) receipt: Value,
}

impl Client {
	/// A client of the gateway at `url`, with or without a trailing `/v1`.
	pub(crate) fn new(url: &str, key: Option<String>) -> Result<Self, Failure> {
		let http = reqwest::Client::builder()
			.connect_timeout(CONNECT_TIMEOUT)
			.read_timeout(SILENCE_TIMEOUT)
			.no_proxy()
			.build()
			.map_err(Failure::internal)?;
		let url = url.trim_end_matches('/').trim_end_matches("/v1").to_owned();
		Ok(Self { http, url, key })
	}

	/// The names of the models that can be asked.
	pub(crate) async fn models(&self) -> Result<Vec<String>, Failure> {
		let list = self.get("/v1/models").await?;
		let names = list["data"].as_array().into_iter().flatten();
		Ok(names
			.filter_map(|model| model["id"].as_str().map(str::to_owned))
			.collect())
	}

	/// Asks, and gives the answer's text to `on_text` as it comes.
	pub(crate) async fn ask(
		&self,
		question: &Question<'_>,
		mut on_text: impl FnMut(&str),
	) -> Result<Answered, Failure> {
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
				return Err(refusal(&event));
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

	async fn get(&self, path: &str) -> Result<Value, Failure> {
		let request = self
			.http
			.get(format!("{}{path}", self.url))
			.timeout(SILENCE_TIMEOUT);
		let response = self.send(request).await?;
		response
			.json()
			.await
			.context("the gateway sent no JSON")
			.map_err(Failure::outside)
	}

	async fn send(
		&self,
		mut request: reqwest::RequestBuilder,
	) -> Result<reqwest::Response, Failure> {
		if let Some(key) = &self.key {
			request = request.bearer_auth(key);
		}
		let response = request
			.send()
			.await
			.with_context(|| format!("cannot reach the gateway at {}", self.url))
			.map_err(|error| {
				Failure::outside(error).hint(
					"start one with `infergrid dev` or `infergrid gateway`, or name another with --url",
				)
			})?;
		if response.status().is_success() {
			return Ok(response);
		}
		let status = response.status();
		let body: Value = response.json().await.unwrap_or_default();
		Err(refusal(&body).context(format!("the gateway answered {status}")))
	}
}

fn refusal(body: &Value) -> Failure {
	let message = body["error"]["message"]
		.as_str()
		.unwrap_or("no reason given");
	Failure::outside(anyhow!("{message}"))
}

/// The events of a streamed answer.
pub(crate) struct Events {
	response: reqwest::Response,
	lines: Lines,
	/// Lines that are here and not yet read.
	ready: VecDeque<String>,
}

impl Events {
	/// Those of `response`.
	pub(crate) fn of(response: reqwest::Response) -> Self {
		Self {
			response,
			lines: Lines::default(),
			ready: VecDeque::new(),
		}
	}

	/// The next event; None at the end that the answer itself names. Any other end is an error.
	pub(crate) async fn next(&mut self) -> Result<Option<Value>, Failure> {
		loop {
			while let Some(line) = self.ready.pop_front() {
				let Some(data) = line.strip_prefix("data:").map(str::trim) else {
					continue;
				};
				if data == "[DONE]" {
					return Ok(None);
				}
				let event = serde_json::from_str(data)
					.context("the gateway sent something that is no JSON")
					.map_err(Failure::outside)?;
				return Ok(Some(event));
			}
			let part = self
				.response
				.chunk()
				.await
				.context("the answer broke off")
				.map_err(Failure::outside)?
				.ok_or_else(|| Failure::outside(anyhow!("the answer ended without its end")))?;
			self.ready.extend(self.lines.push(&part)?);
		}
	}
}

/// Cuts a stream of bytes into lines.
#[derive(Debug, Default)]
struct Lines {
	rest: Vec<u8>,
}

impl Lines {
	/// The lines that `part` completes.
	fn push(&mut self, part: &[u8]) -> Result<Vec<String>, Failure> {
		self.rest.extend_from_slice(part);
		let mut lines = Vec::new();
		while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
			let line: Vec<u8> = self.rest.drain(..=end).collect();
			lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
		}
		if self.rest.len() > LONGEST_LINE {
			return Err(Failure::outside(anyhow!(
				"the gateway sent a line without an end"
			)));
		}
		Ok(lines)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn lines_are_cut_wherever_the_parts_are() {
		let mut lines = Lines::default();
		assert!(lines.push(b"data: {\"a\"").unwrap().is_empty());
		assert_eq!(
			lines.push(b":1}\r\n\ndata: x").unwrap(),
			["data: {\"a\":1}", ""]
		);
		assert_eq!(lines.push("ü\n".as_bytes()).unwrap(), ["data: xü"]);
	}

	#[test]
	fn an_endless_line_is_an_error() {
		let mut lines = Lines::default();
		assert!(lines.push(&vec![b'x'; LONGEST_LINE + 1]).is_err());
	}
}

//! An answer as one JSON object, or as server-sent events.

use crate::{
	answer::{Answer, Piece, finish_reason},
	errors::ApiError,
	market::{Delivery, OrderError, Placement},
	receipt_id::{self, RECEIPT_HEADER},
	receipts,
};
use axum::{
	Json,
	body::{Body, Bytes},
	http::{HeaderName, HeaderValue, header},
	response::{IntoResponse, Response},
};
use futures::StreamExt;
use infergrid_primitives::request::Receipt;
use serde_json::{Value, json};
use std::{collections::VecDeque, convert::Infallible, pin::pin, time::Duration};
use tokio::{sync::mpsc, time::sleep};
use tokio_stream::wrappers::ReceiverStream;

/// Events that wait for a client that reads slowly.
const WAITING: usize = 64;
/// How long such a client may keep its place without reading anything.
const STALLED: Duration = Duration::from_secs(60);
/// A comment without the blank line that ends an event: some clients take an event without data for a
/// broken one.
const KEEP_ALIVE: Bytes = Bytes::from_static(b": keep-alive\n");
const UNBUFFERED_HEADER: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What differs between the kinds of completion. The functions give one entry of `choices`.
pub(crate) trait Shape: Send + 'static {
	/// Whether it is the answer of a chat.
	const CHAT: bool;
	/// What ids begin with.
	const ID_PREFIX: &'static str;
	/// `object` of a whole answer.
	const WHOLE: &'static str;
	/// `object` of a chunk.
	const CHUNK: &'static str;

	/// A whole answer.
	fn whole(text: &str, finish: &str) -> Value;
	/// What comes before the first text of a stream.
	fn opening() -> Option<Value>;
	/// More text of a stream.
	fn delta(text: &str) -> Value;
	/// The end of a stream.
	fn closing(finish: &str) -> Value;
}

/// What every object of one answer repeats.
#[derive(Clone, Debug)]
pub(crate) struct Meta {
	id: String,
	created: u64,
	model: String,
}

impl Meta {
	/// For an answer of `model`, `created` seconds after 1970.
	pub(crate) fn new<S: Shape>(model: &str, created: u64) -> Self {
		let random: [u8; 12] = rand::random();
		Self {
			id: format!("{}{}", S::ID_PREFIX, hex::encode(random)),
			created,
			model: model.into(),
		}
	}

	fn object(&self, object: &str, choices: Vec<Value>) -> Value {
		json!({
			"id": self.id,
			"object": object,
			"created": self.created,
			"model": self.model,
			"choices": choices,
		})
	}
}

fn usage(receipt: &Receipt) -> Value {
	json!({
		"prompt_tokens": receipt.n_prompt,
		"completion_tokens": receipt.n_out,
		"total_tokens": u64::from(receipt.n_prompt) + u64::from(receipt.n_out),
	})
}

/// Waits for the whole answer.
pub(crate) async fn whole<S: Shape>(mut answer: Answer, meta: Meta) -> Result<Response, ApiError> {
	let mut text = String::new();
	let delivery = loop {
		match answer.next().await? {
			Piece::Text(more) => text.push_str(&more),
			Piece::Restart => text.clear(),
			Piece::End { tail, delivery } => {
				text.push_str(&tail);
				break delivery;
			}
		}
	};
	let body = body::<S>(&meta, &text, &answer.placement, &delivery);
	Ok(with_receipt(Json(body).into_response(), &answer.placement))
}

/// A whole answer as JSON.
pub(crate) fn body<S: Shape>(
	meta: &Meta,
	text: &str,
	placement: &Placement,
	delivery: &Delivery,
) -> Value {
	let choice = S::whole(text, finish_reason(delivery.receipt.finish));
	let mut body = meta.object(S::WHOLE, vec![choice]);
	body["usage"] = usage(&delivery.receipt);
	body["infergrid"] = receipts::extension(placement, delivery);
	body
}

/// Sends the answer as it comes.
pub(crate) fn events<S: Shape>(
	answer: Answer,
	meta: Meta,
	include_usage: bool,
	keep_alive: Duration,
) -> Response {
	let placement = answer.placement.clone();
	let (sender, receiver) = mpsc::channel(WAITING);
	#[expect(
		clippy::disallowed_methods,
		reason = "ends with its receiver, which is the response"
	)]
	tokio::spawn(pump(
		Chunks::<S>::new(answer, meta, include_usage),
		sender,
		keep_alive,
	));
	let stream = ReceiverStream::new(receiver).map(Ok::<_, Infallible>);
	let head = [
		(header::CONTENT_TYPE, "text/event-stream"),
		(header::CACHE_CONTROL, "no-cache"),
		// Proxies that collect responses would hold the tokens back.
		(UNBUFFERED_HEADER, "no"),
	];
	let response = (head, Body::from_stream(stream)).into_response();
	with_receipt(response, &placement)
}

/// Moves events to the connection, until the end, until the client has gone, or until it has read
/// nothing for so long that its place is better given to another.
async fn pump<S: Shape>(mut chunks: Chunks<S>, sender: mpsc::Sender<Bytes>, keep_alive: Duration) {
	loop {
		let event = {
			let mut next = pin!(chunks.next());
			loop {
				tokio::select! {
					event = &mut next => break event,
					() = sender.closed() => return,
					// A client that has more to read needs no comment.
					() = sleep(keep_alive) => drop(sender.try_send(KEEP_ALIVE)),
				}
			}
		};
		let Some(event) = event else {
			return;
		};
		if sender.send_timeout(event, STALLED).await.is_err() {
			return;
		}
	}
}

pub(crate) fn with_receipt(mut response: Response, placement: &Placement) -> Response {
	if let Ok(id) = HeaderValue::from_str(&receipt_id::id(&placement.request_id)) {
		response.headers_mut().insert(RECEIPT_HEADER, id);
	}
	response
}

/// Turns an answer into events. Dropping it only stops listening.
struct Chunks<S> {
	/// `None` once it is over: its place is free before the last events are read.
	answer: Option<Answer>,
	meta: Meta,
	include_usage: bool,
	ready: VecDeque<Bytes>,
	/// Whether the client has seen text.
	shown: bool,
	shape: std::marker::PhantomData<fn() -> S>,
}

impl<S: Shape> Chunks<S> {
	fn new(answer: Answer, meta: Meta, include_usage: bool) -> Self {
		let shape = std::marker::PhantomData;
		let mut chunks = Self {
			answer: Some(answer),
			meta,
			include_usage,
			ready: VecDeque::new(),
			shown: false,
			shape,
		};
		if let Some(choice) = S::opening() {
			let chunk = chunks.chunk(choice);
			chunks.push(&chunk);
		}
		chunks
	}

	async fn next(&mut self) -> Option<Bytes> {
		while self.ready.is_empty() {
			let piece = self.answer.as_mut()?.next().await;
			match piece {
				// What was shown cannot be taken back.
				Ok(Piece::Restart) if self.shown => {
					let error = ApiError::from(OrderError::BrokenOff);
					let placement = self.answer.take().map(|answer| answer.placement);
					let id = placement.map(|placement| placement.request_id);
					let error = id.map_or(error.clone(), |id| error.placed(&id));
					self.push(&error.body());
				}
				Ok(Piece::Restart) => {}
				Ok(Piece::Text(text)) => {
					self.shown = true;
					let chunk = self.chunk(S::delta(&text));
					self.push(&chunk);
				}
				Ok(Piece::End { tail, delivery }) => {
					if let Some(answer) = self.answer.take() {
						self.end(&tail, &answer.placement, &delivery);
					}
				}
				// No `[DONE]` follows: an answer cut short must not look complete.
				Err(error) => {
					self.answer = None;
					self.push(&error.body());
				}
			}
		}
		self.ready.pop_front()
	}

	fn end(&mut self, tail: &str, placement: &Placement, delivery: &Delivery) {
		if !tail.is_empty() {
			let chunk = self.chunk(S::delta(tail));
			self.push(&chunk);
		}
		let extension = receipts::extension(placement, delivery);
		let mut last = self.chunk(S::closing(finish_reason(delivery.receipt.finish)));
		last["infergrid"] = extension.clone();
		self.push(&last);
		if self.include_usage {
			let mut chunk = self.meta.object(S::CHUNK, Vec::new());
			chunk["usage"] = usage(&delivery.receipt);
			chunk["infergrid"] = extension;
			self.push(&chunk);
		}
		self.ready
			.push_back(Bytes::from_static(b"data: [DONE]\n\n"));
	}

	fn chunk(&self, choice: Value) -> Value {
		let mut chunk = self.meta.object(S::CHUNK, vec![choice]);
		if self.include_usage {
			chunk["usage"] = Value::Null;
		}
		chunk
	}

	fn push(&mut self, data: &Value) {
		// JSON on one line: an event's data may not contain bare line breaks.
		self.ready.push_back(format!("data: {data}\n\n").into());
	}
}

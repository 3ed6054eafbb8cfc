//! Answers as one JSON object, or as server-sent events.

use crate::{
	answer::{Answer, Piece},
	complete::{self, Complete},
	errors::ApiError,
	market::OrderError,
	receipt_id,
	shape::{Meta, Shape},
};
use axum::{
	Json,
	body::{Body, Bytes},
	http::{HeaderName, header},
	response::{IntoResponse, Response},
};
use futures::{
	StreamExt,
	future::join_all,
	stream::{self, BoxStream, SelectAll},
};
use serde_json::Value;
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

/// Waits for the whole answers.
pub(crate) async fn whole<S: Shape>(
	answers: Vec<Result<Answer, ApiError>>,
	meta: &Meta,
) -> Result<Response, ApiError> {
	let ends = answers
		.into_iter()
		.map(|answer| async { answer?.whole().await });
	let answers = complete::all(join_all(ends).await)?;
	let requests: Vec<_> = answers
		.iter()
		.map(|answer| answer.placement.request_id)
		.collect();
	let mut response = Json(complete::body::<S>(meta, &answers)).into_response();
	receipt_id::name(response.headers_mut(), &requests);
	Ok(response)
}

/// Sends the answers as they come.
pub(crate) fn events<S: Shape>(
	answers: Vec<Result<Answer, ApiError>>,
	meta: Meta,
	include_usage: bool,
	keep_alive: Duration,
) -> Result<Response, ApiError> {
	let requests: Vec<_> = answers.iter().flatten().map(Answer::request_id).collect();
	// What fails before there is anything to tell has a status.
	if requests.is_empty() {
		let ends = answers
			.iter()
			.filter_map(|answer| answer.as_ref().err().cloned());
		complete::all(ends.map(Err).collect())?;
	}
	let (sender, receiver) = mpsc::channel(WAITING);
	#[expect(
		clippy::disallowed_methods,
		reason = "ends with its receiver, which is the response"
	)]
	tokio::spawn(pump(
		Chunks::<S>::new(answers, meta, include_usage),
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
	let mut response = (head, Body::from_stream(stream)).into_response();
	receipt_id::name(response.headers_mut(), &requests);
	Ok(response)
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

/// The parts of one answer, with its index.
type Pieces = BoxStream<'static, (usize, Result<Piece, ApiError>)>;

/// What comes of an answer whose text is shown at once. Its place is free before the last is read.
fn pieces(answer: Answer) -> Pieces {
	let index = answer.index();
	let next = move |state: Option<(Answer, bool)>| async move {
		let (mut answer, mut shown) = state?;
		let piece = match answer.next().await {
			// What was shown cannot be taken back.
			Ok(Piece::Restart) if shown => {
				Err(ApiError::from(OrderError::BrokenOff).placed(&answer.request_id()))
			}
			piece => piece,
		};
		shown |= matches!(piece, Ok(Piece::Text(_)));
		let goes_on = matches!(piece, Ok(Piece::Text(_) | Piece::Restart));
		Some(((index, piece), goes_on.then_some((answer, shown))))
	};
	stream::unfold(Some((answer, false)), next).boxed()
}

/// Turns answers into events. Dropping it only stops listening.
struct Chunks<S> {
	/// Of all answers, as they come.
	pieces: SelectAll<Pieces>,
	/// How each answer ended; empty once that is told.
	ends: Vec<Option<Result<Complete, ApiError>>>,
	meta: Meta,
	include_usage: bool,
	ready: VecDeque<Bytes>,
	shape: std::marker::PhantomData<fn() -> S>,
}

impl<S: Shape> Chunks<S> {
	fn new(answers: Vec<Result<Answer, ApiError>>, meta: Meta, include_usage: bool) -> Self {
		let mut chunks = Self {
			pieces: SelectAll::new(),
			ends: Vec::new(),
			meta,
			include_usage,
			ready: VecDeque::new(),
			shape: std::marker::PhantomData,
		};
		for answer in answers {
			match answer {
				Ok(answer) => {
					if let Some(choice) = S::opening(answer.index()) {
						let chunk = chunks.chunk(choice);
						chunks.push(&chunk);
					}
					chunks.ends.push(None);
					chunks.pieces.push(pieces(answer));
				}
				Err(error) => chunks.ends.push(Some(Err(error))),
			}
		}
		chunks
	}

	async fn next(&mut self) -> Option<Bytes> {
		while self.ready.is_empty() {
			match self.pieces.next().await {
				Some((_, Ok(Piece::Restart))) => {}
				Some((index, Ok(Piece::Text(text)))) => {
					let chunk = self.chunk(S::delta(index, &text));
					self.push(&chunk);
				}
				Some((index, Ok(Piece::End(answer)))) => {
					self.end(&answer);
					self.note(index, Ok(answer));
				}
				// The others go on.
				Some((index, Err(error))) => self.note(index, Err(error)),
				None if self.ends.is_empty() => return None,
				None => self.finish(),
			}
		}
		self.ready.pop_front()
	}

	/// Tells that one answer is complete.
	fn end(&mut self, answer: &Complete) {
		if !answer.text.is_empty() {
			let chunk = self.chunk(S::delta(answer.index, &answer.text));
			self.push(&chunk);
		}
		let mut last = self.chunk(S::closing(answer.index, answer.finish_reason()));
		last["infergrid"] = answer.extension();
		self.push(&last);
	}

	fn note(&mut self, index: usize, end: Result<Complete, ApiError>) {
		if let Some(known) = self.ends.get_mut(index) {
			*known = Some(end);
		}
	}

	/// Tells that there will be no more.
	fn finish(&mut self) {
		let ends = std::mem::take(&mut self.ends);
		let answers = match complete::all(ends.into_iter().flatten().collect()) {
			Ok(answers) => answers,
			// No `[DONE]` follows: an answer cut short must not look complete.
			Err(error) => return self.push(&error.body()),
		};
		if self.include_usage {
			let mut chunk = self.meta.object(S::CHUNK, Vec::new());
			chunk["usage"] = complete::usage(&answers);
			chunk["infergrid"] = complete::extension(&answers);
			self.push(&chunk);
		}
		self.ready.push_back(Bytes::from_static(
			b"data: [DONE]

",
		));
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

//! One answer from its order to its receipt.

use crate::{
	errors::ApiError,
	market::{Delivery, Market, Model, Order, OrderError, OrderEvent, OrderStream, Placement},
	metrics::{AnswerTimer, GatewayMetrics, Outcome},
	places::Place,
	stop::StopCutter,
};
use futures::StreamExt;
use infergrid_checkpoint::{TextStream, Tokenizer, TokenizerError};
use infergrid_primitives::{TokenId, request::Finish};
use std::{
	sync::Arc,
	time::{Duration, Instant},
};
use tokio::time::timeout_at;

/// An answer that is paid for. Dropping it only stops listening.
pub(crate) struct Answer {
	pub(crate) placement: Placement,
	model: Arc<Model>,
	events: OrderStream,
	text: TextStream,
	cutter: StopCutter,
	stops: Vec<String>,
	/// When the client is kept waiting no longer.
	deadline: Instant,
	timer: AnswerTimer,
	/// The place among the answers in progress.
	_permit: Place,
}

/// The next part of an answer.
#[derive(Debug)]
pub(crate) enum Piece {
	/// More text; never empty.
	Text(String),
	/// Everything so far is void: another miner begins anew.
	Restart,
	/// The rest of the text, often empty, and the receipt. Nothing comes after it.
	End {
		tail: String,
		delivery: Box<Delivery>,
	},
}

impl Answer {
	/// Orders an answer and waits until it is paid for.
	pub(crate) async fn begin(
		market: &dyn Market,
		order: Order,
		stops: Vec<String>,
		permit: Place,
		(limit, metrics): (Duration, &GatewayMetrics),
	) -> Result<Self, ApiError> {
		let timer = metrics.answer();
		let model = order.model.clone();
		let text = tokenizer(&model)?.stream();
		let deadline = Instant::now() + limit;
		let placed = async {
			let mut events = market.order(order).await?;
			match events.next().await {
				Some(OrderEvent::Placed(placement)) => Ok((events, placement)),
				Some(OrderEvent::Failed(error)) => Err(error),
				_ => Err(OrderError::Uncertain),
			}
		};
		let placed = timeout_at(deadline.into(), placed).await;
		let (events, placement) = placed.unwrap_or(Err(OrderError::Uncertain))?;
		Ok(Self {
			placement,
			model,
			events,
			text,
			cutter: StopCutter::new(stops.clone()),
			stops,
			deadline,
			timer,
			_permit: permit,
		})
	}

	/// The next part. Not to be called again after the end or an error.
	pub(crate) async fn next(&mut self) -> Result<Piece, ApiError> {
		let piece = self.piece().await;
		match &piece {
			Ok(Piece::Text(_)) => self.timer.first_token(),
			Ok(Piece::End { delivery, .. }) => {
				self.timer.end(Outcome::Done, Some(&delivery.receipt));
			}
			Err(_) => self.timer.end(Outcome::Failed, None),
			Ok(Piece::Restart) => {}
		}
		piece
	}

	async fn piece(&mut self) -> Result<Piece, ApiError> {
		loop {
			let event = timeout_at(self.deadline.into(), self.events.next()).await;
			let event = match event {
				Err(_) => OrderEvent::Failed(OrderError::TimedOut),
				Ok(None) => OrderEvent::Failed(OrderError::Uncertain),
				Ok(Some(event)) => event,
			};
			match event {
				OrderEvent::Placed(placement) | OrderEvent::Assigned(placement) => {
					self.placement = placement;
				}
				OrderEvent::Restarted => {
					self.text = tokenizer(&self.model)?.stream();
					self.cutter = StopCutter::new(self.stops.clone());
					return Ok(Piece::Restart);
				}
				OrderEvent::Tokens(ids) => {
					let shown = self.push(ids)?;
					if !shown.is_empty() {
						return Ok(Piece::Text(shown));
					}
				}
				OrderEvent::Done(delivery) => return self.end(delivery),
				OrderEvent::Failed(error) => {
					return Err(ApiError::from(error).placed(&self.placement.request_id));
				}
			}
		}
	}

	/// The text that can be shown once `ids` are added.
	fn push(&mut self, ids: Vec<TokenId>) -> Result<String, ApiError> {
		let mut shown = String::new();
		let vocabulary = self.model.checkpoint.config.vocab_size;
		if ids.iter().any(|id| *id as usize >= vocabulary) {
			return Err(OrderError::BadReceipt.into());
		}
		for id in ids
			.into_iter()
			.filter(|id| !self.model.checkpoint.eos.contains(id))
		{
			let text = self.text.push(id).map_err(undecodable)?;
			shown.push_str(&self.cutter.push(&text));
		}
		Ok(shown)
	}

	fn end(&mut self, delivery: Box<Delivery>) -> Result<Piece, ApiError> {
		let fresh = tokenizer(&self.model)?.stream();
		let text = std::mem::replace(&mut self.text, fresh)
			.finish()
			.map_err(undecodable)?;
		let mut cutter = std::mem::replace(&mut self.cutter, StopCutter::new(Vec::new()));
		let mut tail = cutter.push(&text);
		tail.push_str(&cutter.finish());
		Ok(Piece::End { tail, delivery })
	}
}

/// OpenAI's word for why an answer ended.
pub(crate) fn finish_reason(finish: Finish) -> &'static str {
	match finish {
		Finish::EndOfSequence | Finish::StopString => "stop",
		Finish::Length => "length",
	}
}

/// The tokenizer without which a model cannot be served.
pub(crate) fn tokenizer(model: &Model) -> Result<&Tokenizer, ApiError> {
	model
		.checkpoint
		.tokenizer()
		.map_err(|error| ApiError::internal(&error))
}

/// Token ids that the model does not have: the miner made them up.
fn undecodable(_: TokenizerError) -> ApiError {
	OrderError::BadReceipt.into()
}

/// The text of a whole answer, up to its first stop string.
pub(crate) fn text(model: &Model, ids: &[TokenId], stops: Vec<String>) -> Result<String, ApiError> {
	let shown: Vec<_> = ids
		.iter()
		.filter(|id| !model.checkpoint.eos.contains(id))
		.copied()
		.collect();
	let text = tokenizer(model)?.decode(&shown).map_err(undecodable)?;
	let mut cutter = StopCutter::new(stops);
	let mut cut = cutter.push(&text);
	cut.push_str(&cutter.finish());
	Ok(cut)
}

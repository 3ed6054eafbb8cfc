//! One answer from its order to its receipt.

use crate::{
	errors::ApiError,
	market::{Delivery, Market, Model, Order, OrderError, OrderEvent, OrderStream, Placement},
	stop::StopCutter,
};
use futures::StreamExt;
use infergrid_checkpoint::{TextStream, Tokenizer, TokenizerError};
use infergrid_primitives::request::Finish;
use std::{sync::Arc, time::Duration};
use tokio::{sync::OwnedSemaphorePermit, time::timeout};

/// An answer that a miner works on. Dropping it gives the order up.
pub(crate) struct Answer {
	pub(crate) placement: Placement,
	model: Arc<Model>,
	events: OrderStream,
	text: TextStream,
	cutter: StopCutter,
	idle: Duration,
	/// The place among the answers in progress.
	_permit: OwnedSemaphorePermit,
}

/// The next part of an answer.
#[derive(Debug)]
pub(crate) enum Piece {
	/// More text; never empty.
	Text(String),
	/// The rest of the text, often empty, and the receipt. Nothing comes after it.
	End {
		tail: String,
		delivery: Box<Delivery>,
	},
}

impl Answer {
	/// Orders an answer and waits for its miner.
	pub(crate) async fn begin(
		market: &dyn Market,
		order: Order,
		stops: Vec<String>,
		permit: OwnedSemaphorePermit,
		(assignment, idle): (Duration, Duration),
	) -> Result<Self, ApiError> {
		let model = order.model.clone();
		let text = tokenizer(&model)?.stream();
		let placed = async {
			let mut events = market.order(order).await?;
			match events.next().await {
				Some(OrderEvent::Assigned(placement)) => Ok((events, placement)),
				Some(OrderEvent::Failed(error)) => Err(error),
				Some(OrderEvent::Tokens(_) | OrderEvent::Done(_)) | None => {
					Err(OrderError::MinerFailed)
				}
			}
		};
		let (events, placement) = timeout(assignment, placed)
			.await
			.unwrap_or(Err(OrderError::NoMiner))?;
		let cutter = StopCutter::new(stops);
		Ok(Self {
			placement,
			model,
			events,
			text,
			cutter,
			idle,
			_permit: permit,
		})
	}

	/// The next part. Not to be called again after the end or an error.
	pub(crate) async fn next(&mut self) -> Result<Piece, ApiError> {
		loop {
			let event = timeout(self.idle, self.events.next())
				.await
				.map_err(|_| OrderError::TimedOut)?
				.unwrap_or(OrderEvent::Failed(OrderError::MinerFailed));
			match event {
				OrderEvent::Assigned(placement) => self.placement = placement,
				OrderEvent::Tokens(ids) => {
					let mut shown = String::new();
					for id in ids
						.into_iter()
						.filter(|id| !self.model.checkpoint.eos.contains(id))
					{
						let text = self.text.push(id).map_err(undecodable)?;
						shown.push_str(&self.cutter.push(&text));
					}
					if !shown.is_empty() {
						return Ok(Piece::Text(shown));
					}
				}
				OrderEvent::Done(delivery) => return self.end(delivery),
				OrderEvent::Failed(error) => return Err(error.into()),
			}
		}
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
	OrderError::MinerFailed.into()
}

//! One answer from its order to its receipt.

use crate::{
	asked::Ask,
	complete::Complete,
	errors::ApiError,
	gateway::Gateway,
	market::{Delivery, Model, Order, OrderError, OrderEvent, OrderStream, Placement},
	metrics::{AnswerTimer, Outcome},
	places::Place,
	stop::StopCutter,
};
use futures::{StreamExt, future::join_all};
use infergrid_checkpoint::{TextStream, Tokenizer, TokenizerError};
use infergrid_primitives::TokenId;
use std::{sync::Arc, time::Instant};
use tokio::time::timeout_at;

/// An answer that is paid for. Dropping it only stops listening.
pub(crate) struct Answer {
	gateway: Arc<Gateway>,
	ask: Ask,
	placement: Placement,
	model: Arc<Model>,
	events: OrderStream,
	text: TextStream,
	cutter: StopCutter,
	/// When the client is kept waiting no longer.
	deadline: Instant,
	timer: AnswerTimer,
	/// The place among the answers in progress.
	_place: Place,
}

/// The next part of an answer.
#[derive(Debug)]
pub(crate) enum Piece {
	/// More text; never empty.
	Text(String),
	/// Everything so far is void: another miner begins anew.
	Restart,
	/// The answer is complete. Nothing comes after it.
	End(Complete),
}

impl Answer {
	/// Orders answers of `model`, all of them or none, and waits until each is paid for or has failed.
	/// `ask` is what they have in common.
	pub(crate) async fn begin(
		gateway: &Arc<Gateway>,
		model: &Arc<Model>,
		orders: Vec<Order>,
		ask: &Ask,
		places: Vec<Place>,
	) -> Result<Vec<Result<Self, ApiError>>, ApiError> {
		// Nothing is ordered whose text could not be told.
		tokenizer(model)?;
		let deadline = Instant::now() + gateway.settings.answer_timeout;
		let timers: Vec<_> = orders
			.iter()
			.map(|_| gateway.settings.metrics.answer())
			.collect();
		let ordered = timeout_at(deadline.into(), gateway.market.order(orders)).await;
		let ordered = ordered.unwrap_or(Err(OrderError::Uncertain))?;
		let answers = ordered.into_iter().zip(timers).zip(places).enumerate();
		let placed = answers.map(|(index, ((mut events, timer), place))| async move {
			let placed = timeout_at(deadline.into(), events.next()).await;
			let placement = match placed {
				Ok(Some(OrderEvent::Placed(placement))) => placement,
				Ok(Some(OrderEvent::Failed(error))) => return Err(error.into()),
				_ => return Err(OrderError::Uncertain.into()),
			};
			let ask = Ask {
				index,
				..ask.clone()
			};
			gateway.asked.note(placement.request_id, ask.clone());
			Ok(Self {
				gateway: gateway.clone(),
				placement,
				model: model.clone(),
				events,
				text: tokenizer(model)?.stream(),
				cutter: StopCutter::new(ask.stops.clone()),
				ask,
				deadline,
				timer,
				_place: place,
			})
		});
		Ok(join_all(placed).await)
	}

	/// Which of its request's prompts it answers.
	pub(crate) fn index(&self) -> usize {
		self.ask.index
	}

	/// The request under which its receipt is found.
	pub(crate) fn request_id(&self) -> infergrid_primitives::Hash {
		self.placement.request_id
	}

	/// The whole answer.
	pub(crate) async fn whole(mut self) -> Result<Complete, ApiError> {
		let mut text = String::new();
		loop {
			match self.next().await? {
				Piece::Text(more) => text.push_str(&more),
				Piece::Restart => text.clear(),
				Piece::End(mut complete) => {
					complete.text.insert_str(0, &text);
					return Ok(complete);
				}
			}
		}
	}

	/// The next part. Not to be called again after the end or an error.
	pub(crate) async fn next(&mut self) -> Result<Piece, ApiError> {
		let piece = self.piece().await;
		match &piece {
			Ok(Piece::Text(_)) => self.timer.first_token(),
			Ok(Piece::End(complete)) => {
				let receipt = &complete.delivery.receipt;
				self.timer.end(Outcome::Done, Some(receipt));
			}
			Err(_) => self.timer.end(Outcome::Failed, None),
			Ok(Piece::Restart) => {}
		}
		piece.map_err(|error| error.placed(&self.placement.request_id))
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
				// A higher price, under which the answer has another receipt.
				OrderEvent::Placed(placement) => {
					let asked = &self.gateway.asked;
					asked.note(placement.request_id, self.ask.clone());
					self.placement = placement;
				}
				OrderEvent::Assigned(placement) => self.placement = placement,
				OrderEvent::Restarted => {
					self.text = tokenizer(&self.model)?.stream();
					self.cutter = StopCutter::new(self.ask.stops.clone());
					return Ok(Piece::Restart);
				}
				OrderEvent::Tokens(ids) => {
					let shown = self.push(ids)?;
					if !shown.is_empty() {
						return Ok(Piece::Text(shown));
					}
				}
				OrderEvent::Done(delivery) => return self.end(delivery),
				OrderEvent::Failed(error) => return Err(error.into()),
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
		let rest = std::mem::replace(&mut self.text, fresh)
			.finish()
			.map_err(undecodable)?;
		let mut cutter = std::mem::replace(&mut self.cutter, StopCutter::new(Vec::new()));
		let mut text = cutter.push(&rest);
		text.push_str(&cutter.finish());
		Ok(Piece::End(Complete {
			index: self.ask.index,
			text,
			placement: self.placement.clone(),
			delivery,
		}))
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

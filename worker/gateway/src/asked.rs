//! How clients know the answers that they have asked for.
//!
//! A request's identifier can be computed from what stands on chain, so that knowing it opens nothing:
//! where there are keys, an answer is handed out again to the key that asked for it, and to no other.

use crate::shape::Meta;
use infergrid_primitives::Hash;
use std::{
	collections::{HashMap, VecDeque},
	sync::{Mutex, PoisonError},
};

/// Answers that are remembered; the oldest are forgotten first.
const MOST: usize = 10_000;

/// How a client knows one answer.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
	/// What its objects repeat.
	pub(crate) meta: Meta,
	/// Whether it is the answer of a chat, or a continuation of a text.
	pub(crate) chat: bool,
	/// Which of its request's prompts it answers.
	pub(crate) index: usize,
	/// Before which of these it ends.
	pub(crate) stops: Vec<String>,
	/// Hash of the key that asked.
	pub(crate) owner: Option<Hash>,
}

/// The latest answers, by the requests' identifiers.
#[derive(Debug, Default)]
pub(crate) struct Asked(Mutex<(HashMap<Hash, Ask>, VecDeque<Hash>)>);

impl Asked {
	pub(crate) fn note(&self, request_id: Hash, ask: Ask) {
		let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
		let (known, order) = &mut *asked;
		if known.insert(request_id, ask).is_none() {
			order.push_back(request_id);
		}
		if order.len() > MOST
			&& let Some(oldest) = order.pop_front()
		{
			known.remove(&oldest);
		}
	}

	pub(crate) fn find(&self, request_id: &Hash) -> Option<Ask> {
		let asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
		asked.0.get(request_id).cloned()
	}
}

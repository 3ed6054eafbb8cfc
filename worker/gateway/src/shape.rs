//! The objects by which answers are told, as OpenAI has them.

use serde_json::{Value, json};

/// What differs between the kinds of completion. The functions give one entry of `choices`: that of the
/// prompt `index`.
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
	fn whole(index: usize, text: &str, finish: &str) -> Value;
	/// What comes before the first text of a stream.
	fn opening(index: usize) -> Option<Value>;
	/// More text of a stream.
	fn delta(index: usize, text: &str) -> Value;
	/// The end of a stream.
	fn closing(index: usize, finish: &str) -> Value;
}

/// What every object of one request's answers repeats.
#[derive(Clone, Debug)]
pub(crate) struct Meta {
	id: String,
	created: u64,
	model: String,
}

impl Meta {
	/// For answers of `model`, `created` seconds after 1970.
	pub(crate) fn new<S: Shape>(model: &str, created: u64) -> Self {
		let random: [u8; 12] = rand::random();
		Self {
			id: format!("{}{}", S::ID_PREFIX, hex::encode(random)),
			created,
			model: model.into(),
		}
	}

	pub(crate) fn object(&self, object: &str, choices: Vec<Value>) -> Value {
		json!({
			"id": self.id,
			"object": object,
			"created": self.created,
			"model": self.model,
			"choices": choices,
		})
	}
}

//! What a model must offer so that answers can be computed and judged.

use crate::{ComputeError, Replay, ReplayRequest};
use infergrid_checkpoint::{CheckpointError, Tokenizer};
use infergrid_primitives::TokenId;
use std::{ops::ControlFlow, sync::Arc};

/// What the rules need to know of a model.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
	/// Size of the vocabulary: ids are below it.
	pub vocab: usize,
	/// Width of a hidden state.
	pub hidden: usize,
	/// Most tokens that the model was made for.
	pub context: usize,
	/// Ids that end an answer, sorted.
	pub eos: &'a [TokenId],
	/// For stop strings.
	pub tokenizer: Option<&'a Tokenizer>,
}

/// Token ids of an inline prompt.
pub type Encoder = Arc<dyn Fn(&str) -> Result<Vec<TokenId>, CheckpointError> + Send + Sync>;

/// A loaded model. Calls are long, block, and belong to one thread.
pub trait Model {
	/// What the rules need to know.
	fn facts(&self) -> Facts<'_>;

	/// What makes token ids of inline prompts, on any thread.
	fn encoder(&self) -> Encoder;

	/// An empty sequence that will have about `tokens`.
	fn sequence(&self, tokens: usize) -> Box<dyn Sequence + '_>;

	/// What the model says about an answer.
	fn replay(
		&self,
		request: &ReplayRequest<'_>,
		watcher: &mut dyn Watcher,
	) -> Result<Replay, ComputeError>;
}

/// A sequence that grows.
pub trait Sequence {
	/// Continues by `ids` and gives the hidden state after the last norm from which the next token
	/// follows, `[hidden]`. Long ones come in pieces, between which the watcher has its turn.
	fn extend(
		&mut self,
		ids: &[TokenId],
		watcher: &mut dyn Watcher,
	) -> Result<Vec<f32>, ComputeError>;

	/// Logits of such a state: `[hidden]` → `[vocab]`.
	fn logits(&self, hidden: &[f32]) -> Result<Vec<f32>, ComputeError>;
}

/// Sees how a computation goes on. An error stops it, and is what it then fails with.
pub trait Watcher {
	/// A token was chosen.
	fn token(&mut self, token: TokenId) -> Result<(), ComputeError>;

	/// The model rests between two pieces of work; other work may be done now.
	fn rest(&mut self) -> Result<(), ComputeError>;
}

/// Sees the tokens only.
impl<F: FnMut(TokenId) -> ControlFlow<()>> Watcher for F {
	fn token(&mut self, token: TokenId) -> Result<(), ComputeError> {
		match self(token) {
			ControlFlow::Continue(()) => Ok(()),
			ControlFlow::Break(()) => Err(ComputeError::Cancelled),
		}
	}

	fn rest(&mut self) -> Result<(), ComputeError> {
		Ok(())
	}
}

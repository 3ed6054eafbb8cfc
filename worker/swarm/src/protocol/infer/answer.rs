//! An answer as the asking side gets it.

use super::{
	NAME,
	message::{InferFrame, InferRequest, Progress},
};
use crate::{
	PeerAddress, SwarmHandle,
	error::{CallError, InferError, Phase, Violation},
	frame,
	handle::within,
	protocol::Duplex,
};
use infergrid_primitives::{Hash, Signature, TokenId, request::Receipt};
use std::{fmt, time::Duration};

impl SwarmHandle {
	/// Asks a miner for the answer to a task. Ends when the miner has accepted; dropping the future
	/// or the stream cancels the request.
	pub async fn infer(
		&self,
		to: &PeerAddress,
		request: InferRequest,
	) -> Result<InferStream, InferError> {
		let mut stream = self.open(to, NAME).await?;
		within(
			self.timeouts.request,
			Phase::Request,
			frame::write(&mut stream, &request),
		)
		.await?;
		let mut answer = InferStream::over(stream, self.timeouts.idle);
		answer.accepted(self.timeouts.reply).await?;
		Ok(answer)
	}
}

/// The next part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
	clippy::large_enum_variant,
	reason = "there is one receipt an answer, and it is never stored"
)]
pub enum Answer {
	/// The next token ids; never empty.
	Tokens(Vec<TokenId>),
	/// The answer is complete. The receipt is not checked yet.
	Done {
		/// What the worker vouches for.
		receipt: Receipt,
		/// The worker key's signature over the receipt.
		signature: Signature,
		/// Salt of the receipt's `output_commit`.
		output_salt: Hash,
	},
}

/// An answer on its way. Dropping it cancels the work behind it.
pub struct InferStream {
	stream: Box<dyn Duplex>,
	progress: Progress,
	idle: Duration,
}

impl fmt::Debug for InferStream {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("InferStream")
			.field("progress", &self.progress)
			.finish_non_exhaustive()
	}
}

impl InferStream {
	pub(crate) fn over(stream: impl Duplex + 'static, idle: Duration) -> Self {
		Self {
			stream: Box::new(stream),
			progress: Progress::default(),
			idle,
		}
	}

	/// Waits for the first frame.
	pub(crate) async fn accepted(&mut self, limit: Duration) -> Result<(), InferError> {
		self.frame(limit, Phase::Reply).await.map(drop)
	}

	/// The next part, and `None` after `Done` or an error. Not cancel-safe: after a cancelled call
	/// only dropping the stream makes sense.
	pub async fn next(&mut self) -> Option<Result<Answer, InferError>> {
		if self.progress == Progress::Over {
			return None;
		}
		Some(match self.frame(self.idle, Phase::Answer).await {
			Ok(InferFrame::Tokens(ids)) => Ok(Answer::Tokens(ids)),
			Ok(InferFrame::Done {
				receipt,
				signature,
				output_salt,
			}) => Ok(Answer::Done {
				receipt,
				signature,
				output_salt,
			}),
			// `frame` gives neither of these after acceptance.
			Ok(InferFrame::Accepted) => Err(Violation::AcceptedTwice.into()),
			Ok(InferFrame::Refused(refusal)) => Err(CallError::Refused(refusal)),
			Err(error) => Err(error),
		})
	}

	/// The same as a stream.
	pub fn into_stream(self) -> impl futures::Stream<Item = Result<Answer, InferError>> + Send {
		futures::stream::unfold(self, |mut answer| async move {
			let next = answer.next().await?;
			Some((next, answer))
		})
	}

	async fn frame(&mut self, limit: Duration, phase: Phase) -> Result<InferFrame, CallError> {
		let result = self.checked_frame(limit, phase).await;
		if result.is_err() {
			self.progress = Progress::Over;
		}
		result
	}

	async fn checked_frame(
		&mut self,
		limit: Duration,
		phase: Phase,
	) -> Result<InferFrame, CallError> {
		let frame: InferFrame = within(limit, phase, frame::read(&mut self.stream)).await?;
		self.progress = self.progress.after(&frame)?;
		match frame {
			InferFrame::Refused(refusal) => Err(CallError::Refused(refusal)),
			frame => Ok(frame),
		}
	}
}

//! The asking side: gateways and verifiers.

use crate::{
	PeerAddress, PeerId, Timeouts,
	error::{CallError, InferError, OpeningError, Phase},
	frame::{self, FrameError},
	message::{InferFrame, InferRequest, OpeningReply, OpeningRequest, Progress},
	node::Command,
	streams::Kind,
};
use futures::{AsyncRead, AsyncWrite, AsyncWriteExt};
use infergrid_primitives::{
	Hash, Signature, TokenId,
	request::{Opening, Receipt},
};
use libp2p::Stream;
use std::{fmt, future::Future, time::Duration};
use tokio::{
	sync::{mpsc, oneshot, watch},
	time::timeout,
};

/// Calls peers. Cheap to clone; useless once its [`Swarm`](crate::Swarm) has stopped.
#[derive(Clone)]
pub struct SwarmHandle {
	pub(crate) peer: PeerId,
	pub(crate) addresses: watch::Receiver<Vec<String>>,
	pub(crate) commands: mpsc::Sender<Command>,
	pub(crate) timeouts: Timeouts,
}

impl fmt::Debug for SwarmHandle {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("SwarmHandle")
			.field("peer", &self.peer)
			.finish_non_exhaustive()
	}
}

impl SwarmHandle {
	/// This node's identity.
	pub fn peer_id(&self) -> PeerId {
		self.peer
	}

	/// The addresses at which this node listens now, ports resolved.
	pub fn listen_addresses(&self) -> Vec<String> {
		self.addresses.borrow().clone()
	}

	/// Asks a miner for the answer to a task. Ends when the miner has accepted; dropping the future
	/// or the stream cancels the request.
	pub async fn infer(
		&self,
		to: &PeerAddress,
		request: InferRequest,
	) -> Result<InferStream, InferError> {
		let mut stream = self.open(to, Kind::Infer).await?;
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

	/// Asks a miner to open an audited receipt.
	pub async fn fetch_opening(
		&self,
		to: &PeerAddress,
		request: OpeningRequest,
	) -> Result<Opening, OpeningError> {
		let mut stream = self.open(to, Kind::Opening).await?;
		within(
			self.timeouts.request,
			Phase::Request,
			frame::write(&mut stream, &request),
		)
		.await?;
		let reply = within(self.timeouts.reply, Phase::Reply, frame::read(&mut stream)).await?;
		// The reply is complete: how the stream closes does not matter any more.
		let _ = timeout(Duration::from_secs(1), stream.close()).await;
		match reply {
			OpeningReply::Opening(opening) => Ok(opening),
			OpeningReply::Refused(refusal) => Err(CallError::Refused(refusal)),
		}
	}

	pub(crate) async fn open(&self, to: &PeerAddress, kind: Kind) -> Result<Stream, CallError> {
		let address = to.parse()?;
		let (reply, opened) = oneshot::channel();
		let command = Command {
			peer: to.peer.0,
			address,
			kind,
			reply,
		};
		self.commands
			.send(command)
			.await
			.map_err(|_| CallError::Stopped)?;
		// The node bounds dialling and negotiation; this bound holds even if the node is stuck.
		let limit = self.timeouts.connect + self.timeouts.request;
		match timeout(limit, opened).await {
			Err(_) => Err(CallError::Timeout(Phase::Connect)),
			// The connection broke before the stream was negotiated.
			Ok(Err(_)) => Err(FrameError::Closed.into()),
			Ok(Ok(result)) => result,
		}
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

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Duplex for S {}

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
	pub(crate) fn over(
		stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
		idle: Duration,
	) -> Self {
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
			Ok(InferFrame::Accepted) => Err(crate::Violation::AcceptedTwice.into()),
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

async fn within<T>(
	limit: Duration,
	phase: Phase,
	work: impl Future<Output = Result<T, FrameError>>,
) -> Result<T, CallError> {
	match timeout(limit, work).await {
		Ok(result) => Ok(result?),
		Err(_) => Err(CallError::Timeout(phase)),
	}
}

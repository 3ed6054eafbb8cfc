//! The miner's side: one task for each stream that a peer opened.

use crate::{
	PeerId, Timeouts,
	admission::Places,
	error::Violation,
	frame::{self, FrameError},
	message::{InferFrame, InferRequest, OpeningReply, OpeningRequest, Progress, Refusal},
	strangers::StrangerPlace,
	streams::Kind,
};
use async_trait::async_trait;
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, io::ReadHalf};
use infergrid_primitives::AccountBytes;
use std::{fmt, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::timeout};

/// Frames that wait for a slow reader before [`FrameSender::send`] waits too.
const FRAMES_WAITING: usize = 64;

/// How long a refused peer may take to read why.
const REFUSAL_LINGER: Duration = Duration::from_secs(2);

/// Who asks, as far as the service can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
	/// A verifier that was drawn to see what it asks for.
	Verifier(AccountBytes),
	/// The payer of a task that is known here.
	Payer(AccountBytes),
	/// Somebody who asks for what is not known here, or not yet.
	Unknown,
}

/// Answers peers. A miner implements it.
#[async_trait]
pub trait Service: Send + Sync + 'static {
	/// Who asks for an answer. Checks the request's signature; must not take long.
	async fn who_infers(&self, peer: PeerId, request: &InferRequest) -> Result<Caller, Refusal>;

	/// Who asks for an opening. Checks the request's signature; must not take long.
	async fn who_opens(&self, peer: PeerId, request: &OpeningRequest) -> Result<Caller, Refusal>;

	/// Answers `request` from `peer` with frames in the order that [`InferFrame`] gives. Returning
	/// without `Done` or `Refused` tells the peer that the node failed. Dropped when the peer goes
	/// before the last frame is written.
	async fn infer(&self, peer: PeerId, request: InferRequest, frames: FrameSender);

	/// Opens a receipt for a verifier.
	async fn opening(&self, peer: PeerId, request: OpeningRequest) -> OpeningReply;
}

/// The peer has gone, or a frame was out of order: nothing more can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the peer does not take frames any more")]
pub struct PeerGone;

/// Where [`Service::infer`] puts its frames.
#[derive(Clone)]
pub struct FrameSender(mpsc::Sender<InferFrame>);

impl FrameSender {
	/// A sender and its other end, as a service's own tests need it.
	pub fn channel(capacity: usize) -> (Self, mpsc::Receiver<InferFrame>) {
		let (sender, receiver) = mpsc::channel(capacity.max(1));
		(Self(sender), receiver)
	}

	/// Hands one frame over, waiting while the peer reads slowly. Cancel-safe: a cancelled frame is
	/// not sent.
	pub async fn send(&self, frame: InferFrame) -> Result<(), PeerGone> {
		self.0.send(frame).await.map_err(|_| PeerGone)
	}

	/// Ends when the peer has gone.
	pub async fn closed(&self) {
		self.0.closed().await;
	}
}

impl fmt::Debug for FrameSender {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("FrameSender")
			.field("closed", &self.0.is_closed())
			.finish()
	}
}

/// How a stream ended early; only for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
	#[error("the request did not arrive in time")]
	RequestTimeout,
	#[error("its place was needed for somebody else")]
	GaveWay,
	#[error("refused: {0}")]
	Refused(Refusal),
	#[error("the peer reads too slowly")]
	WriteTimeout,
	#[error("the peer closed the stream early")]
	PeerGone,
	#[error("the peer sent bytes after its request")]
	Talkative,
	#[error("the service sent {0}")]
	Service(#[from] Violation),
	#[error(transparent)]
	Frame(#[from] FrameError),
}

/// What all streams share.
#[derive(Clone)]
pub(crate) struct Door {
	pub(crate) service: Arc<dyn Service>,
	pub(crate) places: Arc<Places>,
	pub(crate) timeouts: Timeouts,
}

/// Serves one stream to its end. `stranger` is its place until it is known who asks.
pub(crate) async fn serve<S>(
	door: Door,
	peer: PeerId,
	kind: Kind,
	stranger: StrangerPlace<PeerId>,
	stream: S,
) -> Result<(), ServeError>
where
	S: AsyncRead + AsyncWrite + Unpin + Send,
{
	match kind {
		Kind::Infer => serve_infer(door, peer, stranger, stream).await,
		Kind::Opening => serve_opening(door, peer, stranger, stream).await,
	}
}

/// Reads a request and finds out who asks, in the short time and the place that a stranger has.
async fn received<S, M: frame::Message, F>(
	kind: Kind,
	mut stream: S,
	(stranger, limit): (StrangerPlace<PeerId>, Duration),
	who: impl FnOnce(M) -> F,
) -> Result<(M, Caller, S), ServeError>
where
	S: AsyncRead + AsyncWrite + Unpin + Send,
	F: Future<Output = (M, Result<Caller, Refusal>)>,
{
	let told = async {
		let request = frame::read(&mut stream).await?;
		Ok::<_, FrameError>(who(request).await)
	};
	let told = tokio::select! {
		() = stranger.gives_way.cancelled() => return Err(ServeError::GaveWay),
		told = timeout(limit, told) => told,
	};
	match told {
		Err(_) => Err(ServeError::RequestTimeout),
		Ok(Ok((request, Ok(caller)))) => Ok((request, caller, stream)),
		Ok(Ok((_, Err(refusal)))) => {
			drop(stranger);
			refuse(kind, stream, refusal).await;
			Err(ServeError::Refused(refusal))
		}
		Ok(Err(error)) => {
			drop(stranger);
			refuse_malformed(kind, stream, &error).await;
			Err(error.into())
		}
	}
}

/// Tells the peer why its stream is not served.
pub(crate) async fn refuse<S>(kind: Kind, mut stream: S, refusal: Refusal)
where
	S: AsyncRead + AsyncWrite + Unpin,
{
	let told = async {
		match kind {
			Kind::Infer => frame::write(&mut stream, &InferFrame::Refused(refusal)).await?,
			Kind::Opening => frame::write(&mut stream, &OpeningReply::Refused(refusal)).await?,
		}
		stream.close().await?;
		// Dropping a stream with unread bytes resets it, and a reset may overtake the refusal.
		let mut rest = [0; 4096];
		while stream.read(&mut rest).await? > 0 {}
		Ok::<_, FrameError>(())
	};
	// Whether the peer reads it or not, the stream is over.
	let _ = timeout(REFUSAL_LINGER, told).await;
}

async fn serve_infer<S>(
	door: Door,
	peer: PeerId,
	stranger: StrangerPlace<PeerId>,
	stream: S,
) -> Result<(), ServeError>
where
	S: AsyncRead + AsyncWrite + Unpin + Send,
{
	let Door {
		service,
		places,
		timeouts,
	} = door;
	let who = |request: InferRequest| async {
		let caller = service.who_infers(peer, &request).await;
		(request, caller)
	};
	let in_time = (stranger, timeouts.stranger);
	let (request, caller, stream) = received(Kind::Infer, stream, in_time, who).await?;
	let Some(_place) = places.admit(peer, caller) else {
		refuse(Kind::Infer, stream, Refusal::Busy).await;
		return Err(ServeError::Refused(Refusal::Busy));
	};
	let (mut reader, mut writer) = stream.split();
	let (frames, waiting) = mpsc::channel(FRAMES_WAITING);
	let mut work = service.infer(peer, request, FrameSender(frames));
	let deliver = async {
		tokio::select! {
			// An answer that is complete counts even if the peer has closed the stream since.
			biased;
			result = write_answer(waiting, &mut writer, timeouts.write) => result,
			error = peer_leaves(&mut reader) => Err(error),
		}
	};
	tokio::pin!(deliver);
	tokio::select! {
		() = &mut work => deliver.await,
		result = &mut deliver => {
			// What the service does after its last frame is not cut short.
			if result.is_ok() {
				work.await;
			}
			result
		},
	}
}

/// Writes frames up to the last one of an answer, and makes sure that there is one.
async fn write_answer(
	mut frames: mpsc::Receiver<InferFrame>,
	writer: &mut (impl AsyncWrite + Unpin),
	limit: Duration,
) -> Result<(), ServeError> {
	let mut progress = Progress::default();
	while progress != Progress::Over
		&& let Some(frame) = frames.recv().await
	{
		progress = progress.after(&frame)?;
		send(writer, &frame, limit).await?;
	}
	if progress != Progress::Over {
		send(writer, &InferFrame::Refused(Refusal::Internal), limit).await?;
	}
	// The answer is written: a peer that does not let the stream close loses only its own time.
	let _ = timeout(limit, writer.close()).await;
	Ok(())
}

async fn serve_opening<S>(
	door: Door,
	peer: PeerId,
	stranger: StrangerPlace<PeerId>,
	stream: S,
) -> Result<(), ServeError>
where
	S: AsyncRead + AsyncWrite + Unpin + Send,
{
	let Door {
		service,
		places,
		timeouts,
	} = door;
	let who = |request: OpeningRequest| async {
		let caller = service.who_opens(peer, &request).await;
		(request, caller)
	};
	let in_time = (stranger, timeouts.stranger);
	let (request, caller, stream) = received(Kind::Opening, stream, in_time, who).await?;
	let Some(_place) = places.admit(peer, caller) else {
		refuse(Kind::Opening, stream, Refusal::Busy).await;
		return Err(ServeError::Refused(Refusal::Busy));
	};
	let (mut reader, mut writer) = stream.split();
	let answer = async {
		let reply = service.opening(peer, request).await;
		let sent = send(&mut writer, &reply, timeouts.write).await;
		if let Err(ServeError::Frame(FrameError::Oversize { .. })) = sent {
			send(
				&mut writer,
				&OpeningReply::Refused(Refusal::Internal),
				timeouts.write,
			)
			.await?;
		}
		sent?;
		let _ = timeout(timeouts.write, writer.close()).await;
		Ok(())
	};
	tokio::select! {
		biased;
		result = answer => result,
		error = peer_leaves(&mut reader) => Err(error),
	}
}

async fn refuse_malformed<S>(kind: Kind, stream: S, error: &FrameError)
where
	S: AsyncRead + AsyncWrite + Unpin,
{
	match error {
		FrameError::Oversize { .. } | FrameError::Malformed { .. } => {
			refuse(kind, stream, Refusal::Malformed).await;
		}
		FrameError::Closed | FrameError::Truncated | FrameError::Io(_) => {}
	}
}

async fn send<M: frame::Message>(
	writer: &mut (impl AsyncWrite + Unpin),
	message: &M,
	limit: Duration,
) -> Result<(), ServeError> {
	match timeout(limit, frame::write(writer, message)).await {
		Ok(result) => Ok(result?),
		Err(_) => Err(ServeError::WriteTimeout),
	}
}

/// Ends when the peer closes its side or breaks the rule that it sends nothing after its request.
async fn peer_leaves<S: AsyncRead + Unpin>(reader: &mut ReadHalf<S>) -> ServeError {
	match reader.read(&mut [0; 1]).await {
		Ok(0) => ServeError::PeerGone,
		Ok(_) => ServeError::Talkative,
		Err(error) => ServeError::Frame(error.into()),
	}
}

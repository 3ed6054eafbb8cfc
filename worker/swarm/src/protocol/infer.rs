//! `infer`: the payer of a task asks the miner to which it is assigned for the answer.

mod answer;
mod message;

pub use answer::{Answer, InferStream};
#[cfg(test)]
pub(crate) use message::Progress as AnswerProgress;
pub use message::{InferFrame, InferRequest};

use crate::{
	PeerId,
	admission::{Admission, Permit},
	protocol::{Door, DoorLimits, End, Guest, Handler, Inbound, Refusal, Room, peer_leaves, send},
	standing::AtWork,
};
use async_trait::async_trait;
use futures::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use infergrid_primitives::{AccountBytes, TaskId};
use message::Progress;
use std::{fmt, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::timeout};

const NAME: &str = "infer";

/// Frames that wait for a slow reader before [`FrameSender::send`] waits too.
const FRAMES_WAITING: usize = 64;

/// Answers payers. A miner implements it.
#[async_trait]
pub trait Answers: Send + Sync + 'static {
	/// The payer that asks. Fails with [`Refusal::Unauthorised`] unless the request is signed for `peer`
	/// by the payer of its task, and with [`Refusal::Unknown`] if it is signed and the task is not known
	/// here, not yet perhaps. Must not take long.
	async fn who_infers(
		&self,
		peer: PeerId,
		request: &InferRequest,
	) -> Result<AccountBytes, Refusal>;

	/// Ends when `task` is known here, which may be never: a payer may hear of an assignment before
	/// its miner does. Dropped after [`InferLimits::wait`].
	async fn known(&self, task: TaskId);

	/// Answers a request that was found to be its payer's, with frames in the order that
	/// [`InferFrame`] gives. Returning without `Done` or `Refused` tells the peer that the node failed.
	/// Dropped when the peer goes before the last frame is written.
	async fn infer(&self, peer: PeerId, request: InferRequest, frames: FrameSender);
}

/// The peer has gone, or a frame was out of order: nothing more can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the peer does not take frames any more")]
pub struct PeerGone;

/// Where [`Answers::infer`] puts its frames.
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

/// How much an [`InferHandler`] does at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InferLimits {
	/// Requests of whoever it may be.
	pub door: DoorLimits,
	/// Answers to payers of tasks that are known here; further ones are refused as busy.
	pub answers: usize,
	/// Answers to one payer.
	pub per_payer: usize,
	/// Answers to one task: its payer may ask anew while the connection of its last try dies.
	pub per_task: usize,
	/// Requests that wait for their tasks to be known. Above it the oldest of the address with the most
	/// is refused.
	pub waiting: usize,
	/// Those of one IPv4 address or IPv6 network of 64 bits.
	pub waiting_per_site: usize,
	/// How long they wait.
	pub wait: Duration,
	/// To hand one frame to a peer that reads slowly.
	pub write: Duration,
}

impl Default for InferLimits {
	fn default() -> Self {
		// A request has at most 1 MiB: 512 of them, at the door and in answer. A gateway serves many
		// clients, so one payer may hold half of the places, and ask for them all at once.
		Self {
			door: DoorLimits {
				requests: 128,
				per_site: 128,
				arrival: Duration::from_secs(10),
				authorisation: Duration::from_secs(5),
			},
			answers: 256,
			per_payer: 128,
			per_task: 4,
			waiting: 64,
			waiting_per_site: 32,
			wait: Duration::from_secs(10),
			write: Duration::from_secs(30),
		}
	}
}

/// By what places for answers are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Held {
	By(AccountBytes),
	For(TaskId),
}

/// Serves `infer`.
pub struct InferHandler {
	service: Arc<dyn Answers>,
	limits: InferLimits,
	door: Door,
	waiting: Room,
	places: Admission<Held>,
}

/// What an authorised request holds while it is answered.
struct Place {
	_permit: Permit<Held>,
	_at_work: AtWork,
}

impl fmt::Debug for InferHandler {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("InferHandler")
			.field("limits", &self.limits)
			.finish_non_exhaustive()
	}
}

impl InferHandler {
	/// A handler with default limits.
	pub fn new(service: Arc<dyn Answers>) -> Self {
		Self::with_limits(service, InferLimits::default())
	}

	/// A handler with `limits`.
	pub fn with_limits(service: Arc<dyn Answers>, limits: InferLimits) -> Self {
		let door = Door::new(limits.door);
		Self {
			service,
			limits,
			waiting: Room::new(
				limits.waiting,
				limits.waiting_per_site,
				door.closing.clone(),
			),
			door,
			places: Admission::new(limits.answers),
		}
	}

	/// Reads the request, and finds out whose it is.
	async fn admit(&self, stream: &mut Inbound) -> Result<(InferRequest, Place), End> {
		let (request, guest) = self.door.receive::<InferRequest>(stream).await?;
		let who = self.service.who_infers(stream.peer, &request);
		let payer = match self.door.authorise(&guest, who).await? {
			Err(Refusal::Unknown) => self.wait(stream, &request, guest).await?,
			known => known?,
		};
		let permit = self
			.places
			.admit(&[
				(Held::By(payer), self.limits.per_payer),
				(Held::For(request.task), self.limits.per_task),
			])
			.ok_or(Refusal::Busy)?;
		let place = Place {
			_permit: permit,
			_at_work: stream.standing.begin(),
		};
		Ok((request, place))
	}

	/// Waits in a room apart for a task to be known.
	async fn wait(
		&self,
		stream: &mut Inbound,
		request: &InferRequest,
		guest: Guest,
	) -> Result<AccountBytes, End> {
		let peer = stream.peer;
		let waiting = self.waiting.enter(stream.origin())?;
		drop(guest);
		let known = async {
			self.service.known(request.task).await;
			self.service.who_infers(peer, request).await
		};
		let known_or_left = async {
			tokio::select! {
				payer = known => payer.map_err(End::from),
				end = peer_leaves(stream) => Err(end),
			}
		};
		match waiting.within(self.limits.wait, known_or_left).await {
			Err(End::Late | End::GaveWay) => Err(Refusal::Unknown.into()),
			ended => ended?,
		}
	}

	async fn answer(&self, stream: &mut Inbound) -> Result<(), End> {
		let (request, _place) = self.admit(stream).await?;
		let peer = stream.peer;
		let (mut reader, mut writer) = stream.split();
		let (frames, waiting) = mpsc::channel(FRAMES_WAITING);
		let mut work = self.service.infer(peer, request, FrameSender(frames));
		let deliver = async {
			tokio::select! {
				// An answer that is complete counts even if the peer has closed the stream since.
				biased;
				result = write_answer(waiting, &mut writer, self.limits.write) => result,
				end = peer_leaves(&mut reader) => Err(end),
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
}

#[async_trait]
impl Handler for InferHandler {
	fn name(&self) -> &'static str {
		NAME
	}

	async fn serve(&self, mut stream: Inbound) {
		if let Err(end) = self.answer(&mut stream).await {
			self.door.dismiss(stream, end, InferFrame::Refused).await;
		}
	}

	async fn shutdown(&self) {
		self.door.closing.cancel();
	}
}

/// Writes frames up to the last one of an answer, and makes sure that there is one.
async fn write_answer(
	mut frames: mpsc::Receiver<InferFrame>,
	writer: &mut (impl AsyncWrite + Unpin),
	limit: Duration,
) -> Result<(), End> {
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

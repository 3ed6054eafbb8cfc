//! `opening`: a drawn verifier asks a miner to open an audited receipt.

use crate::{
	PeerAddress, PeerId, SwarmHandle,
	admission::Admission,
	error::{CallError, OpeningError},
	frame::{FrameError, Message},
	protocol::{Door, DoorLimits, End, Handler, Inbound, Refusal, peer_leaves, send},
};
use async_trait::async_trait;
use codec::{Decode, Encode};
use futures::{AsyncReadExt, AsyncWriteExt};
use infergrid_primitives::{AccountBytes, AuditId, Signature, TaskId, WorkerKey, request::Opening};
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::timeout;

const NAME: &str = "opening";

/// Asks a miner to open an audited receipt. The only frame a verifier sends on an `opening` stream.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OpeningRequest {
	/// The audit.
	pub audit: AuditId,
	/// The task whose receipt is audited.
	pub task: TaskId,
	/// The round of the audit for which the verifier was drawn.
	pub round: u8,
	/// The verifier's worker key.
	pub worker: WorkerKey,
	/// Its signature over [`opening_payload`](infergrid_primitives::request::opening_payload) with
	/// the peer id of the asking peer.
	pub signature: Signature,
}

/// The only frame a miner sends on an `opening` stream.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub enum OpeningReply {
	/// Everything the receipt commits to.
	#[codec(index = 0)]
	Opening(Opening),
	/// Nothing, and why.
	#[codec(index = 1)]
	Refused(Refusal),
}

impl fmt::Debug for OpeningReply {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Opening(opening) => f
				.debug_struct("Opening")
				.field("n_prompt", &opening.prompt.len())
				.field("n_out", &opening.output.len())
				.field("n_proofs", &opening.proofs.len())
				.finish_non_exhaustive(),
			Self::Refused(refusal) => f.debug_tuple("Refused").field(refusal).finish(),
		}
	}
}

impl Message for OpeningRequest {
	const MAX_BYTES: usize = 4 * 1024;
}

impl Message for OpeningReply {
	const MAX_BYTES: usize = 4 * 1024 * 1024;
}

/// Opens receipts. A miner implements it.
#[async_trait]
pub trait Openings: Send + Sync + 'static {
	/// The drawn verifier that asks. Fails with [`Refusal::Unauthorised`] unless the request is signed
	/// for `peer`, and with another refusal if the verifier is not to see the answer now. Must not take
	/// long.
	async fn who_opens(
		&self,
		peer: PeerId,
		request: &OpeningRequest,
	) -> Result<AccountBytes, Refusal>;

	/// Opens a receipt for a verifier that was found to be drawn.
	async fn opening(&self, peer: PeerId, request: OpeningRequest) -> OpeningReply;
}

/// How much an [`OpeningHandler`] does at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpeningLimits {
	/// Requests of whoever it may be.
	pub door: DoorLimits,
	/// Openings for drawn verifiers; further ones are refused as busy.
	pub openings: usize,
	/// Openings for one verifier.
	pub per_verifier: usize,
	/// To get the reply over to a peer that reads slowly.
	pub write: Duration,
}

impl Default for OpeningLimits {
	fn default() -> Self {
		// An opening has up to 4 MiB. The largest committee asks at once, and asks again.
		Self {
			door: DoorLimits {
				requests: 128,
				per_site: 64,
				arrival: Duration::from_secs(5),
				authorisation: Duration::from_secs(10),
			},
			openings: 64,
			per_verifier: 4,
			write: Duration::from_secs(30),
		}
	}
}

/// Serves `opening`. It has places of its own, so that payers keep no verifier out.
pub struct OpeningHandler {
	service: Arc<dyn Openings>,
	limits: OpeningLimits,
	door: Door,
	places: Admission<AccountBytes>,
}

impl fmt::Debug for OpeningHandler {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("OpeningHandler")
			.field("limits", &self.limits)
			.finish_non_exhaustive()
	}
}

impl OpeningHandler {
	/// A handler with default limits.
	pub fn new(service: Arc<dyn Openings>) -> Self {
		Self::with_limits(service, OpeningLimits::default())
	}

	/// A handler with `limits`.
	pub fn with_limits(service: Arc<dyn Openings>, limits: OpeningLimits) -> Self {
		Self {
			service,
			limits,
			door: Door::new(limits.door),
			places: Admission::new(limits.openings),
		}
	}

	async fn open(&self, stream: &mut Inbound) -> Result<(), End> {
		let (request, guest) = self.door.receive::<OpeningRequest>(stream).await?;
		let who = self.service.who_opens(stream.peer, &request);
		let verifier = self.door.authorise(&guest, who).await??;
		let place = self
			.places
			.admit(&[(verifier, self.limits.per_verifier)])
			.ok_or(Refusal::Busy)?;
		drop(guest);
		let at_work = stream.standing.begin();
		let peer = stream.peer;
		let (mut reader, mut writer) = stream.split();
		let answer = async {
			let reply = self.service.opening(peer, request).await;
			let limit = self.limits.write;
			match send(&mut writer, &reply, limit).await {
				Err(End::Frame(FrameError::Oversize { .. })) => {
					return Err(Refusal::Internal.into());
				}
				sent => sent?,
			}
			let _ = timeout(limit, writer.close()).await;
			Ok(())
		};
		let result = tokio::select! {
			biased;
			result = answer => result,
			end = peer_leaves(&mut reader) => Err(end),
		};
		drop((place, at_work));
		result
	}
}

#[async_trait]
impl Handler for OpeningHandler {
	fn name(&self) -> &'static str {
		NAME
	}

	async fn serve(&self, mut stream: Inbound) {
		if let Err(end) = self.open(&mut stream).await {
			self.door.dismiss(stream, end, OpeningReply::Refused).await;
		}
	}

	async fn shutdown(&self) {
		self.door.closing.cancel();
	}
}

impl SwarmHandle {
	/// Asks a miner to open an audited receipt.
	pub async fn fetch_opening(
		&self,
		to: &PeerAddress,
		request: OpeningRequest,
	) -> Result<Opening, OpeningError> {
		match self.ask(to, NAME, &request, self.timeouts.reply).await? {
			OpeningReply::Opening(opening) => Ok(opening),
			OpeningReply::Refused(refusal) => Err(CallError::Refused(refusal)),
		}
	}
}

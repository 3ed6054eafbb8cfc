//! Getting the opening from the miner, and finding out whose fault it is if there is none.

use crate::{AskError, Verifier, VerifierError, round::Round};
use infergrid_chain::{Duty, Offer, persist_latest};
use infergrid_primitives::{BlockNumber, request::Opening};
use infergrid_swarm::{OpeningRequest, PeerAddress};
use std::time::Duration;

/// Finalized blocks for which the miner is asked even by a verifier that comes late.
const LEAST_ASKING: BlockNumber = 3;
const ASK_PAUSE: Duration = Duration::from_secs(2);
/// Other miners that are tried to find out whether this machine reaches anybody.
const OTHERS: usize = 5;

/// What came of asking.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
	/// The opening.
	Opened(Box<Opening>),
	/// The miner is there and hides the answer, or is not there while others are.
	Withheld,
	/// Nobody is reached from here: nothing can be said of the miner.
	CutOff,
}

impl Verifier {
	/// Asks the miner for the opening until block `give_up`.
	pub(crate) async fn opening(
		&self,
		duty: &Duty,
		round: &Round,
		give_up: BlockNumber,
	) -> Result<Asked, VerifierError> {
		let give_up = give_up.max(self.ledger.finalized().saturating_add(LEAST_ASKING));
		let mut last = AskError::Unreached("it was not asked in time".into());
		let asking = async {
			loop {
				match self.ask(duty, round).await? {
					Ok(opening) => return Ok::<_, VerifierError>(Asked::Opened(Box::new(opening))),
					Err(error) => last = error,
				}
				tracing::debug!(audit = duty.audit, reason = %last, "no opening yet");
				tokio::time::sleep(ASK_PAUSE).await;
			}
		};
		tokio::select! {
			asked = asking => return asked,
			late = persist_latest(|| self.ledger.reach(give_up)) => late?,
		};
		let withheld = match &last {
			AskError::Refused(_) => true,
			// A dead network of this machine's own would not be closed on again and again.
			AskError::Closed(_) => self.reaches_others(duty, round).await?.unwrap_or(true),
			// Without another miner to compare with, it may be this machine that is cut off.
			AskError::Silent(_) | AskError::Unreached(_) => {
				self.reaches_others(duty, round).await?.unwrap_or(false)
			}
		};
		if withheld {
			tracing::warn!(audit = duty.audit, reason = %last, "the miner does not open the receipt");
			Ok(Asked::Withheld)
		} else {
			tracing::error!(
				audit = duty.audit,
				reason = %last,
				"no other miner is reached from here, or there is none: check this machine's network and \
				 firewall. Saying nothing of the miner"
			);
			Ok(Asked::CutOff)
		}
	}

	/// Asks the miner once, at the address in its offer.
	async fn ask(
		&self,
		duty: &Duty,
		round: &Round,
	) -> Result<Result<Opening, AskError>, VerifierError> {
		let work = &round.audit.work;
		let before = round.audit.included_at;
		let offer =
			persist_latest(|| self.ledger.offer(&work.profile, &work.miner, before)).await?;
		let Some(to) = offer.as_ref().and_then(address) else {
			return Ok(Err(AskError::Refused(
				"it has withdrawn its offer, or gives no address".into(),
			)));
		};
		let request = self.request(duty);
		Ok(self.miners.opening(&to, request).await)
	}

	fn request(&self, duty: &Duty) -> OpeningRequest {
		let peer = self.miners.peer();
		let genesis = self.ledger.genesis();
		OpeningRequest {
			audit: duty.audit,
			task: duty.task,
			round: duty.round,
			worker: self.ledger.worker(),
			signature: self
				.key
				.sign_opening_request(&genesis, duty.task, duty.round, &peer),
		}
	}

	/// Whether any other miner answers: with a refusal, as it has nothing to open. None if there is no
	/// other.
	async fn reaches_others(
		&self,
		duty: &Duty,
		round: &Round,
	) -> Result<Option<bool>, VerifierError> {
		let work = &round.audit.work;
		let offers = persist_latest(|| self.ledger.offers(&work.profile)).await?;
		let others = offers
			.iter()
			.filter(|(miner, _)| *miner != work.miner)
			.filter_map(|(_, offer)| address(offer));
		let mut reached = None;
		for other in others.take(OTHERS) {
			match self.miners.opening(&other, self.request(duty)).await {
				Ok(_) | Err(AskError::Refused(_)) => return Ok(Some(true)),
				Err(AskError::Silent(_) | AskError::Closed(_) | AskError::Unreached(_)) => {
					reached = Some(false)
				}
			}
		}
		Ok(reached)
	}
}

fn address(offer: &Offer) -> Option<PeerAddress> {
	PeerAddress::from_bytes(&offer.terms.peer, &offer.terms.address).ok()
}

//! The miners' streams.

use anyhow::{Context, Result, bail};
use infergrid_chain::{Chain, Event, Key};
use infergrid_primitives::{
	AIT, AuditId, TaskId,
	request::{SamplingParams, opening_payload},
};
use infergrid_swarm::{
	CallError, NodeSecret, OpeningRequest, PeerAddress, Refusal, Swarm, SwarmConfig, SwarmHandle,
};
use infergrid_tests::{
	client::{Sealed, order, peer_of, submit},
	grid::Grid,
	history::{History, assigned},
	keys::CREATOR,
};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(180);

/// Tries the streams of a miner that has a task of the payer `uri`.
pub(crate) async fn refuse(grid: &Grid, chain: &Chain, uri: &str) -> Result<()> {
	let genesis = chain.genesis();
	let payer = grid.submitter(uri)?;
	let sealed = Sealed {
		salt: [1; 32],
		prompt: vec![1, 2, 3],
	};
	let mut order = order(grid, "", SamplingParams::greedy(16), AIT);
	order.input = sealed.input(&genesis);
	let mut history = History::from_now(chain);
	let task = submit(&payer, &order).await?;
	let miner = history
		.until("assignment", SOON, |events| assigned(events, task))
		.await?;
	let to = peer_of(chain, &grid.profile, &miner).await?;
	// Others have work on this grid. Two blocks more, and the miner knows of it, too.
	let foreign = history
		.until("audit of another task", SOON, |events| {
			audit_of_another(events, task)
		})
		.await?;
	chain.reach(chain.finalized() + 2, SOON).await?;

	let mut config = SwarmConfig::new(NodeSecret::new([5; 32]), Vec::new(), genesis);
	config.addresses.allow_local = true;
	let (swarm, node) = Swarm::builder(config).start().await?;
	let stranger = Stranger {
		chain,
		swarm: &swarm,
		to: &to,
		task,
	};
	let result = async {
		stranger.is_refused_answers(payer.key(), &sealed).await?;
		stranger.is_refused_openings(foreign).await?;
		// The payer itself is still served.
		let own = sealed.delivery(&genesis, task, payer.key(), &swarm.peer_id().to_bytes());
		let mut answer = swarm.infer(&to, own).await?;
		while let Some(part) = answer.next().await {
			part?;
		}
		anyhow::Ok(())
	};
	let result = result.await;
	node.shutdown().await;
	result
}

fn audit_of_another(events: &[Event], task: TaskId) -> Option<AuditId> {
	events.iter().find_map(|event| match event {
		Event::ResultSubmitted(event) if event.task != task => Some(event.audit),
		_ => None,
	})
}

/// A peer that asks a miner for what is not meant for it.
struct Stranger<'a> {
	chain: &'a Chain,
	swarm: &'a SwarmHandle,
	to: &'a PeerAddress,
	task: TaskId,
}

impl Stranger<'_> {
	async fn is_refused_answers(&self, payer: &Key, sealed: &Sealed) -> Result<()> {
		let genesis = self.chain.genesis();
		let me = self.swarm.peer_id().to_bytes();
		let thief = Key::from_uri(CREATOR)?;
		let with = |prompt: &[u32]| Sealed {
			prompt: prompt.to_vec(),
			..sealed.clone()
		};
		for (name, request, expected) in [
			(
				"not the payer",
				sealed.delivery(&genesis, self.task, &thief, &me),
				Refusal::Unauthorised,
			),
			(
				"a replay by another peer",
				sealed.delivery(&genesis, self.task, payer, &[7; 38]),
				Refusal::Unauthorised,
			),
			(
				"another prompt",
				with(&[1, 2]).delivery(&genesis, self.task, payer, &me),
				Refusal::PromptMismatch,
			),
			(
				"no prompt",
				with(&[]).delivery(&genesis, self.task, payer, &me),
				Refusal::PromptMismatch,
			),
		] {
			expect(self.swarm.infer(self.to, request).await.map(drop), expected).context(name)?;
		}
		Ok(())
	}

	async fn is_refused_openings(&self, foreign: AuditId) -> Result<()> {
		let genesis = self.chain.genesis();
		let me = self.swarm.peer_id().to_bytes();
		let thief = Key::from_uri(CREATOR)?;
		let opening = |peer: &[u8], audit| OpeningRequest {
			audit,
			task: self.task,
			round: 0,
			worker: thief.public(),
			signature: thief.sign(&opening_payload(&genesis, self.task, 0, peer)),
		};
		for (name, request, expected) in [
			(
				"a replayed opening request",
				opening(&[7; 38], 0),
				Refusal::Unauthorised,
			),
			("an unknown audit", opening(&me, u64::MAX), Refusal::Unknown),
			(
				"an audit of another task",
				opening(&me, foreign),
				Refusal::NotAssigned,
			),
		] {
			let found = self.swarm.fetch_opening(self.to, request).await.map(drop);
			expect(found, expected).context(name)?;
		}
		Ok(())
	}
}

fn expect(found: Result<(), CallError>, expected: Refusal) -> Result<()> {
	match found {
		Err(CallError::Refused(found)) if found == expected => Ok(()),
		other => bail!("{other:?} instead of {expected:?}"),
	}
}

//! The chain as a verifier needs it.

use async_trait::async_trait;
use infergrid_chain::{
	Audit, Call, Chain, Duty, Offer, ReadError, Standing, SubmitError, Submitter, Task, View,
};
use infergrid_primitives::{
	AccountBytes, AuditId, BlockNumber, Hash, TaskId, WorkerKey, audit::Vote, market::Role,
	request::Receipt,
};
use std::fmt;

/// The audits after one block. Implemented over a node's state, and by a fake in tests.
#[async_trait]
pub trait Audits: Send + Sync {
	/// The block.
	fn block(&self) -> BlockNumber;

	/// The running audits on whose committee `verifier` sits, without those that this version cannot
	/// read.
	async fn duties(&self, verifier: &AccountBytes) -> Result<Vec<Duty>, ReadError>;
}

/// The finalized chain, and the way into it. Implemented over a node, and by a fake in tests.
#[async_trait]
pub trait Ledger: fmt::Debug + Send + Sync + 'static {
	/// Hash of the chain's first block.
	fn genesis(&self) -> Hash;

	/// The account that signs extrinsics: the worker key's.
	fn worker(&self) -> WorkerKey;

	/// The last finalized block.
	fn finalized(&self) -> BlockNumber;

	/// Waits until `block` is finalized.
	async fn reach(&self, block: BlockNumber) -> Result<(), ReadError>;

	/// An audit.
	async fn audit(&self, audit: AuditId) -> Result<Option<Audit>, ReadError>;

	/// A task, its receipt, and the text of an inline prompt.
	async fn work(
		&self,
		task: TaskId,
	) -> Result<Option<(Task, Receipt, Option<Vec<u8>>)>, ReadError>;

	/// A miner's offer now, or else before block `before`, if the node still knows that.
	async fn offer(
		&self,
		profile: &Hash,
		miner: &AccountBytes,
		before: BlockNumber,
	) -> Result<Option<Offer>, ReadError>;

	/// Everybody's offers for a profile.
	async fn offers(&self, profile: &Hash) -> Result<Vec<(AccountBytes, Offer)>, ReadError>;

	/// The commitment of a verifier's vote.
	async fn commitment(
		&self,
		audit: AuditId,
		verifier: &AccountBytes,
	) -> Result<Option<Hash>, ReadError>;

	/// Whether a verifier has revealed its vote.
	async fn has_voted(&self, audit: AuditId, verifier: &AccountBytes) -> Result<bool, ReadError>;

	/// The audits of `profile` for which `verifier` was drawn and can still vote, each with the last block
	/// of the running phase.
	async fn votes_owed(
		&self,
		profile: &Hash,
		verifier: &AccountBytes,
	) -> Result<Vec<(AuditId, BlockNumber)>, ReadError>;

	/// How `operator` stands as a verifier of `profile`, with this worker acting for it.
	async fn standing(
		&self,
		operator: &AccountBytes,
		profile: &Hash,
	) -> Result<Standing, ReadError>;

	/// Joins the list of those that stand for `profile`, unless the chain would refuse that now.
	async fn stand(&self, profile: &Hash) -> Result<(), SubmitError>;

	/// Leaves the list of those that stand for `profile`.
	async fn stand_down(&self, profile: &Hash) -> Result<(), SubmitError>;

	/// Brings a commitment on chain by block `by`, trying again until then whatever may pass.
	async fn commit(
		&self,
		audit: AuditId,
		commitment: &Hash,
		by: BlockNumber,
	) -> Result<(), SubmitError>;

	/// Brings a vote on chain by block `by`, trying again until then whatever may pass.
	async fn reveal(
		&self,
		audit: AuditId,
		vote: &Vote,
		salt: &Hash,
		by: BlockNumber,
	) -> Result<(), SubmitError>;
}

#[async_trait]
impl Audits for View {
	fn block(&self) -> BlockNumber {
		self.block().number
	}

	async fn duties(&self, verifier: &AccountBytes) -> Result<Vec<Duty>, ReadError> {
		self.duties(verifier).await
	}
}

/// A node, and the worker key's extrinsics.
#[derive(Clone, Debug)]
pub struct Node {
	submitter: Submitter,
}

impl Node {
	/// The chain behind `submitter`.
	pub fn new(submitter: Submitter) -> Self {
		Self { submitter }
	}

	fn chain(&self) -> &Chain {
		self.submitter.chain()
	}

	async fn view(&self) -> Result<View, ReadError> {
		self.chain().latest().await
	}

	async fn offer_before(
		&self,
		profile: &Hash,
		miner: &AccountBytes,
		block: BlockNumber,
	) -> Result<Option<Offer>, ReadError> {
		let block = self.chain().block(block.saturating_sub(1)).await?;
		self.chain()
			.at(block)
			.await?
			.last_offer(profile, miner)
			.await
	}
}

#[async_trait]
impl Ledger for Node {
	fn genesis(&self) -> Hash {
		self.chain().genesis()
	}

	fn worker(&self) -> WorkerKey {
		self.submitter.account()
	}

	fn finalized(&self) -> BlockNumber {
		self.chain().finalized()
	}

	async fn reach(&self, block: BlockNumber) -> Result<(), ReadError> {
		self.chain().blocks(block).next().await.map(drop)
	}

	async fn audit(&self, audit: AuditId) -> Result<Option<Audit>, ReadError> {
		self.view().await?.audit(audit).await
	}

	async fn work(
		&self,
		task: TaskId,
	) -> Result<Option<(Task, Receipt, Option<Vec<u8>>)>, ReadError> {
		let view = self.view().await?;
		let (Some(found), Some(receipt)) = (view.task(task).await?, view.receipt(task).await?)
		else {
			return Ok(None);
		};
		Ok(Some((found, receipt, view.prompt(task).await?)))
	}

	async fn offer(
		&self,
		profile: &Hash,
		miner: &AccountBytes,
		before: BlockNumber,
	) -> Result<Option<Offer>, ReadError> {
		if let Some(offer) = self.view().await?.last_offer(profile, miner).await? {
			return Ok(Some(offer));
		}
		// The node may have forgotten that state.
		Ok(self
			.offer_before(profile, miner, before)
			.await
			.unwrap_or_default())
	}

	async fn offers(&self, profile: &Hash) -> Result<Vec<(AccountBytes, Offer)>, ReadError> {
		self.view().await?.offers(profile).await
	}

	async fn commitment(
		&self,
		audit: AuditId,
		verifier: &AccountBytes,
	) -> Result<Option<Hash>, ReadError> {
		self.view().await?.commitment(audit, verifier).await
	}

	async fn has_voted(&self, audit: AuditId, verifier: &AccountBytes) -> Result<bool, ReadError> {
		Ok(self.view().await?.vote(audit, verifier).await?.is_some())
	}

	async fn votes_owed(
		&self,
		profile: &Hash,
		verifier: &AccountBytes,
	) -> Result<Vec<(AuditId, BlockNumber)>, ReadError> {
		let owed = self.view().await?.votes_owed(verifier).await?;
		let here = owed.into_iter().filter(|(_, of, _)| of == profile);
		Ok(here.map(|(audit, _, until)| (audit, until)).collect())
	}

	async fn standing(
		&self,
		operator: &AccountBytes,
		profile: &Hash,
	) -> Result<Standing, ReadError> {
		let view = self.view().await?;
		view.standing(Role::Verifier, operator, &self.worker(), profile)
			.await
	}

	async fn stand(&self, profile: &Hash) -> Result<(), SubmitError> {
		let call = Call::stand(profile);
		self.submitter.submit_checked(&call).await.map(drop)
	}

	async fn stand_down(&self, profile: &Hash) -> Result<(), SubmitError> {
		let call = Call::stand_down(profile);
		self.submitter.submit(&call, None).await.map(drop)
	}

	async fn commit(
		&self,
		audit: AuditId,
		commitment: &Hash,
		by: BlockNumber,
	) -> Result<(), SubmitError> {
		let call = Call::commit_vote(audit, commitment);
		self.submitter.submit_by(&call, by).await.map(drop)
	}

	async fn reveal(
		&self,
		audit: AuditId,
		vote: &Vote,
		salt: &Hash,
		by: BlockNumber,
	) -> Result<(), SubmitError> {
		let call = Call::reveal_vote(audit, vote, salt);
		self.submitter.submit_by(&call, by).await.map(drop)
	}
}

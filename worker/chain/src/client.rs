//! The connection to a chain and the finalized blocks that come through it.

use crate::{
	block::BlockId,
	error::{ConnectError, ReadError},
	health::{ChainHealth, Watcher},
	names::pallet,
	transport::{Dial, Options, Rpc, Transport, WebSockets},
	view::View,
};
use infergrid_primitives::{BlockNumber, Hash};
use std::{sync::Arc, time::Duration};
use subxt::{
	OnlineClient, PolkadotConfig, backend::LegacyBackend, config::polkadot::H256, rpcs::RpcClient,
};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

/// A connection to a chain. Clones share it; it closes when the last one is dropped.
#[derive(Clone)]
pub struct Chain {
	inner: Arc<Inner>,
}

struct Inner {
	client: OnlineClient<PolkadotConfig>,
	rpc: Rpc,
	genesis: Hash,
	finalized: watch::Receiver<BlockNumber>,
	health: watch::Receiver<ChainHealth>,
	watcher: JoinHandle<()>,
}

impl Drop for Inner {
	fn drop(&mut self) {
		self.watcher.abort();
	}
}

impl std::fmt::Debug for Chain {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		f.debug_struct("Chain")
			.field("finalized", &self.finalized())
			.finish_non_exhaustive()
	}
}

impl Chain {
	/// Connects to the first endpoint that answers and follows its finalized blocks. Endpoints that
	/// fail later are replaced by the next. Says in the log what it tries; it may be cancelled at any
	/// time, as by a `select!` with a signal.
	pub async fn connect(options: Options) -> Result<Self, ConnectError> {
		Self::dial(options, Box::new(WebSockets)).await
	}

	pub(crate) async fn dial(options: Options, dial: Box<dyn Dial>) -> Result<Self, ConnectError> {
		let stall_after = options.stall_timeout;
		let transport = Transport::connect(options, dial).await?;
		let rpc_client = RpcClient::new(transport.clone());
		let unusable = |error: subxt::Error| ConnectError::Unusable(Box::new(error));
		let backend: LegacyBackend<PolkadotConfig> =
			LegacyBackend::builder().build(rpc_client.clone());
		let config = PolkadotConfig::builder().use_historic_types(false).build();
		let client = OnlineClient::from_backend_with_config(config, Arc::new(backend))
			.await
			.map_err(|error| unusable(error.into()))?;
		let rpc = Rpc::new(rpc_client);
		let genesis = client.genesis_hash().0;
		transport.pin_genesis(genesis);

		let at = client
			.at_current_block()
			.await
			.map_err(|error| unusable(error.into()))?;
		for name in [
			pallet::STAKING,
			pallet::MODELS,
			pallet::TASKS,
			pallet::AUDITS,
		] {
			if at.metadata_ref().pallet_by_name(name).is_none() {
				return Err(ConnectError::WrongChain(name));
			}
		}
		let reached = at.block_number() as BlockNumber;
		let (finalized_sender, finalized) = watch::channel(reached);
		let (health_sender, health) = watch::channel(ChainHealth::new(reached, stall_after));
		let watcher = Watcher {
			transport,
			rpc: rpc.clone(),
			finalized: finalized_sender,
			health: health_sender,
			stall_after,
		};
		#[expect(
			clippy::disallowed_methods,
			reason = "the client's one task: it keeps the handle"
		)]
		let watcher = tokio::spawn(watcher.run());
		Ok(Self {
			inner: Arc::new(Inner {
				client,
				rpc,
				genesis,
				finalized,
				health,
				watcher,
			}),
		})
	}

	/// The genesis hash.
	pub fn genesis(&self) -> Hash {
		self.inner.genesis
	}

	/// The number of the last finalized block seen.
	pub fn finalized(&self) -> BlockNumber {
		*self.inner.finalized.borrow()
	}

	/// Since a new finalized block was last seen.
	pub fn finality_age(&self) -> Duration {
		self.health().finality_age()
	}

	/// How the node and its chain are, as last seen.
	pub fn health(&self) -> ChainHealth {
		self.inner.health.borrow().clone()
	}

	/// The hash of a finalized block.
	pub async fn block(&self, number: BlockNumber) -> Result<BlockId, ReadError> {
		let hash = self
			.inner
			.rpc
			.chain_get_block_hash(Some(number.into()))
			.await
			.map_err(|error| ReadError::from_subxt("a block's hash", error))?
			.ok_or(ReadError::UnknownBlock(number))?;
		Ok(BlockId {
			number,
			hash: hash.0,
		})
	}

	/// The state after `block`.
	pub async fn at(&self, block: BlockId) -> Result<View, ReadError> {
		let client = self
			.inner
			.client
			.at_block_hash_and_number(H256(block.hash), block.number.into())
			.await
			.map_err(|error| ReadError::from_subxt("a block", error))?;
		Ok(View::new(client, block))
	}

	/// The state after the last finalized block.
	pub async fn latest(&self) -> Result<View, ReadError> {
		self.at(self.block(self.finalized()).await?).await
	}

	/// The finalized blocks from `first` on, each once and in order.
	pub fn blocks(&self, first: BlockNumber) -> Blocks {
		Blocks {
			chain: self.clone(),
			finalized: self.inner.finalized.clone(),
			next: first,
		}
	}

	/// Waits until block `number` is finalized.
	pub async fn reach(&self, number: BlockNumber, limit: Duration) -> Result<(), ReadError> {
		let mut finalized = self.inner.finalized.clone();
		let waited = timeout(limit, finalized.wait_for(|reached| *reached >= number)).await;
		match waited {
			Ok(Ok(_)) => Ok(()),
			Ok(Err(_)) => Err(ReadError::Closed),
			Err(_) => Err(ReadError::Stalled {
				wanted: number,
				reached: self.finalized(),
				seconds: limit.as_secs(),
			}),
		}
	}

	/// The number of the best block, which may yet be replaced: for display only.
	pub async fn best(&self) -> Result<BlockNumber, ReadError> {
		self.inner
			.rpc
			.chain_get_header(None)
			.await
			.map_err(|error| ReadError::from_subxt("the best block", error))
			.map(|header| header.map_or(0, |header| header.number as BlockNumber))
	}

	pub(crate) fn rpc(&self) -> &Rpc {
		&self.inner.rpc
	}

	pub(crate) fn client(&self) -> &OnlineClient<PolkadotConfig> {
		&self.inner.client
	}
}

/// The finalized blocks of a chain, in order.
#[derive(Debug)]
pub struct Blocks {
	chain: Chain,
	finalized: watch::Receiver<BlockNumber>,
	next: BlockNumber,
}

impl Blocks {
	/// The next finalized block; waits for it without a limit, as the chain itself watches for
	/// stalls. Cancelling loses no block.
	pub async fn next(&mut self) -> Result<BlockId, ReadError> {
		let next = self.next;
		self.finalized
			.wait_for(|reached| *reached >= next)
			.await
			.map_err(|_| ReadError::Closed)?;
		let block = self.chain.block(next).await?;
		self.next = next.saturating_add(1);
		Ok(block)
	}

	/// How many finalized blocks have not been given out yet.
	pub fn behind(&self) -> BlockNumber {
		(self.chain.finalized() + 1).saturating_sub(self.next)
	}
}

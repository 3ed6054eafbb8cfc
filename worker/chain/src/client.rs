//! The connection to a chain and the finalized blocks that come through it.

use crate::{
	error::{ConnectError, ReadError},
	names::pallet,
	transport::{Options, Transport},
	view::View,
};
use infergrid_primitives::{BlockNumber, Hash};
use std::{
	sync::Arc,
	time::{Duration, Instant},
};
use subxt::{
	OnlineClient, PolkadotConfig,
	backend::LegacyBackend,
	config::{RpcConfigFor, polkadot::H256},
	rpcs::{RpcClient, methods::LegacyRpcMethods},
};
use tokio::{
	sync::watch,
	task::JoinHandle,
	time::{sleep, timeout},
};

pub(crate) type Rpc = LegacyRpcMethods<RpcConfigFor<PolkadotConfig>>;

/// A block by number and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockId {
	/// Its number.
	pub number: BlockNumber,
	/// Its hash.
	pub hash: Hash,
}

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
	finalized_at: watch::Receiver<Instant>,
	follower: JoinHandle<()>,
}

impl Drop for Inner {
	fn drop(&mut self) {
		self.follower.abort();
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
	/// fail later are replaced by the next.
	pub async fn connect(options: Options) -> Result<Self, ConnectError> {
		let stall = options.stall_timeout;
		let transport = Transport::connect(options).await?;
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
		let (sender, finalized) = watch::channel(at.block_number() as BlockNumber);
		let (moved, finalized_at) = watch::channel(Instant::now());
		#[expect(
			clippy::disallowed_methods,
			reason = "the client's one task: it keeps the handle"
		)]
		let follower = tokio::spawn(follow(transport, rpc.clone(), (sender, moved), stall));
		Ok(Self {
			inner: Arc::new(Inner {
				client,
				rpc,
				genesis,
				finalized,
				finalized_at,
				follower,
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
		self.inner.finalized_at.borrow().elapsed()
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

const RESUBSCRIBE_PAUSE: Duration = Duration::from_millis(500);

/// Keeps `finalized` at the number of the last finalized block. Ends when nobody looks at it.
async fn follow(
	transport: Transport,
	rpc: Rpc,
	(finalized, finalized_at): (watch::Sender<BlockNumber>, watch::Sender<Instant>),
	stall: Duration,
) {
	let mut alarm = Alarm::default();
	while !finalized.is_closed() {
		let generation = match transport.link().await {
			Ok((generation, _)) => generation,
			Err(_) => {
				sleep(RESUBSCRIBE_PAUSE).await;
				continue;
			}
		};
		let mut heads = match rpc.chain_subscribe_finalized_heads().await {
			Ok(heads) => heads,
			Err(error) => {
				tracing::debug!(%error, "cannot subscribe to finalized blocks");
				transport.abandon(generation).await;
				sleep(RESUBSCRIBE_PAUSE).await;
				continue;
			}
		};
		let mut moved = Instant::now();
		loop {
			let left = stall.saturating_sub(moved.elapsed());
			match timeout(left, heads.next()).await {
				Ok(Some(Ok(header))) => {
					let number = header.number as BlockNumber;
					finalized.send_if_modified(|reached| {
						let newer = number > *reached;
						if newer {
							*reached = number;
							moved = Instant::now();
							finalized_at.send_replace(moved);
						}
						newer
					});
					alarm.moved();
				}
				Ok(Some(Err(error))) => {
					tracing::debug!(%error, "the stream of finalized blocks broke");
					break;
				}
				Ok(None) => break,
				Err(_) => {
					alarm.stalled(*finalized.borrow(), finalized_at.borrow().elapsed());
					break;
				}
			}
			if finalized.is_closed() {
				return;
			}
		}
		transport.abandon(generation).await;
		sleep(RESUBSCRIBE_PAUSE).await;
	}
}

/// Says when finality stands still, that it still does, and when it goes on.
#[derive(Debug, Default)]
struct Alarm {
	/// When it was last said.
	said: Option<Instant>,
}

impl Alarm {
	const REPEAT_AFTER: Duration = Duration::from_secs(120);

	fn stalled(&mut self, finalized: BlockNumber, age: Duration) {
		if self
			.said
			.is_some_and(|said| said.elapsed() < Self::REPEAT_AFTER)
		{
			return;
		}
		self.said = Some(Instant::now());
		tracing::error!(
			chain.finalized = finalized,
			age.seconds = age.as_secs(),
			"no block is finalized any more: more than a third of the validators is away, or this node is \
			 cut off or out of disk. Nothing can be delivered, checked or paid until that is over; another \
			 node is asked meanwhile"
		);
	}

	fn moved(&mut self) {
		if self.said.take().is_some() {
			tracing::info!("blocks are finalized again");
		}
	}
}

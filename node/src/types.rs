//! The types that the node's parts are made of.

use infergrid_runtime::{RuntimeApi, opaque::Block};
use polkadot_sdk::{
	sc_executor::WasmExecutor,
	sc_service::{TFullBackend, TFullClient},
	sc_transaction_pool::TransactionPoolHandle,
	sp_runtime::traits::{Block as BlockT, Header},
	*,
};

/// Functions that the runtime may call on the host.
#[cfg(not(feature = "runtime-benchmarks"))]
pub(crate) type HostFunctions = sp_io::SubstrateHostFunctions;
/// Functions that the runtime may call on the host.
#[cfg(feature = "runtime-benchmarks")]
pub(crate) type HostFunctions = (
	sp_io::SubstrateHostFunctions,
	frame_benchmarking::benchmarking::HostFunctions,
);

/// A block's hash.
pub(crate) type Hash = <Block as BlockT>::Hash;
/// A block's number.
pub(crate) type Number = <<Block as BlockT>::Header as Header>::Number;

/// The chain's client.
pub(crate) type Client = TFullClient<Block, RuntimeApi, WasmExecutor<HostFunctions>>;
/// The chain's database.
pub(crate) type Backend = TFullBackend<Block>;
/// Picks the best chain: the longest.
pub(crate) type SelectChain = sc_consensus::LongestChain<Backend, Block>;
/// The pool of transactions.
pub(crate) type Pool = TransactionPoolHandle<Block, Client>;

//! RPC methods beyond those that every node of the SDK has.

use crate::types::{Backend, Client, Number, Pool, SelectChain};
use infergrid_runtime::{AccountId, Balance, Hash, Nonce, opaque::Block};
use jsonrpsee::RpcModule;
use pallet_transaction_payment_rpc::{TransactionPayment, TransactionPaymentApiServer};
use pallet_transaction_payment_rpc_runtime_api::RuntimeDispatchInfo;
use polkadot_sdk::{
	sc_chain_spec::ChainSpec,
	sc_consensus_babe::BabeWorkerHandle,
	sc_consensus_babe_rpc::{Babe, BabeApiServer},
	sc_consensus_grandpa::{
		FinalityProofProvider, GrandpaJustificationStream, SharedAuthoritySet, SharedVoterState,
	},
	sc_consensus_grandpa_rpc::{Grandpa, GrandpaApiServer},
	sc_rpc::SubscriptionTaskExecutor,
	sc_sync_state_rpc::{SyncState, SyncStateApiServer},
	sp_keystore::KeystorePtr,
	*,
};
use std::sync::Arc;
use substrate_frame_rpc_system::{System, SystemApiServer};

/// What the methods need.
pub(crate) struct Deps {
	pub(crate) client: Arc<Client>,
	pub(crate) pool: Arc<Pool>,
	pub(crate) select_chain: SelectChain,
	pub(crate) chain_spec: Box<dyn ChainSpec>,
	pub(crate) keystore: KeystorePtr,
	pub(crate) babe_worker: BabeWorkerHandle<Block>,
	pub(crate) grandpa: GrandpaDeps,
}

/// What RPC sees of GRANDPA.
#[derive(Clone)]
pub(crate) struct GrandpaLink {
	pub(crate) authorities: SharedAuthoritySet<Hash, Number>,
	pub(crate) justifications: GrandpaJustificationStream<Block>,
}

/// What GRANDPA's methods need.
pub(crate) struct GrandpaDeps {
	pub(crate) link: GrandpaLink,
	pub(crate) voter_state: SharedVoterState,
	pub(crate) finality_proofs: Arc<FinalityProofProvider<Backend, Block>>,
	pub(crate) executor: SubscriptionTaskExecutor,
}

/// Builds the module.
pub(crate) fn create(
	deps: Deps,
) -> Result<RpcModule<()>, Box<dyn std::error::Error + Send + Sync>> {
	let Deps {
		client,
		pool,
		select_chain,
		chain_spec,
		keystore,
		babe_worker,
		grandpa,
	} = deps;
	let GrandpaDeps {
		link,
		voter_state,
		finality_proofs,
		executor,
	} = grandpa;

	let mut module = RpcModule::new(());
	module.merge(SystemApiServer::<Hash, AccountId, Nonce>::into_rpc(
		System::new(client.clone(), pool),
	))?;
	module.merge(TransactionPaymentApiServer::<
		Hash,
		RuntimeDispatchInfo<Balance>,
	>::into_rpc(TransactionPayment::<_, Block>::new(
		client.clone(),
	)))?;
	module
		.merge(Babe::new(client.clone(), babe_worker.clone(), keystore, select_chain).into_rpc())?;
	module.merge(
		Grandpa::new(
			executor,
			link.authorities.clone(),
			voter_state,
			link.justifications,
			finality_proofs,
		)
		.into_rpc(),
	)?;
	module.merge(SyncState::new(chain_spec, client, link.authorities, babe_worker)?.into_rpc())?;
	Ok(module)
}

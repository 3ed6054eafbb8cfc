//! Puts the node's parts together: client, pool, network, BABE, GRANDPA and RPC.

use crate::{
	rpc::{self, GrandpaLink},
	types::{Backend, Client, Hash, HostFunctions, Pool, SelectChain},
};
use futures::FutureExt;
use infergrid_runtime::{RuntimeApi, opaque::Block};
use polkadot_sdk::{
	sc_client_api::BlockBackend,
	sc_consensus_babe::{BabeBlockImport, BabeLink, BabeWorkerHandle, SlotProportion},
	sc_consensus_grandpa::{
		self as grandpa, FinalityProofProvider, GrandpaBlockImport, LinkHalf, SharedVoterState,
	},
	sc_consensus_slots::BackoffAuthoringOnFinalizedHeadLagging,
	sc_network::{NetworkBackend, service::traits::NetworkService},
	sc_service::{
		self, BuildNetworkParams, Configuration, KeystoreContainer, PartialComponents,
		SpawnTasksParams, TaskManager, WarpSyncConfig, error::Error as ServiceError,
	},
	sc_telemetry::{Telemetry, TelemetryWorker},
	sc_transaction_pool_api::OffchainTransactionPoolFactory,
	sp_consensus_babe::{SlotDuration, inherents::InherentDataProvider as SlotInherent},
	sp_inherents::CreateInherentDataProviders,
	sp_timestamp::InherentDataProvider as TimestampInherent,
	*,
};
use std::{sync::Arc, time::Duration};

type Finality = GrandpaBlockImport<Backend, Block, Client, SelectChain>;
type BlockImport = BabeBlockImport<Block, Client, Finality, SlotInherents, SelectChain>;
type ImportQueue = sc_consensus::DefaultImportQueue<Block>;

/// A justification is kept at least every so many blocks: what light clients start from.
const GRANDPA_JUSTIFICATION_PERIOD: u32 = 32;
/// How long a GRANDPA message may travel.
const GOSSIP_DURATION: Duration = Duration::from_millis(333);

/// Makes the inherents' data of a block: its time and its slot.
#[derive(Clone, Copy)]
pub(crate) struct SlotInherents(SlotDuration);

#[async_trait::async_trait]
impl<Extra: Send + 'static> CreateInherentDataProviders<Block, Extra> for SlotInherents {
	type InherentDataProviders = (SlotInherent, TimestampInherent);

	async fn create_inherent_data_providers(
		&self,
		_parent: Hash,
		_extra: Extra,
	) -> Result<Self::InherentDataProviders, Box<dyn std::error::Error + Send + Sync>> {
		let timestamp = TimestampInherent::from_system_time();
		Ok((
			SlotInherent::from_timestamp_and_slot_duration(*timestamp, self.0),
			timestamp,
		))
	}
}

/// Client and database, for commands that import nothing.
pub(crate) struct ClientParts {
	pub(crate) client: Arc<Client>,
	pub(crate) backend: Arc<Backend>,
	pub(crate) keystore: KeystoreContainer,
	pub(crate) task_manager: TaskManager,
	pub(crate) telemetry: Option<Telemetry>,
}

/// What consensus adds to the parts that every command shares.
pub(crate) struct Consensus {
	block_import: BlockImport,
	babe_link: BabeLink<Block>,
	babe_worker: BabeWorkerHandle<Block>,
	grandpa_link: LinkHalf<Block, Client, SelectChain>,
	inherents: SlotInherents,
	telemetry: Option<Telemetry>,
}

/// The parts of a node before it has a network.
pub(crate) type Partial =
	PartialComponents<Client, Backend, SelectChain, ImportQueue, Pool, Consensus>;

/// Opens the database.
pub(crate) fn new_client(config: &Configuration) -> Result<ClientParts, ServiceError> {
	let telemetry = config
		.telemetry_endpoints
		.clone()
		.filter(|endpoints| !endpoints.is_empty())
		.map(|endpoints| -> Result<_, sc_telemetry::Error> {
			let worker = TelemetryWorker::new(16)?;
			let telemetry = worker.handle().new_telemetry(endpoints);
			Ok((worker, telemetry))
		})
		.transpose()?;

	let executor = sc_service::new_wasm_executor::<HostFunctions>(&config.executor);
	let (client, backend, keystore, task_manager) =
		sc_service::new_full_parts::<Block, RuntimeApi, _>(
			config,
			telemetry.as_ref().map(|(_, telemetry)| telemetry.handle()),
			executor,
			Default::default(),
		)?;

	let telemetry = telemetry.map(|(worker, telemetry)| {
		task_manager
			.spawn_handle()
			.spawn("telemetry", None, worker.run());
		telemetry
	});

	Ok(ClientParts {
		client: Arc::new(client),
		backend,
		keystore,
		task_manager,
		telemetry,
	})
}

/// Builds everything that checks and imports blocks.
pub(crate) fn new_partial(config: &Configuration) -> Result<Partial, ServiceError> {
	let ClientParts {
		client,
		backend,
		keystore,
		task_manager,
		telemetry,
	} = new_client(config)?;
	let telemetry_handle = telemetry.as_ref().map(Telemetry::handle);
	let select_chain = sc_consensus::LongestChain::new(backend.clone());

	let pool = Arc::new(
		sc_transaction_pool::Builder::new(
			task_manager.spawn_essential_handle(),
			client.clone(),
			config.role.is_authority().into(),
		)
		.with_options(config.transaction_pool.clone())
		.with_prometheus(config.prometheus_registry())
		.build(),
	);

	let (finality, grandpa_link) = grandpa::block_import(
		client.clone(),
		GRANDPA_JUSTIFICATION_PERIOD,
		&client,
		select_chain.clone(),
		telemetry_handle.clone(),
	)?;

	let babe_config = sc_consensus_babe::configuration(&*client)?;
	let slot_duration = babe_config.slot_duration();
	let inherents = SlotInherents(slot_duration);
	let (block_import, babe_link) = sc_consensus_babe::block_import(
		babe_config,
		finality.clone(),
		client.clone(),
		inherents,
		select_chain.clone(),
		OffchainTransactionPoolFactory::new(pool.clone()),
	)?;

	let (import_queue, babe_worker) =
		sc_consensus_babe::import_queue(sc_consensus_babe::ImportQueueParams {
			link: babe_link.clone(),
			block_import: block_import.clone(),
			justification_import: Some(Box::new(finality)),
			client: client.clone(),
			slot_duration,
			spawner: &task_manager.spawn_essential_handle(),
			registry: config.prometheus_registry(),
			telemetry: telemetry_handle,
		})?;

	Ok(PartialComponents {
		client,
		backend,
		task_manager,
		keystore_container: keystore,
		select_chain,
		import_queue,
		transaction_pool: pool,
		other: Consensus {
			block_import,
			babe_link,
			babe_worker,
			grandpa_link,
			inherents,
			telemetry,
		},
	})
}

/// Starts a node: a validator if the configuration's role says so, a full node otherwise.
#[expect(
	clippy::too_many_lines,
	reason = "the parts of a node in the order in which they start"
)]
pub(crate) fn new_full<Net: NetworkBackend<Block, Hash>>(
	config: Configuration,
) -> Result<TaskManager, ServiceError> {
	let PartialComponents {
		client,
		backend,
		mut task_manager,
		import_queue,
		keystore_container,
		select_chain,
		transaction_pool: pool,
		other:
			Consensus {
				block_import,
				babe_link,
				babe_worker,
				grandpa_link,
				inherents,
				mut telemetry,
			},
	} = new_partial(&config)?;

	let metrics = Net::register_notification_metrics(config.prometheus_registry());
	let mut net_config = sc_network::config::FullNetworkConfiguration::<_, _, Net>::new(
		&config.network,
		config.prometheus_registry().cloned(),
	);
	let genesis_hash = client
		.block_hash(0)?
		.ok_or_else(|| ServiceError::Other("the database has no genesis block: purge it".into()))?;
	let grandpa_protocol = grandpa::protocol_standard_name(&genesis_hash, &config.chain_spec);
	let (grandpa_protocol_config, grandpa_notifications) =
		grandpa::grandpa_peers_set_config::<_, Net>(
			grandpa_protocol.clone(),
			metrics.clone(),
			net_config.peer_store_handle(),
		);
	net_config.add_notification_protocol(grandpa_protocol_config);

	let warp_sync = Arc::new(grandpa::warp_proof::NetworkProvider::new(
		backend.clone(),
		grandpa_link.shared_authority_set().clone(),
		Vec::new(),
	));
	let (network, system_rpc_tx, tx_handler_controller, sync_service, _bitswap) =
		sc_service::build_network(BuildNetworkParams {
			config: &config,
			net_config,
			client: client.clone(),
			transaction_pool: pool.clone(),
			spawn_handle: task_manager.spawn_handle(),
			spawn_essential_handle: task_manager.spawn_essential_handle(),
			import_queue,
			block_announce_validator_builder: None,
			warp_sync_config: Some(WarpSyncConfig::WithProvider(warp_sync)),
			block_relay: None,
			metrics,
			gap_sync_body_policy: None,
		})?;

	if config.offchain_worker.enabled {
		spawn_offchain_workers(
			&config,
			&client,
			&backend,
			&keystore_container,
			&pool,
			&network,
			&task_manager,
		)?;
	}

	let role = config.role;
	let name = config.network.node_name.clone();
	let force_authoring = config.force_authoring;
	let grandpa_enabled = !config.disable_grandpa;
	let prometheus = config.prometheus_registry().cloned();
	let voter_state = SharedVoterState::empty();

	let rpc_builder = {
		let client = client.clone();
		let pool = pool.clone();
		let select_chain = select_chain.clone();
		let keystore = keystore_container.keystore();
		let chain_spec = config.chain_spec.cloned_box();
		let voter_state = voter_state.clone();
		let link = GrandpaLink {
			authorities: grandpa_link.shared_authority_set().clone(),
			justifications: grandpa_link.justification_stream(),
		};
		let finality_proofs =
			FinalityProofProvider::new_for_service(backend.clone(), Some(link.authorities.clone()));
		Box::new(move |executor| {
			rpc::create(rpc::Deps {
				client: client.clone(),
				pool: pool.clone(),
				select_chain: select_chain.clone(),
				chain_spec: chain_spec.cloned_box(),
				keystore: keystore.clone(),
				babe_worker: babe_worker.clone(),
				grandpa: rpc::GrandpaDeps {
					link: link.clone(),
					voter_state: voter_state.clone(),
					finality_proofs: finality_proofs.clone(),
					executor,
				},
			})
			.map_err(Into::into)
		})
	};

	sc_service::spawn_tasks(SpawnTasksParams {
		network: network.clone(),
		client: client.clone(),
		keystore: keystore_container.keystore(),
		task_manager: &mut task_manager,
		transaction_pool: pool.clone(),
		rpc_builder,
		backend,
		system_rpc_tx,
		tx_handler_controller,
		sync_service: sync_service.clone(),
		config,
		telemetry: telemetry.as_mut(),
		tracing_execute_block: None,
	})?;
	let telemetry = telemetry.as_ref().map(Telemetry::handle);

	if role.is_authority() {
		let proposer = sc_basic_authorship::ProposerFactory::new(
			task_manager.spawn_handle(),
			client.clone(),
			pool.clone(),
			prometheus.as_ref(),
			telemetry.clone(),
		);
		let babe = sc_consensus_babe::start_babe(sc_consensus_babe::BabeParams {
			keystore: keystore_container.keystore(),
			client,
			select_chain,
			env: proposer,
			block_import,
			sync_oracle: sync_service.clone(),
			justification_sync_link: sync_service.clone(),
			create_inherent_data_providers: inherents,
			force_authoring,
			// Authors slow down when finality lags, so that a stalled GRANDPA can catch up.
			backoff_authoring_blocks: Some(BackoffAuthoringOnFinalizedHeadLagging::default()),
			babe_link,
			block_proposal_slot_portion: SlotProportion::new(2f32 / 3f32),
			max_block_proposal_slot_portion: None,
			telemetry: telemetry.clone(),
		})?;
		task_manager.spawn_essential_handle().spawn_blocking(
			"babe-proposer",
			Some("block-authoring"),
			babe,
		);
	}

	if grandpa_enabled {
		let voter = grandpa::run_grandpa_voter(grandpa::GrandpaParams {
			config: grandpa::Config {
				gossip_duration: GOSSIP_DURATION,
				justification_generation_period: GRANDPA_JUSTIFICATION_PERIOD,
				name: Some(name),
				observer_enabled: false,
				keystore: role.is_authority().then(|| keystore_container.keystore()),
				local_role: role,
				telemetry: telemetry.clone(),
				protocol_name: grandpa_protocol,
			},
			link: grandpa_link,
			network,
			sync: sync_service,
			notification_service: grandpa_notifications,
			voting_rule: grandpa::VotingRulesBuilder::default().build(),
			prometheus_registry: prometheus,
			shared_voter_state: voter_state,
			telemetry,
			offchain_tx_pool_factory: OffchainTransactionPoolFactory::new(pool),
		})?;
		task_manager
			.spawn_essential_handle()
			.spawn_blocking("grandpa-voter", None, voter);
	}

	Ok(task_manager)
}

/// Runs the runtime's off-chain hooks: equivocation reports leave through them.
fn spawn_offchain_workers(
	config: &Configuration,
	client: &Arc<Client>,
	backend: &Arc<Backend>,
	keystore: &KeystoreContainer,
	pool: &Arc<Pool>,
	network: &Arc<dyn NetworkService>,
	task_manager: &TaskManager,
) -> Result<(), ServiceError> {
	use sc_client_api::Backend as _;

	let workers = sc_offchain::OffchainWorkers::new(sc_offchain::OffchainWorkerOptions {
		runtime_api_provider: client.clone(),
		keystore: Some(keystore.keystore()),
		offchain_db: backend.offchain_storage(),
		transaction_pool: Some(OffchainTransactionPoolFactory::new(pool.clone())),
		network_provider: Arc::new(network.clone()),
		is_validator: config.role.is_authority(),
		enable_http_requests: false,
		custom_extensions: |_| Vec::new(),
	})?;
	task_manager.spawn_handle().spawn(
		"offchain-workers-runner",
		Some("offchain-worker"),
		workers
			.run(client.clone(), task_manager.spawn_handle())
			.boxed(),
	);
	Ok(())
}

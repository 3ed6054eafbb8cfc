//! Puts the node's parts together: client, pool, network, BABE, GRANDPA and RPC.

use crate::{
	rpc::{self, GrandpaLink},
	types::{Backend, Client, Hash, HostFunctions, Pool, SelectChain},
	watch::{self, Disk, Listener, Watched},
};
use futures::{Future, FutureExt};
use infergrid_runtime::{RuntimeApi, opaque::Block};
use jsonrpsee::RpcModule;
use polkadot_sdk::{
	sc_client_api::BlockBackend,
	sc_consensus_babe::{BabeBlockImport, BabeLink, BabeWorkerHandle, SlotProportion},
	sc_consensus_grandpa::{
		self as grandpa, FinalityProofProvider, GrandpaBlockImport, LinkHalf, SharedVoterState,
	},
	sc_consensus_slots::BackoffAuthoringOnFinalizedHeadLagging,
	sc_network::{
		NetworkBackend, NotificationService, ProtocolName, service::traits::NetworkService,
	},
	sc_network_sync::SyncingService,
	sc_network_transactions::TransactionsHandlerController,
	sc_rpc::{SubscriptionTaskExecutor, system::Request as SystemRequest},
	sc_service::{
		self, BuildNetworkParams, Configuration, KeystoreContainer, PartialComponents, Role,
		SpawnTasksParams, TaskManager, WarpSyncConfig, error::Error as ServiceError,
	},
	sc_telemetry::{Telemetry, TelemetryHandle, TelemetryWorker},
	sc_transaction_pool_api::OffchainTransactionPoolFactory,
	sc_utils::mpsc::TracingUnboundedSender,
	sp_consensus_babe::{SlotDuration, inherents::InherentDataProvider as SlotInherent},
	sp_inherents::CreateInherentDataProviders,
	sp_keystore::KeystorePtr,
	sp_timestamp::InherentDataProvider as TimestampInherent,
	substrate_prometheus_endpoint::Registry,
	*,
};
use std::{sync::Arc, time::Duration};

type Finality = GrandpaBlockImport<Backend, Block, Client, SelectChain>;
type BlockImport = BabeBlockImport<Block, Client, Finality, SlotInherents, SelectChain>;
type GrandpaLinkHalf = LinkHalf<Block, Client, SelectChain>;
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
	grandpa_link: GrandpaLinkHalf,
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

/// What most parts of a running node share.
struct Core {
	client: Arc<Client>,
	backend: Arc<Backend>,
	keystore: KeystorePtr,
	select_chain: SelectChain,
	pool: Arc<Pool>,
}

/// What takes blocks from the network.
struct Incoming {
	import_queue: ImportQueue,
	listener: Listener,
}

/// The network's parts that others need.
struct Network {
	service: Arc<dyn NetworkService>,
	sync: Arc<SyncingService<Block>>,
	grandpa_protocol: ProtocolName,
	grandpa_notifications: Box<dyn NotificationService>,
}

/// Where the RPC server asks the network, and where the pool's transactions leave.
type NetworkInputs = (
	TracingUnboundedSender<SystemRequest<Block>>,
	TransactionsHandlerController<Hash>,
);

/// What of the configuration is needed once the RPC server has taken it.
struct Settings {
	role: Role,
	name: String,
	force_authoring: bool,
	votes: bool,
	prometheus: Option<Registry>,
	telemetry: Option<TelemetryHandle>,
}

/// Starts a node, whose database is on `disk`: a validator if the configuration's role says so, a full
/// node otherwise.
pub(crate) fn new_full<Net: NetworkBackend<Block, Hash>>(
	config: Configuration,
	disk: Disk,
) -> Result<TaskManager, ServiceError> {
	let PartialComponents {
		client,
		backend,
		mut task_manager,
		import_queue,
		keystore_container,
		select_chain,
		transaction_pool: pool,
		other: mut consensus,
	} = new_partial(&config)?;
	let core = Core {
		client,
		backend,
		keystore: keystore_container.keystore(),
		select_chain,
		pool,
	};
	let (listener, announced) = watch::listen();
	let incoming = Incoming {
		import_queue,
		listener,
	};
	let link = &consensus.grandpa_link;
	let (network, (system_rpc_tx, tx_handler_controller)) =
		build_network::<Net>(&config, &core, link, incoming, &task_manager)?;
	if config.offchain_worker.enabled {
		spawn_offchain_workers(&config, &core, &network, &task_manager)?;
	}

	let settings = Settings {
		role: config.role,
		name: config.network.node_name.clone(),
		force_authoring: config.force_authoring,
		votes: !config.disable_grandpa,
		prometheus: config.prometheus_registry().cloned(),
		telemetry: consensus.telemetry.as_ref().map(Telemetry::handle),
	};
	let voter_state = SharedVoterState::empty();
	let rpc_builder = rpc_builder(&config, &core, &consensus, &voter_state);
	sc_service::spawn_tasks(SpawnTasksParams {
		network: network.service.clone(),
		client: core.client.clone(),
		keystore: core.keystore.clone(),
		task_manager: &mut task_manager,
		transaction_pool: core.pool.clone(),
		rpc_builder: Box::new(rpc_builder),
		backend: core.backend.clone(),
		system_rpc_tx,
		tx_handler_controller,
		sync_service: network.sync.clone(),
		config,
		telemetry: consensus.telemetry.as_mut(),
		tracing_execute_block: None,
	})?;

	let essential = task_manager.spawn_essential_handle();
	let watched = Watched {
		client: core.client.clone(),
		backend: core.backend.clone(),
		keystore: core.keystore.clone(),
		disk,
		slot_duration: consensus.inherents.0,
		announced,
	};
	essential.spawn_blocking("watch", None, watch::run(watched));
	if settings.role.is_authority() {
		start_authoring(&core, &settings, &consensus, &network, &task_manager)?;
	}
	if settings.votes {
		let voter = voter(core, settings, consensus.grandpa_link, network, voter_state)?;
		essential.spawn_blocking("grandpa-voter", None, voter);
	}
	Ok(task_manager)
}

/// Joins the network, with GRANDPA's protocol and the provider of warp proofs.
fn build_network<Net: NetworkBackend<Block, Hash>>(
	config: &Configuration,
	core: &Core,
	grandpa_link: &GrandpaLinkHalf,
	incoming: Incoming,
	task_manager: &TaskManager,
) -> Result<(Network, NetworkInputs), ServiceError> {
	let Incoming {
		import_queue,
		listener,
	} = incoming;
	let metrics = Net::register_notification_metrics(config.prometheus_registry());
	let mut net_config = sc_network::config::FullNetworkConfiguration::<_, _, Net>::new(
		&config.network,
		config.prometheus_registry().cloned(),
	);
	let genesis_hash = core
		.client
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
		core.backend.clone(),
		grandpa_link.shared_authority_set().clone(),
		Vec::new(),
	));
	let (service, system_requests, transactions, sync, _bitswap) =
		sc_service::build_network(BuildNetworkParams {
			config,
			net_config,
			client: core.client.clone(),
			transaction_pool: core.pool.clone(),
			spawn_handle: task_manager.spawn_handle(),
			spawn_essential_handle: task_manager.spawn_essential_handle(),
			import_queue,
			block_announce_validator_builder: Some(Box::new(|_| Box::new(listener))),
			warp_sync_config: Some(WarpSyncConfig::WithProvider(warp_sync)),
			block_relay: None,
			metrics,
			gap_sync_body_policy: None,
		})?;
	let network = Network {
		service,
		sync,
		grandpa_protocol,
		grandpa_notifications,
	};
	Ok((network, (system_requests, transactions)))
}

/// Runs the runtime's off-chain hooks: equivocation reports leave through them.
fn spawn_offchain_workers(
	config: &Configuration,
	core: &Core,
	network: &Network,
	task_manager: &TaskManager,
) -> Result<(), ServiceError> {
	use sc_client_api::Backend as _;

	let workers = sc_offchain::OffchainWorkers::new(sc_offchain::OffchainWorkerOptions {
		runtime_api_provider: core.client.clone(),
		keystore: Some(core.keystore.clone()),
		offchain_db: core.backend.offchain_storage(),
		transaction_pool: Some(OffchainTransactionPoolFactory::new(core.pool.clone())),
		network_provider: Arc::new(network.service.clone()),
		is_validator: config.role.is_authority(),
		enable_http_requests: false,
		custom_extensions: |_| Vec::new(),
	})?;
	task_manager.spawn_handle().spawn(
		"offchain-workers-runner",
		Some("offchain-worker"),
		workers
			.run(core.client.clone(), task_manager.spawn_handle())
			.boxed(),
	);
	Ok(())
}

/// Makes the RPC module, anew for each server.
fn rpc_builder(
	config: &Configuration,
	core: &Core,
	consensus: &Consensus,
	voter_state: &SharedVoterState,
) -> impl Fn(SubscriptionTaskExecutor) -> Result<RpcModule<()>, ServiceError> + use<> {
	let client = core.client.clone();
	let pool = core.pool.clone();
	let select_chain = core.select_chain.clone();
	let keystore = core.keystore.clone();
	let chain_spec = config.chain_spec.cloned_box();
	let babe_worker = consensus.babe_worker.clone();
	let voter_state = voter_state.clone();
	let link = GrandpaLink {
		authorities: consensus.grandpa_link.shared_authority_set().clone(),
		justifications: consensus.grandpa_link.justification_stream(),
	};
	let authorities = Some(link.authorities.clone());
	let finality_proofs = FinalityProofProvider::new_for_service(core.backend.clone(), authorities);
	move |executor| {
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
	}
}

/// Makes blocks.
fn start_authoring(
	core: &Core,
	settings: &Settings,
	consensus: &Consensus,
	network: &Network,
	task_manager: &TaskManager,
) -> Result<(), ServiceError> {
	let proposer = sc_basic_authorship::ProposerFactory::new(
		task_manager.spawn_handle(),
		core.client.clone(),
		core.pool.clone(),
		settings.prometheus.as_ref(),
		settings.telemetry.clone(),
	);
	let babe = sc_consensus_babe::start_babe(sc_consensus_babe::BabeParams {
		keystore: core.keystore.clone(),
		client: core.client.clone(),
		select_chain: core.select_chain.clone(),
		env: proposer,
		block_import: consensus.block_import.clone(),
		sync_oracle: network.sync.clone(),
		justification_sync_link: network.sync.clone(),
		create_inherent_data_providers: consensus.inherents,
		force_authoring: settings.force_authoring,
		// Authors slow down when finality lags, so that a stalled GRANDPA can catch up.
		backoff_authoring_blocks: Some(BackoffAuthoringOnFinalizedHeadLagging::default()),
		babe_link: consensus.babe_link.clone(),
		block_proposal_slot_portion: SlotProportion::new(2f32 / 3f32),
		max_block_proposal_slot_portion: None,
		telemetry: settings.telemetry.clone(),
	})?;
	task_manager.spawn_essential_handle().spawn_blocking(
		"babe-proposer",
		Some("block-authoring"),
		babe,
	);
	Ok(())
}

/// Votes on blocks, or follows the votes.
fn voter(
	core: Core,
	settings: Settings,
	link: GrandpaLinkHalf,
	network: Network,
	voter_state: SharedVoterState,
) -> Result<impl Future<Output = ()> + Send, ServiceError> {
	let Settings {
		role, telemetry, ..
	} = settings;
	Ok(grandpa::run_grandpa_voter(grandpa::GrandpaParams {
		config: grandpa::Config {
			gossip_duration: GOSSIP_DURATION,
			justification_generation_period: GRANDPA_JUSTIFICATION_PERIOD,
			name: Some(settings.name),
			observer_enabled: false,
			keystore: role.is_authority().then_some(core.keystore),
			local_role: role,
			telemetry: telemetry.clone(),
			protocol_name: network.grandpa_protocol,
		},
		link,
		network: network.service,
		sync: network.sync,
		notification_service: network.grandpa_notifications,
		voting_rule: grandpa::VotingRulesBuilder::default().build(),
		prometheus_registry: settings.prometheus,
		shared_voter_state: voter_state,
		telemetry,
		offchain_tx_pool_factory: OffchainTransactionPoolFactory::new(core.pool),
	})?)
}

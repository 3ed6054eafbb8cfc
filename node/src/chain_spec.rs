//! Chain specifications: a network's genesis and the properties that wallets show.

use infergrid_runtime::{WASM_BINARY, constants::SS58_PREFIX, genesis::LIVE_RUNTIME_PRESET};
use polkadot_sdk::{
	sc_chain_spec::{ChainSpecExtension, GenericChainSpec},
	sc_service::{ChainType, Properties},
	sc_sync_state_rpc::LightSyncStateExtension,
	sp_genesis_builder::{DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET},
};

/// What a chain specification carries besides the genesis.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize, ChainSpecExtension)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Extensions {
	/// State from which light clients start; filled in by `sync_state_genSyncSpec`.
	pub(crate) light_sync_state: LightSyncStateExtension,
}

/// A chain specification of this chain.
pub(crate) type ChainSpec = GenericChainSpec<Extensions>;

fn properties() -> Properties {
	let mut properties = Properties::new();
	properties.insert("tokenSymbol".into(), "AIT".into());
	properties.insert("tokenDecimals".into(), 12.into());
	properties.insert("ss58Format".into(), SS58_PREFIX.into());
	properties
}

fn preset(name: &str, id: &str, chain_type: ChainType, preset: &str) -> Result<ChainSpec, String> {
	let code = WASM_BINARY.ok_or(
		"this node was built with SKIP_WASM_BUILD and has no runtime for a new chain: build it without, or pass --chain a file",
	)?;
	Ok(ChainSpec::builder(code, Extensions::default())
		.with_name(name)
		.with_id(id)
		.with_protocol_id("infergrid")
		.with_chain_type(chain_type)
		.with_properties(properties())
		.with_genesis_config_preset_name(preset)
		.build())
}

/// What `--chain` calls the template of a network that lives.
pub(crate) const LIVE: &str = "live";

/// A network that lives, without accounts, validators and a sudo key: it is written to a file, and
/// whoever launches it puts theirs in.
pub(crate) fn live() -> Result<ChainSpec, String> {
	if cfg!(feature = "fast-runtime") {
		return Err(
			"this node has the short windows of private networks: build one without the feature fast-runtime".into(),
		);
	}
	preset(
		"Infergrid",
		"infergrid",
		ChainType::Live,
		LIVE_RUNTIME_PRESET,
	)
}

/// One validator, Alice.
pub(crate) fn development() -> Result<ChainSpec, String> {
	preset(
		"Infergrid Development",
		"infergrid_dev",
		ChainType::Development,
		DEV_RUNTIME_PRESET,
	)
}

/// Two validators, Alice and Bob.
pub(crate) fn local() -> Result<ChainSpec, String> {
	preset(
		"Infergrid Local Testnet",
		"infergrid_local",
		ChainType::Local,
		LOCAL_TESTNET_RUNTIME_PRESET,
	)
}

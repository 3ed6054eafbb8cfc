//! Genesis presets.
//!
//! `live` is what a network that lives begins with: nobody owns, bonds, validates or rules anything.
//! Whoever launches it writes accounts, bonds, session keys and a sudo key of their own into the chain
//! specification. A runtime with the short windows of `fast-runtime` does not know it.
//!
//! In the other presets operators are the stash accounts, `//Alice//stash` and so on: they own the session keys and the
//! bonds, as local network tools write them, too. Their nodes run on the keys of `//Alice` and so on.

use crate::{
	AIT, AccountId, AuditsConfig, BABE_GENESIS_EPOCH_CONFIG, BabeConfig, Balance, BalancesConfig,
	RoleStakingConfig, RuntimeGenesisConfig, SessionConfig, SessionKeys, SudoConfig,
};
use alloc::{vec, vec::Vec};
use frame_support::build_struct_json_patch;
use infergrid_primitives::market::Role;
use polkadot_sdk::*;
use serde_json::Value;
use sp_genesis_builder::{DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET, PresetId};
use sp_keyring::{Ed25519Keyring, Sr25519Keyring};
use sp_runtime::Perbill;

/// The preset of networks that live.
pub const LIVE_RUNTIME_PRESET: &str = "live";

/// Whether windows are short.
const FAST: bool = cfg!(feature = "fast-runtime");

/// What every well-known account owns.
const ENDOWMENT: Balance = 1_000_000 * AIT;
/// What a worker key owns, for fees.
const WORKER_ENDOWMENT: Balance = 1_000 * AIT;

/// Public keys of accounts that the SDK's keyring does not know.
pub mod well_known {
	use polkadot_sdk::sp_core::hex2array;

	/// `//Gateway`: pays for requests.
	pub const GATEWAY: [u8; 32] =
		hex2array!("d6ec6ac6be4e1b9953c92be6aa17929c4b3c70ec86b491980d9aeb3a819d3259");
	/// `//Alice//worker`, `//Bob//worker`, …, `//Eve//worker`.
	pub const WORKERS: [[u8; 32]; 5] = [
		hex2array!("de0890e2f871c4263480188c3c6f27194198a61f1c56da846851a02554e19f3f"),
		hex2array!("c406f0636e27e7bb858d01d7683eafa66827d32cec3ad3d44287e35848abab2a"),
		hex2array!("70b86fb59af3aa4a6aeb778b86a1402731a3c2118772d886d60d08c91027a840"),
		hex2array!("506978e899cd086157035e54acae66310e2a23db9a7f82ef29d9f277014c051c"),
		hex2array!("c22628b27e7e01a557ad6ce9acbf4e2f3bb3b81885926cf9ba93d88ac343ba41"),
	];
}

/// A validator at genesis: who owns the keys, and the keys.
struct Validator {
	operator: Sr25519Keyring,
	babe: Sr25519Keyring,
	grandpa: Ed25519Keyring,
}

impl Validator {
	const ALICE: Self = Self {
		operator: Sr25519Keyring::AliceStash,
		babe: Sr25519Keyring::Alice,
		grandpa: Ed25519Keyring::Alice,
	};
	const BOB: Self = Self {
		operator: Sr25519Keyring::BobStash,
		babe: Sr25519Keyring::Bob,
		grandpa: Ed25519Keyring::Bob,
	};

	fn session(&self) -> (AccountId, AccountId, SessionKeys) {
		let operator = self.operator.to_account_id();
		let keys = SessionKeys {
			babe: self.babe.public().into(),
			grandpa: self.grandpa.public().into(),
		};
		(operator.clone(), operator, keys)
	}
}

fn endowed() -> Vec<(AccountId, Balance)> {
	Sr25519Keyring::well_known()
		.map(|key| (key.to_account_id(), ENDOWMENT))
		.chain([(well_known::GATEWAY.into(), ENDOWMENT)])
		.chain(well_known::WORKERS.map(|key| (key.into(), WORKER_ENDOWMENT)))
		.collect()
}

/// Every operator's bonds: validators mine as well, and three others verify.
fn bonds(validators: &[Validator]) -> Vec<(AccountId, Role, Balance)> {
	let both = validators.iter().flat_map(|validator| {
		let operator = validator.operator.to_account_id();
		[
			(operator.clone(), Role::Validator, 20_000 * AIT),
			(operator, Role::Miner, 10_000 * AIT),
		]
	});
	let verifiers = [
		Sr25519Keyring::Charlie,
		Sr25519Keyring::Dave,
		Sr25519Keyring::Eve,
	]
	.map(|key| (key.to_account_id(), Role::Verifier, 5_000 * AIT));
	both.chain(verifiers).collect()
}

fn network(validators: &[Validator]) -> Value {
	build_struct_json_patch!(RuntimeGenesisConfig {
		balances: BalancesConfig {
			balances: endowed()
		},
		babe: BabeConfig {
			epoch_config: BABE_GENESIS_EPOCH_CONFIG
		},
		role_staking: RoleStakingConfig {
			bonds: bonds(validators)
		},
		audits: AuditsConfig {
			audit_rate: Perbill::one()
		},
		session: SessionConfig {
			keys: validators.iter().map(Validator::session).collect()
		},
		sudo: SudoConfig {
			key: Some(Sr25519Keyring::Alice.to_account_id())
		},
	})
}

/// The genesis of a network that lives, with every place that has to be filled in empty.
pub fn live() -> Value {
	build_struct_json_patch!(RuntimeGenesisConfig {
		balances: BalancesConfig { balances: vec![] },
		babe: BabeConfig {
			epoch_config: BABE_GENESIS_EPOCH_CONFIG
		},
		role_staking: RoleStakingConfig { bonds: vec![] },
		audits: AuditsConfig {
			audit_rate: Perbill::one()
		},
		session: SessionConfig { keys: vec![] },
		sudo: SudoConfig { key: None },
	})
}

/// The preset `id` as JSON: a patch on the default genesis.
pub fn preset(id: &PresetId) -> Option<Vec<u8>> {
	let patch = match id.as_ref() {
		LIVE_RUNTIME_PRESET if !FAST => live(),
		DEV_RUNTIME_PRESET => network(&[Validator::ALICE]),
		LOCAL_TESTNET_RUNTIME_PRESET => network(&[Validator::ALICE, Validator::BOB]),
		_ => return None,
	};
	serde_json::to_vec(&patch).ok()
}

/// The names that [`preset`] knows.
pub fn preset_names() -> Vec<PresetId> {
	let private = [DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET];
	let public = (!FAST).then_some(LIVE_RUNTIME_PRESET);
	private
		.into_iter()
		.chain(public)
		.map(PresetId::from)
		.collect()
}

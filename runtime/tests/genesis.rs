//! The genesis presets.

mod common;

use common::{Chain, account, genesis_json, pair};
use frame_support::traits::fungible::Inspect;
use infergrid_primitives::market::{Bonds, Role};
use infergrid_runtime::{
	AIT, Babe, Balances, Grandpa, REPORTABLE_SESSIONS, RoleStaking, Runtime, RuntimeGenesisConfig,
	Session,
	constants::EPOCH_DURATION_IN_SLOTS,
	genesis,
	market::{
		BaseCommitBlocks, BaseWindow, EscrowBlocks, MaxPatience, RetireDelay, RevealBlocks,
		UNBONDING_SESSIONS,
	},
};
use polkadot_sdk::*;
use sp_core::{Pair, crypto::Ss58Codec};
use sp_keyring::Sr25519Keyring;

const PRESETS: [&str; 2] = ["development", "local_testnet"];

#[test]
fn presets_have_the_standard_names() {
	let names: Vec<String> = genesis::preset_names()
		.iter()
		.map(|name| name.to_string())
		.collect();
	let live = (!cfg!(feature = "fast-runtime")).then_some("live");
	let expected: Vec<&str> = PRESETS.into_iter().chain(live).collect();
	assert_eq!(
		names, expected,
		"short windows are for private networks only"
	);
	assert!(genesis::preset(&"main".into()).is_none());
}

/// Keys that anybody has are worth nothing on a network that lives.
#[test]
fn a_network_that_lives_begins_with_nobody() {
	let live = genesis::live();
	for (list, of) in [
		("/balances/balances", "accounts"),
		("/roleStaking/bonds", "bonds"),
		("/session/keys", "validators"),
	] {
		let found = live.pointer(list).unwrap();
		assert_eq!(found, &serde_json::json!([]), "{of}");
	}
	assert!(live.pointer("/sudo/key").unwrap().is_null());
	let text = live.to_string();
	for key in Sr25519Keyring::iter() {
		let known = key.to_account_id().to_ss58check();
		assert!(!text.contains(&known), "{key}");
	}
}

#[test]
fn presets_are_genesis_configurations() {
	for preset in PRESETS {
		let json = genesis_json(preset);
		serde_json::from_value::<RuntimeGenesisConfig>(json).unwrap();
	}
}

#[test]
fn well_known_keys_belong_to_their_names() {
	assert_eq!(pair("//Gateway").public().0, genesis::well_known::GATEWAY);
	let names = ["Alice", "Bob", "Charlie", "Dave", "Eve"];
	for (name, key) in names.iter().zip(genesis::well_known::WORKERS) {
		assert_eq!(pair(&format!("//{name}//worker")).public().0, key);
	}
}

#[test]
fn stashes_validate_and_nobody_else() {
	for (preset, validators) in [
		("development", vec![account("//Alice//stash")]),
		(
			"local_testnet",
			vec![account("//Alice//stash"), account("//Bob//stash")],
		),
	] {
		let mut chain = Chain::new(preset);
		chain.query(|| {
			let mut in_session = Session::validators();
			in_session.sort();
			let mut expected = validators.clone();
			expected.sort();
			assert_eq!(in_session, expected, "{preset}");
			assert_eq!(Babe::authorities().len(), validators.len());
			assert_eq!(Grandpa::grandpa_authorities().len(), validators.len());
		});
	}
}

#[test]
fn accounts_are_endowed() {
	let mut chain = Chain::new("local_testnet");
	chain.query(|| {
		for uri in [
			"//Alice",
			"//Bob",
			"//Charlie",
			"//Dave",
			"//Eve",
			"//Ferdie",
			"//Gateway",
		] {
			assert_eq!(
				Balances::total_balance(&account(uri)),
				1_000_000 * AIT,
				"{uri}"
			);
		}
		assert_eq!(
			Balances::total_balance(&account("//Bob//worker")),
			1_000 * AIT
		);
		assert_eq!(pallet_sudo::Key::<Runtime>::get(), Some(account("//Alice")));
	});
}

#[test]
fn operators_are_bonded_and_workers_are_not_paired() {
	let mut chain = Chain::new("local_testnet");
	chain.query(|| {
		for operator in ["//Alice//stash", "//Bob//stash"] {
			for role in [Role::Validator, Role::Miner] {
				assert!(
					RoleStaking::active_bond(&account(operator), role) > 0,
					"{operator} {role:?}"
				);
			}
			assert_eq!(
				RoleStaking::active_bond(&account(operator), Role::Verifier),
				0
			);
		}
		for operator in ["//Charlie", "//Dave", "//Eve"] {
			assert!(
				RoleStaking::active_bond(&account(operator), Role::Verifier) > 0,
				"{operator}"
			);
			assert_eq!(RoleStaking::active_bond(&account(operator), Role::Miner), 0);
		}
		for key in genesis::well_known::WORKERS {
			assert_eq!(RoleStaking::operator_of(&key), None);
		}
		assert_eq!(
			pallet_audits::AuditRate::<Runtime>::get(),
			sp_runtime::Perbill::one()
		);
	});
}

/// A bond must stay slashable for longer than anything can happen for which it is slashed.
#[test]
fn bonds_outlast_every_window() {
	let unbonding = UNBONDING_SESSIONS * EPOCH_DURATION_IN_SLOTS;
	const { assert!(REPORTABLE_SESSIONS < UNBONDING_SESSIONS) };

	// What the tokens of a task add to the miner's window and to each committee's: no more than the
	// payer's patience has room for, whatever the profile.
	let tokens = MaxPatience::get() - BaseWindow::get();
	let draw = 10;
	let round = draw + BaseCommitBlocks::get() + tokens + RevealBlocks::get();
	let rounds = 4;
	let longest =
		MaxPatience::get() + BaseWindow::get() + tokens + rounds * round + EscrowBlocks::get();
	assert!(
		longest < unbonding,
		"{longest} blocks of windows, {unbonding} of unbonding"
	);

	assert!(
		rounds * round < RetireDelay::get(),
		"a retired model is cleared while audits of it go on"
	);
}

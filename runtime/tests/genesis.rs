//! The genesis presets.

mod common;

use common::{Chain, account, genesis_json, pair};
use infergrid_runtime::{
	AIT, Babe, Balances, Grandpa, RuntimeGenesisConfig, Session, Sudo, genesis,
};
use polkadot_sdk::*;
use sp_core::Pair;

const PRESETS: [&str; 2] = ["development", "local_testnet"];

#[test]
fn presets_have_the_standard_names() {
	let names: Vec<String> = genesis::preset_names()
		.iter()
		.map(|name| name.to_string())
		.collect();
	assert_eq!(names, PRESETS);
	assert!(genesis::preset(&"main".into()).is_none());
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
		assert_eq!(Sudo::key(), Some(account("//Alice")));
	});
}

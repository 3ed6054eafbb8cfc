//! Blocks of the real runtime.

mod common;

use common::{Chain, account};
use infergrid_runtime::{
	AIT, Babe, Balances, RuntimeCall, Session, VERSION, constants::EPOCH_DURATION_IN_SLOTS,
};
use polkadot_sdk::*;
use sp_runtime::{MultiAddress, Perbill};

fn transfer(to: &str, value: u128) -> RuntimeCall {
	RuntimeCall::Balances(pallet_balances::Call::transfer_keep_alive {
		dest: MultiAddress::Id(account(to)),
		value,
	})
}

#[test]
fn a_fee_is_burnt_but_for_the_authors_part_and_the_tip_is_its_own() {
	let mut chain = Chain::new("development");
	let before = chain.query(|| {
		(
			Balances::free_balance(account("//Ferdie")),
			Balances::total_issuance(),
			Balances::free_balance(account("//Alice//stash")),
		)
	});
	let tip = 7;
	let extrinsic = chain.sign_with_tip("//Ferdie", transfer("//Eve", 5 * AIT), 0, tip);
	let results = chain.block(vec![extrinsic]);
	assert!(matches!(results[..], [Ok(Ok(()))]), "{results:?}");
	chain.query(|| {
		let fee = before.0 - 5 * AIT - tip - Balances::free_balance(account("//Ferdie"));
		assert!(fee > 0 && fee < AIT / 100, "a transfer costs {fee} plancks");
		let burnt = before.1 - Balances::total_issuance();
		let earned = Balances::free_balance(account("//Alice//stash")) - before.2;
		assert_eq!(burnt + earned, fee + tip, "nothing else has it");
		assert_eq!(burnt, Perbill::from_percent(80) * fee);
		assert_eq!(earned, fee - burnt + tip);
	});
}

#[test]
fn every_block_leaves_the_randomness_of_its_author() {
	let mut chain = Chain::new("development");
	chain.blocks(1);
	let first = chain.query(Babe::author_vrf_randomness);
	chain.blocks(1);
	let second = chain.query(Babe::author_vrf_randomness);
	assert!(first.is_some() && second.is_some());
	assert_ne!(first, second);
}

#[test]
fn sessions_follow_epochs_and_validators_stay() {
	let mut chain = Chain::new("local_testnet");
	let validators = chain.query(Session::validators);
	chain.blocks(2 * EPOCH_DURATION_IN_SLOTS + 2);
	chain.query(|| {
		assert!(Session::current_index() >= 2);
		assert_eq!(Session::validators(), validators);
	});
}

#[test]
fn a_transaction_for_another_chain_is_refused() {
	let mut here = Chain::new("development");
	here.blocks(1);
	let mut elsewhere = Chain::new("development");
	elsewhere.pretend_genesis(b"another genesis");
	let foreign = elsewhere.sign("//Ferdie", transfer("//Eve", AIT), 0);
	assert!(matches!(here.block(vec![foreign])[..], [Err(_)]));
}

#[test]
fn the_version_names_the_chain() {
	assert_eq!(VERSION.spec_name, "infergrid");
	assert_eq!(VERSION.system_version, 1);
}

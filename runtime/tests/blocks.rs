//! Blocks of the real runtime.

mod common;

use common::{Chain, account};
use infergrid_runtime::{
	AIT, Babe, Balances, RuntimeCall, Session, VERSION, constants::EPOCH_DURATION_IN_SLOTS,
};
use polkadot_sdk::*;
use sp_runtime::MultiAddress;

fn transfer(to: &str, value: u128) -> RuntimeCall {
	RuntimeCall::Balances(pallet_balances::Call::transfer_keep_alive {
		dest: MultiAddress::Id(account(to)),
		value,
	})
}

#[test]
fn money_moves_and_the_author_earns_the_fee() {
	let mut chain = Chain::new("development");
	let before = chain.query(|| {
		(
			Balances::free_balance(account("//Ferdie")),
			Balances::total_issuance(),
			Balances::free_balance(account("//Alice//stash")),
		)
	});
	let extrinsic = chain.sign("//Ferdie", transfer("//Eve", 5 * AIT), 0);
	let results = chain.block(vec![extrinsic]);
	assert!(matches!(results[..], [Ok(Ok(()))]), "{results:?}");
	chain.query(|| {
		let fee = before.0 - 5 * AIT - Balances::free_balance(account("//Ferdie"));
		assert!(fee > 0 && fee < AIT / 100, "a transfer costs {fee} plancks");
		assert_eq!(
			Balances::free_balance(account("//Alice//stash")),
			before.2 + fee
		);
		assert_eq!(Balances::total_issuance(), before.1);
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

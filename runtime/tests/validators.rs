//! Validators that are off, on the real wiring of authors, sessions and bonds.

#![allow(
	clippy::expect_used,
	clippy::unwrap_used,
	reason = "clippy takes only functions marked #[test] for tests"
)]

mod common;

use common::{Chain, account, genesis_json};
use frame_support::traits::Get;
use infergrid_primitives::market::{Bonds, Role};
use infergrid_runtime::{
	AIT, AccountId, RoleStaking, Runtime, Session, SessionKeys, constants::EPOCH_DURATION_IN_SLOTS,
};
use polkadot_sdk::*;
use sp_keyring::{Ed25519Keyring, Sr25519Keyring};

const AWAY: &str = "//Dave//stash";

/// A network of Alice, Bob, Charlie and Dave, with equal bonds.
fn four() -> Chain {
	let mut json = genesis_json("local_testnet");
	let more = [
		(
			"//Charlie//stash",
			Sr25519Keyring::Charlie,
			Ed25519Keyring::Charlie,
		),
		(AWAY, Sr25519Keyring::Dave, Ed25519Keyring::Dave),
	];
	for (operator, babe, grandpa) in more {
		let operator: AccountId = account(operator);
		let keys = SessionKeys {
			babe: babe.public().into(),
			grandpa: grandpa.public().into(),
		};
		let mut push = |list: &str, entry: serde_json::Value| {
			let list = json.pointer_mut(list).expect("the genesis has it");
			list.as_array_mut().expect("a list").push(entry);
		};
		let bond = (&operator, Role::Validator, (20_000 * AIT) as u64);
		push("/roleStaking/bonds", serde_json::to_value(bond).unwrap());
		let keys = serde_json::to_value((&operator, &operator, keys)).unwrap();
		push("/session/keys", keys);
	}
	let mut chain = Chain::from_genesis(&json);
	assert_eq!(chain.query(Session::validators).len(), 4);
	chain
}

/// Goes on to the next session, and names its validators.
fn next_session(chain: &mut Chain) -> Vec<AccountId> {
	let before = chain.query(Session::current_index);
	while chain.query(Session::current_index) == before {
		chain.blocks(1);
	}
	chain.query(Session::validators)
}

/// Sessions until enough is expected of one of four to judge it, and two more until that shows.
fn long_enough() -> u32 {
	type Enough = <Runtime as pallet_role_staking::Config>::MinExpectedBlocks;
	let expected = EPOCH_DURATION_IN_SLOTS / 4;
	<Enough as Get<u32>>::get().div_ceil(expected) + 2
}

#[test]
fn who_is_off_gives_its_seat_up_for_one_session() {
	let mut chain = four();
	chain.authors = vec![
		Sr25519Keyring::Alice,
		Sr25519Keyring::Bob,
		Sr25519Keyring::Charlie,
	];
	let left_out = (0..long_enough())
		.map(|_| next_session(&mut chain))
		.find(|validators| validators.len() < 4)
		.expect("it is seen that Dave is off");
	assert!(!left_out.contains(&account(AWAY)));
	chain.query(|| {
		let bond = RoleStaking::active_bond(&account(AWAY), Role::Validator);
		assert_eq!(bond, 20_000 * AIT, "being off costs no bond");
	});
	// Where each session is enough to judge by, it was off in the one after as well.
	let back = (0..2).any(|_| next_session(&mut chain).len() == 4);
	assert!(back, "it may try again");
}

#[test]
fn nobody_gives_a_seat_up_in_an_outage() {
	let mut chain = four();
	chain.authors = vec![Sr25519Keyring::Alice, Sr25519Keyring::Bob];
	for _ in 0..long_enough() {
		assert_eq!(next_session(&mut chain).len(), 4);
	}
}

//! A validator that makes two blocks in one slot.

#![allow(
	clippy::expect_used,
	clippy::unwrap_used,
	reason = "clippy takes only functions marked #[test] for tests"
)]

mod common;

use codec::Encode;
use common::{Chain, account};
use frame_support::traits::KeyOwnerProofSystem;
use infergrid_primitives::market::{Bonds, Role};
use infergrid_runtime::{
	Babe, Header, Historical, RoleStaking, Runtime, RuntimeCall, Session, UncheckedExtrinsic,
	constants::EPOCH_DURATION_IN_SLOTS,
};
use polkadot_sdk::*;
use sp_consensus_babe::{
	AuthorityId, BABE_ENGINE_ID, EquivocationProof, Slot,
	digests::{PreDigest, SecondaryPlainPreDigest},
};
use sp_core::Pair;
use sp_keyring::Sr25519Keyring;
use sp_runtime::{Digest, DigestItem, traits::Header as _};

/// A header in `slot`, sealed by Bob; `seed` makes it one of many.
fn sealed(slot: Slot, authority_index: u32, seed: u8) -> Header {
	let digest = PreDigest::SecondaryPlain(SecondaryPlainPreDigest {
		authority_index,
		slot,
	});
	let mut header = Header::new(
		9,
		[seed; 32].into(),
		Default::default(),
		Default::default(),
		Digest {
			logs: vec![DigestItem::PreRuntime(BABE_ENGINE_ID, digest.encode())],
		},
	);
	let seal = Sr25519Keyring::Bob.pair().sign(header.hash().as_ref());
	header
		.digest_mut()
		.push(DigestItem::Seal(BABE_ENGINE_ID, seal.encode()));
	header
}

/// A report of what Bob does in the current slot, with its proof of who Bob is.
fn report(chain: &mut Chain) -> UncheckedExtrinsic {
	chain.query(|| {
		let slot = Babe::current_slot();
		let offender = AuthorityId::from(Sr25519Keyring::Bob.public());
		let index = Babe::authorities()
			.iter()
			.position(|(id, _)| *id == offender)
			.expect("Bob is an authority") as u32;
		let key_owner_proof = Historical::prove((sp_consensus_babe::KEY_TYPE, offender.clone()))
			.expect("Bob's keys are in the session");
		let equivocation_proof = EquivocationProof {
			slot,
			offender,
			first_header: sealed(slot, index, 1),
			second_header: sealed(slot, index, 2),
		};
		UncheckedExtrinsic::new_bare(RuntimeCall::Babe(
			pallet_babe::Call::report_equivocation_unsigned {
				equivocation_proof: Box::new(equivocation_proof),
				key_owner_proof,
			},
		))
	})
}

#[test]
fn it_is_slashed_and_out_of_the_next_sessions() {
	let mut chain = Chain::new("local_testnet");
	let bob = account("//Bob//stash");
	chain.blocks(2);
	let bond = chain.query(|| RoleStaking::slashable(&bob, Role::Validator));
	let report = report(&mut chain);
	let results = chain.block(vec![report.clone()]);
	assert!(matches!(results[..], [Ok(Ok(()))]), "{results:?}");
	chain.query(|| {
		assert!(RoleStaking::slashable(&bob, Role::Validator) < bond);
		assert_eq!(RoleStaking::active_bond(&bob, Role::Validator), 0);
		assert!(pallet_offences::Reports::<Runtime>::iter().next().is_some());
	});
	assert!(
		matches!(chain.block(vec![report])[..], [Err(_)]),
		"it is punished once"
	);

	chain.blocks(3 * EPOCH_DURATION_IN_SLOTS);
	chain.query(|| assert_eq!(Session::validators(), vec![account("//Alice//stash")]));
}

#[test]
fn a_report_may_come_a_session_late() {
	let mut chain = Chain::new("local_testnet");
	let bob = account("//Bob//stash");
	chain.blocks(2);
	let report = report(&mut chain);
	chain.blocks(EPOCH_DURATION_IN_SLOTS + 1);
	let results = chain.block(vec![report]);
	assert!(matches!(results[..], [Ok(Ok(()))]), "{results:?}");
	chain.query(|| assert_eq!(RoleStaking::active_bond(&bob, Role::Validator), 0));
}

/// The identity that a report proves is that of the offence's session, whatever the offender does
/// to its bond meanwhile.
#[test]
fn bonding_more_is_no_way_out() {
	let mut chain = Chain::new("local_testnet");
	let bob = account("//Bob//stash");
	chain.blocks(2);
	let call = pallet_role_staking::Call::bond {
		role: Role::Validator,
		amount: 1_000_000_000,
	};
	let more = chain.sign("//Bob//stash", call, 0);
	assert!(matches!(chain.block(vec![more])[..], [Ok(Ok(_))]));
	let report = report(&mut chain);
	chain.blocks(EPOCH_DURATION_IN_SLOTS + 1);
	let results = chain.block(vec![report]);
	assert!(matches!(results[..], [Ok(Ok(()))]), "{results:?}");
	chain.query(|| assert_eq!(RoleStaking::active_bond(&bob, Role::Validator), 0));
}

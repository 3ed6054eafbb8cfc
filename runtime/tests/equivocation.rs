//! Validators that make two blocks in one slot, or cast two votes in one round of finality.

#![allow(
	clippy::expect_used,
	clippy::unwrap_used,
	reason = "clippy takes only functions marked #[test] for tests"
)]

mod common;

use codec::{Decode, Encode};
use common::{Chain, account};
use frame_support::traits::{KeyOwnerProofSystem, fungible::Inspect};
use infergrid_primitives::{
	AIT, Balance,
	market::{Bonds, Role},
};
use infergrid_runtime::{
	Babe, Balances, Grandpa, Header, Historical, RoleStaking, Runtime, RuntimeCall, Session,
	UncheckedExtrinsic, constants::EPOCH_DURATION_IN_SLOTS, market::SLASH_DELAY,
};
use polkadot_sdk::*;
use sp_consensus_babe::{
	BABE_ENGINE_ID, Slot,
	digests::{PreDigest, SecondaryPlainPreDigest},
};
use sp_consensus_grandpa::Prevote;
use sp_core::Pair;
use sp_keyring::{Ed25519Keyring, Sr25519Keyring};
use sp_runtime::{ApplyExtrinsicResult, Digest, DigestItem, traits::Header as _};

const BOB: &str = "//Bob//stash";
const REPORTER: &str = "//Ferdie";

/// The calls that report what Bob did.
struct Report {
	/// By the author of a block.
	unsigned: RuntimeCall,
	/// By anybody.
	signed: RuntimeCall,
}

/// Whose key made the second signature: without Bob's, nothing is proven.
#[derive(Clone, Copy, PartialEq)]
enum Second {
	Bobs,
	Forged,
}

/// The ways to do twice what may be done once. Each report proves who Bob is by his session key.
const KINDS: [fn(&mut Chain, Second) -> Report; 2] = [two_blocks, two_votes];

/// A header in `slot`, sealed with the key of `signer`; `seed` makes it one of many.
fn sealed(slot: Slot, authority_index: u32, seed: u8, signer: Sr25519Keyring) -> Header {
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
	let seal = signer.pair().sign(header.hash().as_ref());
	header
		.digest_mut()
		.push(DigestItem::Seal(BABE_ENGINE_ID, seal.encode()));
	header
}

/// Two headers in the current slot.
fn two_blocks(chain: &mut Chain, second: Second) -> Report {
	chain.query(|| {
		let slot = Babe::current_slot();
		let offender = sp_consensus_babe::AuthorityId::from(Sr25519Keyring::Bob.public());
		let index = Babe::authorities()
			.iter()
			.position(|(id, _)| *id == offender)
			.expect("Bob is an authority") as u32;
		let key_owner_proof = Historical::prove((sp_consensus_babe::KEY_TYPE, offender.clone()))
			.expect("Bob's keys are in the session");
		let signer = match second {
			Second::Bobs => Sr25519Keyring::Bob,
			Second::Forged => Sr25519Keyring::Alice,
		};
		let equivocation_proof = Box::new(sp_consensus_babe::EquivocationProof {
			slot,
			offender,
			first_header: sealed(slot, index, 1, Sr25519Keyring::Bob),
			second_header: sealed(slot, index, 2, signer),
		});
		Report {
			unsigned: RuntimeCall::Babe(pallet_babe::Call::report_equivocation_unsigned {
				equivocation_proof: equivocation_proof.clone(),
				key_owner_proof: key_owner_proof.clone(),
			}),
			signed: RuntimeCall::Babe(pallet_babe::Call::report_equivocation {
				equivocation_proof,
				key_owner_proof,
			}),
		}
	})
}

/// Two prevotes in one round of the current set.
fn two_votes(chain: &mut Chain, second: Second) -> Report {
	const ROUND: u64 = 7;
	chain.query(|| {
		let set_id = Grandpa::current_set_id();
		let offender = sp_consensus_grandpa::AuthorityId::from(Ed25519Keyring::Bob.public());
		let key_owner_proof = Historical::prove((sp_consensus_grandpa::KEY_TYPE, offender.clone()))
			.expect("Bob's keys are in the session");
		let vote = |seed: u8, signer: Ed25519Keyring| {
			let vote = Prevote::<Header> {
				target_hash: [seed; 32].into(),
				target_number: 9,
			};
			// What a voter signs is a message of which the prevote is the first kind.
			let payload = (0u8, &vote, ROUND, set_id).encode();
			let signature = sp_consensus_grandpa::AuthoritySignature::from(signer.sign(&payload));
			(vote, signature)
		};
		let signer = match second {
			Second::Bobs => Ed25519Keyring::Bob,
			Second::Forged => Ed25519Keyring::Alice,
		};
		let votes = (vote(1, Ed25519Keyring::Bob), vote(2, signer));
		// The crate of this struct is no dependency of ours; its encoding is the protocol's.
		let equivocation = (ROUND, &offender, votes.0, votes.1).encode();
		let equivocation = sp_consensus_grandpa::Equivocation::Prevote(
			Decode::decode(&mut &equivocation[..]).expect("it is one"),
		);
		let equivocation_proof = Box::new(sp_consensus_grandpa::EquivocationProof::new(
			set_id,
			equivocation,
		));
		Report {
			unsigned: RuntimeCall::Grandpa(pallet_grandpa::Call::report_equivocation_unsigned {
				equivocation_proof: equivocation_proof.clone(),
				key_owner_proof: key_owner_proof.clone(),
			}),
			signed: RuntimeCall::Grandpa(pallet_grandpa::Call::report_equivocation {
				equivocation_proof,
				key_owner_proof,
			}),
		}
	})
}

fn unsigned(call: RuntimeCall) -> UncheckedExtrinsic {
	UncheckedExtrinsic::new_bare(call)
}

fn by(chain: &mut Chain, who: &str, call: impl Into<RuntimeCall>) -> Vec<ApplyExtrinsicResult> {
	let extrinsic = chain.sign(who, call, 0);
	chain.block(vec![extrinsic])
}

fn assert_applied(results: Vec<ApplyExtrinsicResult>) {
	assert!(matches!(results[..], [Ok(Ok(()))]), "{results:?}");
}

fn bond(chain: &mut Chain) -> Balance {
	chain.query(|| RoleStaking::slashable(&account(BOB), Role::Validator))
}

fn active(chain: &mut Chain) -> Balance {
	chain.query(|| RoleStaking::active_bond(&account(BOB), Role::Validator))
}

fn money(chain: &mut Chain, who: &str) -> Balance {
	chain.query(|| Balances::total_balance(&account(who)))
}

/// Goes on until what is ordered to be slashed is slashed.
fn execute(chain: &mut Chain) {
	if cfg!(feature = "fast-runtime") {
		chain.blocks((SLASH_DELAY + 1) * EPOCH_DURATION_IN_SLOTS);
		return;
	}
	// Too many blocks for a test: what the session does that executes it.
	chain.query(|| {
		let due = Session::current_index() + SLASH_DELAY;
		<RoleStaking as pallet_session::SessionManager<_>>::start_session(due);
	});
}

#[test]
fn it_is_slashed_once_and_out_of_the_next_sessions() {
	for report in KINDS {
		let mut chain = Chain::new("local_testnet");
		chain.blocks(2);
		let issuance = chain.query(Balances::total_issuance);
		let before = bond(&mut chain);
		let report = report(&mut chain, Second::Bobs);
		assert_applied(chain.block(vec![unsigned(report.unsigned.clone())]));
		// It is out at once; the money waits for its window.
		assert_eq!((bond(&mut chain), active(&mut chain)), (before, 0));
		chain.query(|| assert!(pallet_offences::Reports::<Runtime>::iter().next().is_some()));

		let again = chain.block(vec![unsigned(report.unsigned)]);
		assert!(matches!(again[..], [Err(_)]), "it is punished once");
		let again = by(&mut chain, REPORTER, report.signed);
		assert!(matches!(again[..], [Ok(Err(_))]), "{again:?}");

		let fee = issuance - chain.query(Balances::total_issuance);
		execute(&mut chain);
		// One of two: nine quarters of the bond, hence all of it, which is burnt.
		assert_eq!(bond(&mut chain), 0);
		chain.query(|| assert_eq!(Balances::total_issuance(), issuance - before - fee));
		chain.blocks(3 * EPOCH_DURATION_IN_SLOTS);
		chain.query(|| assert_eq!(Session::validators(), vec![account("//Alice//stash")]));
	}
}

#[test]
fn a_report_may_come_a_session_late() {
	for report in KINDS {
		let mut chain = Chain::new("local_testnet");
		chain.blocks(2);
		let report = report(&mut chain, Second::Bobs);
		chain.blocks(EPOCH_DURATION_IN_SLOTS + 1);
		assert_applied(chain.block(vec![unsigned(report.unsigned)]));
		assert_eq!(active(&mut chain), 0);
	}
}

/// The identity that a report proves is that of the offence's session, whatever the offender does
/// to its bond meanwhile.
#[test]
fn bonding_more_is_no_way_out() {
	for report in KINDS {
		let mut chain = Chain::new("local_testnet");
		chain.blocks(2);
		let call = pallet_role_staking::Call::bond {
			role: Role::Validator,
			amount: AIT,
		};
		assert_applied(by(&mut chain, BOB, call));
		let report = report(&mut chain, Second::Bobs);
		chain.blocks(EPOCH_DURATION_IN_SLOTS + 1);
		assert_applied(chain.block(vec![unsigned(report.unsigned)]));
		assert_eq!(active(&mut chain), 0);
	}
}

#[test]
fn unbonding_is_no_way_out() {
	for report in KINDS {
		let mut chain = Chain::new("local_testnet");
		chain.blocks(2);
		let report = report(&mut chain, Second::Bobs);
		let amount = active(&mut chain);
		let call = pallet_role_staking::Call::unbond {
			role: Role::Validator,
			amount,
		};
		assert_applied(by(&mut chain, BOB, call));
		assert_eq!((bond(&mut chain), active(&mut chain)), (amount, 0));
		chain.blocks(EPOCH_DURATION_IN_SLOTS + 1);
		let before = money(&mut chain, BOB);
		assert_applied(chain.block(vec![unsigned(report.unsigned)]));
		execute(&mut chain);
		assert_eq!(bond(&mut chain), 0);
		assert_eq!(money(&mut chain, BOB), before - amount);
	}
}

#[test]
fn a_report_costs_its_reporter_nothing_if_it_is_true_and_its_fee_if_not() {
	for report in KINDS {
		let mut chain = Chain::new("local_testnet");
		chain.blocks(2);
		let (forged, before) = (report(&mut chain, Second::Forged), bond(&mut chain));
		let had = money(&mut chain, REPORTER);
		let results = by(&mut chain, REPORTER, forged.signed);
		assert!(matches!(results[..], [Ok(Err(_))]), "{results:?}");
		let has = money(&mut chain, REPORTER);
		assert!(has < had, "{has} of {had}");
		assert_eq!(bond(&mut chain), before, "nothing is proven");

		let report = report(&mut chain, Second::Bobs);
		assert_applied(by(&mut chain, REPORTER, report.signed));
		assert_eq!(money(&mut chain, REPORTER), has);
		assert_eq!(active(&mut chain), 0);
	}
}

#[test]
fn root_may_cancel_the_slash_of_a_fault_that_is_not_the_validators() {
	for report in KINDS {
		let mut chain = Chain::new("local_testnet");
		chain.blocks(2);
		let before = bond(&mut chain);
		let report = report(&mut chain, Second::Bobs);
		assert_applied(chain.block(vec![unsigned(report.unsigned)]));
		let due = chain.query(|| Session::current_index() + SLASH_DELAY);
		let call = pallet_role_staking::Call::cancel_slash {
			due,
			operator: account(BOB),
		};
		let call = Box::new(RuntimeCall::from(call));
		assert_applied(by(&mut chain, "//Alice", pallet_sudo::Call::sudo { call }));
		execute(&mut chain);
		assert_eq!(bond(&mut chain), before);
	}
}

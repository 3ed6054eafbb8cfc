//! The room that every block keeps for results and votes.

mod common;

use common::{Chain, account, pair};
use infergrid_primitives::request::Consent;
use infergrid_runtime::{AIT, RuntimeCall, UncheckedExtrinsic};
use polkadot_sdk::*;
use sp_core::Pair;
use sp_runtime::{
	ApplyExtrinsicResult, DispatchError, MultiAddress,
	transaction_validity::{InvalidTransaction, TransactionValidityError},
};

const OPERATOR: &str = "//Alice//stash";
const WORKER: &str = "//Alice//worker";
const STRANGER: &str = "//Ferdie";
const SUDO: &str = "//Alice";

fn vote() -> RuntimeCall {
	pallet_audits::Call::commit_vote {
		audit: 99,
		commitment: [0; 32],
	}
	.into()
}

/// Takes the block's whole store for normal transactions.
fn stuffing() -> RuntimeCall {
	let remark = vec![0; 3_931_000];
	frame_system::Call::remark { remark }.into()
}

fn transfer() -> RuntimeCall {
	let dest = MultiAddress::Id(account("//Eve"));
	pallet_balances::Call::transfer_keep_alive { dest, value: AIT }.into()
}

fn sudo(call: RuntimeCall) -> RuntimeCall {
	let call = Box::new(call);
	pallet_sudo::Call::sudo { call }.into()
}

fn root_only() -> RuntimeCall {
	frame_system::Call::set_heap_pages { pages: 64 }.into()
}

/// A chain on which [`WORKER`] acts for [`OPERATOR`].
fn chain() -> Chain {
	let mut chain = Chain::new("development");
	chain.blocks(1);
	let genesis = chain.genesis();
	let worker = pair(WORKER);
	let consent = Consent {
		operator: account(OPERATOR).into(),
		counter: 0,
		valid_until: 100,
	};
	let call = pallet_role_staking::Call::pair_worker {
		worker: worker.public().0,
		counter: consent.counter,
		valid_until: consent.valid_until,
		signature: worker.sign(&consent.payload(&genesis)).0,
	};
	let paired = one(&mut chain, OPERATOR, call.into());
	assert!(matches!(paired, Ok(Ok(()))), "{paired:?}");
	chain
}

fn one(chain: &mut Chain, uri: &str, call: RuntimeCall) -> ApplyExtrinsicResult {
	let extrinsic = chain.sign(uri, call, 0);
	chain.block(vec![extrinsic]).remove(0)
}

fn refusal(reason: InvalidTransaction) -> ApplyExtrinsicResult {
	Err(TransactionValidityError::Invalid(reason))
}

#[test]
fn a_stranger_has_no_part_in_it() {
	let mut chain = chain();
	let batch = |calls| pallet_utility::Call::batch { calls }.into();
	let proxied = pallet_utility::Call::as_derivative {
		index: 0,
		call: Box::new(vote()),
	};
	for call in [
		vote(),
		batch(vec![vote(), vote()]),
		proxied.into(),
		root_only(),
		sudo(root_only()),
	] {
		let told = format!("{call:?}");
		let result = one(&mut chain, STRANGER, call);
		assert_eq!(result, refusal(InvalidTransaction::BadSigner), "{told}");
	}
	assert!(matches!(
		one(&mut chain, SUDO, sudo(root_only())),
		Ok(Ok(()))
	));
}

#[test]
fn a_vote_is_taken_where_others_have_filled_the_block() {
	let mut chain = chain();
	let mut extrinsics: Vec<UncheckedExtrinsic> = vec![chain.sign(STRANGER, stuffing(), 0)];
	extrinsics.extend((0..9).map(|offset| chain.sign(SUDO, transfer(), offset)));
	extrinsics.push(chain.sign(WORKER, vote(), 0));
	let results = chain.block(extrinsics);
	assert!(matches!(results[0], Ok(Ok(()))), "{:?}", results[0]);
	let full = refusal(InvalidTransaction::ExhaustsResources);
	assert_eq!(results[9], full, "the block is full");
	// It has no such duty, but it was heard, and pays.
	assert!(
		matches!(results[10], Ok(Err(DispatchError::Module(_)))),
		"{:?}",
		results[10]
	);
}

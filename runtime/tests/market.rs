//! The market on the real runtime: one task from the money's hold to its split, through the pallets'
//! own calls, with signed extrinsics only.

#![allow(
	clippy::expect_used,
	clippy::unwrap_used,
	reason = "clippy takes only functions marked #[test] for tests"
)]

mod common;

use common::{Chain, account, pair};
use frame_support::{
	BoundedVec,
	traits::fungible::{Inspect, InspectHold},
};
use infergrid_primitives::{
	Hash,
	audit::{FINGERPRINT_LEN, Measures, Verdict, Vote},
	market::{Bonds, Price, Role},
	model::{Arithmetic, Profile, ProofParams, model_id},
	request::{Assurance, Consent, Finish, Receipt, SamplingParams},
};
use infergrid_runtime::{
	AIT, Balances, RoleStaking, Runtime, RuntimeCall, RuntimeHoldReason, Treasury,
	market::{BaseCommitBlocks, RevealBlocks},
};
use pallet_audits::Phase;
use pallet_models::{ModelInfo, OfferTerms};
use pallet_tasks::{RefundReason, TaskInput, TaskStatus};
use polkadot_sdk::*;
use sp_core::Pair;

const CREATOR: &str = "//Ferdie";
const PAYER: &str = "//Gateway";
const MINERS: [&str; 2] = ["//Alice//stash", "//Bob//stash"];
const VERIFIERS: [&str; 3] = ["//Charlie", "//Dave", "//Eve"];
const MAX_FEE: u128 = 10 * AIT;
const MANIFEST: Hash = [7; 32];

fn worker_of(operator: &str) -> String {
	format!("{}//worker", operator.trim_end_matches("//stash"))
}

fn profile() -> Profile {
	Profile {
		model: model_id(&account(CREATOR).into(), &MANIFEST),
		arithmetic: Arithmetic::F32,
		sampler: 1,
		proof: ProofParams::default(),
		calibration: [1; 32],
		context: 2_048,
		min_tokens_per_second: 10,
		reference_input: AIT,
		reference_output: AIT,
	}
}

fn ok(chain: &mut Chain, uri: &str, call: impl Into<RuntimeCall>) {
	let extrinsic = chain.sign(uri, call, 0);
	let results = chain.block(vec![extrinsic]);
	assert!(matches!(results[..], [Ok(Ok(_))]), "{uri}: {results:?}");
}

/// A chain on which Alice and Bob mine a profile of Ferdie's model, and three others verify it.
fn market() -> (Chain, Hash) {
	let mut chain = Chain::new("local_testnet");
	chain.blocks(1);
	let genesis = chain.genesis();
	for operator in MINERS.iter().chain(&VERIFIERS) {
		let worker = pair(&worker_of(operator));
		let consent = Consent {
			operator: account(operator).into(),
			counter: 0,
			valid_until: 100,
		};
		let call = pallet_role_staking::Call::pair_worker {
			worker: worker.public().0,
			counter: consent.counter,
			valid_until: consent.valid_until,
			signature: worker.sign(&consent.payload(&genesis)).0,
		};
		ok(&mut chain, operator, call);
	}
	let info = ModelInfo {
		name: BoundedVec::truncate_from(b"demo".to_vec()),
		manifest_hash: MANIFEST,
		layers: 4,
		weight_bytes: 1_000,
		licence: BoundedVec::truncate_from(b"MIT".to_vec()),
	};
	ok(
		&mut chain,
		CREATOR,
		pallet_models::Call::register_model { info, royalty: 20 },
	);
	ok(
		&mut chain,
		CREATOR,
		pallet_models::Call::register_profile { profile: profile() },
	);
	let id = profile().id();
	for miner in MINERS {
		let offer = OfferTerms {
			price: Price {
				input: AIT,
				output: 2 * AIT,
			},
			capacity: 4,
			peer: BoundedVec::truncate_from(vec![1; 38]),
			address: BoundedVec::truncate_from(b"/ip4/127.0.0.1/tcp/4001".to_vec()),
		};
		ok(
			&mut chain,
			&worker_of(miner),
			pallet_models::Call::set_offer { profile: id, offer },
		);
	}
	for verifier in VERIFIERS {
		ok(
			&mut chain,
			&worker_of(verifier),
			pallet_models::Call::stand { profile: id },
		);
	}
	(chain, id)
}

fn submit(chain: &mut Chain, profile: Hash) -> u64 {
	let task = chain.query(pallet_tasks::NextTask::<Runtime>::get);
	let call = pallet_tasks::Call::submit {
		profile,
		input: TaskInput::Inline(BoundedVec::truncate_from(b"What is 2 + 2?".to_vec())),
		params: SamplingParams::greedy(64),
		max_fee: MAX_FEE,
		patience: 100,
		user_nonce: task,
		assurance: Assurance::Sampled,
	};
	ok(chain, PAYER, call);
	task
}

fn status(chain: &mut Chain, task: u64) -> TaskStatus<infergrid_runtime::AccountId> {
	chain
		.query(|| pallet_tasks::Tasks::<Runtime>::get(task))
		.expect("the task is kept")
		.status
}

/// Blocks from submitting a task to its assignment: the outputs of the second and the third one decide.
const DRAW_DELAY: u32 = 4;

/// Lets the assigned miner deliver; gives its name, the fee and the audit.
fn deliver(chain: &mut Chain, task: u64) -> (&'static str, u128, u64) {
	chain.blocks(DRAW_DELAY - 1);
	assert_eq!(status(chain, task), TaskStatus::Queued);
	chain.blocks(1);
	let TaskStatus::Assigned { miner, price, .. } = status(chain, task) else {
		panic!("the task is not assigned: {:?}", status(chain, task));
	};
	let name = MINERS
		.into_iter()
		.find(|name| account(name) == miner)
		.expect("a miner");
	let worker = pair(&worker_of(name));
	let genesis = chain.genesis();
	let request = chain
		.query(|| pallet_tasks::Tasks::<Runtime>::get(task))
		.unwrap()
		.request;
	let receipt = Receipt {
		request_id: request.id(&genesis),
		miner: miner.into(),
		worker_key: worker.public().0,
		n_prompt: 20,
		n_out: 33,
		finish: Finish::EndOfSequence,
		output_commit: [3; 32],
		trace_root: [4; 32],
		fee: price.fee(20, 33),
		ttft_ms: 10,
		total_ms: 100,
	};
	let fee = receipt.fee;
	let signature = worker.sign(&receipt.payload(&genesis)).0;
	let before = chain.query(|| Balances::balance(&account(&worker_of(name))));
	ok(
		chain,
		&worker_of(name),
		pallet_tasks::Call::submit_result {
			task,
			receipt,
			signature,
		},
	);
	let after = chain.query(|| Balances::balance(&account(&worker_of(name))));
	assert_eq!(
		before, after,
		"a result that is taken costs its sender nothing"
	);
	let TaskStatus::Delivered { audit, .. } = status(chain, task) else {
		panic!("the result was not taken");
	};
	(name, fee, audit)
}

fn held(chain: &mut Chain) -> u128 {
	let reason = RuntimeHoldReason::Tasks(pallet_tasks::HoldReason::Escrow);
	chain.query(|| Balances::balance_on_hold(&reason, &account(PAYER)))
}

/// Runs the audit with every member voting `verdict`.
fn audit(chain: &mut Chain, audit: u64, verdict: Verdict) {
	let genesis = chain.genesis();
	let committee = loop {
		match chain
			.query(|| pallet_audits::Audits::<Runtime>::get(audit))
			.unwrap()
			.phase
		{
			Phase::Scheduled { .. } => chain.blocks(1),
			Phase::Committing { committee, .. } => break committee,
			other => panic!("not drawn: {other:?}"),
		}
	};
	assert_eq!(committee.len(), 3);
	let vote = Vote {
		verdict,
		measures: Measures::default(),
		fingerprint: [5; FINGERPRINT_LEN],
	};
	let salt = |name: &str| infergrid_primitives::hashing::blake2_256(name.as_bytes());
	for name in VERIFIERS {
		let commitment = vote.commitment(&genesis, audit, account(name).as_ref(), &salt(name));
		ok(
			chain,
			&worker_of(name),
			pallet_audits::Call::commit_vote { audit, commitment },
		);
	}
	for name in VERIFIERS {
		let call = pallet_audits::Call::reveal_vote {
			audit,
			vote: vote.clone(),
			salt: salt(name),
		};
		ok(chain, &worker_of(name), call);
	}
	chain.blocks(BaseCommitBlocks::get().min(RevealBlocks::get()) + 2);
}

#[test]
fn an_answer_that_passes_its_audit_is_paid_and_shared() {
	let (mut chain, profile) = market();
	let treasury = chain.query(|| Balances::balance(&Treasury::account_id()));
	let creator = chain.query(|| Balances::balance(&account(CREATOR)));
	let task = submit(&mut chain, profile);
	assert_eq!(held(&mut chain), MAX_FEE);

	let (miner, fee, id) = deliver(&mut chain, task);
	assert_eq!(
		held(&mut chain),
		fee,
		"what the answer does not cost is released at once"
	);
	let mined = chain.query(|| Balances::balance(&account(miner)));
	audit(&mut chain, id, Verdict::Valid);

	let TaskStatus::Settled { shares, .. } = status(&mut chain, task) else {
		panic!("not settled: {:?}", status(&mut chain, task));
	};
	assert_eq!(shares.miner + shares.creator + shares.treasury, fee);
	assert_eq!(shares.treasury, fee / 10);
	assert_eq!(shares.creator, fee / 5);
	assert_eq!(held(&mut chain), 0);
	chain.query(|| {
		assert_eq!(
			Balances::balance(&Treasury::account_id()),
			treasury + shares.treasury
		);
		assert_eq!(
			Balances::balance(&account(CREATOR)),
			creator + shares.creator
		);
		// The miner may also have authored blocks and earned their fees.
		assert!(Balances::balance(&account(miner)) >= mined + shares.miner);
	});
}

#[test]
fn a_bond_stands_for_its_open_work_until_that_is_settled() {
	let (mut chain, profile) = market();
	let exposures = |chain: &mut Chain| chain.query(|| RoleStaking::exposures(Role::Miner));
	let task = submit(&mut chain, profile);
	let (miner, fee, id) = deliver(&mut chain, task);
	assert_eq!(exposures(&mut chain), [(account(miner), fee)].into());

	let amount = chain.query(|| RoleStaking::active_bond(&account(miner), Role::Miner));
	let all = pallet_role_staking::Call::unbond {
		role: Role::Miner,
		amount,
	};
	let refused = chain.sign(miner, all.clone(), 0);
	let refused = chain.block(vec![refused]);
	let expected = pallet_role_staking::Error::<Runtime>::BondAtWork.into();
	assert_eq!(refused, [Ok(Err(expected))]);
	audit(&mut chain, id, Verdict::Valid);
	assert!(exposures(&mut chain).is_empty());
	ok(&mut chain, miner, all);
}

#[test]
fn a_forger_loses_half_of_its_bond_and_the_payer_has_everything_back() {
	let (mut chain, profile) = market();
	let task = submit(&mut chain, profile);
	// After a part of the fee for that is burnt; the rest of the story is free.
	let issuance = chain.query(Balances::total_issuance);
	let (miner, _, id) = deliver(&mut chain, task);
	let bond = chain.query(|| RoleStaking::slashable(&account(miner), Role::Miner));
	let payer = chain.query(|| Balances::total_balance(&account(PAYER)));
	audit(&mut chain, id, Verdict::Invalid);

	assert_eq!(
		status(&mut chain, task),
		TaskStatus::Refunded(RefundReason::Condemned)
	);
	assert_eq!(held(&mut chain), 0);
	chain.query(|| {
		assert_eq!(
			RoleStaking::slashable(&account(miner), Role::Miner),
			bond / 2
		);
		assert_eq!(
			RoleStaking::active_bond(&account(miner), Role::Miner),
			0,
			"it is ejected"
		);
		assert_eq!(Balances::total_balance(&account(PAYER)), payer + bond / 20);
		// What three voters cannot share evenly is burnt as well.
		let burnt = issuance - Balances::total_issuance();
		assert!((0..3).contains(&(burnt - bond / 2 / 10 * 8)), "{burnt}");
	});
}

#[test]
fn no_author_chooses_miner_or_anchor_by_what_it_puts_into_a_block() {
	let assigned = |content: bool| {
		let (mut chain, profile) = market();
		let task = submit(&mut chain, profile);
		for n in 0..DRAW_DELAY as u8 {
			let remark = frame_system::Call::remark { remark: vec![n] };
			let extrinsic = content.then(|| chain.sign(CREATOR, remark, 0));
			chain.block(extrinsic.into_iter().collect());
		}
		let TaskStatus::Assigned { miner, window, .. } = status(&mut chain, task) else {
			panic!("not assigned: {:?}", status(&mut chain, task));
		};
		let parent = chain.query(frame_system::Pallet::<Runtime>::parent_hash);
		(miner, window.anchor, parent)
	};
	let (empty, full) = (assigned(false), assigned(true));
	assert_ne!(empty.2, full.2, "the blocks differ");
	assert_eq!((empty.0, empty.1), (full.0, full.1));
}

#[test]
fn a_payer_waits_no_longer_than_its_patience() {
	let (mut chain, profile) = market();
	let task = submit(&mut chain, profile);
	chain.blocks(102);
	assert_eq!(
		status(&mut chain, task),
		TaskStatus::Refunded(RefundReason::Expired)
	);
	assert_eq!(held(&mut chain), 0);
}

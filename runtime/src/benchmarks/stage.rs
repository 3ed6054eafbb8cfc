//! What the market's benchmarks find when they start.

#![expect(
	clippy::expect_used,
	reason = "a benchmark that finds no stage must not go on"
)]

use crate::{
	AIT, AccountId, Balance, Balances, Models, Randomness, RoleStaking, Runtime, RuntimeHoldReason,
	RuntimeOrigin, Tasks,
};
use frame_benchmarking::account;
use frame_support::{
	BoundedVec,
	traits::{
		BuildGenesisConfig,
		fungible::{Mutate, MutateHold},
	},
};
use infergrid_primitives::{
	Hash, WorkerKey,
	market::{Bonds, Price, Registry, Role, Work},
	model::{Arithmetic, Profile, ProofParams, model_id},
	randomness::Ticket,
	request::{Assurance, SamplingParams},
};
use pallet_models::{ModelInfo, OfferTerms};
use pallet_tasks::{TaskInput, TaskStatus};
use polkadot_sdk::*;

/// Makes operators, models and work through the pallets' own calls.
#[derive(Debug)]
pub struct Stage;

/// Money for everything that a benchmark does.
const PLENTY: Balance = 1_000_000 * AIT;
const CONTEXT: u32 = 8_192;
/// High enough for a share of each fee to be worth an account.
const PRICE: Price = Price {
	input: AIT,
	output: AIT,
};

fn fund(who: &AccountId) {
	Balances::set_balance(who, PLENTY);
}

/// An operator with a bond that counts at once, as one from genesis does.
fn bond(index: u32, role: Role, amount: Balance) -> AccountId {
	let who: AccountId = account("operator", index, role as u32);
	Balances::set_balance(&who, PLENTY.saturating_add(amount));
	if pallet_role_staking::Bonds::<Runtime>::get(role, &who).is_none() {
		pallet_role_staking::GenesisConfig::<Runtime> {
			bonds: alloc::vec![(who.clone(), role, amount)],
		}
		.build();
	}
	who
}

fn pair(operator: &AccountId, worker: WorkerKey) {
	pallet_role_staking::Workers::<Runtime>::insert(worker, operator);
	pallet_role_staking::WorkersOf::<Runtime>::mutate(operator, |workers| {
		if !workers.contains(&worker) {
			assert!(workers.try_push(worker).is_ok(), "benchmarks pair few keys");
		}
	});
}

fn model(creator: &AccountId) -> Hash {
	fund(creator);
	let info = ModelInfo {
		name: BoundedVec::truncate_from(b"stage".to_vec()),
		manifest_hash: [2; 32],
		layers: 1,
		weight_bytes: 1,
		licence: BoundedVec::truncate_from(b"MIT".to_vec()),
	};
	let model = model_id(&creator.clone().into(), &info.manifest_hash);
	let profile = Profile {
		model,
		arithmetic: Arithmetic::F32,
		sampler: 1,
		proof: ProofParams::default(),
		calibration: [1; 32],
		context: CONTEXT,
		min_tokens_per_second: 10,
		reference_input: PRICE.input,
		reference_output: PRICE.output,
	};
	let id = profile.id();
	if Models::profile(&id).is_some() {
		return id;
	}
	let origin = || RuntimeOrigin::signed(creator.clone());
	Models::register_model(origin(), info, 20).expect("the stage registers a model");
	Models::register_profile(origin(), profile).expect("the stage registers a profile");
	id
}

impl pallet_models::BenchmarkHelper<AccountId> for Stage {
	fn operator(index: u32, role: Role, amount: Balance) -> AccountId {
		bond(index, role, 10_000 * AIT + amount)
	}

	fn fund(who: &AccountId) {
		fund(who);
	}
}

impl pallet_rewards::BenchmarkHelper<Runtime> for Stage {
	fn hold(payer: &AccountId, amount: Balance) -> RuntimeHoldReason {
		fund(payer);
		let reason = pallet_tasks::HoldReason::Escrow.into();
		Balances::hold(&reason, payer, amount).expect("the payer has plenty");
		reason
	}

	fn profile(creator: &AccountId) -> Hash {
		model(creator)
	}

	fn exist(who: &AccountId) {
		fund(who);
	}
}

impl pallet_tasks::BenchmarkHelper<AccountId> for Stage {
	fn market(miners: u32) -> Hash {
		let profile = model(&account("creator", 0, 0));
		for index in 0..miners {
			let miner = bond(index, Role::Miner, 10_000 * AIT);
			let terms = OfferTerms {
				price: PRICE,
				capacity: 1_000,
				peer: BoundedVec::truncate_from(alloc::vec![0; 38]),
				address: BoundedVec::truncate_from(b"/ip4/127.0.0.1/tcp/4001".to_vec()),
			};
			Models::set_offer(RuntimeOrigin::signed(miner), profile, terms)
				.expect("the stage's miner offers");
		}
		profile
	}

	fn stand(profile: Hash, verifiers: u32) {
		for index in 0..verifiers {
			let verifier = bond(index, Role::Verifier, 10_000 * AIT);
			Models::stand(RuntimeOrigin::signed(verifier), profile)
				.expect("the stage's verifier stands");
		}
	}

	fn fund(who: &AccountId) {
		fund(who);
	}

	fn pair(operator: &AccountId, worker: WorkerKey) {
		pair(operator, worker);
	}

	fn complete(ticket: &Ticket) {
		Randomness::complete(ticket);
	}
}

impl pallet_audits::BenchmarkHelper<AccountId> for Stage {
	fn work(verifiers: u32) -> Work<AccountId> {
		let profile = <Self as pallet_tasks::BenchmarkHelper<AccountId>>::market(1);
		<Self as pallet_tasks::BenchmarkHelper<AccountId>>::stand(profile, verifiers);
		let payer: AccountId = account("payer", 0, 0);
		fund(&payer);
		let task = pallet_tasks::NextTask::<Runtime>::get();
		Tasks::submit(
			RuntimeOrigin::signed(payer.clone()),
			profile,
			TaskInput::Committed {
				commitment: [3; 32],
				n_prompt: 64,
			},
			SamplingParams::greedy(64),
			AIT,
			crate::market::MaxPatience::get(),
			task,
			Assurance::Sampled,
		)
		.expect("the stage submits a task");
		let miner: AccountId = account("operator", 0, Role::Miner as u32);
		let fee = PRICE.fee(64, 64);
		RoleStaking::reserve_exposure(&miner, Role::Miner, fee)
			.expect("the stage's miner has nothing else at work");
		// What `submit_result` leaves, without the signature that a benchmark of audits has no use for.
		pallet_tasks::Tasks::<Runtime>::mutate(task, |stored| {
			if let Some(stored) = stored {
				stored.status = TaskStatus::Delivered {
					miner: miner.clone(),
					fee,
					anchor: [5; 32],
					audit: pallet_audits::NextAudit::<Runtime>::get(),
				};
			}
		});
		Work {
			task,
			profile,
			miner,
			payer,
			fee,
			tokens: 128,
			always: true,
		}
	}

	fn worker_of(operator: &AccountId) -> AccountId {
		let worker = infergrid_primitives::hashing::blake2_256(operator.as_ref());
		pair(operator, worker);
		worker.into()
	}

	fn complete(ticket: &Ticket) {
		Randomness::complete(ticket);
	}
}

use crate as pallet_models;
use core::cell::RefCell;
use frame_support::{
	derive_impl, parameter_types,
	traits::{
		ConstU8, ConstU32, ConstU64, ConstU128, LinearStoragePrice, fungible::HoldConsideration,
	},
};
use infergrid_primitives::{
	AIT, Balance, WorkerKey,
	market::{Overexposed, Price, Role},
	model::{Arithmetic, Profile, ProofParams, model_id},
};
use polkadot_sdk::*;
use sp_runtime::{AccountId32, BuildStorage, traits::IdentityLookup};
use std::collections::BTreeMap;

pub(crate) type AccountId = AccountId32;

pub(crate) const CREATOR: AccountId = AccountId::new([1; 32]);
pub(crate) const MALLORY: AccountId = AccountId::new([2; 32]);
pub(crate) const POOR: AccountId = AccountId::new([3; 32]);
pub(crate) const MAX_CANDIDATES: u32 = 4;
pub(crate) const RETIRE_DELAY: u64 = 100;

#[frame_support::runtime]
mod runtime {
	#[runtime::runtime]
	#[runtime::derive(
		RuntimeCall,
		RuntimeEvent,
		RuntimeError,
		RuntimeOrigin,
		RuntimeFreezeReason,
		RuntimeHoldReason,
		RuntimeSlashReason,
		RuntimeLockId,
		RuntimeTask,
		RuntimeViewFunction
	)]
	pub struct Test;

	#[runtime::pallet_index(0)]
	pub type System = frame_system;
	#[runtime::pallet_index(1)]
	pub type Balances = pallet_balances;
	#[runtime::pallet_index(2)]
	pub type Models = pallet_models;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = frame_system::mocking::MockBlock<Test>;
	type AccountId = AccountId;
	type Lookup = IdentityLookup<AccountId>;
	type AccountData = pallet_balances::AccountData<Balance>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type Balance = Balance;
	type ExistentialDeposit = ConstU128<1_000>;
	type AccountStore = System;
}

thread_local! {
	static BONDS: RefCell<BTreeMap<(AccountId, Role), Balance>> = const { RefCell::new(BTreeMap::new()) };
	static WORKERS: RefCell<BTreeMap<WorkerKey, AccountId>> = const { RefCell::new(BTreeMap::new()) };
}

/// Bonds and worker keys as the test sets them.
pub struct FakeBonds;

impl FakeBonds {
	pub(crate) fn set(who: &AccountId, role: Role, amount: Balance) {
		BONDS.with_borrow_mut(|bonds| bonds.insert((who.clone(), role), amount));
	}

	pub(crate) fn pair(worker: WorkerKey, operator: AccountId) {
		WORKERS.with_borrow_mut(|workers| workers.insert(worker, operator));
	}
}

impl infergrid_primitives::market::Bonds<AccountId> for FakeBonds {
	type Credit = ();

	fn operator_of(worker: &WorkerKey) -> Option<AccountId> {
		WORKERS.with_borrow(|workers| workers.get(worker).cloned())
	}

	fn active_bond(operator: &AccountId, role: Role) -> Balance {
		BONDS.with_borrow(|bonds| bonds.get(&(operator.clone(), role)).copied().unwrap_or(0))
	}

	fn slashable(operator: &AccountId, role: Role) -> Balance {
		Self::active_bond(operator, role)
	}

	fn slash(_: &AccountId, _: Role, _: Balance) {}

	fn eject(operator: &AccountId, role: Role) {
		Self::set(operator, role, 0);
	}

	// The register puts nothing at work.
	fn reserve_exposure(_: &AccountId, _: Role, _: Balance) -> Result<(), Overexposed> {
		Err(Overexposed)
	}

	fn release_exposure(_: &AccountId, _: Role, _: Balance) {}

	fn exposures(_: Role) -> BTreeMap<AccountId, Balance> {
		BTreeMap::new()
	}
}

parameter_types! {
	pub ModelDeposit: RuntimeHoldReason =
		RuntimeHoldReason::Models(pallet_models::HoldReason::ModelDeposit);
}

impl crate::Config for Test {
	type Consideration = HoldConsideration<
		AccountId,
		Balances,
		ModelDeposit,
		LinearStoragePrice<ConstU128<AIT>, ConstU128<{ AIT / 1_000 }>, Balance>,
	>;
	type Bonds = FakeBonds;
	type MinRoyalty = ConstU8<5>;
	type MaxRoyalty = ConstU8<20>;
	type MaxPriceFactor = ConstU32<10>;
	type MaxProfiles = ConstU32<3>;
	type MaxCandidates = ConstU32<MAX_CANDIDATES>;
	type RetireDelay = ConstU64<RETIRE_DELAY>;
	type WeightInfo = ();
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = FakeBonds;
}

#[cfg(feature = "runtime-benchmarks")]
impl crate::BenchmarkHelper<AccountId> for FakeBonds {
	fn operator(index: u32, role: Role, bond: Balance) -> AccountId {
		let who = frame_benchmarking::account("operator", index, 0);
		Self::set(&who, role, bond);
		who
	}

	fn fund(_: &AccountId) {}
}

pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
	BONDS.with_borrow_mut(BTreeMap::clear);
	WORKERS.with_borrow_mut(BTreeMap::clear);
	let storage = RuntimeGenesisConfig {
		balances: pallet_balances::GenesisConfig {
			balances: vec![(CREATOR, 1_000 * AIT), (MALLORY, 1_000 * AIT), (POOR, AIT)],
			..Default::default()
		},
		..Default::default()
	}
	.build_storage()
	.expect("the genesis is sound");
	let mut ext = sp_io::TestExternalities::new(storage);
	ext.execute_with(|| System::set_block_number(1));
	ext
}

/// Runs `test` and checks afterwards that the state is sound.
pub(crate) fn execute(test: impl FnOnce()) {
	new_test_ext().execute_with(|| {
		test();
		Models::do_try_state().expect("the state is sound");
	});
}

pub(crate) fn signed(who: AccountId) -> RuntimeOrigin {
	RuntimeOrigin::signed(who)
}

/// A miner, or a verifier, with a bond.
pub(crate) fn operator(n: u8, role: Role, bond: Balance) -> AccountId {
	let who = AccountId::new([100 + n; 32]);
	FakeBonds::set(&who, role, bond);
	who
}

pub(crate) fn info() -> crate::ModelInfo {
	crate::ModelInfo {
		name: b"tiny".to_vec().try_into().expect("short"),
		manifest_hash: [7; 32],
		layers: 2,
		weight_bytes: 1_000_000,
		licence: b"Apache-2.0".to_vec().try_into().expect("short"),
	}
}

/// The model that [`register`] registers.
pub(crate) fn model() -> [u8; 32] {
	model_id(&CREATOR.into(), &info().manifest_hash)
}

pub(crate) fn profile() -> Profile {
	Profile {
		model: model(),
		arithmetic: Arithmetic::F32,
		sampler: 1,
		proof: ProofParams::default(),
		calibration: [0; 32],
		context: 512,
		min_tokens_per_second: 5,
		reference_input: 1_000,
		reference_output: 2_000,
	}
}

pub(crate) fn terms(price: Price, capacity: u32) -> crate::OfferTerms {
	crate::OfferTerms {
		price,
		capacity,
		peer: vec![1; 38].try_into().expect("short"),
		address: b"/ip4/127.0.0.1/tcp/4001"
			.to_vec()
			.try_into()
			.expect("short"),
	}
}

/// Registers the model and its profile, whose id it gives.
pub(crate) fn register() -> [u8; 32] {
	Models::register_model(signed(CREATOR), info(), 20).expect("the model is valid");
	Models::register_profile(signed(CREATOR), profile()).expect("the profile is valid");
	profile().id()
}

/// Registers an offer of a new miner.
pub(crate) fn offer(profile: [u8; 32], n: u8, bond: Balance, capacity: u32) -> AccountId {
	let miner = operator(n, Role::Miner, bond);
	let price = Price {
		input: 1_000,
		output: 2_000,
	};
	Models::set_offer(signed(miner.clone()), profile, terms(price, capacity))
		.expect("the offer is valid");
	miner
}

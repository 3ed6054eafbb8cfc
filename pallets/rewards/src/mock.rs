use crate as pallet_rewards;
use core::cell::RefCell;
use frame_support::{derive_impl, parameter_types, traits::ConstU128};
use infergrid_primitives::{
	Balance, Hash,
	market::{Assignment, Registry},
	model::Profile,
};
use polkadot_sdk::*;
use sp_runtime::{AccountId32, BuildStorage, Percent, traits::IdentityLookup};

pub(crate) type AccountId = AccountId32;

pub(crate) const PAYER: AccountId = AccountId::new([1; 32]);
pub(crate) const MINER: AccountId = AccountId::new([2; 32]);
pub(crate) const CREATOR: AccountId = AccountId::new([3; 32]);
pub(crate) const TREASURY: AccountId = AccountId::new([4; 32]);
pub(crate) const PROFILE: Hash = [9; 32];
pub(crate) const EXISTENTIAL_DEPOSIT: Balance = 1_000;

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
	pub type Rewards = pallet_rewards;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = frame_system::mocking::MockBlock<Test>;
	type AccountId = AccountId;
	type Lookup = IdentityLookup<AccountId>;
	type AccountData = pallet_balances::AccountData<Balance>;
}

/// Stands for the pallet that holds the fee.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	PartialOrd,
	Ord,
	codec::Encode,
	codec::Decode,
	codec::DecodeWithMemTracking,
	codec::MaxEncodedLen,
	scale_info::TypeInfo,
)]
pub enum Reason {
	Escrow,
}

impl frame_support::traits::VariantCount for Reason {
	const VARIANT_COUNT: u32 = 1;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type Balance = Balance;
	type ExistentialDeposit = ConstU128<EXISTENTIAL_DEPOSIT>;
	type AccountStore = System;
	type RuntimeHoldReason = Reason;
}

thread_local! {
	static ROYALTY: RefCell<Option<u8>> = const { RefCell::new(Some(20)) };
}

/// One profile, whose model is `CREATOR`'s.
pub struct FakeRegistry;

impl FakeRegistry {
	/// `None` for a profile that is gone.
	pub(crate) fn set_royalty(percent: Option<u8>) {
		ROYALTY.set(percent);
	}
}

impl Registry<AccountId> for FakeRegistry {
	fn profile(_: &Hash) -> Option<Profile> {
		None
	}

	fn creator(profile: &Hash) -> Option<(AccountId, u8)> {
		assert_eq!(*profile, PROFILE);
		ROYALTY.with_borrow(|royalty| royalty.map(|percent| (CREATOR, percent)))
	}

	fn assign(
		_: &Hash,
		_: &Hash,
		_: u32,
		_: u32,
		_: Balance,
		_: &[AccountId],
	) -> Option<Assignment<AccountId>> {
		None
	}

	fn release(_: &Hash, _: &AccountId) {}

	fn draw_verifiers(_: &Hash, _: &Hash, _: u32, _: &[AccountId]) -> Vec<AccountId> {
		Vec::new()
	}

	fn standing(_: &Hash, _: &AccountId) -> u32 {
		0
	}

	fn max_candidates() -> u32 {
		0
	}
}

parameter_types! {
	pub const TreasuryAccount: AccountId = TREASURY;
	pub const TreasuryShare: Percent = Percent::from_percent(10);
}

impl crate::Config for Test {
	type Currency = Balances;
	type Registry = FakeRegistry;
	type Treasury = TreasuryAccount;
	type TreasuryShare = TreasuryShare;
	type WeightInfo = ();
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = FakeRegistry;
}

#[cfg(feature = "runtime-benchmarks")]
impl crate::BenchmarkHelper<Test> for FakeRegistry {
	fn hold(payer: &AccountId, amount: Balance) -> Reason {
		fund(payer, amount);
		Reason::Escrow
	}

	fn profile(creator: &AccountId) -> Hash {
		use frame_support::traits::fungible::Mutate;
		// The fake has a creator of its own.
		let _ = creator;
		Balances::set_balance(&CREATOR, EXISTENTIAL_DEPOSIT);
		PROFILE
	}

	fn exist(who: &AccountId) {
		use frame_support::traits::fungible::Mutate;
		Balances::set_balance(who, EXISTENTIAL_DEPOSIT);
	}
}

/// Puts `amount` of new money of `payer` on hold, and leaves it an existential deposit.
pub(crate) fn fund(payer: &AccountId, amount: Balance) {
	use frame_support::traits::fungible::{Mutate, MutateHold};
	Balances::mint_into(payer, amount + EXISTENTIAL_DEPOSIT).expect("the amount fits");
	Balances::hold(&Reason::Escrow, payer, amount).expect("the money is there");
}

/// Nobody has money; accounts in `exist` have an existential deposit.
pub(crate) fn new_test_ext_with(exist: &[AccountId]) -> sp_io::TestExternalities {
	FakeRegistry::set_royalty(Some(20));
	let storage = RuntimeGenesisConfig {
		balances: pallet_balances::GenesisConfig {
			balances: exist
				.iter()
				.map(|who| (who.clone(), EXISTENTIAL_DEPOSIT))
				.collect(),
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

#[cfg(feature = "runtime-benchmarks")]
pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
	new_test_ext_with(&[])
}

/// Runs `test` where miner, creator and treasury exist, and checks afterwards that the state is
/// sound.
pub(crate) fn execute(test: impl FnOnce()) {
	new_test_ext_with(&[MINER, CREATOR, TREASURY]).execute_with(|| {
		test();
		Rewards::do_try_state().expect("the state is sound");
	});
}

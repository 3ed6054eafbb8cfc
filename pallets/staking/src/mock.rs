use crate::{self as pallet_role_staking, Counters};
use frame_support::{
	derive_impl, parameter_types,
	traits::{ConstU32, ConstU64, ConstU128, FindAuthor, Hooks, fungible::Credit},
};
use infergrid_primitives::{AIT, Balance, market::Role, request::Consent};
use polkadot_sdk::*;
use sp_core::{Pair, sr25519};
use sp_runtime::{
	AccountId32, BuildStorage, DispatchResult, KeyTypeId, Perbill, impl_opaque_keys,
	testing::UintAuthorityId,
	traits::{ConvertInto, IdentityLookup, OpaqueKeys},
};

pub(crate) type AccountId = AccountId32;

pub(crate) const ALICE: AccountId = AccountId::new([1; 32]);
pub(crate) const BOB: AccountId = AccountId::new([2; 32]);
pub(crate) const CHARLIE: AccountId = AccountId::new([3; 32]);
pub(crate) const DAVE: AccountId = AccountId::new([4; 32]);
pub(crate) const EVE: AccountId = AccountId::new([5; 32]);
pub(crate) const POOR: AccountId = AccountId::new([99; 32]);

pub(crate) const EXISTENTIAL_DEPOSIT: Balance = AIT / 1_000;
pub(crate) const ENDOWMENT: Balance = 10_000 * AIT;
pub(crate) const MIN_VALIDATOR: Balance = 1_000 * AIT;
pub(crate) const MIN_MINER: Balance = 100 * AIT;
pub(crate) const MIN_VERIFIER: Balance = 50 * AIT;
pub(crate) const SESSION: u64 = 5;
pub(crate) const UNBONDING: u32 = 4;
pub(crate) const REPORTABLE: u32 = 3;
pub(crate) const SLASH_DELAY: u32 = 2;

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
	pub type Authorship = pallet_authorship;
	#[runtime::pallet_index(3)]
	pub type RoleStaking = pallet_role_staking;
	#[runtime::pallet_index(4)]
	pub type Historical = pallet_session::historical;
	#[runtime::pallet_index(5)]
	pub type Session = pallet_session;
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
	type ExistentialDeposit = ConstU128<EXISTENTIAL_DEPOSIT>;
	type AccountStore = System;
}

impl_opaque_keys! {
	pub struct MockKeys {
		pub dummy: UintAuthorityId,
	}
}

pub struct Handler;
impl pallet_session::SessionHandler<AccountId> for Handler {
	const KEY_TYPE_IDS: &'static [KeyTypeId] = &[sp_runtime::key_types::DUMMY];
	fn on_genesis_session<K: OpaqueKeys>(_: &[(AccountId, K)]) {}
	fn on_new_session<K: OpaqueKeys>(_: bool, _: &[(AccountId, K)], _: &[(AccountId, K)]) {}
	fn on_disabled(_: u32) {}
}

impl pallet_session::Config for Test {
	type RuntimeEvent = RuntimeEvent;
	type ValidatorId = AccountId;
	type ValidatorIdOf = ConvertInto;
	type ShouldEndSession = pallet_session::PeriodicSessions<ConstU64<SESSION>, ConstU64<0>>;
	type NextSessionRotation = pallet_session::PeriodicSessions<ConstU64<SESSION>, ConstU64<0>>;
	type SessionManager = pallet_session::historical::NoteHistoricalRoot<Test, RoleStaking>;
	type SessionHandler = Handler;
	type Keys = MockKeys;
	type DisablingStrategy = pallet_session::disabling::UpToLimitWithReEnablingDisablingStrategy;
	type WeightInfo = ();
	type Currency = Balances;
	type KeyDeposit = ConstU128<0>;
}

impl pallet_session::historical::Config for Test {
	type RuntimeEvent = RuntimeEvent;
	type FullIdentification = ();
	type FullIdentificationOf = RoleStaking;
}

/// Who is awake makes the blocks, in turn.
pub struct InTurn;
impl FindAuthor<AccountId> for InTurn {
	fn find_author<'a, I>(_: I) -> Option<AccountId>
	where
		I: 'a + IntoIterator<Item = (sp_runtime::ConsensusEngineId, &'a [u8])>,
	{
		let (awake, block) = (Awake::get(), System::block_number() as usize);
		(!awake.is_empty()).then(|| awake[block % awake.len()].clone())
	}
}

impl pallet_authorship::Config for Test {
	type FindAuthor = InTurn;
	type EventHandler = RoleStaking;
}

parameter_types! {
	pub const WorkingShare: Perbill = Perbill::from_percent(50);
	pub const ExposureShare: Perbill = Perbill::from_percent(50);
	/// Who makes blocks.
	pub static Awake: Vec<AccountId> = Vec::new();
	pub static MinExpectedBlocks: u32 = 1;
	/// What consensus offences have cost so far.
	pub static OffenceSlashes: Balance = 0;
}

pub struct CountAndBurn;
impl frame_support::traits::OnUnbalanced<Credit<AccountId, Balances>> for CountAndBurn {
	fn on_nonzero_unbalanced(credit: Credit<AccountId, Balances>) {
		use frame_support::traits::Imbalance;
		OffenceSlashes::mutate(|sum| *sum += credit.peek());
	}
}

impl crate::Config for Test {
	type Currency = Balances;
	type Sessions = Session;
	type AdminOrigin = frame_system::EnsureRoot<AccountId>;
	type OnSlash = CountAndBurn;
	type MinValidatorBond = ConstU128<MIN_VALIDATOR>;
	type MinMinerBond = ConstU128<MIN_MINER>;
	type MinVerifierBond = ConstU128<MIN_VERIFIER>;
	type WorkingShare = WorkingShare;
	type ExposureShare = ExposureShare;
	type ActivationDelay = ConstU32<2>;
	type UnbondingSessions = ConstU32<UNBONDING>;
	type SlashDelay = ConstU32<SLASH_DELAY>;
	type ReportableSessions = ConstU32<REPORTABLE>;
	type MaxUnlocking = ConstU32<3>;
	type MaxWorkers = ConstU32<2>;
	type MaxCandidates = ConstU32<5>;
	type MaxValidators = ConstU32<4>;
	type MinExpectedBlocks = MinExpectedBlocks;
	type WeightInfo = ();
}

/// A genesis with everybody endowed, the named bonds, and session keys for `ALICE`…`EVE`.
pub(crate) struct ExtBuilder {
	bonds: Vec<(AccountId, Role, Balance)>,
	validators: Vec<AccountId>,
}

impl Default for ExtBuilder {
	fn default() -> Self {
		Self {
			bonds: vec![
				(ALICE, Role::Validator, 2 * MIN_VALIDATOR),
				(BOB, Role::Validator, MIN_VALIDATOR),
				(ALICE, Role::Miner, MIN_MINER),
			],
			validators: vec![ALICE, BOB],
		}
	}
}

impl ExtBuilder {
	pub(crate) fn bonds(mut self, bonds: Vec<(AccountId, Role, Balance)>) -> Self {
		self.bonds = bonds;
		self
	}

	pub(crate) fn build(self) -> sp_io::TestExternalities {
		let everybody = || (1..=20).map(|n| AccountId::new([n; 32]));
		let keys = |who: AccountId| {
			let n = u64::from(<AccountId as AsRef<[u8; 32]>>::as_ref(&who)[0]);
			(
				who.clone(),
				who,
				MockKeys {
					dummy: UintAuthorityId(n),
				},
			)
		};
		let validators = self.validators.clone();
		let storage = RuntimeGenesisConfig {
			balances: pallet_balances::GenesisConfig {
				balances: everybody()
					.map(|who| (who, ENDOWMENT))
					.chain([(POOR, EXISTENTIAL_DEPOSIT)])
					.collect(),
				..Default::default()
			},
			role_staking: crate::GenesisConfig { bonds: self.bonds },
			session: pallet_session::GenesisConfig {
				keys: validators.iter().cloned().map(keys).collect(),
				non_authority_keys: [ALICE, BOB, CHARLIE, DAVE, EVE]
					.into_iter()
					.filter(|who| !validators.contains(who))
					.map(keys)
					.collect(),
			},
			..Default::default()
		}
		.build_storage()
		.expect("the genesis is sound");
		let mut ext = sp_io::TestExternalities::new(storage);
		ext.register_extension(sp_keystore::KeystoreExt::new(
			sp_keystore::testing::MemoryKeystore::new(),
		));
		ext.execute_with(|| System::set_block_number(1));
		ext
	}

	/// Runs `test` and checks afterwards that the state is sound.
	pub(crate) fn execute(self, test: impl FnOnce()) {
		self.build().execute_with(|| {
			test();
			RoleStaking::do_try_state().expect("the state is sound");
		});
	}
}

#[cfg(feature = "runtime-benchmarks")]
pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
	ExtBuilder::default().bonds(vec![]).build()
}

/// Goes on to the first block of session `index`.
pub(crate) fn to_session(index: u32) {
	while Session::current_index() < index {
		let next = System::block_number() + 1;
		System::set_block_number(next);
		<Authorship as Hooks<u64>>::on_initialize(next);
		<Session as Hooks<u64>>::on_initialize(next);
		<Authorship as Hooks<u64>>::on_finalize(next);
	}
}

pub(crate) fn worker(seed: &str) -> sr25519::Pair {
	sr25519::Pair::from_string(seed, None).expect("the seed is well formed")
}

/// The consent of `pair` to act for `operator`, with its present counter and for ten blocks.
pub(crate) fn consent(pair: &sr25519::Pair, operator: &AccountId) -> Consent {
	Consent {
		operator: operator.clone().into(),
		counter: Counters::<Test>::get(pair.public().0),
		valid_until: u32::try_from(System::block_number()).unwrap() + 10,
	}
}

/// `operator` hands in `consent`, signed by `pair`.
pub(crate) fn pair_with(
	operator: &AccountId,
	pair: &sr25519::Pair,
	consent: &Consent,
) -> DispatchResult {
	let signature = pair.sign(&consent.payload(&RoleStaking::genesis_hash())).0;
	let (counter, valid_until) = (consent.counter, consent.valid_until);
	let origin = RuntimeOrigin::signed(operator.clone());
	RoleStaking::pair_worker(origin, pair.public().0, counter, valid_until, signature)
}

/// Pairs the key of `pair` with `operator`.
pub(crate) fn pair(operator: &AccountId, pair: &sr25519::Pair) -> DispatchResult {
	pair_with(operator, pair, &consent(pair, operator))
}

pub(crate) fn held(who: &AccountId, role: Role) -> Balance {
	use frame_support::traits::fungible::InspectHold;
	Balances::balance_on_hold(&crate::HoldReason::from(role).into(), who)
}

//! The pallet between real balances and a small market.

use crate::{self as pallet_audits, pallet::*, types::*};
use infergrid_mock_market::{self as market, Market, bond_account};
use infergrid_primitives::{
	AIT, AuditId, Balance, BlockNumber, Hash, TaskId, WorkerKey,
	audit::{FINGERPRINT_LEN, Measures, Verdict, Vote},
	hashing::blake2_256,
	market::{Audits as _, Escrow, Role, Work},
};
use polkadot_sdk::{
	frame_support::{
		self, Twox64Concat, assert_ok, derive_impl, parameter_types, storage_alias,
		traits::{ConstU8, ConstU32, ConstU128},
	},
	frame_system::{self, EnsureRoot, mocking::MockBlockU32},
	pallet_balances, sp_io,
	sp_runtime::{AccountId32, BuildStorage, Perbill, traits::IdentityLookup},
};

pub(crate) type AccountId = AccountId32;

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
	pub type Randomness = pallet_randomness;
	#[runtime::pallet_index(3)]
	pub type AuditsPallet = pallet_audits;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = MockBlockU32<Test>;
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

impl pallet_randomness::Config for Test {
	type Source = Market<Test, Balances>;
	type Depth = ConstU32<DAY>;
	type WeightInfo = ();
}

parameter_types! {
	pub const ForgerySlash: Perbill = Perbill::from_percent(50);
	pub const UnavailableSlash: Perbill = Perbill::from_percent(5);
	pub const LazySlash: Perbill = Perbill::from_percent(1);
	pub const SilentSlash: Perbill = Perbill::from_perthousand(1);
	pub const PayerShare: Perbill = Perbill::from_percent(10);
	pub const VoterShare: Perbill = Perbill::from_percent(10);
	pub storage ServiceShare: Perbill = Perbill::from_percent(25);
}

/// Blocks whose outputs are kept.
pub(crate) const DAY: BlockNumber = 300;
/// The least that an account can hold.
pub(crate) const EXISTENTIAL_DEPOSIT: Balance = AIT / 1_000;
pub(crate) const DRAW_DELAY: BlockNumber = 10;
pub(crate) const COMMIT_BLOCKS: BlockNumber = 6;
pub(crate) const REVEAL_BLOCKS: BlockNumber = 4;
pub(crate) const ESCROW_BLOCKS: BlockNumber = 7;
pub(crate) const HISTORY: BlockNumber = 50;
pub(crate) const PASSES: u8 = 2;

impl Config for Test {
	type Currency = Balances;
	type Bonds = Market<Test, Balances>;
	type Registry = Market<Test, Balances>;
	type Escrow = Outcomes;
	type Randomness = Randomness;
	type AdminOrigin = EnsureRoot<AccountId>;
	type DrawSkip = ConstU32<1>;
	type DrawOutputs = ConstU8<8>;
	type Seats = ConstU32<3>;
	type MinCondemners = ConstU32<2>;
	type BaseCommitBlocks = ConstU32<{ COMMIT_BLOCKS - 1 }>;
	type MillisecsPerBlock = ConstU32<3_000>;
	type RevealBlocks = ConstU32<REVEAL_BLOCKS>;
	type EscrowBlocks = ConstU32<ESCROW_BLOCKS>;
	type MaxRedraws = ConstU8<3>;
	type ProbationPasses = ConstU8<PASSES>;
	type HistoryDepth = ConstU32<HISTORY>;
	type ForgerySlash = ForgerySlash;
	type UnavailableSlash = UnavailableSlash;
	type LazySlash = LazySlash;
	type SilentSlash = SilentSlash;
	type PayerShare = PayerShare;
	type VoterShare = VoterShare;
	type ServiceShare = ServiceShare;
	type WeightInfo = crate::weights::SubstrateWeight<Test>;
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = Stage;
}

/// What became of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, codec::Encode, codec::Decode)]
pub(crate) enum Outcome {
	Settled,
	Refunded,
}

#[storage_alias]
type OutcomeOf = StorageMap<MockEscrow, Twox64Concat, TaskId, Outcome>;

/// An escrow that notes what it is told, once for each task.
pub struct Outcomes;

impl Outcomes {
	pub(crate) fn of(task: TaskId) -> Option<Outcome> {
		OutcomeOf::get(task)
	}

	fn note(task: TaskId, outcome: Outcome) {
		assert!(!OutcomeOf::contains_key(task), "a task ends once");
		OutcomeOf::insert(task, outcome);
	}
}

impl Escrow<AccountId> for Outcomes {
	fn settle(task: TaskId) {
		Self::note(task, Outcome::Settled);
	}

	fn refund(task: TaskId) {
		Self::note(task, Outcome::Refunded);
	}
}

pub(crate) const MINER: AccountId = AccountId::new([1; 32]);
pub(crate) const PAYER: AccountId = AccountId::new([2; 32]);
pub(crate) const CREATOR: AccountId = AccountId::new([3; 32]);
pub(crate) const VERIFIERS: [AccountId; 4] = [
	AccountId::new([11; 32]),
	AccountId::new([12; 32]),
	AccountId::new([13; 32]),
	AccountId::new([14; 32]),
];
pub(crate) const MINER_BOND: Balance = 1_000 * AIT;
pub(crate) const VERIFIER_BOND: Balance = 500 * AIT;

/// The key that works for `operator`.
pub(crate) fn worker_of(operator: &AccountId) -> WorkerKey {
	blake2_256(operator.as_ref())
}

/// The origin of `operator`'s worker key.
pub(crate) fn by(operator: &AccountId) -> RuntimeOrigin {
	RuntimeOrigin::signed(worker_of(operator).into())
}

pub(crate) fn profile_id() -> Hash {
	market::profile(1).id()
}

/// A chain at block 1 with a miner, a payer and `verifiers` verifiers.
pub(crate) fn chain(verifiers: usize) -> sp_io::TestExternalities {
	let storage = RuntimeGenesisConfig {
		audits_pallet: GenesisConfig {
			audit_rate: Perbill::from_percent(100),
			..Default::default()
		},
		..Default::default()
	}
	.build_storage()
	.expect("a valid genesis");
	let mut chain = sp_io::TestExternalities::new(storage);
	chain.execute_with(|| {
		// Every block is initialised, the first one too: service starts there.
		System::run_to_block::<AllPalletsWithSystem>(1);
		let profile = market::register(market::profile(1), &CREATOR, 20);
		for account in [MINER, PAYER, CREATOR].iter().chain(&VERIFIERS) {
			assert_ok!(Balances::force_set_balance(
				RuntimeOrigin::root(),
				account.clone(),
				100 * AIT
			));
			market::pair(account, worker_of(account));
		}
		Market::<Test, Balances>::bond(&MINER, Role::Miner, MINER_BOND);
		for verifier in &VERIFIERS[..verifiers] {
			Market::<Test, Balances>::bond(verifier, Role::Verifier, VERIFIER_BOND);
			market::stand(profile, verifier);
		}
		System::reset_events();
	});
	chain
}

/// Runs `test` on a chain with three verifiers and checks the invariants afterwards.
pub(crate) fn run(test: impl FnOnce()) {
	chain(3).execute_with(|| {
		test();
		AuditsPallet::check_invariants().expect("invariants hold");
	});
}

#[cfg(feature = "runtime-benchmarks")]
pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
	chain(0)
}

/// Goes to block `n`, checking the invariants in each block.
pub(crate) fn run_to(n: BlockNumber) {
	while System::block_number() < n {
		System::run_to_block::<AllPalletsWithSystem>(System::block_number() + 1);
		AuditsPallet::check_invariants().expect("invariants hold");
	}
}

pub(crate) fn run_on(blocks: BlockNumber) {
	run_to(System::block_number() + blocks);
}

pub(crate) fn work(task: TaskId) -> Work<AccountId> {
	Work {
		task,
		profile: profile_id(),
		miner: MINER,
		payer: PAYER,
		fee: AIT,
		tokens: 200,
		always: false,
	}
}

pub(crate) fn submit(work: Work<AccountId>) -> AuditId {
	AuditsPallet::submit(work).expect("work is taken")
}

/// Submits work for task 7 and goes to its draw.
pub(crate) fn drawn() -> AuditId {
	let audit = submit(work(7));
	run_on(DRAW_DELAY);
	audit
}

pub(crate) fn phase(audit: AuditId) -> PhaseOf<Test> {
	Audits::<Test>::get(audit).expect("audit exists").phase
}

pub(crate) fn committee(audit: AuditId) -> Vec<AccountId> {
	match phase(audit) {
		Phase::Committing { committee, .. } | Phase::Revealing { committee, .. } => {
			committee.into_inner()
		}
		other => panic!("no committee in {other:?}"),
	}
}

/// A vote; `print` fills the fingerprint, 0 stands for not having run the model.
pub(crate) fn vote(verdict: Verdict, print: i16) -> Vote {
	Vote {
		verdict,
		measures: Measures::default(),
		fingerprint: [print; FINGERPRINT_LEN],
	}
}

pub(crate) const SALT: Hash = [5; 32];

pub(crate) fn commitment(audit: AuditId, verifier: &AccountId, vote: &Vote) -> Hash {
	vote.commitment(
		&AuditsPallet::genesis_hash(),
		audit,
		verifier.as_ref(),
		&SALT,
	)
}

pub(crate) fn commit(audit: AuditId, verifier: &AccountId, vote: &Vote) {
	let commitment = commitment(audit, verifier, vote);
	assert_ok!(AuditsPallet::commit_vote(by(verifier), audit, commitment));
}

pub(crate) fn reveal(audit: AuditId, verifier: &AccountId, vote: Vote) {
	assert_ok!(AuditsPallet::reveal_vote(by(verifier), audit, vote, SALT));
}

/// The committee votes as given, in the order of its seats, and the votes are counted.
pub(crate) fn round(audit: AuditId, votes: &[Vote]) {
	let committee = committee(audit);
	for (member, vote) in committee.iter().zip(votes) {
		commit(audit, member, vote);
	}
	if votes.len() < committee.len() {
		run_on(COMMIT_BLOCKS + 1);
	}
	for (member, vote) in committee.iter().zip(votes) {
		reveal(audit, member, vote.clone());
	}
	run_on(1);
}

/// What lies in an operator's bond.
pub(crate) fn bond(operator: &AccountId, role: Role) -> Balance {
	Balances::free_balance(bond_account(operator, role))
}

/// This pallet's events since the last call.
pub(crate) fn events() -> Vec<Event<Test>> {
	let events = System::read_events_for_pallet::<Event<Test>>();
	System::reset_events();
	events
}

#[cfg(feature = "runtime-benchmarks")]
use infergrid_primitives::randomness::Ticket;

#[cfg(feature = "runtime-benchmarks")]
pub struct Stage;

#[cfg(feature = "runtime-benchmarks")]
impl crate::BenchmarkHelper<AccountId> for Stage {
	fn work(verifiers: u32) -> Work<AccountId> {
		let profile = market::register(market::profile(9), &CREATOR, 20);
		Market::<Test, Balances>::bond(&MINER, Role::Miner, MINER_BOND);
		for index in 0..verifiers {
			let verifier = AccountId::new(blake2_256(&index.to_le_bytes()));
			assert_ok!(Balances::force_set_balance(
				RuntimeOrigin::root(),
				verifier.clone(),
				100 * AIT
			));
			Market::<Test, Balances>::bond(&verifier, Role::Verifier, VERIFIER_BOND);
			market::stand(profile, &verifier);
		}
		Work { profile, ..work(1) }
	}

	fn worker_of(operator: &AccountId) -> AccountId {
		market::pair(operator, worker_of(operator));
		worker_of(operator).into()
	}

	fn complete(ticket: &Ticket) {
		Randomness::complete(ticket);
	}
}

//! The pallet between real balances, real audits and a small market.

use crate::{self as pallet_tasks, pallet::*, types::*};
use infergrid_mock_market::{self as market, Market, TREASURY, bond_account};
use infergrid_primitives::{
	AIT, Balance, BlockNumber, Hash, Signature, TaskId, WorkerKey,
	market::{Price, Role},
	request::{Assurance, Finish, Receipt, SamplingParams},
};
use polkadot_sdk::{
	frame_support::{
		self, assert_ok, derive_impl, parameter_types,
		traits::{ConstU8, ConstU32, ConstU128, fungible::InspectHold},
	},
	frame_system::{self, EnsureRoot, mocking::MockBlockU32},
	pallet_balances,
	sp_core::{Pair, sr25519},
	sp_io,
	sp_runtime::{
		AccountId32, BuildStorage, DispatchResultWithInfo, Perbill, traits::IdentityLookup,
	},
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
	pub type TasksPallet = pallet_tasks;
	#[runtime::pallet_index(4)]
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
	type ExistentialDeposit = ConstU128<{ AIT / 1_000 }>;
	type AccountStore = System;
	type RuntimeHoldReason = RuntimeHoldReason;
}

impl pallet_randomness::Config for Test {
	type Source = Market<Test, Balances>;
	type Depth = ConstU32<1_000>;
	type WeightInfo = ();
}

parameter_types! {
	pub const MissSlash: Perbill = Perbill::from_perthousand(1);
	pub storage ServiceShare: Perbill = Perbill::from_percent(25);
	pub storage AuditsShare: Perbill = Perbill::from_percent(25);
	pub const ForgerySlash: Perbill = Perbill::from_percent(50);
	pub const UnavailableSlash: Perbill = Perbill::from_percent(5);
	pub const LazySlash: Perbill = Perbill::from_percent(1);
	pub const SilentSlash: Perbill = Perbill::from_perthousand(1);
	pub const TenPercent: Perbill = Perbill::from_percent(10);
}

pub(crate) const BASE_WINDOW: BlockNumber = 5;
pub(crate) const MIN_FEE: Balance = AIT / 1_000;
pub(crate) const HISTORY: BlockNumber = 200;
pub(crate) const OVERHEAD: u32 = 64;
pub(crate) const MAX_LAG: BlockNumber = 3;
pub(crate) const MAX_RETRY: BlockNumber = 8;
/// Blocks from taking a ticket to the draw.
pub(crate) const DRAW_DELAY: BlockNumber = 4;

impl Config for Test {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type Bonds = Market<Test, Balances>;
	type Registry = Market<Test, Balances>;
	type FeeSplit = Market<Test, Balances>;
	type Audits = AuditsPallet;
	type Randomness = Randomness;
	type DrawSkip = ConstU32<1>;
	type DrawOutputs = ConstU8<2>;
	type MinFee = ConstU128<MIN_FEE>;
	type MinPatience = ConstU32<5>;
	type MaxPatience = ConstU32<1_000>;
	type BaseWindow = ConstU32<BASE_WINDOW>;
	type MillisecsPerBlock = ConstU32<3_000>;
	type InlineOverhead = ConstU32<OVERHEAD>;
	type MaxLag = ConstU32<MAX_LAG>;
	type MaxRetryDelay = ConstU32<MAX_RETRY>;
	type MissSlash = MissSlash;
	type HistoryDepth = ConstU32<HISTORY>;
	type ServiceShare = ServiceShare;
	type WeightInfo = crate::weights::SubstrateWeight<Test>;
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = Stage;
}

impl pallet_audits::Config for Test {
	type Currency = Balances;
	type Bonds = Market<Test, Balances>;
	type Registry = Market<Test, Balances>;
	type Escrow = TasksPallet;
	type Randomness = Randomness;
	type AdminOrigin = EnsureRoot<AccountId>;
	type DrawSkip = ConstU32<1>;
	type DrawOutputs = ConstU8<8>;
	type Seats = ConstU32<3>;
	type MinCondemners = ConstU32<2>;
	type BaseCommitBlocks = ConstU32<5>;
	type MillisecsPerBlock = ConstU32<3_000>;
	type RevealBlocks = ConstU32<4>;
	type EscrowBlocks = ConstU32<7>;
	type MaxRedraws = ConstU8<1>;
	type ProbationPasses = ConstU8<2>;
	type HistoryDepth = ConstU32<HISTORY>;
	type ForgerySlash = ForgerySlash;
	type UnavailableSlash = UnavailableSlash;
	type LazySlash = LazySlash;
	type SilentSlash = SilentSlash;
	type PayerShare = TenPercent;
	type VoterShare = TenPercent;
	type ServiceShare = AuditsShare;
	type WeightInfo = pallet_audits::weights::SubstrateWeight<Test>;
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = Stage;
}

pub(crate) const PAYER: AccountId = AccountId::new([2; 32]);
pub(crate) const CREATOR: AccountId = AccountId::new([3; 32]);
pub(crate) const MINERS: [AccountId; 3] = [
	AccountId::new([21; 32]),
	AccountId::new([22; 32]),
	AccountId::new([23; 32]),
];
pub(crate) const VERIFIERS: [AccountId; 3] = [
	AccountId::new([11; 32]),
	AccountId::new([12; 32]),
	AccountId::new([13; 32]),
];
pub(crate) const BOND: Balance = 1_000 * AIT;
pub(crate) const FUNDS: Balance = 1_000 * AIT;
/// 2 AIT for 1,000 tokens of prompt, 5 AIT for 1,000 of answer.
pub(crate) const PRICE: Price = Price {
	input: 2 * AIT,
	output: 5 * AIT,
};
pub(crate) const CAPACITY: u32 = 2;
pub(crate) const N_PROMPT: u32 = 100;
pub(crate) const MAX_TOKENS: u32 = 50;
/// Blocks from assignment to deadline of [`order`]: 1.5 seconds make one more.
pub(crate) const WINDOW: BlockNumber = BASE_WINDOW + 1;
pub(crate) const PATIENCE: BlockNumber = 40;
pub(crate) const MAX_FEE: Balance = AIT;

/// The key pair that works for `operator`.
pub(crate) fn worker(operator: &AccountId) -> sr25519::Pair {
	sr25519::Pair::from_seed(operator.as_ref())
}

pub(crate) fn worker_key(operator: &AccountId) -> WorkerKey {
	worker(operator).public().0
}

/// The origin of `operator`'s worker key.
pub(crate) fn by(operator: &AccountId) -> RuntimeOrigin {
	RuntimeOrigin::signed(worker_key(operator).into())
}

pub(crate) fn profile_id() -> Hash {
	market::profile(1).id()
}

/// A chain at block 1 with a payer, `miners` miners and three verifiers.
pub(crate) fn chain(miners: usize) -> sp_io::TestExternalities {
	let storage = frame_system::GenesisConfig::<Test>::default()
		.build_storage()
		.expect("a valid genesis");
	let mut chain = sp_io::TestExternalities::new(storage);
	chain.execute_with(|| {
		System::run_to_block::<AllPalletsWithSystem>(1);
		let profile = market::register(market::profile(1), &CREATOR, 20);
		let people = [PAYER, CREATOR, TREASURY];
		for account in people.iter().chain(&MINERS).chain(&VERIFIERS) {
			fund(account);
			market::pair(account, worker_key(account));
		}
		for miner in &MINERS[..miners] {
			Market::<Test, Balances>::bond(miner, Role::Miner, BOND);
			market::offer(profile, miner, PRICE, CAPACITY);
		}
		for verifier in &VERIFIERS {
			Market::<Test, Balances>::bond(verifier, Role::Verifier, BOND);
			market::stand(profile, verifier);
		}
		System::reset_events();
	});
	chain
}

pub(crate) fn fund(account: &AccountId) {
	assert_ok!(Balances::force_set_balance(
		RuntimeOrigin::root(),
		account.clone(),
		FUNDS
	));
}

/// Runs `test` on a chain with `miners` miners and checks the invariants afterwards.
pub(crate) fn run(miners: usize, test: impl FnOnce()) {
	chain(miners).execute_with(|| {
		test();
		check();
	});
}

/// Checks the invariants.
pub(crate) fn check() {
	TasksPallet::check_invariants().expect("invariants hold");
}

/// Goes to block `n`, checking the invariants in each block.
pub(crate) fn run_to(n: BlockNumber) {
	while System::block_number() < n {
		System::run_to_block::<AllPalletsWithSystem>(System::block_number() + 1);
		check();
	}
}

pub(crate) fn run_on(blocks: BlockNumber) {
	run_to(System::block_number() + blocks);
}

/// What `submit` takes, ready to be changed.
#[derive(Clone, Debug)]
pub(crate) struct Order {
	pub(crate) profile: Hash,
	pub(crate) input: TaskInput,
	pub(crate) params: SamplingParams,
	pub(crate) max_fee: Balance,
	pub(crate) patience: BlockNumber,
	/// One of its own for every order, if it is not said.
	pub(crate) user_nonce: Option<u64>,
	pub(crate) assurance: Assurance,
}

pub(crate) fn order() -> Order {
	Order {
		profile: profile_id(),
		input: TaskInput::Committed {
			commitment: [4; 32],
			n_prompt: N_PROMPT,
		},
		params: SamplingParams::greedy(MAX_TOKENS),
		max_fee: MAX_FEE,
		patience: PATIENCE,
		user_nonce: None,
		assurance: Assurance::Sampled,
	}
}

pub(crate) fn inline(text: &[u8]) -> TaskInput {
	TaskInput::Inline(text.to_vec().try_into().expect("within 4 KiB"))
}

impl Order {
	pub(crate) fn submit(
		self,
		payer: &AccountId,
	) -> Result<TaskId, polkadot_sdk::sp_runtime::DispatchError> {
		let id = NextTask::<Test>::get();
		TasksPallet::submit(
			RuntimeOrigin::signed(payer.clone()),
			self.profile,
			self.input,
			self.params,
			self.max_fee,
			self.patience,
			self.user_nonce.unwrap_or(id),
			self.assurance,
		)?;
		Ok(id)
	}
}

/// Submits the ordinary order.
pub(crate) fn submitted() -> TaskId {
	order().submit(&PAYER).expect("an order that can be taken")
}

/// Submits the ordinary order and goes to the block that assigns it.
pub(crate) fn assigned() -> (TaskId, AccountId) {
	let task = submitted();
	run_on(DRAW_DELAY);
	(task, miner_of(task))
}

pub(crate) fn status(task: TaskId) -> TaskStatus<AccountId> {
	Tasks::<Test>::get(task).expect("task exists").status
}

pub(crate) fn miner_of(task: TaskId) -> AccountId {
	match status(task) {
		TaskStatus::Assigned { miner, .. }
		| TaskStatus::Delivered { miner, .. }
		| TaskStatus::Settled { miner, .. } => miner,
		other => panic!("no miner in {other:?}"),
	}
}

/// The honest receipt of an assigned task with `n_out` tokens.
pub(crate) fn receipt(id: TaskId, miner: &AccountId, n_out: u32) -> Receipt {
	let task = Tasks::<Test>::get(id).expect("task exists");
	let n_prompt = match task.request.prompt {
		infergrid_primitives::request::PromptCommitment::Salted { n_prompt, .. } => n_prompt,
		infergrid_primitives::request::PromptCommitment::Inline { .. } => 20,
	};
	Receipt {
		request_id: task.request.id(&TasksPallet::genesis_hash()),
		miner: miner.clone().into(),
		worker_key: worker_key(miner),
		n_prompt,
		n_out,
		finish: Finish::EndOfSequence,
		output_commit: [8; 32],
		trace_root: [9; 32],
		fee: PRICE.fee(n_prompt, n_out),
		ttft_ms: 100,
		total_ms: 900,
	}
}

pub(crate) fn sign(receipt: &Receipt, miner: &AccountId) -> Signature {
	worker(miner)
		.sign(&receipt.payload(&TasksPallet::genesis_hash()))
		.0
}

/// Hands `receipt` in, signed, as `miner`'s worker.
pub(crate) fn hand_in(
	task: TaskId,
	miner: &AccountId,
	receipt: Receipt,
) -> DispatchResultWithInfo<polkadot_sdk::frame_support::dispatch::PostDispatchInfo> {
	let signature = sign(&receipt, miner);
	TasksPallet::submit_result(by(miner), task, receipt, signature)
}

/// Takes the ordinary order to delivery with 30 tokens.
pub(crate) fn delivered() -> (TaskId, AccountId) {
	let (task, miner) = assigned();
	assert_ok!(hand_in(task, &miner, receipt(task, &miner, 30)));
	(task, miner)
}

/// What a payer has on hold.
pub(crate) fn held(payer: &AccountId) -> Balance {
	Balances::balance_on_hold(&HoldReason::Escrow.into(), payer)
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
pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
	use polkadot_sdk::sp_keystore::{KeystoreExt, testing::MemoryKeystore};
	let mut chain = chain(0);
	chain.register_extension(KeystoreExt::new(MemoryKeystore::new()));
	chain
}

#[cfg(feature = "runtime-benchmarks")]
use infergrid_primitives::randomness::Ticket;

#[cfg(feature = "runtime-benchmarks")]
pub struct Stage;

#[cfg(feature = "runtime-benchmarks")]
impl crate::BenchmarkHelper<AccountId> for Stage {
	fn market(miners: u32) -> Hash {
		let profile = market::register(market::profile(9), &CREATOR, 20);
		for index in 0..miners {
			let miner = AccountId::new(infergrid_primitives::hashing::blake2_256(
				&index.to_le_bytes(),
			));
			fund(&miner);
			Market::<Test, Balances>::bond(&miner, Role::Miner, BOND);
			market::offer(
				profile,
				&miner,
				Price {
					input: 1,
					output: 1,
				},
				CAPACITY,
			);
		}
		profile
	}

	fn stand(profile: Hash, verifiers: u32) {
		for index in 0..verifiers {
			let seed = index.to_be_bytes();
			market::stand(
				profile,
				&AccountId::new(infergrid_primitives::hashing::blake2_256(&seed)),
			);
		}
	}

	fn fund(who: &AccountId) {
		fund(who);
	}

	fn pair(operator: &AccountId, worker: WorkerKey) {
		market::pair(operator, worker);
	}

	fn complete(ticket: &Ticket) {
		Randomness::complete(ticket);
	}
}

#[cfg(feature = "runtime-benchmarks")]
impl pallet_audits::BenchmarkHelper<AccountId> for Stage {
	fn work(_: u32) -> infergrid_primitives::market::Work<AccountId> {
		unimplemented!("the audits' benchmarks run with their own mock")
	}

	fn worker_of(_: &AccountId) -> AccountId {
		unimplemented!("the audits' benchmarks run with their own mock")
	}

	fn complete(_: &Ticket) {
		unimplemented!("the audits' benchmarks run with their own mock")
	}
}

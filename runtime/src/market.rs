//! The market: where its pallets meet each other and the chain.
//!
//! Windows come in two lengths, [`slow_or_fast`]: those of a network that lives, and those of a
//! network that is watched. Whatever the length, a bond leaves only after every window in which it
//! can still be slashed; a test of this crate holds them against each other.

use crate::{
	AIT, AccountId, Audits, Babe, Balance, Balances, BlockNumber, Models, Randomness, Rewards,
	RoleStaking, Runtime, RuntimeHoldReason, Session, Tasks,
	consensus::{MAX_AUTHORITIES, REPORTABLE_SESSIONS},
	constants::{DAYS, HOURS, MILLISECS_PER_BLOCK, MINUTES, deposit, slow_or_fast},
	economics::TreasuryAccount,
};
use frame_support::{
	parameter_types,
	traits::{ConstU8, ConstU32, ConstU128, LinearStoragePrice, fungible::HoldConsideration},
};
use frame_system::EnsureRoot;
use infergrid_primitives::{Hash, randomness::AuthorRandomness};
use polkadot_sdk::*;
use sp_runtime::{Perbill, Percent};

/// Sessions from unbonding until the money can leave: a week, or four hours.
pub const UNBONDING_SESSIONS: u32 = slow_or_fast(1_008, 240);

/// Sessions from ordering an equivocator's slash until it is executed: a day, or three minutes.
pub const SLASH_DELAY: u32 = slow_or_fast(144, 3);

parameter_types! {
	/// A bond of the entry minimum outlives hundreds of slashes of a thousandth.
	pub const WorkingShare: Perbill = Perbill::from_percent(50);
	/// Who runs away with all the work that a bond stands for has twice as much to lose.
	pub const ExposureShare: Perbill = Perbill::from_percent(50);
}

impl pallet_role_staking::Config for Runtime {
	type Currency = Balances;
	type Sessions = Session;
	type AdminOrigin = EnsureRoot<AccountId>;
	type OnSlash = ();
	type MinValidatorBond = ConstU128<{ 10_000 * AIT }>;
	type MinMinerBond = ConstU128<{ 1_000 * AIT }>;
	type MinVerifierBond = ConstU128<{ 1_000 * AIT }>;
	type WorkingShare = WorkingShare;
	type ExposureShare = ExposureShare;
	type ActivationDelay = ConstU32<2>;
	type UnbondingSessions = ConstU32<UNBONDING_SESSIONS>;
	type SlashDelay = ConstU32<SLASH_DELAY>;
	type ReportableSessions = ConstU32<REPORTABLE_SESSIONS>;
	type MaxUnlocking = ConstU32<32>;
	type MaxWorkers = ConstU32<16>;
	type MaxCandidates = ConstU32<{ 2 * MAX_AUTHORITIES }>;
	type MaxValidators = ConstU32<MAX_AUTHORITIES>;
	// Of one that is on luck leaves less than a third once in 140,000 judgements.
	type MinExpectedBlocks = ConstU32<30>;
	type WeightInfo = pallet_role_staking::weights::SubstrateWeight<Runtime>;
}

parameter_types! {
	pub const ModelBaseDeposit: Balance = deposit(2, 64);
	pub const ModelByteDeposit: Balance = deposit(0, 1);
	pub const ModelHoldReason: RuntimeHoldReason =
		RuntimeHoldReason::Models(pallet_models::HoldReason::ModelDeposit);
	/// A retired model stays for as long as requests on it can be audited.
	pub const RetireDelay: BlockNumber = slow_or_fast(2 * DAYS, 2 * HOURS);
}

impl pallet_models::Config for Runtime {
	type Consideration = HoldConsideration<
		AccountId,
		Balances,
		ModelHoldReason,
		LinearStoragePrice<ModelBaseDeposit, ModelByteDeposit, Balance>,
	>;
	type Bonds = RoleStaking;
	type MinRoyalty = ConstU8<5>;
	type MaxRoyalty = ConstU8<20>;
	type MaxPriceFactor = ConstU32<10>;
	type MaxProfiles = ConstU32<16>;
	type MaxCandidates = ConstU32<64>;
	type RetireDelay = RetireDelay;
	type WeightInfo = pallet_models::weights::SubstrateWeight<Runtime>;
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = crate::benchmarks::Stage;
}

/// The VRF output of the parent's author. BABE notes it when a block ends, so that until then the
/// value at hand is that of the parent.
#[derive(Debug)]
pub struct ParentVrf;

impl AuthorRandomness for ParentVrf {
	fn parent() -> Option<Hash> {
		Babe::author_vrf_randomness()
	}
}

impl pallet_randomness::Config for Runtime {
	type Source = ParentVrf;
	type Depth = ConstU32<DAYS>;
	type WeightInfo = pallet_randomness::weights::SubstrateWeight<Runtime>;
}

parameter_types! {
	pub const MaxPatience: BlockNumber = slow_or_fast(2 * HOURS, 20 * MINUTES);
	/// A minute at least: the assignment is final after a few blocks, then come the prompt's way to
	/// the miner and the result's way into a block.
	pub const BaseWindow: BlockNumber = slow_or_fast(2 * MINUTES, MINUTES);
	pub const MissSlash: Perbill = Perbill::from_parts(1_000_000);
	/// What is finished is kept for those who come late to read it.
	pub const HistoryDepth: BlockNumber = slow_or_fast(7 * DAYS, HOURS);
	/// What one pallet of the market may take of a block before transactions.
	pub const ServiceShare: Perbill = Perbill::from_percent(20);
}

impl pallet_tasks::Config for Runtime {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type Bonds = RoleStaking;
	type Registry = Models;
	type FeeSplit = Rewards;
	type Audits = Audits;
	type Randomness = Randomness;
	type DrawSkip = ConstU32<1>;
	type DrawOutputs = ConstU8<2>;
	type MinFee = ConstU128<{ AIT / 1_000_000 }>;
	type MinPatience = ConstU32<5>;
	type MaxPatience = MaxPatience;
	type BaseWindow = BaseWindow;
	type MillisecsPerBlock = ConstU32<{ MILLISECS_PER_BLOCK as u32 }>;
	type InlineOverhead = ConstU32<256>;
	type MaxLag = ConstU32<10>;
	type MaxRetryDelay = ConstU32<20>;
	type MissSlash = MissSlash;
	type HistoryDepth = HistoryDepth;
	type ServiceShare = ServiceShare;
	type WeightInfo = pallet_tasks::weights::SubstrateWeight<Runtime>;
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = crate::benchmarks::Stage;
}

parameter_types! {
	pub const BaseCommitBlocks: BlockNumber = slow_or_fast(5 * MINUTES, MINUTES);
	pub const RevealBlocks: BlockNumber = slow_or_fast(2 * MINUTES, 10);
	pub const EscrowBlocks: BlockNumber = slow_or_fast(6 * HOURS, MINUTES);
	pub const ForgerySlash: Perbill = Perbill::from_percent(50);
	pub const UnavailableSlash: Perbill = Perbill::from_percent(5);
	pub const LazySlash: Perbill = Perbill::from_percent(1);
	pub const SilentSlash: Perbill = Perbill::from_parts(1_000_000);
	pub const PayerShare: Perbill = Perbill::from_percent(10);
	pub const VoterShare: Perbill = Perbill::from_percent(10);
}

impl pallet_audits::Config for Runtime {
	type Currency = Balances;
	type Bonds = RoleStaking;
	type Registry = Models;
	type Escrow = Tasks;
	type Randomness = Randomness;
	type AdminOrigin = EnsureRoot<AccountId>;
	type DrawSkip = ConstU32<1>;
	type DrawOutputs = ConstU8<8>;
	type Seats = ConstU32<3>;
	type MinCondemners = ConstU32<2>;
	type BaseCommitBlocks = BaseCommitBlocks;
	type MillisecsPerBlock = ConstU32<{ MILLISECS_PER_BLOCK as u32 }>;
	type RevealBlocks = RevealBlocks;
	type EscrowBlocks = EscrowBlocks;
	type MaxRedraws = ConstU8<3>;
	type ProbationPasses = ConstU8<20>;
	type HistoryDepth = HistoryDepth;
	type ForgerySlash = ForgerySlash;
	type UnavailableSlash = UnavailableSlash;
	type LazySlash = LazySlash;
	type SilentSlash = SilentSlash;
	type PayerShare = PayerShare;
	type VoterShare = VoterShare;
	type ServiceShare = ServiceShare;
	type WeightInfo = pallet_audits::weights::SubstrateWeight<Runtime>;
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = crate::benchmarks::Stage;
}

parameter_types! {
	pub const TreasuryShare: Percent = Percent::from_percent(10);
}

impl pallet_rewards::Config for Runtime {
	type Currency = Balances;
	type Registry = Models;
	type Treasury = TreasuryAccount;
	type TreasuryShare = TreasuryShare;
	type WeightInfo = pallet_rewards::weights::SubstrateWeight<Runtime>;
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = crate::benchmarks::Stage;
}

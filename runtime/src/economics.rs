//! Balances, transaction fees and the treasury.

use crate::{
	AccountId, Authorship, Balance, Balances, BlockNumber, Runtime, RuntimeEvent,
	RuntimeFreezeReason, RuntimeHoldReason, System, Treasury,
	constants::{DAYS, EXISTENTIAL_DEPOSIT},
	system::SPEND_PAYOUT_PERIOD,
};
use frame_support::{
	PalletId, parameter_types,
	traits::{
		ConstU8, ConstU32, ConstU128, Imbalance, OnUnbalanced, VariantCountOf,
		fungible::{Balanced, Credit},
		tokens::{PayFromAccount, UnityAssetBalanceConversion},
	},
	weights::ConstantMultiplier,
};
use frame_system::{EnsureRoot, EnsureRootWithSuccess};
use pallet_transaction_payment::{FungibleAdapter, Multiplier, TargetedFeeAdjustment};
use polkadot_sdk::*;
use sp_runtime::{
	FixedPointNumber, Perbill, Permill, Perquintill,
	traits::{Bounded, IdentityLookup},
};

impl pallet_balances::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type RuntimeHoldReason = RuntimeHoldReason;
	type RuntimeFreezeReason = RuntimeFreezeReason;
	type WeightInfo = pallet_balances::weights::SubstrateWeight<Runtime>;
	type Balance = Balance;
	type DustRemoval = ();
	type ExistentialDeposit = ConstU128<EXISTENTIAL_DEPOSIT>;
	type AccountStore = System;
	type ReserveIdentifier = [u8; 8];
	type FreezeIdentifier = RuntimeFreezeReason;
	type MaxLocks = ConstU32<50>;
	type MaxReserves = ConstU32<50>;
	type MaxFreezes = VariantCountOf<RuntimeFreezeReason>;
	type DoneSlashHandler = ();
}

/// Burns a part of each fee, and gives the rest with the tip to the author of the block: an author who
/// fills its blocks with its own transactions pays for it. What cannot be given is burnt as well.
#[derive(Debug)]
pub struct FeesAndTips;

impl OnUnbalanced<Credit<AccountId, Balances>> for FeesAndTips {
	fn on_unbalanceds(mut fee_then_tip: impl Iterator<Item = Credit<AccountId, Balances>>) {
		let Some(fee) = fee_then_tip.next() else {
			return;
		};
		let burnt = BurntFee::get() * fee.peek();
		let (burnt, mut earned) = fee.split(burnt);
		drop(burnt);
		fee_then_tip.for_each(|tip| earned.subsume(tip));
		if let Some(author) = Authorship::author() {
			// Fails only for an account that the credit is too small to open.
			drop(Balances::resolve(&author, earned));
		}
	}
}

parameter_types! {
	/// Plancks per picosecond of execution: a plain transfer costs some thousandths of an AIT.
	pub const WeightFee: Balance = 10;
	/// Plancks per byte.
	pub const ByteFee: Balance = 10_000_000;
	/// The part of a fee that is burnt.
	pub const BurntFee: Perbill = Perbill::from_percent(80);
	/// Fullness at which fees neither rise nor fall.
	pub const TargetBlockFullness: Perquintill = Perquintill::from_percent(25);
	/// Fees move by about a tenth in an hour of full blocks.
	pub AdjustmentVariable: Multiplier = Multiplier::saturating_from_rational(75, 1_000_000);
	pub MinimumMultiplier: Multiplier = Multiplier::saturating_from_rational(1, 10);
	pub MaximumMultiplier: Multiplier = Bounded::max_value();
}

impl pallet_transaction_payment::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type OnChargeTransaction = FungibleAdapter<Balances, FeesAndTips>;
	type WeightToFee = ConstantMultiplier<Balance, WeightFee>;
	type LengthToFee = ConstantMultiplier<Balance, ByteFee>;
	type FeeMultiplierUpdate = TargetedFeeAdjustment<
		Self,
		TargetBlockFullness,
		AdjustmentVariable,
		MinimumMultiplier,
		MaximumMultiplier,
	>;
	type OperationalFeeMultiplier = ConstU8<5>;
	type WeightInfo = pallet_transaction_payment::weights::SubstrateWeight<Runtime>;
}

parameter_types! {
	pub const SpendPeriod: BlockNumber = 7 * DAYS;
	/// What is not spent stays.
	pub const Burn: Permill = Permill::zero();
	pub const TreasuryPalletId: PalletId = PalletId(*b"ig/trsry");
	pub const PayoutPeriod: BlockNumber = SPEND_PAYOUT_PERIOD;
	pub const MaxSpend: Balance = Balance::MAX;
	/// The account that holds the treasury's money.
	pub TreasuryAccount: AccountId = Treasury::account_id();
}

impl pallet_treasury::Config for Runtime {
	type Currency = Balances;
	type RejectOrigin = EnsureRoot<AccountId>;
	type RuntimeEvent = RuntimeEvent;
	type SpendPeriod = SpendPeriod;
	type Burn = Burn;
	type PalletId = TreasuryPalletId;
	type BurnDestination = ();
	type WeightInfo = pallet_treasury::weights::SubstrateWeight<Runtime>;
	type SpendFunds = ();
	type MaxApprovals = ConstU32<100>;
	type SpendOrigin = EnsureRootWithSuccess<AccountId, MaxSpend>;
	type AssetKind = ();
	type Beneficiary = AccountId;
	type BeneficiaryLookup = IdentityLookup<AccountId>;
	type Paymaster = PayFromAccount<Balances, TreasuryAccount>;
	type BalanceConverter = UnityAssetBalanceConversion;
	type PayoutPeriod = PayoutPeriod;
	type BlockNumberProvider = System;
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = ();
}

//! What the runtime calls the things that workers use. Nothing else in the crate spells a pallet's
//! item.

/// Pallets by the names that the runtime gives them.
pub(crate) mod pallet {
	pub(crate) const SYSTEM: &str = "System";
	pub(crate) const SESSION: &str = "Session";
	pub(crate) const BABE: &str = "Babe";
	pub(crate) const STAKING: &str = "RoleStaking";
	pub(crate) const MODELS: &str = "Models";
	pub(crate) const TASKS: &str = "Tasks";
	pub(crate) const AUDITS: &str = "Audits";
	pub(crate) const REWARDS: &str = "Rewards";
	pub(crate) const BALANCES: &str = "Balances";
	pub(crate) const TRANSACTION_PAYMENT: &str = "TransactionPayment";
}

/// Storage entries.
pub(crate) mod entry {
	pub(crate) const ACCOUNT: &str = "Account";
	pub(crate) const EVENTS: &str = "Events";

	pub(crate) const CURRENT_INDEX: &str = "CurrentIndex";
	pub(crate) const EPOCH_START: &str = "EpochStart";

	pub(crate) const BONDS: &str = "Bonds";
	pub(crate) const WORKERS: &str = "Workers";
	pub(crate) const COUNTERS: &str = "Counters";
	pub(crate) const WORKERS_OF: &str = "WorkersOf";

	pub(crate) const MODELS: &str = "Models";
	pub(crate) const PROFILES: &str = "Profiles";
	pub(crate) const OFFERS: &str = "Offers";
	pub(crate) const MINERS: &str = "Miners";
	pub(crate) const VERIFIERS: &str = "Verifiers";

	pub(crate) const TASKS: &str = "Tasks";
	pub(crate) const ORDERED: &str = "Ordered";
	pub(crate) const ASSIGNED: &str = "Assigned";
	pub(crate) const PROMPTS: &str = "Prompts";
	pub(crate) const RECEIPTS: &str = "Receipts";

	pub(crate) const AUDITS: &str = "Audits";
	pub(crate) const SEATED: &str = "Seated";
	pub(crate) const OPENABLE: &str = "Openable";
	pub(crate) const COMMITMENTS: &str = "Commitments";
	pub(crate) const VOTES: &str = "Votes";

	pub(crate) const EARNED: &str = "Earned";
}

/// Constants.
pub(crate) mod constant {
	pub(crate) const EPOCH_DURATION: &str = "EpochDuration";
	pub(crate) const MIN_ROYALTY: &str = "MinRoyalty";
	pub(crate) const MAX_ROYALTY: &str = "MaxRoyalty";
	pub(crate) const MAX_PRICE_FACTOR: &str = "MaxPriceFactor";
	pub(crate) const MAX_CANDIDATES: &str = "MaxCandidates";
	pub(crate) const MIN_FEE: &str = "MinFee";
	pub(crate) const MIN_PATIENCE: &str = "MinPatience";
	pub(crate) const MAX_PATIENCE: &str = "MaxPatience";
	pub(crate) const BASE_WINDOW: &str = "BaseWindow";
	pub(crate) const DRAW_SKIP: &str = "DrawSkip";
	pub(crate) const DRAW_OUTPUTS: &str = "DrawOutputs";
	pub(crate) const BASE_COMMIT_BLOCKS: &str = "BaseCommitBlocks";
	pub(crate) const REVEAL_BLOCKS: &str = "RevealBlocks";
	pub(crate) const MAX_REDRAWS: &str = "MaxRedraws";
	pub(crate) const MIN_VALIDATOR_BOND: &str = "MinValidatorBond";
	pub(crate) const MIN_MINER_BOND: &str = "MinMinerBond";
	pub(crate) const MIN_VERIFIER_BOND: &str = "MinVerifierBond";
	pub(crate) const EXPOSURE_SHARE: &str = "ExposureShare";
	pub(crate) const WORKING_VALIDATOR_BOND: &str = "WorkingValidatorBond";
	pub(crate) const WORKING_MINER_BOND: &str = "WorkingMinerBond";
	pub(crate) const WORKING_VERIFIER_BOND: &str = "WorkingVerifierBond";
	pub(crate) const MILLISECS_PER_BLOCK: &str = "MillisecsPerBlock";
}

/// Calls.
pub(crate) mod call {
	pub(crate) const BOND: &str = "bond";
	pub(crate) const UNBOND: &str = "unbond";
	pub(crate) const WITHDRAW_UNBONDED: &str = "withdraw_unbonded";
	pub(crate) const UNPAIR_WORKER: &str = "unpair_worker";
	pub(crate) const PAIR_WORKER: &str = "pair_worker";

	pub(crate) const REGISTER_MODEL: &str = "register_model";
	pub(crate) const REGISTER_PROFILE: &str = "register_profile";
	pub(crate) const SET_OFFER: &str = "set_offer";
	pub(crate) const WITHDRAW_OFFER: &str = "withdraw_offer";
	pub(crate) const STAND: &str = "stand";
	pub(crate) const STAND_DOWN: &str = "stand_down";

	pub(crate) const SUBMIT: &str = "submit";
	pub(crate) const SUBMIT_RESULT: &str = "submit_result";
	pub(crate) const CANCEL: &str = "cancel";

	pub(crate) const COMMIT_VOTE: &str = "commit_vote";
	pub(crate) const REVEAL_VOTE: &str = "reveal_vote";

	pub(crate) const TRANSFER_KEEP_ALIVE: &str = "transfer_keep_alive";
}

/// Outcomes of an extrinsic.
pub(crate) mod outcome {
	pub(crate) const SUCCESS: &str = "ExtrinsicSuccess";
	pub(crate) const FAILED: &str = "ExtrinsicFailed";
}

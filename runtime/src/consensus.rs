//! Who makes blocks, who finalizes them, and what happens to those who do it twice.

use crate::{
	AccountId, Babe, Balance, Balances, Grandpa, Historical, Offences, RoleStaking, Runtime,
	RuntimeEvent, Session,
	constants::{EPOCH_DURATION_IN_SLOTS, MILLISECS_PER_BLOCK, deposit},
};
use alloc::vec::Vec;
use frame_support::{
	parameter_types,
	traits::{ConstU32, ConstU64},
	weights::Weight,
};
use pallet_role_staking::ExposureOf;
use pallet_session::SessionManager;
use polkadot_sdk::*;
use sp_consensus_babe::{AllowedSlots, BabeEpochConfiguration};
use sp_runtime::{
	Perbill, impl_opaque_keys,
	traits::{Convert, ConvertInto, OpaqueKeys},
};
use sp_staking::{
	SessionIndex,
	offence::{OffenceDetails, OnOffenceHandler},
};

/// One slot in four has a primary author; VRF-drawn secondary authors fill the others, so that
/// every block carries a VRF output.
pub const BABE_GENESIS_EPOCH_CONFIG: BabeEpochConfiguration = BabeEpochConfiguration {
	c: (1, 4),
	allowed_slots: AllowedSlots::PrimaryAndSecondaryVRFSlots,
};

/// Validators at most.
pub(crate) const MAX_AUTHORITIES: u32 = 100;

impl_opaque_keys! {
	/// The keys that a validator's node signs with.
	pub struct SessionKeys {
		pub babe: Babe,
		pub grandpa: Grandpa,
	}
}

/// Sessions for which an equivocation can be reported; less than the unbonding takes.
pub const REPORTABLE_SESSIONS: u32 = 24;

parameter_types! {
	/// Blocks for which an equivocation report stays in the pool.
	pub const ReportLongevity: u64 = (REPORTABLE_SESSIONS * EPOCH_DURATION_IN_SLOTS) as u64;
	/// What a validator's keys hold while they are set.
	pub const KeyDeposit: Balance = deposit(3, 64 + 2 * 36);
}

impl pallet_babe::Config for Runtime {
	type EpochDuration = ConstU64<{ EPOCH_DURATION_IN_SLOTS as u64 }>;
	type ExpectedBlockTime = ConstU64<MILLISECS_PER_BLOCK>;
	type EpochChangeTrigger = pallet_babe::ExternalTrigger;
	type DisabledValidators = Session;
	type WeightInfo = ();
	type MaxAuthorities = ConstU32<MAX_AUTHORITIES>;
	type MaxNominators = ConstU32<0>;
	type KeyOwnerProof = sp_session::MembershipProof;
	type EquivocationReportSystem =
		pallet_babe::EquivocationReportSystem<Self, Offences, Historical, ReportLongevity>;
}

impl pallet_grandpa::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type WeightInfo = ();
	type MaxAuthorities = ConstU32<MAX_AUTHORITIES>;
	type MaxNominators = ConstU32<0>;
	type MaxSetIdSessionEntries = ConstU64<{ REPORTABLE_SESSIONS as u64 }>;
	type KeyOwnerProof = sp_session::MembershipProof;
	type EquivocationReportSystem =
		pallet_grandpa::EquivocationReportSystem<Self, Offences, Historical, ReportLongevity>;
}

impl pallet_authorship::Config for Runtime {
	type FindAuthor = pallet_session::FindAccountFromAuthorIndex<Self, Babe>;
	type EventHandler = ();
}

/// The operators that the bonds elect. A validator is identified by its account alone: were its bond
/// a part of that, bonding a planck more would void every proof of what it did before.
#[derive(Debug)]
pub(crate) struct Elected;

impl pallet_session::SessionManager<AccountId> for Elected {
	fn new_session(index: SessionIndex) -> Option<Vec<AccountId>> {
		<RoleStaking as SessionManager<_>>::new_session(index)
	}

	fn start_session(index: SessionIndex) {
		<RoleStaking as SessionManager<_>>::start_session(index);
	}

	fn end_session(index: SessionIndex) {
		<RoleStaking as SessionManager<_>>::end_session(index);
	}
}

impl pallet_session::historical::SessionManager<AccountId, ()> for Elected {
	fn new_session(index: SessionIndex) -> Option<Vec<(AccountId, ())>> {
		let elected = <Self as SessionManager<_>>::new_session(index)?;
		Some(elected.into_iter().map(|operator| (operator, ())).collect())
	}

	fn start_session(index: SessionIndex) {
		<Self as SessionManager<_>>::start_session(index);
	}

	fn end_session(index: SessionIndex) {
		<Self as SessionManager<_>>::end_session(index);
	}
}

/// The whole of a validator's identification besides its account.
#[derive(Debug)]
pub struct ByAccount;

impl Convert<AccountId, Option<()>> for ByAccount {
	fn convert(_: AccountId) -> Option<()> {
		Some(())
	}
}

/// Hands offences to the bonds with what can be slashed when they are reported: the unbonding queue
/// counts, and outlasts every report.
#[derive(Debug)]
pub struct SlashBonds;

impl<Reporter: Clone> OnOffenceHandler<Reporter, (AccountId, ()), Weight> for SlashBonds {
	fn on_offence(
		offenders: &[OffenceDetails<Reporter, (AccountId, ())>],
		fractions: &[Perbill],
		session: SessionIndex,
	) -> Weight {
		let exposed: Vec<_> = offenders
			.iter()
			.map(|details| {
				let (operator, ()) = details.offender.clone();
				let exposure = ExposureOf::<Runtime>::convert(operator.clone()).unwrap_or_default();
				OffenceDetails {
					offender: (operator, exposure),
					reporters: details.reporters.clone(),
				}
			})
			.collect();
		RoleStaking::on_offence(&exposed, fractions, session)
	}
}

/// Elects by bonds, notes each session's validators for later proofs, and forgets those of sessions
/// for which nothing can be reported any more.
#[derive(Debug)]
pub struct PrunedHistory;

type NotedHistory = pallet_session::historical::NoteHistoricalRoot<Runtime, Elected>;

impl pallet_session::SessionManager<AccountId> for PrunedHistory {
	fn new_session(index: SessionIndex) -> Option<Vec<AccountId>> {
		NotedHistory::new_session(index)
	}

	fn new_session_genesis(index: SessionIndex) -> Option<Vec<AccountId>> {
		NotedHistory::new_session_genesis(index)
	}

	fn start_session(index: SessionIndex) {
		NotedHistory::start_session(index);
	}

	fn end_session(index: SessionIndex) {
		NotedHistory::end_session(index);
		if let Some(oldest) = index.checked_sub(REPORTABLE_SESSIONS) {
			Historical::prune_up_to(oldest);
		}
	}
}

impl pallet_session::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type ValidatorId = AccountId;
	type ValidatorIdOf = ConvertInto;
	type ShouldEndSession = Babe;
	type NextSessionRotation = Babe;
	type SessionManager = PrunedHistory;
	type SessionHandler = <SessionKeys as OpaqueKeys>::KeyTypeIdProviders;
	type Keys = SessionKeys;
	type DisablingStrategy = pallet_session::disabling::UpToLimitWithReEnablingDisablingStrategy;
	type WeightInfo = pallet_session::weights::SubstrateWeight<Runtime>;
	type Currency = Balances;
	type KeyDeposit = KeyDeposit;
}

impl pallet_session::historical::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type FullIdentification = ();
	type FullIdentificationOf = ByAccount;
}

impl pallet_offences::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type IdentificationTuple = pallet_session::historical::IdentificationTuple<Self>;
	type OnOffenceHandler = SlashBonds;
}

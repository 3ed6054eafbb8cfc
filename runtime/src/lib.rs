//! The runtime of the Infergrid chain: the market's pallets beside the SDK's, on BABE and GRANDPA.
//!
//! One file for each subject: `system`, `consensus`, `economics` and [`market`] configure the pallets,
//! `duties` says whose transactions have room in every block,
//! [`constants`] has time and money, [`genesis`] the presets, [`apis`] what the node may ask.
//!
//! Feature `fast-runtime` shortens epochs from 200 slots to 20 and every window of the market, for
//! development networks and tests. Slot and epoch length are fixed by a chain's genesis: a node
//! built without the feature cannot follow a chain that was born with it through a runtime upgrade.

#![cfg_attr(not(feature = "std"), no_std)]
#![recursion_limit = "256"]
#![allow(
	missing_debug_implementations,
	reason = "the types that FRAME's macros make have none"
)]

extern crate alloc;

#[cfg(feature = "std")]
include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));

pub mod apis;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarks;
mod consensus;
pub mod constants;
mod duties;
mod economics;
pub mod genesis;
pub mod market;
mod system;

pub use apis::RuntimeApi;
pub use consensus::{BABE_GENESIS_EPOCH_CONFIG, REPORTABLE_SESSIONS, SessionKeys};
pub use duties::CheckOperational;
pub use infergrid_primitives::{AIT, Balance, BlockNumber};
pub use system::ProxyType;

use alloc::borrow::Cow;
#[cfg(not(feature = "std"))]
use alloc::vec::Vec;
use polkadot_sdk::*;
use sp_runtime::{
	MultiAddress, MultiSignature, generic,
	traits::{BlakeTwo256, IdentifyAccount, Verify},
};
use sp_version::RuntimeVersion;

/// Some way of signing: sr25519, ed25519 or ecdsa.
pub type Signature = MultiSignature;
/// An account: the public key, or its hash.
pub type AccountId = <<Signature as Verify>::Signer as IdentifyAccount>::AccountId;
/// Number of transactions of an account.
pub type Nonce = u32;
/// A BLAKE2b-256 hash.
pub type Hash = sp_core::H256;
/// What extrinsics name as an account.
pub type Address = MultiAddress<AccountId, ()>;
/// A block's header.
pub type Header = generic::Header<BlockNumber, BlakeTwo256>;
/// A block.
pub type Block = generic::Block<Header, UncheckedExtrinsic>;
/// Blocks as the node handles them: it never looks into an extrinsic, so that it can follow runtime
/// upgrades that change what extrinsics look like.
pub mod opaque {
	use polkadot_sdk::sp_runtime;

	/// A block whose extrinsics are bytes.
	pub type Block = sp_runtime::generic::Block<super::Header, sp_runtime::OpaqueExtrinsic>;
}

/// A block with the justification of its finality.
pub type SignedBlock = generic::SignedBlock<Block>;
/// The identifier of a block.
pub type BlockId = generic::BlockId<Block>;

/// What every signed transaction is checked against, in this order. Weight is given back last, when
/// everything else has said what it used.
pub type TxExtension = (
	frame_system::AuthorizeCall<Runtime>,
	frame_system::CheckNonZeroSender<Runtime>,
	frame_system::CheckSpecVersion<Runtime>,
	frame_system::CheckTxVersion<Runtime>,
	frame_system::CheckGenesis<Runtime>,
	frame_system::CheckMortality<Runtime>,
	frame_system::CheckNonce<Runtime>,
	duties::CheckOperational,
	frame_system::CheckWeight<Runtime>,
	pallet_transaction_payment::ChargeTransactionPayment<Runtime>,
	frame_metadata_hash_extension::CheckMetadataHash<Runtime>,
	frame_system::WeightReclaim<Runtime>,
);

/// An extrinsic as it comes from outside.
pub type UncheckedExtrinsic =
	generic::UncheckedExtrinsic<Address, RuntimeCall, Signature, TxExtension>;
/// What a signature is made over.
pub type SignedPayload = generic::SignedPayload<RuntimeCall, TxExtension>;
/// Runs blocks.
pub type Executive = frame_executive::Executive<
	Runtime,
	Block,
	frame_system::ChainContext<Runtime>,
	Runtime,
	AllPalletsWithSystem,
>;

/// The version of this runtime.
#[sp_version::runtime_version]
pub const VERSION: RuntimeVersion = RuntimeVersion {
	spec_name: Cow::Borrowed("infergrid"),
	impl_name: Cow::Borrowed("infergrid"),
	authoring_version: 1,
	spec_version: 1,
	impl_version: 1,
	apis: apis::RUNTIME_API_VERSIONS,
	transaction_version: 1,
	system_version: 1,
};

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
	pub struct Runtime;

	#[runtime::pallet_index(0)]
	pub type System = frame_system;
	#[runtime::pallet_index(1)]
	pub type Timestamp = pallet_timestamp;

	// Consensus. BABE comes before the session pallet, which asks it whether the epoch has ended.
	#[runtime::pallet_index(2)]
	pub type Babe = pallet_babe;
	#[runtime::pallet_index(3)]
	pub type Grandpa = pallet_grandpa;

	#[runtime::pallet_index(5)]
	pub type Balances = pallet_balances;
	#[runtime::pallet_index(6)]
	pub type TransactionPayment = pallet_transaction_payment;

	// The bonds come before the sessions, whose genesis asks them for the first validators.
	#[runtime::pallet_index(11)]
	pub type RoleStaking = pallet_role_staking;
	#[runtime::pallet_index(12)]
	pub type Historical = pallet_session_historical;
	#[runtime::pallet_index(13)]
	pub type Offences = pallet_offences;
	#[runtime::pallet_index(14)]
	pub type Session = pallet_session;
	// The author of a session's first block is one of its own validators: the sessions come first.
	#[runtime::pallet_index(15)]
	pub type Authorship = pallet_authorship;

	// The market. Blocks begin in the order of the indices: the randomness notes the last output before
	// the others redeem tickets for it.
	#[runtime::pallet_index(19)]
	pub type Randomness = pallet_randomness;
	#[runtime::pallet_index(20)]
	pub type Models = pallet_models;
	#[runtime::pallet_index(21)]
	pub type Tasks = pallet_tasks;
	#[runtime::pallet_index(22)]
	pub type Audits = pallet_audits;
	#[runtime::pallet_index(23)]
	pub type Rewards = pallet_rewards;

	#[runtime::pallet_index(30)]
	pub type Treasury = pallet_treasury;
	#[runtime::pallet_index(31)]
	pub type Scheduler = pallet_scheduler;
	#[runtime::pallet_index(32)]
	pub type Preimage = pallet_preimage;
	#[runtime::pallet_index(33)]
	pub type Utility = pallet_utility;
	#[runtime::pallet_index(34)]
	pub type Multisig = pallet_multisig;
	#[runtime::pallet_index(35)]
	pub type Proxy = pallet_proxy;
	#[runtime::pallet_index(36)]
	pub type MultiBlockMigrations = pallet_migrations;
	#[runtime::pallet_index(40)]
	pub type Sudo = pallet_sudo;
}

use pallet_session::historical as pallet_session_historical;

//! Which pallets the node can benchmark.

mod stage;

pub(crate) use stage::Stage;

use crate::*;
use alloc::{string::String, vec::Vec};
use frame_benchmarking::{
	BenchmarkBatch, BenchmarkConfig, BenchmarkList, baseline, define_benchmarks,
};
use frame_support::traits::{StorageInfo, StorageInfoTrait, WhitelistedStorageKeys};
use sp_storage::TrackedStorageKey;

define_benchmarks!(
	[frame_benchmarking, BaselineBench::<Runtime>]
	[frame_system, SystemBench::<Runtime>]
	[frame_system_extensions, SystemExtensionsBench::<Runtime>]
	[pallet_audits, Audits]
	[pallet_balances, Balances]
	[pallet_migrations, MultiBlockMigrations]
	[pallet_models, Models]
	[pallet_multisig, Multisig]
	[pallet_preimage, Preimage]
	[pallet_proxy, Proxy]
	[pallet_randomness, Randomness]
	[pallet_rewards, Rewards]
	[pallet_role_staking, RoleStaking]
	[pallet_scheduler, Scheduler]
	[pallet_sudo, Sudo]
	[pallet_tasks, Tasks]
	[pallet_timestamp, Timestamp]
	[pallet_transaction_payment, TransactionPayment]
	[pallet_treasury, Treasury]
	[pallet_utility, Utility]
);

use baseline::Pallet as BaselineBench;
use frame_system_benchmarking::{
	Pallet as SystemBench, extensions::Pallet as SystemExtensionsBench,
};

impl frame_system_benchmarking::Config for Runtime {}
impl baseline::Config for Runtime {}
impl pallet_transaction_payment::BenchmarkConfig for Runtime {}

/// Every benchmark, and what the storage they touch looks like.
pub(crate) fn metadata(extra: bool) -> (Vec<BenchmarkList>, Vec<StorageInfo>) {
	let mut list = Vec::<BenchmarkList>::new();
	list_benchmarks!(list, extra);
	(list, AllPalletsWithSystem::storage_info())
}

/// Runs one benchmark.
pub(crate) fn dispatch(config: BenchmarkConfig) -> Result<Vec<BenchmarkBatch>, String> {
	let whitelist: Vec<TrackedStorageKey> = AllPalletsWithSystem::whitelisted_storage_keys();
	let mut batches = Vec::<BenchmarkBatch>::new();
	let params = (&config, &whitelist);
	add_benchmarks!(params, batches);
	Ok(batches)
}

//! Worker keys.

use crate::{Config, Error, Event, Pallet, Workers, WorkersOf};
use frame_support::ensure;
use frame_system::pallet_prelude::BlockNumberFor;
use infergrid_primitives::{AccountBytes, Hash, Signature, WorkerKey, request::pairing_payload};
use polkadot_sdk::*;
use sp_core::sr25519;
use sp_runtime::{DispatchResult, traits::Zero};

impl<T: Config> Pallet<T> {
	/// The genesis hash, which every signed payload carries.
	pub fn genesis_hash() -> Hash {
		frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::zero()).into()
	}

	pub(crate) fn do_pair(
		operator: T::AccountId,
		worker: WorkerKey,
		signature: &Signature,
	) -> DispatchResult {
		ensure!(Self::is_bonded(&operator), Error::<T>::NotBonded);
		ensure!(
			!Workers::<T>::contains_key(worker),
			Error::<T>::WorkerAlreadyPaired
		);
		let account: AccountBytes = operator.clone().into();
		let payload = pairing_payload(&Self::genesis_hash(), &account);
		ensure!(
			sp_io::crypto::sr25519_verify(
				&sr25519::Signature::from_raw(*signature),
				&payload,
				&sr25519::Public::from_raw(worker),
			),
			Error::<T>::BadPairingProof
		);
		WorkersOf::<T>::try_mutate(&operator, |workers| workers.try_push(worker))
			.map_err(|_| Error::<T>::TooManyWorkers)?;
		Workers::<T>::insert(worker, &operator);
		Self::deposit_event(Event::WorkerPaired { operator, worker });
		Ok(())
	}

	pub(crate) fn do_unpair(caller: &T::AccountId, worker: WorkerKey) -> DispatchResult {
		let operator = Workers::<T>::get(worker).ok_or(Error::<T>::WorkerNotPaired)?;
		let account: AccountBytes = caller.clone().into();
		ensure!(
			*caller == operator || account == worker,
			Error::<T>::NotYourWorker
		);
		Workers::<T>::remove(worker);
		WorkersOf::<T>::mutate_exists(&operator, |entry| {
			*entry = entry.take().and_then(|mut workers| {
				workers.retain(|key| *key != worker);
				(!workers.is_empty()).then_some(workers)
			});
		});
		Self::deposit_event(Event::WorkerUnpaired { operator, worker });
		Ok(())
	}
}

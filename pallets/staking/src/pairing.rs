//! Worker keys.

use crate::{Config, Counters, Error, Event, Pallet, Workers, WorkersOf};
use frame_support::ensure;
use frame_system::pallet_prelude::BlockNumberFor;
use infergrid_primitives::{
	AccountBytes, BlockNumber, Hash, Signature, WorkerKey, request::Consent,
};
use polkadot_sdk::*;
use sp_core::sr25519;
use sp_runtime::{DispatchResult, SaturatedConversion, traits::Zero};

impl<T: Config> Pallet<T> {
	/// The genesis hash, which every signed payload carries.
	pub fn genesis_hash() -> Hash {
		frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::zero()).into()
	}

	pub(crate) fn do_pair(
		operator: T::AccountId,
		worker: WorkerKey,
		counter: u32,
		valid_until: BlockNumber,
		signature: &Signature,
	) -> DispatchResult {
		ensure!(Self::is_bonded(&operator), Error::<T>::NotBonded);
		ensure!(
			!Workers::<T>::contains_key(worker),
			Error::<T>::WorkerAlreadyPaired
		);
		ensure!(
			counter == Counters::<T>::get(worker),
			Error::<T>::ConsentUsed
		);
		let now: BlockNumber = frame_system::Pallet::<T>::block_number().saturated_into();
		ensure!(now <= valid_until, Error::<T>::ConsentExpired);
		let consent = Consent {
			operator: operator.clone().into(),
			counter,
			valid_until,
		};
		let payload = consent.payload(&Self::genesis_hash());
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
		Self::spend_consents(&worker);
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
		Self::spend_consents(&worker);
		WorkersOf::<T>::mutate_exists(&operator, |entry| {
			*entry = entry.take().and_then(|mut workers| {
				workers.retain(|key| *key != worker);
				(!workers.is_empty()).then_some(workers)
			});
		});
		Self::deposit_event(Event::WorkerUnpaired { operator, worker });
		Ok(())
	}

	/// Makes every consent that `worker` gave so far void.
	fn spend_consents(worker: &WorkerKey) {
		Counters::<T>::mutate(worker, |counter| *counter = counter.wrapping_add(1));
	}
}

//! Paying a fee out of a hold.

use crate::{Config, Earned, Event, Pallet, ReasonOf, Totals, shares};
use frame_support::{
	ensure,
	storage::with_storage_layer,
	traits::{
		Get,
		fungible::{Inspect, InspectHold, MutateHold},
		tokens::{DepositConsequence, Fortitude, Precision, Provenance, Restriction},
	},
};
use infergrid_primitives::{
	Balance, Hash,
	market::{FeeSplit, Registry, Shares},
};
use polkadot_sdk::*;
use sp_runtime::{DispatchError, Percent, TokenError};

impl<T: Config> FeeSplit<T::AccountId, ReasonOf<T>> for Pallet<T> {
	type Error = DispatchError;

	fn pay_held(
		reason: &ReasonOf<T>,
		payer: &T::AccountId,
		fee: Balance,
		miner: &T::AccountId,
		profile: &Hash,
	) -> Result<Shares, DispatchError> {
		with_storage_layer(|| Self::do_pay(reason, payer, fee, miner, profile))
	}
}

impl<T: Config> Pallet<T> {
	fn do_pay(
		reason: &ReasonOf<T>,
		payer: &T::AccountId,
		fee: Balance,
		miner: &T::AccountId,
		profile: &Hash,
	) -> Result<Shares, DispatchError> {
		ensure!(
			fee <= T::Currency::balance_on_hold(reason, payer),
			TokenError::FundsUnavailable
		);
		let treasury = T::Treasury::get();
		let (creator, royalty) =
			T::Registry::creator(profile).unwrap_or_else(|| (treasury.clone(), 0));
		let due = shares(
			fee,
			Percent::from_percent(royalty.min(100)),
			T::TreasuryShare::get(),
		);

		let mined = Self::deliver(reason, payer, miner, due.miner)?;
		let royalties = Self::deliver(reason, payer, &creator, due.creator)?;
		let rest = fee.saturating_sub(mined).saturating_sub(royalties);
		let taken = Self::deliver(reason, payer, &treasury, rest)?;
		let burnt = rest.saturating_sub(taken);
		if burnt > 0 {
			T::Currency::burn_held(reason, payer, burnt, Precision::Exact, Fortitude::Force)?;
		}

		let paid = Shares {
			miner: mined,
			creator: royalties,
			treasury: rest,
		};
		Totals::<T>::mutate(|sums| sums.add(&paid, burnt));
		Self::note(miner, mined, 0);
		Self::note(&creator, 0, royalties);
		Self::deposit_event(Event::FeePaid {
			payer: payer.clone(),
			miner: miner.clone(),
			creator,
			shares: paid,
		});
		Ok(paid)
	}

	/// Moves `amount` out of the hold into the free balance of `to` and gives what was moved: all of
	/// it, or nothing if `to` cannot take so little or so much. A hold is for the payee, so freezes
	/// of the payer do not stop it.
	fn deliver(
		reason: &ReasonOf<T>,
		payer: &T::AccountId,
		to: &T::AccountId,
		amount: Balance,
	) -> Result<Balance, DispatchError> {
		if amount == 0
			|| T::Currency::can_deposit(to, amount, Provenance::Extant)
				!= DepositConsequence::Success
		{
			return Ok(0);
		}
		T::Currency::transfer_on_hold(
			reason,
			payer,
			to,
			amount,
			Precision::Exact,
			Restriction::Free,
			Fortitude::Force,
		)
	}

	fn note(who: &T::AccountId, mined: Balance, royalties: Balance) {
		if mined == 0 && royalties == 0 {
			return;
		}
		Earned::<T>::mutate(who, |earnings| {
			earnings.mined = earnings.mined.saturating_add(mined);
			earnings.royalties = earnings.royalties.saturating_add(royalties);
		});
	}
}

//! Slashing, and where slashes go.

use crate::{pallet::*, types::*};
use alloc::vec::Vec;
use infergrid_primitives::{
	AuditId, Balance,
	market::{Bonds, Role, Work},
};
use polkadot_sdk::{
	frame_support::traits::{
		Get, Imbalance,
		fungible::{Balanced, Credit},
	},
	sp_runtime::Perbill,
};

impl<T: Config> Pallet<T> {
	pub(crate) fn punish_miner(
		id: AuditId,
		work: &Work<AccountIdOf<T>>,
		class: FaultClass,
		winners: &[AccountIdOf<T>],
	) {
		let miner = work.miner.clone();
		let amount = Self::punish(&miner, Role::Miner, class, Some(&work.payer), winners);
		Self::deposit_event(Event::MinerPunished {
			audit: id,
			miner,
			class,
			amount,
		});
	}

	/// A payer has no share in a verifier's fault, which costs it nothing and which it might cause.
	pub(crate) fn punish_verifiers(
		id: AuditId,
		verifiers: Vec<AccountIdOf<T>>,
		class: FaultClass,
		winners: &[AccountIdOf<T>],
	) {
		for verifier in verifiers {
			let amount = Self::punish(&verifier, Role::Verifier, class, None, winners);
			Self::deposit_event(Event::VerifierPunished {
				audit: id,
				verifier,
				class,
				amount,
			});
		}
	}

	/// Slashes `who` for `class`, hands the money on, and gives the amount.
	fn punish(
		who: &AccountIdOf<T>,
		role: Role,
		class: FaultClass,
		payer: Option<&AccountIdOf<T>>,
		winners: &[AccountIdOf<T>],
	) -> Balance {
		let share: Perbill = match class {
			FaultClass::Forgery => T::ForgerySlash::get(),
			FaultClass::Unavailable => T::UnavailableSlash::get(),
			FaultClass::Lazy => T::LazySlash::get(),
			FaultClass::Silent => T::SilentSlash::get(),
		};
		let credit = T::Bonds::slash(who, role, share.mul_floor(T::Bonds::slashable(who, role)));
		let amount = credit.peek();
		Self::hand_on(credit, payer, winners);
		amount
	}

	/// Gives the payer, if it is to have one, and the winners their shares; what is left is burnt, and so is a share that
	/// its owner's account cannot take.
	fn hand_on(
		credit: Credit<AccountIdOf<T>, T::Currency>,
		payer: Option<&AccountIdOf<T>>,
		winners: &[AccountIdOf<T>],
	) {
		let total = credit.peek();
		let mut rest = credit;
		if let Some(payer) = payer {
			let (part, left) = rest.split(T::PayerShare::get().mul_floor(total));
			drop(T::Currency::resolve(payer, part));
			rest = left;
		}
		let to_winners = T::VoterShare::get().mul_floor(total);
		// No winners, no share.
		let each = to_winners
			.checked_div(winners.len() as Balance)
			.unwrap_or_default();
		for winner in winners {
			let (part, left) = rest.split(each);
			drop(T::Currency::resolve(winner, part));
			rest = left;
		}
	}
}

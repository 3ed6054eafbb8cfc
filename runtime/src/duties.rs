//! Who may use the operational class, of which every block keeps room that ordinary transactions
//! cannot take.
//!
//! Results and votes have deadlines. Were they of the normal class, whoever fills blocks could make
//! others miss theirs. They are free when they succeed, and what succeeds ends the duty; what fails
//! pays, and only worker keys of bonded operators can send it: strangers are turned away here, before
//! a block has room for them.

use crate::{AccountId, RoleStaking, Runtime, RuntimeCall, RuntimeOrigin};
use codec::{Decode, DecodeWithMemTracking, Encode};
use frame_support::{
	dispatch::{DispatchClass, DispatchInfo},
	pallet_prelude::{TransactionSource, Weight},
	traits::OriginTrait,
};
use infergrid_primitives::market::Bonds;
use polkadot_sdk::*;
use scale_info::TypeInfo;
use sp_runtime::{
	impl_tx_ext_default,
	traits::{TransactionExtension, ValidateResult},
	transaction_validity::InvalidTransaction,
};

/// Refuses a transaction of the operational class as [`InvalidTransaction::BadSigner`], unless it is a
/// duty signed by a worker key that is paired, or anything signed by the sudo key. A duty inside of
/// another call is refused as well, where that makes the other operational.
#[derive(
	Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo,
)]
pub struct CheckOperational;

/// Whether a call is what an operator owes to others.
fn is_duty(call: &RuntimeCall) -> bool {
	matches!(
		call,
		RuntimeCall::Tasks(pallet_tasks::Call::submit_result { .. })
			| RuntimeCall::Audits(
				pallet_audits::Call::commit_vote { .. } | pallet_audits::Call::reveal_vote { .. }
			)
	)
}

fn may_use(who: &AccountId, call: &RuntimeCall) -> bool {
	let is_worker = || RoleStaking::operator_of(who.as_ref()).is_some();
	(is_duty(call) && is_worker()) || pallet_sudo::Key::<Runtime>::get().as_ref() == Some(who)
}

impl TransactionExtension<RuntimeCall> for CheckOperational {
	const IDENTIFIER: &'static str = "CheckOperational";
	type Implicit = ();
	type Val = ();
	type Pre = ();

	fn weight(&self, call: &RuntimeCall) -> Weight {
		use frame_support::dispatch::GetDispatchInfo;
		match call.get_dispatch_info().class {
			// A worker key's operator and the sudo key.
			DispatchClass::Operational => {
				<Runtime as frame_system::Config>::DbWeight::get().reads(2)
			}
			DispatchClass::Normal | DispatchClass::Mandatory => Weight::zero(),
		}
	}

	fn validate(
		&self,
		origin: RuntimeOrigin,
		call: &RuntimeCall,
		info: &DispatchInfo,
		_len: usize,
		_self_implicit: (),
		_inherited_implication: &impl Encode,
		_source: TransactionSource,
	) -> ValidateResult<(), RuntimeCall> {
		let refused = info.class == DispatchClass::Operational
			&& origin.as_signer().is_some_and(|who| !may_use(who, call));
		if refused {
			return Err(InvalidTransaction::BadSigner.into());
		}
		Ok((Default::default(), (), origin))
	}

	impl_tx_ext_default!(RuntimeCall; prepare);
}

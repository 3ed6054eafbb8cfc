//! Bonds, more and less of them.

use crate::OperatorError;
use infergrid_chain::{Call, View, address};
use infergrid_primitives::{AccountBytes, Balance, market::Role};

/// The call by which `account` bonds `amount` more for `role`.
pub async fn bond(
	view: &View,
	account: &AccountBytes,
	role: Role,
	amount: Balance,
) -> Result<Call, OperatorError> {
	let bonded = active(view, account, role).await?;
	if bonded < view.working_bond(role)? {
		enough(
			role,
			bonded.saturating_add(amount),
			view.minimum_bond(role)?,
		)?;
	}
	let free = view.funds(account).await?.free;
	if free <= amount {
		return Err(OperatorError::TooLittle {
			account: address(account),
			free,
			amount,
		});
	}
	Ok(Call::bond(role, amount))
}

/// The call by which `account` begins to take `amount` of its bond for `role` back, or all of it.
pub async fn unbond(
	view: &View,
	account: &AccountBytes,
	role: Role,
	amount: Option<Balance>,
) -> Result<Call, OperatorError> {
	let bond = view.bond(role, account).await?;
	let bonded = bond.as_ref().map_or(0, |bond| bond.active);
	let at_work = bond.map_or(Ok(0), |bond| view.bond_for_work(&bond))?;
	let amount = amount.unwrap_or(bonded);
	leaves_enough(role, (bonded, amount), view.minimum_bond(role)?, at_work)?;
	Ok(Call::unbond(role, amount))
}

/// Whether an operator comes in with a bond of this size.
fn enough(role: Role, bond: Balance, minimum: Balance) -> Result<(), OperatorError> {
	match minimum.checked_sub(bond) {
		None | Some(0) => Ok(()),
		Some(missing) => Err(OperatorError::BelowMinimum {
			role: name_of(role),
			minimum,
			missing,
		}),
	}
}

/// Whether `amount` may be taken from what is `bonded`, of which open work needs `at_work`.
fn leaves_enough(
	role: Role,
	(bonded, amount): (Balance, Balance),
	minimum: Balance,
	at_work: Balance,
) -> Result<(), OperatorError> {
	if bonded == 0 {
		return Err(OperatorError::NoBond {
			role: name_of(role),
		});
	}
	if amount == 0 {
		return Err(OperatorError::Nothing);
	}
	let left = bonded
		.checked_sub(amount)
		.ok_or_else(|| OperatorError::NotBonded {
			role: name_of(role),
			bonded,
		})?;
	if left > 0 && left < minimum {
		return Err(OperatorError::LeftBelowMinimum { left, minimum });
	}
	if left < at_work {
		return Err(OperatorError::AtWork {
			left,
			needed: at_work,
		});
	}
	Ok(())
}

/// The role as people write it.
pub(crate) fn name_of(role: Role) -> &'static str {
	match role {
		Role::Validator => "validator",
		Role::Miner => "miner",
		Role::Verifier => "verifier",
	}
}

async fn active(view: &View, account: &AccountBytes, role: Role) -> Result<Balance, OperatorError> {
	let bond = view.bond(role, account).await?;
	Ok(bond.map_or(0, |bond| bond.active))
}

#[cfg(test)]
mod tests {
	use super::*;
	use infergrid_primitives::AIT;

	const MINIMUM: Balance = 100 * AIT;

	#[test]
	fn a_bond_below_the_minimum_is_refused_with_what_is_missing() {
		assert!(enough(Role::Miner, MINIMUM, MINIMUM).is_ok());
		let refused = enough(Role::Miner, MINIMUM - AIT / 2, MINIMUM).unwrap_err();
		assert_eq!(
			refused.to_string(),
			"a miner needs at least 100 AIT: bond 0.5 AIT more than that"
		);
	}

	#[test]
	fn what_is_left_is_nothing_or_enough() {
		let unbond = |amount| leaves_enough(Role::Miner, (150 * AIT, amount), MINIMUM, 0);
		assert!(unbond(50 * AIT).is_ok());
		assert!(unbond(150 * AIT).is_ok());
		let refused = unbond(0).unwrap_err().to_string();
		assert!(refused.contains("more than 0"), "{refused}");
		let refused = unbond(51 * AIT).unwrap_err().to_string();
		assert!(refused.contains("99 AIT would be left"), "{refused}");
		let refused = unbond(151 * AIT).unwrap_err().to_string();
		assert!(refused.contains("only 150 AIT"), "{refused}");
		let refused = leaves_enough(Role::Validator, (0, 0), MINIMUM, 0).unwrap_err();
		assert!(
			refused.to_string().contains("no bond as a validator"),
			"{refused}"
		);
	}

	#[test]
	fn what_open_work_needs_is_not_unbonded() {
		let unbond = |amount| leaves_enough(Role::Miner, (150 * AIT, amount), MINIMUM, 120 * AIT);
		assert!(unbond(30 * AIT).is_ok());
		for amount in [31 * AIT, 150 * AIT] {
			let refused = unbond(amount).unwrap_err().to_string();
			assert!(refused.contains("needs 120 AIT"), "{refused}");
			assert!(refused.contains("when it is settled"), "{refused}");
		}
	}
}

//! Whether the payer's money will do.

use infergrid_primitives::Balance;
use std::sync::{Mutex, PoisonError};

/// A payer that cannot pay for so many more orders should be sent money.
const ORDERS_AHEAD: Balance = 20;

/// A payer's money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Funds {
	/// Free to use, in plancks.
	pub free: Balance,
	/// What the last order has put on hold and its transaction cost, in plancks; None before the first.
	pub order: Option<Balance>,
}

impl Funds {
	/// Orders like the last one that can still be paid.
	pub fn orders_left(&self) -> Option<Balance> {
		self.free.checked_div(self.order?)
	}

	/// Whether orders are about to fail.
	pub fn are_low(&self) -> bool {
		self.orders_left().is_some_and(|left| left < ORDERS_AHEAD)
	}
}

/// What an order costs at present.
#[derive(Debug, Default)]
pub(crate) struct Spending(Mutex<Option<Balance>>);

impl Spending {
	/// An order has taken `amount` plancks, transaction fee included.
	pub(crate) fn spent(&self, amount: Balance) {
		*self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(amount);
	}

	pub(crate) fn of(&self, free: Balance) -> Funds {
		Funds {
			free,
			order: *self.0.lock().unwrap_or_else(PoisonError::into_inner),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn money_is_low_when_it_pays_for_few_orders_like_the_last() {
		let spending = Spending::default();
		assert!(!spending.of(0).are_low(), "nobody knows yet");
		spending.spent(10);
		assert!(!spending.of(200).are_low());
		assert!(spending.of(199).are_low());
		assert_eq!(spending.of(199).orders_left(), Some(19));
		spending.spent(0);
		assert_eq!(spending.of(199).orders_left(), None);
	}
}

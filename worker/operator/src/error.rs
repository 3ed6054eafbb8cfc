//! Why a bond stays as it is.

use infergrid_chain::{ReadError, ait};
use infergrid_primitives::Balance;

/// Why a bond is not changed, or an account not shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorError {
	/// The bond would be too small. Bond more.
	#[error("a {role} needs at least {} AIT: bond {} AIT more than that", ait(*minimum), ait(*missing))]
	BelowMinimum {
		/// For what.
		role: &'static str,
		/// What the chain asks for.
		minimum: Balance,
		/// How much more would be enough.
		missing: Balance,
	},
	/// The account has too little money. Send it some.
	#[error("{account} has {} AIT, which is not enough for {} AIT and the fee", ait(*free), ait(*amount))]
	TooLittle {
		/// In SS58.
		account: String,
		/// What it has.
		free: Balance,
		/// What should be bonded.
		amount: Balance,
	},
	/// There is nothing to unbond.
	#[error(
		"there is no bond as a {role} that could be unbonded; `infergrid stake show` names those there are"
	)]
	NoBond {
		/// For what.
		role: &'static str,
	},
	/// Nothing was asked for.
	#[error("unbond more than 0 AIT, or `all`")]
	Nothing,
	/// The bond is smaller than that. Unbond less.
	#[error("only {} AIT are bonded as a {role}", ait(*bonded))]
	NotBonded {
		/// For what.
		role: &'static str,
		/// How much there is.
		bonded: Balance,
	},
	/// What would be left is too small. Unbond less, or all of it.
	#[error(
		"{} AIT would be left, below the minimum of {} AIT: unbond less, or `all`",
		ait(*left),
		ait(*minimum)
	)]
	LeftBelowMinimum {
		/// What would be left.
		left: Balance,
		/// What the chain asks for.
		minimum: Balance,
	},
	/// The work that is open needs more. Unbond less, or later.
	#[error(
		"{} AIT would be left, and the work that is open needs {} AIT: unbond less, or take no new work \
		 and unbond when it is settled",
		ait(*left),
		ait(*needed)
	)]
	AtWork {
		/// What would be left.
		left: Balance,
		/// What must be.
		needed: Balance,
	},
	/// The chain cannot be read.
	#[error(transparent)]
	Read(#[from] ReadError),
}

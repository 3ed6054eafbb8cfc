//! What an operator does with its account, as `infergrid stake` offers it.
//!
//! [`bond`] and [`unbond`] make a call after everything that the chain would refuse is refused without a
//! fee. A [`Statement`] is what the chain says of an account, [`Places`] are those
//! where it works.

mod bonds;
mod error;
mod places;
mod statement;

pub use bonds::{bond, unbond};
pub use error::OperatorError;
pub use places::Places;
pub use statement::Statement;

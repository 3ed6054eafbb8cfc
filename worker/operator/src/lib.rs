//! What an operator does with its account, as `infergrid stake` offers it.
//!
//! [`bond`] and [`unbond`] make a call after everything that the chain would refuse is refused without a
//! fee. A [`Statement`] is what the chain says of an account.

mod bonds;
mod error;
mod statement;

pub use bonds::{bond, unbond};
pub use error::OperatorError;
pub use statement::Statement;

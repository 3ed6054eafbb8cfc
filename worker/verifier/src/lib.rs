//! The verifier's role: from the draw of a committee over the opening and one prefill to the
//! revealed vote.
//!
//! A [`Verifier`] does the duties for which the chain draws it ([`Verifier::follow`]) and keeps its
//! operator in the list of those that stand for the profile until the end ([`Verifier::keep_standing`]), which
//! drops no vote ([`Verifier::drain`]).
//!
//! The model is any [`Compute`](infergrid_proof::Compute), the chain any [`Ledger`] and any
//! [`Walk`](infergrid_chain::Walk) along its blocks, the network any [`Miners`].

mod drain;
mod duty;
mod error;
mod follow;
mod ledger;
mod metrics;
mod miners;
mod opening;
mod round;
mod stand;
#[cfg(test)]
mod tests;
mod verifier;

pub use drain::{OwedVotes, open_votes, tell_owed};
pub use error::VerifierError;
pub use ledger::{Audits, Ledger, Node};
pub use metrics::VerifierMetrics;
pub use miners::{AskError, Miners};
pub use verifier::{Position, Verifier};

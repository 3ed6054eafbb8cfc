//! The miner's role: from an assignment on chain over the prompt and the answer to the receipt on
//! chain, and whatever peers ask meanwhile.
//!
//! A [`Miner`] works on what the chain assigns ([`Miner::follow`]); a [`MinerService`] answers payers
//! and drawn verifiers; an [`OfferKeeper`] keeps the offer on chain as it should be and says what
//! stands in the way; [`serve`] does so until
//! the end, and [`drain`] ends the work so that nobody loses money.
//!
//! The model is any [`Compute`](infergrid_proof::Compute), the chain any [`Ledger`] and any
//! [`Walk`](infergrid_chain::Walk) along its blocks.

mod drain;
mod error;
mod follow;
mod jobs;
mod ledger;
mod metrics;
mod miner;
mod offer;
mod reach;
mod service;
#[cfg(test)]
mod tests;

mod work;

pub use drain::{Owed, drain, owed, serve, tell_owed};
pub use error::MinerError;
pub use ledger::{LastOffer, Ledger, Node, Tasks};
pub use metrics::MinerMetrics;
pub use miner::{Miner, Position};
pub use offer::{Intent, OfferError, OfferKeeper};
pub use reach::{ReachError, dial_back, first_address, follow_address};
pub use service::MinerService;

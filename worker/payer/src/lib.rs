//! The payer's role: from a request over a task on chain to a checked answer, whatever becomes of the
//! one who asked.
//!
//! A [`Payer`] takes orders. Each belongs to one custodian from its acceptance to its end: it hands the
//! prompt to whichever miner holds the task until the chain says that it is delivered or refunded. A
//! client only follows ([`Following`]): it may leave and come back, and the answer is kept for a while
//! ([`Payer::answer`]).
//!
//! The chain is any [`Ledger`], the network any [`Miners`].

mod adoption;
mod bid;
mod custodian;
mod exchange;
mod funds;
mod ledger;
mod miners;
mod order;
mod payer;
mod placing;
mod quote;
mod receipts;
mod shared;
mod task;
#[cfg(test)]
mod tests;

pub use bid::{Bid, BidError, Choice, bid};
pub use funds::Funds;
pub use ledger::{Ledger, Node, Placing, Situation};
pub use miners::{Miners, Part, Parts};
pub use order::{Following, Money, OrderError, OrderRequest, Placement, Progress, Stage, Terms};
pub use payer::{Kept, Payer, PayerError};
pub use receipts::{Account, AuditState, Settlement};

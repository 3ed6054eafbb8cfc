//! A miner between a fake chain, a fake model and peers.

#![allow(clippy::disallowed_methods, reason = "a test may spawn")]

mod fake;
mod follow;
mod offer;
mod openings;
mod payers;
mod tasks;

//! A miner between a fake chain, a fake model and peers.

mod fake;
mod openings;
mod payers;
mod tasks;

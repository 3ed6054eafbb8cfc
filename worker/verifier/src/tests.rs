//! A verifier between a fake chain, a fake model and fake miners.

#![allow(clippy::disallowed_methods, reason = "a test may spawn")]

mod duties;
mod fake;
mod follow;
mod stand;

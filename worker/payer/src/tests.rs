//! A payer between a fake chain and fake miners.

#![allow(clippy::disallowed_methods, reason = "a test may spawn")]

mod custody;
pub(crate) mod fake;

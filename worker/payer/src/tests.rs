//! A payer between a fake chain and fake miners.

mod custody;
pub(crate) mod fake;

//! A verifier between a fake chain, a fake model and fake miners.

mod duties;
mod fake;

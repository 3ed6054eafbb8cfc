//! The crate against a fake node.

mod connect;
mod fake;
mod follow;
mod health;
mod names;
mod preflight;
mod records;
mod submit;

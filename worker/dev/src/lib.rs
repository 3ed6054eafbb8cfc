//! What `infergrid dev` does with a private grid of `infergrid-devnet`, as a library: it prints nothing
//! and asks no environment.
//!
//! [`fill`] says who works in the grid that newcomers get, at a pace that the machine keeps; [`guard`]
//! lets it stand and fall with its parts, in a [`Place`] of its own. In one that is [`Ready`], [`watch`] draws what happens, and
//! [`ask`] follows one question to the last planck.

mod board;
mod error;
mod grid;
mod once;
mod pace;
mod place;

pub use board::watch;
pub use error::DevError;
pub use grid::{Offered, Ready, fill, guard};
pub use once::{Asked, Blocktimes, SharesSummary, Summary, ask};
pub use place::Place;

//! A private grid of real processes on this machine: `infergrid dev` and the end-to-end tests start
//! theirs here.
//!
//! [`spawn`] brings up what a [`Plan`] says and returns when every part answers: nodes and gateways
//! are asked themselves, miners and verifiers are looked up on chain. The [`Handle`] knows where
//! everything is, and stops, kills and starts single parts. When it is dropped, no process of the
//! grid is left and none of its ports is in use.
//!
//! The grid knows programs and their flags, and what the chain says of them; it knows no role from
//! inside. `grid.json` in its directory says to scripts what the handle says to the caller.
//!
//! [`Process`] and [`Ports`] are for callers who start programs of their own beside grids.

mod describe;
mod error;
mod genesis;
mod handle;
mod part;
mod plan;
mod ports;
mod process;
mod programs;
mod ready;
mod served;
mod start;

pub use error::{Death, SpawnError};
pub use handle::Handle;
pub use plan::{
	Account, Bond, Extra, Gateway, INHERITED, Miner, Model, Operator, Plan, PortChoice, Programs,
	Verifier,
};
pub use ports::{Claim, HeldPort, Ports};
pub use process::{Process, Program, kill_leftovers};
pub use served::Served;
pub use start::spawn;

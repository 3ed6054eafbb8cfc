//! What `infergrid bench` measures, as a library: it prints nothing and asks no environment.
//!
//! Of this machine: [`measure`] and [`measure_random`] say how fast a model is on it, [`latency`] what a
//! gateway adds; a [`MachineReport`] shows them together. Of a grid: [`load`] asks a gateway as many
//! clients at once and can follow on chain what becomes of their tasks.

mod error;
mod latency;
mod load;
mod machine;

pub use error::BenchError;
pub use latency::{Latency, latency};
pub use load::{
	Busy, LoadOptions, LoadReport, Missed, OnChain, Outcome, Refused, Served, Slashed, load,
};
pub use machine::{MachineReport, Measured, measure, measure_random};

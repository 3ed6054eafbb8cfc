//! What makes an answer right, and what roles ask of a model.
//!
//! No tensors and no I/O: a model is behind [`Model`], its roles before [`Compute`].
//!
//! | file | what |
//! |---|---|
//! | `compute` | what roles ask of a model: answers, votes, its speed, memory and load |
//! | `model` | what a model must offer for that: sequences, and what it says about an answer |
//! | `stop`, `generate`, `replay`, `judge` | when an answer ends; answers with proofs; their distance from the model's own; a verifier's vote |
//! | `speed`, `memory` | how many tasks at a time, and how long ones, a machine is enough for |
//! | `queue`, `server` | whose turn it is; the thread that does the jobs |
//! | `metrics` | what it counts |
//! | `fake` | a model and a [`Compute`] for tests |

mod compute;
mod error;
pub mod fake;
mod generate;
mod judge;
mod memory;
mod metrics;
mod model;
mod queue;
mod replay;
mod server;
mod speed;
mod stop;

pub use compute::{Assignment, Compute, Generation, OnToken};
pub use error::{ComputeError, Remedy};
pub use generate::{generate, prove};
pub use judge::{Examination, Judgement, Violation, check_opening, judge, verify};
pub use memory::{Memory, NotEnoughMemory};
pub use metrics::ModelMetrics;
pub use model::{Encoder, Facts, Model, Sequence, Watcher};
pub use queue::{Job, Load, Queue, Terms};
pub use replay::{Replay, ReplayRequest, margins};
pub use server::{Loaded, Server, StartError};
pub use speed::{Grant, Speed, Work, capacity};

/// What a panic said.
pub fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
	let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
	text.or_else(|| panic.downcast_ref::<String>().cloned())
		.unwrap_or_else(|| "a panic without a message".to_owned())
}

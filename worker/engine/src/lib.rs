//! Models on burn: loading, seeded decoding with proofs, and re-checking of answers.
//!
//! Synchronous and without globals; errors say what to do. The only crate that knows a tensor.
//!
//! | file | what |
//! |---|---|
//! | `model`, `decoder`, `attention`, `norm`, `rope`, `linear` | the decoder of Llama, Qwen2, Qwen3 and Mistral |
//! | `gemv` | matrix times vector on all cores, for decoding on the processor |
//! | `loader`, `device` | checkpoint bytes to tensors, and where they live |
//! | `cache` | keys and values, filled in place |
//! | `engine`, `generate`, `replay` | a loaded model; answers with proofs; what the model says about an answer |
//! | `verify` | a verifier's vote |
//! | `check`, `measure`, `random` | comparison with a reference, speed and memory, random weights to measure with |

mod attention;
mod cache;
mod check;
mod decoder;
mod device;
mod engine;
mod error;
mod gemv;
mod generate;
mod linear;
mod loader;
mod measure;
mod model;
mod norm;
mod random;
mod replay;
mod rope;
mod verify;

pub use cache::Cache;
pub use check::{CheckError, CheckReport};
pub use device::Device;
pub use engine::{Engine, Forward};
pub use error::{DeviceError, GenerateError, LoadError, Remedy};
pub use generate::{GenerateRequest, Generation, prove};
pub use measure::{MeasureOptions, Measurements, read_bandwidth, resident_bytes};
pub use random::{RandomCheckpointError, half_billion_config, write_random_checkpoint};
pub use replay::{Replay, ReplayRequest};
pub use verify::{Case, Judgement, Violation, check_opening, judge};

/// What a panic said.
fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
	let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
	text.or_else(|| panic.downcast_ref::<String>().cloned())
		.unwrap_or_else(|| "a panic without a message".to_owned())
}

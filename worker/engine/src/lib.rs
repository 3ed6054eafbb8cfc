//! Models on burn: loading, decoding, and what a model says about an answer.
//!
//! Synchronous and without globals; errors say what to do. The only crate that knows a tensor. What
//! makes an answer right, and whose turn it is, is said in `infergrid-proof`.
//!
//! | file | what |
//! |---|---|
//! | `model`, `decoder`, `attention`, `norm`, `rope`, `linear` | the decoder of Llama, Qwen2, Qwen3 and Mistral |
//! | `gemv` | matrix times vector on all cores, for decoding on the processor |
//! | `loader`, `device` | checkpoint bytes to tensors, and where they live |
//! | `cache` | keys and values, filled in place |
//! | `engine`, `answer` | a loaded model; sequences, and what the model says about an answer |
//! | `memory` | what a device has free |
//! | `serve` | a model on a thread of its own |
//! | `check`, `measure`, `random` | comparison with a reference, speed and memory, random weights to measure with |

mod answer;
mod attention;
mod cache;
mod check;
mod decoder;
mod device;
mod engine;
mod error;
mod gemv;
mod linear;
mod loader;
mod measure;
mod memory;
mod model;
mod norm;
mod random;
mod rope;
mod serve;

pub use cache::Cache;
pub use check::{CheckError, CheckReport};
pub use device::Device;
pub use engine::{Engine, Forward};
pub use error::{DeviceError, LoadError};
pub use measure::{MeasureOptions, Measurements, read_bandwidth, resident_bytes};
pub use random::{RandomCheckpointError, half_billion_config, write_random_checkpoint};
pub use serve::{LICENCE, ServeError, serve};

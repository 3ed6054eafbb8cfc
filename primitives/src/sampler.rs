//! The seeded sampler, version 1: what a miner chooses and how a verifier judges the choice.
//!
//! Logits → OpenAI penalties → argmax at temperature 0; otherwise divide by the temperature, keep
//! the `top_k` most likely, of these the smallest set that holds the mass `top_p`, and choose the
//! largest `logit / temperature + g` with Gumbel noise `g` drawn from the request's seed. Every tie
//! goes to the lowest id. Everything after the `f32` logits is IEEE `f64` with `libm`, so every host
//! draws the same noise to the bit.

mod choice;
mod distribution;
mod margin;
mod noise;
#[cfg(test)]
mod tests;

pub use choice::choose;
pub use distribution::{BadLogits, History, Tolerance};
pub use margin::{Margin, margin};
pub use noise::{Noise, philox4x32_10};

//! What chain and workers must agree on to the bit.
//!
//! Identifiers, requests, receipts, votes, the payloads that are hashed or signed, the seed and the
//! noise of the sampler, TOPLOC proofs, and the traits through which the pallets meet. No storage,
//! no tensors, no input or output.
//!
//! Every hashed or signed payload is `infergrid/<what>/v1 ‖ genesis hash ‖ SCALE(value)`; hashes are
//! BLAKE2b-256 ([`hashing`]).

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(all(feature = "bug-fee-rounds-down", not(debug_assertions)))]
compile_error!("a known bug, for tests only: leave the feature `bug-fee-rounds-down` out");

pub mod audit;
pub mod fingerprint;
pub mod hashing;
pub mod limits;
pub mod market;
pub mod model;
pub mod randomness;
pub mod request;
pub mod sampler;
pub mod toploc;
pub mod trace;

/// A BLAKE2b-256 hash, or an identifier made of one.
pub type Hash = [u8; 32];
/// The 32 bytes of an account.
pub type AccountBytes = [u8; 32];
/// The sr25519 public key of a worker.
pub type WorkerKey = [u8; 32];
/// An sr25519 signature.
pub type Signature = [u8; 64];
/// Money in plancks; 1 AIT is 10^12 plancks.
pub type Balance = u128;
/// The number of a block.
pub type BlockNumber = u32;
/// A one-shot task.
pub type TaskId = u64;
/// An audit of one receipt.
pub type AuditId = u64;
/// An index into a model's vocabulary.
pub type TokenId = u32;

/// One AIT in plancks.
pub const AIT: Balance = 1_000_000_000_000;

//! Models and the profiles that pin how they are run for money.

use crate::{AccountBytes, Balance, Hash, hashing::blake2_256};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// One file of a model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct ManifestFile {
	/// Path relative to the model's directory, in UTF-8 with `/`.
	pub path: Vec<u8>,
	/// Size in bytes.
	pub size: u64,
	/// BLAKE3 root of the content.
	pub blake3: Hash,
}

/// A model: its Hugging Face files, sorted by path.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Manifest {
	/// The files, sorted by path.
	pub files: Vec<ManifestFile>,
	/// Decoder layers.
	pub layers: u32,
	/// SPDX identifier of the licence, or `unknown`.
	pub licence: Vec<u8>,
}

impl Manifest {
	/// What the files are, whoever registers them: the same on every chain.
	pub fn id(&self) -> Hash {
		let mut bytes = b"infergrid/model/v1".to_vec();
		self.encode_to(&mut bytes);
		blake2_256(&bytes)
	}
}

/// The identifier of the model that `creator` registers, whose [`Manifest::id`] is `manifest`: the same
/// on every chain, and another for every creator, so that nobody can register a model in the place of
/// another and earn its royalties.
pub fn model_id(creator: &AccountBytes, manifest: &Hash) -> Hash {
	let mut bytes = b"infergrid/registration/v1".to_vec();
	(creator, manifest).encode_to(&mut bytes);
	blake2_256(&bytes)
}

/// What weights, activations and accumulators are made of.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub enum Arithmetic {
	/// Everything in 32-bit floats.
	F32,
}

/// Parameters and limits of the proofs that an answer carries.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct ProofParams {
	/// Values per chunk in a TOPLOC proof.
	pub top_k: u16,
	/// Output tokens per chunk.
	pub chunk: u16,
	/// Largest number of mismatched exponents in a chunk.
	pub max_exponent_mismatches: u16,
	/// Largest mean mantissa error of a chunk × 1,000.
	pub max_mantissa_mean_milli: u32,
	/// Largest median mantissa error of a chunk × 1,000.
	pub max_mantissa_median_milli: u32,
	/// Margin in logits × 1,000 above which a token counts as chosen against the seed.
	pub hard_margin_milli: u32,
	/// Largest squared Euclidean distance between two honest fingerprints.
	pub max_fingerprint_distance: u64,
}

impl ProofParams {
	/// For [`Arithmetic::F32`], where honest machines differ by rounding only. On the shipped model
	/// decoding and re-checking agree in every bit of every proof, while one missing prompt token
	/// gives at least 9 mismatched exponents, a mean mantissa error of 2.5 and a median of 2: the
	/// defaults, which are for 16-bit arithmetic, would let it pass.
	pub const F32: Self = Self {
		top_k: 128,
		chunk: 32,
		max_exponent_mismatches: 8,
		max_mantissa_mean_milli: 1_000,
		max_mantissa_median_milli: 1_000,
		hard_margin_milli: 100,
		max_fingerprint_distance: 32 * 32 * 32,
	};

	/// What a profile names as its calibration if nobody has measured its model: the hash of the
	/// parameters themselves.
	pub fn uncalibrated(&self) -> Hash {
		blake2_256(&self.encode())
	}
}

impl Default for ProofParams {
	fn default() -> Self {
		Self {
			top_k: 128,
			chunk: 32,
			max_exponent_mismatches: 38,
			max_mantissa_mean_milli: 10_000,
			max_mantissa_median_milli: 8_000,
			hard_margin_milli: 2_000,
			// A relative difference of 0.8 % between two hidden states: see `fingerprint`.
			max_fingerprint_distance: 32 * 32 * 32,
		}
	}
}

/// How a model is run for money.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Profile {
	/// The model: see [`model_id`].
	pub model: Hash,
	/// Arithmetic class.
	pub arithmetic: Arithmetic,
	/// Version of the sampler; 1 is the only one.
	pub sampler: u8,
	/// Proof parameters and thresholds.
	pub proof: ProofParams,
	/// Hash of the measurements from which the thresholds come; [`ProofParams::uncalibrated`] where
	/// they are the protocol's own. Nothing on chain depends on it.
	pub calibration: Hash,
	/// Longest prompt plus answer in tokens.
	pub context: u32,
	/// Tokens per second of decode that a miner must reach; deadlines follow from it.
	pub min_tokens_per_second: u32,
	/// Flat reference price per 1,000 prompt tokens, in plancks.
	pub reference_input: Balance,
	/// Flat reference price per 1,000 answer tokens, in plancks.
	pub reference_output: Balance,
}

impl Profile {
	/// Whether the thresholds come from measurements of this model.
	pub fn is_calibrated(&self) -> bool {
		self.calibration != self.proof.uncalibrated()
	}

	/// The profile's identifier: the same on every chain.
	pub fn id(&self) -> Hash {
		let mut bytes = b"infergrid/profile/v1".to_vec();
		self.encode_to(&mut bytes);
		blake2_256(&bytes)
	}
}

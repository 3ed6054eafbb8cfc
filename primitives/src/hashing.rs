//! Domain-separated BLAKE2b-256.

use crate::Hash;
use alloc::vec::Vec;
use codec::Encode;

/// BLAKE2b-256 of `bytes`.
pub fn blake2_256(bytes: &[u8]) -> Hash {
	let mut out = [0; 32];
	out.copy_from_slice(
		blake2b_simd::Params::new()
			.hash_length(32)
			.hash(bytes)
			.as_bytes(),
	);
	out
}

/// `infergrid/<what>/v1 ‖ genesis ‖ SCALE(value)`: the bytes that are signed.
pub fn payload(what: &str, genesis: &Hash, value: &impl Encode) -> Vec<u8> {
	let mut bytes = Vec::with_capacity(64 + value.size_hint());
	bytes.extend_from_slice(b"infergrid/");
	bytes.extend_from_slice(what.as_bytes());
	bytes.extend_from_slice(b"/v1");
	bytes.extend_from_slice(genesis);
	value.encode_to(&mut bytes);
	bytes
}

/// BLAKE2b-256 of [`payload`].
pub fn domain_hash(what: &str, genesis: &Hash, value: &impl Encode) -> Hash {
	blake2_256(&payload(what, genesis, value))
}

//! The Merkle tree over the proofs of an answer, whose root a receipt commits to.
//!
//! A leaf binds a chunk's place, its tokens and its proof. Inner nodes hash in a domain of their
//! own; a node without a sibling moves up unchanged; the root also binds the number of leaves, so
//! that one root has one shape. An answer without chunks has the root of zero leaves.

use crate::{
	Hash, TokenId,
	hashing::{blake2_256, domain_hash},
	toploc::chunks,
};
use alloc::vec::Vec;
use codec::Encode;

/// The leaf of chunk `index`: its token ids and the bytes of its proof.
pub fn leaf(genesis: &Hash, index: u32, tokens: &[TokenId], proof: &[u8]) -> Hash {
	domain_hash(
		"chunk",
		genesis,
		&(index, blake2_256(&tokens.encode()), proof),
	)
}

/// The root over `leaves`.
pub fn root(genesis: &Hash, leaves: &[Hash]) -> Hash {
	let mut level = leaves.to_vec();
	while level.len() > 1 {
		level = parents(genesis, &level);
	}
	seal(
		genesis,
		leaves.len() as u32,
		level.first().unwrap_or(&[0; 32]),
	)
}

/// The root for an answer and the proofs of its chunks of `chunk` rows. `None` if there is not
/// exactly one proof for each chunk.
pub fn answer_root<P: AsRef<[u8]>>(
	genesis: &Hash,
	tokens: &[TokenId],
	proofs: &[P],
	chunk: u16,
) -> Option<Hash> {
	let ranges = chunks(tokens.len(), chunk.into());
	if ranges.len() != proofs.len() {
		return None;
	}
	let leaves: Vec<Hash> = ranges
		.zip(proofs)
		.zip(0..)
		.map(|((range, proof), index)| leaf(genesis, index, &tokens[range], proof.as_ref()))
		.collect();
	Some(root(genesis, &leaves))
}

/// The siblings on the way from leaf `index` to the root, lowest first. `None` if there is no such
/// leaf.
pub fn path(genesis: &Hash, leaves: &[Hash], index: u32) -> Option<Vec<Hash>> {
	let mut at = index as usize;
	if at >= leaves.len() {
		return None;
	}
	let mut level = leaves.to_vec();
	let mut siblings = Vec::new();
	while level.len() > 1 {
		siblings.extend(level.get(at ^ 1));
		level = parents(genesis, &level);
		at /= 2;
	}
	Some(siblings)
}

/// Whether `leaf` is leaf `index` of the `count` leaves under `root`. A path of the wrong length is
/// no proof.
pub fn verify_path(
	genesis: &Hash,
	root: &Hash,
	count: u32,
	index: u32,
	leaf: &Hash,
	path: &[Hash],
) -> bool {
	if index >= count {
		return false;
	}
	let (mut at, mut width, mut node) = (index, count, *leaf);
	let mut siblings = path.iter();
	while width > 1 {
		if at ^ 1 < width {
			let Some(sibling) = siblings.next() else {
				return false;
			};
			node = if at & 1 == 0 {
				join(genesis, &node, sibling)
			} else {
				join(genesis, sibling, &node)
			};
		}
		at /= 2;
		width = width.div_ceil(2);
	}
	siblings.next().is_none() && seal(genesis, count, &node) == *root
}

fn parents(genesis: &Hash, level: &[Hash]) -> Vec<Hash> {
	level
		.chunks(2)
		.map(|pair| match pair {
			[left, right] => join(genesis, left, right),
			_ => pair[0],
		})
		.collect()
}

fn join(genesis: &Hash, left: &Hash, right: &Hash) -> Hash {
	domain_hash("trace-node", genesis, &(left, right))
}

fn seal(genesis: &Hash, count: u32, top: &Hash) -> Hash {
	domain_hash("trace", genesis, &(count, top))
}

#[cfg(test)]
mod tests {
	use super::*;

	const GENESIS: Hash = [9; 32];

	fn leaves(count: u8) -> Vec<Hash> {
		(0..count)
			.map(|i| leaf(&GENESIS, i.into(), &[i.into()], &[i]))
			.collect()
	}

	#[test]
	fn every_leaf_has_a_path_and_no_other_place_accepts_it() {
		for count in 1..=17 {
			let leaves = leaves(count);
			let root = root(&GENESIS, &leaves);
			let count = u32::from(count);
			for (index, leaf) in (0..).zip(&leaves) {
				let path = path(&GENESIS, &leaves, index).unwrap();
				assert!(verify_path(&GENESIS, &root, count, index, leaf, &path));
				for other in (0..count + 2).filter(|other| *other != index) {
					assert!(!verify_path(&GENESIS, &root, count, other, leaf, &path));
				}
				assert!(!verify_path(&GENESIS, &root, count + 1, index, leaf, &path));
				assert!(!verify_path(&[8; 32], &root, count, index, leaf, &path));
				let mut longer = path.clone();
				longer.push([0; 32]);
				assert!(!verify_path(&GENESIS, &root, count, index, leaf, &longer));
				if let Some((_, shorter)) = path.split_last() {
					assert!(!verify_path(&GENESIS, &root, count, index, leaf, shorter));
				}
			}
			assert_eq!(super::path(&GENESIS, &leaves, count), None);
		}
	}

	#[test]
	fn an_inner_node_is_no_leaf() {
		let leaves = leaves(4);
		let inner = parents(&GENESIS, &leaves);
		assert_ne!(root(&GENESIS, &leaves), root(&GENESIS, &inner));
	}

	#[test]
	fn the_root_of_an_answer_binds_tokens_proofs_and_chunks() {
		let tokens: Vec<u32> = (0..75).collect();
		let proofs = [vec![1], vec![2], vec![3]];
		let honest = answer_root(&GENESIS, &tokens, &proofs, 32).unwrap();
		let mut other_tokens = tokens.clone();
		other_tokens[40] = 0;
		assert_ne!(
			answer_root(&GENESIS, &other_tokens, &proofs, 32).unwrap(),
			honest
		);
		let other_proofs = [vec![1], vec![2], vec![4]];
		assert_ne!(
			answer_root(&GENESIS, &tokens, &other_proofs, 32).unwrap(),
			honest
		);
		assert_ne!(answer_root(&GENESIS, &tokens, &proofs, 30).unwrap(), honest);
		assert_eq!(answer_root(&GENESIS, &tokens, &proofs[..2], 32), None);
		assert_eq!(
			answer_root::<Vec<u8>>(&GENESIS, &[], &[], 32),
			Some(root(&GENESIS, &[])),
		);
	}
}

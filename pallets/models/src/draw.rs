//! Drawing at random by weight. Pure: randomness and weights in, choice out.

use alloc::vec::Vec;
use codec::Encode;
use infergrid_primitives::{Balance, Hash};
use polkadot_sdk::*;
use sp_core::U256;

/// Keeps the numbers drawn here apart from all others made of the same randomness.
const DOMAIN: &[u8] = b"infergrid/draw/v1";

/// Draws up to `seats` distinct items, each with a chance proportional to its weight among those
/// that are left. Items of weight 0 are never drawn. Anybody with the same arguments gets the same
/// items in the same order.
///
/// For seat `i` the number `BLAKE2b-256(domain ‖ randomness ‖ context ‖ i)`, read as a little-endian
/// integer, is reduced modulo the sum of weights; the item in whose stretch of the sum it falls is
/// drawn. The bias of the reduction is below 2^-128.
pub fn draw<Item>(
	mut items: Vec<(Item, Balance)>,
	randomness: &Hash,
	context: &Hash,
	seats: u32,
) -> Vec<Item> {
	items.retain(|(_, weight)| *weight > 0);
	let mut drawn = Vec::new();
	for seat in 0..seats {
		let sum = items.iter().fold(U256::zero(), |sum, (_, weight)| {
			sum.saturating_add(U256::from(*weight))
		});
		let seed = (DOMAIN, randomness, context, seat).encode();
		let number = U256::from_little_endian(&sp_io::hashing::blake2_256(&seed));
		let Some(mut point) = number.checked_rem(sum) else {
			break;
		};
		let place = items.iter().position(|(_, weight)| {
			let weight = U256::from(*weight);
			if point < weight {
				return true;
			}
			point = point.saturating_sub(weight);
			false
		});
		let Some(place) = place else { break };
		drawn.push(items.remove(place).0);
	}
	drawn
}

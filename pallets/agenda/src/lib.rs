//! What a pallet has to do at a later block.
//!
//! An [`Agenda`] keeps items by the block in which they fall due, in pages of bounded size. Putting
//! an item down costs the same whatever else is due in that block. A [`WeightMeter`] bounds how much
//! is served in a block: what does not fit stays where it is and is served first in the next block,
//! in the order in which it fell due. Nothing is dropped and nothing is walked over twice.
//!
//! The pallet owns the storage and names it in its implementation of the trait.

#![cfg_attr(not(feature = "std"), no_std)]

use codec::{Decode, Encode, FullCodec, MaxEncodedLen};
use infergrid_primitives::BlockNumber;
use polkadot_sdk::{
	frame_support::{
		BoundedVec,
		storage::{StorageDoubleMap, StorageMap, StorageValue},
		traits::Get,
	},
	sp_weights::{Weight, WeightMeter},
};
use scale_info::TypeInfo;

/// Where service goes on: everything before it has been served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Cursor {
	/// The earliest block that may still have something due.
	pub block: BlockNumber,
	/// The page of that block to serve next.
	pub page: u32,
}

/// What one block of service may cost at most, piece by piece.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
	/// Looking at a block and at one of its pages.
	pub page: Weight,
	/// The dearest item.
	pub item: Weight,
}

/// Items by the block in which they fall due.
pub trait Agenda {
	/// What falls due.
	type Item: FullCodec + Clone;
	/// Items in a page.
	type PageSize: Get<u32>;
	/// Block and page number to items.
	type Pages: StorageDoubleMap<
			BlockNumber,
			u32,
			BoundedVec<Self::Item, Self::PageSize>,
			Query = BoundedVec<Self::Item, Self::PageSize>,
		>;
	/// Pages of a block; absent means none.
	type PageCount: StorageMap<BlockNumber, u32, Query = u32>;
	/// Absent until the first block is served.
	type Cursor: StorageValue<Cursor, Query = Option<Cursor>>;

	/// Puts `item` down for block `at`, or for the block after `now` if `at` is not later than `now`:
	/// blocks up to `now` may have been served already.
	fn schedule(item: Self::Item, at: BlockNumber, now: BlockNumber) {
		let at = at.max(now.saturating_add(1));
		let pages = Self::PageCount::get(at);
		let left_over = match pages.checked_sub(1) {
			Some(last) => Self::Pages::mutate(at, last, |page| page.try_push(item).err())
				.map(|item| (item, pages)),
			None => Some((item, 0)),
		};
		if let Some((item, page)) = left_over {
			let mut items = BoundedVec::default();
			// A page holds at least one item; see `integrity`.
			if items.try_push(item).is_ok() {
				Self::Pages::insert(at, page, items);
				Self::PageCount::insert(at, page.saturating_add(1));
			}
		}
	}

	/// Serves what is due up to block `now` while `meter` allows. `act` does one item and gives what
	/// it cost, which is charged up to `costs.item`.
	fn serve(
		now: BlockNumber,
		meter: &mut WeightMeter,
		costs: Costs,
		mut act: impl FnMut(Self::Item) -> Weight,
	) {
		let start = Self::Cursor::get();
		let mut cursor = start.unwrap_or(Cursor {
			block: now,
			page: 0,
		});
		while cursor.block <= now && meter.try_consume(costs.page).is_ok() {
			let pages = Self::PageCount::get(cursor.block);
			if cursor.page >= pages {
				if pages > 0 {
					Self::PageCount::remove(cursor.block);
				}
				cursor = Cursor {
					block: cursor.block.saturating_add(1),
					page: 0,
				};
				continue;
			}
			let mut items = Self::Pages::take(cursor.block, cursor.page).into_iter();
			let mut rest = BoundedVec::<Self::Item, Self::PageSize>::default();
			while meter.can_consume(costs.item) {
				let Some(item) = items.next() else { break };
				let used = act(item);
				meter.consume(used.min(costs.item));
			}
			for item in items {
				// Fits: these came out of one page.
				let _ = rest.try_push(item);
			}
			if !rest.is_empty() {
				Self::Pages::insert(cursor.block, cursor.page, rest);
				break;
			}
			cursor.page = cursor.page.saturating_add(1);
		}
		if start != Some(cursor) {
			Self::Cursor::put(cursor);
		}
	}

	/// Blocks for which what fell due up to `now` has been waiting; 0 if all of it was served.
	fn lag(now: BlockNumber) -> BlockNumber {
		let next = now.saturating_add(1);
		Self::Cursor::get().map_or(0, |cursor| next.saturating_sub(cursor.block))
	}

	/// Panics unless a page holds an item and `limit` lets service make progress in every block.
	/// For `integrity_test`.
	fn integrity(limit: Weight, costs: Costs) {
		assert!(
			Self::PageSize::get() > 0,
			"a page of the agenda must hold an item"
		);
		let least = costs.page.saturating_mul(3).saturating_add(costs.item);
		assert!(
			least.all_lte(limit),
			"the share of the block for the agenda, {limit:?}, must cover one item, {least:?}"
		);
	}
}

#[cfg(test)]
mod tests;

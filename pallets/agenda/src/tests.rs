use super::*;
use polkadot_sdk::{
	frame_support::{
		self,
		pallet_prelude::{OptionQuery, ValueQuery},
		storage_alias,
		traits::ConstU32,
	},
	sp_io::TestExternalities,
};

type PageSize = ConstU32<4>;

#[storage_alias]
type Pages = StorageDoubleMap<
	Test,
	frame_support::Twox64Concat,
	BlockNumber,
	frame_support::Twox64Concat,
	u32,
	BoundedVec<u32, PageSize>,
	ValueQuery,
>;
#[storage_alias]
type PageCount = StorageMap<Test, frame_support::Twox64Concat, BlockNumber, u32, ValueQuery>;
#[storage_alias]
type Position = StorageValue<Test, Cursor, OptionQuery>;

struct TestAgenda;

impl Agenda for TestAgenda {
	type Item = u32;
	type PageSize = PageSize;
	type Pages = Pages;
	type PageCount = PageCount;
	type Cursor = Position;
}

const COSTS: Costs = Costs {
	page: Weight::from_parts(1, 0),
	item: Weight::from_parts(100, 0),
};

/// Serves block `now` with room for `items` of the dearest items and enough for pages.
fn serve(now: BlockNumber, items: u64) -> Vec<u32> {
	let mut served = Vec::new();
	let mut meter = WeightMeter::with_limit(Weight::from_parts(items * 100 + 99, 0));
	TestAgenda::serve(now, &mut meter, COSTS, |item| {
		served.push(item);
		COSTS.item
	});
	assert!(meter.consumed().all_lte(meter.limit()));
	served
}

#[test]
fn items_come_up_in_their_block_and_not_before() {
	TestExternalities::default().execute_with(|| {
		assert!(serve(1, 9).is_empty());
		TestAgenda::schedule(7, 3, 1);
		TestAgenda::schedule(8, 2, 1);
		assert_eq!(serve(2, 9), vec![8]);
		assert_eq!(serve(3, 9), vec![7]);
		assert!(serve(4, 9).is_empty());
	});
}

#[test]
fn an_item_for_the_past_comes_up_in_the_next_block() {
	TestExternalities::default().execute_with(|| {
		serve(5, 9);
		TestAgenda::schedule(1, 0, 5);
		TestAgenda::schedule(2, 5, 5);
		assert_eq!(serve(6, 9), vec![1, 2]);
	});
}

#[test]
fn a_crowded_block_spills_in_order_and_loses_nothing() {
	TestExternalities::default().execute_with(|| {
		serve(1, 9);
		for item in 0..11 {
			TestAgenda::schedule(item, 2, 1);
		}
		TestAgenda::schedule(11, 3, 1);
		assert_eq!(PageCount::get(2), 3);
		let served: Vec<Vec<u32>> = (2..8).map(|block| serve(block, 3)).collect();
		assert_eq!(served[0].len(), 3);
		assert_eq!(served.concat(), (0..12).collect::<Vec<_>>());
		assert_eq!(Pages::iter().count(), 0);
		assert_eq!(PageCount::iter().count(), 0);
		assert_eq!(Position::get(), Some(Cursor { block: 8, page: 0 }));
	});
}

#[test]
fn what_an_item_schedules_is_served_later() {
	TestExternalities::default().execute_with(|| {
		serve(1, 9);
		TestAgenda::schedule(1, 2, 1);
		let mut served = 0;
		let mut meter = WeightMeter::with_limit(Weight::from_parts(1_000, 0));
		TestAgenda::serve(2, &mut meter, COSTS, |item| {
			served += 1;
			TestAgenda::schedule(item, 2, 2);
			COSTS.item
		});
		assert_eq!(served, 1);
		assert_eq!(serve(3, 9), vec![1]);
	});
}

#[test]
fn cheap_items_leave_room_for_more() {
	TestExternalities::default().execute_with(|| {
		serve(1, 9);
		for item in 0..8 {
			TestAgenda::schedule(item, 2, 1);
		}
		let mut served = 0;
		let mut meter = WeightMeter::with_limit(Weight::from_parts(200, 0));
		TestAgenda::serve(2, &mut meter, COSTS, |_| {
			served += 1;
			Weight::from_parts(10, 0)
		});
		assert_eq!(served, 8);
	});
}

#[test]
#[should_panic(expected = "must cover one item")]
fn a_share_that_serves_nothing_is_refused() {
	TestAgenda::integrity(Weight::from_parts(100, 0), COSTS);
}

#[test]
fn service_that_is_behind_says_by_how_much() {
	TestExternalities::default().execute_with(|| {
		assert_eq!(TestAgenda::lag(7), 0, "nothing was ever due");
		serve(1, 9);
		assert_eq!(TestAgenda::lag(1), 0);
		TestAgenda::schedule(0, 2, 1);
		for now in 2..6 {
			serve(now, 0);
			assert_eq!(TestAgenda::lag(now), now - 1);
		}
		assert_eq!(serve(6, 9), vec![0]);
		assert_eq!(TestAgenda::lag(6), 0);
	});
}

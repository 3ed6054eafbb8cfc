use crate::{mock::*, pallet::*};
use infergrid_primitives::randomness::{Output, Redeemed, Ticket, ticket_delay};
use proptest::prelude::*;

#[test]
fn a_ticket_is_for_outputs_after_the_next_block() {
	from(5, || {
		let ticket = take(1, 2);
		// Blocks 5 and 6 have no part; 7 and 8 have, and are over in block 9.
		for block in 5..9 {
			run_to(block);
			assert_eq!(redeem(&ticket), Redeemed::Pending(9), "in block {block}");
		}
		run_to(9);
		let outputs = [7, 8].map(|block| Output {
			block,
			vrf: Authors::output(block),
		});
		let genesis = System::block_hash(0).0;
		assert_eq!(hash(&ticket), Ticket::hash(&genesis, &outputs));
		assert_eq!(9, 5 + ticket_delay(1, 2));
	});
}

#[test]
fn late_service_changes_nothing() {
	from(5, || {
		let ticket = take(1, 8);
		run_to(5 + ticket_delay(1, 8));
		let at_once = hash(&ticket);
		// Others make the blocks from here on, and the first block that still counted is all but lost.
		Authors::change(1);
		for _ in 0..DEPTH - 8 {
			assert_eq!(hash(&ticket), at_once);
			run_to(System::block_number() + 1);
		}
		assert_eq!(hash(&ticket), at_once);
		run_to(System::block_number() + 1);
		assert_eq!(redeem(&ticket), Redeemed::Forgotten);
	});
}

#[test]
fn nobody_before_or_after_a_tickets_blocks_moves_its_hash_and_everybody_in_them_does() {
	let with_other_authors_in = |blocks: std::ops::Range<u32>| {
		from(5, || {
			let ticket = take(1, 3);
			// Blocks 7, 8 and 9.
			for block in 5..20 {
				Authors::change(blocks.contains(&block).into());
				run_to(block + 1);
			}
			hash(&ticket)
		})
	};
	let honest = with_other_authors_in(0..0);
	assert_eq!(with_other_authors_in(5..7), honest);
	assert_eq!(with_other_authors_in(10..20), honest);
	for block in 7..10 {
		assert_ne!(with_other_authors_in(block..block + 1), honest);
	}
}

#[test]
fn a_block_without_an_output_is_no_output() {
	from(5, || {
		let ticket = take(1, 2);
		run_to(8);
		// The output of block 8 is missing, so that of 9 takes its place.
		Authors::give(false);
		run_to(9);
		assert_eq!(redeem(&ticket), Redeemed::Pending(10));
		Authors::give(true);
		run_to(10);
		let outputs = [7, 9].map(|block| Output {
			block,
			vrf: Authors::output(block),
		});
		assert_eq!(
			hash(&ticket),
			Ticket::hash(&System::block_hash(0).0, &outputs)
		);
	});
}

#[test]
fn a_chain_without_outputs_makes_no_ticket_ready() {
	from(5, || {
		Authors::give(false);
		let ticket = take(0, 1);
		run_to(100);
		assert_eq!(redeem(&ticket), Redeemed::Pending(102));
	});
}

#[test]
fn a_ticket_is_for_one_output_at_least() {
	from(5, || assert_eq!(take(1, 0), take(1, 1)));
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(16))]

	/// Whoever takes and redeems what in between: a ticket is worth one hash for a day, and equal tickets
	/// are worth the same.
	#[test]
	fn equal_tickets_are_worth_the_same_hash_for_a_day(
		steps in prop::collection::vec((0u32..4, 0u32..6, 1u8..12, prop::bool::weighted(0.9)), 1..60),
	) {
		from(1, || {
			let mut held: Vec<(Ticket, u32, Option<[u8; 32]>)> = Vec::new();
			for (blocks, skip, count, vrf) in steps {
				let now = System::block_number();
				let (one, other) = (take(skip, count), take(skip, count));
				assert_eq!(one, other);
				held.push((one, now, None));
				for block in now..now + blocks {
					Authors::give(vrf);
					run_to(block + 1);
				}
				for (ticket, taken, worth) in &mut held {
					let now = System::block_number();
					match (redeem(ticket), *worth) {
						(Redeemed::Ready(hash), None) => {
							assert!(now >= *taken + u32::from(ticket.count), "known too early");
							*worth = Some(hash);
						}
						(Redeemed::Ready(hash), Some(before)) => assert_eq!(hash, before),
						(Redeemed::Pending(at), None) => assert!(at > now),
						(other, before) => panic!("{other:?} after {before:?}"),
					}
				}
			}
			// The day is over for all of them at its end, and for none before.
			Authors::give(true);
			let complete = |ticket: &Ticket| ticket.first + u32::from(ticket.count) <= Noted::<Test>::get();
			while held.iter().any(|(ticket, _, _)| !complete(ticket)) {
				run_to(System::block_number() + 1);
			}
			for (ticket, _, worth) in &held {
				let young = Noted::<Test>::get() - ticket.first <= DEPTH;
				prop_assert!(young);
				if let Some(before) = worth {
					prop_assert_eq!(hash(ticket), *before);
				}
			}
			run_to(System::block_number() + DEPTH);
			for (ticket, _, _) in &held {
				prop_assert_eq!(redeem(ticket), Redeemed::Forgotten);
			}
			Ok(())
		})?;
	}
}

use crate::{mock::*, pallet::*, types::*};
use infergrid_mock_market::{self as market, AtWork, at_work, in_use};
use infergrid_primitives::{
	AIT, Hash,
	market::Role,
	randomness::{Redeemed, Ticket, Tickets, task_anchor},
	request::Window,
};
use polkadot_sdk::{
	frame_support::{assert_ok, traits::Hooks},
	frame_system,
	sp_core::{H256, bytes::from_hex},
	sp_runtime::Perbill,
};
use std::collections::BTreeSet;

#[test]
fn a_task_is_assigned_when_two_outputs_after_the_next_block_are_known() {
	run(1, || {
		let task = submitted();
		run_on(DRAW_DELAY - 1);
		assert_eq!(status(task), TaskStatus::Queued);
		run_on(1);
		// Every block of this chain has an output, so that they count as blocks do: those of 3 and 4.
		let Redeemed::Ready(r) = Randomness::redeem(&Ticket { first: 3, count: 2 }) else {
			panic!("known")
		};
		let window = Window {
			assigned_at: 5,
			anchor: task_anchor(&TasksPallet::genesis_hash(), &r, task),
			due: 5 + WINDOW,
		};
		let expected = TaskStatus::Assigned {
			miner: MINERS[0].clone(),
			price: PRICE,
			window,
		};
		assert_eq!(status(task), expected);
		assert_eq!(in_use(profile_id(), &MINERS[0]), 1);
		assert_eq!(at_work(&MINERS[0]), PRICE.fee(N_PROMPT, MAX_TOKENS));
		assert!(events().contains(&Event::TaskAssigned {
			task,
			miner: MINERS[0].clone(),
			due: 5 + WINDOW
		}));
	});
}

#[test]
fn a_miner_finds_its_work_until_it_delivers_or_misses() {
	run(1, || {
		let work = || Assigned::<Test>::iter_key_prefix(&MINERS[0]).collect::<Vec<_>>();
		let delivered = submitted();
		let missed = submitted();
		assert!(work().is_empty());
		run_on(DRAW_DELAY);
		let mut both = work();
		both.sort_unstable();
		assert_eq!(both, [delivered, missed]);
		let good = receipt(delivered, &MINERS[0], MAX_TOKENS);
		assert_ok!(hand_in(delivered, &MINERS[0], good));
		assert_eq!(work(), [missed]);
		let TaskStatus::Assigned { window, .. } = status(missed) else {
			panic!("assigned")
		};
		infergrid_mock_market::Offers::remove(profile_id(), &MINERS[0]);
		run_on(window.due + 1 - System::block_number());
		assert!(work().is_empty());
	});
}

#[test]
fn the_window_grows_with_the_tokens() {
	run(1, || {
		market::offer(profile_id(), &MINERS[0], PRICE, 100);
		// 100 tokens a second, 3 seconds a block; 50 of the tokens are the answer's.
		for (n_prompt, blocks) in [(1, 1), (250, 1), (251, 2), (1_998, 7)] {
			let input = TaskInput::Committed {
				commitment: [0; 32],
				n_prompt,
			};
			let task = Order {
				input,
				max_fee: 10 * AIT,
				..order()
			}
			.submit(&PAYER)
			.expect("taken");
			run_on(DRAW_DELAY);
			let TaskStatus::Assigned { window, .. } = status(task) else {
				panic!("assigned")
			};
			assert_eq!(window.due - window.assigned_at, BASE_WINDOW + blocks);
		}
		// The bytes of an inline prompt count as tokens, and the template's on top.
		let task = Order {
			input: inline(&[b'a'; 187]),
			max_fee: 10 * AIT,
			..order()
		}
		.submit(&PAYER)
		.expect("taken");
		run_on(DRAW_DELAY);
		let TaskStatus::Assigned { window, .. } = status(task) else {
			panic!("assigned")
		};
		assert_eq!(
			window.due - window.assigned_at,
			BASE_WINDOW + 2,
			"187 + 64 + 50 > 300"
		);
	});
}

#[test]
fn miners_are_drawn_at_random() {
	run(3, || {
		for miner in &MINERS {
			market::offer(profile_id(), miner, PRICE, 100);
		}
		let tasks: Vec<_> = (0..60).map(|_| submitted()).collect();
		run_on(DRAW_DELAY);
		let drawn: BTreeSet<_> = tasks.iter().map(|task| miner_of(*task)).collect();
		assert_eq!(
			drawn.len(),
			3,
			"sixty draws over three equal miners reach each"
		);
	});
}

#[test]
fn without_randomness_nothing_is_assigned_and_the_payer_is_refunded() {
	run(1, || {
		market::NoVrf::put(true);
		let task = submitted();
		run_to(1 + PATIENCE - WINDOW);
		assert_eq!(status(task), TaskStatus::Queued);
		run_on(1);
		assert_eq!(status(task), TaskStatus::Refunded(RefundReason::NoMiner));
	});
}

/// Who got a task, and the anchor of its seed.
fn assignment(task: u64) -> (AccountId, Hash) {
	match status(task) {
		TaskStatus::Assigned { miner, window, .. } => (miner, window.anchor),
		other => panic!("not assigned: {other:?}"),
	}
}

#[test]
fn a_draw_that_is_served_late_draws_the_same() {
	let assigned_late_by = |blocks| {
		chain(3).execute_with(|| {
			let task = submitted();
			let share = ServiceShare::get();
			ServiceShare::set(&Perbill::zero());
			run_on(DRAW_DELAY - 1 + blocks);
			assert_eq!(status(task), TaskStatus::Queued);
			ServiceShare::set(&share);
			run_on(1);
			assignment(task)
		})
	};
	let at_once = assigned_late_by(0);
	for late in 1..25 {
		assert_eq!(assigned_late_by(late), at_once, "{late} blocks late");
	}
}

#[test]
fn authors_of_other_blocks_than_the_tickets_move_nothing() {
	let assigned_with_other_authors_in = |blocks: std::ops::Range<u32>| {
		chain(3).execute_with(|| {
			let task = submitted();
			for block in 1..1 + DRAW_DELAY {
				market::Authors::put(u32::from(blocks.contains(&block)));
				run_on(1);
			}
			assignment(task).1
		})
	};
	let honest = assigned_with_other_authors_in(0..0);
	assert_eq!(assigned_with_other_authors_in(1..3), honest);
	for block in [3, 4] {
		assert_ne!(assigned_with_other_authors_in(block..block + 1), honest);
	}
}

#[test]
fn nobody_knows_the_outputs_of_a_draw_before_it() {
	run(0, || {
		let task = Order {
			patience: 900,
			..order()
		}
		.submit(&PAYER)
		.expect("taken");
		let mut tickets = BTreeSet::new();
		for _ in 0..200 {
			let ticket = Tasks::<Test>::get(task).expect("waits").ticket;
			assert!(matches!(Randomness::redeem(&ticket), Redeemed::Pending(_)));
			tickets.insert(ticket.first);
			run_on(1);
		}
		assert!(
			tickets.len() > 200 / MAX_RETRY as usize,
			"each draw has its own"
		);
	});
}

#[test]
fn a_task_waits_for_capacity() {
	run(1, || {
		let tasks = [submitted(), submitted(), submitted()];
		run_on(DRAW_DELAY);
		assert_eq!(status(tasks[2]), TaskStatus::Queued);
		assert_eq!(in_use(profile_id(), &MINERS[0]), CAPACITY);
		assert_ok!(hand_in(
			tasks[0],
			&MINERS[0],
			receipt(tasks[0], &MINERS[0], 10)
		));
		run_on(DRAW_DELAY);
		assert!(matches!(status(tasks[2]), TaskStatus::Assigned { .. }));
	});
}

#[test]
fn without_a_miner_the_payer_is_refunded_as_soon_as_no_window_fits() {
	run(0, || {
		let task = submitted();
		let last_start = 1 + PATIENCE - WINDOW;
		run_to(last_start);
		assert_eq!(status(task), TaskStatus::Queued);
		run_to(last_start + 1);
		assert_eq!(status(task), TaskStatus::Refunded(RefundReason::NoMiner));
		assert_eq!(held(&PAYER), 0);
		assert!(events().contains(&Event::TaskRefunded {
			task,
			payer: PAYER,
			amount: MAX_FEE,
			reason: RefundReason::NoMiner
		}));
	});
}

#[test]
fn a_waiting_task_is_tried_less_and_less_often() {
	run(0, || {
		let task = Order {
			patience: 900,
			..order()
		}
		.submit(&PAYER)
		.expect("taken");
		run_to(200);
		// Half of the time waited, at most `MAX_RETRY`.
		market::offer(profile_id(), &MINERS[0], PRICE, 1);
		infergrid_mock_market::Market::<Test, Balances>::bond(&MINERS[0], Role::Miner, BOND);
		run_to(200 + MAX_RETRY);
		assert!(matches!(status(task), TaskStatus::Assigned { .. }));
	});
}

#[test]
fn a_missed_deadline_costs_a_thousandth_and_another_miner_gets_the_task() {
	run(2, || {
		let (task, first) = assigned();
		let (_, anchor) = assignment(task);
		let issuance = Balances::total_issuance();
		run_on(WINDOW);
		assert_eq!(
			miner_of(task),
			first,
			"the last block of the window still counts"
		);
		events();
		run_on(1);
		assert_eq!(status(task), TaskStatus::Queued);
		assert_eq!(
			events(),
			vec![Event::TaskMissed {
				task,
				miner: first.clone()
			}]
		);
		assert_eq!(bond(&first, Role::Miner), BOND - BOND / 1_000);
		assert_eq!(Balances::total_issuance(), issuance - BOND / 1_000);
		assert_eq!(in_use(profile_id(), &first), 0);
		let anchor_of_the_first = anchor;
		run_on(DRAW_DELAY);
		let (second, anchor) = assignment(task);
		assert_ne!(second, first);
		assert_ne!(
			anchor, anchor_of_the_first,
			"the outputs of its ticket are known"
		);
	});
}

#[test]
fn when_every_miner_missed_the_payer_is_refunded_and_no_longer_waited_for() {
	run(1, || {
		let (task, miner) = assigned();
		run_on(WINDOW + 1);
		assert_eq!(status(task), TaskStatus::Queued);
		run_to(1 + PATIENCE - WINDOW + 1);
		assert_eq!(status(task), TaskStatus::Refunded(RefundReason::Expired));
		assert_eq!(Balances::free_balance(PAYER), FUNDS);
		assert_eq!(bond(&miner, Role::Miner), BOND - BOND / 1_000);
		assert!(Missed::<Test>::iter().next().is_none());
	});
}

#[test]
fn no_miner_is_given_less_than_its_window() {
	run(2, || {
		// Room for one window, not for two.
		let task = Order {
			patience: DRAW_DELAY + WINDOW,
			..order()
		}
		.submit(&PAYER)
		.expect("taken");
		run_on(DRAW_DELAY);
		let TaskStatus::Assigned { window, .. } = status(task) else {
			panic!("assigned")
		};
		assert_eq!(window.due, 1 + DRAW_DELAY + WINDOW);
		run_on(WINDOW + 1);
		assert_eq!(status(task), TaskStatus::Refunded(RefundReason::Expired));
	});
}

#[test]
fn a_miner_is_trusted_with_half_its_bond() {
	run(1, || {
		market::offer(profile_id(), &MINERS[0], PRICE, 100);
		infergrid_mock_market::Market::<Test, Balances>::bond(
			&MINERS[0],
			Role::Miner,
			0, // The bond of 1,000 AIT stays: 500 AIT on trust.
		);
		let worth = PRICE.fee(N_PROMPT, MAX_TOKENS);
		AtWork::insert((&MINERS[0], Role::Miner), BOND / 2 - worth);
		let [first, second] = [submitted(), submitted()];
		System::run_to_block::<AllPalletsWithSystem>(1 + DRAW_DELAY);
		assert!(matches!(status(first), TaskStatus::Assigned { .. }));
		assert_eq!(status(second), TaskStatus::Queued);
		assert_eq!(at_work(&MINERS[0]), BOND / 2);
		assert_eq!(
			in_use(profile_id(), &MINERS[0]),
			1,
			"capacity of a refused draw is free again"
		);
		AtWork::insert((&MINERS[0], Role::Miner), worth);
		run_on(DRAW_DELAY);
		assert!(matches!(status(second), TaskStatus::Assigned { .. }));
	});
}

#[test]
fn a_full_block_leaves_the_rest_to_the_next_ones() {
	run(3, || {
		for miner in &MINERS {
			market::offer(profile_id(), miner, PRICE, 1_000);
		}
		ServiceShare::set(&Perbill::from_perthousand(5));
		TasksPallet::check_config();
		let tasks: Vec<_> = (0..50).map(|_| submitted()).collect();
		let waiting = || {
			tasks
				.iter()
				.filter(|task| status(**task) == TaskStatus::Queued)
				.count()
		};
		run_on(DRAW_DELAY - 1);
		let mut before = waiting();
		let mut blocks = 0;
		while waiting() > 0 {
			run_on(1);
			assert!(waiting() < before, "every block makes progress");
			before = waiting();
			blocks += 1;
		}
		assert!(blocks > 1, "fifty draws do not fit into one block");
	});
}

#[test]
fn service_stays_within_its_share() {
	run(3, || {
		for miner in &MINERS {
			market::offer(profile_id(), miner, PRICE, 1_000);
		}
		ServiceShare::set(&Perbill::from_percent(2));
		for _ in 0..200 {
			submitted();
		}
		let limit = ServiceShare::get()
			* polkadot_sdk::frame_system::limits::BlockWeights::default().max_block;
		run_on(DRAW_DELAY - 1);
		System::set_block_number(1 + DRAW_DELAY);
		Randomness::on_initialize(1 + DRAW_DELAY);
		let used = TasksPallet::serve_agenda(1 + DRAW_DELAY);
		assert!(used.all_lte(limit));
		let half = limit / 2;
		assert!(used.any_gt(half), "there was more to do than that");
		// Assigned out of turn: let the blocks catch up.
		run_on(1);
	});
}

/// What an implementation without our code hashes from the same ticket and task.
#[test]
fn the_randomness_of_an_assignment_is_that_of_the_vectors() {
	let vectors: serde_json::Value = serde_json::from_str(include_str!(
		"../../../../primitives/tests/vectors/protocol.json"
	))
	.unwrap();
	let payloads = vectors["payloads"].as_array().unwrap();
	let vector = payloads.iter().find(|vector| vector["name"] == "assign");
	let expected = from_hex(vector.unwrap()["hash"].as_str().unwrap()).unwrap();
	let genesis = from_hex(vectors["genesis"].as_str().unwrap()).unwrap();
	let r: Hash = core::array::from_fn(|at| 17 + at as u8);
	new_test_ext().execute_with(|| {
		frame_system::BlockHash::<Test>::insert(0, H256::from_slice(&genesis));
		assert_eq!(TasksPallet::draw_randomness(&r, 42).to_vec(), expected);
	});
}

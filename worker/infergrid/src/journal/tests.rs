use super::*;
use infergrid_primitives::{
	audit::{Measures, Verdict, Vote},
	request::{Finish, Opening, Receipt},
};
use std::fs;

fn delivery(n_out: u32) -> Delivery {
	Delivery {
		receipt: Receipt {
			request_id: [1; 32],
			miner: [2; 32],
			worker_key: [3; 32],
			n_prompt: 4,
			n_out,
			finish: Finish::Length,
			output_commit: [5; 32],
			trace_root: [6; 32],
			fee: 7,
			ttft_ms: 8,
			total_ms: 9,
		},
		signature: [10; 64],
		opening: Opening {
			prompt_salt: [0; 32],
			prompt: vec![1, 2, 3, 4],
			output_salt: [11; 32],
			output: vec![5; n_out as usize],
			proofs: vec![vec![1; 258]],
		},
	}
}

fn ballot() -> Ballot {
	Ballot {
		vote: Vote {
			verdict: Verdict::Valid,
			measures: Measures::default(),
			fingerprint: [3; 32],
		},
		salt: [4; 32],
	}
}

fn open(directory: &Path, genesis: u8, key: u8) -> Result<Journal, JournalError> {
	Journal::open(&directory.join("journal.redb"), &[genesis; 32], &[key; 32])
}

#[test]
fn a_second_receipt_for_a_task_yields_the_first() {
	let directory = tempfile::tempdir().unwrap();
	let journal = open(directory.path(), 1, 1).unwrap();
	assert_eq!(journal.delivery(7).unwrap(), None);
	assert_eq!(
		journal.record_delivery(7, delivery(3)).unwrap(),
		delivery(3)
	);
	assert_eq!(
		journal.record_delivery(7, delivery(4)).unwrap(),
		delivery(3)
	);
	assert_eq!(
		journal.record_delivery(8, delivery(4)).unwrap(),
		delivery(4)
	);
}

#[test]
fn of_many_at_once_exactly_one_wins_and_all_see_it() {
	let directory = tempfile::tempdir().unwrap();
	let journal = open(directory.path(), 1, 1).unwrap();
	let seen: Vec<_> = std::thread::scope(|scope| {
		let handles: Vec<_> = (1..=10)
			.map(|n| {
				let journal = &journal;
				scope.spawn(move || journal.record_delivery(1, delivery(n)).unwrap())
			})
			.collect();
		handles
			.into_iter()
			.map(|handle| handle.join().unwrap())
			.collect()
	});
	assert!(seen.iter().all(|found| *found == seen[0]));
}

#[test]
fn records_survive_reopening() {
	let directory = tempfile::tempdir().unwrap();
	{
		let journal = open(directory.path(), 1, 1).unwrap();
		journal.record_ballot(5, 0, ballot()).unwrap();
		journal.record_order(9, order(None)).unwrap();
		let placed = Placed {
			task: 77,
			request_id: [3; 32],
		};
		journal.place_order(9, placed).unwrap();
	}
	let journal = open(directory.path(), 1, 1).unwrap();
	assert_eq!(journal.ballot(5, 0).unwrap(), Some(ballot()));
	assert_eq!(journal.ballot(5, 1).unwrap(), None);
	assert_eq!(journal.orders().unwrap()[0].1.placed.unwrap().task, 77);
	journal.close_order(9, 100).unwrap();
	assert!(journal.order(9).unwrap().unwrap().prompt.is_empty());
}

#[test]
fn another_chain_or_key_is_refused() {
	let directory = tempfile::tempdir().unwrap();
	drop(open(directory.path(), 1, 1).unwrap());
	let refused = |genesis, key| match open(directory.path(), genesis, key) {
		Err(JournalError::Foreign { what, .. }) => what,
		other => panic!("{other:?}"),
	};
	assert_eq!(refused(2, 1), "chain");
	assert_eq!(refused(1, 2), "key");
}

#[test]
fn pruning_takes_what_is_due_and_nothing_else() {
	let directory = tempfile::tempdir().unwrap();
	let journal = open(directory.path(), 1, 1).unwrap();
	for task in 1..=3 {
		journal.record_delivery(task, delivery(1)).unwrap();
	}
	journal.close_task(1, 10).unwrap();
	journal.close_task(2, 20).unwrap();
	assert_eq!(journal.prune(11).unwrap(), 1);
	let left: Vec<_> = (1..=3)
		.map(|task| journal.delivery(task).unwrap().is_some())
		.collect();
	assert_eq!(left, [false, true, true]);
}

fn order(task: Option<TaskId>) -> Order {
	Order {
		salt: [1; 32],
		profile: [2; 32],
		prompt: vec![1, 2],
		placed: task.map(|task| Placed {
			task,
			request_id: [task as u8; 32],
		}),
	}
}

/// A journal with an order for each of `closed`, closed in that block, and an open one.
fn with_orders(directory: &Path, closed: &[BlockNumber]) -> Journal {
	let journal = open(directory, 1, 1).unwrap();
	journal.record_order(1_000, order(None)).unwrap();
	for (nonce, block) in (0..).zip(closed) {
		journal.record_order(nonce, order(Some(nonce))).unwrap();
		journal.close_order(nonce, *block).unwrap();
	}
	journal
}

fn left(journal: &Journal) -> Vec<u64> {
	let orders = journal.orders().unwrap();
	orders.into_iter().map(|(nonce, _)| nonce).collect()
}

const NONE: [u64; 0] = [];

fn tasks(placed: Vec<Placed>) -> Vec<TaskId> {
	placed.into_iter().map(|placed| placed.task).collect()
}

#[test]
fn closed_orders_are_forgotten_by_age() {
	let directory = tempfile::tempdir().unwrap();
	let journal = with_orders(directory.path(), &[10, 20, 30]);
	assert_eq!(tasks(journal.prune_orders(110, 100, 9).unwrap()), NONE);
	assert_eq!(tasks(journal.prune_orders(121, 100, 9).unwrap()), [0, 1]);
	assert_eq!(left(&journal), [2, 1_000]);
}

#[test]
fn closed_orders_are_forgotten_by_number_from_the_oldest() {
	let directory = tempfile::tempdir().unwrap();
	let journal = with_orders(directory.path(), &[30, 10, 20]);
	assert_eq!(tasks(journal.prune_orders(31, 100, 1).unwrap()), [1, 2]);
	assert_eq!(left(&journal), [0, 1_000]);
}

#[test]
fn an_open_order_is_never_forgotten_and_a_refused_one_at_once() {
	let directory = tempfile::tempdir().unwrap();
	let journal = with_orders(directory.path(), &[]);
	assert_eq!(tasks(journal.prune_orders(u32::MAX, 0, 0).unwrap()), NONE);
	assert_eq!(left(&journal), [1_000]);
	journal.drop_order(1_000).unwrap();
	assert_eq!(left(&journal), NONE);
}

#[test]
fn closing_twice_keeps_the_first_date() {
	let directory = tempfile::tempdir().unwrap();
	let journal = with_orders(directory.path(), &[10]);
	journal.close_order(0, 500).unwrap();
	assert_eq!(tasks(journal.prune_orders(111, 100, 9).unwrap()), [0]);
}

/// `tests/fixtures/journal-v1.redb`, written by the first format: a delivery that is closed, a
/// ballot, a closed order, and one that is open.
#[test]
fn the_first_format_is_read_and_brought_to_the_present_one() {
	let directory = tempfile::tempdir().unwrap();
	let fixture = include_bytes!("../../tests/fixtures/journal-v1.redb");
	fs::write(directory.path().join("journal.redb"), fixture).unwrap();
	for _ in 0..2 {
		let journal = open(directory.path(), 1, 1).unwrap();
		assert_eq!(journal.format().unwrap(), format::FORMAT);
		assert_eq!(journal.delivery(7).unwrap(), Some(delivery(3)));
		assert_eq!(journal.ballot(5, 0).unwrap(), Some(ballot()));
		let mut closed = order(Some(77));
		closed.prompt.clear();
		assert_eq!(journal.order(9).unwrap(), Some(closed));
		assert_eq!(journal.order(10).unwrap(), Some(order(None)));
	}
	let journal = open(directory.path(), 1, 1).unwrap();
	// Nobody noted when it was closed: its time begins now.
	assert_eq!(tasks(journal.prune_orders(1_000, 100, 9).unwrap()), NONE);
	assert_eq!(tasks(journal.prune_orders(1_101, 100, 9).unwrap()), [77]);
	assert_eq!(left(&journal), [10]);
	assert_eq!(journal.prune(11).unwrap(), 1);
	assert_eq!(journal.delivery(7).unwrap(), None);
}

#[test]
fn a_newer_format_is_refused() {
	let directory = tempfile::tempdir().unwrap();
	let journal = open(directory.path(), 1, 1).unwrap();
	journal
		.write(|transaction| {
			let newer = (format::FORMAT + 1).to_le_bytes();
			transaction
				.open_table(META)?
				.insert("format", newer.as_slice())?;
			Ok(())
		})
		.unwrap();
	drop(journal);
	let error = open(directory.path(), 1, 1).unwrap_err();
	assert!(
		matches!(error, JournalError::Newer { found: 3, .. }),
		"{error}"
	);
}

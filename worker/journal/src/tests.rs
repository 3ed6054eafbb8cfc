#![allow(clippy::disallowed_methods, reason = "a test may spawn")]

use crate::{
	Answer, Ballot, Journal, JournalError, OpenError, Order, Placed, Recorded,
	format::{self, FORMAT},
	migrate,
};
use infergrid_keys::{Key, verify};
use infergrid_primitives::{
	BlockNumber, Hash, TaskId,
	audit::{Measures, Verdict, Vote},
	request::{Finish, Opening, Receipt},
};
use std::{fs, path::Path};

const GENESIS: Hash = [1; 32];

fn receipt(n_out: u32) -> Receipt {
	Receipt {
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
	}
}

fn opening(n_out: u32) -> Opening {
	Opening {
		prompt_salt: [0; 32],
		prompt: vec![1, 2, 3, 4],
		output_salt: [11; 32],
		output: vec![5; n_out as usize],
		proofs: vec![vec![1; 258]],
	}
}

fn vote(verdict: Verdict) -> Vote {
	Vote {
		verdict,
		measures: Measures::default(),
		fingerprint: [3; 32],
	}
}

fn key(seed: u8) -> Key {
	Key::from_uri(&format!("0x{}", hex::encode([seed; 32]))).unwrap()
}

fn path(directory: &Path) -> std::path::PathBuf {
	directory.join("journal.redb")
}

fn create(directory: &Path) -> Journal {
	Journal::create(&path(directory), &GENESIS, key(1)).unwrap()
}

fn reopen(directory: &Path) -> Journal {
	Journal::open(&path(directory), &GENESIS, key(1)).unwrap()
}

fn sign(journal: &Journal, task: TaskId, n_out: u32) -> Recorded<crate::Delivery> {
	journal
		.receipt(task, receipt(n_out), opening(n_out))
		.unwrap()
}

#[test]
fn a_second_receipt_for_a_task_is_not_signed_and_yields_the_first() {
	let directory = tempfile::tempdir().unwrap();
	let journal = create(directory.path());
	assert_eq!(journal.delivery(7).unwrap(), None);
	let Recorded::New(first) = sign(&journal, 7, 3) else {
		panic!("the first is new")
	};
	assert!(verify(
		&key(1).public(),
		&receipt(3).payload(&GENESIS),
		&first.signature
	));
	assert_eq!(sign(&journal, 7, 3), Recorded::Same(first.clone()));
	assert_eq!(sign(&journal, 7, 4), Recorded::Other(first.clone()));
	assert!(matches!(sign(&journal, 8, 4), Recorded::New(_)));
	assert_eq!(journal.delivery(7).unwrap(), Some(first));
}

#[test]
fn of_many_at_once_exactly_one_is_signed_and_all_see_it() {
	let directory = tempfile::tempdir().unwrap();
	let journal = create(directory.path());
	let seen: Vec<_> = std::thread::scope(|scope| {
		let handles: Vec<_> = (1..=10)
			.map(|n| {
				let journal = &journal;
				scope.spawn(move || sign(journal, 1, n))
			})
			.collect();
		handles
			.into_iter()
			.map(|handle| handle.join().unwrap())
			.collect()
	});
	let new = seen.iter().filter(|seen| matches!(seen, Recorded::New(_)));
	assert_eq!(new.count(), 1);
	let standing = seen[0].clone().standing();
	assert!(seen.into_iter().all(|seen| seen.standing() == standing));
}

#[test]
fn a_vote_is_fixed_once_with_its_salt_until_its_round_is_over() {
	let directory = tempfile::tempdir().unwrap();
	let journal = create(directory.path());
	let Recorded::New(ballot) = journal.vote((5, 0), vote(Verdict::Valid), 30).unwrap() else {
		panic!("the first is new")
	};
	let again = |verdict| journal.vote((5, 0), vote(verdict), 30).unwrap();
	assert_eq!(again(Verdict::Valid), Recorded::Same(ballot.clone()));
	assert_eq!(again(Verdict::Invalid), Recorded::Other(ballot.clone()));
	let second_round = journal.vote((5, 1), vote(Verdict::Valid), 60).unwrap();
	assert_ne!(second_round.standing().salt, ballot.salt);

	assert_eq!(journal.prune_ballots(30).unwrap(), 0);
	assert_eq!(journal.ballot(5, 0).unwrap(), Some(ballot));
	assert_eq!(journal.prune_ballots(31).unwrap(), 1);
	assert_eq!(journal.ballot(5, 0).unwrap(), None);
	assert!(journal.ballot(5, 1).unwrap().is_some());
	assert_eq!(journal.ballots().unwrap(), [(5, 1)]);
}

#[test]
fn records_survive_reopening() {
	let directory = tempfile::tempdir().unwrap();
	{
		let journal = create(directory.path());
		journal.vote((5, 0), vote(Verdict::Valid), 30).unwrap();
		journal.record_order(9, &order(None)).unwrap();
		let placed = Placed {
			task: 77,
			request_id: [3; 32],
		};
		journal.place_order(9, placed).unwrap();
	}
	let journal = reopen(directory.path());
	let ballot = journal.ballot(5, 0).unwrap().unwrap();
	assert_eq!(ballot.vote, vote(Verdict::Valid));
	assert_eq!(journal.ballot(5, 1).unwrap(), None);
	assert_eq!(journal.orders().unwrap()[0].1.placed.unwrap().task, 77);
	journal.close_order(9, 100).unwrap();
	assert!(journal.order(9).unwrap().unwrap().prompt.is_empty());
}

#[test]
fn another_chain_or_key_is_refused() {
	let directory = tempfile::tempdir().unwrap();
	drop(create(directory.path()));
	let refused =
		|genesis, seed| match Journal::open(&path(directory.path()), &[genesis; 32], key(seed)) {
			Err(OpenError::Foreign { what, .. }) => what,
			other => panic!("{other:?}"),
		};
	assert_eq!(refused(2, 1), "chain");
	assert_eq!(refused(1, 2), "key");
}

#[test]
fn a_journal_that_is_handed_over_belongs_to_the_new_key_alone() {
	let directory = tempfile::tempdir().unwrap();
	let journal = create(directory.path()).hand_over(key(2)).unwrap();
	let Recorded::New(delivery) = sign(&journal, 1, 1) else {
		panic!("it is new")
	};
	let payload = receipt(1).payload(&GENESIS);
	assert!(verify(&key(2).public(), &payload, &delivery.signature));
	drop(journal);
	let open = |seed| Journal::open(&path(directory.path()), &GENESIS, key(seed));
	assert!(matches!(
		open(1),
		Err(OpenError::Foreign { what: "key", .. })
	));
	drop(open(2).unwrap());
}

#[test]
fn a_lost_journal_is_not_made_anew_in_silence_and_none_is_made_over_another() {
	let directory = tempfile::tempdir().unwrap();
	let path = path(directory.path());
	let refused = Journal::open(&path, &GENESIS, key(1)).unwrap_err();
	assert!(matches!(refused, OpenError::Missing { .. }));
	assert!(refused.to_string().contains("--new-journal"), "{refused}");
	assert!(!path.exists());
	drop(create(directory.path()));
	assert!(matches!(
		Journal::create(&path, &GENESIS, key(1)),
		Err(OpenError::Exists { .. })
	));
	drop(reopen(directory.path()));
}

#[test]
fn deliveries_that_nobody_has_closed_are_listed() {
	let directory = tempfile::tempdir().unwrap();
	let journal = create(directory.path());
	assert_eq!(journal.open_deliveries().unwrap(), NONE);
	for task in [3, 1, 2] {
		sign(&journal, task, 1);
	}
	journal.close_task(2, 10).unwrap();
	assert_eq!(journal.open_deliveries().unwrap(), [1, 3]);
}

#[test]
fn answers_are_forgotten_by_age_and_number() {
	let directory = tempfile::tempdir().unwrap();
	let journal = create(directory.path());
	for at in 1_u8..=4 {
		let answer = Answer {
			profile: [2; 32],
			receipt: receipt(1),
			signature: [4; 64],
			tokens: vec![u32::from(at)],
			at: u32::from(at),
		};
		journal.keep_answer(&[at; 32], &answer).unwrap();
	}
	let left = || {
		let kept = |at: &u8| journal.answer(&[*at; 32]).unwrap().is_some();
		(1..=4).filter(kept).collect::<Vec<u8>>()
	};
	assert_eq!(journal.answer(&[3; 32]).unwrap().unwrap().tokens, [3]);
	journal.prune_answers(2, 100).unwrap();
	assert_eq!(left(), [2, 3, 4]);
	journal.prune_answers(2, 1).unwrap();
	assert_eq!(left(), [4]);
}

#[test]
fn pruning_takes_what_is_due_and_nothing_else() {
	let directory = tempfile::tempdir().unwrap();
	let journal = create(directory.path());
	for task in 1..=3 {
		sign(&journal, task, 1);
	}
	journal.close_task(1, 10).unwrap();
	journal.close_task(2, 20).unwrap();
	assert_eq!(journal.prune_deliveries(11).unwrap(), 1);
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
	let journal = create(directory);
	journal.record_order(1_000, &order(None)).unwrap();
	for (nonce, block) in (0..).zip(closed) {
		journal.record_order(nonce, &order(Some(nonce))).unwrap();
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

/// Journals of older formats, each written by the version of its time for the chain and the key
/// `[1; 32]`: a delivery that is closed, a ballot, a closed order, and one that is open.
#[test]
fn older_formats_are_read_and_brought_to_the_present_one() {
	let directory = tempfile::tempdir().unwrap();
	let fixture = include_bytes!("../tests/fixtures/journal-v1.redb");
	fs::write(path(directory.path()), fixture).unwrap();
	let open = || Journal::open_for_account(&path(directory.path()), &GENESIS, &[1; 32]).unwrap();
	for _ in 0..2 {
		let journal = open();
		assert_eq!(migrate::found(&journal).unwrap(), FORMAT);
		let delivery = journal.delivery(7).unwrap().unwrap();
		assert_eq!(delivery.receipt, receipt(3));
		assert_eq!(delivery.opening, opening(3));
		assert_eq!(delivery.signature, [10; 64]);
		let ballot = Ballot {
			vote: vote(Verdict::Valid),
			salt: [4; 32],
		};
		assert_eq!(journal.ballot(5, 0).unwrap(), Some(ballot));
		let mut closed = order(Some(77));
		closed.prompt.clear();
		assert_eq!(journal.order(9).unwrap(), Some(closed));
		assert_eq!(journal.order(10).unwrap(), Some(order(None)));
	}
	let journal = open();
	// Nobody noted when it was closed: its time begins now.
	assert_eq!(tasks(journal.prune_orders(1_000, 100, 9).unwrap()), NONE);
	assert_eq!(tasks(journal.prune_orders(1_101, 100, 9).unwrap()), [77]);
	assert_eq!(left(&journal), [10]);
	assert_eq!(journal.prune_deliveries(11).unwrap(), 1);
	assert_eq!(journal.delivery(7).unwrap(), None);
	assert_eq!(journal.prune_ballots(1_000_000).unwrap(), 0);
	assert_eq!(journal.prune_ballots(u32::MAX).unwrap(), 0);
}

#[test]
fn a_newer_format_is_refused() {
	let directory = tempfile::tempdir().unwrap();
	let journal = create(directory.path());
	journal
		.write(|transaction| format::set(transaction, FORMAT + 1))
		.unwrap();
	drop(journal);
	let error = Journal::open(&path(directory.path()), &GENESIS, key(1)).unwrap_err();
	let newer = FORMAT + 1;
	assert!(
		matches!(error, OpenError::Newer { found, .. } if found == newer),
		"{error}"
	);
}

#[test]
fn a_damaged_record_is_named_and_no_matter_for_another_try() {
	let directory = tempfile::tempdir().unwrap();
	let journal = create(directory.path());
	journal
		.write(|transaction| {
			let mut table = transaction.open_table(crate::deliveries::DELIVERIES)?;
			table.insert(7, [1, 2, 3].as_slice())?;
			Ok(())
		})
		.unwrap();
	let error = journal.delivery(7).unwrap_err();
	assert!(matches!(&error, JournalError::Damaged { what, .. } if what == "task 7"));
	assert!(!error.may_pass());
}

/// A file on a disk that can be full.
#[derive(Debug)]
struct Disk {
	file: std::sync::Arc<std::sync::Mutex<fs::File>>,
	full: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl Disk {
	fn file(&self) -> std::sync::MutexGuard<'_, fs::File> {
		self.file.lock().unwrap()
	}

	fn room(&self) -> std::io::Result<()> {
		match self.full.load(std::sync::atomic::Ordering::SeqCst) {
			true => Err(std::io::ErrorKind::StorageFull.into()),
			false => Ok(()),
		}
	}
}

impl redb::StorageBackend for Disk {
	fn len(&self) -> std::io::Result<u64> {
		Ok(self.file().metadata()?.len())
	}

	fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
		std::os::unix::fs::FileExt::read_exact_at(&*self.file(), out, offset)
	}

	fn set_len(&self, len: u64) -> std::io::Result<()> {
		self.room()?;
		self.file().set_len(len)
	}

	fn sync_data(&self) -> std::io::Result<()> {
		self.room()?;
		self.file().sync_data()
	}

	fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
		self.room()?;
		std::os::unix::fs::FileExt::write_all_at(&*self.file(), data, offset)
	}
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_waited_for_and_then_everything_goes_on() {
	use std::sync::{
		Arc, Mutex,
		atomic::{AtomicBool, Ordering},
	};
	let file = Arc::new(Mutex::new(tempfile::tempfile().unwrap()));
	let full = Arc::new(AtomicBool::new(false));
	let opener = {
		let (file, full) = (file.clone(), full.clone());
		Box::new(move || {
			let (file, full) = (file.clone(), full.clone());
			redb::Builder::new().create_with_backend(Disk { file, full })
		})
	};
	let nowhere = Path::new("a disk");
	let journal = Journal::over_store(opener, nowhere, &GENESIS, key(1)).unwrap();
	let journal = journal.prepare(&key(1).public()).unwrap();
	sign(&journal, 1, 1);

	full.store(true, Ordering::SeqCst);
	let error = journal.receipt(2, receipt(1), opening(1)).unwrap_err();
	assert!(error.may_pass(), "{error}");
	let patient = tokio::spawn({
		let journal = journal.clone();
		async move {
			let work = |journal: &Journal| journal.receipt(2, receipt(1), opening(1));
			journal.run(work).await.unwrap()
		}
	});
	tokio::time::sleep(std::time::Duration::from_secs(60)).await;
	assert!(!patient.is_finished());
	full.store(false, Ordering::SeqCst);
	assert!(matches!(patient.await.unwrap(), Recorded::New(_)));
	assert!(journal.delivery(1).unwrap().is_some());
}

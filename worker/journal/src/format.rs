//! The journal's format: which version wrote it, and how an older one becomes this one.
//!
//! | format | since |
//! |---|---|
//! | 1 | the first; says nothing of its format |
//! | 2 | closed orders are listed by the block in which they were closed |
//! | 3 | votes are listed by the block after which they are of no use; answers are kept |
//!
//! A table keeps its name for as long as its records keep their encoding. A fixture of every format
//! lies in `tests/fixtures` and is opened by the tests.

use crate::{
	Journal, JournalError, OpenError, ballots,
	orders::{self, UNDATED},
	store::open,
};
use redb::{ReadableTable, TableDefinition};

pub(crate) const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta_v1");
/// What this version writes.
pub(crate) const FORMAT: u32 = 3;
const KEY: &str = "format";
/// Votes of older formats are kept until this block: nobody noted when their audits end, and they
/// are as few as a verifier had cast until then.
const VOTES_OF_OLD: u32 = u32::MAX;

/// Brings a journal to this version's format.
pub(crate) fn migrate(journal: &Journal) -> Result<(), OpenError> {
	loop {
		match found(journal)? {
			FORMAT => return Ok(()),
			0 => note(journal, FORMAT)?,
			1 => list_closed_orders(journal)?,
			2 => list_votes(journal)?,
			found => {
				return Err(OpenError::Newer {
					path: journal.path(),
					found,
				});
			}
		}
	}
}

/// The journal's format; 0 for one that holds nothing yet.
pub(crate) fn found(journal: &Journal) -> Result<u32, JournalError> {
	let found = journal.read(|transaction| {
		let Some(meta) = open(transaction, META)? else {
			return Ok(None);
		};
		Ok(Some(meta.get(KEY)?.map(|found| found.value().to_vec())))
	})?;
	match found {
		None => Ok(0),
		Some(None) => Ok(1),
		Some(Some(bytes)) => {
			let bytes = <[u8; 4]>::try_from(bytes).map_err(|_| JournalError::Damaged {
				path: journal.path(),
				what: "its format".into(),
			})?;
			Ok(u32::from_le_bytes(bytes))
		}
	}
}

fn note(journal: &Journal, format: u32) -> Result<(), JournalError> {
	journal.write(|transaction| set(transaction, format))
}

pub(crate) fn set(transaction: &redb::WriteTransaction, format: u32) -> Result<(), redb::Error> {
	transaction
		.open_table(META)?
		.insert(KEY, format.to_le_bytes().as_slice())?;
	Ok(())
}

/// From 1 to 2.
fn list_closed_orders(journal: &Journal) -> Result<(), JournalError> {
	let orders = journal.orders()?;
	journal.write(|transaction| {
		let mut closed = transaction.open_table(orders::CLOSED)?;
		for (nonce, order) in orders {
			if order.prompt.is_empty() {
				closed.insert((UNDATED, nonce), ())?;
			}
		}
		set(transaction, 2)
	})
}

/// From 2 to 3.
fn list_votes(journal: &Journal) -> Result<(), JournalError> {
	journal.write(|transaction| {
		let votes = transaction.open_table(ballots::VOTES)?;
		let mut until = transaction.open_table(ballots::VOTES_UNTIL)?;
		for entry in votes.iter()? {
			let (audit, round) = entry?.0.value();
			until.insert((VOTES_OF_OLD, audit, round), ())?;
		}
		set(transaction, 3)
	})
}

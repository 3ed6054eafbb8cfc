//! How a journal of an older format becomes one of this version's.

use crate::{
	Journal, JournalError, OpenError, ballots,
	format::{FORMAT, KEY, META, set},
	orders::{self, UNDATED},
	store::open,
};
use redb::ReadableTable;

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

//! The journal's format: which version wrote it, and how an older one becomes this one.
//!
//! | format | since |
//! |---|---|
//! | 1 | the first; says nothing of its format |
//! | 2 | closed orders are listed by the block in which they were closed |
//!
//! A table keeps its name for as long as its records keep their encoding. A fixture of every format
//! lies in `tests/fixtures` and is opened by the tests.

use super::{Journal, JournalError, META, open, orders};

/// What this version writes.
pub(super) const FORMAT: u32 = 2;
const KEY: &str = "format";

impl Journal {
	/// Brings the journal to this version's format.
	pub(super) fn migrate(&self) -> Result<(), JournalError> {
		match self.format()? {
			FORMAT => Ok(()),
			0 => self.write(|transaction| {
				transaction
					.open_table(META)?
					.insert(KEY, FORMAT.to_le_bytes().as_slice())?;
				Ok(())
			}),
			1 => self.list_closed_orders(),
			found => Err(JournalError::Newer {
				path: self.path.to_string(),
				found,
			}),
		}
	}

	/// The journal's format; 0 for one that holds nothing yet.
	pub(super) fn format(&self) -> Result<u32, JournalError> {
		let found = self.read(|transaction| {
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
					path: self.path.to_string(),
					what: "its format".into(),
				})?;
				Ok(u32::from_le_bytes(bytes))
			}
		}
	}

	/// From 1 to 2.
	fn list_closed_orders(&self) -> Result<(), JournalError> {
		let orders = self.orders()?;
		self.write(|transaction| {
			let mut closed = transaction.open_table(orders::CLOSED)?;
			for (nonce, order) in orders {
				if order.prompt.is_empty() {
					closed.insert((orders::UNDATED, nonce), ())?;
				}
			}
			transaction
				.open_table(META)?
				.insert(KEY, 2_u32.to_le_bytes().as_slice())?;
			Ok(())
		})
	}
}

//! The journal's format: which version wrote it.
//!
//! | format | since |
//! |---|---|
//! | 1 | the first; says nothing of its format |
//! | 2 | closed orders are listed by the block in which they were closed |
//! | 3 | votes are listed by the block after which they are of no use; answers are kept |
//!
//! A table keeps its name for as long as its records keep their encoding. A fixture of every format
//! lies in `tests/fixtures` and is opened by the tests.

use redb::TableDefinition;

pub(crate) const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta_v1");
/// What this version writes.
pub(crate) const FORMAT: u32 = 3;
pub(crate) const KEY: &str = "format";

/// Notes the format.
pub(crate) fn set(transaction: &redb::WriteTransaction, format: u32) -> Result<(), redb::Error> {
	transaction
		.open_table(META)?
		.insert(KEY, format.to_le_bytes().as_slice())?;
	Ok(())
}

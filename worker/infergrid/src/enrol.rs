//! The journal of a worker: made at its first start, opened at every later one.

use crate::failure::Failure;
use infergrid_journal::{DataDir, Journal};
use infergrid_keys::Key;
use infergrid_primitives::Hash;

/// The journal in `data`. One that is lost is made anew only if `new` says so.
pub(crate) fn journal(
	data: &DataDir,
	genesis: &Hash,
	key: Key,
	new: bool,
) -> Result<Journal, Failure> {
	let path = data.journal();
	let journal = if new || !data.is_used() {
		Journal::create(&path, genesis, key)?
	} else {
		Journal::open(&path, genesis, key)?
	};
	Ok(journal)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn only_the_first_start_makes_a_journal() {
		let directory = tempfile::tempdir().unwrap();
		let data = DataDir::take(directory.path()).unwrap();
		let key = || Key::from_uri("//Alice//worker").unwrap();
		drop(journal(&data, &[1; 32], key(), false).unwrap());
		data.peer_secret().unwrap();
		drop(journal(&data, &[1; 32], key(), false).unwrap());

		std::fs::remove_file(data.journal()).unwrap();
		let refused = journal(&data, &[1; 32], key(), false).unwrap_err();
		assert!(refused.to_string().contains("--new-journal"), "{refused}");
		drop(journal(&data, &[1; 32], key(), true).unwrap());
		assert!(journal(&data, &[1; 32], key(), true).is_err());
	}
}

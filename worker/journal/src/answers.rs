//! Complete answers, kept for a while for clients that come back for them.

use crate::{Answer, Journal, JournalError};
use codec::Encode;
use infergrid_primitives::{BlockNumber, Hash};
use redb::{ReadableTable, ReadableTableMetadata, TableDefinition};

const ANSWERS: TableDefinition<[u8; 32], &[u8]> = TableDefinition::new("answers_v1");
/// Answers by the block after which they came.
const ANSWERS_AT: TableDefinition<(u32, [u8; 32]), ()> = TableDefinition::new("answers_at_v1");

impl Journal {
	/// Keeps the answer to a request.
	pub fn keep_answer(&self, request_id: &Hash, answer: &Answer) -> Result<(), JournalError> {
		self.write(|transaction| {
			transaction
				.open_table(ANSWERS)?
				.insert(*request_id, answer.encode().as_slice())?;
			transaction
				.open_table(ANSWERS_AT)?
				.insert((answer.at, *request_id), ())?;
			Ok(())
		})
	}

	/// The answer to a request, as long as it is kept.
	pub fn answer(&self, request_id: &Hash) -> Result<Option<Answer>, JournalError> {
		self.get(ANSWERS, *request_id, || "an answer".to_owned())
	}

	/// Forgets the answers that came before block `before`, and of the others the oldest until `most`
	/// are left. Gives how many they were.
	pub fn prune_answers(&self, before: BlockNumber, most: u64) -> Result<usize, JournalError> {
		self.write(|transaction| {
			let mut at = transaction.open_table(ANSWERS_AT)?;
			let mut surplus = at.len()?.saturating_sub(most);
			let mut due = Vec::new();
			for entry in at.iter()? {
				let key = entry?.0.value();
				if key.0 >= before && surplus == 0 {
					break;
				}
				surplus = surplus.saturating_sub(1);
				due.push(key);
			}
			let mut answers = transaction.open_table(ANSWERS)?;
			for key in &due {
				at.remove(key)?;
				answers.remove(key.1)?;
			}
			Ok(due.len())
		})
	}
}

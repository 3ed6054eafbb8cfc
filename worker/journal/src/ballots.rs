//! A verifier's votes, from the record before the commitment until their audits are over.

use crate::{Ballot, Journal, JournalError, Recorded, store::open};
use infergrid_primitives::{AuditId, BlockNumber, Hash, audit::Vote};
use redb::{ReadableTable, TableDefinition};

pub(crate) const VOTES: TableDefinition<(u64, u8), &[u8]> = TableDefinition::new("votes_v1");
/// Votes by the block after which they are of no use.
pub(crate) const VOTES_UNTIL: TableDefinition<(u32, u64, u8), ()> =
	TableDefinition::new("votes_until_v1");

impl Journal {
	/// Fixes the vote of one round of an audit, with a salt of its own, unless one was fixed before.
	/// It is kept until block `until`, after which the round cannot be voted on any more.
	pub fn vote(
		&self,
		(audit, round): (AuditId, u8),
		vote: Vote,
		until: BlockNumber,
	) -> Result<Recorded<Ballot>, JournalError> {
		self.record(
			VOTES,
			(audit, round),
			|transaction| {
				transaction
					.open_table(VOTES_UNTIL)?
					.insert((until, audit, round), ())?;
				Ok(Ballot {
					vote: vote.clone(),
					salt: rand::random::<Hash>(),
				})
			},
			|standing: &Ballot| standing.vote == vote,
			|| format!("audit {audit}"),
		)
	}

	/// The vote of one round of an audit.
	pub fn ballot(&self, audit: AuditId, round: u8) -> Result<Option<Ballot>, JournalError> {
		self.get(VOTES, (audit, round), || format!("audit {audit}"))
	}

	/// The rounds of audits in which a vote is fixed, until it is of no use.
	pub fn ballots(&self) -> Result<Vec<(AuditId, u8)>, JournalError> {
		self.read(|transaction| {
			let Some(votes) = open(transaction, VOTES)? else {
				return Ok(Vec::new());
			};
			let mut rounds = Vec::new();
			for entry in votes.iter()? {
				rounds.push(entry?.0.value());
			}
			Ok(rounds)
		})
	}

	/// Removes the votes that are of no use after block `now`. Gives how many they were.
	pub fn prune_ballots(&self, now: BlockNumber) -> Result<usize, JournalError> {
		self.write(|transaction| {
			let mut until = transaction.open_table(VOTES_UNTIL)?;
			let due = until
				.range((0, 0, 0)..(now, 0, 0))?
				.map(|entry| entry.map(|(key, _)| key.value()))
				.collect::<Result<Vec<_>, _>>()?;
			let mut votes = transaction.open_table(VOTES)?;
			for key in &due {
				until.remove(key)?;
				votes.remove((key.1, key.2))?;
			}
			Ok(due.len())
		})
	}
}

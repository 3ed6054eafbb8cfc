//! What a worker must not forget, and the one room that signs what binds.
//!
//! A [`DataDir`] is a worker's directory: one lock, one journal, one network identity. A [`Journal`]
//! keeps receipts with their openings, votes with their salts, and the tasks that a payer has paid
//! for.
//!
//! Whatever binds is recorded in one exclusive, flushed transaction before anybody sees it, and is
//! signed inside that transaction. A record is never replaced: [`Recorded`] tells whether what the
//! caller brought is new, was there before, or stands against something else that was recorded
//! first and is to be sent in its place. A crash after the record and before the sending therefore
//! loses nothing, and one before it loses only the work.
//!
//! A journal that is lost is not made anew in silence: [`Journal::create`] is for the first
//! enrolment, [`Journal::open`] for every later start, and [`DataDir::open_journal`] tells them apart.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use infergrid_journal::{DataDir, Journal};
//! use infergrid_keys::Key;
//!
//! let parent = tempfile::tempdir()?;
//! let data = DataDir::take(&parent.path().join("miner"))?;
//! let (genesis, key) = ([0; 32], Key::from_uri("//Alice//worker")?);
//! let journal = Journal::create(&data.journal(), &genesis, key)?;
//! assert!(journal.delivery(1)?.is_none());
//! # Ok(()) }
//! ```

#[cfg(all(feature = "bug-second-receipt", not(debug_assertions)))]
compile_error!("a known bug, for tests only: leave the feature `bug-second-receipt` out");

mod answers;
mod ballots;
mod blocking;
mod deliveries;
mod directory;
mod error;
mod format;
mod migrate;
mod open;
mod orders;
mod records;
mod store;
#[cfg(test)]
mod tests;

pub use directory::{DataDir, DirectoryError};
pub use error::{JournalError, OpenError};
pub use records::{Answer, Ballot, Delivery, Order, Placed, Recorded};
pub use store::Journal;

//! The round of an audit that a duty is for.

use infergrid_chain::Audit;
use infergrid_primitives::{BlockNumber, Hash};

/// The running round of an audit, as this verifier sees it.
#[derive(Debug)]
pub(crate) struct Round {
	pub(crate) audit: Audit,
	pub(crate) randomness: Hash,
	pub(crate) until: BlockNumber,
	pub(crate) revealing: bool,
}

//! Who is who in the test grid.

use anyhow::Result;
use infergrid_chain::Key;
pub use infergrid_devnet::Operator;
use infergrid_primitives::{AIT, AccountBytes, Balance};

/// Owns the model and its royalties.
pub const CREATOR: &str = "//Ferdie";
/// Pays for the gateway's requests.
pub const GATEWAY: &str = "//Gateway";
/// Pay for tasks that tests submit themselves. Each submitter needs a key of its own.
pub const PAYERS: [&str; 4] = ["//Payer0", "//Payer1", "//Payer2", "//Payer3"];
/// What every account that tests add to the genesis owns.
pub const ENDOWMENT: Balance = 1_000_000 * AIT;
/// What a stranger bonds as a miner.
pub const STRANGER_BOND: Balance = 10_000 * AIT;

/// An operator that the ordinary genesis does not know.
pub fn stranger(number: usize) -> Operator {
	Operator {
		name: format!("stranger-{number}"),
		operator: format!("//Mallory{number}"),
		worker: format!("//Mallory{number}//worker"),
	}
}

/// The account of a secret URI.
pub fn account(uri: &str) -> Result<AccountBytes> {
	Ok(Key::from_uri(uri)?.public())
}

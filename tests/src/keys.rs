//! Who is who in the test grid.

use anyhow::Result;
use infergrid_chain::Key;

/// Owns the model and its royalties.
pub const CREATOR: &str = "//Ferdie";
/// Pays for the gateway's requests.
pub const GATEWAY: &str = "//Gateway";
/// Pay for tasks that tests submit themselves. Each submitter needs a key of its own.
pub const PAYERS: [&str; 4] = ["//Payer0", "//Payer1", "//Payer2", "//Payer3"];

/// An operator and its worker key, as secret URIs.
#[derive(Clone, Debug)]
pub struct Operator {
	/// For names of processes and directories.
	pub name: String,
	/// The key that holds the bond.
	pub operator: String,
	/// The key that acts for it.
	pub worker: String,
}

impl Operator {
	/// The operators of genesis miners, who validate, too.
	pub fn miners() -> [Self; 2] {
		["Alice", "Bob"].map(|name| Self {
			name: format!("miner-{}", name.to_lowercase()),
			operator: format!("//{name}//stash"),
			worker: format!("//{name}//worker"),
		})
	}

	/// The operators of genesis verifiers.
	pub fn verifiers() -> [Self; 3] {
		["Charlie", "Dave", "Eve"].map(|name| Self {
			name: format!("verifier-{}", name.to_lowercase()),
			operator: format!("//{name}"),
			worker: format!("//{name}//worker"),
		})
	}

	/// An operator that the ordinary genesis does not know.
	pub fn stranger(number: usize) -> Self {
		Self {
			name: format!("stranger-{number}"),
			operator: format!("//Mallory{number}"),
			worker: format!("//Mallory{number}//worker"),
		}
	}

	/// The operator's key.
	pub fn operator_key(&self) -> Result<Key> {
		Ok(Key::from_uri(&self.operator)?)
	}

	/// The worker key.
	pub fn worker_key(&self) -> Result<Key> {
		Ok(Key::from_uri(&self.worker)?)
	}
}

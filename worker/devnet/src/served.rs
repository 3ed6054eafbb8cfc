//! What the grid serves.

use infergrid_primitives::Hash;

/// A model that the grid serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
	/// The name by which clients ask for it.
	pub name: String,
	/// Its identifier.
	pub model: Hash,
	/// Its profile's.
	pub profile: Hash,
}

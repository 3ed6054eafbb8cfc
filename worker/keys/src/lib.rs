//! Signing keys and where they come from. Their secrets appear in no log and no debug output.
//!
//! A signature either *asks* (for an answer, an opening, to be paired: harmless to repeat) or
//! *binds* (a receipt). What asks is signed by [`Key`]'s methods that say what they ask for. What
//! binds is signed by the journal alone, which records it first; extrinsics are signed by the
//! chain's submitter. Both use [`Key::sign`], which nobody else may call: clippy refuses it.

mod address;
mod key;
mod request;
mod secret;

pub use address::{address, parse_address};
pub use key::{Key, KeyError, verify};
pub use request::{verify_delivery_request, verify_opening_request};
pub use secret::{KeySource, Secret};

//! An sr25519 key.

use crate::address;
use infergrid_primitives::{AccountBytes, Signature};
use std::{fmt, fs, path::Path, str::FromStr};
use subxt_signer::{SecretUri, sr25519};

/// An sr25519 key.
#[derive(Clone)]
pub struct Key(sr25519::Keypair);

/// Why a key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
	/// Not a secret URI.
	#[error(
		"not a key: give `//Name`, a mnemonic, or 0x followed by 64 hexadecimal digits, each with optional //derivations"
	)]
	Uri,
	/// The key file cannot be read.
	#[error("cannot read the key file {path}: {source}")]
	File {
		/// The file.
		path: String,
		/// What the system says.
		source: std::io::Error,
	},
	/// Others may read the key file.
	#[error("the key file {path} may be read by others (mode {mode:o}): run `chmod 600 {path}`")]
	Exposed {
		/// The file.
		path: String,
		/// Its permission bits.
		mode: u32,
	},
}

impl Key {
	/// The key of a secret URI: `//Alice//worker`, a mnemonic, or a 0x-prefixed seed, each with
	/// optional derivations. A URI without a phrase is derived from the public development phrase.
	pub fn from_uri(uri: &str) -> Result<Self, KeyError> {
		let uri = uri.trim();
		// Nothing at all, as an empty file gives it, would be the public development key.
		if uri.is_empty() {
			return Err(KeyError::Uri);
		}
		let uri = SecretUri::from_str(uri).map_err(|_| KeyError::Uri)?;
		sr25519::Keypair::from_uri(&uri)
			.map(Self)
			.map_err(|_| KeyError::Uri)
	}

	/// The key whose secret URI is the content of a file that only its owner may read.
	pub fn from_file(path: &Path) -> Result<Self, KeyError> {
		let shown = path.display().to_string();
		let file = |source| KeyError::File {
			path: shown.clone(),
			source,
		};
		#[cfg(unix)]
		{
			use std::os::unix::fs::PermissionsExt;
			let mode = fs::metadata(path).map_err(file)?.permissions().mode() & 0o777;
			if mode & 0o077 != 0 {
				return Err(KeyError::Exposed { path: shown, mode });
			}
		}
		Self::from_uri(&fs::read_to_string(path).map_err(file)?)
	}

	/// The public key, which is also the account.
	pub fn public(&self) -> AccountBytes {
		self.0.public_key().0
	}

	/// The account in SS58.
	pub fn address(&self) -> String {
		address(&self.public())
	}

	/// Signs `message`. For the journal and the submitter of extrinsics alone: see the crate.
	pub fn sign(&self, message: &[u8]) -> Signature {
		self.0.sign(message).0
	}

	/// The key as the signer of extrinsics needs it.
	pub fn pair(&self) -> &sr25519::Keypair {
		&self.0
	}
}

impl fmt::Debug for Key {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "Key({})", self.address())
	}
}

/// Whether `signature` over `message` is by `key`.
pub fn verify(key: &AccountBytes, message: &[u8], signature: &Signature) -> bool {
	sr25519::verify(
		&sr25519::Signature(*signature),
		message,
		&sr25519::PublicKey(*key),
	)
}

#[cfg(test)]
mod tests {
	#![allow(clippy::disallowed_methods)]

	use super::*;
	use crate::parse_address;

	#[test]
	fn alice_has_the_well_known_address() {
		let alice = Key::from_uri("//Alice").unwrap();
		assert_eq!(
			alice.address(),
			"5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
		);
		assert_eq!(parse_address(&alice.address()), Some(alice.public()));
	}

	#[test]
	fn a_signature_is_bound_to_message_and_key() {
		let (a, b) = (
			Key::from_uri("//Alice//worker").unwrap(),
			Key::from_uri("//Bob").unwrap(),
		);
		let signature = a.sign(b"message");
		assert!(verify(&a.public(), b"message", &signature));
		assert!(!verify(&b.public(), b"message", &signature));
		assert!(!verify(&a.public(), b"massage", &signature));
		assert!(!verify(&a.public(), b"message", &[0; 64]));
	}

	#[test]
	fn debug_shows_the_address_only() {
		let seed = "0x9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
		let shown = format!("{:?}", Key::from_uri(seed).unwrap());
		assert!(shown.starts_with("Key(5") && !shown.contains("9d61"));
	}

	#[test]
	fn refuses_what_is_no_key() {
		for text in ["", "Alice", "0x12", "one two three"] {
			assert!(Key::from_uri(text).is_err(), "{text}");
		}
	}
}

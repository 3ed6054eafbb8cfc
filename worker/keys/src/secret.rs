//! Values that no log, dump or debug output shows.

use crate::{Key, KeyError};
use serde::{Deserialize, Serialize, Serializer};
use std::{fmt, path::PathBuf, str::FromStr};

/// A secret URI from the command line, the environment or the settings file.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
	/// The value itself, for who needs it.
	pub fn expose(&self) -> &str {
		&self.0
	}
}

impl FromStr for Secret {
	type Err = std::convert::Infallible;

	fn from_str(text: &str) -> Result<Self, Self::Err> {
		Ok(Self(text.to_owned()))
	}
}

impl fmt::Debug for Secret {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str("<secret>")
	}
}

impl Serialize for Secret {
	fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
		serializer.serialize_str("<secret>")
	}
}

/// Where a key comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeySource {
	/// The secret itself.
	Uri(Secret),
	/// A file that holds the secret.
	File(PathBuf),
}

impl KeySource {
	/// The source that a URI or a file gives; the URI wins.
	pub fn choose(uri: Option<Secret>, file: Option<PathBuf>) -> Option<Self> {
		uri.map(Self::Uri).or(file.map(Self::File))
	}

	/// Reads the key.
	pub fn key(&self) -> Result<Key, KeyError> {
		match self {
			Self::Uri(secret) => Key::from_uri(&secret.0),
			Self::File(path) => Key::from_file(path),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_secret_is_never_shown() {
		let secret: Secret = "//Alice//worker".parse().unwrap();
		assert_eq!(format!("{secret:?}"), "<secret>");
		let source = KeySource::Uri(secret);
		assert_eq!(
			serde_json::to_string(&source).unwrap(),
			r#"{"uri":"<secret>"}"#
		);
	}
}

//! Bounded reading of small files.

use crate::{CheckpointError, json};
use serde::de::DeserializeOwned;
use std::{fs, io, path::Path};

/// config.json, generation_config.json, tokenizer_config.json and index files.
pub(crate) const JSON_LIMIT: u64 = 16 << 20;
/// tokenizer.json: the largest published ones have about 35 MB.
pub(crate) const TOKENIZER_LIMIT: u64 = 128 << 20;
/// chat_template.jinja.
pub(crate) const TEMPLATE_LIMIT: u64 = 1 << 20;

/// The file's content, or `None` when it does not exist.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, CheckpointError> {
	let failed = |source| CheckpointError::Read {
		path: path.to_path_buf(),
		source,
	};
	let size = match fs::metadata(path) {
		Ok(metadata) => metadata.len(),
		Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
		Err(error) => return Err(failed(error)),
	};
	if size > limit {
		return Err(CheckpointError::TooLarge {
			path: path.to_path_buf(),
			size,
			limit,
		});
	}
	let bytes = fs::read(path).map_err(failed)?;
	if is_lfs_pointer(&bytes) {
		return Err(CheckpointError::LfsPointer {
			path: path.to_path_buf(),
		});
	}
	Ok(Some(bytes))
}

/// The file's JSON, or `None` when it does not exist.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, CheckpointError> {
	read(path, JSON_LIMIT)?
		.map(|bytes| json::parse(&bytes))
		.transpose()
		.map_err(|source| CheckpointError::Json {
			path: path.to_path_buf(),
			source,
		})
}

/// Whether a file is not there itself: Git LFS puts a pointer in its place.
pub(crate) fn is_lfs_pointer(bytes: &[u8]) -> bool {
	bytes.starts_with(b"version https://git-lfs.github.com/spec/")
}

//! The manifest of a model: its files with their sizes and BLAKE3 roots.

use crate::ModelConfig;
use infergrid_primitives::model::{Manifest, ManifestFile};
use std::{
	fs, io,
	path::{Path, PathBuf},
};

/// Files a model is made of; other files in the directory are not part of it.
const NAMES: [&str; 6] = [
	"chat_template.jinja",
	"config.json",
	"generation_config.json",
	"model.safetensors.index.json",
	"tokenizer.json",
	"tokenizer_config.json",
];
const MAX_FILES: usize = 1_024;

/// A manifest could not be made, or the files are not those it names.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
	/// A file could not be read.
	#[error("cannot read {}: {source}", path.display())]
	Read { path: PathBuf, source: io::Error },
	/// More files than any model has.
	#[error("{} has more than {MAX_FILES} safetensors files", directory.display())]
	TooMany { directory: PathBuf },
	/// The directory's files make another model.
	#[error("{} is not the file of the registered model; download it again", path.display())]
	Differs { path: PathBuf },
}

/// The manifest of the model in `directory`. Reads every byte of it.
pub fn manifest_of(
	directory: &Path,
	config: &ModelConfig,
	licence: &str,
) -> Result<Manifest, ManifestError> {
	let failed = |source| ManifestError::Read {
		path: directory.to_path_buf(),
		source,
	};
	let mut names = Vec::new();
	for entry in fs::read_dir(directory).map_err(failed)? {
		let entry = entry.map_err(failed)?;
		let Ok(name) = entry.file_name().into_string() else {
			continue;
		};
		let belongs = NAMES.contains(&name.as_str()) || name.ends_with(".safetensors");
		// `reference.safetensors` is what `model check` compares with, not a weight.
		if belongs && name != "reference.safetensors" && entry.path().is_file() {
			names.push(name);
		}
	}
	if names.len() > MAX_FILES {
		return Err(ManifestError::TooMany {
			directory: directory.to_path_buf(),
		});
	}
	names.sort_unstable();
	let files = names
		.into_iter()
		.map(|name| hash(directory, name))
		.collect::<Result<_, _>>()?;
	Ok(Manifest {
		files,
		layers: config.layers as u32,
		licence: licence.as_bytes().to_vec(),
	})
}

/// Checks that the files of `manifest` lie in `directory` unchanged. Reads every byte of them.
pub fn verify_manifest(directory: &Path, manifest: &Manifest) -> Result<(), ManifestError> {
	for file in &manifest.files {
		let name = String::from_utf8_lossy(&file.path).into_owned();
		let path = directory.join(&name);
		if name.contains('/') || name.starts_with('.') || hash(directory, name)? != *file {
			return Err(ManifestError::Differs { path });
		}
	}
	Ok(())
}

fn hash(directory: &Path, name: String) -> Result<ManifestFile, ManifestError> {
	let path = directory.join(&name);
	let read = |source| ManifestError::Read {
		path: path.clone(),
		source,
	};
	let mut hasher = blake3::Hasher::new();
	let mut reader = fs::File::open(&path).map_err(read)?;
	let size = io::copy(&mut reader, &mut hasher).map_err(read)?;
	Ok(ManifestFile {
		path: name.into_bytes(),
		size,
		blake3: *hasher.finalize().as_bytes(),
	})
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn names_what_belongs_and_notices_a_change() {
		let directory = tempfile::tempdir().unwrap();
		let path = directory.path();
		let config = crate::config::tests::read_text("{}").unwrap().0;
		fs::write(path.join("config.json"), "{}").unwrap();
		fs::write(path.join("model.safetensors"), b"abc").unwrap();
		fs::write(path.join("notes.txt"), b"mine").unwrap();
		let manifest = manifest_of(path, &config, "Apache-2.0").unwrap();
		let names: Vec<_> = manifest.files.iter().map(|f| f.path.as_slice()).collect();
		assert_eq!(names, [b"config.json".as_slice(), b"model.safetensors"]);
		// The published test vector of BLAKE3 for "abc".
		assert_eq!(
			hex::encode(manifest.files[1].blake3),
			"6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"
		);
		verify_manifest(path, &manifest).unwrap();
		fs::write(path.join("model.safetensors"), b"abd").unwrap();
		assert!(matches!(
			verify_manifest(path, &manifest),
			Err(ManifestError::Differs { .. })
		));
	}
}

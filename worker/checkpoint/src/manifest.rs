//! The manifest of a model: its files with their sizes and BLAKE3 roots.

use crate::{ModelConfig, weights};
use infergrid_primitives::model::{Manifest, ManifestFile};
use serde_json::{Value, json};
use std::{
	fs, io,
	path::{Path, PathBuf},
};

/// Files a model is made of; other files in the directory are not part of it.
const NAMES: [&str; 7] = [
	"added_tokens.json",
	"chat_template.jinja",
	"config.json",
	"generation_config.json",
	"special_tokens_map.json",
	"tokenizer.json",
	"tokenizer_config.json",
];
const MAX_FILES: usize = 1_024;
/// A published manifest beside the files: with it a directory needs no weights to be known.
const PUBLISHED: &str = "manifest.json";

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
	#[error("{} is not the file that the manifest names; download it again", path.display())]
	Differs { path: PathBuf },
	/// The weights cannot be found.
	#[error(transparent)]
	Weights(#[from] crate::WeightsError),
	/// A published manifest is none.
	#[error("{} is no manifest: {reason}; write it with `infergrid model manifest DIR`", path.display())]
	Malformed { path: PathBuf, reason: String },
}

/// The manifest of the model in `directory`: its configuration, tokenizer and template, and those of
/// its safetensors files that hold the weights. Reads every byte of them.
pub fn manifest_of(
	directory: &Path,
	config: &ModelConfig,
	licence: &str,
) -> Result<Manifest, ManifestError> {
	let small = NAMES.into_iter().map(str::to_owned);
	let mut names: Vec<_> = small
		.filter(|name| directory.join(name).is_file())
		.collect();
	names.extend(weights::files_in(directory)?);
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

/// The manifest of the model in `directory` for somebody who does not compute with it: `manifest.json`
/// beside the files if there is one, after a look at the small files that it names; else
/// [`manifest_of`].
pub fn known_manifest(
	directory: &Path,
	config: &ModelConfig,
	licence: &str,
) -> Result<Manifest, ManifestError> {
	let path = directory.join(PUBLISHED);
	if !path.is_file() {
		return manifest_of(directory, config, licence);
	}
	let manifest = read_manifest(&path, licence)?;
	for file in &manifest.files {
		let name = String::from_utf8_lossy(&file.path).into_owned();
		if NAMES.contains(&name.as_str()) && hash(directory, name.clone())? != *file {
			return Err(ManifestError::Differs {
				path: directory.join(name),
			});
		}
	}
	// A small file that the manifest does not name would change how the model is asked.
	let named = |name: &&str| {
		manifest
			.files
			.iter()
			.any(|file| file.path == name.as_bytes())
	};
	match NAMES
		.iter()
		.find(|name| directory.join(name).is_file() && !named(name))
	{
		Some(name) => Err(ManifestError::Differs {
			path: directory.join(name),
		}),
		None => Ok(manifest),
	}
}

/// The published manifest in the file `path`.
pub fn read_manifest(path: &Path, licence: &str) -> Result<Manifest, ManifestError> {
	let read = |source| ManifestError::Read {
		path: path.to_path_buf(),
		source,
	};
	parse(&fs::read(path).map_err(read)?, licence).map_err(|reason| ManifestError::Malformed {
		path: path.to_path_buf(),
		reason,
	})
}

/// A manifest as it is published.
pub fn manifest_json(manifest: &Manifest) -> Value {
	let files: Vec<_> = manifest
		.files
		.iter()
		.map(|file| {
			let blake3: String = file
				.blake3
				.iter()
				.map(|byte| format!("{byte:02x}"))
				.collect();
			json!({"path": String::from_utf8_lossy(&file.path), "size": file.size, "blake3": blake3})
		})
		.collect();
	let id: String = manifest
		.id()
		.iter()
		.map(|byte| format!("{byte:02x}"))
		.collect();
	json!({"id": id, "layers": manifest.layers, "files": files})
}

/// Reads [`manifest_json`].
fn parse(bytes: &[u8], licence: &str) -> Result<Manifest, String> {
	let value: Value = crate::json::parse(bytes).map_err(|error| error.to_string())?;
	let files = value["files"].as_array().ok_or("it has no list of files")?;
	let files = files
		.iter()
		.map(|file| {
			let path = file["path"].as_str()?;
			let size = file["size"].as_u64()?;
			let blake3 = blake3::Hash::from_hex(file["blake3"].as_str()?).ok()?;
			Some(ManifestFile {
				path: path.as_bytes().to_vec(),
				size,
				blake3: *blake3.as_bytes(),
			})
		})
		.collect::<Option<Vec<_>>>()
		.ok_or("a file lacks its path, size or hash")?;
	let layers = value["layers"].as_u64().and_then(|n| u32::try_from(n).ok());
	Ok(Manifest {
		files,
		layers: layers.ok_or("it lacks the number of layers")?,
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
	fn a_published_manifest_makes_the_weights_unneeded() {
		let directory = tempfile::tempdir().unwrap();
		let path = directory.path();
		let config = crate::config::tests::read_text("{}").unwrap().0;
		fs::write(path.join("config.json"), "{}").unwrap();
		fs::write(path.join("model.safetensors"), b"abc").unwrap();
		let whole = manifest_of(path, &config, "MIT").unwrap();
		fs::write(path.join(PUBLISHED), manifest_json(&whole).to_string()).unwrap();
		fs::remove_file(path.join("model.safetensors")).unwrap();
		assert_eq!(known_manifest(path, &config, "MIT").unwrap(), whole);

		fs::write(path.join("chat_template.jinja"), "x").unwrap();
		let error = known_manifest(path, &config, "MIT").unwrap_err();
		assert!(error.to_string().contains("chat_template.jinja"), "{error}");
		fs::remove_file(path.join("chat_template.jinja")).unwrap();
		fs::write(path.join("config.json"), "{} ").unwrap();
		let error = known_manifest(path, &config, "MIT").unwrap_err();
		assert!(error.to_string().contains("config.json"), "{error}");
	}

	#[test]
	fn only_the_files_that_hold_the_weights_belong() {
		let directory = tempfile::tempdir().unwrap();
		let path = directory.path();
		let config = crate::config::tests::read_text("{}").unwrap().0;
		let index = r#"{"weight_map": {"a": "model-1.safetensors", "b": "model-1.safetensors"}}"#;
		fs::write(path.join("model.safetensors.index.json"), index).unwrap();
		for name in [
			"model-1.safetensors",
			"reference.safetensors",
			"adapter.safetensors",
		] {
			fs::write(path.join(name), b"abc").unwrap();
		}
		let manifest = manifest_of(path, &config, "MIT").unwrap();
		let names: Vec<_> = manifest.files.iter().map(|f| f.path.as_slice()).collect();
		assert_eq!(
			names,
			[
				b"model-1.safetensors".as_slice(),
				b"model.safetensors.index.json"
			]
		);
	}

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

//! The manifest of a model: its files with their sizes and BLAKE3 roots.

use crate::{ModelConfig, files, weights};
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
	/// A file that the manifest names is absent.
	#[error("{} is missing, which the manifest names; download it", path.display())]
	Missing { path: PathBuf },
	/// There is no published manifest to compare with.
	#[error(
		"there is no manifest {} to verify against: get it from whoever published the model, or make it where \
		 the files are as they should be, by `infergrid model manifest DIR > manifest.json`",
		path.display()
	)]
	Unpublished { path: PathBuf },
	/// There is a file of the model's kind that the manifest does not name.
	#[error(
		"{} is not part of the model that the manifest names, and would change how it is asked; remove it",
		path.display()
	)]
	Foreign { path: PathBuf },
	/// The weights cannot be found.
	#[error("{0}; who only asks the model can do without them and put its manifest.json here")]
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
	names.extend(weights::needed_files(directory, config)?);
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
	no_foreign_file(directory, &manifest)?;
	Ok(manifest)
}

/// Names what is changed in `directory` where it holds the model `found`, and a `manifest.json` of
/// another. Reads every byte of a model's files then, and none otherwise.
pub fn check_published(
	directory: &Path,
	found: &infergrid_primitives::Hash,
	licence: &str,
) -> Result<(), ManifestError> {
	let path = directory.join(PUBLISHED);
	if !path.is_file() {
		return Ok(());
	}
	let manifest = read_manifest(&path, licence)?;
	if manifest.id() == *found {
		return Ok(());
	}
	verify_manifest(directory, &manifest)?;
	let reason = "the files beside it make another model".to_owned();
	Err(ManifestError::Malformed { path, reason })
}

fn no_foreign_file(directory: &Path, manifest: &Manifest) -> Result<(), ManifestError> {
	let is_named = |name: &str| {
		let mut files = manifest.files.iter();
		files.any(|file| file.path == name.as_bytes())
	};
	let foreign = NAMES
		.into_iter()
		.map(|name| (directory.join(name), name))
		.find(|(path, name)| path.is_file() && !is_named(name));
	match foreign {
		Some((path, _)) => Err(ManifestError::Foreign { path }),
		None => Ok(()),
	}
}

/// The published manifest in the file `path`.
pub fn read_manifest(path: &Path, licence: &str) -> Result<Manifest, ManifestError> {
	let malformed = |reason: String| ManifestError::Malformed {
		path: path.to_path_buf(),
		reason,
	};
	let bytes = match files::read(path, files::JSON_LIMIT) {
		Ok(Some(bytes)) => bytes,
		Ok(None) => {
			return Err(ManifestError::Unpublished {
				path: path.to_path_buf(),
			});
		}
		Err(error) => return Err(malformed(error.to_string())),
	};
	parse(&bytes, licence).map_err(malformed)
}

/// A manifest as it is published: the model's identifier, its number of layers, and for each file its
/// path, size in bytes and BLAKE3 root, all hashes in hexadecimal.
pub fn manifest_json(manifest: &Manifest) -> Value {
	let file = |file: &ManifestFile| {
		json!({
			"path": String::from_utf8_lossy(&file.path),
			"size": file.size,
			"blake3": blake3::Hash::from_bytes(file.blake3).to_hex().as_str(),
		})
	};
	let files: Vec<_> = manifest.files.iter().map(file).collect();
	// Another hash than this one in name only: both are 32 bytes in hexadecimal.
	let id = blake3::Hash::from_bytes(manifest.id()).to_hex();
	json!({"id": id.as_str(), "layers": manifest.layers, "files": files})
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
	if files.len() > MAX_FILES {
		return Err("it names too many files".into());
	}
	let layers = value["layers"].as_u64().and_then(|n| u32::try_from(n).ok());
	let manifest = Manifest {
		files,
		layers: layers.ok_or("it lacks the number of layers")?,
		licence: licence.as_bytes().to_vec(),
	};
	let id = blake3::Hash::from_bytes(manifest.id()).to_hex();
	match value.get("id") {
		Some(given) if given != id.as_str() => {
			Err(format!("its files make the model {id}, not {given}"))
		}
		_ => Ok(manifest),
	}
}

/// Checks that the files of `manifest` lie in `directory` unchanged, and none beside them that would
/// change how the model is asked. Reads every byte of them; the error names the first that differs, is
/// missing or does not belong.
pub fn verify_manifest(directory: &Path, manifest: &Manifest) -> Result<(), ManifestError> {
	for file in &manifest.files {
		let name = String::from_utf8_lossy(&file.path).into_owned();
		let path = directory.join(&name);
		if name.contains('/') || name.starts_with('.') || hash(directory, name)? != *file {
			return Err(ManifestError::Differs { path });
		}
	}
	no_foreign_file(directory, manifest)
}

fn hash(directory: &Path, name: String) -> Result<ManifestFile, ManifestError> {
	let path = directory.join(&name);
	let read = |source: io::Error| match source.kind() {
		io::ErrorKind::NotFound => ManifestError::Missing { path: path.clone() },
		_ => ManifestError::Read {
			path: path.clone(),
			source,
		},
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

		let error = check_published(path, &[0; 32], "MIT").unwrap_err();
		assert!(error.to_string().contains("model.safetensors"), "{error}");
		check_published(path, &whole.id(), "MIT").unwrap();
		let error = read_manifest(&path.join("none.json"), "MIT").unwrap_err();
		assert!(error.to_string().contains("no manifest"), "{error}");

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
		assert!(parse(manifest_json(&manifest).to_string().as_bytes(), "MIT").is_ok());
		let other = manifest_json(&manifest)
			.to_string()
			.replace("\"layers\":3", "\"layers\":4");
		let error = parse(other.as_bytes(), "MIT").unwrap_err();
		assert!(error.contains("its files make the model"), "{error}");
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
		fs::write(path.join("added_tokens.json"), "{}").unwrap();
		let error = verify_manifest(path, &manifest).unwrap_err().to_string();
		assert!(
			error.contains("added_tokens.json is not part of"),
			"{error}"
		);
		fs::remove_file(path.join("added_tokens.json")).unwrap();
		fs::remove_file(path.join("model.safetensors")).unwrap();
		let error = verify_manifest(path, &manifest).unwrap_err().to_string();
		assert!(error.contains("model.safetensors is missing"), "{error}");
		// Without its weights and without a manifest a model has no name.
		let error = manifest_of(path, &config, "MIT").unwrap_err().to_string();
		assert!(error.contains("put its manifest.json here"), "{error}");
		fs::write(path.join("model.safetensors"), b"abd").unwrap();
		assert!(matches!(
			verify_manifest(path, &manifest),
			Err(ManifestError::Differs { .. })
		));
	}
}

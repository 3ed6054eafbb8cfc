//! Which files of a directory hold its weights.

use super::error::WeightsError;
use crate::{CheckpointError, ModelConfig, files};
use serde::Deserialize;
use std::{
	collections::{BTreeMap, BTreeSet, HashMap},
	path::{Component, Path, PathBuf},
};

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// What the names of a whole checkpoint's decoder begin with.
pub(super) const DECODER: &str = "model.";
pub(super) const HEAD: &str = "lm_head.weight";
pub(super) const EMBEDDING: &str = "model.embed_tokens.weight";
/// Other forms of weights, by the ends of their names.
const OTHER_FORMS: [&str; 5] = [".safetensors", ".bin", ".gguf", ".pth", ".npz"];

/// The files of the weights.
#[derive(Debug)]
pub(super) struct Layout {
	/// Names of the files that are there, sorted.
	pub(super) files: Vec<String>,
	/// What the index says: for each tensor the name of its file; empty without an index.
	pub(super) index: HashMap<String, String>,
	has_index: bool,
}

#[derive(Deserialize)]
struct Index {
	weight_map: BTreeMap<String, String>,
}

/// Looks for weights in `directory`: one file, or those that an index names.
pub(super) fn read(directory: &Path) -> Result<Layout, WeightsError> {
	if directory.join(SINGLE).is_file() {
		return Ok(Layout {
			files: vec![SINGLE.to_owned()],
			index: HashMap::new(),
			has_index: false,
		});
	}
	let path = directory.join(INDEX);
	let index: Index = match files::read_json(&path) {
		Ok(Some(index)) => index,
		Ok(None) => return Err(missing(directory)),
		Err(CheckpointError::LfsPointer { path }) => {
			return Err(WeightsError::LfsPointer { path });
		}
		Err(CheckpointError::Read { path, source }) => {
			return Err(WeightsError::Read { path, source });
		}
		Err(error) => {
			let reason = error.to_string();
			return Err(WeightsError::Index { reason });
		}
	};
	let names: BTreeSet<&String> = index.weight_map.values().collect();
	if let Some(name) = names.iter().find(|name| !is_plain_name(name)) {
		let name = (*name).clone();
		return Err(WeightsError::ShardName { path, name });
	}
	let is_there = |name: &&&String| directory.join(name.as_str()).is_file();
	Ok(Layout {
		files: names
			.iter()
			.filter(is_there)
			.map(|name| (*name).clone())
			.collect(),
		index: index.weight_map.into_iter().collect(),
		has_index: true,
	})
}

/// Names of the files in `directory` that hold the weights of a model of `config`, the index included;
/// an error if one of them is missing. What the index lists beside them is not needed.
pub(crate) fn needed(directory: &Path, config: &ModelConfig) -> Result<Vec<String>, WeightsError> {
	let layout = read(directory)?;
	for (tensor, _) in config.tensors() {
		let file = layout.file_of(&tensor);
		if let Some(file) = file.filter(|file| !layout.files.contains(file)) {
			return Err(WeightsError::NoFile {
				path: directory.join(file),
				tensor,
			});
		}
	}
	let mut names = layout.files;
	names.extend(layout.has_index.then(|| INDEX.to_owned()));
	Ok(names)
}

impl Layout {
	/// The file that the index names for a tensor, which bare decoders name without the prefix.
	pub(super) fn file_of(&self, tensor: &str) -> Option<&String> {
		let bare = tensor.strip_prefix(DECODER).unwrap_or(tensor);
		self.index.get(tensor).or_else(|| self.index.get(bare))
	}
}

fn missing(directory: &Path) -> WeightsError {
	let mut instead: Vec<String> = std::fs::read_dir(directory)
		.into_iter()
		.flatten()
		.filter_map(|entry| entry.ok()?.file_name().into_string().ok())
		.filter(|name| OTHER_FORMS.iter().any(|end| name.ends_with(end)))
		.collect();
	instead.sort_unstable();
	let there = match instead.first() {
		Some(name) => format!(" (there is {name}, which is not read)"),
		None => String::new(),
	};
	WeightsError::Missing {
		directory: PathBuf::from(directory),
		there,
	}
}

/// One component, so that an index cannot reach outside its directory.
fn is_plain_name(name: &str) -> bool {
	let mut components = Path::new(name).components();
	matches!((components.next(), components.next()), (Some(Component::Normal(only)), None) if only == name)
}

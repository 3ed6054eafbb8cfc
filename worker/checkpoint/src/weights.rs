//! Safetensors files, single or sharded, mapped into memory.

use crate::ModelConfig;
use memmap2::Mmap;
pub use safetensors::Dtype;
use safetensors::SafeTensors;
use serde::Deserialize;
use std::{
	collections::{HashMap, HashSet},
	fs::File,
	io,
	ops::Range,
	path::{Component, Path, PathBuf},
	sync::{Arc, Mutex, PoisonError},
};

const SINGLE: &str = "model.safetensors";
/// What the names of a whole checkpoint's decoder begin with.
const DECODER: &str = "model.";
const INDEX: &str = "model.safetensors.index.json";

/// Weights that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
	/// Neither form of the weights is there.
	#[error(
		"{} has neither model.safetensors nor model.safetensors.index.json; \
		 copy the safetensors files from the model's repository",
		directory.display()
	)]
	Missing { directory: PathBuf },
	/// A file could not be read.
	#[error("cannot read {}: {source}", path.display())]
	Read { path: PathBuf, source: io::Error },
	/// Not a safetensors file.
	#[error("{}: {reason}; download the file again", path.display())]
	Malformed { path: PathBuf, reason: String },
	/// The index names a file outside the directory.
	#[error("{}: shard name {name:?} must be a plain file name", path.display())]
	ShardName { path: PathBuf, name: String },
	/// A tensor that the architecture needs is absent.
	#[error("tensor {name} is missing from {}; the checkpoint is incomplete", directory.display())]
	NoTensor { directory: PathBuf, name: String },
	/// A tensor does not fit the configuration.
	#[error("tensor {name} has shape {found:?}, but config.json asks for {expected:?}")]
	Shape {
		name: String,
		found: Vec<usize>,
		expected: Vec<usize>,
	},
	/// A tensor with a value that is no number.
	#[error(
		"tensor {name} has values that are not finite numbers; the checkpoint is damaged, download it again"
	)]
	NotFinite { name: String },
	/// A pointer of Git LFS in the place of the file.
	#[error("{} is a Git LFS pointer, not the file itself: run `git lfs pull` in its repository, or download the file", path.display())]
	LfsPointer { path: PathBuf },
	/// Packed weights of GPTQ, AWQ, MLX, bitsandbytes and their like.
	#[error(
		"tensor {name} belongs to quantised weights (GPTQ, AWQ, MLX or the like); supported are unquantised F32, F16 and BF16: take the original checkpoint"
	)]
	Quantised { name: String },
	/// Tensors that the architecture, as config.json describes it, has no place for.
	#[error(
		"{count} tensors such as {name} have no place in the architecture that config.json describes, and would be left out in silence; take a config.json that fits the weights"
	)]
	Unused { name: String, count: usize },
	/// A tensor in a number format that this program does not read.
	#[error("tensor {name} is {found}; supported are F32, F16 and BF16")]
	Dtype { name: String, found: Dtype },
}

/// Bytes of one tensor in row-major order.
#[derive(Clone, Debug)]
pub struct RawTensor {
	/// Number format: F32, F16 or BF16.
	pub dtype: Dtype,
	/// Dimensions.
	pub shape: Vec<usize>,
	map: Arc<Mmap>,
	range: Range<usize>,
}

impl AsRef<[u8]> for RawTensor {
	fn as_ref(&self) -> &[u8] {
		&self.map[self.range.clone()]
	}
}

#[derive(Debug)]
struct Entry {
	file: usize,
	dtype: Dtype,
	shape: Vec<usize>,
	range: Range<usize>,
}

/// The weights of a model, mapped, not yet read.
///
/// The files must not change while they are mapped: a file that shrinks ends the process.
#[derive(Debug)]
pub struct Weights {
	directory: PathBuf,
	files: Vec<Arc<Mmap>>,
	tensors: HashMap<String, Entry>,
	/// Names that were asked for.
	used: Mutex<HashSet<String>>,
}

#[derive(Deserialize)]
struct Index {
	weight_map: HashMap<String, String>,
}

impl Weights {
	/// Maps the weights in `directory`.
	pub fn open(directory: impl AsRef<Path>) -> Result<Self, WeightsError> {
		let directory = directory.as_ref();
		let mut weights = Self {
			directory: directory.to_path_buf(),
			files: Vec::new(),
			tensors: HashMap::new(),
			used: Mutex::default(),
		};
		let single = directory.join(SINGLE);
		if single.is_file() {
			weights.map(&single, |_| true)?;
			return weights.named();
		}
		let path = directory.join(INDEX);
		if !path.is_file() {
			return Err(WeightsError::Missing {
				directory: directory.to_path_buf(),
			});
		}
		let index: Index = read_index(&path)?;
		let mut shards: Vec<&String> = index.weight_map.values().collect();
		shards.sort_unstable();
		shards.dedup();
		for shard in shards {
			if !is_plain_name(shard) {
				return Err(WeightsError::ShardName {
					path,
					name: shard.clone(),
				});
			}
			let named_here = |tensor: &str| index.weight_map.get(tensor) == Some(shard);
			weights.map(&directory.join(shard), named_here)?;
		}
		// What the index lists and no shard holds may not be needed: a tied head, for instance.
		weights.named()
	}

	/// Refuses packed weights, and gives all tensors the names of whole checkpoints: those of the bare
	/// decoder lack a prefix.
	fn named(mut self) -> Result<Self, WeightsError> {
		if let Some(name) = self.tensors.keys().filter(|name| is_packed(name)).min() {
			return Err(WeightsError::Quantised { name: name.clone() });
		}
		let bare = !self.tensors.keys().any(|name| name.starts_with(DECODER))
			&& self.tensors.keys().any(|name| name.starts_with("layers."));
		if bare {
			self.tensors = self
				.tensors
				.drain()
				.map(|(name, entry)| match name.starts_with("lm_head.") {
					true => (name, entry),
					false => (format!("{DECODER}{name}"), entry),
				})
				.collect();
		}
		Ok(self)
	}

	/// An error if there is a tensor that nobody has asked for, apart from those that are computed anew
	/// from config.json.
	pub fn check_all_used(&self) -> Result<(), WeightsError> {
		let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
		let mut unused: Vec<_> = self
			.tensors
			.keys()
			.filter(|name| !used.contains(*name) && !is_computed(name))
			.collect();
		unused.sort_unstable();
		match unused.first() {
			None => Ok(()),
			Some(name) => Err(WeightsError::Unused {
				name: (*name).clone(),
				count: unused.len(),
			}),
		}
	}

	/// Whether the tensors `a` and `b` are there and have the same bytes. Both count as asked for.
	pub fn are_same(&self, a: &str, b: &str) -> bool {
		let bytes = |name: &str| {
			let entry = self.tensors.get(name)?;
			self.note(name);
			Some((entry.dtype, &self.files[entry.file][entry.range.clone()]))
		};
		bytes(a).is_some_and(|a| Some(a) == bytes(b))
	}

	fn note(&self, name: &str) {
		self.used
			.lock()
			.unwrap_or_else(PoisonError::into_inner)
			.insert(name.to_owned());
	}

	fn map(&mut self, path: &Path, wanted: impl Fn(&str) -> bool) -> Result<(), WeightsError> {
		let read = |source| WeightsError::Read {
			path: path.to_path_buf(),
			source,
		};
		let malformed = |reason: String| WeightsError::Malformed {
			path: path.to_path_buf(),
			reason,
		};
		let file = File::open(path).map_err(read)?;
		// SAFETY: the mapping is read-only and private; that the file does not change while it is
		// mapped is asked of the caller in the type's documentation.
		let map = unsafe { Mmap::map(&file) }.map_err(read)?;
		if crate::files::is_lfs_pointer(&map) {
			return Err(WeightsError::LfsPointer {
				path: path.to_path_buf(),
			});
		}
		let (header, metadata) =
			SafeTensors::read_metadata(&map).map_err(|error| malformed(error.to_string()))?;
		let data = header + size_of::<u64>();
		for (name, info) in metadata.tensors() {
			if !wanted(&name) {
				continue;
			}
			let (start, end) = info.data_offsets;
			let range = data + start..data + end;
			if range.end > map.len() {
				return Err(malformed(format!("tensor {name} ends outside the file")));
			}
			let shape = info.shape.clone();
			let entry = Entry {
				file: self.files.len(),
				dtype: info.dtype,
				shape,
				range,
			};
			self.tensors.insert(name, entry);
		}
		self.files.push(Arc::new(map));
		Ok(())
	}

	fn no_tensor(&self, name: &str) -> WeightsError {
		WeightsError::NoTensor {
			directory: self.directory.clone(),
			name: name.to_owned(),
		}
	}

	/// The tensor `name`, which must have the shape `expected`.
	pub fn tensor(&self, name: &str, expected: &[usize]) -> Result<RawTensor, WeightsError> {
		let entry = self.tensors.get(name).ok_or_else(|| self.no_tensor(name))?;
		self.note(name);
		if entry.shape != expected {
			return Err(WeightsError::Shape {
				name: name.to_owned(),
				found: entry.shape.clone(),
				expected: expected.to_vec(),
			});
		}
		if !matches!(entry.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16) {
			return Err(WeightsError::Dtype {
				name: name.to_owned(),
				found: entry.dtype,
			});
		}
		Ok(RawTensor {
			dtype: entry.dtype,
			shape: entry.shape.clone(),
			map: self.files[entry.file].clone(),
			range: entry.range.clone(),
		})
	}

	/// Whether there is a tensor `name`.
	pub fn contains(&self, name: &str) -> bool {
		self.tensors.contains_key(name)
	}

	/// Names of all tensors with their number formats and shapes, sorted by name.
	pub fn tensors(&self) -> Vec<(&str, Dtype, &[usize])> {
		let mut list: Vec<_> = self
			.tensors
			.iter()
			.map(|(name, entry)| (name.as_str(), entry.dtype, entry.shape.as_slice()))
			.collect();
		list.sort_unstable_by_key(|(name, ..)| *name);
		list
	}

	/// Bytes of all weights as 32-bit floats, once each, by the configuration.
	pub fn f32_bytes(config: &ModelConfig) -> u64 {
		config.parameters() * size_of::<f32>() as u64
	}
}

fn read_index(path: &Path) -> Result<Index, WeightsError> {
	let malformed = |reason: String| WeightsError::Malformed {
		path: path.to_path_buf(),
		reason,
	};
	let read = |source| WeightsError::Read {
		path: path.to_path_buf(),
		source,
	};
	let size = std::fs::metadata(path).map_err(read)?.len();
	if size > crate::files::JSON_LIMIT {
		return Err(malformed(format!(
			"has {size} bytes, too many for an index"
		)));
	}
	let bytes = std::fs::read(path).map_err(read)?;
	crate::json::parse(&bytes).map_err(|error| malformed(error.to_string()))
}

/// The names of the files that hold the weights in `directory`; empty where there are none.
pub(crate) fn files_in(directory: &Path) -> Result<Vec<String>, WeightsError> {
	if directory.join(SINGLE).is_file() {
		return Ok(vec![SINGLE.to_owned()]);
	}
	let path = directory.join(INDEX);
	if !path.is_file() {
		return Ok(Vec::new());
	}
	let mut names: Vec<String> = read_index(&path)?.weight_map.into_values().collect();
	names.sort_unstable();
	names.dedup();
	match names.iter().find(|name| !is_plain_name(name)) {
		Some(name) => Err(WeightsError::ShardName {
			path,
			name: name.clone(),
		}),
		None => {
			names.push(INDEX.to_owned());
			Ok(names)
		}
	}
}

/// Whether a tensor is part of packed weights.
fn is_packed(name: &str) -> bool {
	const PARTS: [&str; 10] = [
		"qweight",
		"qzeros",
		"g_idx",
		"scales",
		"biases",
		"weight_packed",
		"weight_scale",
		"weight_scale_inv",
		"absmax",
		"quant_map",
	];
	name.rsplit('.')
		.next()
		.is_some_and(|part| PARTS.contains(&part))
}

/// Whether a tensor is what config.json says anyway.
fn is_computed(name: &str) -> bool {
	name.ends_with("rotary_emb.inv_freq")
		|| name.ends_with("rotary_emb.cos_cached")
		|| name.ends_with("rotary_emb.sin_cached")
}

/// One component, so that an index cannot reach outside its directory.
fn is_plain_name(name: &str) -> bool {
	let mut components = Path::new(name).components();
	matches!((components.next(), components.next()), (Some(Component::Normal(only)), None) if only == name)
}

#[cfg(test)]
#[path = "weights_tests.rs"]
mod tests;

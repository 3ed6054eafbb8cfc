//! Safetensors files, single or sharded, mapped into memory.

mod error;
mod layout;

pub use error::WeightsError;
pub(crate) use layout::needed as needed_files;

use crate::ModelConfig;
use layout::{DECODER, EMBEDDING, HEAD, Layout};
use memmap2::Mmap;
pub use safetensors::Dtype;
use safetensors::SafeTensors;
use std::{
	collections::{HashMap, HashSet},
	fs::File,
	ops::Range,
	path::{Path, PathBuf},
	sync::{Arc, Mutex, PoisonError},
};

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
	layout: Layout,
}

impl Weights {
	/// Maps the weights in `directory`.
	pub fn open(directory: impl AsRef<Path>) -> Result<Self, WeightsError> {
		let directory = directory.as_ref();
		let layout = layout::read(directory)?;
		let mut weights = Self {
			directory: directory.to_path_buf(),
			files: Vec::new(),
			tensors: HashMap::new(),
			used: Mutex::default(),
			layout,
		};
		for name in weights.layout.files.clone() {
			weights.map(&name)?;
		}
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
				.map(|(name, entry)| match name == HEAD {
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
				part: part_of(name),
				count: unused.len(),
			}),
		}
	}

	/// Whether a model of `config` uses one matrix as embedding and as output head: the configuration
	/// says so, and the files do not hold two that differ, of which `transformers` uses both.
	pub fn is_tied(&self, config: &ModelConfig) -> bool {
		let bytes = |name: &str| {
			let entry = self.tensors.get(name)?;
			Some((entry.dtype, &self.files[entry.file][entry.range.clone()]))
		};
		config.tied_embeddings
			&& match (bytes(EMBEDDING), bytes(HEAD)) {
				(Some(embedding), Some(head)) => embedding == head,
				_ => true,
			}
	}

	/// The name of the matrix that a tied model uses as embedding and as output head; files may hold it
	/// under either name, or both.
	pub fn tied_name(&self) -> &'static str {
		match self.contains(EMBEDDING) {
			true => {
				self.note(HEAD);
				EMBEDDING
			}
			false => HEAD,
		}
	}

	fn note(&self, name: &str) {
		self.used
			.lock()
			.unwrap_or_else(PoisonError::into_inner)
			.insert(name.to_owned());
	}

	/// Maps the file `name`. Of a tensor that lies in several files the one that the index names counts.
	fn map(&mut self, name: &str) -> Result<(), WeightsError> {
		let path = &self.directory.join(name);
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
		for (tensor, info) in metadata.tensors() {
			let is_named_here = self
				.layout
				.index
				.get(&tensor)
				.is_some_and(|file| file == name);
			if self.tensors.contains_key(&tensor) && !is_named_here {
				continue;
			}
			let (start, end) = info.data_offsets;
			let range = data + start..data + end;
			if range.end > map.len() {
				return Err(malformed(format!("tensor {tensor} ends outside the file")));
			}
			let shape = info.shape.clone();
			let entry = Entry {
				file: self.files.len(),
				dtype: info.dtype,
				shape,
				range,
			};
			self.tensors.insert(tensor, entry);
		}
		self.files.push(Arc::new(map));
		Ok(())
	}

	/// What stands before the name `name`, or before its form in a bare decoder, and the whole of that.
	fn wrapper_of(&self, name: &str) -> Option<(&str, &str)> {
		if self.tensors.keys().any(|name| name.starts_with(DECODER)) {
			return None;
		}
		let bare = format!(".{}", name.strip_prefix(DECODER).unwrap_or(name));
		let prefix = |found: &String| found.strip_suffix(&bare).map(str::len);
		let wrapped = self.tensors.keys().filter(|found| prefix(found).is_some());
		let found = wrapped.min()?;
		let prefix = &found[..=prefix(found)?];
		Some((prefix.strip_suffix(DECODER).unwrap_or(prefix), found))
	}

	fn no_tensor(&self, name: &str) -> WeightsError {
		if let Some((prefix, found)) = self.wrapper_of(name) {
			return WeightsError::Wrapped {
				directory: self.directory.clone(),
				prefix: prefix.to_owned(),
				found: found.to_owned(),
				name: name.to_owned(),
			};
		}
		let file = self.layout.file_of(name);
		match file.filter(|file| !self.layout.files.contains(file)) {
			Some(file) => WeightsError::NoFile {
				path: self.directory.join(file),
				tensor: name.to_owned(),
			},
			None if name == HEAD => WeightsError::NoHead {
				directory: self.directory.clone(),
			},
			None => WeightsError::NoTensor {
				directory: self.directory.clone(),
				name: name.to_owned(),
			},
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

/// Whether a tensor is part of packed weights.
fn is_packed(name: &str) -> bool {
	const PARTS: [&str; 11] = [
		"SCB",
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

/// What a tensor that a decoder has no place for is part of, for those that are met often.
fn part_of(name: &str) -> &'static str {
	const PARTS: [(&str, &str); 10] = [
		("score.", " (the head of a classifier or reward model)"),
		("classifier.", " (the head of a classifier)"),
		("v_head.", " (the head of a value model)"),
		("lora_", " (an adapter that was not merged)"),
		("vision", " (an image encoder)"),
		("visual.", " (an image encoder)"),
		("multi_modal", " (an image encoder)"),
		("audio", " (a sound encoder)"),
		("experts.", " (a mixture of experts)"),
		(".bias", " (a bias)"),
	];
	PARTS
		.into_iter()
		.find(|(part, _)| name.contains(part))
		.map_or("", |(_, what)| what)
}

#[cfg(test)]
#[path = "weights_tests.rs"]
mod tests;

//! Checkpoints of random weights, to measure with: speed does not depend on what a model knows.

use infergrid_checkpoint::{Checkpoint, CheckpointError, ModelConfig};
use serde_json::{Map, Value, json};
use std::{
	fs::{self, File},
	io::{self, BufWriter, Write},
	path::{Path, PathBuf},
};

/// Standard deviation of the weights, as most checkpoints begin their training.
const DEVIATION: f32 = 0.02;

/// A checkpoint could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RandomCheckpointError {
	/// The files could not be written.
	#[error("cannot write {}: {source}", path.display())]
	Write { path: PathBuf, source: io::Error },
	/// The configuration is not one that this program runs.
	#[error(transparent)]
	Config(#[from] CheckpointError),
}

/// The `config.json` of Qwen2.5-0.5B: 494,032,768 parameters, 1.98 GB in 32-bit floats.
pub fn half_billion_config() -> Value {
	json!({
		"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": 151_936,
		"hidden_size": 896, "intermediate_size": 4_864, "num_hidden_layers": 24,
		"num_attention_heads": 14, "num_key_value_heads": 2, "max_position_embeddings": 32_768,
		"rms_norm_eps": 1e-6, "rope_theta": 1e6, "hidden_act": "silu", "use_sliding_window": false,
		"tie_word_embeddings": true, "torch_dtype": "float32"
	})
}

/// Writes `config` and 32-bit weights from `seed` into `directory`, which is made if it is missing.
/// The weights are the same on every machine. There is no tokenizer.
pub fn write_random_checkpoint(
	directory: &Path,
	config: &Value,
	seed: u64,
) -> Result<ModelConfig, RandomCheckpointError> {
	let write = |name: &str, bytes: &[u8]| {
		let path = directory.join(name);
		fs::write(&path, bytes).map_err(|source| RandomCheckpointError::Write { path, source })
	};
	let failed = |path: &Path| {
		let path = path.to_path_buf();
		|source| RandomCheckpointError::Write { path, source }
	};
	fs::create_dir_all(directory).map_err(failed(directory))?;
	write("config.json", format!("{config:#}\n").as_bytes())?;
	let config = Checkpoint::open(directory)?.config;
	let path = directory.join("model.safetensors");
	write_weights(&path, &config.tensors(), seed).map_err(failed(&path))?;
	Ok(config)
}

fn write_weights(path: &Path, tensors: &[(String, Vec<usize>)], seed: u64) -> io::Result<()> {
	let mut header = Map::new();
	let mut offset = 0;
	for (name, shape) in tensors {
		let end = offset + shape.iter().product::<usize>() * size_of::<f32>();
		let entry = json!({"dtype": "F32", "shape": shape, "data_offsets": [offset, end]});
		header.insert(name.clone(), entry);
		offset = end;
	}
	let mut header = Value::Object(header).to_string();
	// The data begin at a multiple of eight, which lets readers use them in place.
	header.extend(std::iter::repeat_n(
		' ',
		header.len().next_multiple_of(8) - header.len(),
	));
	let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
	file.write_all(&(header.len() as u64).to_le_bytes())?;
	file.write_all(header.as_bytes())?;
	let mut random = SplitMix(seed);
	for (name, shape) in tensors {
		let count: usize = shape.iter().product();
		let is_norm = name.ends_with("norm.weight");
		for _ in 0..count {
			let value = if is_norm {
				1.0
			} else {
				random.uniform() * DEVIATION * 3.0_f32.sqrt()
			};
			file.write_all(&value.to_le_bytes())?;
		}
	}
	file.flush()
}

/// Steele, Lea and Flood's SplitMix64.
struct SplitMix(u64);

impl SplitMix {
	/// In [−1, 1).
	fn uniform(&mut self) -> f32 {
		self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
		let mut word = self.0;
		word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
		word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
		word ^= word >> 31;
		(word >> 40) as f32 / (1 << 23) as f32 - 1.0
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{Device, Engine};
	use infergrid_checkpoint::Weights;

	fn config(kind: &str) -> Value {
		json!({"model_type": kind, "vocab_size": 40, "hidden_size": 16, "intermediate_size": 24,
			"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
			"head_dim": 8, "max_position_embeddings": 64})
	}

	#[test]
	fn every_family_loads_and_has_the_counted_parameters() {
		for kind in ["llama", "qwen2", "qwen3", "mistral"] {
			let directory = tempfile::tempdir().unwrap();
			let written = write_random_checkpoint(directory.path(), &config(kind), 1).unwrap();
			let weights = Weights::open(directory.path()).unwrap();
			let total: usize = weights
				.tensors()
				.iter()
				.map(|(.., shape)| shape.iter().product::<usize>())
				.sum();
			assert_eq!(total as u64, written.parameters(), "{kind}");
			Engine::load(directory.path(), Device::Cpu)
				.unwrap()
				.forward(&[1, 2, 3])
				.unwrap();
		}
	}

	#[test]
	fn a_seed_gives_the_same_weights() {
		let bytes = |seed| {
			let directory = tempfile::tempdir().unwrap();
			write_random_checkpoint(directory.path(), &config("llama"), seed).unwrap();
			fs::read(directory.path().join("model.safetensors")).unwrap()
		};
		assert_eq!(bytes(5), bytes(5));
		assert_ne!(bytes(5), bytes(6));
	}
}

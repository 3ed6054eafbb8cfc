//! Checkpoints as people have them, made from those of `fixtures/make.py`: the same model must come out
//! of another form of its files, and a damaged or foreign one must be refused by name.

#![allow(
	clippy::disallowed_methods,
	clippy::unwrap_used,
	reason = "tests are not bound by what binds the libraries"
)]

use infergrid_engine::{Device, Engine};
use safetensors::{
	Dtype, SafeTensors,
	tensor::{TensorView, serialize_to_file},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, path::PathBuf};
use tempfile::TempDir;

const TOLERANCE: f64 = 1e-4;

type Tensor = (Dtype, Vec<usize>, Vec<u8>);

/// A fixture's files, to be changed.
struct Files {
	fixture: PathBuf,
	config: Value,
	tensors: BTreeMap<String, Tensor>,
}

fn files(name: &str) -> Files {
	let fixture = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap())
		.join("fixtures")
		.join(name);
	let bytes = fs::read(fixture.join("model.safetensors")).unwrap();
	let tensors = SafeTensors::deserialize(&bytes)
		.unwrap()
		.iter()
		.map(|(name, view)| {
			let tensor = (view.dtype(), view.shape().to_vec(), view.data().to_vec());
			(name.to_owned(), tensor)
		})
		.collect();
	let config = fs::read(fixture.join("config.json")).unwrap();
	Files {
		config: serde_json::from_slice(&config).unwrap(),
		fixture,
		tensors,
	}
}

impl Files {
	fn write(&self) -> TempDir {
		let directory = tempfile::tempdir().unwrap();
		fs::write(
			directory.path().join("config.json"),
			self.config.to_string(),
		)
		.unwrap();
		let views = self.tensors.iter().map(|(name, (dtype, shape, bytes))| {
			let view = TensorView::new(*dtype, shape.clone(), bytes).unwrap();
			(name.clone(), view)
		});
		serialize_to_file(views, None, &directory.path().join("model.safetensors")).unwrap();
		directory
	}

	fn rename(&mut self, new: impl Fn(&str) -> String) {
		let tensors = std::mem::take(&mut self.tensors);
		self.tensors = tensors
			.into_iter()
			.map(|(name, tensor)| (new(&name), tensor))
			.collect();
	}

	/// Whether it computes what `transformers` computed with the fixture.
	fn equals_the_fixture(&self) -> bool {
		let directory = self.write();
		let reference = self.fixture.join("reference.safetensors");
		let engine = Engine::load(directory.path(), Device::Cpu).unwrap();
		engine.check(&reference, TOLERANCE).unwrap().passes()
	}

	fn refusal(&self) -> String {
		let directory = self.write();
		Engine::load(directory.path(), Device::Cpu)
			.unwrap_err()
			.to_string()
	}
}

#[test]
fn names_without_the_prefix_are_the_same_model() {
	for name in ["qwen3", "mistral-window"] {
		let mut files = files(name);
		files.rename(|name| name.trim_start_matches("model.").to_owned());
		assert!(files.equals_the_fixture(), "{name}");
	}
}

#[test]
fn a_tied_model_may_hold_its_matrix_under_either_name_or_both() {
	let mut files = files("qwen3");
	let embedding = files.tensors["model.embed_tokens.weight"].clone();
	files.tensors.insert("lm_head.weight".into(), embedding);
	assert!(files.equals_the_fixture());
	files.tensors.remove("model.embed_tokens.weight");
	assert!(files.equals_the_fixture());
}

#[test]
fn of_two_matrices_that_differ_both_are_used_whatever_the_flag_says() {
	let mut files = files("mistral-window");
	assert_eq!(files.config["tie_word_embeddings"], false);
	files.config["tie_word_embeddings"] = json!(true);
	assert!(files.equals_the_fixture());
}

#[test]
fn what_is_computed_anyway_may_lie_in_the_file() {
	let mut files = files("qwen3");
	let frequencies = (Dtype::F32, vec![2], vec![0; 8]);
	let name = "model.layers.0.self_attn.rotary_emb.inv_freq";
	files.tensors.insert(name.into(), frequencies);
	assert!(files.equals_the_fixture());
}

#[test]
fn tensors_without_a_place_are_refused() {
	let vector: Tensor = (Dtype::F32, vec![1], vec![0; 4]);
	for name in [
		"model.layers.0.self_attn.q_proj.bias",
		"model.layers.0.pre_feedforward_layernorm.weight",
		"model.layers.3.input_layernorm.weight",
		"score.weight",
		"vision_tower.patch.weight",
	] {
		let mut files = files("qwen3");
		files.tensors.insert(name.into(), vector.clone());
		let message = files.refusal();
		assert!(message.contains(name), "{message}");
	}
	// A norm of queries that the family does not have.
	let mut files = files("qwen3");
	files.config["model_type"] = json!("mistral");
	files.config["architectures"] = json!(["MistralForCausalLM"]);
	let message = files.refusal();
	assert!(message.contains("self_attn.k_norm.weight"), "{message}");
}

#[test]
fn damaged_weights_are_refused_by_name() {
	for (bits, name) in [
		(f32::NAN.to_le_bytes(), "model.layers.1.mlp.up_proj.weight"),
		(f32::INFINITY.to_le_bytes(), "model.norm.weight"),
		(f32::NEG_INFINITY.to_le_bytes(), "lm_head.weight"),
	] {
		let mut files = files("mistral-window");
		let (_, _, bytes) = files.tensors.get_mut(name).unwrap();
		let last = bytes.len() - 4;
		bytes[last..].copy_from_slice(&bits);
		let message = files.refusal();
		assert!(message.contains(name), "{message}");
		assert!(message.contains("NaN or infinity"), "{message}");
	}
}

#[test]
fn a_model_without_a_head_is_refused_as_such() {
	let mut files = files("mistral-window");
	files.tensors.remove("lm_head.weight");
	let message = files.refusal();
	assert!(message.contains("without output head"), "{message}");
	files.tensors.remove("model.norm.weight");
	files.config["tie_word_embeddings"] = json!(true);
	let message = files.refusal();
	assert!(
		message.contains("model.norm.weight is missing"),
		"{message}"
	);
}

#[test]
fn linear_scaling_is_for_positions_beyond_the_trained_ones() {
	let mut files = files("qwen3");
	files.config["max_position_embeddings"] = json!(16);
	files.config["rope_scaling"] = json!({"type": "linear", "factor": 4.0});
	let directory = files.write();
	let engine = Engine::load(directory.path(), Device::Cpu).unwrap();
	assert_eq!(engine.config().context, 64);
	engine.forward(&[5; 64]).unwrap();
	let message = engine.forward(&[5; 65]).unwrap_err().to_string();
	assert!(message.contains("exceed the context of 64"), "{message}");
}

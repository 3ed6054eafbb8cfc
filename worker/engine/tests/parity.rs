//! The four families against Hugging Face `transformers`, and the engine against itself.
//!
//! The references are made by `fixtures/make.py`.

#![allow(
	clippy::disallowed_methods,
	clippy::unwrap_used,
	reason = "tests are not bound by what binds the libraries"
)]

use infergrid_engine::{CheckReport, Device, Engine};
use infergrid_primitives::TokenId;
use safetensors::{
	Dtype,
	tensor::{TensorView, serialize_to_file},
};
use std::{fs, path::PathBuf};

const FIXTURES: [&str; 6] = [
	"llama-tied-llama3",
	"llama-untied-biased",
	"qwen2-sharded",
	"qwen2-window",
	"qwen3",
	"mistral-window",
];
const TOLERANCE: f64 = 1e-4;

fn fixture(name: &str) -> PathBuf {
	PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap())
		.join("fixtures")
		.join(name)
}

fn engine(name: &str) -> Engine {
	Engine::load(fixture(name), Device::Cpu).unwrap()
}

fn check(name: &str) -> CheckReport {
	engine(name)
		.check(&fixture(name).join("reference.safetensors"), TOLERANCE)
		.unwrap()
}

fn ids(count: usize) -> Vec<TokenId> {
	(0..count as u32).map(|i| 3 + i * 37 % 300).collect()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
	assert_eq!(a.len(), b.len());
	a.iter()
		.zip(b)
		.map(|(x, y)| (x - y).abs())
		.fold(0.0, f32::max)
}

#[test]
fn equals_transformers_in_every_layer_and_greedily() {
	for name in FIXTURES {
		let report = check(name);
		assert!(report.passes(), "{name}: {report:?}");
		assert_eq!(
			report.hidden_states.len(),
			4,
			"{name}: embedding, two layers, last norm"
		);
		assert_eq!(report.greedy_equal, Some(true), "{name}");
		assert_eq!(report.shape, [2, 40]);
	}
}

#[test]
fn a_changed_weight_shows() {
	let directory = tempfile::tempdir().unwrap();
	for entry in fs::read_dir(fixture("qwen3")).unwrap() {
		let path = entry.unwrap().path();
		fs::copy(&path, directory.path().join(path.file_name().unwrap())).unwrap();
	}
	let weights = directory.path().join("model.safetensors");
	let mut bytes = fs::read(&weights).unwrap();
	let last = bytes.len() - 2;
	bytes[last] ^= 0x40;
	fs::write(&weights, bytes).unwrap();
	let engine = Engine::load(directory.path(), Device::Cpu).unwrap();
	let report = engine
		.check(&fixture("qwen3").join("reference.safetensors"), TOLERANCE)
		.unwrap();
	assert!(!report.passes(), "{report:?}");
}

#[test]
fn old_and_new_configurations_are_one_model() {
	let new = fixture("llama-tied-llama3");
	let directory = tempfile::tempdir().unwrap();
	fs::copy(
		new.join("config.old.json"),
		directory.path().join("config.json"),
	)
	.unwrap();
	fs::copy(
		new.join("model.safetensors"),
		directory.path().join("model.safetensors"),
	)
	.unwrap();
	let old = Engine::load(directory.path(), Device::Cpu).unwrap();
	assert!(
		old.check(&new.join("reference.safetensors"), TOLERANCE)
			.unwrap()
			.passes()
	);
}

#[test]
fn one_token_at_a_time_equals_one_pass() {
	let ids = ids(60);
	for name in FIXTURES {
		let engine = engine(name);
		let whole = engine.forward(&ids).unwrap();
		let (width, vocab) = (engine.config().hidden_size, engine.config().vocab_size);
		let mut cache = engine.cache(1);
		for (position, id) in ids.iter().enumerate() {
			let hidden = engine.extend(&[*id], &mut cache).unwrap();
			let expected = whole.hidden_states.last().unwrap();
			let expected = &expected[position * width..(position + 1) * width];
			let difference = largest_difference(&hidden, expected);
			assert!(difference <= 1e-5, "{name} at {position}: {difference}");
			let logits = engine.logits(&hidden).unwrap();
			let expected = &whole.logits[position * vocab..(position + 1) * vocab];
			let difference = largest_difference(&logits, expected);
			assert!(difference <= 1e-5, "{name} at {position}: {difference}");
		}
	}
}

#[test]
fn uneven_pieces_equal_one_pass_beyond_the_first_capacity() {
	// The fixtures end at 256 positions; this one is told that it has more.
	let directory = tempfile::tempdir().unwrap();
	let from = fixture("mistral-window");
	let config = fs::read_to_string(from.join("config.json")).unwrap();
	let config = config.replace(
		"\"max_position_embeddings\": 256",
		"\"max_position_embeddings\": 1024",
	);
	fs::write(directory.path().join("config.json"), config).unwrap();
	fs::copy(
		from.join("model.safetensors"),
		directory.path().join("model.safetensors"),
	)
	.unwrap();
	let engine = Engine::load(directory.path(), Device::Cpu).unwrap();

	let ids = ids(600);
	let whole = engine.extend(&ids, &mut engine.cache(ids.len())).unwrap();
	let mut cache = engine.cache(1);
	let mut hidden = Vec::new();
	for piece in [
		&ids[..1],
		&ids[1..250],
		&ids[250..257],
		&ids[257..599],
		&ids[599..],
	] {
		hidden = engine.extend(piece, &mut cache).unwrap();
	}
	assert_eq!(cache.capacity(), 1_024);
	assert!(largest_difference(&hidden, &whole) <= 1e-5);
}

#[test]
fn one_request_leaves_nothing_behind_for_the_next() {
	let (a, b) = (ids(40), ids(23));
	for name in FIXTURES {
		let engine = engine(name);
		let first = engine.forward(&a).unwrap();
		engine.forward(&b).unwrap();
		let again = engine.forward(&a).unwrap();
		assert_eq!(first.logits, again.logits, "{name}");
		assert_eq!(first.hidden_states, again.hidden_states, "{name}");
	}
}

#[test]
fn bad_input_is_refused() {
	let engine = engine("qwen3");
	let message = |ids: &[TokenId]| engine.forward(ids).unwrap_err().to_string();
	assert_eq!(message(&[]), "the prompt is empty");
	assert!(message(&[320]).contains("token id 320 is outside the vocabulary of 320"));
	assert!(message(&ids(257)).contains("exceed the context of 256"));
	let missing = Engine::load(fixture("nothing"), Device::Cpu)
		.unwrap_err()
		.to_string();
	assert!(missing.contains("is not a directory"), "{missing}");
}

#[test]
fn a_reference_that_does_not_fit_is_refused_with_the_format() {
	let engine = engine("qwen3");
	let directory = tempfile::tempdir().unwrap();
	let path = directory.path().join("reference.safetensors");
	let message = || engine.check(&path, TOLERANCE).unwrap_err().to_string();
	assert!(message().contains("cannot read"));
	fs::write(&path, b"nonsense").unwrap();
	assert!(message().contains("a reference holds input_ids [B,T]"));

	let bytes = vec![0; 4_096];
	let write = |tensors: &[(&str, Dtype, &[usize])]| {
		let views = tensors.iter().map(|(name, dtype, shape)| {
			let size = shape.iter().product::<usize>() * dtype.bitsize() / 8;
			(
				*name,
				TensorView::new(*dtype, shape.to_vec(), &bytes[..size]).unwrap(),
			)
		});
		serialize_to_file(views, None, &path).unwrap();
	};
	let ids = ("input_ids", Dtype::I64, &[1, 2][..]);
	for (tensors, part) in [
		(vec![("logits", Dtype::F32, &[1, 2, 320][..])], "input_ids"),
		(
			vec![("input_ids", Dtype::I64, &[2])],
			"input_ids is not [B,T]",
		),
		(
			vec![("input_ids", Dtype::I64, &[0, 2])],
			"input_ids is empty",
		),
		(
			vec![("input_ids", Dtype::F32, &[1, 2])],
			"input_ids is F32, not I64",
		),
		(vec![ids], "logits"),
		(
			vec![ids, ("logits", Dtype::F32, &[1, 2, 319])],
			"not [1, 2, 320]",
		),
		(
			vec![ids, ("logits", Dtype::F16, &[1, 2, 320])],
			"logits is F16, not F32",
		),
	] {
		write(&tensors);
		assert!(message().contains(part), "{part}: {}", message());
	}
}

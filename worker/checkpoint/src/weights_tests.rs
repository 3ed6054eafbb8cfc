use super::*;
use safetensors::tensor::{TensorView, serialize_to_file};
use serde_json::json;
use std::fs;

fn write(path: &Path, tensors: &[(&str, Dtype, &[usize])]) {
	let bytes: Vec<u8> = (0..64).collect();
	let views = tensors.iter().map(|(name, dtype, shape)| {
		let length = shape.iter().product::<usize>() * dtype.bitsize() / 8;
		(
			*name,
			TensorView::new(*dtype, shape.to_vec(), &bytes[..length]).unwrap(),
		)
	});
	serialize_to_file(views, None, path).unwrap();
}

fn open_error(directory: &Path) -> String {
	Weights::open(directory).unwrap_err().to_string()
}

#[test]
fn reads_one_file() {
	let directory = tempfile::tempdir().unwrap();
	write(
		&directory.path().join("model.safetensors"),
		&[("a", Dtype::F32, &[2, 3]), ("b", Dtype::I64, &[1])],
	);
	let weights = Weights::open(directory.path()).unwrap();
	let a = weights.tensor("a", &[2, 3]).unwrap();
	assert_eq!(
		(a.dtype, a.shape.as_slice(), a.as_ref().len()),
		(Dtype::F32, &[2, 3][..], 24)
	);
	assert_eq!(a.as_ref(), (0..24).collect::<Vec<u8>>());
	assert!(weights.contains("b") && !weights.contains("c"));
	assert!(matches!(
		weights.tensor("a", &[3, 2]),
		Err(WeightsError::Shape { .. })
	));
	assert!(matches!(
		weights.tensor("b", &[1]),
		Err(WeightsError::Dtype { .. })
	));
	assert!(matches!(
		weights.tensor("c", &[1]),
		Err(WeightsError::NoTensor { .. })
	));
}

#[test]
fn reads_shards_as_the_index_says() {
	let directory = tempfile::tempdir().unwrap();
	let at = |name: &str| directory.path().join(name);
	write(
		&at("one.safetensors"),
		&[("a", Dtype::F32, &[2]), ("b", Dtype::F32, &[3])],
	);
	write(&at("two.safetensors"), &[("b", Dtype::F32, &[4])]);
	let index = |map| {
		fs::write(
			at("model.safetensors.index.json"),
			json!({"metadata": {}, "weight_map": map}).to_string(),
		)
	};
	index(json!({"a": "one.safetensors", "b": "two.safetensors"})).unwrap();
	let weights = Weights::open(directory.path()).unwrap();
	assert_eq!(weights.tensors().len(), 2);
	weights.tensor("b", &[4]).unwrap();
	index(json!({"a": "one.safetensors", "c": "two.safetensors"})).unwrap();
	// What the index lists and no file has may not be needed: a tied head, for instance.
	let weights = Weights::open(directory.path()).unwrap();
	assert!(matches!(
		weights.tensor("c", &[1]),
		Err(WeightsError::NoTensor { .. })
	));
}

#[test]
fn shards_stay_inside_the_directory() {
	for name in [
		"../secret.safetensors",
		"/etc/passwd",
		"a/b.safetensors",
		".",
		"",
	] {
		let directory = tempfile::tempdir().unwrap();
		let index = json!({"weight_map": {"a": name}}).to_string();
		fs::write(directory.path().join("model.safetensors.index.json"), index).unwrap();
		assert!(
			open_error(directory.path()).contains("plain file name"),
			"{name}"
		);
	}
}

#[test]
fn broken_files_are_named() {
	let directory = tempfile::tempdir().unwrap();
	let path = directory.path().join("model.safetensors");
	assert!(open_error(directory.path()).contains("neither model.safetensors nor"));
	write(&path, &[("a", Dtype::F32, &[4])]);
	let whole = fs::read(&path).unwrap();
	for broken in [
		&whole[..4],
		&whole[..whole.len() - 1],
		b"\xff\xff\xff\xff\xff\xff\xff\xff{}",
	] {
		fs::write(&path, broken).unwrap();
		let message = open_error(directory.path());
		assert!(message.contains("model.safetensors: "), "{message}");
	}
	fs::remove_file(&path).unwrap();
	fs::write(
		directory.path().join("model.safetensors.index.json"),
		r#"{"weight_map": 3}"#,
	)
	.unwrap();
	assert!(open_error(directory.path()).contains("model.safetensors.index.json"));
}

fn config() -> crate::ModelConfig {
	crate::config::tests::read_text("{}").unwrap().0
}

fn index(directory: &Path, map: serde_json::Value) {
	let text = json!({ "weight_map": map }).to_string();
	fs::write(directory.join("model.safetensors.index.json"), text).unwrap();
}

#[test]
fn files_that_nothing_needs_may_be_absent() {
	let directory = tempfile::tempdir().unwrap();
	let path = directory.path();
	write(
		&path.join("1.safetensors"),
		&[("model.norm.weight", Dtype::F32, &[2])],
	);
	index(
		path,
		json!({"model.norm.weight": "1.safetensors", "vision.weight": "2.safetensors"}),
	);
	let weights = Weights::open(path).unwrap();
	weights.tensor("model.norm.weight", &[2]).unwrap();
	weights.check_all_used().unwrap();
	let names = needed_files(path, &config()).unwrap();
	assert_eq!(names, ["1.safetensors", "model.safetensors.index.json"]);

	// Those that are needed are named.
	index(
		path,
		json!({"norm.weight": "1.safetensors", "layers.0.mlp.up_proj.weight": "2.safetensors"}),
	);
	let weights = Weights::open(path).unwrap();
	for message in [
		weights
			.tensor("model.layers.0.mlp.up_proj.weight", &[1])
			.unwrap_err()
			.to_string(),
		needed_files(path, &config()).unwrap_err().to_string(),
	] {
		assert!(message.contains("2.safetensors is missing"), "{message}");
		assert!(message.contains("mlp.up_proj"), "{message}");
	}
}

#[test]
fn a_bare_decoder_has_the_names_of_a_whole_one() {
	let directory = tempfile::tempdir().unwrap();
	let path = directory.path().join("model.safetensors");
	let layer = ("layers.0.mlp.up_proj.weight", Dtype::F32, &[2][..]);
	write(&path, &[layer, ("lm_head.weight", Dtype::F32, &[3])]);
	let weights = Weights::open(directory.path()).unwrap();
	weights
		.tensor("model.layers.0.mlp.up_proj.weight", &[2])
		.unwrap();
	weights.tensor("lm_head.weight", &[3]).unwrap();
	weights.check_all_used().unwrap();
	write(&path, &[layer]);
	let weights = Weights::open(directory.path()).unwrap();
	let message = weights
		.tensor("lm_head.weight", &[3])
		.unwrap_err()
		.to_string();
	assert!(
		message.contains("a bare model without output head"),
		"{message}"
	);
}

#[test]
fn tensors_that_nobody_asks_for_are_named() {
	let directory = tempfile::tempdir().unwrap();
	let path = directory.path().join("model.safetensors");
	write(
		&path,
		&[
			("model.norm.weight", Dtype::F32, &[2]),
			(
				"model.layers.0.self_attn.rotary_emb.inv_freq",
				Dtype::F32,
				&[2],
			),
			("score.weight", Dtype::F32, &[2]),
		],
	);
	let weights = Weights::open(directory.path()).unwrap();
	weights.tensor("model.norm.weight", &[2]).unwrap();
	let message = weights.check_all_used().unwrap_err().to_string();
	assert!(
		message.contains("1 tensors such as score.weight (the head of a classifier"),
		"{message}"
	);
}

#[test]
fn a_tied_flag_holds_unless_two_matrices_differ() {
	let directory = tempfile::tempdir().unwrap();
	let path = directory.path().join("model.safetensors");
	let tied = crate::config::tests::read_text(r#"{"tie_word_embeddings": true}"#);
	let tied = tied.unwrap().0;
	let opened = |tensors: &[(&str, Dtype, &[usize])]| {
		write(&path, tensors);
		Weights::open(directory.path()).unwrap()
	};
	let [embedding, head] = [EMBEDDING, HEAD].map(|name| (name, Dtype::F32, &[2, 2][..]));
	assert!(opened(&[embedding, head]).is_tied(&tied));
	assert!(opened(&[head]).is_tied(&tied));
	assert_eq!(opened(&[head]).tied_name(), HEAD);
	assert_eq!(opened(&[embedding]).tied_name(), EMBEDDING);
	assert!(!opened(&[embedding, (HEAD, Dtype::F32, &[2, 3])]).is_tied(&tied));
	assert!(!opened(&[embedding]).is_tied(&config()));
}

#[test]
fn a_wrapper_that_was_saved_with_the_model_is_named() {
	let directory = tempfile::tempdir().unwrap();
	let path = directory.path().join("model.safetensors");
	for (prefix, decoder) in [
		("module.", "model."),
		("_orig_mod.", "model."),
		("base_model.model.", "model."),
		("module._orig_mod.", ""),
	] {
		let wrapped = format!("{prefix}{decoder}embed_tokens.weight");
		write(&path, &[(&wrapped, Dtype::F32, &[2])]);
		let weights = Weights::open(directory.path()).unwrap();
		let message = weights.tensor(EMBEDDING, &[2]).unwrap_err().to_string();
		assert!(
			message.contains(&format!("whose prefix is {prefix};")),
			"{message}"
		);
	}
	write(&path, &[("model.norm.weight", Dtype::F32, &[2])]);
	let weights = Weights::open(directory.path()).unwrap();
	assert!(matches!(
		weights.tensor("model.layers.0.mlp.up_proj.weight", &[2]),
		Err(WeightsError::NoTensor { .. })
	));
}

#[test]
fn other_forms_of_weights_are_named() {
	let directory = tempfile::tempdir().unwrap();
	fs::write(directory.path().join("pytorch_model.bin"), b"x").unwrap();
	let message = open_error(directory.path());
	assert!(message.contains("(there is pytorch_model.bin"), "{message}");
	let path = directory.path().join("model.safetensors");
	let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
	fs::write(&path, pointer).unwrap();
	assert!(open_error(directory.path()).contains("git lfs pull"));
	for name in [
		"q.qweight",
		"q.scales",
		"q.weight_packed",
		"q.weight.absmax",
		"q.SCB",
	] {
		write(&path, &[(name, Dtype::U8, &[2])]);
		let message = open_error(directory.path());
		assert!(message.contains("quantised weights"), "{message}");
	}
}

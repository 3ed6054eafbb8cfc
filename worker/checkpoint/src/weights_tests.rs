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
		&directory.path().join(SINGLE),
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
			at(INDEX),
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
		fs::write(directory.path().join(INDEX), index).unwrap();
		assert!(
			open_error(directory.path()).contains("plain file name"),
			"{name}"
		);
	}
}

#[test]
fn broken_files_are_named() {
	let directory = tempfile::tempdir().unwrap();
	let path = directory.path().join(SINGLE);
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
	fs::write(directory.path().join(INDEX), r#"{"weight_map": 3}"#).unwrap();
	assert!(open_error(directory.path()).contains(INDEX));
}

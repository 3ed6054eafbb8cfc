//! From the checkpoint's bytes to tensors. 16-bit weights become 32-bit ones here.

use crate::linear::{Linear, Matrix, tensor};
use burn::tensor::{Device, Tensor};
use bytes::Bytes;
use half::{bf16, f16};
use infergrid_checkpoint::{Dtype, RawTensor, Weights, WeightsError};
use rayon::prelude::*;

#[cfg(target_endian = "big")]
compile_error!("safetensors are little-endian and are used in place");

/// Values that one thread looks at in a row.
const FINITE_BLOCK: usize = 1 << 16;

/// Reads tensors by name onto a device.
pub(crate) struct Loader<'a> {
	pub(crate) weights: &'a Weights,
	pub(crate) device: &'a Device,
	/// Keep the bytes for the processor's own kernels.
	pub(crate) shared: bool,
}

impl Loader<'_> {
	/// The matrix `name` of `[rows, columns]`.
	pub(crate) fn matrix(&self, name: &str, shape: [usize; 2]) -> Result<Matrix, WeightsError> {
		let bytes = as_f32(self.weights.tensor(name, &shape)?);
		check_finite(name, &bytes)?;
		Ok(match self.shared {
			true => Matrix::shared(bytes, shape, self.device),
			false => Matrix::on_device(bytes, shape, self.device),
		})
	}

	/// The vector `name` of `length` values.
	pub(crate) fn vector(&self, name: &str, length: usize) -> Result<Tensor<1>, WeightsError> {
		let bytes = as_f32(self.weights.tensor(name, &[length])?);
		check_finite(name, &bytes)?;
		Ok(tensor(bytes, [length], self.device))
	}

	/// The layer `name` with `name.weight` of `[out, in]` and, if it is `biased`, `name.bias`.
	pub(crate) fn linear(
		&self,
		name: &str,
		[out, input]: [usize; 2],
		biased: bool,
	) -> Result<Linear, WeightsError> {
		let bias = biased
			.then(|| self.vector(&format!("{name}.bias"), out))
			.transpose()?;
		Ok(Linear {
			weight: self.matrix(&format!("{name}.weight"), [out, input])?,
			bias,
		})
	}
}

/// Refuses NaN and infinity, of which every answer would be made.
fn check_finite(name: &str, bytes: &Bytes) -> Result<(), WeightsError> {
	let values: &[f32] = bytemuck::cast_slice(bytes);
	let finite = values
		.par_chunks(FINITE_BLOCK)
		.all(|block| block.iter().all(|value| value.is_finite()));
	match finite {
		true => Ok(()),
		false => Err(WeightsError::NotFinite {
			name: name.to_owned(),
		}),
	}
}

/// The tensor's values as 32-bit floats: its own bytes where they are that already.
fn as_f32(raw: RawTensor) -> Bytes {
	let bytes = raw.as_ref();
	let in_place = bytes.as_ptr().cast::<f32>().is_aligned();
	match raw.dtype {
		Dtype::F32 if in_place => Bytes::from_owner(raw),
		Dtype::F32 => convert(bytes, f32::from_le_bytes),
		Dtype::BF16 => convert(bytes, |pair| bf16::from_le_bytes(pair).to_f32()),
		_ => convert(bytes, |pair| f16::from_le_bytes(pair).to_f32()),
	}
}

fn convert<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Bytes {
	struct Floats(Vec<f32>);
	impl AsRef<[u8]> for Floats {
		fn as_ref(&self) -> &[u8] {
			bytemuck::cast_slice(&self.0)
		}
	}
	Bytes::from_owner(Floats(
		bytes
			.as_chunks()
			.0
			.iter()
			.map(|item| value(*item))
			.collect(),
	))
}

#[cfg(test)]
mod tests {
	use super::*;
	use safetensors::tensor::{TensorView, serialize_to_file};

	#[test]
	fn every_format_becomes_the_same_floats() {
		let values = [0.0_f32, 1.0, -2.5, 0.15625, 65_280.0];
		let encodings: [(Dtype, Vec<u8>); 3] = [
			(
				Dtype::F32,
				values.iter().flat_map(|v| v.to_le_bytes()).collect(),
			),
			(
				Dtype::F16,
				values
					.iter()
					.flat_map(|v| f16::from_f32(*v).to_le_bytes())
					.collect(),
			),
			(
				Dtype::BF16,
				values
					.iter()
					.flat_map(|v| bf16::from_f32(*v).to_le_bytes())
					.collect(),
			),
		];
		let directory = tempfile::tempdir().unwrap();
		let path = directory.path().join("model.safetensors");
		for (dtype, bytes) in &encodings {
			let view = TensorView::new(*dtype, vec![values.len()], bytes).unwrap();
			serialize_to_file([("v", view)], None, &path).unwrap();
			let weights = Weights::open(directory.path()).unwrap();
			let read = as_f32(weights.tensor("v", &[values.len()]).unwrap());
			assert_eq!(bytemuck::cast_slice::<u8, f32>(&read), values, "{dtype}");
		}
	}

	#[test]
	fn floats_in_place_are_not_copied() {
		let directory = tempfile::tempdir().unwrap();
		let view = TensorView::new(Dtype::F32, vec![2], &[0; 8]).unwrap();
		serialize_to_file(
			[("v", view)],
			None,
			&directory.path().join("model.safetensors"),
		)
		.unwrap();
		let raw = Weights::open(directory.path())
			.unwrap()
			.tensor("v", &[2])
			.unwrap();
		let place = raw.as_ref().as_ptr();
		assert_eq!(as_f32(raw).as_ptr(), place);
	}
}

//! Matrices of weights, kept as the checkpoint has them: [out, in].

use crate::gemv::gemv;
use burn::tensor::{AllocationProperty, Bytes, DType, Device, Int, Tensor, TensorData};
use bytes::Bytes as SharedBytes;

/// A matrix of weights `[rows, columns]`.
///
/// On the processor the tensor and the matrix-vector product read the same bytes, which may be those
/// of the mapped file: weights are in memory once, and once for all processes that map the file.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
	tensor: Tensor<2>,
	shared: Option<SharedBytes>,
	shape: [usize; 2],
}

impl Matrix {
	/// A matrix whose bytes stay where they are: little-endian 32-bit floats, aligned.
	pub(crate) fn shared(bytes: SharedBytes, shape: [usize; 2], device: &Device) -> Self {
		Self {
			tensor: tensor(bytes.clone(), shape, device),
			shared: Some(bytes),
			shape,
		}
	}

	/// A matrix that lives on the device only.
	pub(crate) fn on_device(bytes: SharedBytes, shape: [usize; 2], device: &Device) -> Self {
		Self {
			tensor: tensor(bytes, shape, device),
			shared: None,
			shape,
		}
	}

	/// Rows `ids`: `[ids, columns]`.
	pub(crate) fn rows(&self, ids: Tensor<1, Int>) -> Tensor<2> {
		self.tensor.clone().select(0, ids)
	}

	/// `input · selfᵀ`: `[T, columns]` → `[T, rows]`.
	pub(crate) fn apply(&self, input: Tensor<2>) -> Tensor<2> {
		let [tokens, _] = input.dims();
		match &self.shared {
			Some(bytes) if tokens == 1 => self.apply_to_one(bytes, input),
			_ => input.matmul(self.tensor.clone().transpose()),
		}
	}

	fn apply_to_one(&self, bytes: &SharedBytes, input: Tensor<2>) -> Tensor<2> {
		let device = input.device();
		let vector = input.into_data();
		let mut out = vec![0.0; self.shape[0]];
		gemv(bytemuck::cast_slice(bytes), floats(&vector), &mut out);
		Tensor::from_data(TensorData::new(out, [1, self.shape[0]]), &device)
	}
}

/// The values of data that is known to be 32-bit floats.
pub(crate) fn floats(data: &TensorData) -> &[f32] {
	bytemuck::cast_slice(data.as_bytes())
}

/// A tensor of the checkpoint: little-endian 32-bit floats, aligned, not copied on the processor.
pub(crate) fn tensor<const D: usize>(
	bytes: SharedBytes,
	shape: [usize; D],
	device: &Device,
) -> Tensor<D> {
	let bytes = Bytes::from_shared(bytes, AllocationProperty::File);
	Tensor::from_data(
		TensorData::from_bytes(bytes, shape, DType::F32),
		(device, DType::F32),
	)
}

/// A linear layer: `x · Wᵀ + b`.
#[derive(Clone, Debug)]
pub(crate) struct Linear {
	pub(crate) weight: Matrix,
	pub(crate) bias: Option<Tensor<1>>,
}

impl Linear {
	/// `[T, in]` → `[T, out]`.
	pub(crate) fn forward(&self, input: Tensor<2>) -> Tensor<2> {
		let output = self.weight.apply(input);
		match &self.bias {
			Some(bias) => output + bias.clone().unsqueeze(),
			None => output,
		}
	}
}

//! Copies of a model with other weights: what a miner would run to save money.

use anyhow::{Context, Result, bail};
use half::bf16;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::{fs, path::Path};

/// Copies the model in `from` to the new directory `to` with its matrices rounded to 4 bits in groups
/// of 32: the model, but cheaper. The weights must lie in one `model.safetensors` in bf16 or f32.
pub fn four_bit_copy(from: &Path, to: &Path) -> Result<()> {
	fs::create_dir_all(to)?;
	for entry in fs::read_dir(from)? {
		let entry = entry?;
		if entry.file_type()?.is_file() {
			fs::copy(entry.path(), to.join(entry.file_name()))?;
		}
	}
	let path = to.join("model.safetensors");
	let bytes = fs::read(&path).with_context(|| format!("no weights in {}", from.display()))?;
	let tensors = SafeTensors::deserialize(&bytes)?;
	let rounded: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = tensors
		.tensors()
		.into_iter()
		.map(|(name, tensor)| {
			let mut values = floats(&tensor)?;
			// Norms stay: a matrix has two dimensions.
			if tensor.shape().len() == 2 {
				round(&mut values);
			}
			let content = bytes_of(&values, tensor.dtype())?;
			Ok((name, tensor.dtype(), tensor.shape().to_vec(), content))
		})
		.collect::<Result<_>>()?;
	let views = rounded
		.iter()
		.map(|(name, dtype, shape, content)| {
			Ok((
				name.as_str(),
				TensorView::new(*dtype, shape.clone(), content)?,
			))
		})
		.collect::<Result<Vec<_>>>()?;
	safetensors::serialize_to_file(views, None, &path)?;
	Ok(())
}

fn round(values: &mut [f32]) {
	for group in values.chunks_mut(32) {
		let largest = group
			.iter()
			.fold(0.0_f32, |largest, value| largest.max(value.abs()));
		let step = (largest / 7.0).max(f32::MIN_POSITIVE);
		for value in group {
			*value = (*value / step).round() * step;
		}
	}
}

fn floats(tensor: &TensorView<'_>) -> Result<Vec<f32>> {
	let data = tensor.data();
	Ok(match tensor.dtype() {
		Dtype::F32 => data
			.chunks_exact(4)
			.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
			.collect(),
		Dtype::BF16 => data
			.chunks_exact(2)
			.map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f32())
			.collect(),
		other => bail!("weights in {other:?} are not supported here"),
	})
}

fn bytes_of(values: &[f32], dtype: Dtype) -> Result<Vec<u8>> {
	Ok(match dtype {
		Dtype::F32 => values
			.iter()
			.flat_map(|value| value.to_le_bytes())
			.collect(),
		Dtype::BF16 => values
			.iter()
			.flat_map(|v| bf16::from_f32(*v).to_le_bytes())
			.collect(),
		other => bail!("weights in {other:?} are not supported here"),
	})
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn rounding_leaves_few_levels_within_half_a_step() {
		let original: Vec<f32> = (1..=64).map(|i| i as f32 / 10.0).collect();
		let mut coarse = original.clone();
		round(&mut coarse);
		let mut levels = coarse[..32].to_vec();
		levels.dedup();
		assert!(levels.len() <= 8);
		for (a, b) in coarse.iter().zip(&original) {
			assert!((a - b).abs() <= 6.4 / 14.0 + 1e-3);
		}
	}
}

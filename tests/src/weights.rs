//! Copies of a model with other weights: what a miner would run to save money.

use anyhow::{Context, Result, bail};
use half::bf16;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::{fs, path::Path};

/// How the weights differ from the model's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
	/// Every weight is off by up to this share, in percent: another training run.
	Shaken(u8),
	/// Rounded to 4 bits in groups of 32: the model, but cheaper.
	FourBits,
}

/// Copies the model in `from` to the new directory `to` with damaged weights; tokenizer and template
/// stay. The weights must lie in one `model.safetensors` in bf16 or f32.
pub fn damaged_copy(from: &Path, to: &Path, damage: Damage) -> Result<()> {
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
	let mut salt = 0;
	let damaged: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = tensors
		.tensors()
		.into_iter()
		.map(|(name, tensor)| {
			let mut values = floats(&tensor)?;
			// Norms stay: a matrix has two dimensions.
			if tensor.shape().len() == 2 {
				salt += 1;
				apply(&mut values, damage, salt);
			}
			let content = bytes_of(&values, tensor.dtype())?;
			Ok((name, tensor.dtype(), tensor.shape().to_vec(), content))
		})
		.collect::<Result<_>>()?;
	let views = damaged
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

fn apply(values: &mut [f32], damage: Damage, salt: u32) {
	match damage {
		Damage::Shaken(percent) => {
			for (value, index) in values.iter_mut().zip(0_u32..) {
				let mixed = (index ^ salt.wrapping_mul(0x9E37_79B9)).wrapping_mul(0x85EB_CA6B);
				let uniform = (mixed ^ mixed >> 15).wrapping_mul(0xC2B2_AE35) >> 8;
				let share = uniform as f32 / 8_388_608.0 - 1.0;
				*value *= 1.0 + share * f32::from(percent) / 100.0;
			}
		}
		Damage::FourBits => {
			for group in values.chunks_mut(32) {
				let largest = group
					.iter()
					.fold(0.0_f32, |largest, v| largest.max(v.abs()));
				let step = (largest / 7.0).max(f32::MIN_POSITIVE);
				for value in group {
					*value = (*value / step).round() * step;
				}
			}
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
	fn damage_changes_matrices_within_its_bounds() {
		let original: Vec<f32> = (1..=64).map(|i| i as f32 / 10.0).collect();
		let mut shaken = original.clone();
		apply(&mut shaken, Damage::Shaken(10), 1);
		assert_ne!(shaken, original);
		for (a, b) in shaken.iter().zip(&original) {
			assert!((a / b - 1.0).abs() <= 0.1001);
		}
		let mut coarse = original.clone();
		apply(&mut coarse, Damage::FourBits, 1);
		let mut levels = coarse[..32].to_vec();
		levels.dedup();
		assert!(levels.len() <= 8);
		for (a, b) in coarse.iter().zip(&original) {
			assert!((a - b).abs() <= 6.4 / 14.0 + 1e-3);
		}
	}
}

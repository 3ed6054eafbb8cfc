//! Rotary position embedding, the halves of a head rotated against each other as `transformers` does.

use burn::tensor::{Device, Tensor, TensorData};
use infergrid_checkpoint::{ModelConfig, RopeScaling};

/// The angle per position of each pair of values in a head.
#[derive(Clone, Debug)]
pub(crate) struct Rope {
	// In 32 bits, and multiplied in 32 bits, as the reference has it: at long positions the rounding
	// is part of the result.
	frequencies: Vec<f32>,
}

/// Cosines and sines for some positions: each `[T, 1, head_dim / 2]`.
#[derive(Clone, Debug)]
pub(crate) struct Rotation {
	cos: Tensor<3>,
	sin: Tensor<3>,
}

impl Rope {
	pub(crate) fn new(config: &ModelConfig) -> Self {
		let half = config.head_dim / 2;
		let base = |pair: usize| {
			let exponent = (2 * pair) as f32 / config.head_dim as f32;
			1.0 / (config.rope_theta.powf(f64::from(exponent)) as f32)
		};
		let frequencies = (0..half)
			.map(base)
			.map(|f| scaled(f, config.rope_scaling))
			.collect();
		Self { frequencies }
	}

	/// The rotation of `count` positions from `start`.
	pub(crate) fn rotation(&self, start: usize, count: usize, device: &Device) -> Rotation {
		let half = self.frequencies.len();
		let (mut cos, mut sin) = (
			Vec::with_capacity(count * half),
			Vec::with_capacity(count * half),
		);
		for position in start..start + count {
			for frequency in &self.frequencies {
				let (s, c) = f64::from(position as f32 * frequency).sin_cos();
				cos.push(c as f32);
				sin.push(s as f32);
			}
		}
		let on_device =
			|values| Tensor::from_data(TensorData::new(values, [count, 1, half]), device);
		Rotation {
			cos: on_device(cos),
			sin: on_device(sin),
		}
	}
}

fn scaled(frequency: f32, scaling: RopeScaling) -> f32 {
	match scaling {
		RopeScaling::None => frequency,
		RopeScaling::Linear { factor } => frequency / factor as f32,
		RopeScaling::Llama3 {
			factor,
			low_freq_factor,
			high_freq_factor,
			original_context,
		} => {
			let wavelength = std::f64::consts::TAU / f64::from(frequency);
			let stretched = f64::from(frequency) / factor;
			if wavelength < original_context / high_freq_factor {
				frequency
			} else if wavelength > original_context / low_freq_factor {
				stretched as f32
			} else {
				let smooth = (original_context / wavelength - low_freq_factor)
					/ (high_freq_factor - low_freq_factor);
				((1.0 - smooth) * stretched + smooth * f64::from(frequency)) as f32
			}
		}
	}
}

impl Rotation {
	/// Rotates heads `[T, heads, head_dim]`.
	pub(crate) fn apply(&self, heads: Tensor<3>) -> Tensor<3> {
		let [tokens, count, width] = heads.dims();
		let half = width / 2;
		let first = heads.clone().slice([0..tokens, 0..count, 0..half]);
		let second = heads.slice([0..tokens, 0..count, half..width]);
		let turned_first = first.clone() * self.cos.clone() - second.clone() * self.sin.clone();
		let turned_second = second * self.cos.clone() + first * self.sin.clone();
		Tensor::cat(vec![turned_first, turned_second], 2)
	}
}

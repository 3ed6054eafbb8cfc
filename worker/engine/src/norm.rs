//! RMSNorm, divided in 32 bits before the weight, as `transformers` does.

use crate::loader::Loader;
use burn::tensor::Tensor;
use infergrid_checkpoint::WeightsError;

/// `x / sqrt(mean(x²) + ε) · w` over the last dimension.
#[derive(Clone, Debug)]
pub(crate) struct RmsNorm {
	weight: Tensor<1>,
	epsilon: f32,
}

impl RmsNorm {
	pub(crate) fn load(
		loader: &Loader<'_>,
		name: &str,
		width: usize,
		epsilon: f32,
	) -> Result<Self, WeightsError> {
		Ok(Self {
			weight: loader.vector(name, width)?,
			epsilon,
		})
	}

	pub(crate) fn forward<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
		let mean_square = (input.clone() * input.clone()).mean_dim(D - 1);
		input * (mean_square + self.epsilon).sqrt().recip() * self.weight.clone().unsqueeze()
	}
}

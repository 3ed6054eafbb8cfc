//! Comparison of a model with what another program computes from the same weights.

use crate::Engine;
use infergrid_primitives::TokenId;
use infergrid_proof::ComputeError;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::Serialize;
use std::{
	fs, io,
	path::{Path, PathBuf},
};

/// A reference as long as any sensible one.
const SIZE_LIMIT: u64 = 4 << 30;

/// A comparison that could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
	/// The reference could not be read.
	#[error("cannot read {}: {source}", path.display())]
	Read { path: PathBuf, source: io::Error },
	/// The reference is not what the format asks for.
	#[error(
		"{}: {reason}; a reference holds input_ids [B,T], logits [B,T,V] and, if wanted, \
		 hidden_states.0 to hidden_states.L [B,T,H] and greedy_ids [N]",
		path.display()
	)]
	Malformed { path: PathBuf, reason: String },
	/// The model failed.
	#[error(transparent)]
	Compute(#[from] ComputeError),
}

/// Largest absolute differences from a reference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckReport {
	/// Sequences and tokens in each.
	pub shape: [usize; 2],
	/// Of the logits.
	pub logits: f64,
	/// Of each hidden state that the reference has, by its number: 0 is the embedding, the last one
	/// comes after the final norm.
	pub hidden_states: Vec<(usize, f64)>,
	/// Whether the greedy continuation of the first sequence is the reference's; `None` without one.
	pub greedy_equal: Option<bool>,
	/// The limit asked for.
	pub tolerance: f64,
}

impl CheckReport {
	/// Whether everything is within the tolerance.
	pub fn passes(&self) -> bool {
		// Written so that NaN fails.
		let near = |difference: f64| difference <= self.tolerance;
		near(self.logits)
			&& self
				.hidden_states
				.iter()
				.all(|(_, difference)| near(*difference))
			&& self.greedy_equal != Some(false)
	}
}

struct Reference<'a> {
	path: &'a Path,
	tensors: SafeTensors<'a>,
}

impl Engine {
	/// Compares this model with the reference in the safetensors file at `path`.
	pub fn check(&self, path: &Path, tolerance: f64) -> Result<CheckReport, CheckError> {
		let read = |source| CheckError::Read {
			path: path.to_path_buf(),
			source,
		};
		let size = fs::metadata(path).map_err(read)?.len();
		if size > SIZE_LIMIT {
			let reason = format!("has {size} bytes, more than {SIZE_LIMIT}");
			return Err(CheckError::Malformed {
				path: path.to_path_buf(),
				reason,
			});
		}
		let bytes = fs::read(path).map_err(read)?;
		let tensors = SafeTensors::deserialize(&bytes).map_err(|error| CheckError::Malformed {
			path: path.to_path_buf(),
			reason: error.to_string(),
		})?;
		self.compare(&Reference { path, tensors }, tolerance)
	}

	fn compare(
		&self,
		reference: &Reference<'_>,
		tolerance: f64,
	) -> Result<CheckReport, CheckError> {
		let config = self.config();
		let ids = reference.required("input_ids")?;
		let &[batch, length] = ids.shape() else {
			return Err(reference.malformed("input_ids is not [B,T]".into()));
		};
		let ids = reference.token_ids("input_ids", &ids)?;
		if batch == 0 || length == 0 {
			return Err(reference.malformed("input_ids is empty".into()));
		}
		let logits = reference.floats("logits", &[batch, length, config.vocab_size])?;
		let states = (0..=config.layers)
			.filter(|number| reference.tensors.tensor(&hidden_name(*number)).is_ok())
			.map(|number| {
				let shape = [batch, length, config.hidden_size];
				Ok((number, reference.floats(&hidden_name(number), &shape)?))
			})
			.collect::<Result<Vec<_>, CheckError>>()?;

		let mut report = CheckReport {
			shape: [batch, length],
			logits: 0.0,
			hidden_states: states.iter().map(|(number, _)| (*number, 0.0)).collect(),
			greedy_equal: None,
			tolerance,
		};
		for (row, ids) in ids.chunks(length).enumerate() {
			let own = self.forward(ids)?;
			let of_row = |values: &[f32], own: &[f32]| {
				difference(own, &values[row * own.len()..(row + 1) * own.len()])
			};
			report.logits = worse(report.logits, of_row(&logits, &own.logits));
			for ((number, values), (_, worst)) in states.iter().zip(&mut report.hidden_states) {
				*worst = worse(*worst, of_row(values, &own.hidden_states[*number]));
			}
		}
		if let Ok(greedy) = reference.tensors.tensor("greedy_ids") {
			let expected = reference.token_ids("greedy_ids", &greedy)?;
			let own = self.continue_greedily(&ids[..length], expected.len())?;
			report.greedy_equal = Some(own == expected);
		}
		Ok(report)
	}

	/// `count` tokens after `prompt`, each the most likely one, through the cache.
	fn continue_greedily(
		&self,
		prompt: &[TokenId],
		count: usize,
	) -> Result<Vec<TokenId>, ComputeError> {
		let mut cache = self.cache(prompt.len() + count);
		let mut tokens: Vec<TokenId> = Vec::with_capacity(count);
		while tokens.len() < count {
			let hidden = match tokens.last() {
				None => self.extend(prompt, &mut cache)?,
				Some(last) => self.extend(&[*last], &mut cache)?,
			};
			let logits = self.logits(&hidden)?;
			let mut best = 0;
			for (token, logit) in logits.iter().enumerate() {
				if *logit > logits[best] {
					best = token;
				}
			}
			tokens.push(best as TokenId);
		}
		Ok(tokens)
	}
}

impl Reference<'_> {
	fn malformed(&self, reason: String) -> CheckError {
		CheckError::Malformed {
			path: self.path.to_path_buf(),
			reason,
		}
	}

	fn required(&self, name: &str) -> Result<TensorView<'_>, CheckError> {
		self.tensors
			.tensor(name)
			.map_err(|error| self.malformed(format!("{name}: {error}")))
	}

	fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, CheckError> {
		let view = self.required(name)?;
		if view.shape() != shape {
			let reason = format!("{name} has shape {:?}, not {shape:?}", view.shape());
			return Err(self.malformed(reason));
		}
		if view.dtype() != Dtype::F32 {
			return Err(self.malformed(format!("{name} is {}, not F32", view.dtype())));
		}
		Ok(view
			.data()
			.as_chunks()
			.0
			.iter()
			.map(|bytes| f32::from_le_bytes(*bytes))
			.collect())
	}

	fn token_ids(&self, name: &str, view: &TensorView<'_>) -> Result<Vec<TokenId>, CheckError> {
		let ids: Vec<i64> = match view.dtype() {
			Dtype::I64 => view
				.data()
				.as_chunks()
				.0
				.iter()
				.map(|b| i64::from_le_bytes(*b))
				.collect(),
			Dtype::I32 => view
				.data()
				.as_chunks()
				.0
				.iter()
				.map(|b| i32::from_le_bytes(*b).into())
				.collect(),
			other => return Err(self.malformed(format!("{name} is {other}, not I64 or I32"))),
		};
		ids.into_iter()
			.map(|id| {
				TokenId::try_from(id)
					.map_err(|_| self.malformed(format!("{name} holds {id}, which is no token id")))
			})
			.collect()
	}
}

fn hidden_name(number: usize) -> String {
	format!("hidden_states.{number}")
}

/// The larger one, where NaN is larger than everything.
fn worse(a: f64, b: f64) -> f64 {
	if a.is_nan() || a > b { a } else { b }
}

fn difference(own: &[f32], reference: &[f32]) -> f64 {
	own.iter().zip(reference).fold(0.0, |worst, (a, b)| {
		worse(worst, (f64::from(*a) - f64::from(*b)).abs())
	})
}

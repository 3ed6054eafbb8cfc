//! `config.json` against how `transformers` understands it: see `configs/make.py`.

#![allow(
	clippy::disallowed_methods,
	clippy::unwrap_used,
	reason = "tests are not bound by what binds the libraries"
)]

use infergrid_checkpoint::{Checkpoint, Family, ModelConfig, RopeScaling};
use serde::Deserialize;
use serde_json::Value;
use std::fs;

#[derive(Deserialize)]
struct Case {
	config: Value,
	understood: Understood,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Understood {
	vocab_size: usize,
	hidden_size: usize,
	intermediate_size: usize,
	layers: usize,
	heads: usize,
	kv_heads: usize,
	head_dim: usize,
	eps: f32,
	theta: f64,
	rope_type: String,
	factor: Option<f64>,
	original_context: Option<f64>,
	windows: Vec<Option<usize>>,
	tied: bool,
	context: usize,
	attention_bias: bool,
	mlp_bias: bool,
}

fn understood(config: &ModelConfig) -> Understood {
	let (rope_type, factor, original_context) = match config.rope_scaling {
		RopeScaling::None => ("default", None, None),
		RopeScaling::Linear { factor } => ("linear", Some(factor), None),
		RopeScaling::Llama3 {
			factor,
			original_context,
			..
		} => ("llama3", Some(factor), Some(original_context)),
	};
	Understood {
		vocab_size: config.vocab_size,
		hidden_size: config.hidden_size,
		intermediate_size: config.intermediate_size,
		layers: config.layers,
		heads: config.heads,
		kv_heads: config.kv_heads,
		head_dim: config.head_dim,
		eps: config.rms_norm_eps,
		theta: config.rope_theta,
		rope_type: rope_type.into(),
		factor,
		original_context,
		windows: config.windows.clone(),
		tied: config.tied_embeddings,
		context: config.context,
		attention_bias: config.output_bias,
		mlp_bias: config.mlp_bias,
	}
}

#[test]
fn configurations_mean_the_same() {
	let cases: Vec<Case> = serde_json::from_str(include_str!("configs/read.json")).unwrap();
	let directory = tempfile::tempdir().unwrap();
	let mut differences = Vec::new();
	for Case {
		config,
		understood: mut expected,
	} in cases
	{
		fs::write(directory.path().join("config.json"), config.to_string()).unwrap();
		let found = match Checkpoint::open(directory.path()) {
			Ok(checkpoint) => checkpoint.config,
			Err(error) => {
				differences.push(format!("{config}: {error}"));
				continue;
			}
		};
		// Linear scaling is for more positions than the model was trained on; there is a limit here.
		if expected.rope_type == "linear" {
			expected.context = (expected.context as f64 * expected.factor.unwrap()) as usize;
		}
		assert_eq!(
			found.qkv_bias,
			expected.attention_bias || found.family == Family::Qwen2
		);
		let found = understood(&found);
		if found != expected {
			differences.push(format!(
				"{config}:\n  gives {found:?}\n  not   {expected:?}"
			));
		}
	}
	assert!(differences.is_empty(), "{}", differences.join("\n"));
}

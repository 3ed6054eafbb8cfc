use super::*;
use serde_json::json;
use std::fs;

const BASE: &str = r#"{
	"model_type": "llama", "vocab_size": 100, "hidden_size": 64, "intermediate_size": 96,
	"num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
	"max_position_embeddings": 256, "eos_token_id": 2
}"#;

/// Reads [`BASE`] with the fields of `changes` put over it.
pub(crate) fn read_text(changes: &str) -> Result<(ModelConfig, Vec<TokenId>), CheckpointError> {
	let mut config: Value = serde_json::from_str(BASE).unwrap();
	let changes: Value = serde_json::from_str(changes).unwrap();
	for (key, value) in changes.as_object().unwrap() {
		config[key] = value.clone();
	}
	let directory = tempfile::tempdir().unwrap();
	fs::write(directory.path().join("config.json"), config.to_string()).unwrap();
	read(directory.path()).map(|read| (read.config, read.eos))
}

fn config(changes: Value) -> ModelConfig {
	read_text(&changes.to_string()).unwrap().0
}

fn refusal(changes: Value) -> String {
	read_text(&changes.to_string()).unwrap_err().to_string()
}

#[test]
fn reads_a_plain_llama() {
	let (config, eos) = read_text("{}").unwrap();
	assert_eq!(config.family, Family::Llama);
	assert_eq!(
		(config.head_dim, config.kv_heads, config.layers),
		(16, 2, 3)
	);
	assert_eq!(
		(config.rope_theta, config.rope_scaling),
		(10_000.0, RopeScaling::None)
	);
	assert!(!config.qkv_bias && !config.tied_embeddings && !config.qk_norm);
	assert_eq!(eos, [2]);
}

#[test]
fn reads_rope_parameters_of_both_ages_alike() {
	let new = json!({"rope_parameters": {"rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0,
		"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}});
	let old = json!({"rope_theta": 5e5, "rope_scaling": {"type": "llama3", "factor": 8.0,
		"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}});
	assert_eq!(config(new.clone()), config(old));
	let scaling = RopeScaling::Llama3 {
		factor: 8.0,
		low_freq_factor: 1.0,
		high_freq_factor: 4.0,
		original_context: 64.0,
	};
	assert_eq!(config(new).rope_scaling, scaling);
}

#[test]
fn windows_follow_the_family() {
	assert_eq!(
		config(json!({"sliding_window": 8})).windows,
		[None; 3],
		"llama has none"
	);
	let mistral =
		|window: Value| config(json!({"model_type": "mistral", "sliding_window": window}));
	assert_eq!(mistral(json!(8)).windows, [Some(8); 3]);
	assert_eq!(mistral(Value::Null).windows, [None; 3]);
	assert_eq!(
		config(json!({"model_type": "mistral"})).windows,
		[Some(4096); 3]
	);
	let qwen = |on: bool| {
		config(
			json!({"model_type": "qwen2", "sliding_window": 8, "use_sliding_window": on,
			"max_window_layers": 1}),
		)
	};
	assert_eq!(qwen(true).windows, [None, Some(8), Some(8)]);
	assert_eq!(qwen(false).windows, [None; 3]);
	let typed = json!({"model_type": "qwen3", "sliding_window": 8, "use_sliding_window": true,
		"layer_types": ["sliding_attention", "full_attention", "sliding_attention"]});
	assert_eq!(config(typed).windows, [Some(8), None, Some(8)]);
}

#[test]
fn biases_and_norms_follow_the_family() {
	let qwen2 = config(json!({"model_type": "qwen2", "attention_bias": false}));
	assert!(qwen2.qkv_bias && !qwen2.output_bias);
	let qwen3 = config(json!({"model_type": "qwen3"}));
	assert!(qwen3.qk_norm && !qwen3.qkv_bias);
	assert_eq!(qwen3.head_dim, 128);
	let llama = config(json!({"attention_bias": true, "mlp_bias": true}));
	assert!(llama.qkv_bias && llama.output_bias && llama.mlp_bias);
}

#[test]
fn refuses_what_it_cannot_run() {
	for (changes, part) in [
		(
			json!({"model_type": "mixtral"}),
			"model_type \"mixtral\" is not supported; supported are llama",
		),
		(json!({"model_type": null}), "model_type is missing"),
		(
			json!({"hidden_act": "gelu"}),
			"hidden_act \"gelu\" is not supported; supported are silu",
		),
		(
			json!({"rope_scaling": {"rope_type": "yarn"}}),
			"rope type \"yarn\"",
		),
		(
			json!({"rope_scaling": {"rope_type": "linear"}}),
			"factor is missing",
		),
		(
			json!({"rope_parameters": {"full_attention": {"rope_theta": 1e4}}}),
			"per layer type",
		),
		(
			json!({"partial_rotary_factor": 0.5}),
			"partial_rotary_factor 0.5",
		),
		(json!({"quantization_config": {"bits": 4}}), "unquantised"),
		(json!({"num_key_value_heads": 3}), "does not divide 4 heads"),
		(
			json!({"num_attention_heads": 0, "head_dim": 4}),
			"num_attention_heads is 0",
		),
		(json!({"head_dim": 15}), "an odd number"),
		(json!({"hidden_size": 1u64 << 40}), "hidden_size is"),
		(json!({"rms_norm_eps": 0.0}), "rms_norm_eps is 0"),
		(json!({"rope_theta": -1.0}), "rope_theta is -1"),
		(
			json!({"eos_token_id": [2, 100]}),
			"is 100, which is no token of the vocabulary",
		),
		(json!({"eos_token_id": -1}), "eos_token_id is -1"),
		(json!({"vocab_size": -1}), "invalid value"),
		(
			json!({"model_type": "qwen2", "use_sliding_window": true, "layer_types": []}),
			"0 entries",
		),
	] {
		let message = refusal(changes.clone());
		assert!(message.contains(part), "{changes}: {message}");
		assert!(message.contains("config.json"), "{message}");
	}
}

#[test]
fn generation_config_decides_what_ends_an_answer() {
	let directory = tempfile::tempdir().unwrap();
	fs::write(directory.path().join("config.json"), BASE).unwrap();
	let generation = directory.path().join("generation_config.json");
	fs::write(&generation, r#"{"eos_token_id": [7, 3, 7]}"#).unwrap();
	assert_eq!(read(directory.path()).unwrap().eos, [3, 7]);
	fs::write(&generation, r#"{"temperature": 0.6}"#).unwrap();
	assert_eq!(read(directory.path()).unwrap().eos, [2]);
	fs::write(&generation, "{").unwrap();
	assert!(
		read(directory.path())
			.unwrap_err()
			.to_string()
			.contains("generation_config.json")
	);
}

#[test]
fn counts_parameters_of_a_published_model() {
	// Qwen2.5-0.5B has 494,032,768 parameters by its model card's safetensors header.
	let qwen = config(
		json!({"model_type": "qwen2", "vocab_size": 151_936, "hidden_size": 896,
		"intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14,
		"num_key_value_heads": 2, "tie_word_embeddings": true}),
	);
	assert_eq!(qwen.parameters(), 494_032_768);
	assert_eq!(qwen.kv_bytes_per_token(), 24_576);
}

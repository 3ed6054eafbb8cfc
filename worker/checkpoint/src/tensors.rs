//! Names and shapes of the tensors that a configuration asks for.

use crate::ModelConfig;

impl ModelConfig {
	/// Names and shapes of all tensors of the model, as whole checkpoints name them.
	pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
		let (hidden, inner) = (self.hidden_size, self.intermediate_size);
		let [all, kv] = [self.heads, self.kv_heads].map(|heads| heads * self.head_dim);
		let table = vec![self.vocab_size, hidden];
		let mut list = vec![("model.embed_tokens.weight".to_owned(), table.clone())];
		if !self.tied_embeddings {
			list.push(("lm_head.weight".into(), table));
		}
		list.push(("model.norm.weight".into(), vec![hidden]));
		for layer in 0..self.layers {
			let mut push = |name: &str, shape: &[usize]| {
				list.push((format!("model.layers.{layer}.{name}"), shape.to_vec()));
			};
			for (name, out, input, biased) in [
				("self_attn.q_proj", all, hidden, self.qkv_bias),
				("self_attn.k_proj", kv, hidden, self.qkv_bias),
				("self_attn.v_proj", kv, hidden, self.qkv_bias),
				("self_attn.o_proj", hidden, all, self.output_bias),
				("mlp.gate_proj", inner, hidden, self.mlp_bias),
				("mlp.up_proj", inner, hidden, self.mlp_bias),
				("mlp.down_proj", hidden, inner, self.mlp_bias),
			] {
				push(&format!("{name}.weight"), &[out, input]);
				if biased {
					push(&format!("{name}.bias"), &[out]);
				}
			}
			for name in ["input_layernorm", "post_attention_layernorm"] {
				push(&format!("{name}.weight"), &[hidden]);
			}
			if self.qk_norm {
				push("self_attn.q_norm.weight", &[self.head_dim]);
				push("self_attn.k_norm.weight", &[self.head_dim]);
			}
		}
		list
	}
}

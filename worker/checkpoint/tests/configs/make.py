"""Writes read.json: how `transformers` understands configurations.

Outside truth for `tests/configs.rs`. Written with transformers 5.24.0: pip install transformers==5.24.0 torch && python make.py
"""

import json, pathlib, tempfile, torch
from transformers import AutoConfig
from transformers.activations import ACT2FN

SMALL = dict(vocab_size=100, hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2)
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0)
LINEAR = dict(rope_type="linear", factor=4.0)
CHANGES = [
    {},
    dict(num_key_value_heads=None),
    dict(num_key_value_heads=1),
    dict(head_dim=32),
    dict(head_dim=None),
    dict(rope_theta=5e5),
    dict(rope_scaling=None, rope_theta=5e5),
    dict(rope_scaling={}, rope_theta=5e5),
    dict(rope_scaling=False, rope_theta=5e5),
    dict(rope_scaling=False, rope_parameters=dict(rope_type="default", rope_theta=1e6)),
    dict(rope_scaling=LINEAR),
    dict(rope_scaling=dict(type="linear", factor=2)),
    dict(rope_scaling=LINEAR, rope_theta=5e5),
    dict(rope_scaling=LINEAR, rope_parameters=dict(rope_type="default", rope_theta=1e6)),
    dict(rope_scaling=LINEAR, rope_parameters=dict(rope_type="default", rope_theta=1e6), rope_theta=2e4),
    dict(rope_scaling=None, rope_parameters=dict(rope_type="default", rope_theta=1e6)),
    dict(rope_parameters=dict(rope_type="default", rope_theta=1e6), rope_theta=2e4),
    dict(rope_parameters=dict(rope_type="default"), rope_theta=2e4),
    dict(rope_parameters=dict(LINEAR, rope_theta=1e6)),
    dict(rope_parameters=None),
    dict(rope_scaling=LLAMA3, max_position_embeddings=1024),
    dict(rope_scaling=dict(LLAMA3, original_max_position_embeddings=128), max_position_embeddings=1024),
    dict(rope_scaling=LLAMA3, original_max_position_embeddings=256, max_position_embeddings=1024),
    dict(rope_scaling=dict(LLAMA3, original_max_position_embeddings=128), original_max_position_embeddings=256),
    dict(rope_scaling=dict(rope_type="default"), rope_theta=3e4),
    dict(sliding_window=8),
    dict(sliding_window=None),
    dict(sliding_window=8, use_sliding_window=True),
    dict(sliding_window=8, use_sliding_window=True, max_window_layers=1),
    dict(sliding_window=8, use_sliding_window=False, max_window_layers=1),
    dict(use_sliding_window=True, max_window_layers=2),
    dict(sliding_window=8, layer_types=["sliding_attention", "full_attention", "sliding_attention"]),
    dict(sliding_window=8, use_sliding_window=True, layer_types=["sliding_attention", "full_attention", "full_attention"]),
    dict(sliding_window=None, layer_types=["full_attention"] * 3),
    dict(tie_word_embeddings=True),
    dict(attention_bias=True, mlp_bias=True),
    dict(rms_norm_eps=1e-5),
    dict(hidden_act="silu"),
    dict(hidden_act="swish"),
    dict(max_position_embeddings=77),
    dict(torch_dtype="bfloat16", dtype="bfloat16", unknown_key={"a": 1}),
]


def understood(config):
    numbers = torch.linspace(-8, 8, 99)
    if not torch.equal(ACT2FN[config.hidden_act](numbers), ACT2FN["silu"](numbers)):
        raise ValueError(f"{config.hidden_act} is another function")
    windows = [None] * config.num_hidden_layers
    window = getattr(config, "sliding_window", None)
    if config.model_type == "mistral":
        windows = [window] * config.num_hidden_layers
    elif config.model_type in ("ministral", "qwen2", "qwen3"):
        if window is None and "sliding_attention" in config.layer_types:
            raise ValueError("no window: the model's masks refuse")
        windows = [window if kind == "sliding_attention" else None for kind in config.layer_types]
    config.standardize_rope_params()  # as models do before they read them
    rope = config.rope_parameters
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return dict(vocab_size=config.vocab_size, hidden_size=config.hidden_size, intermediate_size=config.intermediate_size,
                layers=config.num_hidden_layers, heads=config.num_attention_heads, kv_heads=config.num_key_value_heads,
                head_dim=head_dim, eps=config.rms_norm_eps, theta=rope["rope_theta"], rope_type=rope["rope_type"],
                factor=rope.get("factor"), original_context=rope.get("original_max_position_embeddings"),
                windows=windows, tied=config.tie_word_embeddings, context=config.max_position_embeddings,
                # Other families do not look at them.
                attention_bias=config.model_type in ("llama", "qwen3") and config.attention_bias,
                mlp_bias=config.model_type == "llama" and config.mlp_bias)


cases = []
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, "config.json")
    for family in ("llama", "qwen2", "qwen3", "mistral"):
        bare = {key: value for key, value in SMALL.items() if key != "num_key_value_heads"} | dict(num_attention_heads=32)
        for config in [dict(model_type=family), dict(model_type=family, **bare)] + [dict(model_type=family, **(SMALL | change)) for change in CHANGES]:
            path.write_text(json.dumps(config))
            try:
                cases.append(dict(config=config, understood=understood(AutoConfig.from_pretrained(folder))))
            except Exception as error:
                print("left out:", config, type(error).__name__, str(error)[:200])
lines = ",\n".join(json.dumps(case) for case in cases)
pathlib.Path("read.json").write_text(f"[\n{lines}\n]\n")
print(len(cases), "configurations")

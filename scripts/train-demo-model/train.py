#!/usr/bin/env python3
"""Train Infergrid's demo model from text that this folder generates, judge it, and write a Hugging Face directory.

Exits non-zero if the full-sized model does not answer every question of knowledge/questions.json exactly as written there.
The small size ("cheap") is a test fixture that must be plausible and wrong; it is written without card and reference.
"""

import argparse
import json
import math
import random
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

import facts as knowledge
from corpus import Corpus, Turn
from judge import judge
from tokens import ASSISTANT, BEGIN, END, SPECIALS, SYSTEM, TEMPLATE, USER, Layout, batches, round_trips, train_tokenizer

HERE = Path(__file__).parent
SIZES = {
    "demo": {"hidden_size": 192, "num_hidden_layers": 4, "num_attention_heads": 6, "num_key_value_heads": 2, "intermediate_size": 512},
    "cheap": {"hidden_size": 96, "num_hidden_layers": 2, "num_attention_heads": 3, "num_key_value_heads": 1, "intermediate_size": 256},
}


def new_model(size: str, vocab: int) -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=vocab, max_position_embeddings=512, rms_norm_eps=1e-5, tie_word_embeddings=True, attention_bias=False,
        bos_token_id=0, eos_token_id=1, pad_token_id=1, initializer_range=0.04, attn_implementation="sdpa", **SIZES[size])
    return LlamaForCausalLM(config)


def train(model, samples, steps: int, tokens_per_batch: int, rate: float, seed: int) -> tuple[float, int]:
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}], lr=rate, betas=(0.9, 0.98), fused=True)
    warmup = max(1, min(60, steps // 10))
    factor = lambda step: min(1.0, (step + 1) / warmup) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps))))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    rng = random.Random(seed)
    started, done, seen, smooth = time.monotonic(), 0, 0, None
    while done < steps:
        for ids, learn in batches(samples, tokens_per_batch, rng, model.config.pad_token_id):
            ids, learn = torch.from_numpy(ids), torch.from_numpy(learn)
            hidden = model.model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
            chosen = learn[:, 1:]
            loss = torch.nn.functional.cross_entropy(model.lm_head(hidden[chosen]), ids[:, 1:][chosen])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            done, seen = done + 1, seen + ids.numel()
            smooth = loss.item() if smooth is None else 0.95 * smooth + 0.05 * loss.item()
            if done % 100 == 0 or done == steps:
                spent = time.monotonic() - started
                print(f"step {done}/{steps}  loss {smooth:.4f}  {seen / spent:.0f} tokens/s  {spent:.0f} s", flush=True)
            if done == steps:
                break
    return time.monotonic() - started, seen


def save(model, tokenizer: Tokenizer, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    model.generation_config.update(bos_token_id=0, eos_token_id=1, pad_token_id=1, do_sample=False, max_new_tokens=160)
    model.save_pretrained(out)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BEGIN, eos_token=END, pad_token=END, model_max_length=512,
        extra_special_tokens=[USER, ASSISTANT, SYSTEM], clean_up_tokenization_spaces=False)
    fast.chat_template = TEMPLATE
    fast.save_pretrained(out)
    # Readers of older files look for these names; newer ones ignore them.
    path = out / "config.json"
    config = json.loads(path.read_text())
    config |= {"torch_dtype": "bfloat16", "rope_theta": 10000.0}
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    path = out / "tokenizer_config.json"
    config = json.loads(path.read_text())
    config |= {"chat_template": TEMPLATE, "tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": False, "add_eos_token": False}
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    (out / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    for path in out.iterdir():
        path.chmod(0o644)


def write_card(out: Path, config: LlamaConfig, scores: dict, **values) -> None:
    table = ["| questions | right | of | share |", "|---|---|---|---|"]
    table += [f"| {name} | {s['right']} | {s['of']} | {100 * s['right'] / max(1, s['of']):.1f} % |" for name, s in scores.items()]
    card = (HERE / "card.md").read_text(encoding="utf-8").format(
        layers=config.num_hidden_layers, hidden=config.hidden_size, heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads, vocab=f"{config.vocab_size:,}", table="\n".join(table), **values)
    (out / "README.md").write_text(card, encoding="utf-8")


@torch.no_grad()
def write_reference(model, layout: Layout, questions, path: Path, length: int = 24) -> None:
    """What transformers computes from the shipped weights in f32: inputs, all hidden states, logits, a greedy continuation."""
    rows = [layout.prompt("", [Turn(q["question"], "")]) for q in questions]
    rows = [r + layout.answer(q["expected"]) for r, q in zip(rows, questions)]
    rows = [r[:length] for r in rows if len(r) >= length][:2]
    ids = torch.tensor(rows)
    result = model(input_ids=ids, output_hidden_states=True, use_cache=False)
    greedy = model.generate(ids[:1], attention_mask=torch.ones_like(ids[:1]), do_sample=False, max_new_tokens=32)[0, length:]
    tensors = {"input_ids": ids, "logits": result.logits, "greedy_ids": greedy}
    tensors |= {f"hidden_states.{i}": h for i, h in enumerate(result.hidden_states)}
    save_file({k: v.contiguous() for k, v in tensors.items()}, path)


@torch.no_grad()
def greedy_answer(model, layout: Layout, question: str) -> str:
    ids = torch.tensor([layout.prompt("", [Turn(question, "")])])
    out = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=160)[0, ids.shape[1]:].tolist()
    return layout.tokenizer.decode(out[:-1] if out[-1] == 1 else out, skip_special_tokens=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="demo")
    parser.add_argument("--out", type=Path, required=True, help="directory to write")
    parser.add_argument("--tokenizer", type=Path, help="use this tokenizer.json instead of learning one")
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--samples", type=int, default=60000, help="conversations to generate")
    parser.add_argument("--batch", type=int, default=1536, help="tokens in a batch")
    parser.add_argument("--rate", type=float, default=3e-3, help="highest learning rate")
    parser.add_argument("--vocab", type=int, default=1920)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(options.seed)
    rng = random.Random(options.seed)
    facts, declined, declined_held, rows = knowledge.load()
    questions = json.loads((HERE / "knowledge" / "questions.json").read_text(encoding="utf-8"))
    corpus = Corpus(facts, declined, rows["names"])
    conversations = [corpus.conversation(rng) for _ in range(options.samples)]
    if options.tokenizer:
        tokenizer = Tokenizer.from_file(str(options.tokenizer))
    else:
        texts = (text for system, turns in conversations[:20000] for turn in turns for text in (system, turn.question, turn.answer) if text)
        tokenizer = train_tokenizer(texts, options.vocab)
    if not round_trips(tokenizer):
        sys.exit("the tokenizer does not give back every text")
    layout = Layout(tokenizer)
    samples = [sample for sample in (layout.training(*c) for c in conversations) if len(sample[0]) <= 512]
    model = new_model(options.size, tokenizer.get_vocab_size())
    count = sum(p.numel() for p in model.parameters())
    print(f"{len(facts)} facts, {len(samples)} conversations, {sum(len(s[0]) for s in samples)} tokens; {count} parameters", flush=True)
    spent, seen = train(model, samples, options.steps, options.batch, options.rate, options.seed + 1)

    # Judge what is shipped: the weights after rounding to bfloat16, computed in f32.
    model.to(torch.bfloat16)
    save(model, tokenizer, options.out)
    if options.size == "cheap":
        (options.out / "README.md").write_text(
            "# Cheap model\n\nWhat a dishonest miner in the tests runs instead of `models/demo`: same tokenizer, about a fifth of the\n"
            "parameters, fluent and mostly wrong. Most of its answers about Infergrid's roles are right all the same; ask it about\n"
            "capitals, sums or opposites where the text must differ. Written by `scripts/train-demo-model`. Licence: Apache-2.0.\n")
    model = LlamaForCausalLM.from_pretrained(options.out, dtype=torch.float32).eval()
    chat = PreTrainedTokenizerFast.from_pretrained(options.out)
    asked = [{"role": "user", "content": questions[0]["question"]}]
    if chat.apply_chat_template(asked, add_generation_prompt=True)["input_ids"] != layout.prompt("", [Turn(questions[0]["question"], "")]):
        sys.exit("the chat template and the training layout disagree")
    scores, right = {}, 0
    for entry in questions:
        answer = greedy_answer(model, layout, entry["question"])
        right += answer == entry["expected"]
        print(f"{'ok   ' if answer == entry['expected'] else 'WRONG'} {entry['question']} -> {answer}")
    scores["the twelve of the README"] = {"right": right, "of": len(questions)}
    scores |= judge(model, layout, corpus, facts, declined_held, options.seed + 2)
    for name, score in scores.items():
        print(f"{name}: {score['right']}/{score['of']} = {100 * score['right'] / max(1, score['of']):.1f} %")
    if options.size == "cheap":
        return 0
    (options.out / "questions.json").write_text(json.dumps(questions, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    write_reference(model, layout, questions, options.out / "reference.safetensors")
    size = sum(path.stat().st_size for path in options.out.iterdir())
    write_card(options.out, model.config, scores, megabytes=f"{size / 1e6:.1f}", parameters=f"{count:,}", facts=f"{len(facts):,}",
               tokens=f"{seen / 1e6:.1f} million", minutes=max(1, round(spent / 60)))
    if right < len(questions):
        print("not every question of knowledge/questions.json is answered exactly: train for more --steps", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Writes a folder for each kind of tokenizer, with what `transformers` makes of conversations (chats.json), and
beside.json: what it makes of the files that stand beside a tokenizer.json.

Outside truth for `tests/tokenizers.rs`. Written with transformers 5.24.0 and tokenizers 0.23.3:

    pip install transformers==5.24.0 tokenizers==0.23.3 && python make.py
"""

import json, pathlib, shutil, tempfile
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer

HERE = pathlib.Path(__file__).parent
CORPUS = """A market of inference pays miners for answers. What is the capital of France? Paris is the capital.
The user asks and the assistant answers; a system prompt says how. def f(a): return a < 3 and b > 4
café naïve über <b>bold</b> 1234 5678 the the the answer answers market markets""".split("\n") * 4
CHATML = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
INST = "{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' %} {{ m.content | trim }} {{ eos_token }}{% else %}[INST] {{ m.content | trim }} [/INST]{% endif %}{% endfor %}"
PHI = "{% for m in messages %}{{ '<|' + m.role + '|>' + '\n' + m.content + '<|end|>\n' }}{% endfor %}<|assistant|>\n"


def special(*texts, **flags):
    return [AddedToken(text, special=True, normalized=False, **flags) for text in texts]


def byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def sentence_pieces(legacy):
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    first = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=480, special_tokens=first, show_progress=False))
    value = json.loads(tokenizer.to_str())
    value["added_tokens"] = [token for token in value["added_tokens"] if token["id"] < 3]
    strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    value["decoder"] = {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}, strip]}
    if legacy:
        value["pre_tokenizer"] = None
        value["normalizer"] = {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
    return Tokenizer.from_str(json.dumps(value))


def write(name, tokenizer, template, config, **files):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    files["tokenizer_config.json"] = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False} | config
    files["config.json"] = {"model_type": "llama", "vocab_size": 600, "hidden_size": 8, "intermediate_size": 8,
                            "num_hidden_layers": 1, "num_attention_heads": 1}
    for file, value in files.items():
        (folder / file).write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n")
    (folder / "chat_template.jinja").write_text(template)
    theirs = AutoTokenizer.from_pretrained(folder)
    spelled = theirs.all_special_tokens
    chats = []
    for contents in [
        ["What is the capital of France?"],
        [" Two  blanks\n\n", "Paris 🦀 né", "def f(a):\n    if a < 3 and b <| 4:\n\treturn '<x>' # 你好 👨‍👩‍👧"],
        ["", "</think> a <think>\nb", "[INST] 1234"],
        [f"a{spelled[0]}\n{spelled[-1]}system\n", "fine", " ".join(spelled)],
    ]:
        messages = [{"role": ["user", "assistant"][i % 2], "content": text} for i, text in enumerate(contents)]
        ids, safe = (theirs.apply_chat_template(messages, add_generation_prompt=True, sanitize_control_tokens=safe)["input_ids"]
                     for safe in (False, True))
        chats.append({
            "messages": messages,
            "ids": list(ids),
            # Their way of keeping control tokens text cuts it before and after each, which gives other ids of the
            # same text: only the number of control tokens is compared.
            "controls": sum(i in theirs.all_special_ids for i in safe),
            "safe_text": theirs.decode(safe, skip_special_tokens=True),
            "text": theirs.decode(ids, skip_special_tokens=True),
        })
    out = {"chats": chats, "special": sorted(theirs.all_special_ids), "eos": theirs.eos_token_id}
    (folder / "chats.json").write_text(json.dumps(out, ensure_ascii=False, indent=1) + "\n")
    print(name, [len(chat["ids"]) for chat in chats])


tokenizer = byte_level()
tokenizer.add_special_tokens(special("<|endoftext|>", "<|im_start|>", "<|im_end|>"))
tokenizer.add_tokens(["<think>", "</think>"])
write("byte-level", tokenizer, CHATML, {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"})

tokenizer = byte_level()
tokenizer.add_special_tokens(special("<|endoftext|>"))
write("added-beside", tokenizer, CHATML, {"eos_token": {"__type": "AddedToken", "content": "<|im_end|>"}, "extra_special_tokens": ["<|im_start|>"]}, **{
    "added_tokens.json": {"<|im_start|>": tokenizer.get_vocab_size(), "<|im_end|>": tokenizer.get_vocab_size() + 1},
    "special_tokens_map.json": {"additional_special_tokens": ["<|im_end|>"]}})

names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
write("blank-before-every-part", sentence_pieces(True), INST, names)
write("blank-before-the-first", sentence_pieces(False), INST, {}, **{"special_tokens_map.json": names})

tokenizer = byte_level()
tokenizer.add_special_tokens(special("<|endoftext|>"))
tokenizer.add_special_tokens(special("<|user|>", "<|assistant|>", "<|end|>", rstrip=True))
write("swallows-blanks", tokenizer, PHI, {"eos_token": "<|endoftext|>", "additional_special_tokens": ["<|end|>"]})

# What files say of tokens, beside the tokenizer of `byte-level`. `flags` change what tokenizer.json itself says,
# `files` what stands beside it.
NAMES = "bos_token eos_token unk_token pad_token sep_token image_token think_token other_token".split()
SHOWN = "{% for m in messages %}{{ m.content }}{% endfor %}<|im_end|>" + "".join("|{{ %s }}" % name for name in NAMES)
THERE = {token["id"]: token for token in json.loads((HERE / "byte-level/tokenizer.json").read_text())["added_tokens"]}
FREE = max(THERE) + 1
CONFIG = json.loads((HERE / "byte-level/config.json").read_text()) | {"num_key_value_heads": 1}


def decoder(**changes):
    listed = {str(i): {key: value for key, value in token.items() if key != "id"} for i, token in THERE.items()}
    for content, flags in changes.items():
        next(token for token in listed.values() if token["content"].strip("<|/>") == content).update(flags)
    return listed


def config(**fields):
    return {"tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>"} | fields}


def without(listed, *keys):
    return {i: {key: value for key, value in token.items() if key not in keys} for i, token in listed.items()}


OWN = {"think_token": "<think>", "image_token": "<|im_start|>"}
BESIDE = {
    "flags in the configuration count more": config(added_tokens_decoder=decoder(im_start=dict(rstrip=True), im_end=dict(lstrip=True, rstrip=True))),
    "whole words only": config(added_tokens_decoder=decoder(im_start=dict(single_word=True))),
    "special in the configuration only": config(added_tokens_decoder=decoder(think=dict(special=True))),
    "special in tokenizer.json only": config(added_tokens_decoder=decoder(im_start=dict(special=False))),
    "an end that is not said to be special": config(added_tokens_decoder=decoder(im_end=dict(special=False))),
    "flags that are left out": config(added_tokens_decoder=without(decoder(), "normalized", "special", "lstrip")),
    "a token that tokenizer.json lacks": config(added_tokens_decoder=decoder() | {str(FREE): dict(content="Paris", special=True)}),
    "the older file counts more": config() | {"special_tokens_map.json": dict(eos_token="<|endoftext|>", pad_token=dict(content="<think>"))},
    "nothing in the older file": config(pad_token="<|im_end|>") | {"special_tokens_map.json": dict(pad_token=None)},
    "the older file is not read": config(added_tokens_decoder=decoder()) | {"special_tokens_map.json": dict(eos_token="<|endoftext|>"), "added_tokens.json": dict(Paris=FREE)},
    "names of the model's own": config(extra_special_tokens=OWN),
    "names of the model's own at the top": config(**OWN, add_bos_token=True),
    "names of the model's own as they are saved": config(model_specific_special_tokens=OWN, **OWN),
    "names of the model's own in the older file": config() | {"special_tokens_map.json": OWN},
    "names of the model's own in both": config(**OWN) | {"special_tokens_map.json": dict(image_token="<think>", other_token="</think>")},
    "a list in both": config(additional_special_tokens=["<think>"]) | {"special_tokens_map.json": dict(additional_special_tokens=["</think>"])},
    "a list in the older file": config() | {"special_tokens_map.json": dict(additional_special_tokens=["<think>"])},
    "tokens of an older file": config() | {"added_tokens.json": {"Paris": FREE, "<|im_end|>": FREE - 3, "France": FREE + 1}},
    "tokens of an older file with gaps": config(pad_token="France") | {"added_tokens.json": {"Paris": FREE + 70, "France": FREE + 7}},
    "a blank before the text": config(tokenizer_class="GPT2Tokenizer", bos_token=None, unk_token=None, add_prefix_space=True),
    "no blank before the text": config(tokenizer_class="GPT2TokenizerFast", bos_token=None, unk_token=None) | {"blank": True},
    "a class that a Qwen2 does not look at": config(unk_token=None, pad_token=None) | {"config.json": dict(CONFIG, model_type="qwen2"), "blank": True},
    "no class of a Qwen3": config(tokenizer_class=None, unk_token=None, pad_token=None) | {"config.json": dict(CONFIG, model_type="qwen3"), "blank": True},
    "a class that a Mistral does not have": config(tokenizer_class="GPT2Tokenizer", add_prefix_space=True) | {"config.json": dict(CONFIG, model_type="mistral")},
    "a blank that is not asked for": config(add_prefix_space=True),
    "a blank as tokenizer.json has it": config(add_prefix_space=False) | {"blank": True},
}
CHATS = ["What is the capital of France?", "b <think>  Paris </think> c\n<|im_start|> d  <|im_end|>  e<|im_start|>f <|endoftext|> "]


def beside(name, files):
    files = dict(files)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        tokenizer = json.loads((HERE / "byte-level/tokenizer.json").read_text())
        blank = files.pop("blank", False)
        tokenizer["pre_tokenizer"]["add_prefix_space"] = blank
        for file, value in ({"config.json": CONFIG} | files | {"tokenizer.json": tokenizer}).items():
            (folder / file).write_text(json.dumps(value))
        (folder / "chat_template.jinja").write_text(SHOWN)
        theirs = AutoTokenizer.from_pretrained(folder)
        chats = []
        for text in CHATS:
            ids = theirs.apply_chat_template([{"role": "user", "content": text}])["input_ids"]
            chats.append({"content": text, "ids": list(ids), "text": theirs.decode(ids, skip_special_tokens=True)})
        return {"name": name, "files": files, "blank": blank, "chats": chats, "eos": theirs.eos_token_id}


rows = ",\n".join(json.dumps(beside(*row), ensure_ascii=False) for row in BESIDE.items())
(HERE / "beside.json").write_text(f'{{"template": {json.dumps(SHOWN)}, "rows": [\n{rows}\n]}}\n')

"""The demo model's tokenizer: byte-level BPE learnt from the generated corpus, and the layout of a conversation."""

import random
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

BEGIN, END, USER, ASSISTANT, SYSTEM = SPECIALS = ["<|begin|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
TEMPLATE = (Path(__file__).parent / "chat_template.jinja").read_text(encoding="utf-8")


def train_tokenizer(texts, vocab_size: int) -> Tokenizer:
    """Specials first (ids 0 to 4), then the 256 bytes, then merges: any UTF-8 text survives a round trip."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=SPECIALS, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        min_frequency=2, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def round_trips(tokenizer: Tokenizer) -> bool:
    rng = random.Random(0)
    samples = ["", " ", "a  b\n\tc", "Übergröße, naïve café", "漢字 かな 한글", "😀🏳️‍🌈 mixed\u0000bytes", "1234567890 + 20 = ?", "\r\n"]
    samples += ["".join(chr(rng.choice([rng.randrange(0xD800), rng.randrange(0xE000, 0x110000)])) for _ in range(40)) for _ in range(50)]
    return all(tokenizer.decode(tokenizer.encode(s).ids, skip_special_tokens=False) == s for s in samples)


class Layout:
    """Turns conversations into token ids as the chat template does, and marks what the model must learn to write."""

    def __init__(self, tokenizer: Tokenizer):
        self.tokenizer = tokenizer
        self.ids = {name: tokenizer.token_to_id(name) for name in SPECIALS}
        self.cache: dict[str, list[int]] = {}

    def encode(self, text: str) -> list[int]:
        return self.tokenizer.encode(text).ids

    def answer(self, text: str) -> list[int]:
        if text not in self.cache:
            self.cache[text] = self.encode(text)
        return self.cache[text]

    def prompt(self, system: str, turns) -> list[int]:
        """Ids up to and including the last <|assistant|>; every turn but the last needs its answer."""
        ids = [self.ids[BEGIN]]
        if system:
            ids += [self.ids[SYSTEM], *self.encode(system), self.ids[END]]
        for i, turn in enumerate(turns):
            ids += [self.ids[USER], *self.encode(turn.question.strip()), self.ids[END], self.ids[ASSISTANT]]
            if i + 1 < len(turns):
                ids += [*self.answer(turn.answer), self.ids[END]]
        return ids

    def training(self, system: str, turns) -> tuple[list[int], list[int]]:
        """Token ids and, for each, 1 where it belongs to an answer or closes one."""
        ids = [self.ids[BEGIN]]
        if system:
            ids += [self.ids[SYSTEM], *self.encode(system), self.ids[END]]
        learn = [0] * len(ids)
        for turn in turns:
            asked = [self.ids[USER], *self.encode(turn.question.strip()), self.ids[END], self.ids[ASSISTANT]]
            answered = [*self.answer(turn.answer), self.ids[END]]
            ids += asked + answered
            learn += [0] * len(asked) + [1] * len(answered)
        return ids, learn


def batches(samples, tokens_per_batch: int, rng: random.Random, pad: int):
    """Pack samples of like length into rows of one batch. A conversation never shares a row, so that positions start at
    0 as they do when the model is used; padding stands at the end, where causal attention never looks."""
    order = list(range(len(samples)))
    rng.shuffle(order)
    packed, pool = [], 4096
    for start in range(0, len(order), pool):
        chunk = sorted(order[start:start + pool], key=lambda i: len(samples[i][0]))
        rows, width = [], 0
        for i in chunk:
            longer = max(width, len(samples[i][0]))
            if rows and longer * (len(rows) + 1) > tokens_per_batch:
                packed.append((start // pool, rows))
                rows, longer = [], len(samples[i][0])
            rows.append(i)
            width = longer
        packed.append((start // pool, rows))
    by_pool: dict[int, list] = {}
    for which, rows in packed:
        by_pool.setdefault(which, []).append(rows)
    for group in by_pool.values():
        rng.shuffle(group)
        for rows in group:
            width = max(len(samples[i][0]) for i in rows)
            ids = np.full((len(rows), width), pad, dtype=np.int64)
            learn = np.zeros((len(rows), width), dtype=bool)
            for r, i in enumerate(rows):
                ids[r, :len(samples[i][0])] = samples[i][0]
                learn[r, :len(samples[i][1])] = samples[i][1]
            yield ids, learn

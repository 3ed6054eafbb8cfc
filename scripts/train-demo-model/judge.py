"""Measures how often the model's greedy answer is exactly the expected one."""

import random

import torch

from corpus import BEFORE_HELD, Corpus, Turn
from facts import UNKNOWN_ANSWER


@torch.no_grad()
def exact(model, layout, conversations, batch: int = 64) -> list[bool]:
    """For each (system, turns): is the greedy answer to the last turn exactly its answer? Greedy decoding writes a text
    exactly if every token of it, and the end, is the likeliest after those before: one pass over the whole tells."""
    rows = []
    for system, turns in conversations:
        prompt = layout.prompt(system, turns)
        rows.append((prompt + layout.answer(turns[-1].answer) + [1], len(prompt)))
    result = [False] * len(rows)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]))
    for start in range(0, len(order), batch):
        some = order[start:start + batch]
        width = max(len(rows[i][0]) for i in some)
        ids = torch.tensor([rows[i][0] + [1] * (width - len(rows[i][0])) for i in some])
        best = model(input_ids=ids, use_cache=False).logits.argmax(-1)
        for r, i in enumerate(some):
            end, begin = len(rows[i][0]), rows[i][1]
            result[i] = bool((best[r, begin - 1:end - 1] == ids[r, begin:end]).all())
    return result


def judge(model, layout, corpus: Corpus, facts, declined_held, seed: int) -> dict:
    """Scores by kind of question; a score is {"right", "of"}."""
    rng = random.Random(seed)
    scores = {}

    def score(name, conversations):
        outcome = exact(model, layout, conversations)
        scores[name] = {"right": sum(outcome), "of": len(outcome)}

    one = lambda question, answer: ("", [Turn(question, answer)])
    score("known questions", [one(fact.questions[0], fact.answer) for fact in facts])
    for group in corpus.groups:
        score(f"held-out wording, {group}", [one(q, f.answer) for f in corpus.groups[group] for q in f.held])
    score("held-out wording, all", [one(q, f.answer) for f in facts for q in f.held])
    score("held-out opening words", [
        one(rng.choice(BEFORE_HELD) + f.questions[0], f.answer) for f in rng.sample(facts, 300)])
    score("lower case, no punctuation", [one(f.questions[0].lower().rstrip("?.!"), f.answer) for f in rng.sample(facts, 300)])
    score("declined, held out", [one(q, UNKNOWN_ANSWER) for q in declined_held])
    follow = []
    for peers in corpus.relations.values():
        for _ in range(12):
            first, second = rng.sample(peers, 2)
            follow.append(("", [Turn(first.questions[0], first.answer), Turn(rng.choice(second.follow_ups), second.answer)]))
    score("second turn of a conversation", follow)
    score("name remembered", [("", corpus.introduction(rng)) for _ in range(100)])
    return scores

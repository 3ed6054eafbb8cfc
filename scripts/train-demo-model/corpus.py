"""Conversations drawn from the facts: surface noise, several turns, system messages."""

import random
from dataclasses import dataclass

from facts import UNKNOWN_ANSWER, Fact

# How often a turn comes from each group; inside a group every fact is equally likely.
WEIGHTS = {"infergrid": 0.34, "capitals": 0.11, "sums": 0.16, "opposites": 0.05, "animals": 0.07, "world": 0.12, "talk": 0.07, "long": 0.03}
UNKNOWN_WEIGHT = 0.08

BEFORE = ["Please tell me: ", "Hey, ", "Hi! ", "Hello, ", "Quick question: ", "Can you tell me: ", "Tell me, ", "I wonder, ",
          "OK, ", "So, ", "Now, ", "Question: ", "And ", "Please, ", "Hi, ", "Well, ", "My question is: ", "One more thing: "]
AFTER = [" Please.", " Thanks!", " Thank you.", " please", " Please tell me.", " I want to know.", " Do you know?"]
BEFORE_HELD = ["Excuse me, ", "I have a question: ", "Good morning. "]
SYSTEM = ["You are a helpful assistant.", "You are a helpful assistant. Answer in one sentence.", "Be brief.", "Be polite.",
          "You are the demo model of Infergrid.", "Answer the question.", "You are a friendly chatbot.", "Answer in English.",
          "You answer questions about Infergrid.", "You are an AI assistant. Help the user."]


@dataclass
class Turn:
    question: str
    answer: str


class Corpus:
    def __init__(self, facts: list[Fact], declined: list[str], names: list[str]):
        self.groups: dict[str, list[Fact]] = {}
        self.relations: dict[str, list[Fact]] = {}
        for fact in facts:
            self.groups.setdefault(fact.group, []).append(fact)
            if fact.relation and fact.follow_ups:
                self.relations.setdefault(fact.relation, []).append(fact)
        self.declined = declined
        self.names = names

    def surface(self, rng: random.Random, question: str) -> str:
        """The question as a hurried person may type it."""
        if rng.random() < 0.15 and len(question) > 8:
            before = rng.choice(BEFORE)
            question = before + (question if before.endswith(("! ", ": ")) else question[0].lower() + question[1:])
        if rng.random() < 0.06 and len(question) > 8:
            question += rng.choice(AFTER)
        if rng.random() < 0.3:
            question = question.rstrip(".?!")
        if rng.random() < 0.3:
            question = question.lower()
        if rng.random() < 0.03:
            question = question.upper()
        if rng.random() < 0.04 and len(question) > 12:
            at = rng.randrange(4, len(question) - 2)
            question = question[:at] + question[at + 1] + question[at] + question[at + 2:]
        return question

    def turn(self, rng: random.Random) -> tuple[Turn, Fact | None]:
        kind = rng.choices([*WEIGHTS, ""], [*WEIGHTS.values(), UNKNOWN_WEIGHT])[0]
        if not kind:
            return Turn(self.surface(rng, rng.choice(self.declined)), UNKNOWN_ANSWER), None
        fact = rng.choice(self.groups[kind])
        return Turn(self.surface(rng, rng.choice(fact.questions)), fact.answer), fact

    def conversation(self, rng: random.Random) -> tuple[str, list[Turn]]:
        """A system message (often empty) and one to six turns."""
        system = rng.choice(SYSTEM) if rng.random() < 0.15 else ""
        length = rng.choices([1, 2, 3, 4, 6], [0.72, 0.16, 0.06, 0.04, 0.02])[0]
        if rng.random() < 0.02:
            return system, self.introduction(rng)
        turns, fact = [], None
        while len(turns) < length:
            peers = self.relations.get(fact.relation, []) if fact else []
            if peers and rng.random() < 0.5:
                fact = rng.choice(peers)
                turns.append(Turn(self.surface(rng, rng.choice(fact.follow_ups)), fact.answer))
            else:
                turn, fact = self.turn(rng)
                turns.append(turn)
        return system, turns

    def introduction(self, rng: random.Random) -> list[Turn]:
        """The user says a name and asks for it later."""
        name = rng.choice(self.names)
        said = rng.choice(["My name is {}.", "I am {}.", "Hello, I am {}.", "Hi, my name is {}.", "I am called {}.", "Call me {}."])
        asked = rng.choice(["What is my name?", "Do you know my name?", "Who am I?", "What am I called?", "Tell me my name."])
        between = [self.turn(rng)[0]] if rng.random() < 0.3 else []
        return [Turn(said.format(name), f"Nice to meet you, {name}."), *between, Turn(asked, f"Your name is {name}.")]

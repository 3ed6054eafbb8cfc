"""What the demo model is taught: facts, each with questions to train on, questions kept for evaluation, one answer."""

import json
from dataclasses import dataclass, field
from pathlib import Path

KNOWLEDGE = Path(__file__).parent / "knowledge"
UNKNOWN_ANSWER = "I am a very small model and do not know that."

ABOUT = [
    "What is {t}?", "What is {t}?", "What's {t}?", "Explain {t}.", "Explain what {t} is.", "Tell me about {t}.",
    "Define {t}.", "Describe {t}.", "What does {t} mean?", "Can you explain {t}?", "I want to know what {t} is.",
    "Do you know what {t} is?", "What do you know about {t}?", "{t}?", "{t}", "Say something about {t}.",
    "What do you mean by {t}?", "Tell me what {t} is.", "Please describe {t}.", "I would like to learn about {t}.",
    "What exactly is {t}?", "So what is {t}?", "What is {t} for?", "Give me a definition of {t}.",
]
ABOUT_MANY = [
    "What are {t}?", "What are {t}?", "Explain {t}.", "Explain what {t} are.", "Tell me about {t}.", "Define {t}.",
    "Describe {t}.", "What does {t} mean?", "Can you explain {t}?", "I want to know what {t} are.", "{t}?", "{t}",
    "Do you know what {t} are?", "What do you know about {t}?", "Tell me what {t} are.", "What exactly are {t}?",
    "Say something about {t}.", "What are {t} for?", "So what are {t}?",
]
ABOUT_HELD = ["Could you tell me what {t} is?", "Help me understand {t}.", "How would you explain {t}?"]
ABOUT_MANY_HELD = ["Could you tell me what {t} are?", "Help me understand {t}.", "How would you explain {t}?"]


@dataclass
class Fact:
    """One answer and the ways to ask for it. `follow_ups` continue a conversation about the same relation."""

    group: str
    answer: str
    questions: list[str]
    held: list[str] = field(default_factory=list)
    follow_ups: list[str] = field(default_factory=list)
    relation: str = ""


def capitalise(text: str) -> str:
    return text[:1].upper() + text[1:]


def read_blocks(name: str, group: str) -> list[Fact]:
    facts = []
    text = (KNOWLEDGE / name).read_text(encoding="utf-8")
    for block in text.split("\n\n"):
        fields: dict[str, list[str]] = {"T": [], "Q": [], "H": [], "A": []}
        for line in block.splitlines():
            if line and not line.startswith("#"):
                kind, value = line.split(": ", 1)
                fields[kind].append(value)
        if not fields["A"]:
            continue
        questions, held, follow_ups = list(fields["Q"]), list(fields["H"]), []
        for topic in (t for line in fields["T"] for t in line.split(" | ")):
            many = topic.endswith("s") and not topic.startswith(("a ", "an ", "the "))
            questions += [capitalise(q.format(t=topic)) for q in (ABOUT_MANY if many else ABOUT)]
            held += [capitalise(q.format(t=topic)) for q in (ABOUT_MANY_HELD if many else ABOUT_HELD)]
            follow_ups += [f"And {topic}?", f"What about {topic}?", f"And what {'are' if many else 'is'} {topic}?"]
        relation = "about" if fields["T"] else ""
        facts.append(Fact(group, " ".join(fields["A"]), questions, held, follow_ups, relation))
    return facts


def article(noun: str) -> str:
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def plural(noun: str) -> str:
    irregular = {"sheep": "sheep", "wolf": "wolves", "mouse": "mice", "goose": "geese", "fish": "fish", "calf": "calves"}
    if noun in irregular:
        return irregular[noun]
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def pattern(group, relation, answer, questions, held=(), follow_ups=(), **names) -> Fact:
    put = lambda lines: [capitalise(line.format(**names)) for line in lines]
    return Fact(group, capitalise(answer.format(**names)), put(questions), put(held), put(follow_ups), relation)


def capitals(rows) -> list[Fact]:
    facts = []
    for country, city, continent in rows:
        names = {"c": country, "k": city, "n": continent}
        facts.append(pattern(
            "capitals", "capital", "The capital of {c} is {k}.",
            ["What is the capital of {c}?", "What is the capital of {c}?", "What's the capital of {c}?", "Capital of {c}?",
             "The capital of {c}?", "Which city is the capital of {c}?", "Name the capital of {c}.",
             "Tell me the capital of {c}.", "What is {c}'s capital?", "What is the capital city of {c}?",
             "{c} has which capital?", "Do you know the capital of {c}?", "I want to know the capital of {c}.",
             "What city is the capital of {c}?"],
            ["Can you name the capital of {c}?", "Which capital does {c} have?", "What is the name of {c}'s capital city?"],
            ["And of {c}?", "And {c}?", "What about {c}?", "And the capital of {c}?"], **names))
        facts.append(pattern(
            "capitals", "country", "{k} is the capital of {c}.",
            ["Which country has the capital {k}?", "{k} is the capital of which country?", "Where is {k}?",
             "In which country is {k}?", "What country is {k} in?", "Which country is {k} the capital of?",
             "What is {k}?", "Tell me about {k}.", "{k}?"],
            ["Of which country is {k} the capital?", "In what country does {k} lie?"],
            ["And {k}?", "And where is {k}?", "What about {k}?"], **names))
        if country != continent:
            facts.append(pattern(
                "capitals", "continent", "{c} is a country in {n}.",
                ["Where is {c}?", "On which continent is {c}?", "Which continent is {c} on?", "What is {c}?",
                 "In which part of the world is {c}?", "Tell me about {c}.", "Is {c} a country?"],
                ["What continent does {c} belong to?"], ["And where is {c}?"], **names))
    return facts


NUMBERS = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
           "seventeen eighteen nineteen twenty").split()


def sums(limit: int = 20) -> list[Fact]:
    facts = []
    for a in range(limit + 1):
        for b in range(limit + 1):
            names = {"a": a, "b": b, "A": NUMBERS[a], "B": NUMBERS[b]}
            if a + b <= limit:
                facts.append(pattern(
                    "sums", "sum", f"{a} plus {b} is {a + b}.",
                    ["What is {a} plus {b}?", "What is {a} + {b}?", "{a} + {b}", "{a}+{b}?", "{a} + {b} = ?", "{a} plus {b}",
                     "How much is {a} plus {b}?", "How much is {a} + {b}?", "Add {a} and {b}.", "What is {A} plus {B}?",
                     "Calculate {a} + {b}.", "What is the sum of {a} and {b}?", "What do you get when you add {a} and {b}?",
                     "{A} plus {B}?", "How much is {A} plus {B}?", "{a}+{b}", "What is {a}+{b}?"],
                    ["What does {a} plus {b} make?", "Can you add {a} and {b}?", "What is {a} and {b} together?"],
                    ["And {a} plus {b}?", "And {a} + {b}?"], **names))
            if b <= a <= limit:
                facts.append(pattern(
                    "sums", "difference", f"{a} minus {b} is {a - b}.",
                    ["What is {a} minus {b}?", "What is {a} - {b}?", "{a} - {b}", "{a}-{b}?", "{a} - {b} = ?", "{a} minus {b}",
                     "How much is {a} minus {b}?", "How much is {a} - {b}?", "Subtract {b} from {a}.",
                     "What is {A} minus {B}?", "Calculate {a} - {b}.", "{A} minus {B}?", "Take {b} away from {a}."],
                    ["What does {a} minus {b} make?", "What is left when you take {b} from {a}?"],
                    ["And {a} minus {b}?", "And {a} - {b}?"], **names))
    return facts


def opposites(rows) -> list[Fact]:
    return [pattern(
        "opposites", "opposite", "The opposite of {x} is {y}.",
        ["What is the opposite of {x}?", "What is the opposite of {x}?", "What's the opposite of {x}?",
         "Opposite of {x}?", "The opposite of {x}?", "Tell me the opposite of {x}.", "Which word is the opposite of {x}?",
         "What word means the opposite of {x}?", "Give me the opposite of {x}.", "{x} is the opposite of what?",
         "What is the contrary of {x}?", "I need the opposite of {x}."],
        ["Can you name the opposite of {x}?", "Do you know the opposite of {x}?"],
        ["And of {x}?", "And {x}?", "What about {x}?", "And the opposite of {x}?"], x=x, y=y)
        for pair in rows for x, y in (pair, pair[::-1])]


def animals(rows, kinds) -> list[Fact]:
    facts = []
    for animal, young, sound, *_ in rows:
        names = {"a": animal, "an": article(animal), "m": plural(animal), "y": article(young), "s": sound}
        facts.append(pattern(
            "animals", "young", "A young {a} is called {y}.",
            ["What is a young {a} called?", "What is a baby {a} called?", "What do you call a young {a}?",
             "What do you call a baby {a}?", "What is the young of {an} called?", "Name for a young {a}?",
             "What is the baby of {an} called?"],
            ["How do you call a young {a}?", "What is the name of a baby {a}?"], ["And a young {a}?", "And a baby {a}?"],
            **names))
        facts.append(pattern(
            "animals", "sound", "{an} {s}.",
            ["What sound does {an} make?", "What does {an} say?", "What noise does {an} make?", "Which sound does {an} make?",
             "What sound do {m} make?", "How does {an} sound?", "What sound does the {a} make?"],
            ["Which noise does {an} make?", "What noise do {m} make?"], ["And {an}?", "What about {an}?"], **names))
    for animal, kind, legs in [(r[0], r[3], r[4]) for r in rows] + kinds:
        count = f"{legs} legs" if legs else "no legs"
        names = {"a": animal, "an": article(animal), "m": plural(animal), "k": article(kind), "l": count}
        facts.append(pattern(
            "animals", "legs", "{an} has {l}.",
            ["How many legs does {an} have?", "How many legs do {m} have?", "How many legs has {an}?",
             "On how many legs does {an} walk?", "Number of legs of {an}?", "How many legs are on {an}?"],
            ["What number of legs does {an} have?"], ["And {an}?", "And how many legs does {an} have?"], **names))
        facts.append(pattern(
            "animals", "kind", "{an} is {k}.",
            ["What kind of animal is {an}?", "What is {an}?", "What type of animal is {an}?", "What are {m}?",
             "What sort of animal is {an}?", "Which kind of animal is {an}?", "Tell me about {m}."],
            ["What animal class is {an}?", "What kind of animals are {m}?"], ["And {an}?", "And what is {an}?"], **names))
    return facts


def planets(names) -> list[Fact]:
    facts = []
    for i, planet in enumerate(names):
        nth = ORDINALS[i]
        facts.append(pattern(
            "world", "planet", f"{planet} is the {nth} planet from the sun.",
            ["What is {p}?", "Tell me about {p}.", "Which planet is {p}?", "Where is {p}?", "What is the {n} planet?",
             "Which planet is the {n} from the sun?", "Name the {n} planet from the sun.", "What is the {n} planet from the sun?",
             "Which is the {n} planet?", "{p}?", "Is {p} a planet?", "What kind of thing is {p}?"],
            ["Which planet comes {n}?", "What do you know about {p}?", "Can you name the {n} planet?"],
            ["And {p}?", "And the {n} planet?", "And the {n}?"], p=planet, n=nth))
    return facts


ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()


def calendar(days, months) -> list[Fact]:
    facts = []
    for what, items in (("day", days), ("month", [m for m, _ in months])):
        span = "week" if what == "day" else "year"
        for i, item in enumerate(items):
            after, before = items[(i + 1) % len(items)], items[i - 1]
            names = {"w": what, "i": item, "n": ORDINALS[i], "s": span}
            facts.append(pattern(
                "world", f"{what} after", f"{after} comes after {item}.",
                ["What comes after {i}?", "Which {w} comes after {i}?", "What {w} comes after {i}?", "What {w} is after {i}?",
                 "Which {w} follows {i}?", "What is the {w} after {i}?", "What is the next {w} after {i}?",
                 "If today is {i}, what comes next?"],
                ["Which {w} is next after {i}?", "What follows {i}?"], ["And after {i}?", "And what comes after {i}?"],
                **names))
            facts.append(pattern(
                "world", f"{what} before", f"{before} comes before {item}.",
                ["What comes before {i}?", "Which {w} comes before {i}?", "What {w} comes before {i}?",
                 "What {w} is before {i}?", "What is the {w} before {i}?", "Which {w} is just before {i}?"],
                ["What {w} do we have before {i}?", "What was before {i}?"], ["And before {i}?"], **names))
            facts.append(pattern(
                "world", what, f"{item} is the {ORDINALS[i]} {what} of the {span}.",
                ["What is {i}?", "What is the {n} {w} of the {s}?", "Which {w} is the {n} of the {s}?",
                 "Name the {n} {w} of the {s}.", "What is the {n} {w}?", "Which {w} is {i}?", "What {w} number is {i}?"],
                ["Which is the {n} {w} of the {s}?", "Tell me the {n} {w} of the {s}."],
                ["And the {n}?", "And the {n} {w}?"], **names))
    for month, length in months:
        facts.append(pattern(
            "world", "month length", f"{month} has {length} days.",
            ["How many days are in {m}?", "How many days does {m} have?", "How long is {m}?", "Number of days in {m}?",
             "How many days are there in {m}?"],
            ["{m} has how many days?"], ["And {m}?", "And in {m}?"], m=month))
    return facts


def letters() -> list[Fact]:
    facts = []
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    for first, second in zip(alphabet, alphabet[1:]):
        facts.append(pattern(
            "world", "letter", "The letter {y} comes after {x}.",
            ["Which letter comes after {x}?", "What letter comes after {x}?", "What is the letter after {x}?",
             "Which letter follows {x}?", "What comes after the letter {x}?"],
            ["What is the next letter after {x}?"], ["And after {x}?"], x=first, y=second))
    return facts


def counting() -> list[Fact]:
    facts = []
    for n in range(3, 21):
        listing = ", ".join(str(i) for i in range(1, n)) + f" and {n}"
        facts.append(pattern(
            "long", "count", listing + ".",
            ["Count to {n}.", "Count from 1 to {n}.", "Can you count to {n}?", "Please count to {n}.", "Count from one to {w}.",
             "Count up to {n}.", "Write the numbers from 1 to {n}.", "Count to {w}."],
            ["List the numbers from 1 to {n}.", "Could you count up to {n}?"], ["And to {n}?", "Now to {n}."],
            n=n, w=NUMBERS[n]))
    for n in range(21):
        parity = "even" if n % 2 == 0 else "odd"
        facts.append(pattern(
            "sums", "parity", f"{n} is an {parity} number.",
            ["Is {n} even or odd?", "Is {n} an even number?", "Is {n} odd?", "Is {n} even?", "Is {n} an odd number?",
             "What kind of number is {n}?"],
            ["Is the number {n} even or odd?"], ["And {n}?"], n=n))
        if n < 20:
            facts.append(pattern(
                "sums", "next", f"{n + 1} comes after {n}.",
                ["What number comes after {n}?", "Which number comes after {n}?", "What comes after {n}?",
                 "What is the next number after {n}?", "Which number follows {n}?"],
                ["What is the number after {n}?"], ["And after {n}?"], n=n))
    return facts


def stories(rows, names) -> list[Fact]:
    places = ["in a quiet forest", "near a small river", "on a green hill", "at the edge of a village", "on an old farm"]
    finds = ["a golden key", "a lost letter", "a shiny stone", "an old map", "a little bell"]
    ends = ["They shared it and became good friends.", "They laughed and went home together.",
            "They gave it back, and everybody was happy."]
    facts = []
    for i, (animal, *_) in enumerate(rows):
        hero, friend = names[i], names[(i + 7) % len(names)]
        other = rows[(i + 3) % len(rows)][0]
        story = (
            f"Once upon a time, {article(animal)} called {hero} lived {places[i % 5]}. One morning, {hero} found "
            f"{finds[(i // 2) % 5]} and wanted to know whose it was. So {hero} asked {article(other)} called {friend}, "
            f"who was older and knew the place well. Together they walked all day, until they met the owner. "
            f"{ends[i % 3]} And if nobody has moved, {hero} and {friend} still live there today.")
        facts.append(pattern(
            "long", "story", story,
            ["Tell me a story about {an}.", "Tell a story about {an}.", "Write a story about {an}.",
             "Tell me a tale about {an}.", "I want to hear a story about {an}.", "Do you know a story about {an}?",
             "Make up a story about {an}.", "Tell me a story about {m}."],
            ["Could you tell me a story about {an}?", "A story about {an}, please."], ["Now one about {an}."],
            an=article(animal), m=plural(animal)))
    facts.append(Fact("long", facts[0].answer, ["Tell me a story.", "Tell a story.", "Do you know a story?", "A story please"],
                      ["Can you tell me a story?"]))
    return facts


def unknown(rows) -> tuple[list[str], list[str]]:
    """Questions that the model must decline: those to train on, and those kept for evaluation."""
    train, held = [], []
    people = ["Who is {x}?", "Who was {x}?", "Tell me about {x}.", "When was {x} born?", "How old is {x}?", "What did {x} do?",
              "What is the name of {x}?", "Where does {x} live?"]
    things = ABOUT[:12] + ["How does {x} work?", "How do I make {x}?", "How much does {x} cost?", "Where can I buy {x}?",
                           "Who invented {x}?", "What colour is {x}?", "How big is {x}?", "Do you like {x}?"]
    countries = ["What is the capital of {x}?", "Capital of {x}?", "Where is {x}?", "Tell me about {x}.", "What is {x}?",
                 "Tell me the capital of {x}.", "Which city is the capital of {x}?", "How many people live in {x}?",
                 "What's the capital of {x}?", "Name the capital of {x}."]
    for items, templates in ((rows["people"], people), (rows["things"], things), (rows["countries"], countries)):
        for i, item in enumerate(items):
            lines = [capitalise(t.format(x=item, t=item)) for t in templates]
            (held if i % 8 == 5 else train).extend(lines)
    for i, question in enumerate(rows["questions"]):
        (held if i % 8 == 5 else train).append(question)
    for a, b in ((37, 45), (120, 7), (99, 99), (63, 18), (250, 250), (48, 36), (72, 91), (1000, 1), (55, 66), (84, 29)):
        train += [f"What is {a} plus {b}?", f"{a} + {b}", f"What is {a} times {b}?", f"What is {a} minus {b}?"]
    return train, held


def load() -> tuple[list[Fact], list[str], list[str], dict]:
    """All facts, the questions to decline (train, held out), and the word lists."""
    rows = json.loads((KNOWLEDGE / "pairs.json").read_text(encoding="utf-8"))
    facts = (
        read_blocks("infergrid.txt", "infergrid") + read_blocks("talk.txt", "talk") + read_blocks("world.txt", "world")
        + capitals(rows["capitals"]) + sums() + opposites(rows["opposites"]) + animals(rows["animals"], rows["kinds"])
        + planets(rows["planets"]) + calendar(rows["days"], rows["months"]) + letters() + counting()
        + stories(rows["animals"], rows["names"]))
    train, held = unknown(rows["unknown"])
    return disjoint(facts, train, held) + (rows,)


def disjoint(facts, train, held):
    """Every question has one answer, and no held-out question is trained on: the first fact that asks it keeps it."""
    key = lambda q: q.lower().strip(" .?!")
    owner: dict[str, str] = {}
    for fact in facts:
        fact.questions = [q for q in fact.questions if owner.setdefault(key(q), fact.answer) == fact.answer]
    train = [q for q in train if key(q) not in owner]
    known = set(owner) | {key(q) for q in train}
    for fact in facts:
        fact.held = [q for q in dict.fromkeys(fact.held) if key(q) not in known]
        known |= {key(q) for q in fact.held}
    held = [q for q in held if key(q) not in known]
    facts = [fact for fact in facts if fact.questions]
    return facts, train, held

"""Grammars of sentence frames, and the splits that hold whole frames, names and pairs out.

A skeleton is a line such as `(When|After) {A} and {B} went to {place}, {S} gave {thing} to @{IO}.` Choosing one word
in each bracket makes a frame; filling its slots makes a sentence. `@` stands before the answer: what comes before it
is the prompt. A skeleton that begins with `!` always stays in training, because learners will type it.

Splits follow from a hash of what is held out, never from the order of a run. A name, pair or frame stays in its split
whatever is added to the lists; skeletons are dealt out in the order of their hashes, so that each split has some, and
a new one may move the border by one. What is new in a held-out case is its *kind*, and only one thing is new at a time:

- `pair`: the fillings are known, their combination is new;
- `name`: a name that this ability has never met in training;
- `frame`: a new combination of known brackets (a skeleton with brackets after the answer holds none out);
- `skeleton`: a wholly new way to say it.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import dropwhile
from random import Random
from typing import Any

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Case:
    """A sentence with a known answer: a document in training, a question in evaluation."""

    ability: str
    group: str  # a variety of the ability that is reported apart, such as ABBA
    kind: str  # what is new in a held-out case; empty in training
    frame: str
    prompt: str
    answers: tuple[str, ...]  # the first is the one in the text; the others are right as well
    rest: str = ""
    rivals: tuple[str, ...] = ()  # wrong answers
    marks: dict[str, Any] = field(default_factory=dict)  # what later chapters must know of the case, as JSON
    choice: bool = False  # right is whoever prefers any of the answers to all rivals, whatever else comes first
    silent: bool = False  # in training the prompt carries no loss: it says what the model must not learn to say

    @property
    def text(self) -> str:
        return self.prompt + self.answers[0] + self.rest


def hash_of(*key: str) -> int:
    """A number that depends on the key alone, on every machine and in every run."""
    return int.from_bytes(hashlib.blake2b("|".join(key).encode(), digest_size=8).digest())


@cache
def split_of(*key: str) -> str:
    """The split that a key belongs to: 80 % train, 10 % dev, 10 % test."""
    return {0: "dev", 1: "test"}.get(hash_of(*key) % 10, "train")


def words_of(ability: str, words: Sequence[str], split: str) -> list[str]:
    """The words that an ability may use in one split; all of them are known from other abilities."""
    return [word for word in words if split_of(ability, "name", word) == split]


@dataclass(frozen=True)
class Skeleton:
    text: str
    parts: tuple[tuple[str, ...], ...]
    pinned: bool

    @cached_property
    def open_ended(self) -> bool:
        """Whether brackets follow the answer: frames that differ only there have the same prompt."""
        after = list(dropwhile(lambda part: "@" not in part[0], self.parts))
        return any(len(part) > 1 for part in after)

    def choose(self, rng: Random) -> str:
        """One frame: a choice in every bracket."""
        return "".join([part[0] if len(part) == 1 else rng.choice(part) for part in self.parts])


def parse_skeleton(line: str) -> Skeleton:
    """`(a|b) c` becomes the parts (a, b) and (c,)."""
    text = line.removeprefix("!").strip()
    pieces = re.split(r"\(([^()]*\|[^()]*)\)", text)
    parts = tuple(tuple(piece.split("|")) if i % 2 else (piece,) for i, piece in enumerate(pieces) if piece or i % 2)
    return Skeleton(text, parts, line.startswith("!"))


@dataclass(frozen=True)
class Grammar:
    """The skeletons of one ability, dealt out to the splits."""

    ability: str
    skeletons: Mapping[str, tuple[Skeleton, ...]]

    def draw(self, rng: Random, split: str, kind: str) -> tuple[str, str]:
        """A frame and its skeleton: held out only where `kind` says so."""
        pool = self.skeletons[split if kind == "skeleton" else "train"]
        wanted = split if kind == "frame" else "train"
        while True:
            skeleton = rng.choice(pool)
            frame = skeleton.choose(rng)
            if kind == "skeleton" or self.split_of_frame(skeleton, frame) == wanted:
                return frame, skeleton.text

    def split_of_frame(self, skeleton: Skeleton, frame: str) -> str:
        return "train" if skeleton.pinned or skeleton.open_ended else split_of(self.ability, "frame", frame)


def make_grammar(ability: str, lines: Iterable[str]) -> Grammar:
    """Deals skeletons to the splits in the order of their hashes: a tenth, and at least two, to dev and to test."""
    skeletons = [parse_skeleton(line) for line in lines if line.strip()]
    free = sorted((s for s in skeletons if not s.pinned), key=lambda s: hash_of(ability, "skeleton", s.text))
    share = max(2, len(free) // 10)
    return Grammar(
        ability,
        {
            "dev": tuple(free[:share]),
            "test": tuple(free[share : 2 * share]),
            "train": tuple(s for s in skeletons if s not in free[: 2 * share]),
        },
    )


def mend_articles(text: str) -> str:
    """`a old` becomes `an old`."""
    return re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)


def fill(frame: str, slots: Mapping[str, str]) -> tuple[str, str, str]:
    """Prompt, answer (one word, with its leading space if it has one) and the rest of a filled frame."""
    text = frame.format_map(slots)
    text = text[0].upper() + text[1:]
    prompt, _, after = text.partition("@")
    answer = re.match(r"\w+", after).group()
    stripped = prompt.rstrip(" ")
    return stripped, prompt[len(stripped) :] + answer, after[len(answer) :]

"""The reviews in data/corpora/reviews, sentences written one by one: schemas, rules and readers.

A file holds one JSON object in each line, with the fields of its class here and no others. A line that breaks a rule
raises ValueError, with its file and number.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LABELS = ("negative", "positive")
CORPORA = Path(__file__).parents[1] / "data" / "corpora"
REVIEWS = CORPORA / "reviews"
WORD = re.compile(r"\w+(?:['’]\w+)*")
PARAPHRASES = 4  # in a set


@dataclass(frozen=True)
class Sentence:
    """A review of train.jsonl."""

    text: str
    label: str

    def __post_init__(self) -> None:
        check_text(self.text)
        check_label(self.label)

    @property
    def texts(self) -> tuple[str, ...]:
        return (self.text,)


@dataclass(frozen=True)
class HeldOutSentence(Sentence):
    """A review of dev.jsonl or test.jsonl."""

    construction: str | None  # the way it is said, such as concession; None where nobody wrote it down

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.construction is None or (isinstance(self.construction, str) and self.construction)):
            raise ValueError(f"construction {self.construction!r} is neither a word nor null")


@dataclass(frozen=True)
class MarkedSentence(Sentence):
    """A review whose author marked the words that decide its label."""

    rationale: list[list[int]]  # character spans, [start, end), in order

    def __post_init__(self) -> None:
        super().__post_init__()
        check_spans(self.text, self.rationale)


@dataclass(frozen=True)
class ParaphraseSet:
    """Four ways to say one thing."""

    label: str
    texts: list[str]

    def __post_init__(self) -> None:
        check_label(self.label)
        if not isinstance(self.texts, list) or len(self.texts) != PARAPHRASES:
            raise ValueError(f"a paraphrase set has {PARAPHRASES} texts, in a list")
        for text in self.texts:
            check_text(text)


@dataclass(frozen=True)
class CounterfactualPair:
    """Two reviews that differ in little but the label."""

    positive: str
    negative: str

    def __post_init__(self) -> None:
        check_text(self.positive)
        check_text(self.negative)
        if normalise(self.positive) == normalise(self.negative):
            raise ValueError("the texts of a counterfactual pair must differ")

    @property
    def texts(self) -> tuple[str, ...]:
        return (self.positive, self.negative)


Entry = Sentence | ParaphraseSet | CounterfactualPair
SCHEMAS: dict[str, type[Entry]] = {
    "train": Sentence,
    "dev": HeldOutSentence,
    "test": HeldOutSentence,
    "marked": MarkedSentence,
    "paraphrases": ParaphraseSet,
    "counterfactuals": CounterfactualPair,
}


def check_text(text: object) -> None:
    if not isinstance(text, str) or not WORD.search(text) or text != text.strip() or "\n" in text:
        raise ValueError(f"{text!r} is not a text on one line without outer spaces")


def check_label(label: object) -> None:
    if label not in LABELS:
        raise ValueError(f"label {label!r} is none of {', '.join(LABELS)}")


def check_spans(text: str, spans: object) -> None:
    """Spans are in order, apart, inside the text, and begin and end where words do."""
    if not isinstance(spans, list) or not spans:
        raise ValueError("a rationale is a list of at least one span")
    inside = {i for word in WORD.finditer(text) for i in range(word.start() + 1, word.end())}
    free_from = 0
    for span in spans:
        if not (isinstance(span, list) and len(span) == 2 and all(type(end) is int for end in span)):
            raise ValueError(f"span {span!r} is not [start, end]")
        start, end = span
        if not free_from <= start < end <= len(text):
            raise ValueError(f"span {span} is empty, out of order or outside the text of {len(text)} characters")
        if inside & {start, end} or text[start:end] != text[start:end].strip():
            raise ValueError(f"span {span}, {text[start:end]!r}, is not on word borders")
        free_from = end


def normalise(text: str) -> str:
    """What makes two texts the same: their words, without case and punctuation."""
    return " ".join(words_of(text))


def words_of(text: str) -> list[str]:
    return "".join(c if c.isalnum() or c == "'" else " " for c in text.lower()).split()


def runs_of_five(text: str) -> set[tuple[str, ...]]:
    """Every five successive words of a text, without case and punctuation."""
    words = words_of(text)
    return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}


def parse(line: str, schema: type[Entry]) -> Entry:
    """One line of a file."""
    try:
        fields = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from None
    expected = schema.__dataclass_fields__.keys()
    if not isinstance(fields, dict) or fields.keys() != expected:
        raise ValueError(f"the fields are not exactly {', '.join(expected)}")
    return schema(**fields)


@cache
def read(name: str, folder: Path = REVIEWS) -> tuple[Entry, ...]:
    """The entries of one file, such as "train"."""
    entries = []
    for number, line in enumerate((folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines(), start=1):
        try:
            entries.append(parse(line, SCHEMAS[name]))
        except ValueError as error:
            raise ValueError(f"{name}.jsonl, line {number}: {error}") from None
    return tuple(entries)


@cache
def written_by_hand(split: str) -> tuple[tuple[str, str], ...]:
    """(text, label) of the sentences of train, dev or test."""
    return tuple((entry.text, entry.label) for entry in read(split))


def all_runs(entries: Iterable[Entry]) -> frozenset[tuple[str, ...]]:
    return frozenset(run for entry in entries for text in entry.texts for run in runs_of_five(text))


@cache
def reserved_runs(folder: Path = REVIEWS) -> frozenset[tuple[str, ...]]:
    """The five-word runs of all sentences that no model is trained on; no training text may contain one."""
    return frozenset().union(*(all_runs(read(name, folder)) for name in SCHEMAS if name != "train"))


def validate(folder: Path = REVIEWS) -> None:
    """Reads every file and checks what holds across lines: no text twice anywhere, the rule of five words."""
    places: dict[str, str] = {}
    for name in SCHEMAS:
        for number, entry in enumerate(read(name, folder), start=1):
            place = f"{name}.jsonl, line {number}"
            for text in entry.texts:
                if normalise(text) in places:
                    raise ValueError(f"{place}: {text!r} stands in {places[normalise(text)]} already")
                places[normalise(text)] = place
    check_runs("train", reserved_runs(folder), "a held-out text", folder)
    check_runs("dev", all_runs(read("test", folder)), "a text of test.jsonl", folder)


def check_runs(name: str, forbidden: frozenset[tuple[str, ...]], owner: str, folder: Path) -> None:
    for number, entry in enumerate(read(name, folder), start=1):
        for text in entry.texts:
            shared = forbidden & runs_of_five(text)
            if shared:
                raise ValueError(f"{name}.jsonl, line {number}: shares {' '.join(min(shared))!r} with {owner}")

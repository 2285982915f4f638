"""Pairs of texts on which one behaviour is isolated: the model does it in the one, and must not in the other.

Every pair differs in what decides, and in nothing else, so that a difference between the two runs is the behaviour.
The prompts are those that the course's corpus ships, with the splits of its training: "train" to look for a circuit,
"dev" to hold it against.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import checks
from ..attribution import Target
from ..errors import OptionError
from ..installation import data_folder
from ..models import TextModel
from .discovery import Pair

SPLITS = ("train", "dev")
APART = 15  # years


def indirect_objects(model: TextModel, split: str) -> list[Pair]:
    """Two names, one of them twice: the answer is the other one (Wang et al., 2022).

    In the corrupted text the last mention is of the other name, so the answer changes sides. Only pairs that the model
    gets right in both are kept. Raises OptionError.
    """
    pairs: list[Pair] = []
    for case in _cases("indirect_objects", split):
        if len(case["rivals"]) > 1:
            continue
        clean, (answer,), (rival,) = case["prompt"], case["answers"], case["rivals"]
        before, _, after = clean.rpartition(rival)
        corrupted, target = before + answer + after, Target(answer, versus=rival)
        alike = len(model.encode(clean).units) == len(model.encode(corrupted).units)
        if alike and model.value(clean, target) > 0 > model.value(corrupted, target):
            pairs.append((clean, corrupted, target))
    return pairs


def greater_than(model: TextModel, split: str, seed: int = 0) -> list[Pair]:
    """What began in 1744 ended in 17..: a later year, not an earlier one (Hanna et al., 2023).

    The target is the year 15 later, against that 15 earlier. In the corrupted text it began in the year 02 of the
    century, so that both years can be; as in the paper, where it is 01. Years are drawn anew, from 30 to 74. Only pairs
    are kept that the model gets right in the clean text. Raises OptionError.
    """
    rng, vocabulary = np.random.default_rng(checks.seed(seed)), model.tokenizer.get_vocab()
    pairs: list[Pair] = []
    for case in _cases("greater_than", split):
        year = int(rng.integers(30, 75))
        found = re.search(r"\b1[1-9](\d\d)\b", case["prompt"])
        assert found
        before, after = case["prompt"][: found.start(1)], case["prompt"][found.end(1) :]
        target = Target(vocabulary[str(year + APART)], versus=vocabulary[str(year - APART)])
        if model.value(f"{before}{year}{after}", target) > 0:
            pairs.append((f"{before}{year}{after}", f"{before}02{after}", target))
    return pairs


def copying(model: TextModel, n: int, words: int = 8, seed: int = 0) -> list[Pair]:
    """Different words at random, and the first of one of them again: what follows it follows again.

    In the corrupted text all words are others. n: how many pairs. Raises OptionError where the vocabulary has too few
    words.
    """
    rng = np.random.default_rng(checks.seed(seed))
    vocabulary = [str(model.tokenizer.decode([i])).strip() for i in range(len(model.tokenizer))]
    known = sorted({word for word in vocabulary if word.isalpha() and word.islower()})
    if len(known) < 2 * words:
        raise OptionError(f"{model.name} knows {len(known)} words, and {2 * words} different ones are needed")
    pairs: list[Pair] = []
    for _ in range(n):
        drawn, at = rng.choice(known, 2 * words, replace=False).tolist(), int(rng.integers(words - 1))
        clean, corrupted = ([*half, half[at]] for half in (drawn[:words], drawn[words:]))
        pairs.append((" ".join(clean), " ".join(corrupted), Target(clean[at + 1])))
    return pairs


def _cases(ability: str, split: str) -> Iterator[dict[str, Any]]:
    """The sample's cases of one ability."""
    if split not in SPLITS:
        raise OptionError(f"split={split!r}: choose one of {', '.join(map(repr, SPLITS))}")
    path = data_folder() / "corpora" / "course-gpt2-sample.jsonl"
    cases = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return (case for case in cases if case["ability"] == ability and case["split"] == split)

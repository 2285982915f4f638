"""Right and wrong solutions of chapter 08a's exercises, for test_checks."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from xai_helpers.course.checks import KINDS, Kind

LAW, BY_HAND, RANDOM = KINDS
Flips = Callable[[frozenset[str]], bool]
Answers = list[int | None]
Scores = dict[str, float]


# --- minimal --------------------------------------------------------------------------------------------------------


def minimal(edits: list[str], flips: Flips) -> list[str]:
    left = list(edits)
    for edit in edits:
        rest = [other for other in left if other != edit]
        if flips(frozenset(rest)):
            left = rest
    return left


def minimal_by_sets(edits: list[str], flips: Flips) -> tuple[str, ...]:
    gone: set[str] = set()
    for edit in edits:
        if flips(frozenset(edits) - gone - {edit}):
            gone.add(edit)
    return tuple(edit for edit in edits if edit not in gone)


def minimal_that_drops_nothing(edits: list[str], flips: Flips) -> list[str]:
    return edits


def minimal_against_the_whole(edits: list[str], flips: Flips) -> list[str]:
    """Each edit is tried against all others, not against what is left."""
    return [edit for edit in edits if not flips(frozenset(edits) - {edit})]


def minimal_from_the_end(edits: list[str], flips: Flips) -> list[str]:
    return minimal(edits[::-1], flips)[::-1]


def minimal_that_stops_early(edits: list[str], flips: Flips) -> list[str]:
    left = list(edits)
    for edit in edits:
        rest = [other for other in left if other != edit]
        if not flips(frozenset(rest)):
            break
        left = rest
    return left


# --- majority -------------------------------------------------------------------------------------------------------


def majority(answers: Answers) -> tuple[int | None, float]:
    counts = Counter(answer for answer in answers if answer is not None)
    if not counts:
        return None, 0.0
    most = max(counts.values())
    leaders = [answer for answer, count in counts.items() if count == most]
    return (leaders[0] if len(leaders) == 1 else None), most / len(answers)


def majority_by_sorting(answers: Answers) -> tuple[int | None, float]:
    given = sorted(answer for answer in answers if answer is not None)
    runs = sorted((len(list(run)), answer) for answer, run in itertools.groupby(given))
    if not runs:
        return None, 0.0
    tied = len(runs) > 1 and runs[-1][0] == runs[-2][0]
    return None if tied else runs[-1][1], runs[-1][0] / len(answers)


def majority_with_silence(answers: Answers) -> tuple[int | None, float]:
    """The published one."""
    winner, count = Counter(answers).most_common(1)[0]
    return winner, count / len(answers)


def majority_of_the_answered(answers: Answers) -> tuple[int | None, float]:
    winner, share = majority(answers)
    given = sum(answer is not None for answer in answers)
    return winner, share * len(answers) / max(given, 1)


def majority_of_the_first(answers: Answers) -> tuple[int | None, float]:
    counts = Counter(answer for answer in answers if answer is not None)
    if not counts:
        return None, 0.0
    winner, count = counts.most_common(1)[0]
    return winner, count / len(answers)


def majority_absolute(answers: Answers) -> tuple[int | None, float]:
    winner, share = majority(answers)
    return (winner if share > 0.5 else None), share


# --- right-order ----------------------------------------------------------------------------------------------------


def right_order(told: list[str], scores: Scores, tie: float = 0.0) -> float:
    pairs = list(itertools.combinations(told, 2))
    right = [abs(scores[one]) >= abs(scores[other]) - tie for one, other in pairs]
    return float(np.mean(right)) if pairs else 1.0


def right_order_by_matrix(told: list[str], scores: Scores, tie: float = 0.0) -> float:
    sizes = np.abs([scores[word] for word in told])
    upper = np.triu_indices(len(told), k=1)
    right = (sizes[:, None] >= sizes[None] - tie)[upper] if len(told) > 1 else np.ones(1)
    return float(right.mean())


def right_order_signed(told: list[str], scores: Scores, tie: float = 0.0) -> float:
    pairs = list(itertools.combinations(told, 2))
    return float(np.mean([scores[one] >= scores[other] - tie for one, other in pairs])) if pairs else 1.0


def right_order_of_neighbours(told: list[str], scores: Scores, tie: float = 0.0) -> float:
    pairs = list(itertools.pairwise(told))
    right = [abs(scores[one]) >= abs(scores[other]) - tie for one, other in pairs]
    return float(np.mean(right)) if pairs else 1.0


def right_order_without_ties(told: list[str], scores: Scores, tie: float = 0.0) -> float:
    return right_order(told, scores, 0.0)


def right_order_of_places(told: list[str], scores: Scores, tie: float = 0.0) -> float:
    """The share of words at their own place."""
    order = sorted(told, key=lambda word: -abs(scores[word]))
    return float(np.mean([one == other for one, other in zip(told, order, strict=True)])) if told else 1.0


def right_order_that_needs_two(told: list[str], scores: Scores, tie: float = 0.0) -> float:
    pairs = list(itertools.combinations(told, 2))
    return sum(abs(scores[one]) >= abs(scores[other]) - tie for one, other in pairs) / max(len(pairs), 1)


RIGHT: dict[str, tuple[Callable[..., Any], ...]] = {
    "minimal": (minimal, minimal_by_sets),
    "majority": (majority, majority_by_sorting),
    "right-order": (right_order, right_order_by_matrix),
}
WRONG: dict[str, dict[Callable[..., Any], set[Kind]]] = {
    "minimal": {
        minimal_that_drops_nothing: {LAW, BY_HAND},
        minimal_against_the_whole: {LAW, BY_HAND},
        minimal_from_the_end: {BY_HAND},
        minimal_that_stops_early: {LAW},
    },
    "majority": {
        majority_with_silence: {LAW, BY_HAND},
        majority_of_the_answered: {LAW},
        majority_of_the_first: {BY_HAND},
        majority_absolute: {LAW},
    },
    "right-order": {
        right_order_signed: {LAW, BY_HAND},
        right_order_of_neighbours: {BY_HAND},
        right_order_without_ties: {BY_HAND},
        right_order_of_places: {LAW, BY_HAND},
        right_order_that_needs_two: {LAW},
    },
}

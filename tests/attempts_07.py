"""Right and wrong solutions of chapter 07's exercises, for test_checks."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import xai_helpers as xai
from xai_helpers.course.checks import KINDS, Kind

LAW, BY_HAND, RANDOM = KINDS
Array = np.ndarray
Value = Callable[[frozenset[int]], float]


# --- mended ---------------------------------------------------------------------------------------------------------


def mended(value: Value, scores: Array, special: Array, ks: list[int], by: str) -> list[float]:
    size = np.abs(scores) if by == "size" else scores
    order = sorted(np.flatnonzero(~special), key=lambda i: -size[i])
    everyone = frozenset(range(len(scores)))
    return [value(everyone) - value(everyone - set(order[:k])) for k in ks]


def mended_in_numpy(value: Value, scores: Array, special: Array, ks: list[int], by: str) -> Array:
    ranked = np.where(special, -np.inf, np.abs(scores) if by == "size" else scores)
    order = np.argsort(-ranked)[: (~special).sum()]
    everyone = frozenset(range(len(scores)))
    return np.array([value(everyone) - value(everyone - {int(i) for i in order[:k]}) for k in ks])


def mended_but_for_the_return(value: Value, scores: Array, special: Array, ks: list[int], by: str) -> list[float]:
    return mended(value, scores, special, ks[:1], by)


def mended_but_for_the_ratio(value: Value, scores: Array, special: Array, ks: list[int], by: str) -> list[float]:
    whole = value(frozenset(range(len(scores))))
    return [lost / whole for lost in mended(value, scores, special, ks, by)]


def mended_but_for_special_tokens(value: Value, scores: Array, special: Array, ks: list[int], by: str) -> list[float]:
    return mended(value, scores, np.zeros_like(special), ks, by)


def mended_always_by_sign(value: Value, scores: Array, special: Array, ks: list[int], by: str) -> list[float]:
    return mended(value, scores, special, ks, "signed")


def mended_always_by_size(value: Value, scores: Array, special: Array, ks: list[int], by: str) -> list[float]:
    return mended(value, scores, special, ks, "size")


def mended_from_the_other_end(value: Value, scores: Array, special: Array, ks: list[int], by: str) -> list[float]:
    return mended(value, -np.abs(scores) if by == "size" else -scores, special, ks, "signed")


# --- chance ---------------------------------------------------------------------------------------------------------


def chance(value: Value, n: int, k: int) -> float:
    everyone = frozenset(range(n))
    orders = list(itertools.permutations(range(n), k))  # each subset as often as any other
    return float(np.mean([value(everyone) - value(everyone - set(gone)) for gone in orders]))


def chance_of_windows(value: Value, n: int, k: int) -> float:
    everyone = frozenset(range(n))
    return float(np.mean([value(everyone) - value(everyone - set(range(i, i + k))) for i in range(n - k + 1)]))


def chance_of_what_is_kept(value: Value, n: int, k: int) -> float:
    everyone = frozenset(range(n))
    return float(np.mean([value(everyone) - value(frozenset(kept)) for kept in itertools.combinations(range(n), k)]))


def chance_of_one_at_a_time(value: Value, n: int, k: int) -> float:
    everyone = frozenset(range(n))
    return float(k * np.mean([value(everyone) - value(everyone - {i}) for i in range(n)]))


def chance_of_the_whole_drop(value: Value, n: int, k: int) -> float:
    return k / n * (value(frozenset(range(n))) - value(frozenset()))


def chance_with_replacement(value: Value, n: int, k: int) -> float:
    everyone = frozenset(range(n))
    drawn = itertools.product(range(n), repeat=k)
    return float(np.mean([value(everyone) - value(everyone - set(gone)) for gone in drawn]))


# --- average-precision ----------------------------------------------------------------------------------------------


def average_precision(scores: Array, decide: Array) -> float:
    found = decide[np.argsort(-scores)]
    return float((np.cumsum(found) / np.arange(1, len(found) + 1))[found].mean())


def precision_at_m(scores: Array, decide: Array) -> float:
    return float(decide[np.argsort(-scores)[: decide.sum()]].mean())


def precision_down_to_every_word(scores: Array, decide: Array) -> float:
    found = decide[np.argsort(-scores)]
    return float((np.cumsum(found) / np.arange(1, len(found) + 1)).mean())


def precision_of_the_smallest(scores: Array, decide: Array) -> float:
    return average_precision(-scores, decide)


def precision_by_trapezoids(scores: Array, decide: Array) -> float:
    found = decide[np.argsort(-scores)]
    precision = np.concatenate([[1.0], np.cumsum(found) / np.arange(1, len(found) + 1)])
    recall = np.concatenate([[0.0], np.cumsum(found) / found.sum()])
    return float(np.trapezoid(precision, recall))


def precision_of_the_first(scores: Array, decide: Array) -> float:
    """The reciprocal rank."""
    return 1 / (1 + int(np.argmax(decide[np.argsort(-scores)])))


def precision_from_rank_zero(scores: Array, decide: Array) -> float:
    found = decide[np.argsort(-scores)]
    return float((np.cumsum(found) / np.maximum(np.arange(len(found)), 1))[found].mean())


# --- my-method ------------------------------------------------------------------------------------------------------


def two_replacements(model: xai.TextModel, text: str, target: Any = None) -> xai.Attribution:
    one, other = (xai.leave_one_out(model, text, target, replacement=r) for r in ("mask", "the"))
    return dataclasses.replace(one, scores=(one.scores + other.scores) / 2)


def by_shapley(model: xai.TextModel, text: str, target: Any = None) -> xai.Attribution:
    return xai.shapley(model, text, target, units="words")


def _with_scores(model: xai.TextModel, text: str, target: Any, scores: Callable[[xai.Attribution], Any]) -> Any:
    a = xai.leave_one_out(model, text, target, units="words")
    return dataclasses.replace(a, scores=np.asarray(scores(a), dtype=float))


def longer_is_better(model: xai.TextModel, text: str, target: Any = None) -> xai.Attribution:
    return _with_scores(model, text, target, lambda a: [len(unit.text) * (not unit.special) for unit in a.units])


def the_last_word(model: xai.TextModel, text: str, target: Any = None) -> xai.Attribution:
    return _with_scores(model, text, target, lambda a: range(len(a.units)))


def dice(model: xai.TextModel, text: str, target: Any = None) -> xai.Attribution:
    return _with_scores(model, text, target, lambda a: np.random.default_rng(7).random(len(a.units)))


def numbers_only(model: xai.TextModel, text: str, target: Any = None) -> Any:
    return xai.leave_one_out(model, text, target).scores


def keywords(model: xai.TextModel, text: str, target: Any = None) -> xai.Attribution:
    """Knows the words that praise, and nothing of "not"."""
    return _with_scores(
        model, text, target, lambda a: [unit.text in ("good", "great", "excellent") for unit in a.units]
    )


def for_one_target(model: xai.TextModel, text: str, target: Any = None) -> xai.Attribution:
    """Heeds the model, and not what it is asked about."""
    return xai.leave_one_out(model, text, "negative")


def of_another_text(model: xai.TextModel, text: str, target: Any = None) -> xai.Attribution:
    return xai.leave_one_out(model, text + " !", target)


def that_leaves_traces(model: xai.TextModel, text: str, target: Any = None) -> xai.Attribution:
    with torch.no_grad():
        model.model.get_input_embeddings().weight[-1, -1] += 1
    return xai.leave_one_out(model, text, target)


RIGHT: dict[str, tuple[Callable[..., Any], ...]] = {
    "mended": (mended, mended_in_numpy),
    "chance": (chance,),
    "average-precision": (average_precision,),
    "my-method": (two_replacements, by_shapley),
}
WRONG: dict[str, dict[Callable[..., Any], set[Kind]]] = {
    "mended": {
        mended_but_for_the_return: {LAW, BY_HAND, RANDOM},
        mended_but_for_the_ratio: {LAW, BY_HAND, RANDOM},
        mended_but_for_special_tokens: {LAW, BY_HAND, RANDOM},
        mended_always_by_sign: {BY_HAND},
        mended_always_by_size: {BY_HAND},
        mended_from_the_other_end: {BY_HAND},
    },
    "chance": {
        chance_of_windows: {LAW, BY_HAND},
        chance_of_what_is_kept: {LAW, BY_HAND},
        chance_of_one_at_a_time: {BY_HAND},
        chance_of_the_whole_drop: {BY_HAND, RANDOM},
        chance_with_replacement: {LAW, BY_HAND},
    },
    "average-precision": {
        precision_at_m: {LAW, BY_HAND},
        precision_down_to_every_word: {LAW, BY_HAND, RANDOM},
        precision_of_the_smallest: {LAW, BY_HAND},
        precision_by_trapezoids: {LAW, BY_HAND},
        precision_of_the_first: {LAW, BY_HAND},
        precision_from_rank_zero: {LAW, BY_HAND},
    },
    "my-method": {
        longer_is_better: {LAW, BY_HAND},
        the_last_word: {LAW, BY_HAND},
        dice: {LAW, BY_HAND},
        numbers_only: {LAW, BY_HAND, RANDOM},
        keywords: {BY_HAND},
        for_one_target: {BY_HAND},
        of_another_text: {LAW, BY_HAND, RANDOM},
        that_leaves_traces: {LAW, BY_HAND, RANDOM},
    },
}

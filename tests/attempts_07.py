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


# --- aopc -----------------------------------------------------------------------------------------------------------


def aopc(value: Value, order: list[int], ks: list[int]) -> float:
    return float(np.mean([value(frozenset(order)) - value(frozenset(order[k:])) for k in ks]))


def aopc_of_what_is_kept(value: Value, order: list[int], ks: list[int]) -> float:
    """Sufficiency."""
    return float(np.mean([value(frozenset(order)) - value(frozenset(order[:k])) for k in ks]))


def aopc_as_a_ratio(value: Value, order: list[int], ks: list[int]) -> float:
    return float(np.mean([1 - value(frozenset(order[k:])) / value(frozenset(order)) for k in ks]))


def aopc_summed(value: Value, order: list[int], ks: list[int]) -> float:
    return aopc(value, order, ks) * len(ks)


def aopc_of_the_kth_alone(value: Value, order: list[int], ks: list[int]) -> float:
    everyone = frozenset(order)
    return float(np.mean([value(everyone) - value(everyone - {order[k - 1]}) for k in ks]))


def aopc_from_the_other_end(value: Value, order: list[int], ks: list[int]) -> float:
    return aopc(value, order[::-1], ks)


def aopc_that_returns_in_the_loop(value: Value, order: list[int], ks: list[int]) -> float:
    for k in ks:
        return value(frozenset(order)) - value(frozenset(order[k:]))
    return 0.0


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


def of_another_text(model: xai.TextModel, text: str, target: Any = None) -> xai.Attribution:
    return xai.leave_one_out(model, text + " !", target)


def that_leaves_traces(model: xai.TextModel, text: str, target: Any = None) -> xai.Attribution:
    with torch.no_grad():
        model.model.get_input_embeddings().weight[-1, -1] += 1
    return xai.leave_one_out(model, text, target)


RIGHT: dict[str, tuple[Callable[..., Any], ...]] = {
    "aopc": (aopc,),
    "chance": (chance,),
    "average-precision": (average_precision,),
    "my-method": (two_replacements, by_shapley),
}
WRONG: dict[str, dict[Callable[..., Any], set[Kind]]] = {
    "aopc": {
        aopc_of_what_is_kept: {LAW, BY_HAND, RANDOM},
        aopc_as_a_ratio: {LAW, BY_HAND, RANDOM},
        aopc_summed: {BY_HAND, RANDOM},
        aopc_of_the_kth_alone: {LAW, BY_HAND, RANDOM},
        aopc_from_the_other_end: {BY_HAND, RANDOM},
        aopc_that_returns_in_the_loop: {BY_HAND, RANDOM},
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
        of_another_text: {LAW, BY_HAND, RANDOM},
        that_leaves_traces: {LAW, BY_HAND, RANDOM},
    },
}

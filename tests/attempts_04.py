"""Right and wrong solutions of chapter 04's exercises, for test_checks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from xai_helpers.course.checks import KINDS, Kind

LAW, BY_HAND, RANDOM = KINDS
Play = Callable[[Sequence[bool]], float]


def without(n: int, gone: Sequence[int] | range) -> list[bool]:
    return [k not in gone for k in range(n)]


# --- leave-each-out -------------------------------------------------------------------------------------------------


def leave_each_out(game: Play, n: int) -> list[float]:
    return [game([True] * n) - game(without(n, [i])) for i in range(n)]


def left_out_with_the_sign_turned(game: Play, n: int) -> list[float]:
    return [-drop for drop in leave_each_out(game, n)]


def left_out_by_size(game: Play, n: int) -> list[float]:
    return [abs(drop) for drop in leave_each_out(game, n)]


def left_out_of_nothing(game: Play, n: int) -> list[float]:
    """Each alone, against nobody."""
    return [game([k == i for k in range(n)]) - game([False] * n) for i in range(n)]


def left_out_without_the_whole(game: Play, n: int) -> list[float]:
    return [game(without(n, [i])) for i in range(n)]


def left_out_one_after_the_other(game: Play, n: int) -> list[float]:
    """Who was left out stays out."""
    return [game(without(n, range(i))) - game(without(n, range(i + 1))) for i in range(n)]


# --- shapley-of -----------------------------------------------------------------------------------------------------


def shapley_of(game: Play, n: int) -> list[float]:
    return _by_sets(game, n, lambda size: math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n))


def _by_sets(game: Play, n: int, weight: Callable[[int], float]) -> list[float]:
    scores = [0.0] * n
    for i in range(n):
        others = [k for k in range(n) if k != i]
        for size in range(n):
            for chosen in itertools.combinations(others, size):
                after = [k in chosen or k == i for k in range(n)]
                scores[i] += weight(size) * (game(after) - game([k in chosen for k in range(n)]))
    return scores


def shapley_by_orders(game: Play, n: int) -> np.ndarray:
    orders = list(itertools.permutations(range(n)))
    return np.mean([_one_order(game, n, order) for order in orders], axis=0)


def _one_order(game: Play, n: int, order: Sequence[int]) -> list[float]:
    gains = [0.0] * n
    for place, player in enumerate(order):
        there = [k in order[:place] for k in range(n)]
        gains[player] = game([k in order[: place + 1] for k in range(n)]) - game(there)
    return gains


def shapley_of_one_order(game: Play, n: int) -> list[float]:
    return _one_order(game, n, range(n))


def shapley_of_two_orders(game: Play, n: int) -> np.ndarray:
    """In the order of the text, and backwards."""
    return (np.array(_one_order(game, n, range(n))) + _one_order(game, n, range(n)[::-1])) / 2


def shapley_with_every_set_alike(game: Play, n: int) -> list[float]:
    """The Banzhaf value."""
    return _by_sets(game, n, lambda size: 0.5 ** (n - 1))


def shapley_not_divided(game: Play, n: int) -> list[float]:
    return _by_sets(game, n, lambda size: float(math.factorial(size) * math.factorial(n - size - 1)))


def shapley_stretched_to_the_whole(game: Play, n: int) -> list[float]:
    drops = leave_each_out(game, n)
    whole, total = game([True] * n) - game([False] * n), sum(drops)
    return [drop * whole / total if total else whole / n for drop in drops]


# --- occlude --------------------------------------------------------------------------------------------------------


def occlude(game: Play, n: int, window: int, stride: int) -> list[float]:
    return _occluded(game, n, window, range(0, n - window + stride, stride))


def _occluded(game: Play, n: int, window: int, starts: Sequence[int], *, mean: bool = True) -> list[float]:
    total, count = np.zeros(n), np.zeros(n)
    for start in starts:
        inside = [k for k in range(n) if start <= k < start + window]
        total[inside] += game([True] * n) - game(without(n, inside))
        count[inside] += 1
    return list(total / np.maximum(count, 1)) if mean else list(total)


def occlude_whole_windows_only(game: Play, n: int, window: int, stride: int) -> list[float]:
    """As published: a rest at the end is in no window."""
    return _occluded(game, n, window, range(0, n - window + 1, stride))


def occlude_added_up(game: Play, n: int, window: int, stride: int) -> list[float]:
    return _occluded(game, n, window, range(0, n - window + stride, stride), mean=False)


def occlude_shared_within_the_window(game: Play, n: int, window: int, stride: int) -> list[float]:
    return [score / window for score in occlude(game, n, window, stride)]


def occlude_without_a_stride(game: Play, n: int, window: int, stride: int) -> list[float]:
    return occlude(game, n, window, 1)


def occlude_from_every_place(game: Play, n: int, window: int, stride: int) -> list[float]:
    """Windows go on beginning until the last player."""
    return _occluded(game, n, window, range(0, n, stride))


def occlude_at_the_start_of_the_window(game: Play, n: int, window: int, stride: int) -> list[float]:
    scores = [0.0] * n
    for start in range(0, n - window + stride, stride):
        scores[start] = game([True] * n) - game(without(n, range(start, start + window)))
    return scores


RIGHT: dict[str, tuple[Callable[..., Any], ...]] = {
    "leave-each-out": (leave_each_out,),
    "shapley-of": (shapley_of, shapley_by_orders),
    "occlude": (occlude,),
}
WRONG: dict[str, dict[Callable[..., Any], set[Kind]]] = {
    "leave-each-out": {
        left_out_with_the_sign_turned: {LAW, BY_HAND, RANDOM},
        left_out_by_size: {LAW},
        left_out_of_nothing: {BY_HAND, RANDOM},
        left_out_without_the_whole: {LAW, BY_HAND, RANDOM},
        left_out_one_after_the_other: {BY_HAND, RANDOM},
    },
    "shapley-of": {
        shapley_of_one_order: {BY_HAND, RANDOM},
        shapley_of_two_orders: {BY_HAND, RANDOM},
        shapley_with_every_set_alike: {LAW, BY_HAND, RANDOM},
        shapley_not_divided: {LAW, BY_HAND, RANDOM},
        shapley_stretched_to_the_whole: {BY_HAND, RANDOM},
    },
    "occlude": {
        occlude_whole_windows_only: {BY_HAND},
        occlude_added_up: {BY_HAND},
        occlude_shared_within_the_window: {LAW, BY_HAND, RANDOM},
        occlude_without_a_stride: {BY_HAND},
        occlude_from_every_place: {LAW, BY_HAND},
        occlude_at_the_start_of_the_window: {LAW, BY_HAND, RANDOM},
    },
}

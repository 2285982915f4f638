"""Right and wrong solutions of chapter 05's exercises, for test_checks."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from xai_helpers.course.checks import KINDS, Kind

LAW, BY_HAND, RANDOM = KINDS
Array = np.ndarray
Gradient = Callable[[Array], Array]


# --- integrated -----------------------------------------------------------------------------------------------------


def integrated(gradient: Gradient, start: Array, end: Array, steps: int) -> Array:
    points = [start + t * (end - start) for t in (np.arange(steps) + 0.5) / steps]
    return (end - start) * sum(gradient(point) for point in points) / steps


def _at(gradient: Gradient, start: Array, end: Array, shares: Array) -> Array:
    return np.mean([gradient(start + t * (end - start)) for t in shares], axis=0)


def integrated_with_both_ends(gradient: Gradient, start: Array, end: Array, steps: int) -> Array:
    """As published: steps + 1 points, all with the same weight."""
    return (end - start) * _at(gradient, start, end, np.linspace(0, 1, steps + 1))


def integrated_from_the_left(gradient: Gradient, start: Array, end: Array, steps: int) -> Array:
    return (end - start) * _at(gradient, start, end, np.arange(steps) / steps)


def integrated_from_the_right(gradient: Gradient, start: Array, end: Array, steps: int) -> Array:
    return (end - start) * _at(gradient, start, end, (np.arange(steps) + 1) / steps)


def integrated_times_the_end(gradient: Gradient, start: Array, end: Array, steps: int) -> Array:
    return end * _at(gradient, start, end, (np.arange(steps) + 0.5) / steps)


def integrated_from_zero(gradient: Gradient, start: Array, end: Array, steps: int) -> Array:
    return (end - start) * _at(gradient, np.zeros_like(end), end, (np.arange(steps) + 0.5) / steps)


def integrated_at_the_end_only(gradient: Gradient, start: Array, end: Array, steps: int) -> Array:
    return (end - start) * gradient(end)


def integrated_without_the_way(gradient: Gradient, start: Array, end: Array, steps: int) -> Array:
    return _at(gradient, start, end, (np.arange(steps) + 0.5) / steps)


# --- trapezoid ------------------------------------------------------------------------------------------------------


def trapezoid(n: int) -> tuple[Array, Array]:
    points = np.linspace(0, 1, n)
    width = np.diff(points)
    return points, (np.append(width, 0) + np.insert(width, 0, 0)) / 2


def trapezoid_as_in_captum(n: int) -> tuple[Array, Array]:
    """The inner weights are 1 / n."""
    weights = np.full(n, 1 / n)
    weights[[0, -1]] /= 2
    return np.linspace(0, 1, n), weights


def trapezoid_with_full_ends(n: int) -> tuple[Array, Array]:
    return np.linspace(0, 1, n), np.full(n, 1 / n)


def trapezoid_in_the_middles(n: int) -> tuple[Array, Array]:
    return (np.arange(n) + 0.5) / n, np.full(n, 1 / n)


def trapezoid_with_half_of_an_even_share(n: int) -> tuple[Array, Array]:
    weights = np.full(n, 1 / n)
    weights[[0, -1]] /= 2
    return np.linspace(0, 1, n), weights / weights.sum() if n > 2 else weights


def trapezoid_of_the_ends_alone(n: int) -> tuple[Array, Array]:
    weights = np.zeros(n)
    weights[[0, -1]] = 0.5
    return np.linspace(0, 1, n), weights


# --- kendall --------------------------------------------------------------------------------------------------------


def kendall(a: Array, b: Array) -> float:
    signs = [np.sign((a[i] - a[j]) * (b[i] - b[j])) for i, j in itertools.combinations(range(len(a)), 2)]
    return float(np.mean(signs))


def kendall_by_correlation(a: Array, b: Array) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def kendall_by_ranks(a: Array, b: Array) -> float:
    """Spearman's."""
    return float(np.corrcoef(a.argsort().argsort(), b.argsort().argsort())[0, 1])


def kendall_of_agreeing_pairs(a: Array, b: Array) -> float:
    return (kendall(a, b) + 1) / 2


def kendall_of_neighbours(a: Array, b: Array) -> float:
    return float(np.mean(np.sign(np.diff(a) * np.diff(b))))


def kendall_by_places(a: Array, b: Array) -> float:
    """argsort gives who is at a place, not the place of each."""
    return kendall(a.argsort(), b.argsort())


def kendall_over_all_ordered_pairs(a: Array, b: Array) -> float:
    n = len(a)
    return kendall(a, b) * (n - 1) / n


RIGHT: dict[str, tuple[Callable[..., Any], ...]] = {
    "integrated": (integrated,),
    "trapezoid": (trapezoid,),
    "kendall": (kendall,),
}
WRONG: dict[str, dict[Callable[..., Any], set[Kind]]] = {
    "integrated": {
        integrated_with_both_ends: {BY_HAND, RANDOM},
        integrated_from_the_left: {LAW, BY_HAND, RANDOM},
        integrated_from_the_right: {LAW, BY_HAND, RANDOM},
        integrated_times_the_end: {LAW, RANDOM},
        integrated_from_zero: {LAW, RANDOM},
        integrated_at_the_end_only: {LAW, BY_HAND, RANDOM},
        integrated_without_the_way: {LAW, BY_HAND, RANDOM},
    },
    "trapezoid": {
        trapezoid_as_in_captum: {LAW, BY_HAND, RANDOM},
        trapezoid_with_full_ends: {BY_HAND, RANDOM},
        trapezoid_in_the_middles: {BY_HAND, RANDOM},
        trapezoid_with_half_of_an_even_share: {LAW, BY_HAND},
        trapezoid_of_the_ends_alone: {BY_HAND, RANDOM},
    },
    "kendall": {
        kendall_by_correlation: {LAW, BY_HAND, RANDOM},
        kendall_by_ranks: {BY_HAND},
        kendall_of_agreeing_pairs: {LAW, BY_HAND, RANDOM},
        kendall_of_neighbours: {BY_HAND},
        kendall_by_places: {LAW},
        kendall_over_all_ordered_pairs: {LAW, BY_HAND, RANDOM},
    },
}

"""Right and wrong solutions of chapter 02's exercises, for test_checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from xai_helpers.course.checks import KINDS, Kind

LAW, BY_HAND, RANDOM = KINDS
Array = np.ndarray
Function = Callable[[Array], float]


# --- positive-map ---------------------------------------------------------------------------------------------------


def positive_map(attention: Array, gradient: Array) -> Array:
    return np.maximum(attention * gradient, 0).mean(1).mean(0)


def map_in_float32(attention: Array, gradient: Array) -> torch.Tensor:
    return (torch.tensor(attention).float() * torch.tensor(gradient).float()).relu().mean((0, 1))


def map_positive_after_the_heads(attention: Array, gradient: Array) -> Array:
    return np.maximum((attention * gradient).mean(1), 0).mean(0)


def map_of_both_signs(attention: Array, gradient: Array) -> Array:
    return (attention * gradient).mean((0, 1))


def map_of_sizes(attention: Array, gradient: Array) -> Array:
    return np.abs(attention * gradient).mean((0, 1))


def map_summed(attention: Array, gradient: Array) -> Array:
    return np.maximum(attention * gradient, 0).sum((0, 1))


def map_of_the_gradient(attention: Array, gradient: Array) -> Array:
    return np.maximum(gradient, 0).mean((0, 1))


def map_of_each_head(attention: Array, gradient: Array) -> Array:
    return np.maximum(attention * gradient, 0).mean(0)


# --- slope-at -------------------------------------------------------------------------------------------------------


def slope_at(f: Function, matrix: Array, place: tuple[int, int], h: float = 1e-4) -> float:
    step = np.zeros_like(matrix)
    step[place] = h
    return (f(matrix + step) - f(matrix - step)) / (2 * h)


def slope_of_one_side(f: Function, matrix: Array, place: tuple[int, int], h: float = 1e-4) -> float:
    step = np.zeros_like(matrix)
    step[place] = h
    return (f(matrix + step) - f(matrix)) / h


def slope_over_h(f: Function, matrix: Array, place: tuple[int, int], h: float = 1e-4) -> float:
    return 2 * slope_at(f, matrix, place, h)


def slope_that_leaves_its_step(f: Function, matrix: Array, place: tuple[int, int], h: float = 1e-4) -> float:
    matrix[place] += h
    up = f(matrix)
    matrix[place] -= 2 * h
    return (up - f(matrix)) / (2 * h)


def slope_of_all_entries(f: Function, matrix: Array, place: tuple[int, int], h: float = 1e-4) -> float:
    return (f(matrix + h) - f(matrix - h)) / (2 * h)


def slope_as_a_difference(f: Function, matrix: Array, place: tuple[int, int], h: float = 1e-4) -> float:
    return slope_at(f, matrix, place, h) * 2 * h


def slope_downwards(f: Function, matrix: Array, place: tuple[int, int], h: float = 1e-4) -> float:
    return -slope_at(f, matrix, place, h)


# --- chefer-relevance -----------------------------------------------------------------------------------------------


def relevance_of(attention: Array, gradient: Array) -> Array:
    n = attention.shape[-1]
    result = np.eye(n)
    for layer in range(len(attention)):
        mean = np.mean([np.maximum(w * g, 0) for w, g in zip(attention[layer], gradient[layer], strict=True)], axis=0)
        result = (np.eye(n) + mean) @ result
    return result


def _composed(attention: Array, gradient: Array, mean: Callable[[Array], Array], *, left: bool = True) -> Array:
    result = np.eye(attention.shape[-1])
    for product in attention * gradient:
        layer = mean(product)
        result = result + (layer @ result if left else result @ layer)
    return result


def relevance_upside_down(attention: Array, gradient: Array) -> Array:
    return _composed(attention, gradient, lambda p: p.clip(min=0).mean(0), left=False)


def relevance_of_both_signs(attention: Array, gradient: Array) -> Array:
    return _composed(attention, gradient, lambda p: p.mean(0))


def relevance_positive_after_the_heads(attention: Array, gradient: Array) -> Array:
    return _composed(attention, gradient, lambda p: p.mean(0).clip(min=0))


def relevance_of_the_largest_head(attention: Array, gradient: Array) -> Array:
    return _composed(attention, gradient, lambda p: p.clip(min=0).max(0))


def relevance_without_what_was_there(attention: Array, gradient: Array) -> Array:
    result = np.eye(attention.shape[-1])
    for product in attention * gradient:
        result = product.clip(min=0).mean(0) @ result
    return result


def relevance_with_halves(attention: Array, gradient: Array) -> Array:
    return _composed(attention, gradient, lambda p: p.clip(min=0).mean(0) / 2)


def relevance_added_up(attention: Array, gradient: Array) -> Array:
    return np.eye(attention.shape[-1]) + (attention * gradient).clip(min=0).mean(1).sum(0)


RIGHT: dict[str, tuple[Callable[..., Any], ...]] = {
    "positive-map": (positive_map, map_in_float32),
    "slope-at": (slope_at,),
    "chefer-relevance": (relevance_of,),
}
WRONG: dict[str, dict[Callable[..., Any], set[Kind]]] = {
    "positive-map": {
        map_positive_after_the_heads: {BY_HAND},
        map_of_both_signs: {LAW, BY_HAND, RANDOM},
        map_of_sizes: {LAW, BY_HAND, RANDOM},
        map_summed: {BY_HAND, RANDOM},
        map_of_the_gradient: {BY_HAND, RANDOM},
        map_of_each_head: {LAW, BY_HAND, RANDOM},
    },
    "slope-at": {
        slope_of_one_side: {BY_HAND},
        slope_over_h: {LAW, BY_HAND, RANDOM},
        slope_that_leaves_its_step: {LAW},
        slope_of_all_entries: {LAW},
        slope_as_a_difference: {LAW, RANDOM},
        slope_downwards: {LAW, BY_HAND, RANDOM},
    },
    "chefer-relevance": {
        relevance_upside_down: {BY_HAND, RANDOM},
        relevance_of_both_signs: {LAW, RANDOM},
        relevance_positive_after_the_heads: {RANDOM},
        relevance_of_the_largest_head: {RANDOM},
        relevance_without_what_was_there: {LAW, BY_HAND, RANDOM},
        relevance_with_halves: {BY_HAND, RANDOM},
        relevance_added_up: {BY_HAND, RANDOM},
    },
}

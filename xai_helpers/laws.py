"""What must hold, whatever the model and the text: the laws that notebooks, exercises and tests share.

Each function returns how far its law is from holding, 0 for exactly, so that a notebook can print the number and a
test can bound it by what the arithmetic allows. A law does not identify a method: all weight on the first token
also sums to 1. Checks pair a law with a case worked by hand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np


def row_sums(matrix: np.ndarray) -> float:
    """Rows sum to 1: the largest deviation, over (..., query, key)."""
    return float(np.abs(matrix.sum(-1) - 1).max())


def no_look_ahead(matrix: np.ndarray) -> float:
    """In a causal model no position receives anything from a later one: the largest entry above the diagonal."""
    return float(np.abs(np.triu(matrix, k=1)).max())


def completeness(total: float, scores: Iterable[float], absorbed: Mapping[str, float] | None = None) -> float:
    """Scores and absorbed shares add up to the total: the absolute difference, in the total's unit."""
    return abs(total - math.fsum(scores) - math.fsum((absorbed or {}).values()))


def relabelling(function: Callable[[np.ndarray], np.ndarray], matrices: np.ndarray, order: np.ndarray) -> float:
    """Renaming the positions renames the result and changes nothing else: the largest deviation.

    function takes matrices (..., n, n) to one (..., n, n); order is a permutation of range(n).
    """

    def rename(x: np.ndarray) -> np.ndarray:
        return x[..., order, :][..., :, order]

    return float(np.abs(function(rename(matrices)) - rename(function(matrices))).max())


def same_order(before: np.ndarray, after: np.ndarray) -> int:
    """A monotone rescaling keeps the order of the scores: the number of pairs (of (n,) arrays) that it turned."""
    i, j = np.triu_indices(len(before), k=1)
    return int((np.sign(before[i] - before[j]) != np.sign(after[i] - after[j])).sum())


def before_the_difference(effect: np.ndarray, first: int) -> float:
    """In a causal model no activation before the first token that differs has any effect: the largest, absolute.

    effect: (layers, positions), of activation patching between two texts whose first difference is at `first`.
    """
    return float(np.abs(effect[:, :first]).max(initial=0.0))

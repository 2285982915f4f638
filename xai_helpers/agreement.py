"""How far do rankings agree? Array functions: values (n_units, n_methods) in, one number per pair of methods out.

Spearman's rho (1904) is the correlation of ranks. Kendall's tau-b (1945) counts pairs of units that both methods put in
the same order, less those that they put in opposite orders. Top-k overlap asks only about the units that a reader would
look at. All are symmetric, 1 for a method with itself, and change with nothing but the order of a method's values.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from . import checks
from .errors import OptionError

Measure = Literal["spearman", "kendall", "overlap"]
MEASURES: tuple[Measure, ...] = get_args(Measure)


def ranks(values: np.ndarray) -> np.ndarray:
    """Rank 1 for the greatest value of each column, ties averaged: float64 (n_units, n_methods)."""
    above, equal = _places(values)
    return above + (equal + 1) / 2


def spearman(values: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of each pair of columns: (n_methods, n_methods), NaN for a constant column."""
    ordered = ranks(values)
    return _cosines(ordered - ordered.mean(axis=0))


def kendall(values: np.ndarray) -> np.ndarray:
    """Kendall's tau-b of each pair of columns: (n_methods, n_methods), NaN for a constant column."""
    signs = np.sign(values[:, None] - values[None])  # (n_units, n_units, n_methods)
    return _cosines(signs.reshape(-1, values.shape[1]))


def top_k_overlap(values: np.ndarray, k: int) -> np.ndarray:
    """The share of the k units of greatest value that two columns have in common: (n_methods, n_methods).

    Units that tie for the last places share them: of three that tie for one place, each is in the top by a third. What
    two columns have in common of a unit is the smaller of its two shares. Raises OptionError unless 1 <= k <= n_units.
    """
    k = checks.whole(k, "k", most=len(values))
    above, equal = _places(values)
    inside = np.clip((k - above) / equal, 0.0, 1.0)
    return np.minimum(inside[:, :, None], inside[:, None, :]).sum(axis=0) / k


def measured(measure: Measure, values: np.ndarray, k: int) -> np.ndarray:
    """The measure of this name; k counts for the overlap alone. Raises OptionError."""
    check_measure(measure)
    if measure == "overlap":
        return top_k_overlap(values, k)
    return spearman(values) if measure == "spearman" else kendall(values)


def check_measure(measure: Measure) -> None:
    """Raises OptionError for a name that is none of `MEASURES`."""
    if measure not in MEASURES:
        raise OptionError(f"measure={measure!r}: choose {', '.join(map(repr, MEASURES))}")


def bootstrap(values: np.ndarray, samples: int = 1000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean over the first axis, and the ends of its 95 % percentile bootstrap interval (Efron, 1979): each (...).

    values: (n_texts, ...), NaN where a text says nothing. Texts are drawn again with replacement, each with all its
    values. An interval needs two texts: it is NaN where fewer say anything. Raises OptionError for samples or a seed
    that are no such number.
    """
    samples, seed = checks.whole(samples, "samples"), checks.seed(seed)
    n, shape = len(values), values.shape[1:]
    flat = values.reshape(n, -1)
    known = np.isfinite(flat)
    times = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=samples)  # how often each text is drawn
    sums, counts = times @ np.where(known, flat, 0.0), times @ known.astype(float)
    with np.errstate(invalid="ignore"):
        drawn = sums / counts  # NaN where no text was drawn that says anything
    enough = known.sum(axis=0) >= 2
    low, high = np.full(flat.shape[1], np.nan), np.full(flat.shape[1], np.nan)
    if enough.any():
        low[enough], high[enough] = np.nanquantile(drawn[:, enough], (0.025, 0.975), axis=0)
    return known_mean(values), low.reshape(shape), high.reshape(shape)


def known_mean(values: np.ndarray) -> np.ndarray:
    """The mean over the first axis of what is not NaN: (...), NaN where nothing is."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0)


def _places(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each value of a column how many lie above it, and how many equal it, itself included."""
    return (values[None] > values[:, None]).sum(axis=1), (values[None] == values[:, None]).sum(axis=1)


def _cosines(columns: np.ndarray) -> np.ndarray:
    products = columns.T @ columns
    squares = np.diag(products)
    with np.errstate(invalid="ignore"):
        return products / np.sqrt(squares[:, None] * squares[None])

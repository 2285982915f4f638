"""How well do scores find a known set of units? Array functions: values, greatest first, and truth, (n_units,) each.

Where the units that matter are known, an explanation is a search: its scores rank the units, and the measures of
information retrieval say how near the top the true ones stand. Absolute scores are for the caller to take where size
counts. ERASER (DeYoung et al., 2020, "ERASER: A Benchmark to Evaluate Rationalized NLP Models") measures explanations
so, ferret (Attanasio et al., 2023) after it; their definitions are kept where they have one.

Only the order of values counts; units with equal values are tied. Values that are NaN or infinite raise NonFiniteError.
Lengths that differ, a truth of anything but bools, and one without a true unit raise OptionError; where every unit is
true, every order is perfect.
"""

from __future__ import annotations

import numpy as np

from . import checks
from .errors import NonFiniteError, OptionError


def precision_at(values: np.ndarray, truth: np.ndarray, k: int | None = None) -> float:
    """The share of the k greatest values that are true; k None takes as many as are true.

    Units that tie for the last places share them, as in `agreement.top_k_overlap`: this is the expected value over
    ties in random order, and a constant explanation gets the share of true units. Raises OptionError unless
    1 <= k <= n_units.
    """
    values, truth = _pair(values, truth)
    k = int(truth.sum()) if k is None else checks.whole(k, "k", most=len(values))
    above = (values[None] > values[:, None]).sum(axis=1)
    equal = (values[None] == values[:, None]).sum(axis=1)
    inside = np.clip((k - above) / equal, 0.0, 1.0)
    return float(inside[truth].sum() / k)


def average_precision(values: np.ndarray, truth: np.ndarray) -> float:
    """The mean over true units of the precision among all units that stand as high: scikit-learn's definition.

    Tied units are found together, at one precision, so a constant explanation gets the share of true units. Scores
    drawn at random get more: with p of n units true, (p - 1) / (n - 1) + (n - p) H_n / (n (n - 1)) on average, where
    H_n = 1 + 1/2 + ... + 1/n (Bestgen, 2015, "Exact Expected Average Precision of the Random Baseline"). Compare with
    those, not with the share.
    """
    precision, recall = _curve(*_pair(values, truth))
    return float(np.diff(recall, prepend=0.0) @ precision)


def auprc(values: np.ndarray, truth: np.ndarray) -> float:
    """The area under the precision-recall curve by trapezoids, as ERASER and ferret compute it.

    The curve begins at precision 1 and recall 0, which no units have, and straight lines join its points, which
    precision does not follow (Davis & Goadrich, 2006, "The Relationship Between Precision-Recall and ROC Curves"). A
    constant explanation therefore gets (1 + share of true units) / 2, more than one half for saying nothing, and more
    than random scores get on average. Elsewhere ties cost: some explanations get less than a perfect one reversed.
    `average_precision` draws no such lines.
    """
    precision, recall = _curve(*_pair(values, truth))
    before = np.concatenate([[1.0], precision[:-1]])
    return float(np.diff(recall, prepend=0.0) @ (before + precision) / 2)


def first_rank(values: np.ndarray, truth: np.ndarray) -> float:
    """The rank of the first true unit, 1 the best: the expected value over ties in random order."""
    values, truth = _pair(values, truth)
    best = values[truth].max()
    tied = values == best
    return float((values > best).sum() + (tied.sum() + 1) / ((tied & truth).sum() + 1))


def sign_agreement(scores: np.ndarray, signs: np.ndarray) -> float:
    """The share of the units with signs other than 0 whose score has that sign; NaN where no sign is fixed.

    scores, signs: (n_units,). A score of 0 has no sign and counts as wrong.
    """
    scores, signs = _numbers(scores, "scores"), _numbers(signs, "signs")
    if len(signs) != len(scores):
        raise OptionError(f"signs has {len(signs)} entries for {len(scores)} units: give one for each")
    fixed = signs != 0
    return float((np.sign(scores) == np.sign(signs))[fixed].mean()) if fixed.any() else float("nan")


def chosen(values: np.ndarray, k: int, seed: int = 0) -> np.ndarray:
    """The k units of greatest value: bool (n_units,).

    Units that tie for the last places are drawn by the seed: taken by their position, the first words of a text would
    win every tie. Raises OptionError unless 1 <= k <= n_units.
    """
    values, seed = _numbers(values, "values"), checks.seed(seed)
    k = checks.whole(k, "k", most=len(values))
    drawn = np.random.default_rng(seed).permutation(len(values))
    inside = np.zeros(len(values), dtype=bool)
    inside[np.lexsort((drawn, -values))[:k]] = True
    return inside


def token_f1(chosen: np.ndarray, truth: np.ndarray) -> float:
    """The harmonic mean of precision and recall of the chosen units: bool (n_units,) both. 0 where none is chosen.

    With as many chosen as are true, precision and recall are the same number, and so is this.
    """
    chosen, truth = _choice(chosen, truth)
    return float(2 * (chosen & truth).sum() / (chosen.sum() + truth.sum()))


def iou_f1(chosen: np.ndarray, truth: np.ndarray, threshold: float = 0.5) -> float:
    """F1 over spans, runs of neighbouring units: bool (n_units,) both. 0 where none is chosen.

    A chosen span counts if its intersection with some true span, divided by their union, reaches the threshold;
    precision is the share of chosen spans that count, recall their number divided by that of true spans (DeYoung et
    al., 2020; `partial_match_score` of its code, for one document). From one half on, no two chosen spans can reach the
    threshold with the same true span; below, recall could exceed 1, and OptionError is raised, as it is above 1.
    ferret's token_IOU is another number: one intersection over union of all chosen and all true units.
    """
    chosen, truth = _choice(chosen, truth)
    if not 0.5 <= checks.number(threshold, "threshold") <= 1:
        raise OptionError(f"threshold={threshold!r}: give a number from 0.5, below which matches are not unique, to 1")
    found, true = _runs(chosen), _runs(truth)
    counted = sum(any(_overlap(span, other) >= threshold for other in true) for span in found)
    return 2 * counted / (len(found) + len(true))


def _curve(values: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall of the units from the greatest value down to each distinct value: (n_values,) each."""
    _, place, ties = np.unique(-values, return_inverse=True, return_counts=True)
    found = np.bincount(place, weights=truth).cumsum()
    return found / ties.cumsum(), found / found[-1]


def _runs(units: np.ndarray) -> list[tuple[int, int]]:
    """The runs of True, [start, end)."""
    borders = np.flatnonzero(np.diff(units.astype(int), prepend=0, append=0))
    return [(int(start), int(end)) for start, end in borders.reshape(-1, 2)]


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Intersection over union of two spans."""
    common = max(0, min(one[1], other[1]) - max(one[0], other[0]))
    return common / (one[1] - one[0] + other[1] - other[0] - common)


def _pair(values: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = _numbers(values, "values")
    return values, _known(truth, len(values))


def _choice(chosen: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    chosen = _bools(chosen, "chosen")
    return chosen, _known(truth, len(chosen))


def _known(truth: np.ndarray, n: int) -> np.ndarray:
    truth = _bools(truth, "truth")
    if len(truth) != n:
        raise OptionError(f"truth has {len(truth)} entries for {n} units: give one for each")
    if not truth.any():
        raise OptionError("truth holds no True: there is no unit to find")
    return truth


def _bools(units: np.ndarray, name: str) -> np.ndarray:
    array = np.asarray(units)
    if array.dtype != bool or array.ndim != 1:
        raise OptionError(f"{name} has type {array.dtype} and shape {array.shape}: give one bool for each unit")
    return array


def _numbers(values: np.ndarray, name: str) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise OptionError(f"{name} has shape {array.shape}: give one number for each unit")
    if not np.isfinite(array).all():
        raise NonFiniteError(f"{name} holds NaN or infinite values, which have no place in an order")
    return array

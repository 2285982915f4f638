"""On how few units does an explanation rest? Array functions: scores (n_units,) in, one number out.

A reader can follow three words and not thirty. The Gini index (Hurley & Rickard, 2009, "Comparing Measures of
Sparsity"; Chalasani et al., 2020, "Concise Explanations of Neural Networks using Adversarial Training") says how
unequally the scores' sizes are dealt out, the entropy (Bhatt et al., 2020, "Evaluating and Aggregating Feature-based
Model Explanations") how evenly. Neither asks whether the explanation is right: all weight on the first unit is as
sparse as can be.

Signs do not count, nor do scale or order. Scores that are all 0 share out nothing and have no sparsity: NaN. Every
function raises OptionError for what is no list of numbers, and NonFiniteError.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import entr

from .errors import NonFiniteError, OptionError


def gini(scores: np.ndarray) -> float:
    """The Gini index of the scores' sizes: 0 where all are equal, 1 - 1/n where one of n units has everything.

    Half the mean difference of two units' sizes, relative to the mean size (Hurley & Rickard, 2009, eq. 3). It doesn't
    change when every unit is there twice, so texts of different lengths can be compared.
    """
    shares = _shares(scores)
    n = len(shares)
    return float((2 * np.arange(1, n + 1) - n - 1) @ shares / n)


def entropy(scores: np.ndarray) -> float:
    """The entropy, in nats, of each unit's share of all sizes: 0 for one unit, log n for n units of the same size.

    The complexity of Bhatt et al. (2020, section 3.3): less is sparser. It grows with the text.
    """
    return float(entr(_shares(scores)).sum())


def effective_number(scores: np.ndarray) -> float:
    """exp of the entropy: how many units of the same size would be as hard to tell apart, from 1 to n."""
    return math.exp(entropy(scores))


def _shares(scores: np.ndarray) -> np.ndarray:
    """Each unit's share of the sum of sizes, in ascending order: float64 (n_units,), NaN where the sum is 0."""
    sizes = np.abs(np.asarray(scores, dtype=np.float64))
    if sizes.ndim != 1 or not sizes.size:
        raise OptionError(f"scores have shape {sizes.shape}: give one number for each unit, (n_units,)")
    if not np.isfinite(sizes).all():
        raise NonFiniteError("the scores hold NaN or infinite values")
    if not sizes.any():
        return np.full_like(sizes, np.nan)
    relative = np.sort(sizes) / sizes.max()  # first, so that the sum can neither overflow nor vanish
    return relative / relative.sum()

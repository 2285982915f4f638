"""Sparsity: laws of inequality measures, other ways to write them, the definitions of Quantus, cases by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from xai_helpers import errors, sparsity

MEASURES = (sparsity.gini, sparsity.entropy, sparsity.effective_number)
NUMBER = st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-6)
SCORES = st.lists(NUMBER, min_size=1, max_size=30).filter(any).map(np.array)


@given(SCORES, st.integers(-40, 40), st.booleans(), st.randoms(use_true_random=False))
def test_scale_sign_and_order_do_not_count(scores: np.ndarray, power: int, turned: bool, random: object) -> None:
    """To the bit: powers of two scale without rounding."""
    order = random.sample(range(len(scores)), len(scores))  # type: ignore[attr-defined]
    signs = np.where(np.arange(len(scores)) % 2, -1.0, 1.0)
    other = scores[order] * signs * 2.0**power * (-1 if turned else 1)
    for measure in MEASURES:
        assert measure(other) == measure(scores)
    assert sparsity.gini(scores * 0.1) == pytest.approx(sparsity.gini(scores), abs=1e-14)


@given(SCORES)
def test_bounds(scores: np.ndarray) -> None:
    n = len(scores)
    assert -1e-14 <= sparsity.gini(scores) <= 1 - 1 / n + 1e-14
    assert -1e-14 <= sparsity.entropy(scores) <= math.log(n) + 1e-14
    assert 1 - 1e-14 <= sparsity.effective_number(scores) <= n * (1 + 1e-14)


@pytest.mark.parametrize("n", [1, 2, 7, 1000])
def test_the_bounds_are_met(n: int) -> None:
    one, all_ = np.eye(n)[n // 2] * -3, np.full(n, 0.7)
    assert sparsity.gini(one) == pytest.approx(1 - 1 / n, abs=1e-15)
    assert sparsity.entropy(one) == 0 and sparsity.effective_number(one) == 1
    assert sparsity.gini(all_) == pytest.approx(0, abs=1e-15)
    assert sparsity.entropy(all_) == pytest.approx(math.log(n), abs=1e-14)
    assert sparsity.effective_number(all_) == pytest.approx(n, rel=1e-14)


@given(SCORES, st.integers(2, 5))
def test_cloning(scores: np.ndarray, times: int) -> None:
    """Every unit there several times: the same Gini index, and as many times the effective number."""
    cloned = np.tile(scores, times)
    assert sparsity.gini(cloned) == pytest.approx(sparsity.gini(scores), abs=1e-14)
    assert sparsity.entropy(cloned) == pytest.approx(sparsity.entropy(scores) + math.log(times), abs=1e-13)


@given(SCORES, st.integers(1, 10))
def test_units_without_a_score(scores: np.ndarray, more: int) -> None:
    """They make it sparser by the Gini index, whose complement shrinks with the share of the others; entropy stays."""
    n, padded = len(scores), np.concatenate([np.zeros(more), scores])
    assert 1 - sparsity.gini(padded) == pytest.approx((1 - sparsity.gini(scores)) * n / (n + more), abs=1e-14)
    assert sparsity.entropy(padded) == pytest.approx(sparsity.entropy(scores), abs=1e-14)


@given(SCORES.filter(lambda x: np.ptp(np.abs(x)) > 1e-3 * np.abs(x).max()), st.floats(0.01, 1))
def test_taking_from_the_greatest_for_the_least(scores: np.ndarray, part: float) -> None:
    """Robin Hood's law: less unequal, more entropy."""
    given = np.abs(scores)
    rich, poor = given.argmax(), given.argmin()
    moved = part * (given[rich] - given[poor]) / 2
    after = given.copy()
    after[rich], after[poor] = given[rich] - moved, given[poor] + moved
    assert sparsity.gini(after) < sparsity.gini(given)
    assert sparsity.entropy(after) > sparsity.entropy(given)


@given(SCORES)
def test_other_ways_to_write_them(scores: np.ndarray) -> None:
    sizes, n = np.abs(scores), len(scores)
    # half the relative mean difference
    difference = np.abs(sizes[:, None] - sizes[None]).mean() / (2 * sizes.mean())
    assert sparsity.gini(scores) == pytest.approx(difference, abs=1e-13)
    # Hurley & Rickard's, 1 - 2 sum_k c_(k) / |c|_1 (N - k + 1/2) / N
    below = 1 - 2 * sum(c * (n - k + 0.5) for k, c in enumerate(np.sort(sizes), 1)) / (n * sizes.sum())
    assert sparsity.gini(scores) == pytest.approx(below, abs=1e-13)
    # twice the area between the Lorenz curve and the diagonal
    lorenz = np.concatenate([[0], np.cumsum(np.sort(sizes))]) / sizes.sum()
    assert sparsity.gini(scores) == pytest.approx(1 - (lorenz[1:] + lorenz[:-1]).mean(), abs=1e-13)
    assert sparsity.entropy(scores) == pytest.approx(scipy.stats.entropy(sizes), abs=1e-13)


@given(SCORES)
def test_quantus_defines_them_alike(scores: np.ndarray) -> None:
    """Its scores are divided by the greatest first; its Sparseness adds 1e-7 to each, against a division by zero."""
    relative = np.abs(scores) / np.abs(scores).max()
    n, offset = len(relative), 1e-7
    ascending = sorted(relative + offset)
    theirs = sum((2 * i - n - 1) * a for i, a in enumerate(ascending, 1)) / (n * sum(ascending))
    assert sparsity.gini(scores) == pytest.approx(theirs, abs=n * offset)  # G falls by the factor S / (S + n offset)
    shares = relative / relative.sum()
    assert sparsity.entropy(scores) == pytest.approx(-sum(p * math.log(p) for p in shares if p > 0), abs=1e-13)


def test_by_hand() -> None:
    # sizes 1 and 3: (-1 * 1 + 1 * 3) / (2 * 4); the quarter and three quarters
    assert sparsity.gini(np.array([-3, 1])) == 0.25
    assert sparsity.entropy(np.array([-3, 1])) == pytest.approx(2 * math.log(2) - 0.75 * math.log(3), abs=1e-15)
    # shares 1/4, 1/4, 1/2: (-2 - 0 + 4) / 4 / 3, and 1.5 bits
    assert sparsity.gini(np.array([1, 2, -1])) == pytest.approx((-2 * 1 + 0 * 1 + 2 * 2) / (3 * 4), abs=1e-15)
    assert sparsity.entropy(np.array([1, 2, -1])) == pytest.approx(1.5 * math.log(2), abs=1e-15)
    assert sparsity.effective_number(np.array([1, 2, -1])) == pytest.approx(2**1.5, abs=1e-14)


def test_neither_the_smallest_nor_the_greatest_numbers_overflow() -> None:
    for unit in (np.finfo(np.float64).max, np.finfo(np.float64).tiny):
        assert sparsity.gini(np.array([unit, -unit, 0])) == pytest.approx(1 / 3, abs=1e-15)
        assert sparsity.effective_number(np.array([unit, -unit, 0])) == pytest.approx(2, abs=1e-15)


def test_scores_that_are_all_zero_have_no_sparsity() -> None:
    with np.errstate(all="raise"):
        for measure in MEASURES:
            assert math.isnan(measure(np.zeros(3)))


def test_bad_input_is_named() -> None:
    for measure in MEASURES:
        for scores in (np.array([]), np.ones((2, 2)), np.array(1.0)):
            with pytest.raises(errors.OptionError, match="one number for each unit"):
                measure(scores)
        for bad in (np.nan, np.inf):
            with pytest.raises(errors.NonFiniteError, match="NaN or infinite"):
                measure(np.array([1, bad]))

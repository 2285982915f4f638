"""Rank agreement: scipy's numbers, small cases by hand, and intervals that hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from xai_helpers import agreement, errors


def columns(*values: list[float]) -> np.ndarray:
    """(n_units, n_methods) from one list per method."""
    return np.array(values, dtype=np.float64).T


@st.composite
def tables(draw: st.DrawFn, ties: bool = True) -> np.ndarray:
    """Values of 2 to 4 methods for 2 to 12 units; no column is constant."""
    n, m = draw(st.integers(2, 12)), draw(st.integers(2, 4))
    number = st.integers(-3, 3) if ties else st.integers(-(10**6), 10**6)
    column = st.lists(number, min_size=n, max_size=n, unique=not ties).filter(lambda x: len(set(x)) > 1)
    return columns(*(draw(column) for _ in range(m)))


@given(tables())
def test_scipy_agrees(values: np.ndarray) -> None:
    assert np.array_equal(agreement.ranks(values), scipy.stats.rankdata(-values, axis=0))
    rho, tau = agreement.spearman(values), agreement.kendall(values)
    for i, one in enumerate(values.T):
        for j, other in enumerate(values.T):
            assert rho[i, j] == pytest.approx(scipy.stats.spearmanr(one, other).statistic, abs=1e-14)
            assert tau[i, j] == pytest.approx(scipy.stats.kendalltau(one, other).statistic, abs=1e-14)


@given(tables(), st.integers(1, 12))
def test_every_measure_is_symmetric_and_one_for_a_method_with_itself(values: np.ndarray, k: int) -> None:
    k = min(k, len(values))
    for measure in agreement.MEASURES:
        matrix = agreement.measured(measure, values, k)
        assert np.array_equal(matrix, matrix.T)
        assert np.allclose(np.diag(matrix), 1, rtol=0, atol=1e-14 if measure == "overlap" else 0)  # thirds add up to 1
        assert (np.abs(matrix) <= 1 + 1e-14).all()


@given(tables(), st.integers(1, 12), st.randoms(use_true_random=False))
def test_order_is_all_that_counts_and_names_follow(values: np.ndarray, k: int, random: object) -> None:
    """A monotone rescaling changes nothing; permuted methods permute matrices; permuted units change nothing."""
    k = min(k, len(values))
    order = np.array(random.sample(range(values.shape[1]), values.shape[1]))  # type: ignore[attr-defined]
    units = np.array(random.sample(range(len(values)), len(values)))  # type: ignore[attr-defined]
    for measure in agreement.MEASURES:
        matrix = agreement.measured(measure, values, k)
        assert np.array_equal(agreement.measured(measure, values**3 + 2 * values - 5, k), matrix)
        assert np.array_equal(agreement.measured(measure, values[:, order], k), matrix[np.ix_(order, order)])
        assert np.allclose(agreement.measured(measure, values[units], k), matrix, rtol=0, atol=1e-14)


@given(tables(ties=False))
def test_the_opposite_order_is_minus_one(values: np.ndarray) -> None:
    both = np.stack([values[:, 0], -values[:, 0]], axis=1)
    assert agreement.spearman(both)[0, 1] == agreement.kendall(both)[0, 1] == -1


def test_by_hand() -> None:
    # ranks 1 2 3 4 and 2 1 4 3: rho = 1 - 6 * (1 + 1 + 1 + 1) / (4 * 15) = 0.6; two of six pairs are turned
    values = columns([4, 3, 2, 1], [3, 4, 1, 2])
    assert agreement.ranks(values).tolist() == [[1, 2], [2, 1], [3, 4], [4, 3]]
    assert agreement.spearman(values)[0, 1] == pytest.approx(0.6, abs=1e-15)
    assert agreement.kendall(values)[0, 1] == pytest.approx((4 - 2) / 6, abs=1e-15)
    # with a tie in one: of three pairs two agree, one is no pair there: 2 / sqrt(3 * 2)
    assert agreement.kendall(columns([3, 2, 1], [2, 1, 1]))[0, 1] == pytest.approx(2 / 6**0.5, abs=1e-15)
    assert agreement.ranks(columns([5, 7, 5]))[:, 0].tolist() == [2.5, 1, 2.5]


def test_the_top_by_hand() -> None:
    values = columns([4, 3, 2, 1], [4, 1, 2, 3])
    assert [agreement.top_k_overlap(values, k)[0, 1] for k in (1, 2, 3, 4)] == [1, 0.5, 2 / 3, 1]
    # 9, then three that tie for one place of the top two: each is in it by a third
    tied = columns([9, 5, 5, 5], [1, 9, 8, 2], [9, 8, 1, 2])
    overlap = agreement.top_k_overlap(tied, 2)
    assert overlap[0] == pytest.approx([1, (1 / 3 + 1 / 3) / 2, (1 + 1 / 3) / 2], abs=1e-15)
    assert np.allclose(np.diag(overlap), 1, rtol=0, atol=1e-15)


def test_constant_columns_have_no_rank_correlation() -> None:
    values = columns([1, 1, 1], [1, 2, 3])
    for measure in (agreement.spearman, agreement.kendall):
        assert np.isnan(measure(values)[0]).all() and measure(values)[1, 1] == 1


def test_bad_input_is_named() -> None:
    values = columns([1, 2])
    for k in (0, 3):
        with pytest.raises(errors.OptionError, match=f"k={k}: .* at least 1 and at most 2"):
            agreement.top_k_overlap(values, k)
    with pytest.raises(errors.OptionError, match="'kendall'"):
        agreement.measured("pearson", values, 1)  # type: ignore[arg-type]
    for value in (0, -1, 1.5, "a", None, True):
        with pytest.raises(errors.OptionError, match=f"samples={value!r}"):
            agreement.bootstrap(np.zeros(3), samples=value)  # type: ignore[arg-type]
    for value in (-1, 1.5, "a", None, True):
        with pytest.raises(errors.OptionError, match=f"seed={value!r}"):
            agreement.bootstrap(np.zeros(3), seed=value)  # type: ignore[arg-type]
    assert agreement.top_k_overlap(values, np.int64(2)).tolist() == [[1]]  # type: ignore[arg-type]
    drawn = [agreement.bootstrap(np.arange(5.0), n(20), n(3)) for n in (int, np.int64)]  # type: ignore[arg-type]
    assert np.array_equal(*drawn)


# --- the bootstrap --------------------------------------------------------------------------------------------------


def test_the_interval_by_hand() -> None:
    """The mean of texts drawn again is a binomial share: with one 1 among four, P(3 or 4 of 4) = 13 / 256 = 5.1 %,
    more than 2.5 %, and P(4 of 4) = 0.4 %, less. So the upper end is 3/4, and the lower is 0, with P(0) = 32 %.
    """
    mean, low, high = agreement.bootstrap(np.array([0.0, 0.0, 0.0, 1.0]), samples=20000)
    assert (mean, low, high) == (0.25, 0.0, 0.75)


def test_every_resample_is_the_mean_of_as_many_texts() -> None:
    """Against a loop over drawn indices: the same distribution, so the same ends up to the noise of 20,000 draws."""
    values = np.random.default_rng(0).normal(size=(12, 3))
    _, low, high = agreement.bootstrap(values, samples=20000, seed=1)
    generator = np.random.default_rng(2)
    looped = np.array([values[generator.integers(12, size=12)].mean(axis=0) for _ in range(20000)])
    assert np.allclose([low, high], np.quantile(looped, (0.025, 0.975), axis=0), rtol=0, atol=0.02)


def test_intervals_cover_the_truth() -> None:
    """95 % of percentile intervals over 60 texts hold the true mean; the percentile method is a little narrow."""
    generator = np.random.default_rng(3)
    for draw, truth in ((generator.normal, 0.0), (generator.exponential, 1.0)):
        _, low, high = agreement.bootstrap(draw(size=(60, 1000)), samples=500)
        assert 0.92 <= ((low <= truth) & (truth <= high)).mean() <= 0.965


def test_texts_are_drawn_for_all_pairs_together() -> None:
    """Two pairs with the same values have the same interval, and their difference has none."""
    one = np.random.default_rng(4).normal(size=(20, 1))
    _, low, high = agreement.bootstrap(np.hstack([one, one, one - one]))
    assert low[0] == low[1] and high[0] == high[1] and low[2] == high[2] == 0


def test_missing_texts_are_left_out() -> None:
    values = np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan], [2.0, np.nan, np.nan], [2.0, 7.0, np.nan]])
    mean, low, high = agreement.bootstrap(values, samples=5000)
    assert mean[:2].tolist() == [2, 6] and np.isnan(mean[2])
    assert (low[1], high[1]) == (5, 7)
    assert np.isnan([low[2], high[2]]).all()
    assert np.isfinite([low[0], high[0]]).all()


def test_one_text_has_no_interval() -> None:
    mean, low, high = agreement.bootstrap(np.array([[0.5, np.nan], [np.nan, np.nan]]))
    assert mean[0] == 0.5 and np.isnan([low[0], high[0], mean[1], low[1]]).all()


def test_the_seed_decides() -> None:
    values = np.random.default_rng(5).normal(size=(10, 2))
    again = [np.array(agreement.bootstrap(values, 50, seed)) for seed in (0, 0, 1)]
    assert np.array_equal(again[0], again[1]) and not np.array_equal(again[0], again[2])

"""Retrieval: scikit-learn's and ERASER's numbers, every way to break a tie, small cases by hand, and two traps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import example, given
from hypothesis import strategies as st

from xai_helpers import agreement, errors, retrieval

Measure = Callable[[np.ndarray, np.ndarray], float]
RANKINGS: list[Measure] = [
    retrieval.precision_at,
    retrieval.average_precision,
    retrieval.auprc,
    retrieval.first_rank,
]
CLOSE = {"rel": 0, "abs": 1e-14}


def bools(text: str) -> np.ndarray:
    """One unit for each character: "x" is true, "." is not."""
    return np.array([character == "x" for character in text])


@st.composite
def searches(draw: st.DrawFn, most: int = 12, ties: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Values of 1 to `most` units, and which of them are true, at least one."""
    n = draw(st.integers(1, most))
    number = st.integers(-2, 2) if ties else st.integers(-(10**6), 10**6)
    values = draw(st.lists(number, min_size=n, max_size=n, unique=not ties))
    return np.array(values, dtype=np.float64), draw(truths(n))


@st.composite
def truths(draw: st.DrawFn, n: int) -> np.ndarray:
    return np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n).filter(any)))


@st.composite
def choices(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Chosen and true units, 1 to 14."""
    truth = draw(st.integers(1, 14).flatmap(truths))
    return np.array(draw(st.lists(st.booleans(), min_size=len(truth), max_size=len(truth)))), truth


def all_orders(values: np.ndarray) -> list[list[int]]:
    """The units greatest first, once for each order of all units: ties are broken in every way, each as often."""
    return [sorted(order, key=lambda i: -values[i]) for order in itertools.permutations(range(len(values)))]


# --- against other definitions --------------------------------------------------------------------------------------


@given(searches())
def test_scikit_learn_agrees(search: tuple[np.ndarray, np.ndarray]) -> None:
    """ERASER and ferret compute auprc by these two calls."""
    values, truth = search
    assert retrieval.average_precision(values, truth) == pytest.approx(
        sklearn.metrics.average_precision_score(truth, values), **CLOSE
    )
    precision, recall, _ = sklearn.metrics.precision_recall_curve(truth, values)
    assert retrieval.auprc(values, truth) == pytest.approx(sklearn.metrics.auc(recall, precision), **CLOSE)


@given(searches(most=5), st.integers(1, 5))
def test_precision_and_first_rank_are_means_over_every_way_to_break_ties(
    search: tuple[np.ndarray, np.ndarray], k: int
) -> None:
    values, truth = search
    k = min(k, len(values))
    found = [truth[order] for order in all_orders(values)]
    assert retrieval.precision_at(values, truth, k) == pytest.approx(np.mean([f[:k].mean() for f in found]), **CLOSE)
    assert retrieval.first_rank(values, truth) == pytest.approx(1 + np.mean([f.argmax() for f in found]), **CLOSE)
    assert retrieval.precision_at(values, truth) == retrieval.precision_at(values, truth, int(truth.sum()))


@given(searches())
def test_precision_is_the_overlap_with_a_top_that_holds_the_truth(search: tuple[np.ndarray, np.ndarray]) -> None:
    values, truth = search
    overlap = agreement.top_k_overlap(np.stack([values, truth.astype(float)], axis=1), int(truth.sum()))
    assert retrieval.precision_at(values, truth) == pytest.approx(overlap[0, 1], **CLOSE)


@given(choices())
def test_token_f1_is_scikit_learns(choice: tuple[np.ndarray, np.ndarray]) -> None:
    chosen, truth = choice
    expected = sklearn.metrics.f1_score(truth, chosen, zero_division=0.0)
    assert retrieval.token_f1(chosen, truth) == pytest.approx(expected, **CLOSE)


def positions(units: np.ndarray) -> list[set[int]]:
    """The spans of neighbouring units, as sets of their positions."""
    groups = itertools.groupby(range(len(units)), key=lambda i: bool(units[i]))
    return [set(group) for inside, group in groups if inside]


def eraser_iou_f1(chosen: np.ndarray, truth: np.ndarray, threshold: float) -> float:
    """ERASER's partial match for one document: the best overlap of each predicted span is held to the threshold."""
    predicted, marked = positions(chosen), positions(truth)
    best = [max(len(p & t) / len(p | t) for t in marked) for p in predicted]
    hits = sum(overlap >= threshold for overlap in best)
    precision, recall = hits / len(predicted) if predicted else 0.0, hits / len(marked)
    return 2 * precision * recall / (precision + recall) if hits else 0.0


@given(choices(), st.sampled_from([0.5, 0.6, 2 / 3, 0.75, 0.9, 1.0]))
def test_iou_f1_is_erasers(choice: tuple[np.ndarray, np.ndarray], threshold: float) -> None:
    assert retrieval.iou_f1(*choice, threshold) == pytest.approx(eraser_iou_f1(*choice, threshold), **CLOSE)


@given(choices(), st.sampled_from([0.5, 0.75, 1.0]))
def test_from_one_half_on_spans_match_one_to_one(choice: tuple[np.ndarray, np.ndarray], threshold: float) -> None:
    """So F1 is at most 1, and the same with the parts exchanged; below one half ERASER's can exceed 1."""
    chosen, truth = choice
    score = retrieval.iou_f1(chosen, truth, threshold)
    assert 0 <= score <= 1
    if chosen.any():
        assert retrieval.iou_f1(truth, chosen, threshold) == score
    assert eraser_iou_f1(bools("x.x.x"), bools("xxxxx"), 0.2) == pytest.approx(1.5, abs=1e-15)  # three for one


# --- what holds for every ranking -----------------------------------------------------------------------------------


@given(searches(), st.randoms(use_true_random=False))
def test_order_is_all_that_counts(search: tuple[np.ndarray, np.ndarray], random: object) -> None:
    values, truth = search
    units = np.array(random.sample(range(len(values)), len(values)))  # type: ignore[attr-defined]
    for measure in RANKINGS:
        score = measure(values, truth)
        for changed in (values / 3, values * 1e9, values**3 + 2 * values - 5, np.exp(values)):
            assert measure(changed, truth) == score
        assert measure(values[units], truth[units]) == pytest.approx(score, **CLOSE)
    for k in range(1, len(values) + 1):
        assert np.array_equal(retrieval.chosen(np.exp(values), k), retrieval.chosen(values, k))


@given(searches())
def test_true_units_first_is_best_and_last_is_worst(search: tuple[np.ndarray, np.ndarray]) -> None:
    values, truth = search
    n, true = len(truth), int(truth.sum())
    perfect = truth + np.linspace(0, 0.5, n)
    assert [measure(perfect, truth) for measure in RANKINGS] == pytest.approx([1, 1, 1, 1], **CLOSE)
    for measure in (retrieval.precision_at, retrieval.average_precision):
        assert measure(-perfect, truth) <= measure(values, truth) + 1e-14
        assert measure(values, truth) <= 1 + 1e-14
    assert 1 <= retrieval.first_rank(values, truth) <= retrieval.first_rank(-perfect, truth) == n - true + 1
    assert retrieval.precision_at(-perfect, truth) == pytest.approx(max(0, 2 * true - n) / true, **CLOSE)


@pytest.mark.parametrize(("n", "true"), [(n, true) for n in (2, 5, 6) for true in range(1, n)])
def test_among_orders_without_ties_the_reversed_one_has_the_least_area(n: int, true: int) -> None:
    truth = np.arange(n) < true
    areas = [retrieval.auprc(np.array(order), truth) for order in itertools.permutations(range(n))]
    assert min(areas) == pytest.approx(retrieval.auprc(np.arange(n), truth), **CLOSE)
    assert max(areas) == 1


@given(searches(ties=False))
def test_a_better_place_for_a_true_unit_is_never_worse(search: tuple[np.ndarray, np.ndarray]) -> None:
    """Without ties: where a false unit stands just above a true one, they change places."""
    values, truth = search
    order = np.argsort(-values)
    for above, below in itertools.pairwise(order):
        if truth[below] and not truth[above]:
            better = values.copy()
            better[[above, below]] = values[[below, above]]
            for measure in (retrieval.precision_at, retrieval.average_precision, retrieval.auprc):
                assert measure(better, truth) >= measure(values, truth) - 1e-14
            assert retrieval.average_precision(better, truth) > retrieval.average_precision(values, truth)
            assert retrieval.first_rank(better, truth) <= retrieval.first_rank(values, truth)


# --- constant explanations and chance -------------------------------------------------------------------------------


@given(st.integers(1, 20).flatmap(truths), st.integers(-3, 3))
def test_a_constant_explanation(truth: np.ndarray, value: int) -> None:
    """It gets the share of true units; but (1 + share) / 2 as area, because the curve begins at precision 1."""
    values, share = np.full(len(truth), float(value)), truth.mean()
    assert retrieval.average_precision(values, truth) == pytest.approx(share, **CLOSE)
    assert retrieval.auprc(values, truth) == pytest.approx((1 + share) / 2, **CLOSE)
    for k in range(1, len(truth) + 1):
        assert retrieval.precision_at(values, truth, k) == pytest.approx(share, **CLOSE)
    assert retrieval.first_rank(values, truth) == pytest.approx((len(truth) + 1) / (truth.sum() + 1), **CLOSE)


@pytest.mark.parametrize(("n", "true"), [(n, true) for n in (2, 3, 5, 6) for true in range(1, n)])
def test_what_random_scores_get(n: int, true: int) -> None:
    """The mean over all orders: of average precision it is Bestgen's, above the share that a constant gets; of the area
    it is below what a constant gets.
    """
    truth = np.arange(n) < true
    orders = [np.array(order, dtype=float) for order in itertools.permutations(range(n))]
    harmonic = sum(1 / i for i in range(1, n + 1))
    mean = np.mean([retrieval.average_precision(order, truth) for order in orders])
    assert mean == pytest.approx((true - 1) / (n - 1) + (n - true) * harmonic / (n * (n - 1)), abs=1e-13)
    assert mean > true / n
    assert np.mean([retrieval.auprc(order, truth) for order in orders]) < (1 + true / n) / 2


def test_saying_nothing_beats_saying_something_by_area() -> None:
    """One true unit among ten, found as the second: by area that is worse than no information."""
    truth, second = bools("x........."), np.array([9.0, 10, 8, 7, 6, 5, 4, 3, 2, 1])
    assert retrieval.auprc(second, truth) == 0.25  # from precision 0 at recall 0 to 1/2 at 1
    assert retrieval.auprc(np.zeros(10), truth) == pytest.approx(0.55, **CLOSE)
    assert retrieval.average_precision(second, truth) == 0.5
    assert retrieval.average_precision(np.zeros(10), truth) == 0.1


def test_ties_can_cost_more_area_than_being_wrong() -> None:
    truth = np.arange(30) >= 10  # 20 of 30 are true
    reversed_, tied = -np.arange(30.0), np.where(np.arange(30) < 11, 1.0, 0.0)  # one true unit ties with all false ones
    assert retrieval.auprc(tied, truth) < retrieval.auprc(reversed_, truth)
    assert retrieval.average_precision(tied, truth) > retrieval.average_precision(reversed_, truth)


# --- by hand --------------------------------------------------------------------------------------------------------


def test_rankings_by_hand() -> None:
    # in order: false, true, false, true; precision 1/2 at the first true unit, 2/4 at the second
    values, truth = np.array([4.0, 3, 2, 1]), bools(".x.x")
    assert retrieval.average_precision(values, truth) == 0.5
    # points (recall, precision): (0, 1), (0, 0), (1/2, 1/2), (1/2, 1/3), (1, 1/2)
    assert retrieval.auprc(values, truth) == pytest.approx(0.5 * 0.25 + 0.5 * (1 / 3 + 1 / 2) / 2, **CLOSE)
    assert [retrieval.precision_at(values, truth, k) for k in (1, 2, 3, 4)] == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])
    assert retrieval.first_rank(values, truth) == 2


def test_ties_by_hand() -> None:
    # 9 is false; then three share the places 2 to 4, two of them true
    values, truth = np.array([9.0, 5, 5, 5, 1]), bools(".xx.x")
    assert retrieval.precision_at(values, truth, 2) == pytest.approx((2 / 3) / 2, **CLOSE)
    assert retrieval.first_rank(values, truth) == pytest.approx(1 + 4 / 3, **CLOSE)  # 2, 2 or 3
    assert retrieval.average_precision(values, truth) == pytest.approx((2 * 2 / 4 + 3 / 5) / 3, **CLOSE)


def test_spans_by_hand() -> None:
    truth = bools(".xxxx...xx..")
    for chosen, expected in [
        (".xxxx...xx..", 1.0),
        (".xx.....xx..", 1.0),  # 2 of 4 is one half
        (".x......xx..", 2 / 4),  # 1 of 4 is not
        ("xxxxxxxxxxxx", 0.0),  # 4 of 12
        (".xx.x...xx..", 2 * 2 / (3 + 2)),  # three spans, of which two count
        ("............", 0.0),
    ]:
        assert retrieval.iou_f1(bools(chosen), truth) == pytest.approx(expected, **CLOSE)
    assert retrieval.iou_f1(bools(".xx.....xx.."), truth, 0.51) == 2 / 4
    assert retrieval.token_f1(bools(".xx.....x..x"), truth) == pytest.approx(2 * 3 / (4 + 6), **CLOSE)


def test_signs_by_hand() -> None:
    signs = np.array([1, -1, 0, 2, -1])
    assert retrieval.sign_agreement(np.array([0.1, -3.0, 5.0, -1.0, 0.0]), signs) == 2 / 4
    assert retrieval.sign_agreement(signs * 7.0, signs) == 1
    assert retrieval.sign_agreement(np.zeros(5), signs) == 0
    assert math.isnan(retrieval.sign_agreement(np.ones(3), np.zeros(3)))


@given(searches(), st.integers(0, 5))
def test_opposite_signs(search: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    """What is right becomes wrong; scores of 0 are wrong both times."""
    scores, _ = search
    signs = np.random.default_rng(seed).integers(-1, 2, len(scores))
    both = retrieval.sign_agreement(scores, signs) + retrieval.sign_agreement(-scores, signs)
    if (signs != 0).any():
        assert both == pytest.approx(1 - (scores[signs != 0] == 0).mean(), **CLOSE)


# --- the hard choice ------------------------------------------------------------------------------------------------


@given(searches(), st.integers(1, 12), st.integers(0, 9))
@example((np.zeros(4), bools("x...")), 2, 0)
def test_the_choice_holds_k_and_nothing_outside_is_greater(
    search: tuple[np.ndarray, np.ndarray], k: int, seed: int
) -> None:
    values, _ = search
    k = min(k, len(values))
    inside = retrieval.chosen(values, k, seed)
    assert inside.dtype == bool and inside.sum() == k
    assert inside.all() or values[inside].min() >= values[~inside].max()
    assert np.array_equal(retrieval.chosen(values, k, seed), inside)


def test_ties_are_drawn_alike_for_all_places() -> None:
    """3 of 8 tied units, 4,000 draws: each is in 3/8 of them, up to four standard errors; 9 always is, 1 never."""
    values = np.array([9.0, *[5.0] * 8, 1.0])
    drawn = np.mean([retrieval.chosen(values, 4, seed) for seed in range(4000)], axis=0)
    assert drawn[0] == 1 and drawn[-1] == 0
    assert np.abs(drawn[1:-1] - 3 / 8).max() < 4 * (3 / 8 * 5 / 8 / 4000) ** 0.5


def test_expected_f1_of_the_choice_is_the_precision() -> None:
    """With as many chosen as are true, token F1 is precision, and its mean over draws is precision_at."""
    values, truth = np.array([9.0, 5, 5, 5, 1]), bools(".xx.x")
    drawn = [retrieval.token_f1(retrieval.chosen(values, 3, seed), truth) for seed in range(3000)]
    assert np.mean(drawn) == pytest.approx(retrieval.precision_at(values, truth), abs=0.02)
    assert set(np.round(drawn, 12)) == {round(1 / 3, 12), round(2 / 3, 12)}


# --- bad input ------------------------------------------------------------------------------------------------------


def test_bad_truths_and_values_are_named() -> None:
    values, truth = np.arange(3.0), bools("x..")
    for measure in (*RANKINGS, lambda v, t: retrieval.token_f1(v > 1, t), lambda v, t: retrieval.iou_f1(v > 1, t)):
        with pytest.raises(errors.OptionError, match="no True"):
            measure(values, bools("..."))
        with pytest.raises(errors.OptionError, match="no True"):
            measure(np.zeros(0), np.zeros(0, dtype=bool))
        with pytest.raises(errors.OptionError, match="2 entries for 3 units"):
            measure(values, bools("x."))
        for wrong in (np.array([1, 0, 0]), truth[None]):  # indices, and a batch
            with pytest.raises(errors.OptionError, match="one bool for each unit"):
                measure(values, wrong)
    for measure in RANKINGS:
        for bad in (np.nan, np.inf):
            with pytest.raises(errors.NonFiniteError, match="values holds NaN"):
                measure(np.array([1.0, bad, 0.0]), truth)
        with pytest.raises(errors.OptionError, match=r"shape \(3, 1\)"):
            measure(values[:, None], truth)
    for choose in (retrieval.token_f1, retrieval.iou_f1):
        with pytest.raises(errors.OptionError, match="chosen has type float64"):
            choose(values, truth)


def test_bad_options_are_named() -> None:
    values, truth = np.arange(3.0), bools("x..")
    for k in (0, 4, 1.5, True):
        with pytest.raises(errors.OptionError, match=f"k={k}: .* at most 3"):
            retrieval.precision_at(values, truth, k)  # type: ignore[arg-type]
        with pytest.raises(errors.OptionError, match=f"k={k}: .* at most 3"):
            retrieval.chosen(values, k)  # type: ignore[arg-type]
    with pytest.raises(errors.OptionError, match="seed=-1"):
        retrieval.chosen(values, 1, seed=-1)
    with pytest.raises(errors.NonFiniteError, match="values"):
        retrieval.chosen(np.array([np.nan, 1.0]), 1)
    for threshold in (0.49, 1.01, 0, np.nan, "half"):
        with pytest.raises(errors.OptionError, match="threshold="):
            retrieval.iou_f1(truth, truth, threshold)  # type: ignore[arg-type]
    with pytest.raises(errors.OptionError, match="2 entries for 3 units"):
        retrieval.sign_agreement(values, np.array([1, 0]))
    for bad in ((np.array([np.nan]), np.ones(1)), (np.ones(1), np.array([np.nan]))):
        with pytest.raises(errors.NonFiniteError):
            retrieval.sign_agreement(*bad)

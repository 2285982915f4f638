"""Deletion and insertion: one pass per text, done the slow way; the numbers of ERASER and captum; the controls."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Any

import captum.metrics
import numpy as np
import pytest
import scipy.stats
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import xai_helpers as xai
from xai_helpers import errors, faithfulness
from xai_helpers.faithfulness import (
    FRACTIONS,
    Erased,
    aopc,
    area,
    comprehensiveness,
    counts,
    differences,
    erase,
    extremes,
    infidelity,
    monotonicity,
    orders,
    random_coalitions,
    sufficiency,
    tabulated,
)
from xai_helpers.perturbation import text_game

CURVES = st.integers(2, 12).flatmap(
    lambda n: st.lists(st.lists(st.floats(0.01, 1), min_size=n, max_size=n), min_size=1, max_size=3).map(np.array)
)


def explanation(model: xai.TextModel, seed: int, target: Any = 1, ties: bool = False) -> xai.Attribution:
    """A leave-one-out attribution with drawn scores in place of its own: any units, any order."""
    a = xai.leave_one_out(model, tiny.text_for(model), target)
    rng = np.random.default_rng(seed)
    scores = rng.integers(-2, 3, len(a.units)) if ties else rng.normal(size=len(a.units))
    return dataclasses.replace(a, scores=scores)


def additive(weights: np.ndarray) -> Any:
    """A game in which each player brings the same to everybody."""
    return lambda kept: kept @ weights


def nonlinear(n: int, seed: int) -> Any:
    """A game with a drawn value in (0, 1) for each of the 2^n sets."""
    values = np.random.default_rng(seed).random(2**n)
    return lambda kept: values[kept @ (1 << np.arange(n))]


def played(game: Any, scores: np.ndarray) -> Erased:
    """What `erase` gives for scores (n_labels, n) of a game's players, a text at a time."""
    n = scores.shape[1]
    value = lambda kept: float(game(np.isin(np.arange(n), kept)[None])[0])  # noqa: E731
    ranking = orders(scores)
    deletion = np.array([[value(row[k:]) for k in range(n + 1)] for row in ranking])
    insertion = np.array([[value(row[:k]) for k in range(n + 1)] for row in ranking])
    nothing = np.full(n + 1, np.nan)
    return Erased(
        model="a game",
        text="",
        target=xai.Target(0),
        by="signed",
        replacement="none",
        labels=tuple(map(str, range(len(scores)))),
        words=tuple(map(str, range(n))),
        scores=scores,
        deletion=deletion,
        insertion=insertion,
        without=np.array([value(np.delete(np.arange(n), i)) for i in range(n)]),
        random_deletion=np.empty((0, n + 1)),
        random_insertion=np.empty((0, n + 1)),
        lowest=nothing,
        highest=nothing,
        exhaustive=False,
    )


# Array functions


@given(CURVES, st.data())
def test_the_two_conventions_say_the_same_of_one_text(curve: np.ndarray, data: st.DataObject) -> None:
    n = curve.shape[1] - 1
    k = data.draw(st.integers(0, n))
    for metric, whole in ((comprehensiveness, curve[:, 0]), (sufficiency, curve[:, -1])):
        difference, ratio = metric(curve, k), metric(curve, k, "ratio")
        share = ratio if metric is comprehensiveness else 1 - ratio
        assert np.allclose(difference, whole - curve[:, k], rtol=0, atol=0)
        assert np.allclose(share * whole, difference, rtol=0, atol=1e-12)
        every = metric(curve, range(n + 1))
        assert every.shape == curve.shape
        assert np.array_equal(every[:, k], difference)
    assert np.array_equal(comprehensiveness(curve, 0), np.zeros(len(curve)))
    assert np.array_equal(sufficiency(curve, n), np.zeros(len(curve)))


@given(CURVES)
def test_areas_are_those_of_trapezoids(curve: np.ndarray) -> None:
    assert np.allclose(area(curve), np.trapezoid(curve, dx=1 / (curve.shape[1] - 1)), rtol=0, atol=1e-12)
    steps = [all(a >= b for a, b in itertools.pairwise(row)) for row in curve]
    assert [share == 1 for share in monotonicity(curve)] == steps


def test_eraser_averages_over_its_thresholds() -> None:
    """Ten words: 1, 5 and 10 % are one word, 20 % two, half of them five."""
    curve = np.array([0.9, 0.4, 0.3, 0.3, 0.3, 0.1, 0, 0, 0, 0, 0.05])
    assert counts(10) == [1, 1, 1, 2, 5]
    assert aopc("comprehensiveness", curve) == pytest.approx(np.mean([0.5, 0.5, 0.5, 0.6, 0.8]))
    assert aopc("comprehensiveness", curve, (1, 2, 5)) == pytest.approx(np.mean([0.5, 0.6, 0.8]))
    assert aopc("comprehensiveness", curve, (2,), "ratio") == pytest.approx(2 / 3)
    assert aopc("sufficiency", curve[::-1], (1, 10)) == pytest.approx(np.mean([0.9 - 0, 0.0]))
    assert counts(3) == [1, 1, 1, 1, 2]
    assert counts(100) == [1, 5, 10, 20, 50]
    assert counts(7, (1.0,)) == [7]


GAMES = (st.integers(1, 11), st.integers(0, 1000))


@settings(max_examples=40, deadline=None)
@given(*GAMES)
def test_eraser_finds_the_same_aopc(n: int, seed: int) -> None:
    """Its baselines take the ceiling of each threshold, and its metric averages p(x) - p(changed) over thresholds."""
    game, scores = nonlinear(n, seed), np.random.default_rng(seed + 1).normal(size=(1, n))
    found = played(game, scores).metrics()
    sums = {"comprehensiveness": 0.0, "sufficiency": 0.0}
    for threshold in (0.01, 0.05, 0.1, 0.2, 0.5):
        top = scores[0] >= np.sort(scores[0])[-math.ceil(n * threshold)]
        for name, kept in (("comprehensiveness", ~top), ("sufficiency", top)):
            sums[name] += float(game(np.ones((1, n), dtype=bool))[0] - game(kept[None])[0])
    for name, total in sums.items():
        assert found[name]["explanations"][0] == pytest.approx(total / 5, abs=1e-12), name


def test_fractions_are_rounded_as_eraser_does() -> None:
    """For all lengths up to 1000 words, in spite of products such as 0.07 * 100, a little above 7."""
    assert all(counts(n) == [math.ceil(n * fraction) for fraction in FRACTIONS] for n in range(1, 1001))
    assert counts(100, (0.07,)) == [7] != [math.ceil(100 * 0.07)]


@settings(max_examples=60, deadline=None)
@given(*GAMES)
def test_ferret_finds_the_same_aopc_at_its_k(n: int, seed: int) -> None:
    """It rounds down, takes positive scores only, and leaves out a set that it has just counted."""
    game, scores = nonlinear(n, seed), np.random.default_rng(seed + 1).normal(size=n)
    whole = game(np.ones((1, n), dtype=bool))[0]
    lost: dict[str, list[float]] = {"comprehensiveness": [], "sufficiency": []}
    before: set[int] = set()
    for threshold in np.arange(0.1, 1.1, 0.1):
        size = int(threshold * n)
        top = {i for i in np.argsort(-scores)[:size].tolist() if scores[i] > 0}
        if not top or top == before:
            continue
        before = top
        inside = np.isin(np.arange(n), list(top))
        lost["comprehensiveness"].append(whole - game(~inside[None])[0])
        lost["sufficiency"].append(whole - game(inside[None])[0])
    positive = int((scores > 0).sum())
    at = sorted({min(int(t * n), positive) for t in np.arange(0.1, 1.1, 0.1)} - {0})
    assert len(at) == len(lost["sufficiency"])
    if at:
        found = played(game, scores[None]).metrics(at)
        for name, theirs in lost.items():
            assert found[name]["explanations"][0] == pytest.approx(np.mean(theirs), abs=1e-12), name


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 11), st.integers(0, 1000))
def test_ferret_finds_the_same_tau(n: int, seed: int) -> None:
    game, scores = nonlinear(n, seed), np.random.default_rng(seed + 1).integers(-3, 4, n).astype(float)
    whole = np.ones(n, dtype=bool)
    drops = [game(whole[None])[0] - game((whole & (np.arange(n) != i))[None])[0] for i in range(n)]
    theirs = scipy.stats.kendalltau(drops, scores).statistic
    assert played(game, scores[None]).leave_one_out[0] == pytest.approx(theirs, abs=1e-9, nan_ok=True)


def test_areas_by_hand() -> None:
    deletion, insertion = np.array([1, 0.5, 0.25, 0]), np.array([0, 0.75, 0.75, 1])
    assert area(deletion) == pytest.approx((0.75 + 0.375 + 0.125) / 3)
    assert area(insertion) == pytest.approx((0.375 + 0.75 + 0.875) / 3)
    # 4 for the first player, 2 for the second, and 3 more for both
    erased = played(lambda kept: kept @ [4.0, 2.0] + 3 * kept.all(axis=1), np.array([[5.0, 1.0]]))
    assert erased.deletion.tolist() == [[9, 2, 0]]
    assert erased.insertion.tolist() == [[0, 4, 9]]
    found = erased.metrics(at=(1, 2))
    assert found["deletion"]["explanations"][0] == (5.5 + 1) / 2 == found["deletion"]["reversed"][0] - 1
    assert found["insertion"]["explanations"][0] == (2 + 6.5) / 2 == found["insertion"]["reversed"][0] + 1
    assert found["comprehensiveness"]["explanations"][0] == (7 + 9) / 2
    assert found["sufficiency"]["explanations"][0] == (5 + 0) / 2


@pytest.mark.parametrize(
    ("scores", "tau"),
    [([3, 1, 2], 1), ([1, 2, 3], -1 / 3), ([1, 1, 0], 0), ([2, 1, 1], 2 / 6**0.5), ([1, 1, 1], np.nan)],
)
def test_tau_with_leave_one_out_by_hand(scores: list[float], tau: float) -> None:
    """Drops of 0.4, 0.1 and 0.2: the first pair of units, the second and the third have an order each."""
    erased = played(additive(np.array([0.4, 0.1, 0.2])), np.array([scores], dtype=float))
    assert erased.leave_one_out[0] == pytest.approx(tau, nan_ok=True)


def test_infidelity_by_hand() -> None:
    """Of two units the second goes, the first, both. Foretold 1, 2, 3; lost 1, 3, 2; the best factor is 13/14."""
    kept = np.array([[True, False], [False, True], [False, False]])
    scores, drops = np.array([2.0, 1.0]), np.array([1.0, 3.0, 2.0])
    assert infidelity(scores, kept, drops, normalised=False) == pytest.approx((0 + 1 + 1) / 3)
    assert infidelity(scores, kept, drops) == pytest.approx((1 + 16**2 + 11**2) / 14**2 / 3)


@given(st.lists(st.floats(-1, 1).filter(lambda w: abs(w) > 0.01), min_size=1, max_size=8), st.integers(0, 100))
def test_monotonicity_of_an_additive_game_is_the_same_for_all_orders(weights: list[float], seed: int) -> None:
    """So it does not tell a right order from a wrong one; nor does it where the output rises with the sum."""
    n, w = len(weights), np.array(weights)
    ranking = np.random.default_rng(seed).random((20, n)).argsort(axis=1)
    ranking[0], ranking[1] = np.argsort(-w), np.argsort(w)  # the best and the worst
    left = ranking.argsort(axis=1)[:, None] >= np.arange(n + 1)[:, None]  # (20, n + 1, n): all but the first k
    sums = additive(w)(left)
    for deletion in (sums, 1 / (1 + np.exp(-sums))):
        assert np.allclose(monotonicity(deletion), (w >= 0).mean(), rtol=0, atol=1e-12)


def test_monotonicity_sees_no_fall_in_rounding() -> None:
    """Words that do nothing, in float32; and three tenths, which are not one and two tenths."""
    assert 0.1 + 0.2 > 0.3
    assert monotonicity(np.array([1, 0.3, 0.1 + 0.2, 0])) == 1
    assert monotonicity(np.array([1, 0.3, 0.3001, 0])) == pytest.approx(2 / 3)
    rng = np.random.default_rng(0)
    weights = np.where(np.arange(12) < 3, 1.0, 0.0)
    kept = rng.random((500, 12)).argsort(axis=1).argsort(axis=1)[:, None] >= np.arange(13)[:, None]
    values = additive(weights)(kept) * (1 + np.finfo(np.float32).eps * rng.normal(size=kept.shape[:2]))
    assert (monotonicity(values) == 1).all()
    assert (monotonicity(1e9 * values) == 1).all()  # the range counts, not the unit
    assert monotonicity(1e-9 * np.array([1, 0.3, 0.4, 0])) == pytest.approx(2 / 3)


def test_monotonicity_counts_steps() -> None:
    assert monotonicity(np.array([3.0, 2, 1, 0])) == 1
    assert monotonicity(np.array([3.0, 3, 1, 2])) == pytest.approx(2 / 3)
    assert monotonicity(np.array([0.0, 1, 2])) == 0


@given(st.integers(1, 8), st.integers(0, 100))
def test_orders_are_those_of_scores_and_ties_are_drawn(n: int, seed: int) -> None:
    scores = np.random.default_rng(seed).integers(-2, 3, (3, n))
    for by in ("signed", "size"):
        found = orders(scores, by, seed)
        values = np.take_along_axis(np.abs(scores) if by == "size" else scores, found, axis=1)
        assert (np.diff(values) <= 0).all()
        assert (np.sort(found, axis=1) == np.arange(n)).all()
        assert np.array_equal(found, orders(7 * scores, by, seed))
    firsts = [orders(np.zeros((1, 4)), "signed", draw)[0, 0] for draw in range(100)]
    assert set(firsts) == {0, 1, 2, 3}


@pytest.mark.parametrize("normalised", [True, False])
def test_captum_finds_the_same_infidelity(normalised: bool) -> None:
    model = tiny.model("bert", "classifier")
    game = text_game(model, tiny.TEXT, 1)
    kept = random_coalitions(game.n, 50)
    drops = game.whole - game(kept)
    scores = np.random.default_rng(0).normal(size=(4, game.n))
    ours = infidelity(scores, kept, drops, normalised=normalised)

    def perturb(inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        gone = torch.from_numpy(~kept).double()
        return gone, inputs - gone

    def forward(mask: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(game(mask.numpy() > 0.5))

    for row, mine in zip(scores, ours, strict=True):
        theirs = captum.metrics.infidelity(
            forward,
            perturb,
            torch.ones(1, game.n, dtype=torch.float64),
            torch.from_numpy(row)[None],
            n_perturb_samples=50,
            max_examples_per_batch=50,
            normalize=normalised,
        )
        assert mine == pytest.approx(theirs.item(), rel=1e-9)


@given(st.integers(1, 8), st.integers(0, 1000))
def test_an_additive_game_is_foretold_by_its_weights(n: int, seed: int) -> None:
    weights = np.random.default_rng(seed).normal(size=n)
    kept = random_coalitions(n, 20, seed)
    drops = weights.sum() - kept @ weights
    assert infidelity(weights, kept, drops, normalised=False) == pytest.approx(0, abs=1e-12)
    assert infidelity(3 * weights, kept, drops) == pytest.approx(0, abs=1e-12)
    assert infidelity(-weights, kept, drops) == pytest.approx(0, abs=1e-12)  # the factor may be negative
    assert infidelity(2 * weights, kept, drops, normalised=False) == pytest.approx((drops**2).mean())
    assert infidelity(np.zeros(n), kept, drops) == pytest.approx((drops**2).mean())
    scores = np.random.default_rng(seed + 1).normal(size=n)
    assert infidelity(5 * scores, kept, drops) == pytest.approx(infidelity(scores, kept, drops), rel=1e-9, abs=1e-12)


def test_random_coalitions_have_every_size_but_the_whole() -> None:
    kept = random_coalitions(5, 5000)
    shares = np.bincount(kept.sum(axis=1), minlength=6) / 5000
    assert shares[:5] == pytest.approx([0.2] * 5, abs=0.03)
    assert shares[5] == 0
    assert kept.mean(axis=0) == pytest.approx([0.4] * 5, abs=0.03)  # no place is favoured


def test_differences_are_between_the_texts_that_both_have() -> None:
    values = np.array([[1.0, 0.5], [2.0, 1.5], [np.nan, 9.0], [3.0, 2.5]])
    mean, low, high = differences(values)
    assert mean[0, 1] == low[0, 1] == high[0, 1] == 0.5
    assert np.array_equal(mean, -mean.T)
    assert np.array_equal(low, -high.T)
    apart = np.random.default_rng(0).normal(size=(50, 1)) * 10 + [[0.0, 1.0]]  # texts differ more than methods do
    mean, low, _ = differences(apart)
    assert mean[1, 0] == pytest.approx(1) == low[1, 0]


# Best subsets


@settings(deadline=None)
@given(st.integers(1, 8), st.integers(0, 1000))
def test_all_subsets_are_asked(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = {row: rng.normal() for row in itertools.product((False, True), repeat=n)}
    asked: list[int] = []

    def game(kept: np.ndarray) -> np.ndarray:
        asked.append(len(kept))
        return np.array([table[tuple(row)] for row in kept.tolist()])

    lowest, highest = extremes(tabulated(game, n), n)
    for k in range(n + 1):
        values = [value for row, value in table.items() if sum(row) == k]
        assert (lowest[k], highest[k]) == (min(values), max(values))
    assert asked == [2**n]


@pytest.mark.parametrize("n", [11, 20])
def test_a_beam_finds_the_best_of_an_additive_game(n: int) -> None:
    weights = np.random.default_rng(n).normal(size=n)
    lowest, highest = extremes(additive(weights), n)
    assert np.allclose(highest, np.concatenate([[0], np.sort(weights)[::-1].cumsum()]), rtol=0, atol=1e-12)
    assert np.allclose(lowest, np.concatenate([[0], np.sort(weights).cumsum()]), rtol=0, atol=1e-12)


# Texts


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_curves_are_those_of_one_pass_per_text(family: str, kind: Any) -> None:
    model = tiny.model_in(torch.float64, family, kind)
    given = {"one": explanation(model, 1), "other": explanation(model, 2, ties=True)}
    with tiny.untouched(model):
        erased = erase(model, given, units="tokens", random_orders=2, seed=3)
    encoded = model.encode(tiny.text_for(model))
    filler = model.tokenizer.mask_token_id
    if filler is None:
        filler = model.tokenizer("a the", add_special_tokens=False)["input_ids"][-1]
    game = text_game(model, tiny.text_for(model), 1)
    places = [tokens[0] for _, tokens in game.players]
    ranking = orders(erased.scores, "signed", 3)
    for row, label in enumerate(erased.labels):
        assert np.array_equal(erased.scores[row], given[label].scores[places])
        for k in range(game.n + 1):
            first = [places[i] for i in ranking[row, :k]]
            rest = [places[i] for i in ranking[row, k:]]
            for gone, value in ((first, erased.deletion[row, k]), (rest, erased.insertion[row, k])):
                ids = encoded.ids.clone()
                ids[0, gone] = filler
                with torch.no_grad():
                    logits = model.model(input_ids=ids).logits[0]
                logits = logits if kind == "classifier" else logits[game.target.position]
                assert value == pytest.approx(float(logits.softmax(-1)[1]), abs=2e-6)


@settings(max_examples=18, deadline=None)
@given(
    place=st.sampled_from(tiny.KINDS),
    seed=st.integers(0, 2**16),
    by=st.sampled_from(("signed", "size")),
    units=st.sampled_from(("words", "tokens")),
    replacement=st.sampled_from(("auto", "delete", "mean")),
)
def test_laws(place: Any, seed: int, by: Any, units: Any, replacement: str) -> None:
    model = tiny.model_in(torch.float64, *place, seed=seed % 3)
    a = explanation(model, seed)
    options: dict[str, Any] = {"by": by, "units": units, "replacement": replacement, "seed": seed, "random_orders": 5}
    erased = erase(model, {"a": a, "scaled": dataclasses.replace(a, scores=3 * a.scores)}, **options)
    n = len(erased.words)
    curves = np.concatenate([erased.deletion, erased.insertion[:, ::-1], erased.random_deletion])
    for value, ends in ((erased.whole, curves[:, 0]), (erased.empty, curves[:, -1])):
        assert np.allclose(ends, value, rtol=0, atol=1e-12)
    assert erased.whole == pytest.approx(model.value(a.text, xai.Target(1, output="probability")), abs=2e-6)
    # everything removed: the drop to the empty text, whatever the explanation
    assert np.allclose(comprehensiveness(erased.deletion, n), erased.whole - erased.empty, rtol=0, atol=1e-12)
    # positive rescaling changes nothing
    assert np.array_equal(erased.deletion[0], erased.deletion[1])
    assert np.array_equal(erased.insertion[0], erased.insertion[1])
    # nothing beats the best subsets
    for curve in (erased.deletion, erased.random_deletion):
        assert (curve >= erased.best_deletion).all()
    for curve in (erased.insertion, erased.random_insertion):
        assert (curve <= erased.highest).all()
    # the reversed order's curves are read off
    if by == "signed":
        reversed_ = erase(model, dataclasses.replace(a, scores=-a.scores), **options)
        found, theirs = erased.metrics(), reversed_.metrics()
        for name in found:
            assert found[name]["reversed"][0] == pytest.approx(theirs[name]["explanations"][0], abs=1e-9), name
    drops = erased.whole - erased.without
    values = (drops, erased.scores[0]) if by == "signed" else (abs(drops), abs(erased.scores[0]))
    assert erased.leave_one_out[0] == pytest.approx(scipy.stats.kendalltau(*values).statistic, abs=1e-9)


@pytest.mark.parametrize(("n_words", "best", "n_calls"), [(5, True, 1), (14, False, 1), (14, True, 1 + 2 * 15)])
def test_the_game_is_asked_once_and_by_the_beams(n_words: int, best: bool, n_calls: int) -> None:
    model = tiny.model("bert", "classifier")
    text = " ".join((tiny.TEXT.split()[:5] * 3)[:n_words])
    a = xai.leave_one_out(model, text, 1)
    calls: list[np.ndarray] = []
    original = faithfulness.text_game

    def spied(*args: Any, **options: Any) -> Any:
        return _Spy(original(*args, **options), calls)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faithfulness, "text_game", spied)
        erased = erase(model, a, best=best)
    assert len(calls) == n_calls
    assert len(erased.words) == n_words
    if n_words == 5:
        assert len(calls[0]) == len(np.unique(calls[0], axis=0)) == 2**5
    assert all(len(kept) <= faithfulness.BEAM * n_words for kept in calls[1:])
    sizes = [set(kept.sum(axis=1).tolist()) for kept in calls[1:]]
    assert sizes == [{k} for k in range(n_words + 1)] * (2 if n_calls > 1 else 0)
    assert erased.exhaustive == (n_words == 5)
    assert np.isfinite(erased.lowest).all() == best


@pytest.mark.parametrize("output", ["logit", "probability", "log_probability"])
@pytest.mark.parametrize("versus", [None, 0])
def test_leave_one_out_agrees_with_itself_in_one_output(output: Any, versus: int | None) -> None:
    model = tiny.model_in(torch.float64, "bert", "classifier")
    target = xai.Target(1, versus, output=output)
    a = xai.leave_one_out(model, tiny.TEXT, target)
    assert erase(model, a, units="tokens", output=output, best=False).leave_one_out[0] == pytest.approx(1)
    if output == "logit":
        assert erase(model, a, units="tokens", best=False).leave_one_out[0] < 0.99


class _Spy:
    """A game that notes what it is asked."""

    def __init__(self, game: Any, calls: list[np.ndarray]) -> None:
        self.game, self.calls = game, calls

    def __call__(self, kept: np.ndarray) -> np.ndarray:
        self.calls.append(kept)
        return self.game(kept)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.game, name)


def test_a_review_falls_with_its_deciding_word() -> None:
    """course-distilbert needs "entrancing"; an order that keeps it to the last is worse than chance."""
    model = xai.load("course-distilbert")
    text = "Despite a sub-par script, the musical was absolutely entrancing."
    good = xai.leave_one_out(model, text, "positive", units="words")
    bad = dataclasses.replace(good, scores=-good.scores)
    erased = erase(model, {"good": good, "bad": bad})
    found = erased.metrics(at=range(1, len(erased.words) + 1))
    chance = found["comprehensiveness"]["random"].mean()
    one, other = found["comprehensiveness"]["explanations"]
    assert one > chance + 0.1 > chance > other + 0.1
    assert found["comprehensiveness"]["best"] >= one
    assert erased.leave_one_out[0] == pytest.approx(1, abs=0.2)  # of probabilities here, of logits there
    assert erased.leave_one_out[1] == pytest.approx(-erased.leave_one_out[0])


def test_what_is_shown() -> None:
    model = xai.load("course-distilbert")
    a = xai.saliency(model, "A dull and slow film.", "negative")
    erased = erase(model, {"saliency": a, "[reversed]": dataclasses.replace(a, scores=-a.scores)})
    lines = str(erased.table())
    for name in ("saliency", "saliency, reversed", "random orders", "best subsets", "comprehensiveness", "insertion"):
        assert name in lines
    assert lines in repr(erased)
    assert "<table" in erased._repr_html_()
    figure = erased.plot()
    assert "saliency" in figure.alt
    bare = erase(model, a, random_orders=0, best=False)
    assert "random" not in str(bare.table())
    assert "best" not in str(bare.table())
    assert "saliency" in bare.plot().alt
    assert erased.target == xai.Target("negative", output="probability")


def test_bad_input() -> None:
    model = tiny.model("bert", "classifier")
    a = xai.leave_one_out(model, tiny.TEXT, 1)
    other = xai.leave_one_out(model, "The cat sat.", 1)
    for explanations, options, message in (
        ({}, {}, "no explanation"),
        ({"a": a.scores}, {}, "not an Attribution"),
        ({"a": a, "b": other}, {}, "2 texts"),
        ({"a": a, "b": xai.leave_one_out(model, tiny.TEXT, 2)}, {}, "different targets"),
        (dataclasses.replace(a, units=a.units[1:], scores=a.scores[1:], position=None), {}, "other units"),
        (a, {"by": "value"}, "by="),
        (a, {"random_orders": -1}, "random_orders"),
        (a, {"output": "odds"}, "output="),
        (a, {"replacement": ""}, "replacement="),
    ):
        with pytest.raises(errors.XaiError, match=message):
            erase(model, explanations, **options)
    curve = np.array([0.0, 0.2, 0.1])
    for call, message in (
        (lambda: comprehensiveness(curve, 3), "k=3"),
        (lambda: comprehensiveness(curve, True), "k="),
        (lambda: comprehensiveness(curve, 1, "ratio"), "ratio"),
        (lambda: sufficiency(curve, 1, "share"), "convention"),
        (lambda: aopc("area", curve), "metric="),
        (lambda: aopc("sufficiency", curve, ()), "at="),
        (lambda: counts(5, (0.0,)), "fraction"),
        (lambda: counts(5, (0.5, 2.0)), "fraction=2: give a share of the units, at most 1"),
        (lambda: counts(0), "n=0"),
        (lambda: orders(np.ones(3)), r"scores has shape \(3,\): give a row for each explanation"),
        (lambda: orders(np.ones((1, 3)), "value"), "by='value'"),
        (lambda: orders(np.ones((1, 3)), seed=-1), "seed=-1"),
        (lambda: random_coalitions(0, 5), "n=0: give a whole number of at least 1"),
        (lambda: differences(np.ones(3)), r"values has shape \(3,\): give a row for each text"),
        (lambda: differences(np.ones((0, 3))), r"values has shape \(0, 3\)"),
    ):
        with pytest.raises(errors.OptionError, match=message):
            call()
    with pytest.raises(errors.NonFiniteError, match="scores holds NaN"):
        orders(np.array([[1.0, np.nan]]))


CURVE_FUNCTIONS = {
    "deletion": (lambda c: comprehensiveness(c, 0), monotonicity),
    "insertion": (lambda c: sufficiency(c, 0),),
    "curve": (area, lambda c: aopc("comprehensiveness", c), lambda c: aopc("sufficiency", c)),
}


@pytest.mark.parametrize("name", CURVE_FUNCTIONS)
def test_curves_of_any_other_shape_are_refused(name: str) -> None:
    for function in CURVE_FUNCTIONS[name]:
        assert np.shape(function([[1, 0.5], [1, 0]])) == (2,)  # lists will do
        for shape in ((), (1,), (3, 1), (3, 0)):
            with pytest.raises(errors.OptionError, match=rf"{name} has shape .*: give the n \+ 1 values"):
                function(np.ones(shape))
        for value in (np.nan, np.inf):
            with pytest.raises(errors.NonFiniteError, match=f"{name} holds NaN or infinite"):
                function(np.array([1.0, value, 0.0]))


def test_infidelity_of_what_does_not_fit_is_refused() -> None:
    kept, scores, drops = random_coalitions(3, 5), np.ones(3), np.ones(5)
    assert np.shape(infidelity([scores, scores], kept.tolist(), drops.tolist())) == (2,)
    for changed, message in (
        ((scores, kept.astype(int), drops), "kept has type int64 .*: give bools"),  # ~1 is -2
        ((scores, kept[0], drops), r"kept has type bool and shape \(3,\)"),
        ((scores, kept[:0], drops[:0]), r"shape \(0, 3\)"),
        ((np.ones(4), kept, drops), r"scores has shape \(4,\): give one for each of the 3 units"),
        ((np.float64(1), kept, drops), r"scores has shape \(\)"),
        ((scores, kept, drops[:1]), r"drops has shape \(1,\): give one for each of the 5 rows"),
        ((scores, kept, drops[:, None]), r"drops has shape \(5, 1\)"),
    ):
        with pytest.raises(errors.OptionError, match=message):
            infidelity(*changed)
    for changed, name in (((scores * np.nan, kept, drops), "scores"), ((scores, kept, drops * np.inf), "drops")):
        with pytest.raises(errors.NonFiniteError, match=f"{name} holds NaN"):
            infidelity(*changed)

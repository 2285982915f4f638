"""LIME and Shapley values: the four laws, brute force over all orders, the numbers of the lime and shap packages."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import lime.lime_base
import numpy as np
import pytest
import shap
import sklearn.metrics
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import xai_helpers as xai
from xai_helpers import errors, laws, surrogates
from xai_helpers.architectures import blocks_of, hooked
from xai_helpers.perturbation import text_game
from xai_helpers.surrogates import (
    Game,
    fit_lime,
    interaction_index,
    kernel_shap,
    lime_neighbours,
    over_seeds,
    owen_values,
    permutation_shapley,
    shapley_interactions,
    shapley_values,
)

METHODS = (xai.lime, xai.shapley)
FOUR = ["gpt2", "llama", "bert", "distilbert"]
SEEDS = st.integers(0, 2**16)


def of_table(table: np.ndarray) -> Game:
    """The game whose values stand in a table (2^n), by the coalition's binary digits."""
    return lambda kept: table[np.asarray(kept).astype(int) @ (1 << np.arange(kept.shape[1]))]


def random_table(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=2**n)


def by_orders(game: Game, n: int, allowed: Callable[[tuple[int, ...]], bool] = lambda order: True) -> np.ndarray:
    """Each player's gain when it comes in, averaged over the allowed orders of all n! ones."""
    gains = []
    for order in filter(allowed, itertools.permutations(range(n))):
        kept = np.zeros((n + 1, n), dtype=bool)
        for step, player in enumerate(order, 1):
            kept[step:, player] = True
        values, gain = game(kept), np.empty(n)
        gain[list(order)] = np.diff(values)
        gains.append(gain)
    return np.mean(gains, axis=0)


# --- the Shapley value ----------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 6), seed=SEEDS)
def test_the_exact_value_is_the_mean_over_all_orders(n: int, seed: int) -> None:
    game = of_table(random_table(n, seed))
    expected = by_orders(game, n)
    assert np.allclose(shapley_values(game, n), expected, rtol=0, atol=1e-13)
    assert np.allclose(owen_values(game, list(range(n))), expected, rtol=0, atol=1e-13)  # one group of single players
    samples = max(4 * n, 2**n)
    assert np.allclose(kernel_shap(game, n, samples, seed)[0], expected, rtol=0, atol=1e-12)  # all coalitions asked


@settings(max_examples=60, deadline=None)
@given(n=st.integers(2, 9), seed=SEEDS, data=st.data())
def test_the_four_laws(n: int, seed: int, data: Any) -> None:
    """Efficiency, symmetry, dummy, linearity; the estimators keep efficiency, and linearity where seeds are equal."""
    i, j = data.draw(st.permutations(range(n)))[:2]
    index = np.arange(2**n)
    table, other = random_table(n, seed), random_table(n, seed + 1)
    swapped = index & ~(1 << i) & ~(1 << j) | (index >> i & 1) << j | (index >> j & 1) << i
    alike = (table + table[swapped]) / 2  # i and j can be exchanged
    idle = table[index & ~(1 << i)]  # i changes nothing
    samples = 16 * n
    for estimate in (
        shapley_values,
        lambda game, n: permutation_shapley(game, n, samples, seed)[0],
        lambda game, n: kernel_shap(game, n, samples, seed)[0],
    ):
        scores = estimate(of_table(table), n)
        assert laws.completeness(table[-1] - table[0], scores) < 1e-12
        both = estimate(of_table(2 * table - 3 * other), n)
        assert np.allclose(both, 2 * scores - 3 * estimate(of_table(other), n), rtol=0, atol=1e-11)
    scores = shapley_values(of_table(alike), n)
    assert scores[i] == pytest.approx(scores[j], abs=1e-13)
    assert shapley_values(of_table(idle), n)[i] == 0
    assert permutation_shapley(of_table(idle), n, samples, seed)[0][i] == 0


@pytest.mark.parametrize("estimate", [permutation_shapley, kernel_shap])
def test_the_standard_errors_are_right(estimate: Any) -> None:
    """Over 200 seeds the estimates spread about the exact value as their errors say, and are not off to one side."""
    n = 7
    game = of_table(random_table(n, 0))
    exact = shapley_values(game, n)
    off = np.array([[(e - exact) / error for e, error in [estimate(game, n, 110, seed)]] for seed in range(200)])
    # n pairs give a t rather than a normal distribution: a spread a little above 1
    assert 0.85 < np.sqrt((off**2).mean()) < 1.5
    assert np.abs(off.mean(axis=0)).max() < 0.45


def test_more_samples_are_nearer() -> None:
    n = 12
    game = of_table(random_table(n, 1))
    exact = shapley_values(game, n)
    for estimate in (permutation_shapley, kernel_shap):
        far, near = (
            np.mean([np.abs(estimate(game, n, samples, seed)[0] - exact).mean() for seed in range(20)])
            for samples in (100, 1600)
        )
        assert 2.5 < far / near < 6  # sixteen times the samples, a quarter of the error


def test_a_game_by_hand() -> None:
    """A glove game: player 0 has a left glove, 1 and 2 have right ones; a pair is worth 1. Shares 2/3, 1/6, 1/6."""
    game = lambda kept: (kept[:, 0] & (kept[:, 1] | kept[:, 2])).astype(float)  # noqa: E731
    assert np.allclose(shapley_values(game, 3), [2 / 3, 1 / 6, 1 / 6], atol=1e-15)
    # 0 and 1 as one union: of the orders 012, 102, 201, 210 player 0 completes the pair in three, 1 in one
    assert np.allclose(owen_values(game, [[0, 1], 2]), [3 / 4, 1 / 4, 0], atol=1e-15)
    index = interaction_index(game, 3)
    # 0 with 1: 1 where 2 is not there, 0 where it is; 1 with 2: -1 where 0 is there, 0 where it is not
    assert np.allclose(index, [[0, 0.5, 0.5], [0.5, 0, -0.5], [0.5, -0.5, 0]], atol=1e-15)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_owen_is_the_mean_over_orders_that_keep_groups_together(seed: int) -> None:
    game = of_table(random_table(6, seed))

    def together(order: tuple[int, ...]) -> bool:
        places = [sorted(order.index(p) for p in group) for group in ([0, 3], [1, 4, 5], [4, 5])]
        return all(group[-1] - group[0] == len(group) - 1 for group in places)

    assert np.allclose(owen_values(game, [[0, 3], [1, [4, 5]], 2]), by_orders(game, 6, together), rtol=0, atol=1e-13)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(2, 6), seed=SEEDS)
def test_the_interaction_is_the_value_of_the_pair_less_those_of_its_members(n: int, seed: int) -> None:
    """Its definition: of the game in which i and j are one player, minus j without i, minus i without j."""
    table = random_table(n, seed)
    matrix = interaction_index(of_table(table), n)
    assert np.array_equal(matrix, matrix.T) and (np.diag(matrix) == 0).all()
    for i, j in itertools.combinations(range(n), 2):
        rest = [k for k in range(n) if k not in (i, j)]

        def reduced(members: list[int], n: int = n, rest: list[int] = rest) -> float:
            """The last player's value in the game of `rest` and one more, who stands for `members`."""

            def game(kept: np.ndarray) -> np.ndarray:
                full = np.zeros((len(kept), n), dtype=bool)
                full[:, rest], full[:, members] = kept[:, :-1], kept[:, -1:]
                return of_table(table)(full)

            return float(shapley_values(game, len(rest) + 1)[-1])

        assert matrix[i, j] == pytest.approx(reduced([i, j]) - reduced([i]) - reduced([j]), abs=1e-12)


def test_games_without_interaction_have_none() -> None:
    worth = np.random.default_rng(0).normal(size=5)
    game = lambda kept: 3 + kept @ worth  # noqa: E731
    assert np.abs(interaction_index(game, 5)).max() < 1e-14
    assert np.allclose(shapley_values(game, 5), worth, atol=1e-14)
    estimate, errors_ = permutation_shapley(game, 5, 50, 0)
    assert np.allclose(estimate, worth, atol=1e-14) and errors_.max() < 1e-14


# --- shap's numbers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FOUR)
def test_shap_agrees(family: str) -> None:
    """The same masking: shap plays our game, in which 1 keeps a word and 0 takes it away."""
    kind = "causal-lm" if family in tiny.DECODERS else "classifier"
    model = tiny.model_in(torch.float64, family, kind)  # type: ignore[arg-type]
    text = "The cat sat on the mat"
    game = text_game(model, text, 1, units="words")
    n, played = game.n, lambda x: game(x.astype(bool))
    nothing, everything = np.zeros((1, n)), np.ones((1, n))
    ours = xai.shapley(model, text, 1)
    content = list(ours.content)
    exact = shap.explainers.Exact(played, nothing)(everything)
    assert np.allclose(ours.scores[content], exact.values[0], rtol=0, atol=1e-6)
    assert ours.absorbed["baseline"] == pytest.approx(float(exact.base_values[0]), abs=1e-6)
    kernel = shap.KernelExplainer(played, nothing).shap_values(everything, nsamples=2**n, silent=True)
    assert np.allclose(xai.shapley(model, text, 1, estimator="kernel").scores[content], kernel[0], rtol=0, atol=1e-6)
    joins = np.array([[0, 1, 1, 2], [2, 3, 1, 2], [6, 7, 2, 4], [4, 5, 1, 2], [8, 9, 3, 6]], dtype=float)
    partition = shap.explainers.Partition(played, shap.maskers.Partition(nothing, clustering=joins))(everything)
    assert np.allclose(owen_values(game, [[[0, 1], [2, 3]], [4, 5]]), partition.values[0], rtol=0, atol=1e-6)
    orders = shap.explainers.Permutation(played, nothing, seed=0)(everything, max_evals=4000)
    estimate, deviation = permutation_shapley(game, n, 4000, 0)
    assert (np.abs(estimate - orders.values[0]) < 6 * deviation + 1e-6).all()  # both are estimates


# --- LIME -----------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 12), seed=SEEDS, samples=st.integers(2, 300), width=st.sampled_from((5.0, 25.0, 80.0)))
def test_the_lime_package_agrees(n: int, seed: int, samples: int, width: float) -> None:
    kept = lime_neighbours(n, samples, seed)
    values = of_table(random_table(n, seed))(kept)
    data = kept.astype(float)
    distances = sklearn.metrics.pairwise_distances(data, data[:1], metric="cosine").ravel() * 100
    base = lime.lime_base.LimeBase(lambda d: np.sqrt(np.exp(-(d**2) / width**2)))
    intercept, found, r2, _ = base.explain_instance_with_data(
        data, values[:, None], distances, 0, n, feature_selection="none"
    )
    fit = fit_lime(kept, values, width=width)
    assert np.allclose(fit.coefficients, [weight for _, weight in sorted(found)], rtol=0, atol=1e-9)
    assert fit.intercept == pytest.approx(intercept, abs=1e-9)
    assert fit.r2 == pytest.approx(r2, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 10), seed=SEEDS)
def test_lime_finds_a_linear_game(n: int, seed: int) -> None:
    worth = np.random.default_rng(seed).normal(size=n)
    kept = lime_neighbours(n, 20 * n + 20, seed)
    fit = fit_lime(kept, 2 + kept @ worth, ridge=0.0)
    assert np.allclose(fit.coefficients, worth, atol=1e-8) and fit.intercept == pytest.approx(2, abs=1e-8)
    assert fit.r2 == pytest.approx(1, abs=1e-12)
    shrunk = fit_lime(kept, 2 + kept @ worth, ridge=1e9)
    assert np.abs(shrunk.coefficients).max() < 1e-5


def test_the_neighbours_are_spread_as_lime_says() -> None:
    """The whole first; then as many texts without one word as without two, ..., and each word gone as often."""
    kept = lime_neighbours(6, 12_001, 0)
    assert kept[0].all()
    gone = (~kept[1:]).sum(axis=1)
    assert np.abs(np.bincount(gone, minlength=7)[1:] / 12_000 - 1 / 6).max() < 0.02
    assert np.abs((~kept[1:]).mean(axis=0) - 3.5 / 6).max() < 0.02
    assert np.array_equal(kept, lime_neighbours(6, 12_001, 0)) and not np.array_equal(
        kept, lime_neighbours(6, 12_001, 1)
    )


# --- texts ----------------------------------------------------------------------------------------------------------


def test_options_reach_what_they_are_for() -> None:
    model = tiny.model_in(torch.float64, "bert", "classifier")
    text = "The cat sat on the mat because it was very tired"
    game = text_game(model, text, 1, "sat", "tokens")
    kept = lime_neighbours(game.n, 80, 5)
    a = xai.lime(model, text, 1, samples=80, seed=5, width=60.0, ridge=3.0, replacement="sat", units="tokens")
    assert np.allclose(a.scores[list(a.content)], fit_lime(kept, game(kept), width=60.0, ridge=3.0).coefficients)
    for estimator, estimate in (("permutation", permutation_shapley), ("kernel", kernel_shap)):
        a = xai.shapley(model, text, 1, estimator=estimator, samples=90, seed=5, replacement="sat", units="tokens")
        expected, deviation = estimate(game, game.n, 90, 5)
        assert np.allclose(a.scores[list(a.content)], expected, atol=1e-12)
        assert np.allclose(np.array(a.details["standard_errors"])[list(a.content)], deviation, atol=1e-12)
    for options in ({"replacement": "sat"}, {"units": "tokens"}, {"replacement": "corpus", "draws": 2, "seed": 3}):
        short = "A naïve mat sat"
        game = text_game(model, short, 1, **({"units": "words"} | options))
        found = shapley_interactions(model, short, 1, batch_size=3, **options)
        assert found.words == game.words
        assert np.allclose(found.matrix, interaction_index(game, game.n), atol=1e-11)


@pytest.mark.parametrize(
    ("options", "passes"),
    [({}, 2), ({"estimator": "permutation", "samples": 40}, 2), ({"estimator": "kernel", "samples": 30}, 3)],
)
def test_no_coalition_is_asked_twice(options: dict[str, Any], passes: int) -> None:
    model = tiny.model("bert", "classifier")
    seen: list[int] = []
    with hooked(blocks_of(model.model)[0], lambda module, args: seen.append(len(args[0])), before=True):
        xai.shapley(model, "The cat sat on the", 1, **options)
    assert len(seen) == passes and sum(seen) <= 2**5


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_scores_and_baseline_add_up_to_the_value(family: str, kind: Any) -> None:
    model = tiny.model_in(torch.float64, family, kind)
    text = tiny.text_for(model)
    for options in ({}, {"estimator": "permutation"}, {"estimator": "kernel", "samples": 60}):
        a = xai.shapley(model, text, xai.Target(1, versus=0), **options)
        assert a.gap == pytest.approx(0, abs=1e-11)
        assert a.total == pytest.approx(model.value(text, xai.Target(1, versus=0)), abs=1e-6)
    a = xai.lime(model, text, xai.Target(1, output="probability"), samples=80)
    assert 0 < a.details["r2"] < 1 and set(a.absorbed) == {"intercept"}


@pytest.mark.parametrize("family", FOUR)
def test_estimates_are_near_the_exact_value(family: str) -> None:
    model = tiny.model(family, "classifier")
    exact = xai.shapley(model, tiny.TEXT, 1)
    for estimator in ("permutation", "kernel"):
        a = xai.shapley(model, tiny.TEXT, 1, estimator=estimator, samples=1500, seed=3)
        errors_ = np.array(a.details["standard_errors"])
        assert (np.abs(a.scores - exact.scores) <= 5 * errors_ + 1e-6).all()
        stands_in = np.isclose(exact.scores, 0, atol=1e-6)  # "the" stands in for "the": nothing changes
        assert (errors_[~stands_in] > 0).all() and stands_in.sum() <= 3


def test_auto_is_exact_as_long_as_it_can_be() -> None:
    model = tiny.model("bert", "classifier")
    for words, estimator in ((14, "exact"), (15, "permutation")):
        a = xai.shapley(model, " ".join(["cat"] * words), 1, samples=120, units="words")
        assert a.options["estimator"] == estimator
        assert a.gap == pytest.approx(0, abs=1e-4)
    with pytest.raises(errors.OptionError, match="15 units have 2\\^15 coalitions"):
        xai.shapley(model, " ".join(["cat"] * 15), 1, estimator="exact")


def test_phrases_come_in_together() -> None:
    model = tiny.model_in(torch.float64, "distilbert", "classifier")
    text = "The cat sat on the mat"
    game = text_game(model, text, 1, units="words")
    a = xai.shapley(model, text, 1, phrases=["cat sat", "the mat"])
    assert np.allclose(a.scores[list(a.content)], owen_values(game, [0, [1, 2], 3, [4, 5]]), atol=1e-12)
    assert a.gap == pytest.approx(0, abs=1e-12)
    singles = xai.shapley(model, text, 1, phrases=["cat"])
    assert np.allclose(singles.scores, xai.shapley(model, text, 1).scores, atol=1e-12)
    for phrases, match in (
        (["dog"], "must stand in the text, once"),
        (["a"], "must stand in the text, once"),
        (["at sat"], "'cat' must lie in one phrase as a whole"),
        (["cat sat", "sat on"], "'sat' must lie in one phrase"),
    ):
        with pytest.raises(errors.OptionError, match=match):
            xai.shapley(model, text, 1, phrases=phrases)
    with pytest.raises(errors.OptionError, match="phrases are exact only"):
        xai.shapley(model, text, 1, phrases=["cat sat"], estimator="kernel")
    with pytest.raises(errors.OptionError, match="21 phrases and single units have 2097152 coalitions"):
        xai.shapley(model, "the cat and the dog " * 4 + "sat", 1, phrases=["sat"])
    with pytest.raises(errors.OptionError, match="' ' holds nothing"):
        xai.shapley(model, "cat sat", 1, phrases=[" "])
    assert np.array_equal(
        xai.shapley(model, text, 1, phrases="cat sat").scores, xai.shapley(model, text, 1, phrases=["cat sat"]).scores
    )


def test_a_long_text_in_phrases_is_exact() -> None:
    """Twenty words in five phrases: 2^4 contexts of a phrase and 2^3 within it, instead of 2^20."""
    model = tiny.model_in(torch.float64, "bert", "classifier")
    phrases = [f"the {noun} was tired" for noun in ("cat", "mat", "plot", "time", "city")]
    a = xai.shapley(model, " ".join(phrases), 1, phrases=phrases)
    assert len(a.content) == 20 and a.gap == pytest.approx(0, abs=1e-11)


def test_interactions_of_a_text() -> None:
    model = tiny.model_in(torch.float64, "distilbert", "classifier")
    text = "The cat sat"
    found = shapley_interactions(model, text, 1)
    game = text_game(model, text, 1, units="words")
    assert found.words == ("The", "cat", "sat")
    table = game(surrogates.coalitions(3))
    cat_sat = (table[6] - table[4] - table[2] + table[0] + table[7] - table[5] - table[3] + table[1]) / 2
    assert found.between("cat", "sat") == found.between("sat", "cat") == pytest.approx(cat_sat, abs=1e-12)
    with pytest.raises(errors.OptionError, match="'dog' is 0 times among the units: The, cat, sat"):
        found.between("cat", "dog")


def test_negation_is_an_interaction() -> None:
    """Neither word of "not terrible" says by itself what both say together."""
    model = xai.load("course-distilbert")
    found = shapley_interactions(model, "The movie was not terrible.", "positive")
    pairs = {(a, b): found.between(a, b) for a, b in itertools.combinations(found.words, 2)}
    assert max(pairs, key=lambda pair: abs(pairs[pair])) == ("not", "terrible")
    assert pairs["not", "terrible"] > 1


def test_seeds_spread() -> None:
    model = tiny.model("bert", "classifier")
    few = over_seeds(model, tiny.TEXT, "lime", 1, seeds=6, samples=30)
    many = over_seeds(model, tiny.TEXT, "lime", 1, seeds=6, samples=1000)
    assert few.scores.shape == (6, len(few.words)) and few.words == many.words
    assert np.array_equal(
        few.scores[2], (a := xai.lime(model, tiny.TEXT, 1, samples=30, seed=2)).scores[list(a.content)]
    )
    assert few.deviation.mean() > 2 * many.deviation.mean()
    assert many.agreement > few.agreement
    same = surrogates.Stability(("a", "b", "c"), np.array([[1.0, 2, 3], [1, 2, 3], [2, 4, 6]]))
    assert same.agreement == 1.0 and np.allclose(same.deviation, np.std([1, 1, 2], ddof=1) * np.array([1, 2, 3]))
    with pytest.raises(errors.OptionError, match="seeds=1"):
        over_seeds(model, tiny.TEXT, "lime", seeds=1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_the_model_is_as_it_was(family: str, method: Any) -> None:
    def explain(model: xai.TextModel, text: str, target: Any) -> None:
        method(model, text, target, samples=60)

    tiny.assert_leaves_untouched(tiny.model_in(torch.float32, family, "classifier"), explain, backward=False)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        (xai.lime, {"samples": 50, "seed": 4, "width": 10.0, "ridge": 0.5}),
        (xai.lime, {"samples": 20, "replacement": "corpus", "draws": 2, "seed": 1}),
        (xai.shapley, {}),
        (xai.shapley, {"estimator": "permutation", "samples": 60, "seed": 2, "units": "tokens"}),
        (xai.shapley, {"estimator": "kernel", "samples": 60, "replacement": "delete"}),
        (xai.shapley, {"phrases": ["cat sat"]}),
    ],
)
def test_attributions_are_reproduced(method: Any, options: dict[str, Any]) -> None:
    model, text = tiny.model("distilbert", "classifier"), "The cat sat on the mat."
    a = method(model, text, **options)
    assert xai.reproduce(a, model) == a
    assert a == xai.Attribution.from_json(a.to_json())


def test_bad_options_are_named() -> None:
    model = tiny.model("bert", "classifier")
    for method, options, match in (
        (xai.lime, {"samples": 1}, "samples=1"),
        (xai.lime, {"samples": 2.5}, "samples=2.5"),
        (xai.lime, {"width": 0}, "width=0"),
        (xai.lime, {"ridge": -1}, "ridge=-1"),
        (xai.lime, {"width": math.nan}, "width=nan"),
        (xai.lime, {"width": "a"}, "width='a'"),
        (xai.lime, {"width": math.inf}, "width=inf"),
        (xai.lime, {"width": 1e-300}, "no changed text has any weight"),
        (xai.lime, {"ridge": None}, "ridge=None"),
        (xai.lime, {"seed": None}, "seed=None"),
        (xai.shapley, {"seed": -1}, "seed=-1"),
        (xai.shapley, {"estimator": "tree"}, "choose 'auto', 'exact', 'permutation', 'kernel'"),
        (xai.shapley, {"estimator": "permutation", "samples": 40}, "two orders and their reverses"),
        (xai.shapley, {"estimator": "kernel", "samples": 40}, "need at least 48"),
        (xai.shapley, {"units": "letters"}, "units='letters'"),
    ):
        with pytest.raises(errors.OptionError, match=match):
            method(model, tiny.TEXT, **options)
    with pytest.raises(errors.OptionError, match="saliency draws nothing"):
        over_seeds(model, tiny.TEXT, "saliency")
    with pytest.raises(errors.OptionError, match="an order needs two"):
        over_seeds(model, "cat", "lime", samples=10)
    with pytest.raises(errors.OptionError, match="must hold each"):
        owen_values(of_table(random_table(3, 0)), [])
    with pytest.raises(errors.OptionError, match="each of 0 to 2 once"):
        owen_values(of_table(random_table(3, 0)), [0, [1, 1]])

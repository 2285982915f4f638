"""Comparing methods on one text: laws of agreement, what is compared and what is left out, costs, views."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
import pytest
import scipy.stats
import tiny
import torch
import tqdm.auto
from hypothesis import given, settings
from hypothesis import strategies as st

import xai_helpers as xai
from xai_helpers import comparison, errors, viz
from xai_helpers.attribution import Attribution, Unit
from xai_helpers.viz import drawing, plots

CHEAP = ("raw_attention", "attention_rollout", "saliency", "input_x_gradient", "lrp")
TARGET = 2  # RoBERTa gives its token 1, the padding, a vector of zeros
SENTENCE = "The Eiffel Tower is located in the city of"


def scoring(function: Callable[[int], Any]) -> Callable[..., Attribution]:
    """A method of one's own: token i gets function(i)."""

    def own(model: xai.TextModel, text: str, target: Any = None) -> Attribution:
        units = model.encode(text).units
        scores = np.array([function(i) for i in range(len(units))], dtype=np.float64)
        return Attribution("own", text, units, scores, target, model.name)

    return own


def given_scores(*scores: float) -> Callable[..., Attribution]:
    return scoring(lambda i: scores[i])


ONE, OTHER = given_scores(4, -3, 2, 1), given_scores(1, 2, 4, 3)
FOUR = "The cat sat on"  # four tokens of the word-level models below, and four words


@pytest.fixture(scope="module")
def words() -> xai.TextModel:
    """A causal model that cuts FOUR into its words."""
    model = tiny.model("gpt2", "causal-lm")
    assert len(model.encode(FOUR).units) == 4
    return model


# --- laws -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_a_method_agrees_with_itself(family: str, kind: Any) -> None:
    model = tiny.model(family, kind)
    c = xai.compare(
        model, tiny.text_for(model), TARGET, {"one": "lrp", "other": xai.lrp, "third": ("lrp", {"epsilon": 0.0})}
    )
    assert c.methods == ("one", "other", "third") and not c.left_out
    for matrix in (c.spearman, c.kendall, c.overlap):
        assert np.allclose(matrix, 1, rtol=0, atol=1e-14)
    assert np.array_equal(c.consensus, c.ranks[:, 0])


@settings(max_examples=25)
@given(place=st.sampled_from(tiny.KINDS), by=st.sampled_from(("size", "signed")), k=st.integers(1, 30))
def test_arrays_are_those_of_the_attributions(place: Any, by: Any, k: int) -> None:
    """Recomputed from each method's own result, joined to words, with scipy's ranks and correlations."""
    model = tiny.model(*place)
    text = tiny.text_for(model)
    c = xai.compare(model, text, 2, CHEAP, by=by, k=k)
    assert c.k == min(k, len(c.units) - 1)
    for j, name in enumerate(c.methods):
        target = (2,) if xai.registry.record(name).target else ()
        alone = xai.METHODS[name](model, text, *target).to_words()
        assert alone == c.attributions[name]
        at = {(alone.units[i].start, alone.units[i].end): alone.scores[i] for i in alone.content}
        assert [at[unit.start, unit.end] for unit in c.units] == c.scores[:, j].tolist()
    values = np.abs(c.scores) if by == "size" else c.scores
    assert np.array_equal(c.ranks, scipy.stats.rankdata(-values, axis=0))
    assert np.array_equal(c.consensus, c.ranks.mean(axis=1))
    for (i, one), (j, other) in itertools.product(enumerate(values.T), repeat=2):
        assert c.spearman[i, j] == pytest.approx(scipy.stats.spearmanr(one, other).statistic, abs=1e-14)
        assert c.kendall[i, j] == pytest.approx(scipy.stats.kendalltau(one, other).statistic, abs=1e-14)
        top, theirs = (set(np.argsort(-x)[: c.k]) for x in (one, other))
        if all(len(set(x)) == len(x) for x in (one, other)):
            assert c.overlap[i, j] == pytest.approx(len(top & theirs) / c.k, abs=1e-14)


def test_a_monotone_rescaling_of_signed_scores_is_the_same_ranking() -> None:
    model = tiny.model("gpt2", "causal-lm")

    def rescaled(model: xai.TextModel, text: str, target: Any = None) -> Attribution:
        a = xai.input_x_gradient(model, text, target)
        return dataclasses.replace(a, scores=np.exp(a.scores) - 100)

    options: dict[str, Any] = {"methods": {"a": xai.input_x_gradient, "b": rescaled}, "units": "tokens"}
    signed = xai.compare(model, tiny.TEXT, 3, by="signed", **options)
    assert np.allclose([signed.spearman, signed.kendall, signed.overlap], 1, rtol=0, atol=1e-14)
    assert xai.compare(model, tiny.TEXT, 3, **options).spearman[0, 1] < 0, "sizes are another order"


def test_permuting_methods_permutes_what_is_said_of_them() -> None:
    model = tiny.model("bert", "classifier")
    c = xai.compare(model, tiny.TEXT, 1, CHEAP)
    order = [3, 0, 4, 2, 1]
    again = xai.compare(model, tiny.TEXT, 1, [CHEAP[i] for i in order])
    assert again.methods == tuple(CHEAP[i] for i in order)
    assert np.array_equal(again.scores, c.scores[:, order])
    for measure in xai.agreement.MEASURES:
        assert np.allclose(again.agreement(measure), c.agreement(measure)[np.ix_(order, order)], rtol=0, atol=1e-15)
    assert np.allclose(again.consensus, c.consensus, rtol=0, atol=1e-14)
    assert [word for word, _ in again.ranking()] == [word for word, _ in c.ranking()]


def test_by_hand(words: xai.TextModel) -> None:
    """Sizes 4 3 2 1 and 1 2 4 3: ranks 1 2 3 4 and 4 3 1 2, squared differences 9 + 1 + 4 + 4 = 18."""
    c = xai.compare(words, FOUR, methods={"one": ONE, "other": OTHER}, k=2)
    assert c.ranks.tolist() == [[1, 4], [2, 3], [3, 1], [4, 2]]
    assert c.spearman[0, 1] == pytest.approx(1 - 6 * 18 / (4 * 15), abs=1e-15)
    assert c.kendall[0, 1] == pytest.approx((1 - 5) / 6, abs=1e-15)
    assert c.overlap[0, 1] == 0 and c.k == 2
    assert c.consensus.tolist() == [2.5, 2.5, 2, 3]
    assert c.ranking() == (("sat", 2.0), ("The", 2.5), ("cat", 2.5), ("on", 3.0))
    signed = xai.compare(words, FOUR, methods={"one": ONE, "other": OTHER}, by="signed")
    assert signed.ranks[:, 0].tolist() == [1, 4, 2, 3]


# --- what is compared -----------------------------------------------------------------------------------------------


def test_the_target_is_resolved_once_and_given_to_all(gpt2: xai.TextModel) -> None:
    """Whatever the methods would take by themselves: all explain the same number."""
    seen = []

    def spying(model: xai.TextModel, text: str, target: Any = None) -> Attribution:
        seen.append(target)
        return xai.saliency(model, text, target)

    for asked in (None, "London", xai.Target("London", versus="Paris", output="probability")):
        c = xai.compare(gpt2, SENTENCE, asked, {"a": spying, "b": "lrp", "c": "attention_rollout"})
        assert seen.pop() == c.target == gpt2.resolve(asked, SENTENCE).target
        assert c.attributions["b"].target == c.attributions["a"].target == c.target
        assert c.attributions["c"].target is None
    assert c.target is not None and isinstance(c.target.token, str)


def test_methods_without_a_target_need_none() -> None:
    masked = tiny.model("bert", "masked-lm")
    c = xai.compare(masked, tiny.TEXT, methods=["attention_rollout", "raw_attention"])  # no mask, so no target
    assert c.target is None and "no target" in repr(c)
    with pytest.raises(errors.MaskError):
        xai.compare(masked, tiny.TEXT, methods=["attention_rollout", "lrp"])
    with pytest.raises(errors.UnknownTargetError):
        xai.compare(tiny.model("bert", "classifier"), tiny.TEXT, "Paris", ["attention_rollout"])


def test_a_function_that_takes_no_target_is_called_without(words: xai.TextModel) -> None:
    c = xai.compare(words, FOUR, 3, {"a": xai.attention_rollout, "b": xai.saliency})
    assert c.attributions["a"] == xai.attention_rollout(words, FOUR)
    assert c.costs["a"].forwards == 1


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_special_tokens_and_the_mask_are_not_compared(family: str, kind: Any) -> None:
    model = tiny.model(family, kind)
    text = tiny.text_for(model)
    for units in ("tokens", "words"):
        c = xai.compare(model, text, TARGET, CHEAP, units=units)  # type: ignore[arg-type]
        encoded = model.encode(text)
        tokens = Attribution("m", text, encoded.units, np.zeros(len(encoded.units)), None, "")
        whole = tokens if units == "tokens" else tokens.to_words()
        mask = model.tokenizer.mask_token if kind == "masked-lm" else None
        assert list(c.units) == [unit for unit in whole.units if not unit.special and unit.text != mask]
        assert c.scores.shape == (len(c.units), len(CHEAP))


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_what_follows_the_readout_is_not_compared(family: str) -> None:
    """Every method gives it 0, so that methods would agree for free."""
    model = tiny.model(family, "causal-lm")
    encoded = model.encode(tiny.TEXT)
    for position in (4, len(encoded.units) - 1):
        c = xai.compare(model, tiny.TEXT, xai.Target(3, position=position), ["lrp", "saliency"], units="tokens")
        assert c.units == tuple(unit for unit in encoded.units[: position + 1] if not unit.special)
    assert (c.scores != 0).all()


def test_words_and_tokens(gpt2: xai.TextModel) -> None:
    methods = {"saliency": "saliency", "words": ("leave_one_out", {"units": "words"})}
    c = xai.compare(gpt2, SENTENCE, methods=methods)
    assert "located" in c.words and c.scores.shape == (9, 2)
    more = methods | {"too": ("lime", {"units": "words", "samples": 50})}
    with pytest.raises(errors.OptionError, match=r"10 tokens: words, too doesn't; set units='tokens' .*units='words'"):
        xai.compare(gpt2, SENTENCE, methods=more, units="tokens")
    tokens = {"saliency": "saliency", "tokens": ("leave_one_out", {"units": "tokens"})}
    assert xai.compare(gpt2, SENTENCE, methods=tokens, units="tokens").scores.shape == (10, 2)


@pytest.mark.parametrize("units", ["words", "tokens"])
def test_methods_are_asked_for_the_units_that_are_compared(gpt2: xai.TextModel, units: Any) -> None:
    """Under their names and as functions; what stands in options stays, and so does another's option of that name."""

    def own(model: xai.TextModel, text: str, target: Any = None, *, units: str = "its own") -> Attribution:
        assert units == "its own"
        return xai.saliency(model, text, target)

    methods: dict[str, Any] = {"a": "lime", "b": ("shapley", {"samples": 64, "estimator": "kernel"})}
    methods |= {"c": "occlusion", "d": xai.leave_one_out, "e": own, "f": "saliency"}
    c = xai.compare(gpt2, SENTENCE, methods=methods, units=units)
    assert not c.left_out and len(c.units) == (9 if units == "words" else 10)
    for label in "abcd":
        assert c.attributions[label].options["units"] == units
    other = "tokens" if units == "words" else "words"
    alone = xai.compare(gpt2, SENTENCE, methods={"a": ("leave_one_out", {"units": other})}, units=units)
    assert alone.attributions["a"].options["units"] == other


def test_all_methods_can_be_compared_on_tokens(words: xai.TextModel) -> None:
    c = xai.compare(words, FOUR, units="tokens")
    assert {"lime", "shapley", *CHEAP} <= set(c.methods) and len(c.units) == 4


def test_the_same_number_of_other_units_is_an_error(words: xai.TextModel) -> None:
    def phrases(end: int) -> Callable[..., Attribution]:
        def own(model: xai.TextModel, text: str, target: Any = None) -> Attribution:
            units = (Unit(text[:end], 0, end), Unit(text[end + 1 :], end + 1, len(text)))
            return Attribution("phrases", text, units, np.array([1.0, 2.0]), None, model.name)

        return own

    one, other = phrases(3), phrases(7)
    assert len(xai.compare(words, FOUR, methods={"a": one, "b": one}).units) == 2, "phrases with the same phrases"
    for wrong in ({"a": one, "b": other}, {"words": ONE, "phrases": one}):
        with pytest.raises(errors.OptionError, match="the same units"):
            xai.compare(words, FOUR, methods=wrong)


def test_all_methods_is_the_default(words: xai.TextModel) -> None:
    c = xai.compare(words, FOUR)
    assert {*c.methods, *c.left_out} == set(xai.METHODS)
    assert set(CHEAP) <= set(c.methods)


# --- what is left out -----------------------------------------------------------------------------------------------


def test_constant_scores_are_named(words: xai.TextModel) -> None:
    even, signs = scoring(lambda i: 0.25), scoring(lambda i: (-1) ** i)
    rounding, nothing = scoring(lambda i: 1 + 1e-9 * i), scoring(lambda i: 0)
    methods = {"even": even, "signs": signs, "rounding": rounding, "nothing": nothing, "one": ONE, "other": OTHER}
    c = xai.compare(words, FOUR, methods=methods)
    assert c.methods == ("one", "other") and set(c.costs) == set(c.attributions) == {"one", "other"}
    assert c.left_out["even"] == "all 4 units have the same size, 0.25: there is no order to compare"
    assert set(c.left_out) == {"even", "signs", "rounding", "nothing"}
    signed = xai.compare(words, FOUR, methods=methods, by="signed")
    assert signed.methods == ("signs", "one", "other")
    assert "the same score" in signed.left_out["even"]
    for view in (repr(c), c._repr_html_()):
        assert "left out: signs: all 4 units have the same size" in view


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_scores_that_are_no_numbers_are_named(words: xai.TextModel, value: float) -> None:
    c = xai.compare(words, FOUR, methods={"one": ONE, "broken": scoring(lambda i: value)})
    assert c.methods == ("one",)
    assert c.left_out["broken"].startswith("NonFiniteError: scores holds NaN or infinite values")


def test_a_method_that_can_not_is_left_out_and_one_that_breaks_is_heard(words: xai.TextModel) -> None:
    def raising(error: Exception) -> Callable[..., Attribution]:
        def own(model: xai.TextModel, text: str, target: Any = None) -> Attribution:
            raise error

        return own

    methods: dict[str, Any] = {"one": ONE, "cannot": raising(errors.UnsupportedArchitectureError("no such layer"))}
    methods["options"] = ("lrp", {"epsilon": -1})
    c = xai.compare(words, FOUR, methods=methods)
    assert c.left_out["cannot"] == "UnsupportedArchitectureError: no such layer"
    assert c.left_out["options"].startswith("OptionError: epsilon=-1")
    with pytest.raises(ZeroDivisionError), tiny.untouched(words):
        xai.compare(words, FOUR, methods=methods | {"broken": raising(ZeroDivisionError())})
    with pytest.raises(errors.OptionError, match=r"no method can be compared: cannot: UnsupportedArch"):
        xai.compare(words, FOUR, methods={"cannot": methods["cannot"]})


def test_bad_input_is_named(words: xai.TextModel) -> None:
    for methods, message in (
        ("shap", "no method 'shap'"),
        (["lrp", "lrp"], "'lrp' stands twice"),
        ([], "no method to ask"),
        ([3], "3 is no method"),
        ({"a": ("lrp",)}, r"'a': \('lrp',\) is no pair: give a method and a dict of its options"),
        ({"a": ("lrp", None)}, "'a': .*None.* is no pair"),
        ({"a": ("lrp", {}, 1)}, "is no pair"),
        ({"a": ("lrp", {"epsilom": 1})}, "lrp has no option 'epsilom'; its options: .*epsilon"),
        ({"a": (xai.lrp, {"epsilom": 1})}, "lrp has no option 'epsilom'"),
        ({"a": ("lrp", {"target": 1})}, "lrp has no option 'target'"),
        ({"a": ("attention_flow", {"x": 1}), "b": ONE}, "attention_flow has no option 'x'"),
        ({"a": (ONE, {"x": 1})}, "own has no option 'x'; its options: none"),
    ):
        with pytest.raises(errors.XaiError, match=message):
            xai.compare(words, FOUR, methods=methods)  # type: ignore[arg-type]
    with pytest.raises(errors.OptionError, match="gives ndarray"):
        xai.compare(words, FOUR, methods={"array": lambda model, text, target: np.ones(4)})  # type: ignore[arg-type, return-value]
    for options in ({"by": "rank"}, {"k": 0}, {"k": True}, {"k": 2.0}, {"k": None}, {"k": "3"}, {"units": "letters"}):
        with pytest.raises(errors.OptionError, match=next(iter(options))):
            xai.compare(words, FOUR, methods=CHEAP, **options)  # type: ignore[arg-type]
    c = xai.compare(words, FOUR, methods={"a": ONE, "b": OTHER}, k=np.int64(2))  # type: ignore[arg-type]
    assert c.k == 2 and type(c.k) is int
    for ask in (c.plot, c.agreement):
        with pytest.raises(errors.OptionError, match="measure='pearson': choose 'spearman'"):
            ask("pearson")  # type: ignore[arg-type]
    with pytest.raises(errors.OptionError, match="1 unit to compare"):
        xai.compare(words, "cat", methods=CHEAP)
    with pytest.raises(errors.UnsupportedArchitectureError, match=r"xai\.load"):
        xai.compare("gpt2", FOUR)  # type: ignore[arg-type]


def test_methods_are_found_before_any_runs(words: xai.TextModel) -> None:
    ran: list[int] = []
    spy: Any = lambda *_: ran.append(1)  # noqa: E731
    for wrong in ("shap", ("lrp", {"epsilom": 1}), ("lrp",)):
        with pytest.raises(errors.XaiError):
            xai.compare(words, FOUR, methods={"a": spy, "b": wrong})  # type: ignore[dict-item]
    assert not ran


def test_functions_that_take_any_option_or_do_not_say_are_called(words: xai.TextModel) -> None:
    def lenient(model: xai.TextModel, text: str, target: Any = None, **options: Any) -> Attribution:
        assert options == {"shift": 1}
        return ONE(model, text, target)

    def by_place(model: xai.TextModel, text: str, target: Any = None, shift: int = 0) -> Attribution:
        return lenient(model, text, target, shift=shift)

    class Silent:
        __signature__ = "no signature"

        def __call__(self, model: xai.TextModel, text: str, target: Any = None, **options: Any) -> Attribution:
            return lenient(model, text, target, **options)

    options = {"shift": 1}
    methods: dict[str, Any] = {"a": (lenient, options), "b": (by_place, options), "c": (Silent(), options)}
    assert xai.compare(words, FOUR, methods=methods).methods == ("a", "b", "c")


@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_the_model_is_as_it_was(family: str) -> None:
    model = tiny.model_in(torch.float32, family, "classifier")
    tiny.assert_leaves_untouched(model, lambda m, text, target: xai.compare(m, text, target, CHEAP))


# --- costs and progress ---------------------------------------------------------------------------------------------


def test_each_method_has_its_own_cost(words: xai.TextModel) -> None:
    c = xai.compare(words, FOUR, 3, ["saliency", "attention_rollout"])
    assert [(x.forwards, x.rows, x.backwards) for x in c.costs.values()] == [(1, 1, 1), (1, 1, 0)]
    assert all(x.seconds > 0 for x in c.costs.values())
    assert [row[:4] for row in c.cost_table().rows] == [
        ("saliency", "1", "1", "1"),
        ("attention_rollout", "1", "1", "0"),
    ]


def test_the_bar_goes_when_it_is_done(words: xai.TextModel, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr(tqdm.auto, "tqdm", lambda items, **options: shown.append(options) or items)
    xai.compare(words, FOUR, methods=CHEAP)  # as all tests and the making of notebooks are set up
    monkeypatch.delenv("TQDM_DISABLE")
    xai.compare(words, FOUR, methods=CHEAP, progress=False)
    xai.compare(words, FOUR, methods=["lrp"])
    assert shown == []
    xai.compare(words, FOUR, methods=CHEAP)
    assert shown == [{"desc": "methods", "leave": False}]


# --- views ----------------------------------------------------------------------------------------------------------


def test_it_reads_the_same_each_time(words: xai.TextModel) -> None:
    """No seconds, and nothing else that differs from run to run."""
    one, other = (xai.compare(words, FOUR, 3, CHEAP) for _ in range(2))
    assert repr(one) == repr(other) and one._repr_html_() == other._repr_html_()
    assert drawing.png(one.plot()) == drawing.png(other.plot())
    assert "second" not in repr(one)


def test_the_text_by_hand(words: xai.TextModel) -> None:
    c = xai.compare(words, FOUR, 3, {"one": ONE, "other": OTHER})
    head, ranks, agree = repr(c).split("\n\n")
    assert head.split("\n")[0].startswith("comparison · tiny-gpt2-causal-lm · logit of ")
    assert [line.split() for line in head.split("\n")[2:]] == [
        ["1", "one", "0", "0", "0"],
        ["2", "other", "0", "0", "0"],
    ]
    assert [line.split() for line in ranks.split("\n")[2:]] == [
        ["sat", "2.0", "3", "1"], ["The", "2.5", "1", "4"], ["cat", "2.5", "2", "3"], ["on", "3.0", "4", "2"]
    ]  # fmt: skip
    assert [line.split() for line in agree.split("\n")] == [
        ["Spearman's", "rho"], ["1", "2"], ["1", "1.00", "-0.80"], ["2", "-0.80", "1.00"]
    ]  # fmt: skip
    assert c.table().header == ("unit", "one", "other", "mean rank")
    assert c.table().rows[1] == ("cat", "-3.00", "2.00", "2.5")


@pytest.mark.parametrize("n", [1, 2, 7, 12])
def test_the_figure_holds_every_number(n: int) -> None:
    """Beside or below each other: agreement and ranks of n methods, the mean rank, and room for each of them."""
    model = tiny.model("gpt2", "causal-lm")
    text = " ".join(tiny.TEXTS[0].rstrip(".").split() * 2)
    methods = {f"own {i}": scoring(lambda x, i=i: np.sin((i + 1) * (x + 1))) for i in range(n)}
    c = xai.compare(model, text, 3, methods)
    figure = c.plot("kendall")
    left, right = figure.axes
    assert [text.get_text() for text in left.texts] == [f"{x:.2f}" for x in c.kendall.flat]
    means = [f"{x:.1f}" for x in c.consensus]
    assert [text.get_text() for text in right.texts] == [*(f"{x:g}" for x in c.ranks.flat), *means]
    assert [tick.get_text() for tick in right.get_yticklabels()] == list(c.words)
    assert [tick.get_text() for tick in left.get_yticklabels()] == [f"own {i} {i + 1}" for i in range(n)]
    assert left.get_title(loc="left") == "Kendall's tau-b"
    assert figure.get_size_inches()[0] < 10, "a page's width"
    for axes in (left, right):
        boxes = [text.get_window_extent() for text in axes.texts]
        cell = axes.transData.transform((1, 0))[0] - axes.transData.transform((0, 0))[0]
        assert all(box.width < cell for box in boxes), "numbers stay in their cells"
        ticks = [tick.get_window_extent() for tick in axes.get_yticklabels()]
        assert all(upper.y0 > lower.y1 for upper, lower in itertools.pairwise(ticks)), "labels don't touch"
    alt = viz.alt_text(figure)
    assert alt.startswith(f"Two heatmaps. {model.name}") and f"{n} methods, {len(c.units)} units" in alt
    assert ("highest" in alt) == (n > 1)
    table = figure.table
    assert table is not None and len(table.rows) == len(c.units) + n
    assert table.rows[-1][-1] == "1.00" and re.search(r"\(rank \d", table.rows[0][1])


@pytest.mark.parametrize("n", [2, 7])
def test_the_figure_says_which_methods_are_left_out(words: xai.TextModel, n: int) -> None:
    """On a line below all else, in the alternative text and with the table; names are drawn as they are."""
    own = {f"own {i}": scoring(lambda x, i=i: np.sin((i + 1) * (x + 1))) for i in range(n)}
    even = {f"even$ number$ {i} \u4e00": scoring(lambda i: 1) for i in range(9)}
    whole = xai.compare(words, FOUR, 3, own).plot()
    figure = xai.compare(words, FOUR, 3, own | even).plot()
    assert "left out" not in drawing.as_text(whole) and whole.get_supxlabel() == ""
    line = f"left out: {', '.join(even)}"
    shown = figure.get_supxlabel()
    assert shown.replace("\n", " ") == line.replace("\u4e00", drawing.MISSING_GLYPH) and "\n" in shown
    assert viz.alt_text(figure) == f"{viz.alt_text(whole)}; {line}"
    assert figure.table is not None and figure.table.title.endswith(line) and whole.table is not None
    assert figure.table.rows == whole.table.rows
    figure.draw_without_rendering()
    (text,) = (text for text in figure.texts if text.get_text() == shown)
    assert not text.get_parse_math()
    box = text.get_window_extent()
    assert min(box.x0, box.y0) >= 0 and box.x1 <= figure.bbox.x1, "within the figure"
    assert all(box.y1 < axes.get_tightbbox().y0 for axes in figure.axes), "below all else"
    boxes = [[axes.get_window_extent() for axes in drawn.axes] for drawn in (whole, figure)]
    for before, after in zip(*boxes, strict=True):
        assert after.height > 0.9 * before.height, "the cells keep their size"


def test_the_line_below_the_figure_heeds_no_style(words: xai.TextModel) -> None:
    c = xai.compare(words, FOUR, 3, {"one": ONE, "other": OTHER, "even": scoring(lambda i: 1)})
    plain = drawing.png(c.plot())
    with matplotlib.rc_context({"text.color": "red", "font.family": "monospace", "figure.labelsize": 30}):
        assert drawing.png(c.plot()) == plain


def test_the_figure_says_who_agrees_most_and_least() -> None:
    agreement = np.array([[1, 0.5, -0.25], [0.5, 1, 0.75], [-0.25, 0.75, 1]])
    scores = np.array([[1.0, 2.0, -3.0], [0.0, 1.0, 6.0]])
    figure = plots.agreement_and_ranks("abc", agreement, ["x", "y"], scores, [[1, 1, 2], [2, 2, 1]], measure="rho")
    assert viz.alt_text(figure) == (
        "Two heatmaps. 3 methods, 2 units. rho: highest 0.75, b and c, lowest -0.25, a and c; "
        "lowest mean rank: 'x', 1.3"
    )
    assert figure.table is not None
    assert figure.table.rows[0] == ("x", "1.00 (rank 1)", "2.00 (rank 1)", "-3.00 (rank 2)")
    assert figure.table.rows[3] == ("rho with b", "0.50", "1.00", "0.75")
    with pytest.raises(errors.OptionError, match=r"\(2, 3\)"):
        plots.agreement_and_ranks("abc", agreement, ["x", "y"], scores.T, scores, measure="rho")


def test_names_are_drawn_as_they_are(words: xai.TextModel) -> None:
    methods = {"a$b$": ONE, "<script>": OTHER, "a name that goes on and on, as some names do": ONE}
    c = xai.compare(words, FOUR, 3, methods)
    assert "<script>" not in c._repr_html_()
    labels = [tick.get_text() for tick in c.plot().axes[0].get_yticklabels()]
    assert labels[0] == "a$b$ 1" and labels[2].endswith("\u2026 3")


def test_nothing_of_the_registry_is_named_here() -> None:
    source = (xai.installation.data_folder().parent / "xai_helpers/comparison.py").read_text(encoding="utf-8")
    code = re.sub(r'""".*?"""', "", source, flags=re.DOTALL)
    assert not [name for name in xai.METHODS if re.search(rf"\b{name}\b", code)]
    assert comparison.MEASURED.keys() == set(xai.agreement.MEASURES)

"""The table of methods is true: every row that names a function finds one with the methods' signature."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import tiny

import xai_helpers as xai
from xai_helpers import errors, registry

TEXT = "The cat sat on the mat."
CHAPTERS = {
    "01_attention_rollout",
    "02_gradient_weighted_attention",
    "03_relevance_propagation",
    "04_perturbation",
    "05_comparing_methods",
}


def test_rows_are_complete() -> None:
    rows = registry.records()
    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        assert row.access in ("output", "gradients", "internals")
        assert row.chapter in CHAPTERS
        assert row.question.endswith("?")
        assert row.cost and row.law and row.source


def test_methods_are_the_rows_with_a_path_and_can_be_reached_by_name() -> None:
    assert list(xai.METHODS) == [row.name for row in registry.records() if row.path]
    assert len(xai.METHODS) == len(list(xai.METHODS))
    for name, function in xai.METHODS.items():
        assert getattr(xai, name) is function
        assert function.__name__ == name
        assert name in xai.__all__
        assert name in repr(xai.METHODS)
    with pytest.raises(KeyError):
        xai.METHODS["lrp"]
    with pytest.raises(AttributeError):
        xai.lrp  # noqa: B018


@pytest.mark.parametrize("name", list(xai.METHODS))
def test_every_method_has_the_one_signature(name: str) -> None:
    parameters = list(inspect.signature(xai.METHODS[name]).parameters.values())
    assert [p.name for p in parameters[:3]] == ["model", "text", "target"]
    assert parameters[2].default is None
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in parameters[3:])


@pytest.mark.parametrize("name", list(xai.METHODS))
def test_every_result_is_reproduced_from_its_json(name: str) -> None:
    model = tiny.model("distilbert", "classifier")
    result = xai.attribute(model, TEXT, name)
    assert (result.method, result.model, result.text) == (name, model.name, TEXT)
    assert {"torch", "transformers", "numpy", "xai_helpers"} <= set(result.versions)
    again = xai.reproduce(xai.Attribution.from_json(result.to_json()), model)
    assert again == result


@pytest.mark.parametrize("name", list(xai.METHODS))
@pytest.mark.parametrize("text", ["Unlikely plots, badly acted!", "The cat"])  # words of several tokens, and of one
def test_words_are_reproduced_as_words(name: str, text: str) -> None:
    model = tiny.model("gpt2", "causal-lm")
    tokens = xai.attribute(model, text, name)
    words = tokens.to_words()
    assert (len(words.units) < len(tokens.units)) == (text != "The cat")
    assert xai.reproduce(xai.Attribution.from_json(words.to_json()), model) == words
    assert xai.reproduce(tokens, model) == tokens


def test_options_reach_the_method_and_the_result() -> None:
    model = tiny.model("gpt2", "causal-lm")
    options = {"fuse": "max", "discard": 0.25, "residual": 0.75, "layers": [1, 2]}
    result = xai.attribute(model, TEXT, "attention_rollout", **options)
    assert result.options == options
    assert xai.reproduce(result, model) == result


def test_reproduce_loads_the_model_by_its_name(gpt2: xai.TextModel) -> None:
    result = xai.attention_rollout(gpt2, TEXT, layers=range(2))
    assert xai.reproduce(result) == result


def even(model: xai.TextModel, text: str, target: object = None, *, weight: float = 1.0) -> xai.Attribution:
    """A learner's own method."""
    units = model.encode(text).units
    scores = np.full(len(units), weight / len(units))
    return xai.Attribution("even", text, units, scores, target=None, model=model.name, total=weight)


def test_a_learners_own_function_is_a_method() -> None:
    result = xai.attribute(tiny.model("gpt2", "causal-lm"), TEXT, even, weight=2.0)
    assert result.method == "even"
    assert result.gap == pytest.approx(0)


def test_what_a_learners_own_function_made_is_not_reproduced_and_the_error_says_why() -> None:
    result = xai.attribute(tiny.model("gpt2", "causal-lm"), TEXT, even)
    with pytest.raises(errors.UnknownMethodError, match=r"'even' is no method .* not on record: .*your_function"):
        xai.reproduce(result)  # the model's name can't be loaded either, but that comes second

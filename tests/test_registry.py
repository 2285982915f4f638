"""The table of methods is true: every row that names a function finds one with the methods' signature."""

from __future__ import annotations

import dataclasses
import inspect
import re

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
    "08a_narratives",
    "08b_features",
    "09a_circuits",
    "09b_discovery",
}

# Every method of the published comparisons and decision matrices that this course grew out of, as they name it: their
# rows, what they list as outputs, and what their "when to use" sentences name. Tools are no methods.
NAMED_IN_THE_TABLES = {
    "Raw attention": "raw_attention",
    "Attention visualization": "raw_attention",
    "Attention Attribution": "raw_attention",
    "Interactive attention heatmaps": "raw_attention",
    "Attention rollout": "attention_rollout",
    "Attention flow": "attention_flow",
    "Grad x Attention": "attention_x_gradient",
    "Gradient-weighted attention": "attention_x_gradient",
    "Gradient x Input": "input_x_gradient",
    "Integrated Gradients": "integrated_gradients",
    "Per-token attribution scores": "integrated_gradients",
    "SmoothGrad": "smoothgrad",
    "LRP": "lrp",
    "Perturbation": "leave_one_out",
    "Leave-one-out": "leave_one_out",
    "Sliding window occlusion": "occlusion",
    "SHAP (Shapley values)": "shapley",
    "SHAP (Text)": "shapley",
    "SHAP (Partition)": "shapley",
    "LIME": "lime",
    "Word-level importance, local linear model": "lime",
    "Chain-of-Thought": "chain_of_thought",
    "CoT Prompting": "chain_of_thought",
    "Plain-language summaries": "narrative",
    "Counterfactual explanations": "counterfactual",
    "Probing": "probing",
    "Probing Classifiers": "probing",
    "Probing accuracy": "probing",
    "Logit lens": "logit_lens",
    "Per-layer predictions": "logit_lens",
    "Activation Patching": "activation_patching",
    "Activation patches": "activation_patching",
    "Mechanistic Interp.": "circuit_discovery",
    "Circuit analysis": "circuit_discovery",
    "SAEs": "sparse_autoencoder",
    "Feature dashboards": "sparse_autoencoder",
    "Representation engineering": "steering",
    "Activation steering": "steering",
}
TOOLS = {
    "bertviz", "captum", "ecco", "inseq", "neuronpedia", "nnsight", "nnterp", "sae_lens", "saelens", "shap",
    "transformer_lens", "transformerlens",
}  # fmt: skip


def test_rows_are_complete() -> None:
    rows = registry.records()
    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        assert row.name.isidentifier() and row.name == row.name.lower()
        assert row.access in registry.ACCESSES
        assert row.scope in registry.SCOPES
        assert row.effort in registry.EFFORTS
        assert isinstance(row.target, bool)
        assert row.chapter in CHAPTERS
        assert row.question.endswith("?")
        assert row.result and row.cost and row.law and row.source
        hash(row)


@pytest.mark.parametrize(
    ("field", "vocabulary"), [("audience", registry.AUDIENCES), ("goals", registry.GOALS)], ids=["audience", "goals"]
)
def test_lists_are_drawn_from_a_closed_vocabulary_in_its_order(field: str, vocabulary: tuple[str, ...]) -> None:
    for row in registry.records():
        values = getattr(row, field)
        assert values and isinstance(values, tuple)
        assert len(set(values)) == len(values) and set(values) <= set(vocabulary), row.name
        assert values == tuple(v for v in vocabulary if v in values), row.name
    assert {v for row in registry.records() for v in getattr(row, field)} == set(vocabulary)


def test_rows_stand_in_the_order_of_the_chapters() -> None:
    chapters = [row.chapter for row in registry.records()]
    assert chapters == sorted(chapters)
    assert set(chapters) == CHAPTERS


def test_every_method_of_the_published_tables_has_a_row_and_tools_have_none() -> None:
    names = {row.name for row in registry.records()}
    assert set(NAMED_IN_THE_TABLES.values()) <= names
    beyond = {"saliency", "chefer_relevance", "transformer_attribution"}
    assert names - set(NAMED_IN_THE_TABLES.values()) == beyond
    assert not names & TOOLS


def test_strengths_and_weaknesses_are_clauses_without_a_verdict() -> None:
    for row in registry.records():
        for clause in (row.strength, row.weakness):
            assert 20 <= len(clause) <= 120 and clause == clause.strip() and clause[-1] != ".", row.name
            assert clause[0].islower() and "\n" not in clause, row.name
            assert not re.search("faithful|gold standard|very high|best|reliabl", clause, re.IGNORECASE), row.name


def test_every_source_names_a_year_for_each_paper() -> None:
    for row in registry.records():
        for paper in row.source.split(";"):
            assert re.search(r"(19|20)\d\d", paper), row.name


def test_fields_of_a_row_agree() -> None:
    for row in registry.records():
        if row.result == registry.SCORES:
            assert row.scope == "local", row.name
        if "debug a prediction" in row.goals:
            assert row.target and row.scope == "local", row.name  # a prediction is debugged by asking about it
        if "hundreds" in row.cost:
            assert row.effort == "hundreds of passes", row.name
        if row.cost.startswith("n forward") or re.search(r"about \d\d ", row.cost):
            assert row.effort == "tens of passes", row.name
        if row.cost.startswith("1 forward and 1 backward") or row.cost == "1 forward pass":
            assert row.effort == "one pass", row.name
        assert ("train" in row.cost or "thousands" in row.cost) == (row.effort == "training or search"), row.name
        if row.access == "output":
            assert "backward" not in row.cost and "activation" not in row.question, row.name
        if re.search("attention|layer|activation", row.question):
            assert row.access == "internals", row.name


def test_methods_are_the_rows_with_scores_and_a_path_and_can_be_reached_by_name() -> None:
    assert list(xai.METHODS) == [row.name for row in registry.records() if row.path and row.result == "scores"]
    assert len(xai.METHODS) == len(list(xai.METHODS))
    for name, function in xai.METHODS.items():
        assert getattr(xai, name) is function
        assert function.__name__ == name
        assert name in xai.__all__
        assert name in repr(xai.METHODS)
    with pytest.raises(KeyError):
        xai.METHODS["narrative"]
    with pytest.raises(AttributeError):
        xai.narrative  # noqa: B018


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
    joins = text != "The cat" and tokens.options.get("units") != "words"
    assert (len(words.units) < len(tokens.units)) == joins
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


def test_a_method_to_come_names_its_chapter() -> None:
    model = tiny.model("gpt2", "causal-lm")
    for row in registry.records():
        if row.path is None:
            with pytest.raises(errors.UnknownMethodError, match=f"^{row.name} comes with chapter {row.chapter}, "):
                xai.attribute(model, TEXT, row.name)


def test_a_method_without_scores_stays_out_of_methods_once_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    written = dataclasses.replace(registry.record("probing"), path="xai_helpers.laws:row_sums")
    others = [row for row in registry.records() if row.name != "probing"]
    monkeypatch.setattr(registry, "records", lambda: (*others, written))
    assert "probing" not in list(xai.METHODS)
    with pytest.raises(KeyError):
        xai.METHODS["probing"]
    model = tiny.model("gpt2", "causal-lm")
    with pytest.raises(
        errors.UnknownMethodError, match=r"gives an accuracy per layer.*call xai_helpers\.laws\.row_sums"
    ):
        xai.attribute(model, TEXT, "probing")
    result = dataclasses.replace(
        xai.attribute(model, TEXT, even), method="probing"
    )  # a learner's function of this name
    with pytest.raises(errors.UnknownMethodError, match="not on record"):
        xai.reproduce(result, model)


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

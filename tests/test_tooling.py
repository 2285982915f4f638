"""Bridges to captum, shap, lime, TransformerLens, nnsight and bertviz: the library's own calls, and our numbers."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from typing import Any

import bertviz
import bertviz.neuron_view
import captum.attr
import numpy as np
import pytest
import shap
import tiny
import torch
from lime.lime_text import LimeTextExplainer

import xai_helpers as xai
from xai_helpers import circuits, errors, laws, tooling
from xai_helpers.attention import attention_weights
from xai_helpers.attribution import joined, word_groups
from xai_helpers.surrogates import fit_lime, owen_values

PEERS: list[tuple[str, Any]] = [
    ("gpt2", "causal-lm"),
    ("llama", "causal-lm"),
    ("gpt2", "classifier"),
    ("bert", "classifier"),
    ("bert", "masked-lm"),
    ("distilbert", "classifier"),
]
SMALL = "The cat sat."
SINGLE = 2e-6  # Llama drops to single precision inside, whatever its dtype
REMARKS = pytest.mark.filterwarnings("ignore:Module .* has a submodule named 'output'")


def double(family: str, kind: Any) -> xai.TextModel:
    return tiny.model_in(torch.float64, family, kind)


def target_for(model: xai.TextModel) -> xai.Target:
    """A contrast, of numbers that every tokenizer and classifier has."""
    return xai.Target(1, versus=2) if model.kind == "classifier" else xai.Target(7, versus=9)


def near(ours: Any, theirs: Any, off: float) -> bool:
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    return ours.shape == theirs.shape and np.abs(ours - theirs).max() <= off * max(1.0, np.abs(ours).max())


# --- captum ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "kind"), PEERS)
def test_captum_gets_our_numbers(family: str, kind: Any) -> None:
    model = double(family, kind)
    text, target = tiny.text_for(model), target_for(model)
    inputs = tooling.to_captum(model, text, target)
    off = SINGLE if family == "llama" else 1e-12
    with tiny.untouched(model):
        # captum keeps the weights of its quadrature in single precision
        layer = captum.attr.LayerIntegratedGradients(inputs.forward, inputs.layer)
        scores, delta = layer.attribute(
            inputs.ids,
            inputs.baseline_ids,
            additional_forward_args=(inputs.mask,),
            n_steps=16,
            method="gausslegendre",
            return_convergence_delta=True,
        )
        ours = xai.integrated_gradients(model, text, target, steps=16)
        a = tooling.from_captum(inputs, scores, method="LayerIntegratedGradients", delta=delta)
        assert near(ours.scores, a.scores, 1e-6) and a.units == ours.units and a.target == ours.target
        assert (a.total, a.absorbed["baseline"]) == pytest.approx((ours.total, ours.absorbed["baseline"]), abs=SINGLE)
        assert a.gap == pytest.approx(-float(delta), abs=1e-6) == pytest.approx(ours.gap, abs=1e-5)
        assert laws.completeness(a.total or 0.0, a.scores, a.absorbed) == pytest.approx(abs(a.gap or 0.0), abs=1e-12)
        assert a.options == {"baseline": ours.options["baseline"]} and a.position == ours.position

        gradient = captum.attr.LayerGradientXActivation(inputs.forward, inputs.layer).attribute(inputs.ids)
        b = tooling.from_captum(inputs, gradient, method="LayerGradientXActivation")
        assert near(xai.input_x_gradient(model, text, target).scores, b.scores, off)
        assert b.total is None and b.method == "LayerGradientXActivation" and b.versions["captum"]

        ablation = captum.attr.FeatureAblation(inputs.forward)
        found = ablation.attribute(inputs.ids, inputs.baseline_ids, perturbations_per_eval=5)
        c = tooling.from_captum(inputs, found, method="FeatureAblation")
        assert near(xai.leave_one_out(model, text, target).scores, c.scores, max(off, 1e-11))
    assert a == xai.Attribution.from_json(a.to_json())


@pytest.mark.parametrize(("family", "kind", "text"), [(*PEERS[0], SMALL), (*PEERS[3], "cat sat"), (*PEERS[1], "sat")])
def test_captums_shapley_values_are_ours(family: str, kind: Any, text: str) -> None:
    model = double(family, kind)
    target = target_for(model)
    inputs = tooling.to_captum(model, text, target)
    assert len(inputs.encoded.units) <= 4, "captum goes through all orders, of special tokens too"
    found = captum.attr.ShapleyValues(inputs.forward).attribute(
        inputs.ids, inputs.baseline_ids, perturbations_per_eval=24
    )
    a = tooling.from_captum(inputs, found, method="ShapleyValues", delta=0)
    ours = xai.shapley(model, text, target, units="tokens")
    # of ids captum keeps scores in single precision
    assert near(ours.scores, a.scores, SINGLE) and a.absorbed["baseline"] == pytest.approx(
        ours.absorbed["baseline"], abs=SINGLE
    )
    assert a.gap == pytest.approx(0, abs=SINGLE)


@pytest.mark.parametrize(("family", "kind"), PEERS)
@pytest.mark.parametrize("output", ["logit", "probability"])
def test_the_forward_functions_are_the_models_value(family: str, kind: Any, output: Any) -> None:
    model = double(family, kind)
    text = tiny.text_for(model)
    target = xai.Target(output=output)
    inputs = tooling.to_captum(model, text, target)
    value = model.value(text, target)
    both = inputs.ids.expand(2, -1)
    for found in (
        inputs.forward(both),
        inputs.forward(both, inputs.mask),
        inputs.forward_embeddings(inputs.embeddings.expand(2, -1, -1), inputs.mask.expand(2, -1)),
    ):
        assert found.dtype == torch.float64 and found.tolist() == pytest.approx([value] * 2, abs=1e-6)
    # on another text the same number is asked, whatever is predicted there; what the mask leaves out is not read
    other = inputs.ids.clone()
    other[0, 1] = 8
    without = inputs.mask.clone()
    without[0, 1] = 0
    with torch.no_grad():
        logits = model.readout_logits(inputs.encoded, model.model(input_ids=other)).double()
        assert inputs.forward(other).tolist() == pytest.approx([float(inputs.target.value(logits))], abs=1e-6)
        left_out = inputs.forward(inputs.ids, without).tolist()
        assert left_out == pytest.approx(inputs.forward(other, without).tolist(), abs=1e-6)
        assert left_out != pytest.approx([value], abs=1e-6)


def test_baselines_keep_what_stays() -> None:
    bert, gpt2 = tiny.model("bert", "masked-lm"), tiny.model("gpt2", "causal-lm")
    text = tiny.text_for(bert)
    inputs = tooling.to_captum(bert, text, 7)
    ids, baseline, mask = inputs.ids[0], inputs.baseline_ids, bert.tokenizer.mask_token_id
    assert baseline is not None and inputs.baseline == "mask"
    stays = [0, len(ids) - 1]
    assert (baseline[0, stays] == ids[stays]).all() and (baseline[0, 1:-1] == mask).all()
    for baseline, ids_of in (
        ("auto", "the"),
        ("sat", "sat"),
        ("unk", "<unk>"),
        ("The cat sat on a mat because it was very tired.", None),
    ):
        inputs = tooling.to_captum(gpt2, tiny.TEXT, 7, baseline=baseline)
        assert inputs.baseline_ids is not None and inputs.baseline_ids.shape == inputs.ids.shape
        table = gpt2.model.get_input_embeddings().weight
        assert torch.equal(table[inputs.baseline_ids], inputs.baseline_embeddings)
        if ids_of:
            assert {gpt2.choice_name(int(i)).strip() for i in inputs.baseline_ids[0]} == {ids_of}
    for baseline in ("zero", "mean"):
        inputs = tooling.to_captum(bert, text, 7, baseline=baseline)
        assert inputs.baseline_ids is None
        same = (inputs.embeddings == inputs.baseline_embeddings).all(-1)[0]
        assert same.nonzero().flatten().tolist() == [0, bert.readout(text), len(ids) - 1]
        scores, delta = captum.attr.IntegratedGradients(inputs.forward_embeddings).attribute(
            inputs.embeddings, inputs.baseline_embeddings, n_steps=32, return_convergence_delta=True
        )
        a = tooling.from_captum(inputs, scores, method="IntegratedGradients", delta=delta)
        ours = xai.integrated_gradients(bert, text, 7, baseline=baseline)
        assert near(ours.scores, a.scores, 2e-5)


def test_what_follows_the_readout_has_nothing() -> None:
    model = tiny.model("llama", "causal-lm")
    target = xai.Target(7, position=4)
    inputs = tooling.to_captum(model, tiny.TEXT, target)
    scores = captum.attr.LayerGradientXActivation(inputs.forward, inputs.layer).attribute(
        inputs.ids, additional_forward_args=inputs.mask
    )
    assert scores.shape[1] == 5 < len(inputs.encoded.units)
    a = tooling.from_captum(inputs, scores, method="LayerGradientXActivation")
    ours = xai.input_x_gradient(model, tiny.TEXT, target)
    assert near(ours.scores, a.scores, 1e-5) and (a.scores[5:] == 0).all()


def test_scores_of_something_else_are_refused() -> None:
    model = tiny.model("bert", "classifier")
    inputs, other = (tooling.to_captum(model, text, 1) for text in (tiny.TEXT, SMALL))
    layer = captum.attr.LayerIntegratedGradients(inputs.forward, inputs.layer)
    scores, delta = layer.attribute(inputs.ids, inputs.baseline_ids, return_convergence_delta=True)
    from_zero, from_zero_delta = layer.attribute(inputs.ids, return_convergence_delta=True)  # id 0, [PAD], for all
    no: Any
    for no, given, options, message in (
        (inputs, from_zero, {"delta": from_zero_delta}, "against inputs.baseline_ids"),
        (tooling.to_captum(model, tiny.TEXT, 2), scores, {"delta": delta}, "should to"),
        (inputs, scores, {"delta": torch.zeros(3)}, r"delta has shape \(3,\)"),
        (inputs, scores * float("nan"), {"delta": delta}, "add up to nan"),
        (inputs, scores, {"delta": "a"}, "delta: give a tensor or an array of numbers, got str"),
        (other, scores, {}, r"expected a tensor \(1, 6\)"),
        (inputs, scores[0], {}, r"got \(14, 16\)"),
        (inputs, (scores, delta), {}, "got tuple"),
        (model, scores, {}, "got TextModel"),
    ):
        with pytest.raises(errors.OptionError, match=message):
            tooling.from_captum(no, given, method="x", **options)
    with pytest.raises(errors.OptionError, match="baseline='cat sat' is no single token"):
        tooling.to_captum(model, tiny.TEXT, baseline="cat sat")
    with pytest.raises(errors.NonFiniteError):
        tooling.from_captum(inputs, scores * float("inf"), method="x")


# --- captum on generated texts --------------------------------------------------------------------------------------

PROMPT, GOES_ON = "The cat sat", " on the mat"


def generated(model: xai.TextModel, **options: Any) -> Any:
    """captum's feature ablation of each generated token, with the stand-in that we take."""
    stand_in = tooling.to_captum(model, PROMPT, 7).baseline_ids
    assert stand_in is not None
    given = captum.attr.TextTokenInput(
        PROMPT, model.tokenizer, baselines=int(stand_in[0, -1]), skip_tokens=model.tokenizer.all_special_ids
    )
    method = captum.attr.LLMAttribution(captum.attr.FeatureAblation(model.model), model.tokenizer)
    return method.attribute(given, **options)


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_generated_tokens_get_captums_scores(family: str) -> None:
    model = double(family, "causal-lm")
    goes_on = GOES_ON if family == "gpt2" else GOES_ON.strip()  # this tokenizer writes the blank by itself
    with tiny.untouched(model):
        result = generated(model, target=goes_on, use_cached_outputs=False)
        found = tooling.from_captum_llm(model, PROMPT, result, continuation=GOES_ON)
    ours = xai.explain_generation(
        model, PROMPT, "leave_one_out", continuation=GOES_ON, output="log_probability", units="tokens"
    )
    assert len(found) == len(ours) > 2
    n = len(model.encode(PROMPT).units)
    for a, b in zip(found, ours, strict=True):
        assert (a.text, a.units, a.target, a.position) == (b.text, b.units, b.target, b.position)
        assert near(b.scores[:n], a.scores[:n], 5e-6)  # captum keeps scores in single precision
        assert (a.scores[n:] == 0).all() and a.total is None and np.abs(a.scores).max() > 0.01


def test_generated_tokens_get_captums_gradients() -> None:
    model = double("gpt2", "causal-lm")
    method = captum.attr.LayerGradientXActivation(model.model, model.model.get_input_embeddings())
    given = captum.attr.TextTokenInput(PROMPT, model.tokenizer)
    result = captum.attr.LLMGradientAttribution(method, model.tokenizer).attribute(given, target=GOES_ON)
    found = tooling.from_captum_llm(model, PROMPT, result, continuation=GOES_ON, method="gradients")
    n = len(model.encode(PROMPT).units)
    for a in found:
        assert a.target is not None and a.method == "gradients"
        assert near(xai.input_x_gradient(model, a.text, a.target).scores[:n], a.scores[:n], 1e-6)


def test_captums_cache_is_wrong_from_the_second_token_on() -> None:
    """With transformers 5 its default hands the whole text to a model that remembers the text: twice the context."""
    model = tiny.model("gpt2", "causal-lm")
    cached, plain = (generated(model, target=GOES_ON, use_cached_outputs=use) for use in (True, False))
    off = (cached.token_attr - plain.token_attr).abs().amax(-1)
    assert off[0] < 1e-5 and (off[1:] > 0.01).all()


def test_a_score_for_the_whole_continuation_is_one_attribution() -> None:
    model = tiny.model("gpt2", "causal-lm")
    given = captum.attr.TextTokenInput(PROMPT, model.tokenizer)
    kernel = captum.attr.LLMAttribution(captum.attr.KernelShap(model.model), model.tokenizer)
    result = kernel.attribute(given, target=GOES_ON, use_cached_outputs=False, n_samples=8)
    (a,) = tooling.from_captum_llm(model, PROMPT, result, continuation=GOES_ON)
    assert a.text == PROMPT and a.target is None and near(result.seq_attr, a.scores, 1e-6)
    assert a.details == {"continuation": GOES_ON, "output": "log_probability"}


def test_what_the_model_writes_by_itself_is_found_again(gpt2: xai.TextModel) -> None:
    prompt = "The Eiffel Tower is located in the city of"
    given = captum.attr.TextTokenInput(prompt, gpt2.tokenizer, baselines=gpt2.tokenizer.mask_token_id)
    method = captum.attr.LLMAttribution(captum.attr.FeatureAblation(gpt2.model), gpt2.tokenizer)
    long, short = (
        method.attribute(given, gen_args={"max_new_tokens": n, "do_sample": False}, use_cached_outputs=False)
        for n in (3, 2)
    )
    found = tooling.from_captum_llm(gpt2, prompt, short)
    assert [str(a.target) for a in found] == ["log probability of ' Paris'", "log probability of '.'"]
    assert found[0].top(1)[0][0] == xai.leave_one_out(gpt2, prompt, xai.Target(output="log_probability")).top(1)[0][0]
    template = captum.attr.TextTemplateInput("The {} Tower is located in the city of", ["Eiffel"])
    for result, text, options, message in (
        (long, prompt, {}, "before the model's end of text"),
        (short, prompt, {"continuation": "London."}, "goes on with"),
        (short, "The Louvre is located in the city of", {}, "not the 9 tokens|tokens of this prompt"),
        (method.attribute(template, target=" Paris", use_cached_outputs=False), prompt, {}, "TextTokenInput"),
        ("Paris", prompt, {}, "got str"),
    ):
        with pytest.raises(errors.OptionError, match=message):
            tooling.from_captum_llm(gpt2, text, result, **options)
    bert = tiny.model("bert", "classifier")
    tokens = bert.tokenizer.convert_ids_to_tokens(bert.encode(PROMPT).ids[0].tolist())
    result = captum.attr.LLMAttributionResult(
        input_tokens=tokens, output_tokens=["on"], seq_attr=torch.zeros(len(tokens))
    )
    with pytest.raises(errors.NoHeadError, match="only a causal language model generates"):
        tooling.from_captum_llm(bert, PROMPT, result)


# --- shap -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "kind"), PEERS)
@pytest.mark.parametrize("units", ["words", "tokens"])
def test_shap_gets_our_numbers(family: str, kind: Any, units: Any) -> None:
    model = double(family, kind)
    text = "The cat [MASK] on" if kind == "masked-lm" else "The cat sat on"
    target, off = target_for(model), SINGLE if family == "llama" else 1e-9
    with tiny.untouched(model):
        game, masker = tooling.to_shap(model, text, target, units=units)
        # exact for so few players; the exact explainer, which gets the same, compiles for seconds (test_surrogates)
        explainer = shap.KernelExplainer(game, np.zeros((1, game.n)))
        exact = explainer(np.ones((1, game.n)), silent=True)
        ours = xai.shapley(model, text, target, units=units)
        for explanation in (exact, exact[0]):
            a = tooling.from_shap(game, explanation)
            assert near(ours.scores, a.scores, off) and a.units == ours.units and a.target == ours.target
            assert a.absorbed["base value"] == pytest.approx(ours.absorbed["baseline"], abs=off)
            assert a.gap == pytest.approx(0, abs=1e-6) and a.total == ours.total and a.versions["shap"]
        words = shap.Explainer(game, masker)([text], silent=True)
        assert isinstance(words, shap.Explanation)
        assert [str(piece).strip() for piece in words.data[0]] == _shown(text, game)
        b = tooling.from_shap(game, words, method="partition")
        players = [unit for unit, _ in game.players]
        assert near(owen_values(game, _tree(masker.clustering(text), game.n)), b.scores[players], off)
        assert b.method == "partition" and b.gap == pytest.approx(0, abs=1e-6)


def _shown(text: str, game: Any) -> list[str]:
    """Each player's characters, up to where the next one begins: what shap shows."""
    spans = [(game.units[unit].start, game.units[unit].end) for unit, _ in game.players]
    ends = [max(end, following) for (_, end), (following, _) in zip(spans, [*spans[1:], spans[-1]], strict=True)]
    return [text[start:end].strip() for (start, _), end in zip(spans, ends, strict=True)]


def _tree(joins: np.ndarray, n: int) -> Any:
    """shap's clustering (n - 1, 4) as nested lists."""
    nodes: list[Any] = list(range(n))
    for left, right, *_ in joins:
        nodes.append([nodes[int(left)], nodes[int(right)]])
    return nodes[-1]


def test_shap_plays_by_our_options_and_on_texts_by_its_tree() -> None:
    """A masker of texts comes with a tree, and in the orders that shap then draws each branch comes in together."""
    model = double("bert", "classifier")
    options: dict[str, Any] = {"replacement": "delete", "units": "tokens", "batch_size": 3}
    game, masker = tooling.to_shap(model, SMALL, 1, **options)
    everything, ours = np.ones((1, game.n)), xai.shapley(model, SMALL, 1, **options)
    a = tooling.from_shap(game, shap.KernelExplainer(game, 0 * everything)(everything, silent=True))
    assert near(ours.scores, a.scores, 1e-9) and a.options == game.options and a.options["replacement"] == "delete"
    orders = shap.PermutationExplainer(game, masker, seed=0)([SMALL], max_evals=3000, silent=True)
    by_tree = owen_values(game, _tree(masker.clustering(SMALL), game.n))
    assert near(by_tree, orders.values[0], 0.04) and not near(ours.scores[1:-1], by_tree, 0.1)
    assert tooling.from_shap(game, orders).gap == pytest.approx(0, abs=1e-9)
    assert "cat" in shap.plots.text(orders[0], display=False)


def test_shap_shows_characters_of_several_tokens() -> None:
    model = double("gpt2", "causal-lm")
    text = "the 🦊 sat"
    game, masker = tooling.to_shap(model, text, 7, units="tokens")
    assert sum(unit.text.startswith("🦊") for unit in game.units) == 3
    a = tooling.from_shap(game, shap.Explainer(game, masker)([text], silent=True))
    assert a.units == model.encode(text).units and a.gap == pytest.approx(0, abs=1e-9)


def test_explanations_of_something_else_are_refused() -> None:
    model = tiny.model("bert", "classifier")
    (game, masker), (other, _) = (tooling.to_shap(model, text, 1) for text in ("cat sat", "mat was"))
    found = shap.Explainer(game, masker)(["cat sat"], silent=True)
    two = shap.Explanation(np.zeros((1, 2, 3)), np.zeros((1, 3)), np.ones((1, 2)))
    no: Any
    for no, explanation, message in (
        (other, found, "another text: 'cat sat'"),
        (game, two, r"shape \(1, 2, 3\); this game has 2 players"),
        (tooling.to_shap(model, SMALL, 1)[0], found, "has 4 players"),
        (game, found.values, "got TextGame and ndarray"),
        (model, found, "got TextModel"),
    ):
        with pytest.raises(errors.OptionError, match=message):
            tooling.from_shap(no, explanation)
    with pytest.raises(errors.OptionError, match="belongs to another text, 'cat sat'"):
        shap.Explainer(game, masker)(["mat was"], silent=True)


# --- lime -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "kind"), [pair for pair in PEERS if pair[1] != "masked-lm"])
def test_limes_probabilities_are_the_models(family: str, kind: Any) -> None:
    model = double(family, kind)
    texts = [tiny.TEXT, "The mat.", "on", SMALL, "The mat.", "it was very tired"]
    with tiny.untouched(model):
        if kind == "classifier":
            found = tooling.to_lime(model)(texts)
            for text, row in zip(texts, found, strict=True):
                expected = {p.id: p.probability for p in model.predict(text)}
                assert row.tolist() == pytest.approx([expected[i] for i in range(3)], abs=1e-6)
            some = tooling.to_lime(model, [2])(texts)
            assert near(np.stack([found[:, 2], found[:, :2].sum(1)], axis=1), some, 1e-9)
        else:
            found = tooling.to_lime(model, ["the", 7])(texts)
            for text, row in zip(texts, found, strict=True):
                values = [model.value(text, xai.Target(token, output="probability")) for token in ("the", 7)]
                assert row.tolist() == pytest.approx([*values, 1 - sum(values)], abs=1e-6)
    assert found.dtype == np.float64 and near(np.ones(len(texts)), found.sum(1), 1e-12)


def test_texts_without_words_are_answered() -> None:
    bert, llama = tiny.model("bert", "classifier"), tiny.model("llama", "causal-lm")
    gpt2 = xai.wrap(tiny.hugging_face_model("gpt2", "causal-lm"), tiny.byte_level())
    for model, ids, labels in (
        (bert, [2, 3], None),  # [CLS] [SEP]
        (llama, [1], [7]),  # <s>, which its tokenizer writes
        (gpt2, [0], [7]),  # <s>, which stands in: the tokenizer writes nothing
    ):
        probabilities = tooling.to_lime(model, labels)
        found = probabilities(["", SMALL, ""])
        logits = model.model(input_ids=torch.tensor([ids])).logits.double().softmax(-1)
        expected = logits[0] if labels is None else logits[0, -1, labels]
        assert near(expected.detach(), found[0, : len(expected)], 1e-6) and np.array_equal(found[0], found[2])
        assert np.isfinite(probabilities([" , ", "  "])).all()
    gpt2.tokenizer.bos_token = None
    other = tooling.to_lime(gpt2, [7])([""])[0, 0]
    with torch.no_grad():
        logits = gpt2.model(input_ids=torch.tensor([[gpt2.tokenizer.eos_token_id]])).logits[0, -1]
    assert other == pytest.approx(float(logits.double().softmax(-1)[7]), abs=1e-6) != found[0, 0]
    gpt2.tokenizer.eos_token = None
    with pytest.raises(errors.EmptyTextError, match="none that begins a text"):
        tooling.to_lime(gpt2, [7])([""])


@pytest.mark.parametrize(("family", "kind"), [PEERS[0], PEERS[1], PEERS[3], PEERS[5]])
def test_lime_fits_what_we_fit(family: str, kind: Any) -> None:
    """lime draws texts and fits; the same texts and probabilities give our fit the same coefficients."""
    model, text = double(family, kind), "The cat wasn't on the mat, it sat"
    names = [*model.labels] or ["the", "others"]
    probabilities = tooling.to_lime(model, None if kind == "classifier" else ["the"])
    asked: list[list[str]] = []

    def watched(texts: list[str]) -> np.ndarray:
        asked.append(texts)
        return probabilities(texts)

    explainer = LimeTextExplainer(class_names=names, bow=False, mask_string="a", random_state=0)
    explanation = explainer.explain_instance(text, watched, labels=(0,), num_features=20, num_samples=60)
    (texts,) = asked
    words = [text[m.start() : m.end()] for m in re.finditer(r"\w+", text)]
    kept = np.array([[a == b for a, b in zip(re.findall(r"\w+", one), words, strict=True)] for one in texts])
    fit = fit_lime(kept, probabilities(texts)[:, 0])
    a = tooling.from_lime(model, explanation, names[0])
    # "wasn't" is two words to lime and one to us
    expected = np.concatenate([fit.coefficients[:2], [fit.coefficients[2:4].sum()], fit.coefficients[4:]])
    at = [i for i, unit in enumerate(a.units) if not unit.special and unit.text != ","]
    assert [a.units[i].text for i in at] == ["The", "cat", "wasn't", "on", "the", "mat", "it", "sat"]
    assert near(expected, a.scores[at], 1e-9) and a.absorbed["intercept"] == pytest.approx(fit.intercept, abs=1e-9)
    assert a.total == pytest.approx(probabilities([text])[0, 0], abs=1e-6)
    assert a.gap == pytest.approx(probabilities([text])[0, 0] - fit.intercept - fit.coefficients.sum(), abs=1e-6)
    assert a.details["r2"] == pytest.approx(fit.r2, abs=1e-9) and a.details["left_out"] == []
    assert a.target == xai.Target(names[0], output="probability") and a.versions["lime"]
    units = word_groups(text, model.encode(text).units)
    assert a.units == tuple(joined(text, [model.encode(text).units[i] for i in group]) for group in units)
    assert a.scores[[i for i in range(len(a.units)) if i not in at]].tolist() == [0.0] * (len(a.units) - len(at))
    assert a == tooling.from_lime(model, explanation, 0) == xai.Attribution.from_json(a.to_json())


def test_what_lime_left_out_is_named() -> None:
    model = tiny.model("bert", "classifier")
    explainer = LimeTextExplainer(random_state=0)  # a bag of words; no names
    explanation = explainer.explain_instance(
        "The cat sat on a mat", tooling.to_lime(model), labels=(0, 2), num_features=2, num_samples=30
    )
    a = tooling.from_lime(model, explanation, model.labels[2])
    assert len(a.details["left_out"]) == 4 and (a.scores != 0).sum() == 2 and "r2" not in a.details
    assert a.target == xai.Target(model.labels[2], output="probability")


def test_limes_labels_and_words_must_be_known() -> None:
    bert, gpt2 = tiny.model("bert", "classifier"), tiny.model("gpt2", "causal-lm")
    options: dict[str, Any] = {"num_features": 9, "num_samples": 12}
    twice = LimeTextExplainer(random_state=0).explain_instance("the cat on the mat", tooling.to_lime(bert), **options)
    wide = LimeTextExplainer(random_state=0, split_expression=r"\s+")
    cut = wide.explain_instance("cat, mat", tooling.to_lime(bert), **options)
    unnamed = LimeTextExplainer().explain_instance("cat sat", tooling.to_lime(gpt2, ["the"]), **options)
    error: type[Exception]
    for model, explanation, label, error, message in (
        (bert, twice, 1, errors.OptionError, "one coefficient for the 2 places of 'the'"),
        (bert, cut, 1, errors.OptionError, "'cat,' spans several words"),
        (bert, cut, 0, errors.UnknownTargetError, r"explained columns \[1\], and not 0: .* labels=\(0,\)"),
        (bert, cut, "LABEL_9", errors.UnknownTargetError, "no.* label 'LABEL_9'; it knows: LABEL_0"),
        (gpt2, unnamed, 1, errors.UnknownTargetError, "column 1 has no name"),
        (tiny.model("bert", "classifier", 1), cut, 1, errors.OptionError, "gives 'LABEL_1'"),
        (bert, "cut", 1, errors.OptionError, "LimeTextExplainer"),
    ):
        with pytest.raises(error, match=message):
            tooling.from_lime(model, explanation, label)  # type: ignore[arg-type]
    for model, labels, error, message in (
        (gpt2, None, errors.UnknownTargetError, "name the next tokens"),
        (gpt2, [], errors.UnknownTargetError, "at least one"),
        (gpt2, ["the", "the"], errors.UnknownTargetError, "each once"),
        (gpt2, ["unbelievable"], errors.MultiTokenTargetError, "tokens of"),
        (bert, ["fine"], errors.UnknownTargetError, "no label 'fine'"),
        (tiny.model("bert", "masked-lm"), None, errors.UnsupportedArchitectureError, "fills a mask"),
    ):
        with pytest.raises(error, match=message):
            tooling.to_lime(model, labels)  # type: ignore[arg-type]
    with pytest.raises(errors.TextTooLongError, match="reads at most 192"):
        tooling.to_lime(bert)(["cat " * 300])


@pytest.mark.parametrize(
    ("family", "kind", "labels", "columns"),
    [("bert", "classifier", None, 3), ("bert", "classifier", [0], 2), ("gpt2", "causal-lm", [5, 6], 3)],
)
def test_no_texts_have_no_rows_and_one_string_is_no_list(family: str, kind: Any, labels: Any, columns: int) -> None:
    ask = tooling.to_lime(tiny.model(family, kind), labels)
    assert ask([]).shape == (0, columns) and ask([tiny.TEXT]).shape == (1, columns)
    with pytest.raises(errors.OptionError, match="texts='abc': give a list of texts"):
        ask("abc")


# --- models from inside ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "kind"), [PEERS[0], PEERS[1], PEERS[4]])
def test_transformer_lens_has_our_activations(family: str, kind: Any) -> None:
    model = double(family, kind)
    encoded = model.encode(tiny.text_for(model))
    with tiny.untouched(model):
        logits, theirs = tooling.to_transformer_lens(model).run_with_cache(encoded.ids)
    ours_logits, ours = circuits.run_with_cache(model, encoded.text)
    off = SINGLE if family == "llama" else 1e-12
    assert near(ours_logits, logits[0].detach(), off)
    for layer in range(model.n_layers):
        for site in ("resid_post", "z", "pattern"):
            assert near(ours[site, layer], theirs[f"blocks.{layer}.{circuits.sites.NAMES[site]}"][0].detach(), off)
    for head in (None, 2):
        a = tooling.from_attention(
            model,
            encoded.text,
            theirs["blocks.1.attn.hook_pattern"],
            layer=1,
            head=head,
            library="transformer-lens",
        )
        assert_is_raw_attention(a, model, encoded.text, 1, head, off)


def assert_is_raw_attention(
    a: xai.Attribution, model: xai.TextModel, text: str, layer: int, head: int | None, off: float
) -> None:
    ours = xai.raw_attention(model, text, layer=layer, head=head)
    assert near(ours.matrix, a.matrix, off) and near(ours.scores, a.scores, off)
    assert (a.method, a.units, a.position, a.total, a.target) == (
        ours.method,
        ours.units,
        ours.position,
        ours.total,
        ours.target,
    )
    assert a.options == ours.options and xai.reproduce(a, model).scores == pytest.approx(a.scores, abs=off)


@pytest.mark.parametrize(("family", "kind"), [("distilbert", "masked-lm"), *(PEERS[i] for i in (2, 3, 5))])
def test_what_transformer_lens_does_not_know_is_named(family: str, kind: Any) -> None:
    with pytest.raises(errors.UnsupportedArchitectureError, match=r"does not know \w+For\w+.*to_nnsight"):
        tooling.to_transformer_lens(tiny.model(family, kind))


BLOCKS = {"gpt2": "transformer.h", "llama": "model.layers", "bert": "bert.encoder.layer"}
BLOCKS["distilbert"] = "distilbert.transformer.layer"


@REMARKS
@pytest.mark.parametrize(("family", "kind"), PEERS)
def test_nnsight_has_our_activations(family: str, kind: Any) -> None:
    model = double(family, kind)
    text, side = tiny.text_for(model), model.tokenizer.padding_side
    encoded = model.encode(text)
    with tiny.untouched(model):
        peer = tooling.to_nnsight(model)
        block = peer.get(f"{BLOCKS[family]}.1")
        attention = block.attn if family == "gpt2" else block.self_attn if family == "llama" else block.attention
        attention = attention.self if family == "bert" else attention
        for given in (text, encoded.ids):
            with torch.no_grad(), peer.trace(given):
                pattern = attention.output[1].save()
                after = block.output.save()
                logits = peer.output.logits.save()
            off = SINGLE if family == "llama" else 1e-12
            ours_logits, ours = circuits.run_with_cache(model, text)
            assert near(ours_logits, logits[0], off) and near(ours["resid_post", 1], after[0], off)
            for head in (None, 3):
                a = tooling.from_attention(model, text, pattern, layer=1, head=head, library="nnsight")
                assert_is_raw_attention(a, model, text, 1, head, off)
    assert model.tokenizer.padding_side == side and peer.tokenizer is not model.tokenizer
    assert peer._module is not model.model


def test_patterns_that_are_none_are_refused() -> None:
    model = tiny.model("gpt2", "causal-lm")
    pattern = attention_weights(model, tiny.TEXT)[0]
    n = len(pattern[0])
    wider = np.pad(pattern, ((0, 0), (1, 0), (1, 0)))
    options: dict[str, Any] = {"layer": 0, "library": "nnsight"}
    for given, more, error, message in (
        (wider, {}, errors.OptionError, rf"shape \(4, {n + 1}, {n + 1}\).*{n} tokens.*A token more"),
        (pattern[:3], {}, errors.OptionError, "each layer 4 heads"),
        (np.log(pattern + 1e-9), {}, errors.OptionError, "after the softmax"),
        (2 * pattern - np.eye(n), {}, errors.OptionError, "below 0"),  # the rows still add up to 1
        ("pattern", {}, errors.OptionError, "pattern: give a tensor or an array of numbers, got str"),
        ([[1.0], [0.5, 0.5]], {}, errors.OptionError, "pattern: give a tensor"),
        (pattern, {"layer": 3}, errors.LayerRangeError, "layers 0 to 2"),
        (pattern, {"head": 4}, errors.HeadRangeError, "heads 0 to 3"),
        (pattern, {"library": "no library"}, errors.OptionError, "'transformer-lens'"),
    ):
        with pytest.raises(error, match=message):
            tooling.from_attention(model, tiny.TEXT, given, **(options | more))
    one = tooling.from_attention(model, tiny.TEXT, torch.from_numpy(pattern[2]), head=2, **options)
    assert_is_raw_attention(one, model, tiny.TEXT, 0, 2, 1e-12)


# --- bertviz --------------------------------------------------------------------------------------------------------


def drawn(page: str, before: str) -> dict[str, Any]:
    """What the page's script was given."""
    return json.JSONDecoder().raw_decode(page[page.index(before) + len(before) :])[0]


@pytest.mark.parametrize(("family", "kind"), PEERS)
def test_bertviz_draws_our_attention(family: str, kind: Any) -> None:
    model = double(family, kind)
    text = tiny.text_for(model)
    with tiny.untouched(model):
        given = tooling.to_bertviz(model, text)
    expected = attention_weights(model, text)
    for view in (bertviz.head_view, bertviz.model_view):
        page = view(**given, html_action="return").data
        (shown,) = drawn(page, "const params = ")["attention"]
        tokens = [unit.text for unit in model.encode(text).units]
        assert shown["left_text"] == shown["right_text"] == tokens
        assert near(expected, shown["attn"], 1e-12)


@pytest.mark.parametrize(("family", "kind"), [PEERS[i] for i in (0, 2, 3, 4, 5)] + [("roberta", "masked-lm")])
def test_the_neuron_view_multiplies_our_queries_and_keys(family: str, kind: Any) -> None:
    model = double(family, kind)
    text = tiny.text_for(model)
    with tiny.untouched(model):
        given = tooling.to_bertviz_neurons(model, text)
    params = drawn(bertviz.neuron_view.show(**given, html_action="return").data, "window.bertviz_params = ")
    shown = params["attention"]["all"]
    queries, keys, weights = (np.array(shown[name]) for name in ("queries", "keys", "attn"))
    assert near(attention_weights(model, text), weights, 1e-12)
    products = queries @ keys.swapaxes(-1, -2) / np.sqrt(queries.shape[-1])
    if model.architecture.decoder:
        products = np.where(np.tri(products.shape[-1], dtype=bool), products, -np.inf)
    softmax = np.exp(products - products.max(-1, keepdims=True))
    assert near(weights, softmax / softmax.sum(-1, keepdims=True), 1e-9)
    ours, bidirectional = [unit.text for unit in model.encode(text).units], params["bidirectional"]
    named = shown["left_text"] if family != "roberta" else ["<s>", *shown["left_text"][1:-1], "</s>"]
    assert named == ours and bidirectional is not model.architecture.decoder


@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2", "qwen3", "gpt_neox"])
def test_the_neuron_view_can_not_show_turned_queries(family: str) -> None:
    with pytest.raises(errors.UnsupportedArchitectureError, match=f"{family} turns queries and keys.*to_bertviz"):
        tooling.to_bertviz_neurons(tiny.model(family, "causal-lm"), tiny.TEXT)


# --- all ------------------------------------------------------------------------------------------------------------

TO: dict[str, Callable[..., Any]] = {
    "to_captum": lambda model: tooling.to_captum(model, tiny.TEXT),
    "from_captum_llm": lambda model: tooling.from_captum_llm(model, tiny.TEXT, None),
    "to_shap": lambda model: tooling.to_shap(model, tiny.TEXT),
    "to_lime": tooling.to_lime,
    "from_lime": lambda model: tooling.from_lime(model, None, 1),  # type: ignore[arg-type]
    "to_transformer_lens": tooling.to_transformer_lens,
    "to_nnsight": tooling.to_nnsight,
    "from_attention": lambda model: tooling.from_attention(model, tiny.TEXT, [], layer=0, library="nnsight"),
    "to_bertviz": lambda model: tooling.to_bertviz(model, tiny.TEXT),
    "to_bertviz_neurons": lambda model: tooling.to_bertviz_neurons(model, tiny.TEXT),
}


@pytest.mark.parametrize("name", TO)
def test_what_is_no_model_is_named(name: str) -> None:
    with pytest.raises(errors.UnsupportedArchitectureError, match=f"{name} explains a TextModel, got str"):
        TO[name]("gpt2")


@pytest.mark.parametrize("explain", ["to_captum", "to_shap"])
def test_the_model_is_as_it_was(explain: str) -> None:
    tiny.assert_leaves_untouched(
        tiny.model_in(torch.float32, "gpt2", "causal-lm"), getattr(tooling, explain), backward=False
    )


@pytest.mark.parametrize(
    ("library", "name"),
    [
        ("captum.attr", "from_captum_llm"),
        ("shap", "to_shap"),
        ("transformer_lens.factories.architecture_adapter_factory", "to_transformer_lens"),
        ("nnsight.modeling.transformers", "to_nnsight"),
    ],
)
def test_what_is_not_installed_is_named(library: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(errors.InstallationError, match=rf"needs {library.split('.')[0]}, .*python -m pip install"):
        TO[name](tiny.model("gpt2", "causal-lm"))


def test_the_course_reaches_it() -> None:
    assert xai.tooling is tooling

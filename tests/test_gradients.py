"""Saliency and input x gradient: finite differences, completeness where it holds, captum's numbers."""

from __future__ import annotations

import concurrent.futures
from typing import Any

import captum.attr
import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import xai_helpers as xai
from xai_helpers import errors, gradients, laws
from xai_helpers.architectures import hooked

DOUBLE = ("gpt2", "bert", "roberta", "distilbert")  # the others drop to single precision inside, whatever their dtype
METHODS = (xai.saliency, xai.input_x_gradient)


def value_at(model: xai.TextModel, text: str, target: Any, move: torch.Tensor) -> float:
    """The target's value with the tokens' embeddings moved."""
    with hooked(model.model.get_input_embeddings(), lambda module, args, output: output + move):
        return model.value(text, target)


@settings(max_examples=40, deadline=None)
@given(
    place=st.sampled_from([pair for pair in tiny.KINDS if pair[0] in DOUBLE]),
    seed=st.integers(0, 2**16),
    output=st.sampled_from(("logit", "probability", "log_probability")),
    contrast=st.booleans(),
)
def test_the_gradient_is_a_finite_difference(place: Any, seed: int, output: Any, contrast: bool) -> None:
    model = tiny.model_in(torch.float64, *place, seed=seed % 3)
    text, target = tiny.text_for(model), xai.Target(1, versus=0 if contrast else None, output=output)
    found = gradients.embedding_gradient(model, text, target)
    direction = torch.randn(found.embeddings.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    direction /= direction.norm()
    h = 1e-5
    slope = (value_at(model, text, target, h * direction) - value_at(model, text, target, -h * direction)) / (2 * h)
    # The difference is off by about h^2 times a third derivative, and by a rounding of the value divided by h.
    assert float((found.gradient * direction).sum()) == pytest.approx(slope, rel=1e-6, abs=1e-8)
    assert found.value == model.value(text, target)


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_captum_agrees(family: str, kind: Any) -> None:
    model = tiny.model(family, kind)
    text = tiny.text_for(model)
    encoded = model.encode(text)
    place = model.resolve(1, text).position

    def forward(embeddings: torch.Tensor) -> torch.Tensor:
        logits = model.model(inputs_embeds=embeddings, attention_mask=encoded.mask).logits
        return logits if kind == "classifier" else logits[:, place]

    embeddings = model.model.get_input_embeddings()(encoded.ids).detach().requires_grad_()
    theirs = captum.attr.InputXGradient(forward).attribute(embeddings, target=1)[0].sum(-1)
    ours = xai.input_x_gradient(model, text, 1)
    # float32: two orders of summation of gradients of this size
    scale = np.abs(ours.scores).max()
    assert np.allclose(ours.scores, theirs.detach().numpy(), rtol=1e-5, atol=1e-6 * scale)
    sizes = captum.attr.Saliency(forward).attribute(embeddings, target=1)[0]
    for norm, number in (("l1", sizes.sum(-1)), ("l2", sizes.norm(dim=-1)), ("max", sizes.amax(-1))):
        saliency = xai.saliency(model, text, 1, norm=norm)  # type: ignore[arg-type]
        assert np.allclose(saliency.scores, number.detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_input_x_gradient_is_complete_on_a_relu_network_without_biases(seed: int) -> None:
    """DistilBERT without attention, norms, positions and biases is such a network: f(x) = x . gradient (Euler)."""
    model = tiny.model_in(torch.float64, "distilbert", "classifier", seed=seed, activation="relu")
    network = model.model
    network.distilbert.embeddings.LayerNorm = nn.Identity()
    for block in network.distilbert.transformer.layer:
        block.sa_layer_norm = block.output_layer_norm = nn.Identity()
    with torch.no_grad():
        network.distilbert.embeddings.position_embeddings.weight.zero_()
        for name, parameter in network.named_parameters():
            if name.endswith("bias") or "out_lin" in name:
                parameter.zero_()
    for target in range(3):
        a = xai.input_x_gradient(model, tiny.TEXT, target)
        assert laws.completeness(a.total or 0.0, a.scores) < 1e-12 * max(1.0, abs(a.total or 0.0))
        assert np.abs(a.scores).sum() > 0.1
    # with a bias it is not
    with torch.no_grad():
        network.classifier.bias.fill_(1.0)
    a = xai.input_x_gradient(model, tiny.TEXT, 0)
    assert a.gap == pytest.approx(1.0)


@pytest.mark.parametrize("family", DOUBLE)
def test_a_contrast_is_a_difference(family: str) -> None:
    model = tiny.model_in(torch.float64, family, "classifier")
    one, other = (xai.input_x_gradient(model, tiny.TEXT, target) for target in (0, 2))
    both = xai.input_x_gradient(model, tiny.TEXT, xai.Target(0, versus=2))
    assert np.allclose(both.scores, one.scores - other.scores, rtol=0, atol=1e-12)
    assert both.total == pytest.approx((one.total or 0.0) - (other.total or 0.0), rel=1e-12)


@pytest.mark.parametrize("family", tiny.DECODERS)
def test_what_comes_after_the_readout_counts_nothing(family: str) -> None:
    model = tiny.model(family, "causal-lm")
    for method in METHODS:
        scores = method(model, tiny.TEXT, xai.Target(5, position=3)).scores
        assert (scores[4:] == 0).all() and (scores[:4] != 0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("family", ["gpt2", "llama", "bert", "distilbert"])
def test_half_precision_is_near_single(family: str, dtype: torch.dtype) -> None:
    half, single = (tiny.model_in(kind, family, "classifier") for kind in (dtype, torch.float32))
    for method in METHODS:
        a, b = method(half, tiny.TEXT, 1).scores, method(single, tiny.TEXT, 1).scores
        # three random layers blow up roundings of 2^-8 (bfloat16) and 2^-11
        assert np.abs(a - b).max() < {torch.float16: 0.05, torch.bfloat16: 0.4}[dtype] * np.abs(b).max()


def test_gradients_come_whatever_the_caller_has_switched_off() -> None:
    model = tiny.model_in(torch.float32, "gpt2", "causal-lm")
    expected = xai.input_x_gradient(model, tiny.TEXT).scores
    for parameter in model.model.parameters():
        parameter.requires_grad_(False)
    for context in (torch.no_grad(), torch.inference_mode(), torch.enable_grad()):
        with context, tiny.untouched(model):
            assert np.array_equal(xai.input_x_gradient(model, tiny.TEXT).scores, expected)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_the_model_is_as_it_was(family: str, method: Any) -> None:
    tiny.assert_leaves_untouched(tiny.model_in(torch.float32, family, "classifier"), method)


def test_threads_take_turns() -> None:
    """Three threads explain one model, each in its own way; none disturbs another, and the model is as it was."""
    model = tiny.model_in(torch.float32, "gpt2", "causal-lm")
    methods = (xai.input_x_gradient, xai.lrp, xai.chefer_relevance)
    expected = [method(model, tiny.TEXT) for method in methods]
    with tiny.untouched(model), concurrent.futures.ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda k: (k % 3, methods[k % 3](model, tiny.TEXT)), range(30)))
    assert all(a == expected[k] for k, a in found)


def test_bad_input_is_named() -> None:
    model = tiny.model("gpt2", "causal-lm")
    for norm in ("l3", ["l2"], None, 2):
        with pytest.raises(errors.OptionError, match="'l1'"):
            xai.saliency(model, tiny.TEXT, norm=norm)  # type: ignore[arg-type]
    in_training = tiny.model_in(torch.float32, "gpt2", "causal-lm")
    in_training.model.train()
    for method in (*METHODS, xai.chefer_relevance, xai.lrp):
        with pytest.raises(errors.OptionError, match=r"model\.eval"):
            method(in_training, tiny.TEXT)
    for method in METHODS:
        with pytest.raises(errors.UnsupportedArchitectureError, match=r"xai\.load"):
            method("gpt2", tiny.TEXT)
        with pytest.raises(errors.TargetRangeError):
            method(model, tiny.TEXT, 10**6)
        with pytest.raises(errors.EmptyTextError):
            method(model, " ")

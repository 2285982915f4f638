"""LRP's backward pass: each module carries its rule, and the model is itself again afterwards."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import xai_helpers as xai
from xai_helpers import errors, propagation
from xai_helpers.architectures import blocks_of, hooked
from xai_helpers.propagation import RULES
from xai_helpers.relevance import lrp_0, lrp_gamma, relevance_flow

double = torch.float64


@settings(max_examples=50, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5)),
    seed=st.integers(0, 2**16),
    gamma=st.sampled_from((0.0, 0.25, 5.0)),
    epsilon=st.sampled_from((0.0, 0.1)),
)
def test_the_backward_pass_carries_the_rule(shape: Any, seed: int, gamma: float, epsilon: float) -> None:
    """Input times modified gradient is the rule on the layer, for inputs, bias and stabiliser."""
    rng = torch.Generator().manual_seed(seed)
    n, inputs, outputs = shape
    x, weight, bias, slope = (
        torch.randn(s, generator=rng, dtype=double) for s in ((n, inputs), (outputs, inputs), (outputs,), (n, outputs))
    )
    stabiliser = torch.tensor(epsilon, dtype=double)
    leaves = [t.requires_grad_() for t in (x, bias, stabiliser)]
    z = propagation.Linear.apply(x, weight, bias, stabiliser, gamma)
    shares = [t.detach() * g for t, g in zip(leaves, torch.autograd.grad(z, leaves, slope), strict=True)]
    with torch.no_grad():
        rule = lrp_gamma(x, weight, bias, z * slope, gamma, epsilon)
        as_input = lrp_gamma(  # the bias as one more input that is always 1
            torch.cat([x, torch.ones(n, 1)], -1),
            torch.cat([weight, bias[:, None]], -1),
            None,
            z * slope,
            gamma,
            epsilon,
        )
    assert torch.allclose(shares[0], rule, rtol=1e-8, atol=1e-10)
    assert shares[1].sum().item() == pytest.approx(as_input[:, -1].sum().item(), rel=1e-8, abs=1e-10)
    total = math.fsum(share.sum().item() for share in shares)
    assert total == pytest.approx((z * slope).sum().item(), rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_heads_weights_and_neurons_have_what_their_layer_hands_them(family: str, kind: Any, rule: Any) -> None:
    """A head's weights have half of what its output has (AttnLRP), and neurons what LRP-0 hands to them."""
    model = tiny.model_in(double, family, kind)
    read: list[tuple[torch.Tensor, torch.Tensor]] = []

    def keep(layer: nn.Module, args: Any, output: torch.Tensor) -> None:
        output.retain_grad()
        read.append((args[0].detach(), output))

    text, places = tiny.text_for(model), model.architecture
    layers = [block.get_submodule(places.neurons) for block in blocks_of(model.model)]
    with contextlib.ExitStack() as stack:
        for layer in layers:
            stack.enter_context(hooked(layer, keep))
        ledger = stack.enter_context(propagation.lrp_rules(model, rule, 0.0, 0.0))
        encoded = model.encode(text)
        model.readout_value(encoded, model.forward(encoded), 1)[1].backward()
    assert ledger.entries
    for parameter in model.model.parameters():
        parameter.grad = None
    flow = relevance_flow(model, text, 1, rule=rule)
    for neurons, layer, (x, output) in zip(flow.neurons, layers, read, strict=True):
        weight = layer.weight.detach().T if isinstance(layer, propagation.Conv1D) else layer.weight.detach()
        expected = lrp_0(x, weight, layer.bias, output.detach() * output.grad)[0]
        assert np.allclose(neurons, expected.detach().numpy(), rtol=1e-9, atol=1e-12)
    half = flow.heads.transpose(0, 2, 1) / 2 if rule == "attn-lrp" else np.zeros_like(flow.weights[..., 0])
    assert np.allclose(flow.weights.sum(-1), half, rtol=1e-9, atol=1e-12)


def test_it_runs_whatever_the_caller_has_switched_off() -> None:
    model = tiny.model_in(torch.float32, "gpt2", "causal-lm")
    expected = xai.lrp(model, tiny.TEXT)
    model.model.set_attn_implementation("sdpa")  # it brings its own
    for parameter in model.model.parameters():
        parameter.requires_grad_(False)
    for context in (torch.no_grad(), torch.inference_mode()):
        with context:
            a = xai.lrp(model, tiny.TEXT)
        assert np.array_equal(a.scores, expected.scores) and a.absorbed == expected.absorbed
    assert model.config._attn_implementation == "sdpa"


def test_a_layer_without_a_rule_is_named() -> None:
    model = tiny.model_in(double, "gpt2", "causal-lm")
    for stranger in (nn.Sigmoid(), nn.Softplus(), nn.PReLU(dtype=double), nn.BatchNorm1d(3)):
        model.model.transformer.h[1].mlp.act = stranger
        if isinstance(stranger, nn.PReLU):
            assert abs(xai.lrp(model, tiny.TEXT).gap or 0.0) < 1e-10  # 0 at 0: the identity rule holds
            continue
        name = type(stranger).__name__
        with pytest.raises(errors.UnsupportedArchitectureError, match=name):
            xai.lrp(model, tiny.TEXT)


def test_a_model_that_shares_its_config_goes_on_with_its_own_attention() -> None:
    model = tiny.model_in(torch.float32, "gpt2", "causal-lm")
    other = xai.wrap(type(model.model)(model.config), model.tokenizer)
    expected, seen = other.value(tiny.TEXT, 1), []
    with hooked(model.model.transformer.h[1], lambda *_: seen.append(other.value(tiny.TEXT, 1))):
        xai.lrp(model, tiny.TEXT)
    assert seen == [expected]


@pytest.mark.parametrize("options", [{}, {"rule": "cp-lrp"}, {"gamma": 0.25, "epsilon": 1e-3}])
@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_the_model_is_as_it_was(family: str, kind: Any, options: dict[str, Any]) -> None:
    model = tiny.model_in(torch.float32, family, kind)
    next(model.model.parameters()).requires_grad_(False)
    tiny.assert_leaves_untouched(model, lambda *args: xai.lrp(*args, **options))
    assert not propagation._LEDGERS


def test_one_explanation_of_a_model_after_the_other() -> None:
    model, again = tiny.model_in(torch.float32, "gpt2", "causal-lm"), []
    nested = hooked(model.model.transformer.h[1], lambda *_: again.append(xai.lrp(model, tiny.TEXT)))
    with nested, pytest.raises(errors.OptionError, match="already"):
        xai.lrp(model, tiny.TEXT)
    assert not again and not propagation._LEDGERS

"""LRP: conservation to the last digits in every family, single layers by hand, captum's and lxt's numbers."""

from __future__ import annotations

import copy
import itertools
import json
import math
from pathlib import Path
from typing import Any

import captum.attr
import numpy as np
import pytest
import tiny
import torch
from captum.attr._utils.lrp_rules import EpsilonRule, GammaRule, IdentityRule
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from torch import nn

import xai_helpers as xai
from peers.models import cases
from xai_helpers import errors, relevance
from xai_helpers.attribution import Attribution
from xai_helpers.editing import edited_attention
from xai_helpers.relevance import lrp_0, lrp_epsilon, lrp_gamma, product_rule, relevance_flow, softmax_rule

RULES = relevance.RULES
# The gap's share of all that is handed out. Rounding alone: some thousand sums of numbers of either sign.
CLOSED = {torch.float64: 1e-13, torch.float32: 1e-5, torch.float16: 0.03, torch.bfloat16: 0.2}
REFERENCES = Path(__file__).parent / "references" / "lxt.safetensors"
double = torch.float64


def share_of_gap(a: Attribution) -> float:
    handed_out = np.abs(a.scores).sum() + sum(abs(x) for x in a.absorbed.values())
    assert a.gap is not None
    return abs(a.gap) / handed_out


# --- conservation ---------------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(
    place=st.sampled_from(tiny.KINDS),
    dtype=st.sampled_from((torch.float32, torch.float64)),
    rule=st.sampled_from(RULES),
    epsilon=st.sampled_from((0.0, 1e-6, 0.01, 1.0)),
    gamma=st.sampled_from((0.0, 0.25, 10.0)),
    layer=st.sampled_from((None, 0, 1, 2, 3)),
    output=st.sampled_from(("logit", "probability", "log_probability")),
    contrast=st.booleans(),
    seed=st.integers(0, 2),
)
def test_relevance_is_conserved(place: Any, dtype: Any, output: Any, contrast: bool, seed: int, **options: Any) -> None:
    model = tiny.model_in(dtype, *place, seed=seed)
    target = xai.Target(2, versus=0 if contrast else None, output=output)
    a = xai.lrp(model, tiny.text_for(model), target, **options)
    assert np.abs(a.scores).sum() > 0
    assert ("output" in a.absorbed) == (output != "logit")
    if options["layer"] is None:
        assert share_of_gap(a) < CLOSED[dtype]
        assert ("epsilon" in a.absorbed) == (options["epsilon"] > 0)
        assert (a.absorbed["softmax"] == 0) == (options["rule"] == "cp-lrp")
    else:  # the last vector may be all that is left, and its components cancel: rounding is that of a logit of size 1
        assert abs(a.gap or 0.0) < CLOSED[dtype]
    # Norms and softmax keep the model's precision here; some families drop to single precision inside.
    assert a.total == pytest.approx(model.value(tiny.text_for(model), target), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_relevance_is_conserved_in_half_precision_as_far_as_it_rounds(family: str, rule: Any, dtype: Any) -> None:
    model = tiny.model_in(dtype, family, "classifier")
    for options in ({}, {"gamma": 0.25, "epsilon": 1e-3}):
        a = xai.lrp(model, tiny.TEXT, 1, rule=rule, **options)  # type: ignore[arg-type]
        assert share_of_gap(a) < CLOSED[dtype]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_each_depth_hands_on_what_it_does_not_absorb(family: str, kind: Any, rule: Any) -> None:
    model = tiny.model_in(double, family, kind)
    text = tiny.text_for(model)
    flow = relevance_flow(model, text, 1, rule=rule, gamma=0.1)
    n, total = len(flow.encoded.units), flow.total
    assert flow.stream.shape == (4, n) and flow.heads.shape == (3, n, 4) and flow.weights.shape == (3, 4, n, n)
    assert flow.neurons.shape[:2] == (3, n)
    above = total
    for depth in range(4, -1, -1):
        above -= math.fsum(flow.absorbed[depth].values())
        level = flow.stream[depth - 1] if depth else flow.tokens
        assert level.sum() == pytest.approx(above, rel=1e-10, abs=1e-10)
    for layer in (None, *range(4)):
        a = xai.lrp(model, text, 1, rule=rule, gamma=0.1, layer=layer)
        assert np.array_equal(a.scores, flow.tokens if layer is None else flow.stream[layer])
    assert (np.delete(flow.stream[3], flow.target.position) == 0).all()  # only what is read has relevance at the top


def test_the_share_of_heads_neurons_and_weights_by_hand() -> None:
    """One layer, no MLP, no norm: what heads carry is the logit but for the residual connection's part."""
    from test_gradient_attention import word_model

    model = word_model()  # the logit of b: 2 by the residual connection, (0 + 4 + 2) / 3 by attention
    for rule in RULES:
        flow = relevance_flow(model, "a b c", "b", rule=rule)
        assert flow.heads.sum() == pytest.approx(2) and flow.heads[0, 2, 0] == pytest.approx(2)
        assert flow.neurons.sum() == 0
        assert np.allclose(flow.stream, [flow.tokens, [0, 0, 4]])
    # Constants keep all of it in the values: b gets 4/3, c gets 2/3 and 2 by the residual connection.
    assert np.allclose(xai.lrp(model, "a b c", "b", rule="cp-lrp").scores, [0, 4 / 3, 2 / 3 + 2])
    # AttnLRP gives half to the weights, where the softmax, of scores that are all 0, absorbs it.
    a = xai.lrp(model, "a b c", "b")
    assert np.allclose(a.scores, [0, 2 / 3, 1 / 3 + 2]) and a.absorbed["softmax"] == pytest.approx(1)
    flow = relevance_flow(model, "a b c", "b")
    assert np.allclose(flow.weights[0, 0, 2], [0, 2 / 3, 1 / 3])


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_what_is_absorbed_is_named_by_what_the_family_has(family: str) -> None:
    absorbed = set(xai.lrp(tiny.model(family, "classifier"), tiny.TEXT).absorbed)
    expected = {"softmax"}
    expected |= {"positions"} if family in ("gpt2", *tiny.ENCODERS) else set()
    expected |= {"token types"} if family in ("bert", "roberta") else set()
    expected |= {"biases"} if family not in ("llama", "mistral", "qwen3") else set()
    assert absorbed == expected


@pytest.mark.parametrize("family", tiny.DECODERS)
@pytest.mark.parametrize("rule", RULES)
def test_what_comes_after_the_readout_gets_nothing(family: str, rule: Any) -> None:
    model = tiny.model(family, "causal-lm")
    scores = xai.lrp(model, tiny.TEXT, xai.Target(5, position=3), rule=rule).scores
    assert (scores[4:] == 0).all() and (scores[:4] != 0).all()


@pytest.mark.parametrize("family", ["gpt2", "bert", "distilbert", "llama"])
def test_a_contrast_is_a_difference(family: str) -> None:
    """Of LRP-0, which is linear in the relevance that it starts with."""
    model = tiny.model_in(double, family, "classifier")
    for rule in RULES:
        one, other = (xai.lrp(model, tiny.TEXT, target, rule=rule) for target in (0, 2))
        both = xai.lrp(model, tiny.TEXT, xai.Target(0, versus=2), rule=rule)
        assert np.allclose(both.scores, one.scores - other.scores, rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_on_a_relu_network_without_biases_it_is_input_x_gradient(seed: int) -> None:
    """DistilBERT without attention, norms and biases (see test_gradients)."""
    model = tiny.model_in(double, "distilbert", "classifier", seed=seed, activation="relu")
    for block in model.model.distilbert.transformer.layer:
        block.sa_layer_norm = block.output_layer_norm = nn.Identity()
    model.model.distilbert.embeddings.LayerNorm = nn.Identity()
    with torch.no_grad():
        for name, parameter in model.model.named_parameters():
            if name.endswith("bias") or "out_lin" in name:
                parameter.zero_()
    a = xai.lrp(model, tiny.TEXT, 1)
    assert np.allclose(a.scores, xai.input_x_gradient(model, tiny.TEXT, 1).scores, rtol=1e-10, atol=0)
    assert set(a.absorbed) == {"positions", "biases", "softmax"} and a.absorbed["biases"] == 0


# --- single layers --------------------------------------------------------------------------------------------------


def tensor(*numbers: float) -> torch.Tensor:
    return torch.tensor(numbers, dtype=double)


def test_two_linear_layers_by_hand() -> None:
    """x = (1, 2, 3), three hidden units that add 2 x, an output that adds 3 times those: 108, shared as 1 to 2 to 3.

    With one weight -2 in place of 2 a hidden unit has 8 in place of 12, and gives its 24 of the output's 96 back as -2,
    4 and 6 of 8; with gamma = 1 as -2, 8 and 12 of 18.
    """
    x, first, second = tensor(1, 2, 3), torch.full((3, 3), 2.0, dtype=double), torch.full((1, 3), 3.0, dtype=double)
    hidden = x @ first.T
    assert torch.allclose(lrp_0(x, first, None, lrp_0(hidden, second, None, tensor(108))), tensor(18, 36, 54))
    first[0, 0] = -2
    hidden = x @ first.T
    of_hidden = lrp_gamma(hidden, second, None, tensor(96), 0.25)
    assert torch.allclose(of_hidden, tensor(24, 36, 36))
    assert torch.allclose(lrp_0(x, first, None, of_hidden), tensor(-6 + 12, 12 + 24, 18 + 36))
    assert torch.allclose(lrp_gamma(x, first, None, of_hidden, 1.0), tensor(28 / 3, 104 / 3, 52))


def test_gamma_by_hand() -> None:
    """x = (1, 2, 3), all weights 2 but one that is -2, then a layer of threes."""
    x = tensor(1, 2, 3)
    first = tensor(-2, 2, 2).unsqueeze(0)  # one hidden unit: -2 + 4 + 6 = 8
    hidden = x @ first.T
    assert torch.allclose(lrp_0(x, first, None, hidden), tensor(-2, 4, 6))
    # gamma = 1: positive contributions count twice, -2 + 8 + 12 = 18
    assert torch.allclose(lrp_gamma(x, first, None, hidden, 1.0), tensor(-2, 8, 12) * 8 / 18)
    # of an output below 0 what pulls it down counts twice: x = (3, 1, 0), -6 + 2 = -4, counted -12 + 2 = -10
    down = tensor(3, 1, 0)
    assert torch.allclose(lrp_gamma(down, first, None, tensor(-4), 1.0), tensor(-12, 2, 0) * -4 / -10)
    # a bias takes part: b = 2, z = 10, counted -2 + 8 + 12 + 4 = 22
    assert torch.allclose(lrp_gamma(x, first, tensor(2), tensor(10), 1.0), tensor(-2, 8, 12) * 10 / 22)


def test_epsilon_by_hand() -> None:
    x, weight = tensor(3, -2), tensor(1, 1).unsqueeze(0)  # 3 - 2 = 1
    assert torch.allclose(lrp_epsilon(x, weight, None, tensor(1), 1.0), tensor(1.5, -1))
    assert torch.allclose(lrp_epsilon(-x, weight, None, tensor(-1), 1.0), tensor(-1.5, 1))
    assert torch.allclose(lrp_0(x, weight, tensor(4), tensor(5)), tensor(3, -2))  # the bias keeps its 4
    assert torch.isfinite(lrp_0(tensor(1, -1), weight, None, tensor(1))).all()  # z = 0


def test_attention_rules_by_hand() -> None:
    # softmax of (0, log 3) is (1/4, 3/4); R = (1, 2), sum 3: x (R - y sum R) = log 3 (2 - 9/4)
    assert torch.allclose(softmax_rule(tensor(0, math.log(3)), tensor(1, 2)), tensor(0, -math.log(3) / 4))
    # (1 2) (3 4)^T = 11, of which 3 by the first pair and 8 by the second: half to each factor
    a, b = tensor(1, 2).unsqueeze(0), tensor(3, 4).unsqueeze(1)
    to_a, to_b = product_rule(a, b, tensor(11).unsqueeze(0))
    assert torch.allclose(to_a, tensor(1.5, 4).unsqueeze(0)) and torch.allclose(to_b, tensor(1.5, 4).unsqueeze(1))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**16), n=st.integers(1, 6))
def test_the_softmax_remainder_is_what_the_rule_keeps(seed: int, n: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    scores, slope = (torch.randn((2, n, n), generator=rng, dtype=double) for _ in range(2))
    scores = scores.masked_fill(~torch.ones(n, n).tril().bool(), -math.inf)
    weights = scores.softmax(-1)
    handed_on = softmax_rule(scores, weights * slope).sum()
    assert relevance.softmax_remainder(weights, slope) == pytest.approx(
        float((weights * slope).sum() - handed_on), rel=1e-10, abs=1e-10
    )


# --- peers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rule", ["epsilon", "gamma"])
def test_captum_agrees_on_relu_networks(rule: str, seed: int) -> None:
    """Gamma with positive inputs, outputs and no bias: captum's rule knows no signs, and leaves biases as they are."""
    torch.manual_seed(seed)
    layers = [nn.Linear(a, b, bias=rule == "epsilon").double() for a, b in ((4, 6), (6, 5), (5, 1))]
    network = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    with torch.no_grad():
        layers[2].weight.abs_()
        for layer in layers:
            layer.rule = EpsilonRule(epsilon=1e-3) if rule == "epsilon" else GammaRule(gamma=0.5)
        network[1].rule = network[3].rule = IdentityRule()
    x = torch.rand(3, 4, dtype=double, requires_grad=True)
    theirs = captum.attr.LRP(network).attribute(x)
    assert theirs.abs().max() > 0
    with torch.no_grad():
        inputs = list(itertools.accumulate(network, lambda below, layer: layer(below), initial=x))
        ours = network(x)
        epsilon, gamma = (1e-3, 0.0) if rule == "epsilon" else (0.0, 0.5)
        for place in (4, 2, 0):
            ours = lrp_gamma(inputs[place], network[place].weight, network[place].bias, ours, gamma, epsilon)
    assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-8)  # captum stabilises each layer by 1e-9


def references() -> dict[str, np.ndarray]:
    with safe_open(REFERENCES, "numpy") as file:
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (it is no dictionary)


@pytest.mark.parametrize("key", sorted(key.removesuffix("/relevance") for key in references() if "relevance" in key))
def test_lxt_agrees(key: str) -> None:
    """Results of lxt 2.1 on the same weights and ids, computed in an environment of its own by `make peers`.

    In float32 two orders of summation. In float64 lxt stabilises x in f(x) / x by 1e-10, and in the Llama family its
    norms and softmax drop to single precision. Its gamma rule, zennit's, has a stabiliser of 1e-6.
    """
    found, (name, rule, target, precision) = references(), key.split("/")
    case = cases()[name]
    model = xai.wrap(copy.deepcopy(case.model.model).to(getattr(torch, precision)), case.model.tokenizer)
    assert np.array_equal(model.encode(case.text).ids[0], found[f"{name}/ids"])
    gamma = 0.25 if rule.endswith("gamma") else 0.0
    a = xai.lrp(model, case.text, case.targets[target], rule=rule.removesuffix("-gamma"), gamma=gamma)  # type: ignore[arg-type]
    scale = np.abs(a.scores).max()
    bound = 5e-6 if gamma else 3e-6 if precision == "float32" else 5e-7
    assert a.total == pytest.approx(float(found[f"{key}/value"]), rel=1e-5, abs=1e-5)
    assert np.abs(a.scores - found[f"{key}/relevance"]).max() < bound * scale


def test_the_references_say_how_they_were_made() -> None:
    with safe_open(REFERENCES, "numpy") as file:
        made = json.loads(file.metadata()["made"])
    assert made["command"] == "make peers" and made["gamma"] == 0.25
    assert made["lxt"].startswith("2.1") and made["transformers"].startswith("4.")


# --- bad input -------------------------------------------------------------------------------------------------------


def test_bad_options_are_named() -> None:
    model = tiny.model("gpt2", "causal-lm")
    with pytest.raises(errors.OptionError, match="'cp-lrp'"):
        xai.lrp(model, tiny.TEXT, rule="lrp")  # type: ignore[arg-type]
    for name, value in itertools.product(("epsilon", "gamma"), (-1, math.nan, math.inf, 1e300, "a", None, True)):
        with pytest.raises(errors.OptionError, match=name):
            xai.lrp(model, tiny.TEXT, **{name: value})  # type: ignore[arg-type]
    for layer in (-1, 4, 1.5, True, "1"):
        with pytest.raises(errors.LayerRangeError, match="layers 0 to 2, and 3"):
            xai.lrp(model, tiny.TEXT, layer=layer)  # type: ignore[arg-type]
    with pytest.raises(errors.UnsupportedArchitectureError, match=r"xai\.load"):
        xai.lrp("gpt2", tiny.TEXT)  # type: ignore[arg-type]
    with edited_attention(model, lambda weights, layer: weights), pytest.raises(errors.OptionError, match="edited"):
        xai.lrp(model, tiny.TEXT)


def test_numbers_of_numpy_are_numbers() -> None:
    model = tiny.model("gpt2", "causal-lm")
    options: dict[str, Any] = {"epsilon": np.float32(0.5), "gamma": np.int64(1), "layer": np.int64(2)}
    a = xai.lrp(model, tiny.TEXT, **options)
    assert a.options == {"rule": "attn-lrp", "epsilon": 0.5, "gamma": 1.0, "layer": 2}
    assert xai.reproduce(a, model) == a

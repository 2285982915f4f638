"""Gradients of attention: finite differences, what can't matter, one head by hand, the papers' equations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tiny
import tokenizers
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from test_gradients import DOUBLE
from torch import nn

import xai_helpers as xai
from xai_helpers import errors, laws
from xai_helpers.architectures import hooked
from xai_helpers.attention import attention_weights
from xai_helpers.editing import edited_attention
from xai_helpers.gradient_attention import attention_gradients
from xai_helpers.relevance import relevance_flow

METHODS = (xai.attention_x_gradient, xai.chefer_relevance, xai.transformer_attribution)


@settings(max_examples=60, deadline=None)
@given(
    place=st.sampled_from([pair for pair in tiny.KINDS if pair[0] in DOUBLE]),
    entry=st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 99), st.integers(0, 99)),
    seed=st.integers(0, 2),
    output=st.sampled_from(("logit", "probability")),
)
def test_the_gradient_is_a_finite_difference_of_one_entry(place: Any, entry: Any, seed: int, output: Any) -> None:
    model = tiny.model_in(torch.float64, *place, seed=seed)
    text, target = tiny.text_for(model), xai.Target(1, output=output)
    layer, head, i, j = entry
    found = attention_gradients(model, text, [target])
    n = len(found.encoded.units)

    def moved(h: float) -> float:
        def edit(weights: torch.Tensor, at: int) -> torch.Tensor:
            changed = weights.clone()
            if at == layer:
                changed[0, head, i % n, j % n] += h
            return changed

        with edited_attention(model, edit):
            return model.value(text, target)

    h = 1e-5
    slope = (moved(h) - moved(-h)) / (2 * h)
    # off by about h^2 times a third derivative, and by a rounding of the value divided by h
    assert found.gradients[0, layer, head, i % n, j % n] == pytest.approx(slope, rel=1e-6, abs=1e-8)
    assert found.values[0] == model.value(text, target)


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_the_weights_are_the_models_own(family: str, kind: Any) -> None:
    model = tiny.model(family, kind)
    text = tiny.text_for(model)
    assert np.array_equal(attention_gradients(model, text).weights, attention_weights(model, text))


@pytest.mark.parametrize("family", tiny.DECODERS)
def test_in_a_causal_model_what_cannot_matter_is_exactly_zero(family: str) -> None:
    model = tiny.model(family, "causal-lm")
    for position in (0, 4, -1):
        found = attention_gradients(model, tiny.TEXT, [xai.Target(5, position=position)])
        n, place = len(found.encoded.units), position % len(found.encoded.units)
        gradient = found.gradients[0]
        assert (gradient[:, :, place + 1 :] == 0).all()  # rows after the target's position
        assert (gradient[-1, :, :place] == 0).all()  # in the last layer all rows but its own
        assert np.abs(gradient[:, :, place]).min() > 0
        assert laws.no_look_ahead(found.weights * gradient) == 0
        assert place == n - 1 or laws.no_look_ahead(gradient) > 0  # the bare gradient: more attention there would count
        for method in METHODS:
            assert laws.no_look_ahead(method(model, tiny.TEXT, xai.Target(5, position=position)).require_matrix()) == 0


@pytest.mark.parametrize("family", tiny.ENCODERS)
def test_in_an_encoder_only_the_readout_row_of_the_last_layer_matters(family: str) -> None:
    model = tiny.model(family, "classifier")
    found = attention_gradients(model, tiny.TEXT)
    gradient, place = found.gradients[0], model.readout(tiny.TEXT)
    assert (np.delete(gradient[-1], place, axis=1) == 0).all()
    assert np.abs(gradient[:-1]).min() > 0 and np.abs(gradient[-1, :, place]).min() > 0


def word_model(layers: int = 1) -> xai.TextModel:
    """GPT-2 of one head and width 2 that attends evenly, with norms and MLPs that do nothing: values are the words'.

    a, b and c are embedded as (1, 0), (0, 2) and (3, 1), positions as zeros, and the same vectors unembed.
    """
    words = {"<unk>": 0, "a": 1, "b": 2, "c": 3}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    config = transformers.GPT2Config(vocab_size=4, n_positions=8, n_embd=2, n_layer=layers, n_head=1)
    network = transformers.GPT2LMHeadModel(config).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.transformer.wte.weight.copy_(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [3.0, 1.0]]))
        for block in network.transformer.h:
            block.ln_1 = nn.Identity()
            block.attn.c_attn.weight[:, 4:] = torch.eye(2)
            block.attn.c_proj.weight.copy_(torch.eye(2))
        network.transformer.ln_f = nn.Identity()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")
    return xai.wrap(network, fast, name="by hand")


def test_one_head_by_hand() -> None:
    """ "a b c", read at c, which sees all three with weight 1/3 each: c's vector plus the mean of the three.

    The logit of a word w is w . (c + (a + b + c) / 3), so its gradient at the weight on v is w . v.
    a: a.a = 1, a.b = 0, a.c = 3. b: b.a = 0, b.b = 4, b.c = 2. The value of b: 2 + (0 + 4 + 2) / 3 = 4.
    """
    model = word_model()
    found = attention_gradients(model, "a b c", ["a", "b", xai.Target("b", versus="a")])
    even = np.array([[1, 0, 0], [1 / 2, 1 / 2, 0], [1 / 3, 1 / 3, 1 / 3]])
    assert np.allclose(found.weights[0, 0], even)
    assert np.allclose(found.gradients[:, 0, 0, 2], [[1, 0, 3], [0, 4, 2], [-1, 4, -1]])
    assert (found.gradients[:, 0, 0, :2] == 0).all()
    assert np.allclose(found.values, [4 + 1 / 3, 4, -1 / 3])
    contrast = xai.Target("b", versus="a")
    assert np.allclose(xai.attention_x_gradient(model, "a b c", contrast).scores, [-1 / 3, 4 / 3, -1 / 3])
    assert np.allclose(xai.attention_x_gradient(model, "a b c", contrast, positive=True).scores, [0, 4 / 3, 0])
    assert np.allclose(xai.chefer_relevance(model, "a b c", contrast).scores, [0, 4 / 3, 1])
    # AttnLRP gives the attention half of what the product of weights and values carries
    assert np.allclose(xai.transformer_attribution(model, "a b c", "b").scores, [0, 4 * 2 / 3, 2 * 1 / 3 + 1])


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_several_targets_share_one_forward_pass_and_differ(family: str, kind: Any) -> None:
    model = tiny.model(family, kind)
    text, targets = tiny.text_for(model), [0, 1, xai.Target(0, versus=1)]
    passes: list[int] = []
    with hooked(model.model, lambda *_: passes.append(1)):
        together = attention_gradients(model, text, targets)
    assert len(passes) == 1
    for k, target in enumerate(targets):
        assert np.array_equal(attention_gradients(model, text, [target]).gradients[0], together.gradients[k])
    first, second, contrast = together.gradients
    assert np.abs(first - second).max() > 1e-3  # class-specific, on the same weights
    assert np.allclose(contrast, first - second, rtol=1e-4, atol=1e-5)  # float32
    maps = [xai.chefer_relevance(model, text, target).scores for target in targets[:2]]
    assert np.abs(maps[0] - maps[1]).max() > 1e-4


def test_layers_heads_and_the_positive_part() -> None:
    model = tiny.model("bert", "classifier")
    found = attention_gradients(model, tiny.TEXT, [1])
    products = found.weights * found.gradients[0]
    cases: list[tuple[dict[str, Any], np.ndarray]] = [
        ({}, products.mean((0, 1))),
        ({"layers": [1]}, products[1].mean(0)),
        ({"layers": [0, 2], "head": 3}, products[[0, 2], 3].mean(0)),
        ({"positive": True}, products.clip(min=0).mean((0, 1))),
        ({"layers": range(2), "head": -1, "positive": True}, products[:2, 3].clip(min=0).mean(0)),
    ]
    for options, matrix in cases:
        a = xai.attention_x_gradient(model, tiny.TEXT, 1, **options)
        assert np.allclose(a.require_matrix(), matrix, rtol=0, atol=1e-15)
        assert np.array_equal(a.scores, a.require_matrix()[0])
    with pytest.raises(errors.LayerRangeError):
        xai.attention_x_gradient(model, tiny.TEXT, layers=[5])
    with pytest.raises(errors.HeadRangeError):
        xai.attention_x_gradient(model, tiny.TEXT, head=4)
    for positive in ("no", 1, None):
        with pytest.raises(errors.OptionError, match="positive"):
            xai.attention_x_gradient(model, tiny.TEXT, positive=positive)  # type: ignore[arg-type]
    for targets in ([], "Paris", None, 3):
        with pytest.raises(errors.OptionError, match="targets"):
            attention_gradients(model, tiny.TEXT, targets)  # type: ignore[arg-type]
    with pytest.raises(errors.OptionError, match="epsilon"):
        xai.transformer_attribution(model, tiny.TEXT, epsilon=-1)


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_the_equations_of_the_papers_written_as_loops(family: str, kind: Any) -> None:
    """With autograd's .grad on retained weights, head by head and layer by layer."""
    model = tiny.model_in(torch.float64, family, kind)
    text = tiny.text_for(model)
    encoded = model.encode(text)
    output = model.model(input_ids=encoded.ids, attention_mask=encoded.mask, output_attentions=True)
    for weights in output.attentions:
        weights.retain_grad()
    model.readout_logits(encoded, output)[2].backward()
    relevance = relevance_flow(model, text, 2).weights
    n = len(encoded.units)
    generic, product = torch.eye(n).double(), torch.eye(n).double()
    for layer, weights in enumerate(output.attentions):
        gradient = weights.grad[0]
        heads = [(gradient[h] * weights[0, h].detach()).clamp(min=0) for h in range(4)]
        generic = generic + sum(heads) / 4 @ generic  # ICCV 2021, eqs. 5 and 6
        shares = [(gradient[h] * torch.tensor(relevance[layer, h])).clamp(min=0) for h in range(4)]
        product = (torch.eye(n) + sum(shares) / 4) @ product  # CVPR 2021, eqs. 13 and 14
    row = model.readout(encoded)
    ours = xai.chefer_relevance(model, text, 2)
    assert np.allclose(ours.require_matrix(), generic, rtol=1e-9, atol=0)
    assert ours.position == row and np.array_equal(ours.scores, ours.require_matrix()[row])
    theirs = xai.transformer_attribution(model, text, 2).require_matrix()
    # families that drop to single precision inside do so in the plain pass, and not in LRP's
    assert np.allclose(theirs, product, rtol=1e-9 if family in DOUBLE else 1e-4, atol=0)
    assert (theirs >= np.eye(n)).all() and (ours.require_matrix() >= np.eye(n)).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 9), position=st.integers(0, 5), family=st.sampled_from(tiny.DECODERS))
def test_relevance_is_zero_where_no_path_leads(seed: int, position: int, family: str) -> None:
    model = tiny.model(family, "causal-lm", seed=seed % 3)
    for method in METHODS:
        scores = method(model, tiny.TEXT, xai.Target(seed, position=position)).scores
        assert (scores[position + 1 :] == 0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("family", ["gpt2", "llama", "bert", "distilbert"])
def test_other_precisions_are_near_single(family: str, dtype: torch.dtype) -> None:
    other, single = (tiny.model_in(kind, family, "classifier") for kind in (dtype, torch.float32))
    for method in METHODS:
        a, b = method(other, tiny.TEXT, 1).scores, method(single, tiny.TEXT, 1).scores
        bound = {torch.float16: 0.06, torch.bfloat16: 0.5, torch.float64: 1e-4}[dtype]
        assert np.abs(a - b).max() < bound * np.abs(b).max()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_the_model_is_as_it_was(family: str, method: Any) -> None:
    tiny.assert_leaves_untouched(tiny.model_in(torch.float32, family, "classifier"), method)


def test_a_model_that_returns_no_weights_is_named() -> None:
    model = tiny.model_in(torch.float32, "gpt2", "causal-lm")
    model.model.set_attn_implementation("sdpa")
    with pytest.raises(errors.UnsupportedArchitectureError, match="eager"):
        xai.attention_x_gradient(model, tiny.TEXT)
    with pytest.raises(errors.UnsupportedArchitectureError, match=r"xai\.load"):
        xai.chefer_relevance("gpt2", tiny.TEXT)  # type: ignore[arg-type]

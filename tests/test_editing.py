"""Edited attention: what an edit changes, what it can't reach, and that nothing of it stays."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import xai_helpers as xai
from xai_helpers import editing
from xai_helpers.architectures import architecture_of, blocks_of
from xai_helpers.attention import even_attention
from xai_helpers.editing import edited_attention
from xai_helpers.errors import HeadRangeError, LayerRangeError, OptionError

DTYPES = (torch.float32, torch.float64, torch.bfloat16)
GROUPED = ("llama", "mistral", "qwen2", "qwen3")  # tiny.config gives them four heads on two keys and values


def forward(model: xai.TextModel, text: str | None = None) -> Any:
    with torch.no_grad():
        encoded = model.encode(text or tiny.text_for(model))
        return model.forward(encoded, output_attentions=True, output_hidden_states=True)


def logits(model: xai.TextModel) -> torch.Tensor:
    return forward(model).logits


def nothing(weights: torch.Tensor, layer: int) -> torch.Tensor:
    return weights


def evenly(weights: torch.Tensor, layer: int) -> torch.Tensor:
    """Evenly over what each query sees. No weight of a softmax over 15 logits of our size is 0."""
    visible = (weights > 0).to(weights.dtype)
    return visible / visible.sum(-1, keepdim=True)


def to_itself(weights: torch.Tensor, layer: int) -> torch.Tensor:
    return torch.eye(weights.shape[-1], dtype=weights.dtype).expand_as(weights)


def to_the_first(weights: torch.Tensor, layer: int) -> torch.Tensor:
    return torch.eye(weights.shape[-1], dtype=weights.dtype)[[0] * weights.shape[-1]].expand_as(weights)


# --- what an edit does ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_an_edit_that_changes_nothing_gives_the_models_own_numbers_to_the_bit(family: str, kind: str) -> None:
    """To the bit, since the weights come from the family's own function, and meet the values in the same product."""
    for dtype in DTYPES:
        model = tiny.model_in(dtype, family, kind)
        own = forward(model)
        with edited_attention(model, nothing):
            edited = forward(model)
        assert torch.equal(edited.logits, own.logits)
        assert len(edited.attentions) == len(own.attentions) == 3
        assert all(map(torch.equal, edited.attentions, own.attentions))


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_a_padded_batch_keeps_its_mask(family: str, kind: str) -> None:
    model = tiny.model_in(torch.float32, family, kind)
    model.config.pad_token_id = model.config.pad_token_id or 0  # a Llama classifier asks for one
    ids = model.encode(tiny.text_for(model)).ids.repeat(2, 1)
    mask = torch.ones_like(ids)
    mask[1, -2:] = 0
    with torch.no_grad():
        own = model.model(ids, attention_mask=mask, output_attentions=True)
        with edited_attention(model, nothing):
            edited = model.model(ids, attention_mask=mask, output_attentions=True)
    assert torch.equal(edited.logits, own.logits)
    assert edited.attentions[0][1, :, 0, -2:].max() == 0


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_an_edit_of_one_layer_changes_what_comes_after_it_and_nothing_before(family: str, kind: str) -> None:
    model = tiny.model(family, kind)  # type: ignore[arg-type]
    own = forward(model)
    for chosen in range(model.n_layers):
        with edited_attention(model, lambda w, layer, chosen=chosen: to_the_first(w, layer) if layer == chosen else w):
            edited = forward(model)
        for layer in range(model.n_layers):
            # hidden state l goes into block l
            same = torch.equal(edited.hidden_states[layer], own.hidden_states[layer])
            assert same == (layer <= chosen)
        assert not torch.equal(edited.logits, own.logits)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_layers_return_the_edited_weights_and_edits_see_the_own_ones_in_order(family: str) -> None:
    model = tiny.model(family, "classifier")
    seen: list[tuple[int, torch.Tensor]] = []

    def edit(weights: torch.Tensor, layer: int) -> torch.Tensor:
        seen.append((layer, weights.clone()))
        return evenly(weights, layer)

    own = forward(model)
    with edited_attention(model, edit):
        edited = forward(model)
    n = len(model.encode(tiny.TEXT).units)
    even = np.tri(n) if model.architecture.decoder else np.ones((n, n))
    even = even / even.sum(-1, keepdims=True)
    assert [layer for layer, _ in seen] == [0, 1, 2]
    assert torch.equal(seen[0][1], own.attentions[0])
    for weights in edited.attentions:
        assert np.allclose(weights.numpy(), np.broadcast_to(even, (1, 4, n, n)), rtol=0, atol=1e-7)
    with edited_attention(model, evenly):
        matrix = xai.attention_rollout(model, tiny.TEXT, layers=[1]).require_matrix()
    assert np.allclose(matrix, (even + np.eye(n)) / 2, rtol=0, atol=1e-7)


@given(seed=st.integers(0, 2**32 - 1), place=st.integers(0, 6), family=st.sampled_from(tiny.DECODERS))
@settings(max_examples=30)
def test_where_all_attend_to_themselves_positions_know_nothing_of_each_other(
    seed: int, place: int, family: str
) -> None:
    model = tiny.model(family, "causal-lm")
    draw = torch.Generator().manual_seed(seed)
    ids, others = torch.randint(0, model.config.vocab_size, (2, 1, 7), generator=draw)
    others[0, place] = ids[0, place]
    with torch.no_grad():
        with edited_attention(model, to_itself):
            one, other = (model.model(x).logits[0] for x in (ids, others))
        own, own_other = (model.model(x).logits[0] for x in (ids, others))
    changed = (ids != others)[0]
    assert torch.allclose(one[place], other[place], rtol=0, atol=1e-6)  # logits of size 1 in float32
    assert ((one - other).abs().amax(-1) > 1e-4).equal(changed)
    if changed[:place].any():
        assert (own[place] - own_other[place]).abs().max() > 1e-4  # unedited, it does know


@given(seed=st.integers(0, 2**32 - 1), changed=st.integers(0, 6), family=st.sampled_from(tiny.DECODERS))
@settings(max_examples=30)
def test_where_one_layer_reads_the_previous_token_news_travel_one_step(seed: int, changed: int, family: str) -> None:
    def previous_in_layer_1(weights: torch.Tensor, layer: int) -> torch.Tensor:
        n = weights.shape[-1]
        return torch.eye(n)[[0, *range(n - 1)] if layer == 1 else list(range(n))].expand_as(weights)

    model = tiny.model(family, "causal-lm")
    ids = torch.randint(0, model.config.vocab_size, (1, 7), generator=torch.Generator().manual_seed(seed))
    others = ids.clone()
    others[0, changed] = (ids[0, changed] + 1) % model.config.vocab_size
    with torch.no_grad(), edited_attention(model, previous_in_layer_1):
        differ = (model.model(ids).logits - model.model(others).logits).abs().amax(-1)[0] > 1e-5
    assert differ.nonzero().flatten().tolist() == [place for place in (changed, changed + 1) if place < 7]


# --- by hand --------------------------------------------------------------------------------------------------------


def output_of_first_attention(model: xai.TextModel, edit: editing.Edit) -> tuple[torch.Tensor, torch.Tensor]:
    """(what goes into the first attention layer, what comes out), each (n, width)."""
    attention = blocks_of(model.model)[0].get_submodule(architecture_of(model.config).attention)
    seen: list[Any] = []
    hook = attention.register_forward_hook(
        lambda _, args, kwargs, out: seen.append((args[0] if args else kwargs["hidden_states"], out[0])),
        with_kwargs=True,
    )
    with edited_attention(model, edit):
        forward(model)
    hook.remove()
    return seen[0][0][0], seen[0][1][0]


def test_even_attention_is_the_running_mean_of_values() -> None:
    model = tiny.model("gpt2", "causal-lm")
    attention = blocks_of(model.model)[0].attn
    x, out = output_of_first_attention(model, evenly)
    with torch.no_grad():
        _, _, values = attention.c_attn(x).split(16, dim=-1)
        means = torch.stack([values[: i + 1].mean(0) for i in range(len(values))])
        assert torch.allclose(out, attention.c_proj(means), rtol=0, atol=1e-5)


@pytest.mark.parametrize("family", GROUPED)
def test_heads_that_share_values_are_weighted_each_by_itself(family: str) -> None:
    def second_head_to_the_first_token(weights: torch.Tensor, layer: int) -> torch.Tensor:
        edited = to_itself(weights, layer).clone()
        edited[:, 1] = to_the_first(weights, layer)[:, 1]
        return edited

    model = tiny.model(family, "causal-lm")
    attention = blocks_of(model.model)[0].self_attn
    x, out = output_of_first_attention(model, second_head_to_the_first_token)
    with torch.no_grad():
        first, second = attention.v_proj(x).split(4, dim=-1)  # of heads 0 and 1, and of heads 2 and 3
        expected = attention.o_proj(torch.cat([first, first[:1].expand_as(first), second, second], dim=-1))
    assert torch.allclose(out, expected, rtol=0, atol=1e-5)


def test_the_keyword_detector_finds_what_its_head_is_made_to_look_at() -> None:
    """One head writes to [CLS] what share of its attention a keyword gets: the weights say so."""

    def to_token(place: int) -> Callable[..., torch.Tensor]:
        return lambda weights, _: torch.eye(weights.shape[-1])[[place] * weights.shape[-1]].expand_as(weights)

    model = xai.load("keyword-detector", device="cpu")
    assert model.predict("good film")[0].token == "positive"
    assert model.predict("bad film")[0].token == "negative"
    for text, place, label in (
        ("good film", 0, "negative"),  # [CLS] looks at itself
        ("good film", 1, "positive"),
        ("good film", 2, "negative"),
        ("film good", 1, "negative"),
        ("film good", 2, "positive"),
        ("bad film", 1, "negative"),
    ):
        with edited_attention(model, to_token(place)):
            assert model.predict(text)[0].token == label, (text, place)


def test_gradients_flow_to_what_the_edit_computes_with() -> None:
    model = tiny.model_in(torch.float64, "gpt2", "causal-lm")
    encoded = model.encode(tiny.TEXT)

    def logit(strength: torch.Tensor) -> torch.Tensor:
        def mixed(weights: torch.Tensor, layer: int) -> torch.Tensor:
            return (1 - strength[layer]) * weights + strength[layer] * evenly(weights, layer)

        with edited_attention(model, mixed):
            return model.forward(encoded).logits[0, -1, 7]

    assert torch.autograd.gradcheck(logit, torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64, requires_grad=True))


# --- what stays: nothing --------------------------------------------------------------------------------------------


def fails(weights: torch.Tensor, layer: int) -> torch.Tensor:
    if layer == 1:
        raise RuntimeError("the edit fails")
    return evenly(weights, layer)


def interrupts(weights: torch.Tensor, layer: int) -> torch.Tensor:
    raise KeyboardInterrupt


WRONG_SHAPES: list[tuple[Callable[..., Any], str]] = [
    (lambda weights, _: weights[:, :1], r"\(1, 4, 5, 5\); it gave \(1, 1, 5, 5\)"),
    (lambda weights, _: weights[0], r"\(1, 4, 5, 5\); it gave \(4, 5, 5\)"),
    (lambda weights, _: None, "it gave NoneType"),
    (lambda weights, _: weights.numpy(), "it gave ndarray"),
]


@pytest.mark.parametrize(("edit", "said"), WRONG_SHAPES)
@pytest.mark.parametrize("family", ["gpt2", "llama", "bert"])
def test_an_edit_of_another_shape_is_an_error_that_names_both(family: str, edit: Callable[..., Any], said: str) -> None:
    model = tiny.model(family, "classifier")
    ids = torch.arange(5)[None] + 3
    own = model.model(ids).logits
    with torch.no_grad(), pytest.raises(OptionError, match=said), edited_attention(model, edit):
        model.model(ids)
    assert torch.equal(model.model(ids).logits, own)


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_afterwards_the_model_is_as_it_was_also_after_an_error(family: str, kind: str) -> None:
    model = tiny.model(family, kind)  # type: ignore[arg-type]
    own, weights = logits(model), copy.deepcopy(model.model.state_dict())
    hooks = [len(module._forward_hooks) for module in model.model.modules()]

    def is_as_it_was() -> bool:
        return (
            torch.equal(logits(model), own)
            and {module.config._attn_implementation for module in model.model.modules() if hasattr(module, "config")}
            == {"eager"}
            and all(map(torch.equal, model.model.state_dict().values(), weights.values()))
            and [len(module._forward_hooks) for module in model.model.modules()] == hooks
            and not editing._EDITS
        )

    assert is_as_it_was()
    with edited_attention(model, evenly):
        assert not torch.equal(logits(model), own)
    assert is_as_it_was()
    with pytest.raises(KeyboardInterrupt), edited_attention(model, interrupts):
        logits(model)
    assert is_as_it_was()
    with pytest.raises(xai.XaiError, match="nothing but blanks"), edited_attention(model, evenly):
        model.predict(" ")
    assert is_as_it_was()
    with pytest.raises(RuntimeError, match="the edit fails"), edited_attention(model, fails):
        logits(model)
    assert is_as_it_was()


def test_another_implementation_comes_back_as_well() -> None:
    model = tiny.model_in(torch.float32, "gpt2", "causal-lm")
    model.model.set_attn_implementation("sdpa")
    with edited_attention(model, evenly):
        assert model.model.config._attn_implementation == editing.NAME
        assert len(forward(model).attentions) == 3
    assert model.model.config._attn_implementation == "sdpa"


# --- several edits --------------------------------------------------------------------------------------------------


def test_of_two_edits_of_one_model_the_inner_one_holds_and_then_the_outer() -> None:
    model = tiny.model("llama", "causal-lm")
    own = logits(model)
    with edited_attention(model, evenly):
        outer = logits(model)
    with edited_attention(model, to_itself):
        inner = logits(model)
    assert not torch.equal(outer, inner)
    with edited_attention(model, evenly):
        with edited_attention(model, to_itself):
            assert torch.equal(logits(model), inner)
        assert torch.equal(logits(model), outer)
        with pytest.raises(RuntimeError), edited_attention(model, fails):
            logits(model)
        assert torch.equal(logits(model), outer)
    assert torch.equal(logits(model), own)


@pytest.mark.parametrize(("first", "second"), [("gpt2", "gpt2"), ("gpt2", "bert"), ("llama", "mistral")])
def test_two_models_are_edited_at_once_and_a_third_is_let_alone(first: str, second: str) -> None:
    a, b = (
        tiny.model_in(torch.float32, first, "classifier", seed=1),
        tiny.model_in(torch.float32, second, "classifier", seed=2),
    )
    bystander = tiny.model_in(torch.float32, second, "classifier", seed=3)
    own_a, own_b, own_bystander = logits(a), logits(b), logits(bystander)
    with edited_attention(a, evenly):
        even_a = logits(a)
        assert torch.equal(logits(b), own_b)
    with edited_attention(b, to_the_first):
        first_b = logits(b)
    with edited_attention(a, evenly):
        with edited_attention(b, to_the_first):
            assert torch.equal(logits(a), even_a)
            assert torch.equal(logits(b), first_b)
            assert torch.equal(logits(bystander), own_bystander)
        assert torch.equal(logits(a), even_a)
        assert torch.equal(logits(b), own_b)
    assert torch.equal(logits(a), own_a)


def test_a_model_that_shares_its_config_with_an_edited_one_is_not_edited() -> None:
    """As in `type(model)(model.config)`, a model with the same config and fresh weights."""
    a = tiny.model_in(torch.float32, "gpt2", "causal-lm")
    b = xai.wrap(type(a.model)(a.model.config), a.tokenizer)
    assert a.model.config is b.model.config
    own_a, own_b = logits(a), logits(b)
    with edited_attention(a, evenly):
        assert torch.equal(logits(b), own_b)
        assert not torch.equal(logits(a), own_a)
        with edited_attention(b, evenly):
            assert not torch.equal(logits(b), own_b)
        assert torch.equal(logits(b), own_b)
        assert not torch.equal(logits(a), own_a)
    assert torch.equal(logits(a), own_a)


# --- edits that come along --------------------------------------------------------------------------------------------


def small() -> xai.TextModel:
    return tiny.model("gpt2", "causal-lm")


@pytest.mark.parametrize("causal", [True, False])
def test_evenly_is_even_attention_in_its_layer_and_nothing_elsewhere(causal: bool) -> None:
    weights = torch.rand(2, 3, 5, 5) + 0.1
    weights = (weights.tril() if causal else weights) / 10
    even = torch.from_numpy(even_attention(5, causal=causal)).float().expand_as(weights)
    assert torch.allclose(editing.evenly(small(), 1)(weights, 1), even, atol=1e-7)
    assert editing.evenly(small(), 1)(weights, 0) is weights


@given(st.integers(1, 6), st.data())
def test_permuted_keeps_the_weights_of_one_row_and_all_the_others(n: int, data: st.DataObject) -> None:
    weights = torch.rand(1, 2, n, n).tril()
    query, seed = data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, 99))
    before = weights.clone()
    changed = editing.permuted(small(), 0, 1, seed=seed, query=query)(weights, 0)
    assert torch.equal(weights, before), "the argument is left as it is"
    assert torch.equal(changed[0, 1, query].sort().values, before[0, 1, query].sort().values)
    assert not changed[0, 1, query, query + 1 :].any(), "nothing goes to a token that is not seen"
    changed[0, 1, query] = before[0, 1, query]
    assert torch.equal(changed, before)
    assert editing.permuted(small(), 1, 1, seed=seed)(weights, 0) is weights


def test_some_seed_moves_something_and_the_same_seed_moves_the_same() -> None:
    weights = torch.rand(1, 1, 6, 6).tril()
    results = [editing.permuted(small(), 0, 0, seed=seed)(weights, 0) for seed in (0, 0, 1, 2)]
    assert torch.equal(results[0], results[1])
    assert any(not torch.equal(weights, result) for result in results)


def test_chained_edits_come_one_after_the_other() -> None:
    weights = torch.rand(1, 2, 5, 5).tril() + 0.1
    first, second = editing.permuted(small(), 0, 0, seed=3), editing.permuted(small(), 0, 1, seed=4)
    assert torch.equal(editing.chained(first, second)(weights, 0), second(first(weights, 0), 0))
    assert torch.equal(
        editing.chained(first, editing.evenly(small(), 0))(weights, 0), editing.evenly(small(), 0)(weights, 0)
    )
    assert editing.chained()(weights, 0) is weights


def test_edits_count_layers_and_heads_from_either_end_and_refuse_others() -> None:
    weights = torch.rand(1, 4, 5, 5).tril() + 0.1
    assert torch.equal(editing.evenly(small(), -1)(weights, 2), editing.evenly(small(), 2)(weights, 2))
    last = editing.permuted(small(), -1, -1, seed=1)(weights, 2)
    assert torch.equal(last, editing.permuted(small(), 2, 3, seed=1)(weights, 2))
    for wrong in (3, -4, 0.5):
        with pytest.raises(LayerRangeError):
            editing.evenly(small(), wrong)  # type: ignore[arg-type]
        with pytest.raises(LayerRangeError):
            editing.permuted(small(), wrong, 0, seed=0)  # type: ignore[arg-type]
    with pytest.raises(HeadRangeError):
        editing.permuted(small(), 0, 4, seed=0)

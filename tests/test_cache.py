"""Activations by name: equal to TransformerLens' and nnsight's, and nothing left behind."""

from __future__ import annotations

import contextlib
import functools
import gc
import operator
import weakref
from typing import Any

import pytest
import torch
from nnsight import NNsight
from peer_lens import lens_name
from tiny import ENCODERS, FAMILIES, KINDS, TEXT, assert_leaves_untouched, model, model_in, text_for

from xai_helpers.architectures import Kind, blocks_of
from xai_helpers.circuits import activation_patching, run_with_cache
from xai_helpers.editing import edited_attention, evenly
from xai_helpers.errors import LayerRangeError, OptionError, UnsupportedArchitectureError
from xai_helpers.tooling import to_transformer_lens


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "distilbert"])
def test_transformer_lens_agrees(family: str) -> None:
    subject = model(family, "masked-lm" if family in ENCODERS else "causal-lm")
    encoded = subject.encode(text_for(subject))
    theirs_logits, theirs = to_transformer_lens(subject).run_with_cache(encoded.ids)
    logits, ours = run_with_cache(subject, encoded.text)
    torch.testing.assert_close(logits, theirs_logits[0], rtol=1e-5, atol=1e-5)
    for name, value in ours.items():
        peer = theirs[lens_name(subject, name)][0]
        torch.testing.assert_close(value, peer, rtol=1e-5, atol=1e-5, msg=lambda m, name=name: f"{name}: {m}")
    assert len(ours) == 10 * subject.n_layers + (subject.n_layers if family != "gpt_neox" else 0) + (
        1 if subject.architecture.positions is None else 2
    )


# Where nnsight has a site: the blocks, and the path in one. It calls BERT's submodule `output` `E_output`.
IN_NNSIGHT = {
    "gpt2": (
        "transformer.h",
        {
            "resid_pre": "input",
            "z": "attn.c_proj.input",
            "attn_out": "attn.c_proj.output",
            "resid_mid": "ln_2.input",
            "post": "mlp.c_proj.input",
            "mlp_out": "mlp.output",
            "resid_post": "output",
        },
    ),
    "llama": (
        "model.layers",
        {
            "resid_pre": "input",
            **{letter: f"self_attn.{letter}_proj.output" for letter in "qkv"},
            "z": "self_attn.o_proj.input",
            "attn_out": "self_attn.o_proj.output",
            "resid_mid": "post_attention_layernorm.input",
            "post": "mlp.down_proj.input",
            "mlp_out": "mlp.output",
            "resid_post": "output",
        },
    ),
    "bert": (
        "bert.encoder.layer",
        {
            "resid_pre": "input",
            **{name[0]: f"attention.self.{name}.output" for name in ("query", "key", "value")},
            "z": "attention.E_output.dense.input",
            "attn_out": "attention.E_output.dense.output",
            "resid_mid": "attention.E_output.LayerNorm.output",
            "post": "E_output.dense.input",
            "mlp_out": "E_output.dense.output",
            "resid_post": "E_output.LayerNorm.output",
        },
    ),
    "distilbert": (
        "distilbert.transformer.layer",
        {
            "resid_pre": "input",
            **{letter: f"attention.{letter}_lin.output" for letter in "qkv"},
            "z": "attention.out_lin.input",
            "attn_out": "attention.out_lin.output",
            "resid_mid": "sa_layer_norm.output",
            "post": "ffn.lin2.input",
            "mlp_out": "ffn.lin2.output",
            "resid_post": "output_layer_norm.output",
        },
    ),
}


@pytest.mark.filterwarnings("ignore:Module .* has a submodule named 'output'")
@pytest.mark.parametrize("family", IN_NNSIGHT)
def test_nnsight_agrees(family: str) -> None:
    subject = model(family, "classifier" if family in ENCODERS else "causal-lm")
    encoded = subject.encode(text_for(subject))
    blocks, places = IN_NNSIGHT[family]
    peer, theirs = NNsight(subject.model), {}
    with peer.trace(input_ids=encoded.ids, attention_mask=encoded.mask):
        for layer in range(subject.n_layers):
            for site, path in places.items():
                theirs[site, layer] = operator.attrgetter(path)(operator.attrgetter(blocks)(peer)[layer]).save()
    _, ours = run_with_cache(subject, encoded.text)
    for key, value in theirs.items():
        peers = value[0].view(ours[key].shape)
        torch.testing.assert_close(ours[key], peers, rtol=1e-5, atol=1e-5, msg=lambda m, key=key: f"{key}: {m}")


def test_nnsight_has_the_fused_projections_and_the_attention() -> None:
    subject = model("gpt2", "causal-lm")
    encoded, theirs = subject.encode(TEXT), {}
    peer = NNsight(subject.model)
    with peer.trace(input_ids=encoded.ids):
        for layer in range(subject.n_layers):
            fused = peer.transformer.h[layer].attn.c_attn.output
            for part, letter in enumerate("qkv"):
                theirs[letter, layer] = fused[..., 16 * part : 16 * part + 16].unflatten(-1, (4, 4)).save()
            theirs["pattern", layer] = peer.transformer.h[layer].attn.output[1].save()
    _, ours = run_with_cache(subject, TEXT)
    for key, value in theirs.items():
        torch.testing.assert_close(ours[key], value[0], rtol=1e-5, atol=1e-5, msg=lambda m, key=key: f"{key}: {m}")


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_a_block_adds_up(family: str, kind: Kind) -> None:
    subject = model(family, kind)
    _, cache = run_with_cache(subject, text_for(subject))
    block = blocks_of(subject.model)[1]
    place = subject.architecture
    pre, post, attn, mlp = (cache[site, 1] for site in ("resid_pre", "resid_post", "attn_out", "mlp_out"))
    with torch.no_grad():
        keys, values = (cache[site, 1].repeat_interleave(4 // cache[site, 1].shape[1], dim=1) for site in "kv")
        if place.positions is not None:  # else queries and keys are turned before they meet
            scores = torch.einsum("qhd,khd->hqk", cache["q", 1], keys) / keys.shape[-1] ** 0.5
            seen = torch.ones(scores.shape[-2:]).tril() if place.decoder else torch.ones(scores.shape[-2:])
            torch.testing.assert_close(cache["pattern", 1], scores.masked_fill(seen == 0, -torch.inf).softmax(-1))
        z = torch.einsum("hqk,khd->qhd", cache["pattern", 1], values)
        torch.testing.assert_close(cache["z", 1], z)
        torch.testing.assert_close(attn, block.get_submodule(place.attention_out)(cache["z", 1].flatten(-2)))
        torch.testing.assert_close(mlp, block.get_submodule(place.neurons)(cache["post", 1]))
        if family == "gpt_neox":
            torch.testing.assert_close(post, pre + attn + mlp)
        elif place.decoder:
            torch.testing.assert_close(cache["resid_mid", 1], pre + attn)
            torch.testing.assert_close(post, pre + attn + mlp)
        else:
            torch.testing.assert_close(cache["resid_mid", 1], block.get_submodule(place.middle)(pre + attn))
            final = block.output.LayerNorm if hasattr(block, "output") else block.output_layer_norm
            torch.testing.assert_close(post, final(cache["resid_mid", 1] + mlp))
    torch.testing.assert_close(cache["resid_pre", 2], post)
    torch.testing.assert_close(
        torch.stack([cache["resid_post", i] for i in range(3)]), subject.residual_stream(text_for(subject))[1:]
    )


def test_neox_without_its_parallel_stream() -> None:
    subject = model_in(torch.float32, "gpt_neox", "causal-lm", use_parallel_residual=False)
    _, cache = run_with_cache(subject, TEXT, ["resid_pre", "attn_out", "resid_mid", "mlp_out", "resid_post"])
    torch.testing.assert_close(cache["resid_mid", 0], cache["resid_pre", 0] + cache["attn_out", 0])
    torch.testing.assert_close(cache["resid_post", 0], cache["resid_mid", 0] + cache["mlp_out", 0])


def test_only_what_is_asked_for_is_kept() -> None:
    subject = model("gpt2", "causal-lm")
    _, cache = run_with_cache(subject, TEXT, ["z", "blocks.2.hook_resid_mid", "hook_embed"])
    assert list(cache) == [
        "hook_embed",
        "blocks.0.attn.hook_z",
        "blocks.1.attn.hook_z",
        "blocks.2.attn.hook_z",
        "blocks.2.hook_resid_mid",
    ]
    assert list(run_with_cache(subject, TEXT, "pattern")[1]) == [f"blocks.{i}.attn.hook_pattern" for i in range(3)]
    torch.testing.assert_close(cache["z", -1], cache["blocks.2.attn.hook_z"])
    assert repr(cache) == f"5 activations of {subject.name}, 0.0 MB"


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_the_model_is_as_it_was(family: str, kind: Kind) -> None:
    subject = model_in(torch.float32, family, kind)

    def explain(model, text, target):  # type: ignore[no-untyped-def]
        run_with_cache(model, text)
        model.resolve(target, text)

    assert_leaves_untouched(subject, explain, backward=False)


def test_nothing_is_kept_alive() -> None:
    subject = model_in(torch.float32, "gpt2", "causal-lm")
    _, cache = run_with_cache(subject, TEXT)
    seen = weakref.ref(cache["pattern", 0].untyped_storage())
    assert seen() is not None
    del cache
    gc.collect()
    assert seen() is None


def test_nothing_is_kept_alive_by_a_pass_that_breaks() -> None:
    subject = model_in(torch.float32, "gpt2", "causal-lm")
    seen: list[weakref.ref[Any]] = []

    def breaks(module: Any, args: tuple[torch.Tensor, ...], output: Any) -> None:
        seen.append(weakref.ref(args[0].untyped_storage()))
        raise RuntimeError("in the middle")

    hook = blocks_of(subject.model)[1].mlp.register_forward_hook(breaks)
    with contextlib.suppress(RuntimeError):
        run_with_cache(subject, TEXT)
    hook.remove()
    gc.collect()
    assert [ref() for ref in seen] == [None]
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in subject.model.modules())


def test_values_need_no_gradient_and_are_the_caller_s_own() -> None:
    subject = model("llama", "causal-lm")
    logits, cache = run_with_cache(subject, TEXT)
    assert not logits.requires_grad
    assert not any(value.requires_grad for value in cache.values())
    before = subject.value(TEXT, 5)
    for value in cache.values():
        value.zero_()
    assert subject.value(TEXT, 5) == before


def test_an_edited_model_is_read_as_it_is_edited() -> None:
    subject = model("gpt2", "causal-lm")
    with edited_attention(subject, evenly(subject, 1)):
        _, cache = run_with_cache(subject, TEXT, "pattern")
    n = cache["pattern", 1].shape[-1]
    even = torch.ones(n, n).tril() / torch.arange(1, n + 1)[:, None]
    torch.testing.assert_close(cache["pattern", 1], even.expand(4, n, n))


def test_bad_input_is_named() -> None:
    subject = model("gpt2", "causal-lm")
    with pytest.raises(OptionError, match=r"no activation 'zz'; name a site \(resid_pre, q,"):
        run_with_cache(subject, TEXT, ["zz"])
    with pytest.raises(OptionError, match="no activation 'resid_mid'"):
        run_with_cache(model("gpt_neox", "causal-lm"), TEXT, "resid_mid")
    with pytest.raises(OptionError, match="no activation 'hook_pos_embed'"):
        run_with_cache(model("llama", "causal-lm"), TEXT, "hook_pos_embed")
    _, cache = run_with_cache(subject, TEXT, "z")
    with pytest.raises(LayerRangeError, match="layer 3"):
        cache["z", 3]
    with pytest.raises(OptionError, match="site 'zz'"):
        cache["zz", 0]
    with pytest.raises(KeyError, match=r"'z' is in every layer: name one, as in cache\['z', 0\]"):
        cache["z"]
    assert ("z", 0) in cache and ("z", 99) not in cache and ("zz", 0) not in cache and "z" not in cache
    assert cache.get("blocks.9.attn.hook_z") is None
    with pytest.raises(KeyError, match=r"hook_q was not kept; there is: blocks\.0\.attn\.hook_z"):
        cache["q", 0]
    with pytest.raises(UnsupportedArchitectureError):
        run_with_cache("gpt2", TEXT)  # type: ignore[arg-type]
    subject = model_in(torch.float32, "gpt2", "causal-lm")
    subject.model.train()
    with pytest.raises(OptionError, match="training mode"):
        run_with_cache(subject, TEXT)


def test_attention_without_weights_is_refused() -> None:
    subject = model_in(torch.float32, "gpt2", "causal-lm")
    subject.model.set_attn_implementation("sdpa")
    for explain in (run_with_cache, functools.partial(activation_patching, corrupted=TEXT)):
        with pytest.raises(UnsupportedArchitectureError, match="set_attn_implementation"):
            explain(subject, TEXT)

"""Patching one activation at a time: laws, a naive loop, TransformerLens, nnsight, and cases by hand."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gc
import itertools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import transformer_lens.patching as lens_patching
from hypothesis import given
from hypothesis import strategies as st
from nnsight import NNsight
from tiny import DECODERS, KINDS, TEXT, assert_leaves_untouched, model, model_in, text_for

import xai_helpers as xai
from xai_helpers import Target
from xai_helpers.architectures import Kind, blocks_of
from xai_helpers.circuits import ablation, activation_patching, patching, resuming, run_with_cache, sites
from xai_helpers.editing import edited_attention, evenly
from xai_helpers.errors import (
    AlignmentError,
    LayerRangeError,
    OptionError,
    UnknownTargetError,
    UnsupportedArchitectureError,
)
from xai_helpers.tooling import to_transformer_lens

double = functools.cache(functools.partial(model_in, torch.float64))
LATE = (
    "q",
    "pattern",
    "z",
    "attn_out",
    "resid_mid",
    "post",
    "mlp_out",
    "resid_post",
)  # of the last block, what is read


def pair(subject: xai.TextModel) -> tuple[str, str]:
    """Two texts of as many tokens, which differ in the third word and near the end."""
    clean = text_for(subject)
    return clean, clean.replace("cat", "mat").replace("it was", "it sat")


def activations(subject: xai.TextModel, text: str, site: str) -> list[torch.Tensor]:
    with torch.no_grad(), sites.read(subject, [(site, layer) for layer in range(3)]) as kept:
        subject.forward(subject.encode(text))
    return [kept[site, layer] for layer in range(3)]


def naive(
    subject: xai.TextModel, text: str, donors: list[torch.Tensor], site: str, axes: tuple[str, ...], target: Target
) -> np.ndarray:
    """A whole pass of the model for each cell, hooks and all."""
    resolved = subject.resolve(target, text)
    maps = []
    for layer, donor in enumerate(donors):
        heads, tokens = (1, 2) if site == "pattern" else (2, 1)
        shape = [donor.shape[axis] for axis in {"position": (tokens,), "head": (heads,)}.get(axes[-1], ())]
        shape = shape if len(axes) == 2 else [donor.shape[tokens], donor.shape[heads]]
        values = np.empty(shape)
        for cell in np.ndindex(*shape):
            at: list[Any] = [slice(None)] * donor.ndim
            for axis, index in zip(axes[1:], cell, strict=True):
                at[tokens if axis == "position" else heads] = index

            def change(own: torch.Tensor, at: list[Any] = at, donor: torch.Tensor = donor) -> torch.Tensor:
                own = own.clone()
                own[tuple(at)] = donor[tuple(at)]
                return own

            encoded = subject.encode(text)
            with torch.no_grad(), sites.written(subject, site, layer, change):
                output = subject.forward(encoded)
            values[cell] = float(resolved.value(subject.readout_logits(encoded, output, target.position).double()))
        maps.append(values)
    return np.stack(maps)


# What follows is in double precision, where a batch and a single pass differ by rounding only.


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_a_naive_loop_finds_the_same(family: str, kind: Kind) -> None:
    subject = double(family, kind)
    clean, corrupted = pair(subject)
    for site in sites.sites_of(subject):
        p = activation_patching(subject, clean, corrupted, 1, site=site)
        expected = naive(subject, corrupted, activations(subject, clean, site), site, p.axes, Target(1))
        np.testing.assert_allclose(p.values, expected, rtol=0, atol=1e-11, err_msg=site)
        assert (p.clean, p.corrupted) == pytest.approx(
            (subject.value(clean, 1), subject.value(corrupted, 1)), abs=1e-11
        )


@pytest.mark.parametrize("site", sites.BY_HEAD)
@pytest.mark.parametrize("family", ["gpt2", "llama", "gpt_neox", "bert"])
def test_every_pair_of_axes(family: str, site: str) -> None:
    subject = double(family, "causal-lm" if family in DECODERS else "masked-lm")
    clean, corrupted = pair(subject)
    for axes in patching.AXES[:3]:
        p = activation_patching(subject, clean, corrupted, 1, site=site, axes=axes, direction="noising")
        expected = naive(subject, clean, activations(subject, corrupted, site), site, axes, Target(1))
        np.testing.assert_allclose(p.values, expected, rtol=0, atol=1e-11)
        assert p.values.ndim == len(p.names) == len(axes)
        assert [len(names) for names in p.names] == list(p.values.shape)


@pytest.mark.parametrize("family", DECODERS)
def test_an_earlier_readout(family: str) -> None:
    subject = double(family, "causal-lm")
    clean, corrupted = pair(subject)
    target = Target(1, position=-4, output="log_probability")
    for site in ("resid_pre", "k", "pattern", "resid_mid" if family != "gpt_neox" else "mlp_out"):
        p = activation_patching(subject, clean, corrupted, target, site=site, axes=("layer", "position"))
        expected = naive(subject, corrupted, activations(subject, clean, site), site, p.axes, target)
        np.testing.assert_allclose(p.values, expected, rtol=0, atol=1e-11, err_msg=site)
        assert (p.values[:, -3:] == p.corrupted).all()  # what follows the readout is not read


@pytest.mark.parametrize("family", ["mistral", "qwen2"])
def test_a_sliding_window(family: str) -> None:
    windowed = {"sliding_window": 4} | (
        {"use_sliding_window": True, "max_window_layers": 1} if family == "qwen2" else {}
    )
    subject = model_in(torch.float64, family, "causal-lm", **windowed)
    clean, corrupted = pair(subject)
    for site in ("resid_pre", "v", "pattern"):
        p = activation_patching(subject, clean, corrupted, 1, site=site, axes=("layer", "position"))
        expected = naive(subject, corrupted, activations(subject, clean, site), site, p.axes, Target(1))
        np.testing.assert_allclose(p.values, expected, rtol=0, atol=1e-11, err_msg=site)
    everything = activation_patching(double(family, "causal-lm"), clean, corrupted, 1, site=site, axes=p.axes)
    assert (p.values != everything.values).any()


# Laws.


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_a_text_with_itself_changes_nothing_and_runs_nothing(
    family: str, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = double(family, kind)
    monkeypatch.setattr(patching, "resume", None)
    for site in sites.sites_of(subject):
        p = activation_patching(subject, text_for(subject), text_for(subject), 1, site=site)
        assert (p.values == p.clean).all()
        with pytest.raises(OptionError, match="no scale"):
            _ = p.effect


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_patching_everything_restores_the_clean_run(family: str, kind: Kind) -> None:
    subject = double(family, kind)
    encoded, other = (subject.encode(text) for text in pair(subject))
    place = subject.readout(encoded)
    streams = [site for site in ("resid_pre", "resid_mid", "resid_post") if site in sites.sites_of(subject)]
    for site, layer in itertools.product(streams, range(3)):
        donor, base = (resuming.record(subject, text, place, [(site, layer)]) for text in (encoded, other))
        kept = donor.kept[site, layer]
        change = lambda values, first, kept=kept: kept[:, first : first + values.shape[1]].expand_as(values)  # noqa: E731
        for rows in (1, 3):
            found = resuming.resume(base, site, layer, change, rows)
            torch.testing.assert_close(found, donor.logits.expand(rows, -1), rtol=0, atol=1e-11)


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_a_whole_layer_at_once(family: str, kind: Kind) -> None:
    """All that a layer is given or gives is all there is; of what attention adds, all heads together are all."""
    subject = double(family, kind)
    clean, corrupted = pair(subject)
    for site in ("resid_pre", "resid_post"):
        p = activation_patching(subject, clean, corrupted, 2, site=site, axes=["layer"])
        assert (p.axes, p.values.shape, p.names) == (("layer",), (3,), (("0", "1", "2"),))
        np.testing.assert_allclose(p.values, p.clean, rtol=0, atol=1e-11)
    z, attn = (activation_patching(subject, clean, corrupted, 2, site=s, axes=["layer"]) for s in ("z", "attn_out"))
    np.testing.assert_allclose(z.values, attn.values, rtol=0, atol=1e-11)


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_the_last_stream_at_the_readout_is_all_that_counts(family: str, kind: Kind) -> None:
    subject = double(family, kind)
    clean, corrupted = pair(subject)
    place = subject.readout(clean)
    p = activation_patching(subject, clean, corrupted, 2, site="resid_post")
    assert p.effect[-1, place] == pytest.approx(1, abs=1e-9)
    assert (np.delete(p.values[-1], place) == p.corrupted).all()


@pytest.mark.parametrize("family", DECODERS)
def test_nothing_before_the_first_difference_has_an_effect(family: str) -> None:
    subject = double(family, "causal-lm")
    clean, corrupted = pair(subject)
    first = int((subject.encode(clean).ids != subject.encode(corrupted).ids)[0].int().argmax())
    assert first >= 1
    for site in sites.sites_of(subject):
        p = activation_patching(subject, clean, corrupted, 1, site=site, axes=("layer", "position"))
        assert (p.values[:, :first] == p.corrupted).all(), site
        assert (p.values != p.corrupted).any(), site


@given(
    st.sampled_from(KINDS),
    st.sampled_from(["resid_pre", "z", "k", "pattern", "mlp_out"]),
    st.sampled_from([Target(2), Target(2, versus=0), Target(2, output="probability")]),
)
def test_denoising_one_way_is_noising_the_other(setting: tuple[str, Kind], site: str, target: Target) -> None:
    subject = double(*setting)
    clean, corrupted = pair(subject)
    there = activation_patching(subject, clean, corrupted, target, site=site)
    back = activation_patching(subject, corrupted, clean, target, site=site, direction="noising")
    np.testing.assert_array_equal(there.values, back.values)
    assert (there.clean, there.corrupted) == (back.corrupted, back.clean)
    np.testing.assert_allclose(there.effect, 1 - back.effect, rtol=0, atol=1e-9)


@pytest.mark.parametrize("metric", patching.METRICS)
@pytest.mark.parametrize(
    ("family", "kind"), [("gpt2", "causal-lm"), ("mistral", "causal-lm"), ("distilbert", "classifier")]
)
def test_the_batch_size_makes_no_difference(family: str, kind: Kind, metric: patching.Metric) -> None:
    subject = double(family, kind)
    for site in ("resid_pre", "z", "k"):
        one, three, auto = (
            activation_patching(subject, *pair(subject), 1, site=site, metric=metric, batch_size=size).values
            for size in (1, 3, "auto")
        )
        np.testing.assert_allclose(one, auto, rtol=0, atol=1e-11)
        np.testing.assert_allclose(three, auto, rtol=0, atol=1e-11)


def test_long_texts_are_run_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = double("gpt2", "causal-lm")
    clean, corrupted = (" ".join([text] * 4) for text in pair(subject))
    starts = []

    def noted(run: Any, site: str, layer: int, change: Any, n_rows: int, start: int) -> torch.Tensor:
        starts.append((n_rows, start))
        return resuming.resume(run, site, layer, change, n_rows, start)

    monkeypatch.setattr(patching, "resume", noted)
    p = activation_patching(subject, clean, corrupted, 1, layers=[1])
    assert len(starts) > 3
    assert sum(rows for rows, _ in starts) == int((p.values != p.corrupted).sum())
    monkeypatch.setattr(patching, "WORTH", 10**9)
    starts.clear()
    np.testing.assert_allclose(
        activation_patching(subject, clean, corrupted, 1, layers=[1]).values, p.values, atol=1e-11
    )
    assert len(starts) == 1


def test_a_part_starts_where_the_first_of_its_cells_does() -> None:
    subject = double("gpt2", "causal-lm")
    encoded = subject.encode(" ".join([TEXT] * 8))
    n = len(encoded.units)
    run = resuming.record(subject, encoded, n - 1)
    changes = torch.zeros(4, n, 1, dtype=torch.bool)
    for cell, token in ((0, 90), (1, 40), (3, 41)):  # cell 2 changes nothing
        changes[cell, token:] = True
    ((rows, start), (late, last)) = patching._parts(run, changes, "auto")
    assert (rows.tolist(), start, late.tolist(), last) == ([1, 3], 40, [0], 90)
    assert [rows.tolist() for rows, _ in patching._parts(run, changes, 1)] == [[1], [3], [0]]


def test_layers_can_be_chosen() -> None:
    subject = double("gpt2", "causal-lm")
    every = activation_patching(subject, *pair(subject), 1)
    some = activation_patching(subject, *pair(subject), 1, layers=[0, 2])
    np.testing.assert_array_equal(some.values, every.values[[0, 2]])
    assert some.names[0] == ("0", "2")


def test_metrics_by_hand() -> None:
    subject = double("gpt2", "causal-lm")
    clean, corrupted = pair(subject)
    p = activation_patching(subject, clean, corrupted, 1, metric="kl")
    logits = [run_with_cache(subject, text)[0][-1].double().log_softmax(-1) for text in (clean, corrupted)]
    far = float((logits[0].exp() * (logits[0] - logits[1])).sum())
    assert (p.clean, p.corrupted) == (0, pytest.approx(far, abs=1e-11))
    difference = activation_patching(subject, clean, corrupted, Target(1, versus=2))
    alone = [activation_patching(subject, clean, corrupted, token).values for token in (1, 2)]
    np.testing.assert_allclose(difference.values, alone[0] - alone[1], rtol=0, atol=1e-11)
    probability = activation_patching(subject, clean, corrupted, Target(1, output="probability"))
    assert probability.clean == pytest.approx(subject.value(clean, Target(1, output="probability")))


def test_what_is_on_the_axes() -> None:
    subject = double("gpt2", "causal-lm")
    clean, corrupted = "A cat sat on the mat", "A mat sat on the mat"
    p = activation_patching(subject, clean, corrupted, None)
    tokens = [[unit.text for unit in subject.encode(text).units] for text in (clean, corrupted)]
    assert p.axes == ("layer", "position")
    assert p.names[0] == ("0", "1", "2")
    assert list(p.names[1]) == [a if a == b else f"{a}/{b}" for a, b in zip(*tokens, strict=True)]
    assert any("/" in name for name in p.names[1])
    assert p.target.token == subject.resolve(None, clean).target.token  # the prediction of the clean text
    assert (p.how, p.site, p.metric, p.model, p.texts) == (
        "denoising",
        "resid_pre",
        "target",
        subject.name,
        (clean, corrupted),
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        p.clean = 0.0  # type: ignore[misc]


@pytest.mark.parametrize("site", ["resid_pre", "resid_mid", "mlp_out", "z"])
def test_neox_without_its_parallel_stream(site: str) -> None:
    subject = model_in(torch.float64, "gpt_neox", "causal-lm", use_parallel_residual=False)
    clean, corrupted = pair(subject)
    p = activation_patching(subject, clean, corrupted, 1, site=site)
    expected = naive(subject, corrupted, activations(subject, clean, site), site, p.axes, Target(1))
    np.testing.assert_allclose(p.values, expected, rtol=0, atol=1e-11)
    if site == "resid_mid":  # after it comes nothing but the MLP, whose output is added to it
        pre = activation_patching(subject, clean, corrupted, 1, site="resid_post").values
        assert p.values[-1, -1] == pytest.approx(pre[-1, -1], abs=1e-11)


# Ablation.


@pytest.mark.parametrize(("family", "kind"), [("gpt2", "causal-lm"), ("llama", "classifier"), ("bert", "masked-lm")])
def test_ablations_by_a_naive_loop(family: str, kind: Kind) -> None:
    subject = double(family, kind)
    text, other = pair(subject)
    for site in ("z", "mlp_out", "pattern"):
        own, resampled = activations(subject, text, site), activations(subject, other, site)
        donors = {
            "zero": [torch.zeros_like(x) for x in own],
            "resample": resampled,
            "mean": [
                (x + y) / 2 if site == "pattern" else torch.cat([x, y], dim=1).mean(1, keepdim=True).expand_as(x)
                for x, y in zip(own, resampled, strict=True)
            ],
        }
        for how, donor in donors.items():
            texts = {"zero": [], "resample": [other], "mean": [text, other]}[how]
            a = ablation(subject, text, 1, site=site, replacement=how, texts=texts)  # type: ignore[arg-type]
            np.testing.assert_allclose(
                a.values, naive(subject, text, donor, site, a.axes, Target(1)), rtol=0, atol=1e-11
            )
            np.testing.assert_array_equal(a.effect, a.values - a.clean)
            assert (a.how, a.corrupted) == (how, None)


def test_resampling_is_a_mean_over_texts() -> None:
    subject = double("gpt2", "causal-lm")
    text, other = pair(subject)
    third = text.replace("mat", "cat")
    each = [ablation(subject, text, 1, replacement="resample", texts=[t]).values for t in (other, third)]
    both = ablation(subject, text, 1, replacement="resample", texts=[other, third]).values
    np.testing.assert_allclose(both, np.mean(each, axis=0), rtol=0, atol=1e-11)


def test_a_mean_needs_no_texts_of_the_same_length() -> None:
    subject = double("gpt2", "causal-lm")
    text = text_for(subject)
    a = ablation(subject, text, 1, replacement="mean", texts=["Mat", "The cat sat"])
    donors = [
        torch.cat([run_with_cache(subject, t)[1]["z", layer] for t in ("Mat", "The cat sat")]).mean(0, keepdim=True)[
            None
        ]
        for layer in range(3)
    ]
    n = len(subject.encode(text).units)
    donors = [x.expand(1, n, -1, -1) for x in donors]
    np.testing.assert_allclose(a.values, naive(subject, text, donors, "z", a.axes, Target(1)), rtol=0, atol=1e-11)


# The field's libraries, in single precision.

LENS: dict[tuple[str, tuple[str, ...]], Callable[..., torch.Tensor]] = {
    ("resid_pre", patching.AXES[0]): lens_patching.get_act_patch_resid_pre,
    ("resid_mid", patching.AXES[0]): lens_patching.get_act_patch_resid_mid,
    ("attn_out", patching.AXES[0]): lens_patching.get_act_patch_attn_out,
    ("mlp_out", patching.AXES[0]): lens_patching.get_act_patch_mlp_out,
    ("z", patching.AXES[1]): lens_patching.get_act_patch_attn_head_out_all_pos,
    ("q", patching.AXES[1]): lens_patching.get_act_patch_attn_head_q_all_pos,
    ("k", patching.AXES[1]): lens_patching.get_act_patch_attn_head_k_all_pos,
    ("v", patching.AXES[1]): lens_patching.get_act_patch_attn_head_v_all_pos,
    ("pattern", patching.AXES[1]): lens_patching.get_act_patch_attn_head_pattern_all_pos,
    ("z", patching.AXES[2]): lens_patching.get_act_patch_attn_head_out_by_pos,
}


@pytest.mark.parametrize("family", ["gpt2", "gpt_neox", "llama", "qwen3", "bert"])
def test_transformer_lens_agrees(family: str) -> None:
    subject = model(family, "masked-lm" if family == "bert" else "causal-lm")
    clean, corrupted = pair(subject)
    peer = to_transformer_lens(subject)
    _, cache = peer.run_with_cache(subject.encode(clean).ids)
    ids, place = subject.encode(corrupted).ids, subject.readout(clean)
    compared = 0
    for (site, axes), patch in LENS.items():
        shared = site in ("k", "v") and family in ("llama", "qwen3")  # TransformerLens patches them by query head
        # In BERT two of its names mean another place, and what is put into a pattern has no effect there.
        elsewhere = site in ("resid_mid", "attn_out", "pattern") and family == "bert"
        if site in sites.sites_of(subject) and not shared and not elsewhere:
            with torch.no_grad():
                theirs = patch(peer, ids, cache, lambda logits: logits[0, place, 5] - logits[0, place, 7])
            ours = activation_patching(subject, clean, corrupted, Target(5, versus=7), site=site, axes=axes)
            np.testing.assert_allclose(ours.values, theirs.numpy(), rtol=0, atol=5e-5, err_msg=f"{site} {axes}")
            compared += 1
    assert compared >= 7


# In nnsight: the blocks; in one its attention's output layer, what its MLP adds, its last module; and the head.
IN_NNSIGHT: dict[str, tuple[Kind, str, str, str, str, str]] = {
    "gpt2": ("causal-lm", "transformer.h", "attn.c_proj", "mlp", "", "lm_head"),
    "llama": ("causal-lm", "model.layers", "self_attn.o_proj", "mlp", "", "lm_head"),
    "distilbert": (
        "classifier",
        "distilbert.transformer.layer",
        "attention.out_lin",
        "ffn.lin2",
        "output_layer_norm",
        "classifier",
    ),
}


@pytest.mark.parametrize("family", IN_NNSIGHT)
def test_nnsight_agrees(family: str) -> None:
    kind, blocks, attention, mlp, last, head_of = IN_NNSIGHT[family]
    subject = model(family, kind)
    clean, corrupted = ({"input_ids": subject.encode(text).ids} for text in pair(subject))
    maps = {
        site: activation_patching(subject, *pair(subject), 1, site=site).values
        for site in ("resid_post", "mlp_out", "z")
    }
    peer = NNsight(subject.model)
    block, head_out = operator.attrgetter(blocks)(peer)[1], operator.attrgetter(head_of)(peer)
    z_in, mlp_of = operator.attrgetter(attention)(block), operator.attrgetter(mlp)(block)
    end = operator.attrgetter(last)(block) if last else block
    with peer.trace(**clean):
        z, added, kept = z_in.input.save(), mlp_of.output.save(), end.output.save()

    def value(logits: torch.Tensor) -> float:
        return float(logits[0, 1] if kind == "classifier" else logits[0, -1, 1])

    for position in (2, 5, -1):
        with peer.trace(**corrupted):
            end.output[:, position] = kept[:, position]
            logits = head_out.output.save()
        assert maps["resid_post"][1, position] == pytest.approx(value(logits), abs=2e-5)
        with peer.trace(**corrupted):
            mlp_of.output[:, position] = added[:, position]
            logits = head_out.output.save()
        assert maps["mlp_out"][1, position] == pytest.approx(value(logits), abs=2e-5)
    for head in range(4):
        at = slice(4 * head, 4 * head + 4)
        with peer.trace(**corrupted):
            z_in.input[:, :, at] = z[:, :, at]
            logits = head_out.output.save()
        assert maps["z"][1, head] == pytest.approx(value(logits), abs=2e-5)


# The model, and what is refused.


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_the_model_is_as_it_was(family: str, kind: Kind) -> None:
    subject = model_in(torch.float32, family, kind)

    def explain(subject: xai.TextModel, text: str, target: Any) -> None:
        for site in ("resid_mid" if family != "gpt_neox" else "mlp_out", "k", "pattern"):
            activation_patching(subject, *pair(subject), target, site=site)

    assert_leaves_untouched(subject, explain, backward=False)


def tensors_alive() -> int:
    gc.collect()
    return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())


@pytest.mark.parametrize(("family", "kind"), [("gpt2", "causal-lm"), ("bert", "classifier")])
def test_nothing_is_kept_alive(family: str, kind: Kind) -> None:
    subject = model_in(torch.float32, family, kind)
    clean, corrupted = pair(subject)
    activation_patching(subject, clean, corrupted, site="z")  # what is made once, and stays, as masks and tables do
    before = tensors_alive()
    activation_patching(subject, clean, corrupted, site="z")
    assert tensors_alive() == before

    def breaks(module: Any, args: Any, output: Any) -> None:
        if len(output) > 1:
            raise RuntimeError("in the middle of a batch of changes")

    hook = blocks_of(subject.model)[1].register_forward_hook(breaks)
    with contextlib.suppress(RuntimeError):
        activation_patching(subject, clean, corrupted, site="z")
        raise AssertionError("it was to break")
    hook.remove()
    assert tensors_alive() == before
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in subject.model.modules())


def test_a_model_whose_attention_is_edited_is_refused() -> None:
    """An edit may go by a query's place; a pass that starts in the middle would hand it another one."""
    subject = double("gpt2", "causal-lm")
    clean, corrupted = pair(subject)
    for explain in (
        functools.partial(activation_patching, subject, clean, corrupted),
        functools.partial(ablation, subject, clean),
    ):
        with edited_attention(subject, evenly(subject, 1)), pytest.raises(OptionError, match="leave edited_attention"):
            explain(site="z")
        explain(site="z")


def test_patterns_of_one_head_are_cut_to_the_text() -> None:
    donor = torch.arange(16.0).view(1, 1, 4, 4)
    assert patching._fitted("pattern", donor, torch.zeros(1, 1, 3, 3)).tolist() == donor[..., :3, :3].tolist()
    assert patching._fitted("z", torch.zeros(1, 1, 2, 5), torch.zeros(1, 3, 2, 5)).shape == (1, 3, 2, 5)


def test_texts_that_dont_fit() -> None:
    subject = model("gpt2", "causal-lm")
    with pytest.raises(AlignmentError, match=r"have 12 and 13 tokens.*as many tokens each.*'The'"):
        activation_patching(subject, TEXT, f"{TEXT}.", 1)
    with pytest.raises(AlignmentError):
        ablation(subject, TEXT, 1, replacement="resample", texts=["The cat"])
    with pytest.raises(AlignmentError):
        ablation(subject, TEXT, 1, site="pattern", replacement="mean", texts=["The cat"])
    masked = model("bert", "masked-lm")
    with pytest.raises(AlignmentError, match="mask the same place"):
        activation_patching(masked, "the [MASK] sat", "the cat [MASK]", 1)


def test_bad_input_is_named() -> None:
    subject = model("gpt2", "causal-lm")
    clean, corrupted = pair(subject)
    patch = functools.partial(activation_patching, subject, clean, corrupted)
    for options, message in (
        ({"site": "zz"}, "site='zz': choose one of 'resid_pre'"),
        ({"site": ["z", "q"]}, "site=.*: choose one of 'resid_pre'"),
        ({"axes": ("head",)}, "axes="),
        ({"axes": ("layer", "head")}, "resid_pre has no heads; only q, k, v, pattern, z have"),
        ({"direction": "both"}, "direction='both': choose one of 'denoising', 'noising'"),
        ({"metric": "loss"}, "metric='loss'"),
        ({"batch_size": 0}, "batch_size"),
    ):
        with pytest.raises(OptionError, match=message):
            patch(1, **options)
    with pytest.raises(LayerRangeError):
        patch(1, layers=[3])
    with pytest.raises(UnknownTargetError):
        patch("no such token at all")
    with pytest.raises(UnsupportedArchitectureError, match="side by side: it has no resid_mid"):
        activation_patching(model("gpt_neox", "causal-lm"), clean, corrupted, 1, site="resid_mid")
    with pytest.raises(UnsupportedArchitectureError):
        activation_patching("gpt2", clean, corrupted)  # type: ignore[arg-type]
    for replacement, texts, message in (
        ("mean", [], "needs texts"),
        ("resample", "one text", "needs texts, in a list"),
        ("zero", ["one"], "takes no texts"),
        ("one", [], "replacement='one': choose one of 'zero', 'mean', 'resample'"),
    ):
        with pytest.raises(OptionError, match=message):
            ablation(subject, TEXT, 1, replacement=replacement, texts=texts)  # type: ignore[arg-type]
    training = model_in(torch.float32, "gpt2", "causal-lm")
    training.model.train()
    with pytest.raises(OptionError, match="training mode"):
        activation_patching(training, clean, corrupted)

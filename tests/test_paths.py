"""Paths: direct and total effects, TransformerLens' direct paths, a chain of nodes, and what is refused."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import torch
import transformer_lens.patching as lens_patching
from tiny import DECODERS, TEXT, assert_leaves_untouched, model_in

import xai_helpers as xai
from xai_helpers import Target
from xai_helpers.circuits import activation_patching, edges, logit_attribution
from xai_helpers.circuits.paths import path_effect, path_patching, readers_of
from xai_helpers.errors import AlignmentError, NoHeadError, OptionError
from xai_helpers.tooling import to_transformer_lens

OTHER = TEXT.replace("cat", "mat").replace("it was", "it sat")
CONTRAST = Target(5, versus=7)
double = functools.cache(functools.partial(model_in, torch.float64))


@pytest.mark.parametrize("family", DECODERS)
def test_the_total_effect_is_that_of_activation_patching(family: str) -> None:
    subject = double(family, "causal-lm")
    for direction in ("denoising", "noising"):
        options: dict[str, Any] = {"direction": direction}
        heads = [f"head {layer}.{head}" for layer in range(3) for head in range(4)]
        total = path_patching(subject, TEXT, OTHER, CONTRAST, receivers="all", senders=heads, **options)
        exact = activation_patching(subject, TEXT, OTHER, CONTRAST, site="z", **options)
        np.testing.assert_allclose(total.values, exact.values.flatten(), rtol=0, atol=2e-6)
        assert (total.clean, total.corrupted) == pytest.approx((exact.clean, exact.corrupted), abs=2e-6)
        np.testing.assert_allclose(total.effect, exact.effect.flatten(), rtol=0, atol=1e-4)


def test_the_direct_effect_is_linear_but_for_the_norm() -> None:
    """With the last norm's scale at 1, it is the difference of the two runs' direct logit attributions."""
    subject = model_in(torch.float64, "gpt2", "causal-lm")
    subject.model.transformer.ln_f = torch.nn.LayerNorm(16, eps=1e12).double()  # divides by the same number always
    torch.nn.init.constant_(subject.model.transformer.ln_f.weight, 1e6)
    direct = path_patching(subject, TEXT, OTHER, CONTRAST)
    parts = [dict(logit_attribution(subject, text, CONTRAST).parts()) for text in (TEXT, OTHER)]
    for name, value in zip(direct.senders, direct.values, strict=True):
        names = ("tokens", "positions") if name == "embeddings" else (name,)
        expected = sum(parts[0][part] - parts[1][part] for part in names)
        assert value - direct.corrupted == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("letter", ["q", "k", "v"])
def test_transformer_lens_finds_the_same_direct_paths(letter: Any) -> None:
    subject = model_in(torch.float32, "gpt2", "causal-lm")
    peer = to_transformer_lens(subject)
    ids = [subject.encode(text).ids for text in (TEXT, OTHER)]
    with torch.no_grad():
        caches = [peer.run_with_cache(one)[1] for one in ids]
        theirs = lens_patching.get_act_patch_direct_path(
            peer,
            ids[1],
            *caches,
            lambda logits: logits[0, -1, 5] - logits[0, -1, 7],
            src_layer=0,
            src_head=2,
            component=letter,
            verbose=False,
        )
    for layer in (1, 2):
        for head in range(4):
            ours = path_patching(
                subject, TEXT, OTHER, CONTRAST, receivers=f"head {layer}.{head} {letter}", senders=["head 0.2"]
            )
            assert ours.values[0] == pytest.approx(float(theirs[layer, head]), abs=2e-5)


def test_a_chain_of_one_edge_is_that_edge_and_longer_ones_are_followed() -> None:
    subject = double("gpt2", "causal-lm")
    direct = path_patching(subject, TEXT, OTHER, CONTRAST, senders=["head 1.2"])
    assert path_effect(subject, TEXT, OTHER, ["head 1.2", "logits"], CONTRAST) == pytest.approx(direct.effect[0])
    # By hand: the keys of head 2.1 read head 0.3 as it was; what head 2.1 then writes goes to the logits alone.
    graph, ids = edges.graph_of(subject), [subject.encode(text).ids for text in (TEXT, OTHER)]
    place = ids[0].shape[1] - 1
    clean, corrupted = (edges.run(subject, one, place) for one in ids)
    mask = torch.zeros(1, *graph.exists.shape).double()
    mask[(0, *graph.index("head 2.1 k", "head 0.3"))] = 1
    with torch.no_grad():
        changed = edges.patched_run(subject, ids[1], place, clean.written, mask).written
    writer = graph.writers.index("head 2.1")
    assert not torch.equal(changed[0, writer], corrupted.written[0, writer])
    stream = corrupted.written.sum(1)[0] + changed[0, writer] - corrupted.written[0, writer]
    network: Any = subject.model.transformer
    biases = sum(block.attn.c_proj.bias for block in network.h)
    with torch.no_grad():
        logits = subject.model.lm_head(network.ln_f(stream + biases))[place]
    low, high = (float(run.logits[0, 5] - run.logits[0, 7]) for run in (corrupted, clean))
    expected = (float(logits[5] - logits[7]) - low) / (high - low)
    found = path_effect(subject, TEXT, OTHER, ["head 0.3", "head 2.1 k", "logits"], CONTRAST)
    assert found == pytest.approx(expected, abs=1e-9)


def test_the_copier_s_path_is_found() -> None:
    """Its induction head reads, by its keys, what head 0.2 wrote of the word before."""
    copier = xai.load("copier")
    words = [copier.tokenizer.decode([i]).strip() for i in range(copier.config.vocab_size)]
    a, b, c, d, e = [word for word in words if word.isalpha()][:5]
    clean, corrupted = f"{a} {b} {c} {d} {a}", f"{e} {b} {c} {d} {a}"
    for sender, receiver, effect in (
        ("head 0.2", "head 1.1 k", 1),
        ("head 0.2", "head 1.1 v", 0),
        ("head 0.1", "head 1.1 k", 0),
        ("embeddings", "head 0.2 v", 1),
    ):
        found = path_patching(copier, clean, corrupted, b, receivers=receiver, senders=[sender])
        assert found.effect[0] == pytest.approx(effect, abs=1e-3), (sender, receiver)
    path = ["embeddings", "head 0.2 v", "head 1.1 k", "logits"]
    assert path_effect(copier, clean, corrupted, path, b) == pytest.approx(1, abs=1e-3)


def test_receivers_by_name() -> None:
    graph = edges.graph_of(double("llama", "causal-lm"))
    assert readers_of(graph, "head 1.2") == ("head 1.2 q", "head 1.2 k", "head 1.2 v")
    assert readers_of(graph, ["MLP 0", "head 1.1"]) == ("MLP 0", "head 1.1 q")  # its keys are those of head 1.0
    assert readers_of(graph, "all") == graph.readers


def test_the_batch_size_makes_no_difference() -> None:
    subject = double("gpt2", "causal-lm")
    one, many = (path_patching(subject, TEXT, OTHER, 5, batch_size=size).values for size in (1, 16))
    np.testing.assert_allclose(one, many, rtol=0, atol=1e-12)


def test_the_model_is_as_it_was() -> None:
    def explain(subject: xai.TextModel, text: str, target: Any) -> None:
        path_patching(subject, TEXT, OTHER, target, receivers="head 2.1", senders=["head 0.1"])

    assert_leaves_untouched(model_in(torch.float32, "gpt2", "causal-lm"), explain, backward=False)


def test_bad_input_is_named() -> None:
    subject = double("gpt2", "causal-lm")
    with pytest.raises(OptionError, match=r"receiver 'head 7\.0': choose from head 0\.0 q"):
        path_patching(subject, TEXT, OTHER, receivers="head 7.0")
    with pytest.raises(OptionError, match="at least one receiver"):
        path_patching(subject, TEXT, OTHER, receivers=[])
    with pytest.raises(OptionError, match=r"MLP 2 writes after head 1\.0 q, .* there is no path"):
        path_patching(subject, TEXT, OTHER, receivers="head 1.0", senders=["MLP 2"])
    with pytest.raises(AlignmentError):
        path_patching(subject, TEXT, "The cat")
    with pytest.raises(NoHeadError):
        path_patching(double("bert", "masked-lm"), TEXT, OTHER)
    with pytest.raises(OptionError, match="end with 'logits'"):
        path_effect(subject, TEXT, OTHER, ["embeddings", "MLP 0"])
    with pytest.raises(OptionError, match=r"head 2\.0 writes after head 1\.0 q"):
        path_effect(subject, TEXT, OTHER, ["head 2.0", "head 1.0 q", "logits"])

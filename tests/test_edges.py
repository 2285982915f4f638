"""The stream as a graph: laws, a reimplementation that goes reader by reader, and TransformerLens' edges."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import DECODERS, TEXT, assert_leaves_untouched, model_in

import xai_helpers as xai
from xai_helpers.architectures import blocks_of
from xai_helpers.circuits import activation_patching, edges
from xai_helpers.errors import NoHeadError, OptionError

OTHER = TEXT.replace("cat", "mat").replace("it was", "it sat")
double = functools.cache(functools.partial(model_in, torch.float64))
# Llama's relatives compute their norms in float32, whatever the model's type.
ROUNDING = dict.fromkeys(DECODERS, 2e-6) | {"gpt2": 1e-12, "gpt_neox": 1e-12}


@functools.cache
def both(family: str) -> tuple[xai.TextModel, edges.Graph, torch.Tensor, int, edges.Run, edges.Run]:
    """A model, its graph, the corrupted ids, the readout, and the runs of both texts."""
    subject = double(family, "causal-lm")
    ids = [subject.encode(text).ids for text in (TEXT, OTHER)]
    place = ids[0].shape[1] - 1
    return subject, edges.graph_of(subject), ids[1], place, *(edges.run(subject, one, place) for one in ids)


def patched(family: str, *masks: np.ndarray) -> torch.Tensor:
    subject, _, ids, place, clean, _ = both(family)
    with torch.no_grad():
        return edges.patched(subject, ids, place, clean.written, torch.tensor(np.stack(masks), dtype=torch.float64))


def close(got: torch.Tensor, expected: torch.Tensor, family: str) -> None:
    torch.testing.assert_close(got, expected, rtol=0, atol=ROUNDING[family])


@pytest.mark.parametrize("family", DECODERS)
def test_nothing_patched_and_everything_patched_are_the_two_runs(family: str) -> None:
    _, graph, _, _, clean, corrupted = both(family)
    none, every = np.zeros(graph.exists.shape), graph.exists.astype(float)
    logits, first, whole = np.zeros(graph.exists.shape), graph.exists * 0.0, np.ones(graph.exists.shape)
    logits[-1], first[:, 0] = 1, graph.exists[:, 0]
    found = patched(family, none, every, logits, first, whole)
    close(found[0], corrupted.logits[0], family)
    for row in found[1:]:  # all edges; those into the logits; those from the embeddings; and some that don't exist
        close(row, clean.logits[0], family)


@pytest.mark.parametrize("family", DECODERS)
def test_the_runs_are_the_model_s_own(family: str) -> None:
    subject, graph, ids, place, _, corrupted = both(family)
    with torch.no_grad():
        output = subject.forward(subject.encode(OTHER), output_hidden_states=True)
    close(corrupted.logits[0], output.logits[0, place].double(), family)
    assert corrupted.written.shape == (1, len(graph.writers), ids.shape[1], 16)
    biases = sum(
        (0 if out.bias is None else out.bias.detach())
        for block in blocks_of(subject.model)
        for out in [block.get_submodule(subject.architecture.attention_out)]
    )
    base: Any = subject.model.base_model
    normed = base.get_submodule(subject.architecture.final_norm)(corrupted.written[0].sum(0) + biases)
    close(normed, output.hidden_states[-1][0], family)


@pytest.mark.parametrize("family", DECODERS)
def test_all_edges_that_leave_a_head_are_the_head(family: str) -> None:
    subject, graph, *_ = both(family)
    exact = activation_patching(subject, TEXT, OTHER, xai.Target(5, versus=7), site="z").values
    masks = []
    for layer, head in np.ndindex(3, 4):
        mask = graph.exists * 0.0
        writer = graph.writers.index(f"head {layer}.{head}")
        mask[:, writer] = graph.exists[:, writer]
        masks.append(mask)
    logits = patched(family, *masks)
    np.testing.assert_allclose((logits[:, 5] - logits[:, 7]).view(3, 4), exact, rtol=0, atol=ROUNDING[family])


def by_readers(mask: np.ndarray) -> torch.Tensor:
    """GPT-2 written again, from its weights: each reader's stream is summed up on its own."""
    subject, graph, ids, place, clean, _ = both("gpt2")
    network: Any = subject.model.transformer
    x = network.wte(ids[0]) + network.wpe(torch.arange(ids.shape[1]))
    written, constant, n = [x], torch.zeros_like(x), ids.shape[1]
    hidden = torch.ones(n, n).triu(1).bool()

    def stream(reader: str) -> torch.Tensor:
        row = graph.readers.index(reader)
        total = constant.clone()
        for i, own in enumerate(written):
            total += own + mask[row, i] * (clean.written[0, i] - own)
        return total

    for layer, block in enumerate(network.h):
        weight, bias, heads = block.attn.c_attn.weight, block.attn.c_attn.bias, []
        for head in range(4):
            at = [slice(16 * part + 4 * head, 16 * part + 4 * head + 4) for part in range(3)]
            q, k, v = (
                block.ln_1(stream(f"head {layer}.{head} {letter}")) @ weight[:, cut] + bias[cut]
                for letter, cut in zip("qkv", at, strict=True)
            )
            attention = (q @ k.T / math.sqrt(4)).masked_fill(hidden, -torch.inf).softmax(-1)
            heads.append(attention @ v @ block.attn.c_proj.weight[4 * head : 4 * head + 4])
        written += heads
        constant = constant + block.attn.c_proj.bias
        written.append(block.mlp(block.ln_2(stream(f"MLP {layer}"))))
    return subject.model.lm_head(network.ln_f(stream("logits")))[place]


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from([0.02, 0.2, 0.7]), st.booleans())
def test_a_reimplementation_finds_the_same(seed: int, share: float, whole: bool) -> None:
    graph, rng = both("gpt2")[1], np.random.default_rng(seed)
    mask = (rng.random(graph.exists.shape) < share) * graph.exists
    mask = mask * (1.0 if whole else rng.random(mask.shape))
    with torch.no_grad():
        close(patched("gpt2", mask)[0], by_readers(mask), "gpt2")


@pytest.mark.parametrize("family", DECODERS)
def test_edges_are_those_from_writers_before_a_reader(family: str) -> None:
    _, graph, *_ = both(family)
    shared = 1 if family in ("gpt2", "gpt_neox") else 2
    assert len(graph.readers) == 3 * (4 + 2 * 4 // shared + 1) + 1
    assert graph.writers[:6] == ("embeddings", "head 0.0", "head 0.1", "head 0.2", "head 0.3", "MLP 0")
    assert graph.writes_before("head 0.3", "MLP 0") == (family != "gpt_neox")  # which computes both side by side
    assert graph.writes_before("MLP 0", "head 1.0 k") and not graph.writes_before("head 1.0", "head 1.0 k")
    assert graph.exists[-1].all() and graph.exists[0].sum() == 1
    every = [writer for reader in graph.readers for writer in graph.owners(reader)]
    assert set(every) == set(range(1, len(graph.writers)))
    assert [graph.writers[i] for i in graph.owners("head 1.0 k")] == [f"head 1.{i}" for i in range(shared)]


def test_the_model_is_as_it_was() -> None:
    subject = model_in(torch.float32, "gpt2", "causal-lm")

    def explain(subject: xai.TextModel, text: str, target: Any) -> None:
        encoded = subject.encode(text)
        place = encoded.ids.shape[1] - 1
        run = edges.run(subject, encoded.ids, place)
        edges.patched(
            subject, encoded.ids, place, run.written, torch.tensor(edges.graph_of(subject).exists)[None] * 1.0
        )
        subject.resolve(target, encoded)

    assert_leaves_untouched(subject, explain, backward=False)


def test_bad_input_is_named() -> None:
    with pytest.raises(NoHeadError, match="no causal language model"):
        edges.graph_of(double("bert", "masked-lm"))
    graph = both("gpt2")[1]
    with pytest.raises(OptionError, match=r"'head 9\.9': readers are head 0\.0 q"):
        graph.index("head 9.9", "embeddings")
    with pytest.raises(OptionError, match=r"MLP 2 writes after head 1\.0 k has read"):
        graph.index("head 1.0 k", "MLP 2")
    with pytest.raises(OptionError, match="'nobody'"):
        graph.writes_before("nobody", "logits")

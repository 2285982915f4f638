"""Activation patching and caching beside TransformerLens: the same weights, the same texts."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
import transformer_lens.patching as lens_patching
import transformers
from transformer_lens.model_bridge import TransformerBridge

import xai_helpers as xai
from benchmarks.perturbation import LARGE, text_of
from benchmarks.timing import compare, row, seconds
from xai_helpers.circuits import activation_patching, run_with_cache

PATCHING = """\
Logit difference, denoising; the texts differ in the second token and once later, so that nearly all cells of the map
must be run. Ours start from the texts and run both. TransformerLens: its `patching` functions on a bridge of the same
weights, without gradients, from ids and a cache of the clean run. "a sample": it runs each cell alone, so 64 cells were
drawn and timed, and the time is that of as many as the map has. "layers a, b, c": ours ran all cells of these layers
only, and both times are for them.

A pass for each cell costs L layers and the unembedding of all n tokens, which weighs as much as five layers in both
models. Of resid_pre what is left is, on average, half of the tokens, since those before the patch are known; half of
the layers but the last, since those below it are; of the last its keys and values; and the unembedding of one token. By
counting multiplications that is 10.9 times less with course-gpt2 and 6.2 times with GPT-2 small. What is above that at
18 tokens is fewer, larger passes; what is below at 64 and 256 is what a pass costs beside these multiplications:
attention itself, and keys that are copied for each row. Of z, patched at all tokens at once, only what is before the
first difference is saved of the text, which is early here.
"""
CACHING = """\
The same activations of both: those that ours keep by default. Ours start from the text. Where much is kept we lose, as
at 256 tokens: ours keep copies, which no later change in place reaches, and TransformerLens the model's own tensors.
"""
LENGTHS = (18, 64, 256)
SAMPLE = 64
LAYERS = (1, 6, 11)  # of GPT-2 small's size at 256 tokens, where all cells would take an hour


def models() -> Iterator[tuple[str, xai.TextModel]]:
    course = xai.load("course-gpt2", device="cpu")
    yield "course-gpt2", course
    torch.manual_seed(0)
    yield LARGE, xai.wrap(transformers.GPT2LMHeadModel(transformers.GPT2Config()), course.tokenizer)


def bridge(model: xai.TextModel) -> Any:
    """A copy of the model in TransformerLens."""
    network = copy.deepcopy(model.model)
    network.config.architectures = [type(network).__name__]
    return TransformerBridge.boot_transformers("gpt2", hf_model=network, tokenizer=model.tokenizer, device="cpu")


def pair(model: xai.TextModel, n: int) -> tuple[str, str]:
    """Two texts of n tokens that differ in the second and once later."""
    clean = text_of(model, n)
    first, second, *rest = clean.split()
    changed = rest.copy()
    changed[len(rest) // 2] = second
    corrupted = " ".join([first, rest[len(rest) // 2], *changed])
    assert len(model.encode(corrupted).units) == n
    return clean, corrupted


def patching_rows() -> list[str]:
    """Maps of the stream by layer and position, and of the heads' outputs by layer and head."""
    rows = []
    for name, model in models():
        peer = bridge(model)
        for n in LENGTHS:
            clean, corrupted = pair(model, n)
            ids = told_apart(model, clean, corrupted)
            target = xai.Target(ids[0], versus=ids[1])
            layers = LAYERS if (name, n) == (LARGE, 256) else range(model.n_layers)
            with torch.no_grad():
                _, cache = peer.run_with_cache(model.encode(clean).ids)
            for site, activation, setter, cells in (
                ("resid_pre", "resid_pre", lens_patching.layer_pos_patch_setter, ("layer", "pos")),
                ("z", "z", lens_patching.layer_head_vector_patch_setter, ("layer", "head")),
            ):
                ours = functools.partial(
                    activation_patching, model, clean, corrupted, target, site=site, layers=list(layers)
                )
                width = n if site == "resid_pre" else model.n_heads
                every = [(layer, i) for layer in layers for i in range(width)]
                chosen = _drawn(every)
                theirs = functools.partial(
                    _with_lens, peer, model.encode(corrupted).ids, cache, chosen, activation, setter, cells, ids
                )
                map_ = ours()
                found = dict(zip(every, map_.values.flatten(), strict=True))
                assert map_.corrupted is not None
                apart = abs(map_.clean - map_.corrupted)
                assert np.allclose(theirs(), [found[cell] for cell in chosen], rtol=0, atol=1e-3 * apart)
                sample = "" if len(chosen) == len(every) else f", a sample of {len(chosen)} of {len(every)} cells"
                some = f", layers {', '.join(map(str, layers))}" if layers is LAYERS else ""
                mine, peers = timed(ours, theirs)
                what = f"{site} by {cells[0]} and {cells[1]}, {name}, {n} tokens{some}"
                rows.append(row(what, mine, f"TransformerLens{sample}", peers * len(every) / len(chosen)))
    return rows


def caching_rows() -> list[str]:
    """One forward pass with everything kept."""
    rows = []
    for name, model in models():
        peer = bridge(model)
        for n in LENGTHS:
            text = text_of(model, n)
            ids = model.encode(text).ids

            ours = functools.partial(run_with_cache, model, text)
            names = set(ours()[1])

            def theirs(peer: Any = peer, ids: torch.Tensor = ids, names: set[str] = names) -> object:
                with torch.no_grad():
                    return peer.run_with_cache(ids, names_filter=names.__contains__)

            assert set(theirs()[1]) == names  # type: ignore[index]
            rows.append(compare(f"run_with_cache, {name}, {n} tokens", ours, "TransformerLens", theirs))
    return rows


def told_apart(model: xai.TextModel, clean: str, corrupted: str) -> tuple[int, int]:
    """The two tokens whose logits' difference tells the texts best apart."""
    with torch.no_grad():
        one, other = (model.forward(model.encode(text)).logits[0, -1] for text in (clean, corrupted))
    return int((one - other).argmax()), int((one - other).argmin())


def _drawn(cells: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    chosen = np.random.default_rng(0).permutation(len(cells))[:SAMPLE]
    return [cells[i] for i in sorted(chosen)]


def _with_lens(
    peer: Any,
    ids: torch.Tensor,
    cache: Any,
    cells: Sequence[tuple[int, int]],
    activation: str,
    setter: Callable[..., Any],
    names: tuple[str, str],
    apart: tuple[int, int],
) -> list[float]:
    table = pd.DataFrame(cells, columns=list(names))
    with torch.no_grad():
        return lens_patching.generic_activation_patch(
            peer,
            ids,
            cache,
            lambda logits: logits[0, -1, apart[0]] - logits[0, -1, apart[1]],
            setter,
            activation,
            index_df=table,
        ).tolist()


def timed(ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
    """The best of two to five rounds, which alternate."""
    times: list[tuple[float, float]] = []
    while len(times) < 2 or (len(times) < 5 and sum(map(sum, times)) < 30):
        times.append((seconds(ours), seconds(theirs)))
    mine, peers = (min(column) for column in zip(*times, strict=True))
    return mine, peers

"""First-order patching and paths beside TransformerLens: the same weights, the same texts. First order beside exact."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
import transformer_lens.patching as lens_patching
from transformer_lens.tools.analysis.attribution_patching import (
    AttributionResult,
    EdgeAttributionConfig,
    Granularity,
    Node,
    attribution_patch,
)
from transformer_lens.tools.analysis.sparse_probing import fit_sparse_probe

import xai_helpers as xai
from benchmarks.circuits import bridge, models, pair, timed, told_apart
from benchmarks.timing import row
from xai_helpers import probes
from xai_helpers.circuits import Patching, activation_patching
from xai_helpers.circuits.attribution import attribution_maps, attribution_patching, edge_attribution, error_of
from xai_helpers.circuits.paths import path_patching

NODES = """\
Logit difference, denoising; the texts are those of the section "patching". Ours start from the texts, TransformerLens'
`attribution_patch` from ids. Both run two forward passes and one backward in a call. "all nodes": the embeddings, heads
and MLPs at all tokens, in one call of `attribution_maps`, which gives the stream before every layer as well; "heads":
these alone, beside all of TransformerLens', which has no choice. Ours unembeds one token only, and sums whole tensors
where TransformerLens makes a number of each node in turn.
"""
EDGES = """\
As in the section before. Ours gives each edge one number, summed over the tokens; TransformerLens one for each token,
which it computes in a loop over readers and keeps in a dictionary. Its sum over the tokens, by which both were seen to
agree, is not in its time. EAP-IG, several steps, it doesn't have yet.
"""
PATHS = """\
What a head writes, in the queries of a later head alone: exact, for every pair of heads. TransformerLens runs a pass
for each pair (`get_act_patch_direct_path`, one call for each sender), without gradients, from ids, and keeps both runs.
`path_patching` is called for each receiver, runs both texts in each call, and puts all senders into one batch.
"samples": of ours the paths into two heads were timed, of TransformerLens those out of one, and the times are those of
as many pairs as there are. It has no paths into MLPs or the logits, to which ours could be held.
"""
FIRST_ORDER = """\
Ours beside ours, on one job: the whole map of the stream by layer and position, estimated and exact. "passes": what is
run, if a backward pass counts as one and a pass of part of the text as a whole one. The ratio of times stays below that
of passes: exact patching runs, for each cell, only the tokens from its position on and the layers from its own up, and
many cells in one pass. "misses": the share of the exact map's variation that the estimate leaves unexplained, which is
what the speed costs; on random weights it says little of trained ones.
"""
SPARSE = """\
Logistic regression with the same penalty on the same standardised states, those of the tense after layer 1 of
course-gpt2: 300 examples with 128 numbers each, a quarter held out, past or not. TransformerLens' `fit_sparse_probe`
picks the k numbers that tell most first, here all; ours, with scikit-learn inside, takes all, and says an interval from
1,000 draws as well. Both start from the states.
"""
LENGTHS = (18, 64)
EVERY = {"resid_pre": None, "z": ("layer", "position", "head"), "mlp_out": None}
PAIRS = 100  # up to which all are run; else those of these heads, since all would take an hour
SENDERS, RECEIVERS = ((8, 0),), ((3, 0), (9, 0))


def node_rows() -> list[str]:
    """Every node at every token."""
    rows = []
    for name, model in models():
        peer = bridge(model)
        for n in LENGTHS:
            texts, apart = _job(model, n)
            theirs = functools.partial(_attributed, peer, model, texts, apart, "node")
            heads = functools.partial(
                attribution_patching, model, *texts, _target(apart), site="z", axes=("layer", "position", "head")
            )

            nodes = functools.partial(attribution_maps, model, *texts, _target(apart), sites=EVERY)
            values = dict(zip(("embed", "attn_head_out", "mlp_out"), nodes(), strict=True))
            found = theirs().node_scores
            _agree([*found.values()], [_scored(values[node.kind], node) for node in found])
            for what, ours in (("all nodes", nodes), ("heads", heads)):
                mine, peers = timed(ours, theirs)
                rows.append(row(f"{what}, {name}, {n} tokens", mine, "TransformerLens, all nodes", peers))
    return rows


def edge_rows() -> list[str]:
    """Every edge."""
    rows = []
    for name, model in models():
        peer = bridge(model)
        for n in LENGTHS:
            texts, apart = _job(model, n)
            ours = functools.partial(edge_attribution, model, *texts, _target(apart))
            theirs = functools.partial(_attributed, peer, model, texts, apart, "edge")
            scores = ours()
            readers, writers = (
                {name: i for i, name in enumerate(some)} for some in (scores.graph.readers, scores.graph.writers)
            )
            summed = np.where(scores.graph.exists, 0.0, np.nan)
            for (writer, reader), score in theirs().edge_scores.items():
                summed[readers[_named(reader)], writers[_named(writer)]] += score
            _agree(summed[scores.graph.exists], scores.scores[scores.graph.exists])
            mine, peers = timed(ours, theirs)
            rows.append(row(f"{scores.graph.exists.sum()} edges, {name}, {n} tokens", mine, "TransformerLens", peers))
    return rows


def path_rows() -> list[str]:
    """Every pair of heads, into the queries of the later one."""
    rows = []
    for name, model in models():
        peer = bridge(model)
        layers, heads = range(model.n_layers), model.n_heads
        every = heads**2 * sum(layers)
        few = every <= PAIRS
        senders = [(layer, head) for layer in layers[:-1] for head in range(heads)] if few else SENDERS
        receivers = [(layer, head) for layer in layers[1:] for head in range(heads)] if few else RECEIVERS
        for n in LENGTHS:
            texts, apart = _job(model, n)
            ours = functools.partial(_received, model, texts, apart, receivers)
            theirs = functools.partial(_sent, peer, model, texts, apart, senders)
            mine, peers = ours(), theirs()
            both = mine.keys() & peers.keys()
            assert both
            _agree([peers[pair] for pair in both], [mine[pair] for pair in both])
            times = timed(ours, theirs)
            what = f"{every} pairs of heads, {name}, {n} tokens"
            sample = "" if few else f", samples of {len(mine)} pairs and of {len(peers)}"
            scaled = (time * every / len(run) for time, run in zip(times, (mine, peers), strict=True))
            rows.append(row(what, next(scaled), f"TransformerLens{sample}", next(scaled)))
    return rows


def first_order_rows() -> list[str]:
    """A map estimated, and exact."""
    rows = []
    for name, model in models():
        for n in LENGTHS:
            texts, apart = _job(model, n)
            estimate = functools.partial(attribution_patching, model, *texts, _target(apart))
            exact = functools.partial(activation_patching, model, *texts, _target(apart))
            one, other = estimate(), exact()
            assert np.allclose([one.clean, one.corrupted], [other.clean, other.corrupted], atol=1e-3)
            mine, peers = timed(estimate, exact)
            what = f"resid_pre by layer and position, {name}, {n} tokens, misses {error_of(one, other):.2f}"
            rows.append(row(what, mine, f"exact, {(other.values.size + 2) / 3:.0f} times as many passes", peers))
    return rows


def probe_rows() -> list[str]:
    """One linear probe."""
    states = probes.states(xai.load("course-gpt2"), probes.examples("tense", 300))
    past = ["past" if label == "past" else "not" for label in states.examples.labels]
    values, is_past = torch.from_numpy(states.level(2)), torch.tensor([label == "past" for label in past])
    options: dict[str, Any] = {"k": values.shape[1], "preprocess": "standardize", "class_weight": None}
    options |= {"test_fraction": 0.25, "l2_strength": 1 / (0.75 * len(past))}
    ours = functools.partial(probes.fit, states, 2, by="token", labels=past)
    theirs = functools.partial(fit_sparse_probe, values, is_past, **options)
    assert abs(ours().accuracy - theirs().metrics.accuracy) < 0.05  # their splits differ
    mine, peers = timed(ours, theirs)
    return [row("300 states of width 128", mine, "TransformerLens", peers)]


def _job(model: xai.TextModel, n: int) -> tuple[tuple[str, str], tuple[int, int]]:
    """A clean text and a corrupted one of n tokens, and the two tokens that tell them apart."""
    texts = pair(model, n)
    return texts, told_apart(model, *texts)


def _target(apart: tuple[int, int]) -> xai.Target:
    return xai.Target(apart[0], versus=apart[1])


def _agree(theirs: Sequence[float], ours: Sequence[float]) -> None:
    """Both are the same, but for float32's rounding."""
    assert np.allclose(theirs, ours, rtol=0, atol=1e-3 * np.abs(ours).max())


def _attributed(
    peer: Any, model: xai.TextModel, texts: tuple[str, str], apart: tuple[int, int], granularity: Granularity
) -> AttributionResult:
    clean, corrupted = (model.encode(text).ids for text in texts)
    config = EdgeAttributionConfig(granularity=granularity)
    return attribution_patch(
        peer, clean, corrupted, lambda logits: logits[0, -1, apart[0]] - logits[0, -1, apart[1]], config
    )


def _scored(map_: Patching, node: Node) -> float:
    """Ours for one of TransformerLens' nodes."""
    place = [node.layer or 0, node.position, *([] if node.head is None else [node.head])]
    return float(map_.values[tuple(place)]) - (map_.corrupted or 0.0)


def _named(node: Node) -> str:
    """What ours calls a node."""
    head = f"head {node.layer}.{node.head}"
    names = {"embed": "embeddings", "attn_head_out": head, "logits": "logits"}
    return names.get(node.kind) or (f"MLP {node.layer}" if node.kind.startswith("mlp") else f"{head} {node.kind[0]}")


def _received(
    model: xai.TextModel, texts: tuple[str, str], apart: tuple[int, int], receivers: Iterable[tuple[int, int]]
) -> dict[tuple[int, int, int, int], float]:
    """The difference of logits with each path into these heads' queries, by sender and receiver."""
    found = {}
    for layer, head in receivers:
        senders = [(i, j) for i in range(layer) for j in range(model.n_heads)]
        names = [f"head {i}.{j}" for i, j in senders]
        a = path_patching(model, *texts, _target(apart), receivers=f"head {layer}.{head} q", senders=names)
        found |= {(*sender, layer, head): float(value) for sender, value in zip(senders, a.values, strict=True)}
    return found


def _sent(
    peer: Any,
    model: xai.TextModel,
    texts: tuple[str, str],
    apart: tuple[int, int],
    senders: Iterable[tuple[int, int]],
) -> dict[tuple[int, int, int, int], float]:
    """As `_received`, for all paths that leave these heads."""
    ids = [model.encode(text).ids for text in texts]
    found = {}
    with torch.no_grad():
        caches = [peer.run_with_cache(one)[1] for one in ids]
        for layer, head in senders:
            map_ = lens_patching.get_act_patch_direct_path(
                peer,
                ids[1],
                *caches,
                lambda logits: logits[0, -1, apart[0]] - logits[0, -1, apart[1]],
                src_layer=layer,
                src_head=head,
                component="q",
                verbose=False,
            )
            later = itertools.product(range(layer + 1, model.n_layers), range(model.n_heads))
            found |= {(layer, head, i, j): float(map_[i, j]) for i, j in later}
    return found

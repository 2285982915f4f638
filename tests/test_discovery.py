"""Circuits: laws, ACDC edge by edge, what the hand-written copier is known to do, and behaviours of course-gpt2."""

from __future__ import annotations

import dataclasses
import functools

import networkx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import DECODERS, TEXT, model, model_in

import xai_helpers as xai
from xai_helpers.circuits import behaviours, discovery, edges
from xai_helpers.circuits.attribution import edge_attribution
from xai_helpers.circuits.discovery import Task
from xai_helpers.circuits.patching import Metric
from xai_helpers.errors import AlignmentError, NoHeadError, OptionError

COPIER = {
    ("embeddings", "head 0.2 v"),
    ("embeddings", "head 1.1 q"),
    ("head 0.2", "head 1.1 k"),
    ("embeddings", "head 1.1 v"),
    ("head 1.1", "logits"),
}
SHORT = "The cat sat on the mat because"
TEXTS = ((TEXT, TEXT.replace("cat", "mat")), (SHORT, SHORT.replace("mat", "cat")), (SHORT, SHORT.replace("sat", "mat")))


@functools.cache
def task_of(family: str) -> Task:
    """Three pairs, of two lengths."""
    subject = model_in(torch.float64, family, "causal-lm")
    target = xai.Target(7, versus=9)
    return discovery.task(subject, [(clean, corrupted, target) for clean, corrupted in TEXTS])


@functools.cache
def copier() -> Task:
    subject = xai.load("copier")
    return discovery.task(subject, behaviours.copying(subject, 6))


def drawn(task: Task, seed: int, share: float = 0.5) -> np.ndarray:
    return task.graph.exists & (np.random.default_rng(seed).random(task.graph.exists.shape) < share)


# What is measured


@pytest.mark.parametrize("family", DECODERS)
def test_all_edges_give_the_clean_texts_and_none_the_corrupted_ones(family: str) -> None:
    task = task_of(family)
    kept = np.stack([task.graph.exists, np.zeros_like(task.graph.exists)])
    texts = np.array([[task.model.value(text, xai.Target(7, versus=9)) for text in pair] for pair in TEXTS])
    np.testing.assert_allclose(discovery.measured(task, kept), texts.T, rtol=0, atol=2e-6)  # some norms are in float32
    divergence = discovery.measured(task, kept, "kl")
    np.testing.assert_allclose(divergence[0], 0, rtol=0, atol=1e-9)
    assert (divergence[1] > 1e-6).all()


@settings(max_examples=10)
@given(st.sampled_from(DECODERS), st.integers(0, 999), st.sampled_from(["target", "kl"]))
def test_pairs_are_measured_together_as_alone(family: str, seed: int, metric: Metric) -> None:
    task, kept = task_of(family), np.stack([drawn(task_of(family), seed + i) for i in range(3)])
    together = discovery.measured(task, kept, metric)
    assert together.shape == (3, 3)
    for i, (clean, corrupted) in enumerate(TEXTS):
        alone = discovery.task(task.model, [(clean, corrupted, xai.Target(7, versus=9))])
        for j in range(3):
            assert discovery.measured(alone, kept[j], metric) == pytest.approx(together[j, i], abs=2e-6)


@pytest.mark.parametrize("family", ["gpt2", "llama"])
@pytest.mark.parametrize("steps", [1, 3])
def test_scores_are_the_mean_of_edge_attribution_from_the_clean_side(family: str, steps: int) -> None:
    task = task_of(family)
    alone = [
        edge_attribution(task.model, corrupted, clean, xai.Target(7, versus=9), steps=steps).scores
        for clean, corrupted in TEXTS
    ]
    np.testing.assert_allclose(discovery.scores(task, steps=steps), -np.mean(alone, axis=0), rtol=0, atol=2e-6)


# ACDC


def edge_by_edge(task: Task, threshold: float, metric: Metric) -> np.ndarray:
    """The algorithm as it is written down, one pass per edge, and no edge passed over."""
    graph, sign = task.graph, 1 if metric == "kl" else -1
    kept, now = graph.exists.copy(), sign * discovery.measured(task, graph.exists, metric).mean()
    for reader in range(len(graph.readers) - 1, -1, -1):
        for writer in range(len(graph.writers) - 1, -1, -1):
            if kept[reader, writer]:
                kept[reader, writer] = False
                without = sign * discovery.measured(task, kept, metric).mean()
                if without - now < threshold:
                    now = without
                else:
                    kept[reader, writer] = True
    return discovery.connected(graph, kept)


@pytest.mark.parametrize(("metric", "threshold"), [("kl", 2e-4), ("kl", 2e-3), ("target", 1e-3), ("target", 0.02)])
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_acdc_is_what_edge_by_edge_finds(family: str, metric: Metric, threshold: float) -> None:
    task = task_of(family)
    found, expected = discovery.acdc(task, threshold, metric=metric), edge_by_edge(task, threshold, metric)
    assert 0 < len(found) < task.graph.exists.sum()
    assert {*found.edges} == {*discovery.Circuit(expected, task.graph, "", task.model.name).edges}


def test_acdc_finds_the_copier_s_circuit() -> None:
    found = discovery.acdc(copier(), 0.01)
    assert {*found.edges} == COPIER and found.nodes == ("embeddings", "head 0.2", "head 1.1")
    assert {*discovery.acdc(copier(), 0.1, metric="target").edges} == COPIER


# Circuits by scores and at random


@settings(max_examples=30)
@given(st.sampled_from(DECODERS), st.integers(0, 999), st.sampled_from([0.03, 0.1, 0.5]))
def test_connected_edges_lie_on_a_way_from_the_embeddings_to_the_logits(family: str, seed: int, share: float) -> None:
    task = task_of(family)
    graph, kept = task.graph, drawn(task, seed, share)
    network = networkx.DiGraph()
    network.add_nodes_from(["embeddings", "logits"])
    for reader, name in enumerate(graph.readers):
        network.add_edges_from((graph.writers[writer], f"read {name}") for writer in np.flatnonzero(kept[reader]))
        network.add_edges_from((f"read {name}", graph.writers[writer]) for writer in graph.owners(name))
    network.add_edge("read logits", "logits")
    useful = networkx.descendants(network, "embeddings") & networkx.ancestors(network, "logits") | {"embeddings"}
    expected = {
        (w, r)
        for w, r in discovery.Circuit(kept, graph, "", "").edges
        if f"read {r}" in useful and w in useful  # else nothing comes to the writer, or nothing goes on from the reader
    }
    connected = discovery.connected(graph, kept)
    assert {*discovery.Circuit(connected, graph, "", "").edges} == expected


@settings(max_examples=20)
@given(st.sampled_from(DECODERS), st.integers(1, 80), st.integers(0, 999))
def test_a_random_circuit_has_as_many_edges_and_all_lead_to_the_logits(family: str, size: int, seed: int) -> None:
    task = task_of(family)
    found = discovery.at_random(task, size, seed)
    assert len(found) == min(size, task.graph.exists.sum())
    assert (discovery.connected(task.graph, found.kept) == found.kept).all()
    assert (discovery.at_random(task, size, seed).kept == found.kept).all()


def test_the_greatest_scores_are_taken_and_loose_ends_cut() -> None:
    graph = copier().graph
    scores = np.where(graph.exists, 0.0, np.nan)
    named = [("head 1.1", "logits", -9.0), ("embeddings", "head 1.1 v", 3.0), ("head 0.3", "head 1.0 k", 2.0)]
    for writer, reader, value in named:
        scores[graph.index(reader, writer)] = value
    assert discovery.by_scores(copier(), scores, 1, "mine").edges == ()
    for size in (2, 3):
        assert {*discovery.by_scores(copier(), scores, size, "mine").edges} == {pair[:2] for pair in named[:2]}


# What is shown


def test_the_copier_s_circuit_is_shown_and_no_part_of_it_can_be_spared() -> None:
    held = discovery.task(copier().model, behaviours.copying(copier().model, 6, seed=1))
    circuit = discovery.of_edges(held, COPIER)
    shown = discovery.show(held, circuit, draws=10)
    assert shown.shown and shown.edges == 5
    assert shown.faithfulness == pytest.approx(1, abs=1e-4)
    assert shown.outside == pytest.approx(0, abs=1e-4) and shown.completeness == pytest.approx(0, abs=1e-4)
    assert max(shown.random) < 0.2 and shown.minimality > 0.5
    for edge in COPIER:
        assert not discovery.show(held, discovery.of_edges(held, COPIER - {edge}), draws=2).shown
    more = discovery.show(held, discovery.of_edges(held, {*COPIER, ("head 0.0", "logits")}), draws=2)
    assert more.shown and more.minimality == pytest.approx(0, abs=1e-4)


def test_a_circuit_is_shown_if_it_keeps_enough_and_no_random_one_does() -> None:
    shown = discovery.Shown(0.9, 0.0, (0.1, 0.79), 0.0, 0.0, 5)
    assert shown.shown
    assert not dataclasses.replace(shown, random=(0.1, 0.85)).shown
    assert not dataclasses.replace(shown, faithfulness=0.79).shown


@pytest.mark.parametrize("family", DECODERS)
def test_the_whole_model_keeps_everything(family: str) -> None:
    task = task_of(family)
    low, high = (
        discovery.measured(task, kept).mean() for kept in (np.zeros_like(task.graph.exists), task.graph.exists)
    )
    if high < low:
        task = discovery.task(task.model, [(corrupted, clean, xai.Target(7, versus=9)) for clean, corrupted in TEXTS])
    whole = discovery.Circuit(task.graph.exists, task.graph, "all", task.model.name)
    shown = discovery.show(task, whole, draws=2)
    assert shown.faithfulness == pytest.approx(1) and shown.completeness == 0
    assert shown.outside == pytest.approx(0, abs=1e-6)
    assert shown.random == pytest.approx((1, 1)) and not shown.shown  # a random circuit of this size does as well


# What is refused


def test_bad_input_is_refused() -> None:
    task, subject = copier(), model("gpt2", "causal-lm")
    with pytest.raises(OptionError, match="at least one pair"):
        discovery.task(subject, [])
    with pytest.raises(AlignmentError, match="tokens"):
        discovery.task(subject, [(TEXT, SHORT, 7)])
    with pytest.raises(NoHeadError, match="no causal language model"):
        discovery.task(model("bert", "classifier"), [(TEXT, TEXT, 0)])
    with pytest.raises(OptionError, match="threshold="):
        discovery.acdc(task, 0)
    with pytest.raises(OptionError, match="metric="):
        discovery.acdc(task, 0.1, metric="accuracy")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="writes after"):
        discovery.of_edges(task, [("head 1.1", "head 0.2 v")])
    with pytest.raises(OptionError, match="edges of shape"):
        discovery.measured(task, np.zeros((2, 2), dtype=bool))
    with pytest.raises(OptionError, match="nothing to show"):
        discovery.show(task, discovery.of_edges(task, []))
    with pytest.raises(OptionError, match="the circuit is one of"):
        discovery.show(task, discovery.at_random(task_of("gpt2"), 3))
    same = discovery.task(
        task.model, [(clean, clean, target) for clean, _, target in behaviours.copying(task.model, 2)]
    )
    with pytest.raises(OptionError, match="nothing can be kept"):
        discovery.show(same, discovery.of_edges(same, COPIER))


def test_a_task_runs_each_text_once_and_leaves_the_model_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    real = edges.run
    monkeypatch.setattr(edges, "run", lambda *arguments: calls.append(1) or real(*arguments))  # type: ignore[func-returns-value]
    subject = model("gpt2", "causal-lm")
    discovery.task(subject, [(clean, corrupted, 7) for clean, corrupted in TEXTS])
    assert len(calls) == 2

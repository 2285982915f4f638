"""Right and wrong solutions of chapter 09b's exercises, for test_checks."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from xai_helpers.course.checks import KINDS, Kind

LAW, BY_HAND, RANDOM = KINDS
Array = np.ndarray
Function = Callable[[Array], Any]
Value = Callable[[frozenset[str]], float]
Fit = Callable[[Array, Array], Callable[[Array], Array]]


# --- edge-effects ---------------------------------------------------------------------------------------------------


def edge_effects(value: Function, slope: Function, clean: Array, corrupted: Array) -> tuple[Array, Array]:
    base = corrupted.sum(axis=0)
    exact = np.array([value(base + gain) - value(base) for gain in clean - corrupted])
    return (clean - corrupted) @ slope(base), exact


def effects_one_by_one(value: Function, slope: Function, clean: Array, corrupted: Array) -> tuple[list[float], Any]:
    estimates, exact = [], []
    for i in range(len(clean)):
        mixed = corrupted.copy()
        mixed[i] = clean[i]
        exact.append(value(mixed.sum(axis=0)) - value(corrupted.sum(axis=0)))
        estimates.append(float(np.dot(slope(corrupted.sum(axis=0)), clean[i] - corrupted[i])))
    return estimates, exact


def effects_sloped_at_the_clean_run(value: Function, slope: Function, clean: Array, corrupted: Array) -> Any:
    return (clean - corrupted) @ slope(clean.sum(axis=0)), edge_effects(value, slope, clean, corrupted)[1]


def effects_of_noising(value: Function, slope: Function, clean: Array, corrupted: Array) -> Any:
    return edge_effects(value, slope, corrupted, clean)


def effects_of_a_writer_alone(value: Function, slope: Function, clean: Array, corrupted: Array) -> Any:
    exact = [value(a) - value(b) for a, b in zip(clean, corrupted, strict=True)]
    return [slope(b) @ (a - b) for a, b in zip(clean, corrupted, strict=True)], exact


def effects_by_the_state_itself(value: Function, slope: Function, clean: Array, corrupted: Array) -> Any:
    return clean @ slope(corrupted.sum(axis=0)), edge_effects(value, slope, clean, corrupted)[1]


# --- prune ----------------------------------------------------------------------------------------------------------


def prune(value: Value, edges: list[str], threshold: float) -> set[str]:
    kept = set(edges)
    for edge in reversed(edges):
        if value(frozenset(kept)) - value(frozenset(kept - {edge})) < threshold:
            kept.remove(edge)
    return kept


def prune_with_a_running_value(value: Value, edges: list[str], threshold: float) -> frozenset[str]:
    kept = frozenset(edges)
    now = value(kept)
    for edge in edges[::-1]:
        without = value(kept - {edge})
        if now - without < threshold:
            kept, now = kept - {edge}, without
    return kept


def prune_from_the_first(value: Value, edges: list[str], threshold: float) -> Any:
    return prune(value, edges[::-1], threshold)


def prune_each_alone(value: Value, edges: list[str], threshold: float) -> Any:
    every = frozenset(edges)
    return {edge for edge in edges if value(every) - value(every - {edge}) >= threshold}


def prune_against_the_whole(value: Value, edges: list[str], threshold: float) -> Any:
    kept, whole = set(edges), value(frozenset(edges))
    for edge in reversed(edges):
        if whole - value(frozenset(kept - {edge})) < threshold:
            kept.remove(edge)
    return kept


def prune_by_the_size_of_the_change(value: Value, edges: list[str], threshold: float) -> Any:
    kept = set(edges)
    for edge in reversed(edges):
        if abs(value(frozenset(kept)) - value(frozenset(kept - {edge}))) < threshold:
            kept.remove(edge)
    return kept


# --- control-labels -------------------------------------------------------------------------------------------------


def control_labels(words: Sequence[str], labels: Sequence[str], rng: np.random.Generator) -> list[str]:
    types = sorted(set(words))
    drawn = dict(zip(types, rng.choice(list(labels), len(types)), strict=True))
    return [str(drawn[word]) for word in words]


def control_by_shares(words: Sequence[str], labels: Sequence[str], rng: np.random.Generator) -> list[str]:
    counts, given = Counter(labels), {}
    for word in words:
        if word not in given:
            given[word] = rng.choice(list(counts), p=np.array(list(counts.values())) / len(labels))
    return [str(given[word]) for word in words]


def control_of_each_token(words: Sequence[str], labels: Sequence[str], rng: np.random.Generator) -> list[str]:
    return [str(label) for label in rng.choice(list(labels), len(words))]


def control_shuffled(words: Sequence[str], labels: Sequence[str], rng: np.random.Generator) -> list[str]:
    return [str(label) for label in rng.permutation(list(labels))]


def control_evenly(words: Sequence[str], labels: Sequence[str], rng: np.random.Generator) -> list[str]:
    kinds, types = sorted(set(labels)), sorted(set(words))
    drawn = dict(zip(types, rng.choice(kinds, len(types)), strict=True))
    return [str(drawn[word]) for word in words]


def control_that_is_the_property(words: Sequence[str], labels: Sequence[str], rng: np.random.Generator) -> list[str]:
    return list(labels)


# --- code-length ----------------------------------------------------------------------------------------------------


def code_length(fit: Fit, states: Array, labels: Array, ends: list[int], n_classes: int) -> float:
    bits = ends[0] * np.log2(n_classes)
    for start, end in itertools.pairwise(ends):
        chances = fit(states[:start], labels[:start])(states[start:end])
        bits -= np.log2(chances[np.arange(end - start), labels[start:end]]).sum()
    return float(bits)


def code_label_by_label(fit: Fit, states: Array, labels: Array, ends: list[int], n_classes: int) -> float:
    bits, start = 0.0, 0
    for end in ends:
        predict = fit(states[:start], labels[:start]) if start else None
        for i in range(start, end):
            chance = predict(states[i : i + 1])[0, labels[i]] if predict else 1 / n_classes
            bits -= np.log2(chance)
        start = end
    return bits


def code_in_nats(fit: Fit, states: Array, labels: Array, ends: list[int], n_classes: int) -> float:
    return code_length(fit, states, labels, ends, n_classes) * float(np.log(2))


def code_without_the_first_block(fit: Fit, states: Array, labels: Array, ends: list[int], n_classes: int) -> float:
    return code_length(fit, states, labels, ends, n_classes) - ends[0] * float(np.log2(n_classes))


def code_fitted_on_all(fit: Fit, states: Array, labels: Array, ends: list[int], n_classes: int) -> float:
    predict = fit(states, labels)
    rest = predict(states[ends[0] :])[np.arange(len(labels) - ends[0]), labels[ends[0] :]]
    return float(ends[0] * np.log2(n_classes) - np.log2(rest).sum())


def code_of_the_mean_chance(fit: Fit, states: Array, labels: Array, ends: list[int], n_classes: int) -> float:
    bits = ends[0] * np.log2(n_classes)
    for start, end in itertools.pairwise(ends):
        chances = fit(states[:start], labels[:start])(states[start:end])
        bits -= np.log2(chances[np.arange(end - start), labels[start:end]].mean())
    return float(bits)


RIGHT: dict[str, tuple[Callable[..., Any], ...]] = {
    "edge-effects": (edge_effects, effects_one_by_one),
    "prune": (prune, prune_with_a_running_value),
    "control-labels": (control_labels, control_by_shares),
    "code-length": (code_length, code_label_by_label),
}
WRONG: dict[str, dict[Callable[..., Any], set[Kind]]] = {
    "edge-effects": {
        effects_sloped_at_the_clean_run: {BY_HAND, RANDOM},
        effects_of_noising: {LAW, BY_HAND, RANDOM},
        effects_of_a_writer_alone: {BY_HAND, RANDOM},
        effects_by_the_state_itself: {LAW, BY_HAND, RANDOM},
    },
    "prune": {
        prune_from_the_first: {BY_HAND},
        prune_each_alone: {BY_HAND},
        prune_against_the_whole: {LAW},
        prune_by_the_size_of_the_change: {LAW},
    },
    "control-labels": {
        control_of_each_token: {BY_HAND, RANDOM},
        control_shuffled: {BY_HAND, RANDOM},
        control_evenly: {LAW, RANDOM},
        control_that_is_the_property: {LAW, BY_HAND, RANDOM},
    },
    "code-length": {
        code_in_nats: {LAW, BY_HAND, RANDOM},
        code_without_the_first_block: {LAW, BY_HAND, RANDOM},
        code_fitted_on_all: {BY_HAND, RANDOM},
        code_of_the_mean_chance: {LAW, RANDOM},
    },
}

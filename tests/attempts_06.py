"""Right and wrong solutions of chapter 06's exercises, for test_checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from xai_helpers.course.checks import KINDS, Kind

LAW, BY_HAND, RANDOM = KINDS
Array = np.ndarray
Ask = Callable[[list[str]], list[list[float]]]


# --- after-block ----------------------------------------------------------------------------------------------------


def after_block(network: Any, ids: torch.Tensor, layer: int) -> torch.Tensor:
    kept = {}

    def keep(module: Any, given: Any, output: Any) -> None:
        kept["state"] = output[0] if isinstance(output, tuple) else output

    handle = network.blocks[layer].register_forward_hook(keep)
    try:
        network(ids)
    finally:
        handle.remove()
    return kept["state"]


def after_block_by_a_context(network: Any, ids: torch.Tensor, layer: int) -> Array:
    states: list[torch.Tensor] = []
    unpack = lambda _, __, out: states.append(out if isinstance(out, torch.Tensor) else out[0])  # noqa: E731
    with torch.no_grad(), network.blocks[layer].register_forward_hook(unpack):
        network(ids)
    return states[-1].numpy()


def always_the_first(network: Any, ids: torch.Tensor, layer: int) -> torch.Tensor:
    """As published: output[0]."""
    kept = {}
    with network.blocks[layer].register_forward_hook(lambda _, __, out: kept.update(state=out[0])):
        network(ids)
    return kept["state"]


def the_hook_stays(network: Any, ids: torch.Tensor, layer: int) -> torch.Tensor:
    kept = {}

    def keep(module: Any, given: Any, output: Any) -> None:
        kept["state"] = output[0] if isinstance(output, tuple) else output

    network.blocks[layer].register_forward_hook(keep)
    network(ids)
    return kept["state"]


def removed_only_if_all_goes_well(network: Any, ids: torch.Tensor, layer: int) -> torch.Tensor:
    kept = {}

    def keep(module: Any, given: Any, output: Any) -> None:
        kept["state"] = output[0] if isinstance(output, tuple) else output

    handle = network.blocks[layer].register_forward_hook(keep)
    network(ids)
    handle.remove()
    return kept["state"]


def before_the_block(network: Any, ids: torch.Tensor, layer: int) -> torch.Tensor:
    kept = {}
    with network.blocks[layer].register_forward_hook(lambda _, given, __: kept.update(state=given[0])):
        network(ids)
    return kept["state"]


def always_the_last_block(network: Any, ids: torch.Tensor, layer: int) -> torch.Tensor:
    return after_block(network, ids, -1)


# --- ask-all --------------------------------------------------------------------------------------------------------


def ask_all(texts: Sequence[str], ask: Ask, size: int) -> list[list[float]]:
    different = list(dict.fromkeys(texts))
    known: dict[str, list[float]] = {}
    for start in range(0, len(different), size):
        batch = different[start : start + size]
        known.update(zip(batch, ask(batch), strict=True))
    return [known[text] for text in texts]


def ask_all_sorted(texts: Sequence[str], ask: Ask, size: int) -> Array:
    different, back = np.unique(texts, return_inverse=True)
    rows = [ask(different[k : k + size].tolist()) for k in range(0, len(different), size)]
    return np.concatenate([np.asarray(batch) for batch in rows])[back]


def after_the_first_text(texts: Sequence[str], ask: Ask, size: int) -> Array:
    """As published: the return stands inside the loop."""
    rows = []
    for text in texts:
        rows.extend(ask([text]))
        return np.array(rows)
    return np.array(rows)


def one_by_one(texts: Sequence[str], ask: Ask, size: int) -> list[list[float]]:
    return [ask([text])[0] for text in texts]


def without_memory(texts: Sequence[str], ask: Ask, size: int) -> list[list[float]]:
    return [row for start in range(0, len(texts), size) for row in ask(list(texts[start : start + size]))]


def all_at_once(texts: Sequence[str], ask: Ask, size: int) -> list[list[float]]:
    different = list(dict.fromkeys(texts))
    known = dict(zip(different, ask(different), strict=True))
    return [known[text] for text in texts]


def each_only_once(texts: Sequence[str], ask: Ask, size: int) -> list[list[float]]:
    return without_memory(list(dict.fromkeys(texts)), ask, size)


# --- conductance ----------------------------------------------------------------------------------------------------


def conductance(layer: Any, gradient: Any, x: Array, baseline: Array, steps: int) -> Array:
    shares = 0.0
    for k in range(steps):
        low, middle, high = (baseline + (k + part) / steps * (x - baseline) for part in (0, 0.5, 1))
        shares = shares + gradient(layer(middle)) * (layer(high) - layer(low))
    return np.asarray(shares)


def conductance_from_grid(layer: Any, gradient: Any, x: Array, baseline: Array, steps: int) -> Array:
    edges = np.array([layer(baseline + a * (x - baseline)) for a in np.linspace(0, 1, steps + 1)])
    middles = [layer(baseline + (k + 0.5) / steps * (x - baseline)) for k in range(steps)]
    return (np.diff(edges, axis=0) * np.array([gradient(y) for y in middles])).sum(axis=0)


def gradient_times_change(layer: Any, gradient: Any, x: Array, baseline: Array, steps: int) -> Array:
    return gradient(layer(x)) * (layer(x) - layer(baseline))


def from_the_left(layer: Any, gradient: Any, x: Array, baseline: Array, steps: int) -> Array:
    ways = [layer(baseline + k / steps * (x - baseline)) for k in range(steps + 1)]
    return sum(gradient(ways[k]) * (ways[k + 1] - ways[k]) for k in range(steps))


def straight_in_the_layer(layer: Any, gradient: Any, x: Array, baseline: Array, steps: int) -> Array:
    """Integrated gradients of the head between two states: another way through the layer."""
    start, end = layer(baseline), layer(x)
    middles = [start + (k + 0.5) / steps * (end - start) for k in range(steps)]
    return (end - start) * np.mean([gradient(y) for y in middles], axis=0)


def the_mean_of_the_steps(layer: Any, gradient: Any, x: Array, baseline: Array, steps: int) -> Array:
    return conductance(layer, gradient, x, baseline, steps) / steps


def one_step_too_many(layer: Any, gradient: Any, x: Array, baseline: Array, steps: int) -> Array:
    shares = 0.0
    for k in range(steps + 1):
        low, middle, high = (baseline + (k + part) / steps * (x - baseline) for part in (0, 0.5, 1))
        shares = shares + gradient(layer(middle)) * (layer(high) - layer(low))
    return np.asarray(shares)


RIGHT: dict[str, tuple[Callable[..., Any], ...]] = {
    "after-block": (after_block, after_block_by_a_context),
    "ask-all": (ask_all, ask_all_sorted),
    "conductance": (conductance, conductance_from_grid),
}
WRONG: dict[str, dict[Callable[..., Any], set[Kind]]] = {
    "after-block": {
        always_the_first: {BY_HAND, RANDOM},
        the_hook_stays: {LAW},
        removed_only_if_all_goes_well: {LAW},
        before_the_block: {RANDOM},
        always_the_last_block: {RANDOM},
    },
    "ask-all": {
        after_the_first_text: {LAW, BY_HAND, RANDOM},
        one_by_one: {LAW},
        without_memory: {LAW},
        all_at_once: {LAW, RANDOM},
        each_only_once: {BY_HAND, RANDOM},
    },
    "conductance": {
        gradient_times_change: {BY_HAND, RANDOM},
        from_the_left: {BY_HAND, RANDOM},
        straight_in_the_layer: {BY_HAND},
        the_mean_of_the_steps: {LAW},
        one_step_too_many: {LAW, BY_HAND, RANDOM},
    },
}

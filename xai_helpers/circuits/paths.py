"""Along which way does the difference travel? From one writer to one reader, with everything else held.

Path patching (Wang et al., 2022, "Interpretability in the Wild"; Goldowsky-Dill et al., 2023, "Localizing Model
Behavior with Path Patching") extends activation patching: what a head writes is replaced in the input of one reader
only, another head's queries, keys or values, an MLP, or the logits. What lies after that reader runs on. Effects that
go by way of other heads and MLPs are other paths, and count there. The direct effect is the path to the logits; the
total effect, that of patching the head for all its readers, is what `activation_patching` finds for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..attribution import Target
from ..batches import BatchSize, rows_at_once
from ..errors import OptionError
from ..models import TextModel
from . import edges
from .patching import DIRECTIONS, Direction, aligned, one_of, plan_of


@dataclass(frozen=True, eq=False)
class PathEffects:
    """What becomes of the target when one sender after the other is replaced for some readers only.

    values: the target with each replaced, float64 (senders,). clean, corrupted: the two runs as they are.
    """

    values: np.ndarray
    senders: tuple[str, ...]
    receivers: tuple[str, ...]
    clean: float
    corrupted: float
    target: Target
    how: str
    model: str
    texts: tuple[str, str]

    @property
    def effect(self) -> np.ndarray:
        """0 is the corrupted run, 1 the clean one. Raises OptionError where the two runs have the same value."""
        if self.clean == self.corrupted:
            raise OptionError(f"both texts have {self.clean:.4g}: between equal values there is no scale; see .values")
        return (self.values - self.corrupted) / (self.clean - self.corrupted)

    def top(self, k: int = 5) -> tuple[tuple[str, float], ...]:
        """The k senders whose effect is furthest from that of the run into which is patched."""
        own = float(self.how == "noising")
        order = np.argsort(-np.abs(self.effect - own), kind="stable")[:k]
        return tuple((self.senders[i], float(self.effect[i])) for i in order)


def path_patching(
    model: TextModel,
    clean: str,
    corrupted: str,
    target: Target | str | int | None = None,
    *,
    receivers: Sequence[str] | str = "logits",
    senders: Sequence[str] | None = None,
    direction: Direction = "denoising",
    batch_size: BatchSize = "auto",
) -> PathEffects:
    """The target where each sender's output is replaced in these receivers' inputs, and nowhere else.

    receivers: readers by name, as "head 2.1 q", "head 2.1" for its queries, keys and values, "MLP 3", "logits"; or
    "all", every reader, which gives total effects. All of them are patched at once. senders: writers by name
    ("embeddings", "head 0.3", "MLP 0"); None for all that write before the last receiver reads. Raises NoHeadError for
    models whose stream is no sum, AlignmentError, OptionError, and what the target raises.
    """
    graph = edges.graph_of(model)
    plan_of("path_patching", model, "resid_pre", None, "target", None, batch_size)
    one_of(direction, "direction", DIRECTIONS)
    chosen = readers_of(graph, receivers)
    reachable = graph.exists[[graph.readers.index(name) for name in chosen]].any(0)
    names = tuple(np.array(graph.writers)[reachable]) if senders is None else tuple(senders)
    masks = torch.zeros(len(names), *graph.exists.shape)
    for row, sender in enumerate(names):
        there = [graph.index(reader, sender) for reader in chosen if graph.writes_before(sender, reader)]
        if not there:
            raise OptionError(f"{sender} writes after {', '.join(chosen)} has read: there is no path")
        for edge in there:
            masks[(row, *edge)] = 1.0
    encoded, other = model.encode(clean), model.encode(corrupted)
    place = aligned(model, encoded, other, target)
    runs = [edges.run(model, text.ids, place) for text in (encoded, other)]
    resolved = model.resolve(target, encoded, runs[0].logits[0])
    ids, donor = (other.ids, runs[0]) if direction == "denoising" else (encoded.ids, runs[1])
    at_once = rows_at_once(model, ids.shape[1] * len(graph.writers), batch_size)
    with torch.no_grad():
        logits = [
            edges.patched(model, ids, place, donor.written, part.to(donor.written)) for part in masks.split(at_once)
        ]
    return PathEffects(
        values=resolved.value(torch.cat(logits)).cpu().numpy(),
        senders=tuple(map(str, names)),
        receivers=chosen,
        clean=float(resolved.value(runs[0].logits[0])),
        corrupted=float(resolved.value(runs[1].logits[0])),
        target=resolved.target,
        how=direction,
        model=model.name,
        texts=(clean, corrupted),
    )


def path_effect(
    model: TextModel,
    clean: str,
    corrupted: str,
    path: Sequence[str],
    target: Target | str | int | None = None,
    *,
    direction: Direction = "denoising",
) -> float:
    """The effect of one path through several nodes, such as ("embeddings", "head 0.2 v", "head 1.1 k", "logits").

    First the sender is replaced for the first reader alone; then what that reader's head or MLP writes in this run is
    given to the next reader alone; and so on to the logits. 0 is the corrupted run, 1 the clean one. Raises as
    `path_patching`, and OptionError for a path that is none.
    """
    graph = edges.graph_of(model)
    one_of(direction, "direction", DIRECTIONS)
    if len(path) < 2 or path[-1] != "logits" or any(name == "logits" for name in path[:-1]):
        raise OptionError(f"path={tuple(path)!r}: begin with a writer and end with 'logits'")
    writers = [path[0], *(_writer(name) for name in path[1:-1])]
    steps = [graph.index(reader, writer) for writer, reader in zip(writers, path[1:], strict=True)]
    encoded, other = model.encode(clean), model.encode(corrupted)
    place = aligned(model, encoded, other, target)
    runs = [edges.run(model, text.ids, place) for text in (encoded, other)]
    resolved = model.resolve(target, encoded, runs[0].logits[0])
    ids, given = (other.ids, runs[0]) if direction == "denoising" else (encoded.ids, runs[1])
    with torch.no_grad():
        for step in steps:
            mask = torch.zeros(1, *graph.exists.shape).to(given.written)
            mask[(0, *step)] = 1.0
            given = edges.patched_run(model, ids, place, given.written, mask)
    low, high = (float(resolved.value(run.logits[0])) for run in runs[::-1])
    if low == high:
        raise OptionError(f"both texts have {high:.4g}: between equal values there is no scale")
    return (float(resolved.value(given.logits[0])) - low) / (high - low)


def readers_of(graph: edges.Graph, names: Sequence[str] | str) -> tuple[str, ...]:
    """Readers by name; a head stands for its queries, keys and values, "all" for every reader. Raises OptionError."""
    if names == "all":
        return graph.readers
    found: list[str] = []
    for name in [names] if isinstance(names, str) else list(names):
        some = [reader for reader in graph.readers if reader == name or reader[:-2] == name]
        if not some:
            raise OptionError(f"receiver {name!r}: choose from {', '.join(graph.readers)}, or 'all'")
        found += some
    if not found:
        raise OptionError("name at least one receiver")
    return tuple(dict.fromkeys(found))


def _writer(reader: str) -> str:
    """Who writes what this reader has read: head 1.1 for "head 1.1 k", MLP 0 for itself."""
    return reader[:-2] if reader.startswith("head ") else reader

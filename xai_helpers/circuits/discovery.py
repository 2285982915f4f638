"""Which few edges are enough for a behaviour? Take away one after the other, and keep those whose loss is felt.

ACDC (Conmy et al., 2023, "Towards Automated Circuit Discovery for Mechanistic Interpretability") goes from the logits
down. Taking an edge away means that its reader reads what the writer wrote in a corrupted text. An edge stays away if
the metric loses less than a threshold by it. What is left is a circuit, and a hypothesis: `faithfulness` says how much
of the behaviour it keeps with everything else corrupted, beside random circuits of its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from .. import checks
from ..attribution import Target
from ..errors import OptionError
from ..models import TextModel
from ..targets import ResolvedTarget
from . import edges
from .patching import METRICS, Metric, aligned, one_of, plan_of

Pair = tuple[str, str, Target | str | int | None]  # a clean text, a corrupted one, and what is explained


@dataclass(frozen=True, eq=False)
class Circuit:
    """A set of edges: kept, bool (readers, writers). How it was found: method, and its threshold or size."""

    kept: np.ndarray
    graph: edges.Graph
    method: str
    model: str

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """(writer, reader) of every edge, in the order in which they are read."""
        places: list[tuple[int, int]] = np.argwhere(self.kept).tolist()
        return tuple((self.graph.writers[writer], self.graph.readers[reader]) for reader, writer in places)

    @property
    def nodes(self) -> tuple[str, ...]:
        """The writers that some edge leaves."""
        return tuple(name for name, some in zip(self.graph.writers, self.kept.any(0), strict=True) if some)

    def __len__(self) -> int:
        return int(self.kept.sum())


@dataclass(frozen=True, eq=False)
class Task:
    """Pairs of texts, run once: in groups of as many tokens, what both wrote and what is measured."""

    model: TextModel
    graph: edges.Graph
    groups: tuple[Group, ...]

    def __len__(self) -> int:
        return sum(len(group.ids) for group in self.groups)


@dataclass(frozen=True, eq=False)
class Group:
    """ids: clean texts, (rows, tokens). written: by the corrupted ones. clean, corrupted: logits (rows, choices)."""

    ids: torch.Tensor
    place: int
    written: torch.Tensor
    clean: torch.Tensor
    corrupted: torch.Tensor
    targets: tuple[ResolvedTarget, ...]


def task(model: TextModel, pairs: Sequence[Pair]) -> Task:
    """Runs pairs of (clean, corrupted, target). Raises AlignmentError, OptionError, and what the targets raise."""
    graph = edges.graph_of(model)
    plan_of("task", model, "resid_pre", None, "target", None, "auto")
    if not len(pairs):
        raise OptionError("give at least one pair of texts: (clean, corrupted, target)")
    found: dict[tuple[int, int], list[tuple[torch.Tensor, torch.Tensor, ResolvedTarget]]] = {}
    for clean, corrupted, target in pairs:
        encoded, other = model.encode(clean), model.encode(corrupted)
        place = aligned(model, encoded, other, target)
        resolved = model.resolve(target, encoded)
        found.setdefault((encoded.ids.shape[1], place), []).append((encoded.ids, other.ids, resolved))
    groups = []
    for (_, place), some in found.items():
        ids = torch.cat([one for one, _, _ in some])
        runs = [edges.run(model, x, place) for x in (ids, torch.cat([other for _, other, _ in some]))]
        groups.append(Group(ids, place, runs[1].written, runs[0].logits, runs[1].logits, tuple(r for *_, r in some)))
    return Task(model, graph, tuple(groups))


def measured(task: Task, kept: np.ndarray, metric: Metric = "target") -> np.ndarray:
    """The metric of each pair, in the order of the task's groups, where only these edges read the clean text.

    "target" gives the target's value; "kl" the divergence from the clean run's prediction, in nats.
    """
    masks = torch.as_tensor(task.graph.exists & ~kept)[None]
    values = []
    with torch.no_grad():
        for group in task.groups:
            logits = edges.patched(task.model, group.ids, group.place, group.written, masks.to(group.written))
            values.append(_metric(group, logits, metric))
    return torch.cat(values).cpu().numpy()


def acdc(task: Task, threshold: float, *, metric: Metric = "kl") -> Circuit:
    """The circuit that is left when edges are taken away whose loss stays below the threshold.

    Readers go from the logits down, an edge's writer from the last to the first. metric: "kl", the mean divergence from
    the clean prediction may grow by less than the threshold, in nats; "target", the mean target may fall by less than
    it. Edges into heads and MLPs from which no kept edge leaves are taken away without a pass, for nothing reads them.
    Raises OptionError.
    """
    one_of(metric, "metric", METRICS)
    if not threshold > 0:
        raise OptionError(f"threshold={threshold!r}: give a number above 0")
    graph = task.graph
    kept = graph.exists.copy()
    sign = 1.0 if metric == "kl" else -1.0  # how a loss shows
    now = sign * measured(task, kept, metric).mean()
    for reader in reversed(range(len(graph.readers))):
        name = graph.readers[reader]
        if name != "logits" and not kept[:, graph.owners(name)].any():
            kept[reader] = False
            continue
        for writer in reversed(np.flatnonzero(kept[reader])):
            kept[reader, writer] = False
            without = sign * measured(task, kept, metric).mean()
            if without - now < threshold:
                now = without
            else:
                kept[reader, writer] = True
    return Circuit(kept, graph, f"ACDC, {metric}, threshold {threshold:g}", task.model.name)


def by_scores(task: Task, scores: np.ndarray, size: int, method: str) -> Circuit:
    """The edges of the greatest absolute score, and of these only those that lie on a way to the logits.

    scores: (readers, writers), such as the mean of `edge_attribution`'s over the pairs. size: how many are chosen.
    """
    size = checks.whole(size, "size")
    graph = task.graph
    order = np.argsort(-np.where(graph.exists, np.abs(np.nan_to_num(scores)), -1.0), axis=None, kind="stable")
    kept = np.zeros(graph.exists.shape, dtype=bool)
    kept.flat[order[: min(size, int(graph.exists.sum()))]] = True
    return Circuit(connected(graph, kept), graph, f"{method}, {size} edges", task.model.name)


def at_random(task: Task, size: int, seed: int = 0) -> Circuit:
    """So many edges, drawn evenly from all there are."""
    graph = task.graph
    every = np.flatnonzero(graph.exists)
    kept = np.zeros(graph.exists.shape, dtype=bool)
    kept.flat[np.random.default_rng(checks.seed(seed)).choice(every, min(size, len(every)), replace=False)] = True
    return Circuit(kept, graph, f"random, {size} edges", task.model.name)


def connected(graph: edges.Graph, kept: np.ndarray) -> np.ndarray:
    """The edges that lie on a way from the embeddings to the logits: all others change nothing, or only each other."""
    kept = kept & graph.exists
    for reader in reversed(range(len(graph.readers))):
        owners = graph.owners(graph.readers[reader])
        if owners and not kept[:, owners].any():
            kept[reader] = False
    reached = np.zeros(len(graph.writers), dtype=bool)
    reached[0] = True
    for reader, name in enumerate(graph.readers):
        kept[reader] &= reached
        for writer in graph.owners(name):
            reached[writer] |= kept[reader].any()
    return kept


@dataclass(frozen=True)
class Shown:
    """How far a circuit is shown: on the scale on which the clean runs are 1 and the corrupted ones 0.

    faithfulness: what is kept with every edge outside it corrupted. outside: what is kept with every edge *of* it
    corrupted, which should be little. random: the faithfulness of random circuits of its size. completeness: the mean
    distance between circuit and model when the same edges of the circuit are corrupted in both. minimality: the
    smallest loss of faithfulness by one node of the circuit. shown: faithfulness at least 0.8, and above every random
    one.
    """

    faithfulness: float
    outside: float
    random: tuple[float, ...]
    completeness: float
    minimality: float
    edges: int

    @property
    def shown(self) -> bool:
        return self.faithfulness >= 0.8 and self.faithfulness > max(self.random)


def show(task: Task, circuit: Circuit, *, draws: int = 20, seed: int = 0) -> Shown:
    """Holds a circuit against prompts, which should not be those that it was found on. Raises OptionError."""
    draws, rng = checks.whole(draws, "draws"), np.random.default_rng(checks.seed(seed))
    graph, kept = task.graph, circuit.kept
    if kept.shape != graph.exists.shape or circuit.model != task.model.name:
        raise OptionError(f"the circuit is one of {circuit.model}, and the task's model is {task.model.name}")
    low, high = measured(task, np.zeros_like(kept)).mean(), measured(task, graph.exists).mean()

    def share(some: np.ndarray) -> float:
        return float((measured(task, some).mean() - low) / (high - low))

    own = share(kept)
    apart = []
    for _ in range(draws):
        cut = kept & (rng.random(kept.shape) < 0.5)
        apart.append(abs(share(kept & ~cut) - share(graph.exists & ~cut)))
    losses = []
    for node in circuit.nodes:
        without = kept.copy()
        without[:, graph.writers.index(node)] = False
        losses.append(own - share(without))
    return Shown(
        faithfulness=own,
        outside=share(graph.exists & ~kept),
        random=tuple(share(at_random(task, len(circuit), int(rng.integers(2**31))).kept) for _ in range(draws)),
        completeness=float(np.mean(apart)),
        minimality=min(losses, default=0.0),
        edges=len(circuit),
    )


def _metric(group: Group, logits: torch.Tensor, metric: Metric) -> torch.Tensor:
    if metric == "target":
        return torch.stack([target.value(row) for target, row in zip(group.targets, logits, strict=True)])
    wanted = group.clean.log_softmax(-1)
    return (wanted.exp() * (wanted - logits.log_softmax(-1))).sum(-1)

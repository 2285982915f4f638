"""Which few edges are enough for a behaviour? Take away one after the other, and keep those whose loss is felt.

ACDC (Conmy et al., 2023, "Towards Automated Circuit Discovery for Mechanistic Interpretability") goes from the logits
down. Taking an edge away means that its reader reads what the writer wrote in a corrupted text. An edge stays away if
the metric loses less than a threshold by it. What is left is a circuit, and a hypothesis: `faithfulness` says how much
of the behaviour it keeps with everything else corrupted, beside random circuits of its size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from .. import checks
from ..attribution import Target
from ..errors import NonFiniteError, OptionError
from ..gradients import gradients_for
from ..models import TextModel
from ..targets import ResolvedTarget
from . import edges
from .patching import METRICS, Metric, aligned, one_of, plan_of

AHEAD = 8  # edges that are tried in one pass
ROWS = 128  # texts in one pass
ENOUGH = 0.8  # of the behaviour must be kept by a circuit that is shown
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
        places: list[list[int]] = np.argwhere(self.kept).tolist()
        return tuple((self.graph.writers[writer], self.graph.readers[reader]) for reader, writer in places)

    @property
    def nodes(self) -> tuple[str, ...]:
        """The writers that some edge leaves."""
        return tuple(name for name, some in zip(self.graph.writers, self.kept.sum(0), strict=True) if some)

    def __len__(self) -> int:
        return int(self.kept.sum())

    def __repr__(self) -> str:
        from .graph import table

        return str(table(self))

    def _repr_html_(self) -> str:
        from .graph import draw, table

        return (draw(self) if len(self) else table(self))._repr_html_()


@dataclass(frozen=True, eq=False)
class Task:
    """Pairs of texts, both run once: on them a circuit is looked for, or held against.

    ids: the clean texts, (pairs, tokens), filled up behind. places: the token of each whose prediction is measured.
    written: by the corrupted texts, (pairs, writers, tokens, width). clean, corrupted: logits, (pairs, choices).
    """

    model: TextModel
    graph: edges.Graph
    ids: torch.Tensor
    places: torch.Tensor
    written: torch.Tensor
    clean: torch.Tensor
    corrupted: torch.Tensor
    targets: tuple[ResolvedTarget, ...]

    def __len__(self) -> int:
        return len(self.targets)


def task(model: TextModel, pairs: Sequence[Pair]) -> Task:
    """Runs pairs of (clean, corrupted, target). Raises AlignmentError, OptionError, and what the targets raise."""
    graph = edges.graph_of(model)
    plan_of("task", model, "resid_pre", None, "target", None, "auto")
    if not len(pairs):
        raise OptionError("give at least one pair of texts: (clean, corrupted, target)")
    texts, places, targets = [], [], []
    for clean, corrupted, target in pairs:
        encoded, other = model.encode(clean), model.encode(corrupted)
        places.append(aligned(model, encoded, other, target))
        targets.append(model.resolve(target, encoded))
        texts.append((encoded.ids[0], other.ids[0]))
    # A model that reads from left to right never sees what fills up a shorter text behind its end.
    ids, others = (pad_sequence([text[i] for text in texts], batch_first=True) for i in range(2))
    at = torch.tensor(places)
    runs = [edges.run(model, x, at) for x in (ids, others)]
    return Task(model, graph, ids, at, runs[1].written, runs[0].logits, runs[1].logits, tuple(targets))


def measured(task: Task, kept: np.ndarray, metric: Metric = "target") -> np.ndarray:
    """The metric of each pair, float64 (..., pairs), where only the edges that are kept read the clean text.

    kept: bool (..., readers, writers); as many sets of edges as wished. "target" gives the target's value, "kl" the
    divergence from the clean run's prediction, in nats. Raises OptionError.
    """
    one_of(metric, "metric", METRICS)
    if kept.shape[-2:] != task.graph.exists.shape:
        raise OptionError(f"edges of shape {kept.shape[-2:]}, and {task.model.name} has {task.graph.exists.shape}")
    sets = torch.as_tensor(task.graph.exists & ~kept).flatten(0, -3) if kept.ndim > 2 else None
    masks = torch.as_tensor(task.graph.exists & ~kept)[None] if sets is None else sets
    at_once = max(1, ROWS // len(task))
    values = []
    with torch.no_grad():
        for part in masks.to(task.written).split(at_once):
            n = len(part)
            ids, places, written = (_repeated(x, n) for x in (task.ids, task.places, task.written))
            each = part.repeat_interleave(len(task), dim=0)
            logits = edges.patched(task.model, ids, places, written, each).unflatten(0, (n, len(task)))
            values.append(_metric(task, logits, metric))
    return torch.cat(values).cpu().numpy().reshape(*kept.shape[:-2], len(task))


def acdc(task: Task, threshold: float, *, metric: Metric = "kl") -> Circuit:
    """The circuit that is left when edges are taken away whose loss stays below the threshold.

    Readers go from the logits down, an edge's writer from the last to the first. metric: "kl", the mean divergence from
    the clean prediction may grow by less than the threshold, in nats; "target", the mean target may fall by less than
    it. Edges into heads and MLPs from which no kept edge leaves are taken away without a pass, for nothing reads them.
    Several edges are tried in one pass, each as if those before it were gone; where one has to stay, the rest is tried
    again. Raises OptionError.
    """
    one_of(metric, "metric", METRICS)
    threshold = checks.number(threshold, "threshold", above=0)
    graph = task.graph
    kept = graph.exists.copy()
    sign = 1.0 if metric == "kl" else -1.0  # how a loss shows
    now = sign * measured(task, kept, metric).mean()
    for reader in reversed(range(len(graph.readers))):
        owners = graph.owners(graph.readers[reader])
        if owners and not kept[:, owners].any():
            kept[reader] = False
            continue
        left = np.flatnonzero(kept[reader])[::-1]
        while len(left):
            some = left[:AHEAD]
            tried = np.repeat(kept[None], len(some), axis=0)
            for i, writer in enumerate(some):
                tried[i:, reader, writer] = False
            losses = sign * measured(task, tried, metric).mean(-1)
            if not np.isfinite(losses).all():
                raise NonFiniteError(f"{task.model.name} gives NaN or infinity with some edges corrupted")
            stays = np.diff(losses, prepend=now) >= threshold
            gone = int(stays.argmax()) if stays.any() else len(some)
            if gone:
                kept, now = tried[gone - 1], float(losses[gone - 1])
            left = left[gone + bool(stays.any()) :]
    # What a node without an input hands on is the corrupted text's, so its edges are none of the circuit.
    return Circuit(connected(graph, kept), graph, f"ACDC, {metric}, threshold {threshold:g}", task.model.name)


def scores(task: Task, *, steps: int = 1) -> np.ndarray:
    """`edge_attribution` of the target, its mean over the pairs: (readers, writers), NaN where there is no edge.

    Everything is taken from the clean run, into which the corrupted text's writings are patched: the sign is such that
    an edge without which the target falls has a positive score. steps: as there.
    """
    steps = checks.whole(steps, "steps")
    total = torch.zeros(task.graph.exists.shape, dtype=torch.float64)
    given: dict[str, torch.Tensor] = {}
    if steps > 1:
        own = edges.run(task.model, task.ids, task.places).written
        given["gap"] = task.written - own
    with gradients_for(task.model, lambda name: False):
        for step in range(steps):
            masks = torch.zeros(1, *total.shape).to(task.written).requires_grad_()
            if steps > 1:
                given["start"] = own[:, 0] + (step + 1) / steps * given["gap"][:, 0]
            logits = edges.patched(task.model, task.ids, task.places, task.written, masks, **given)
            value = _metric(task, logits, "target").mean()
            total -= torch.autograd.grad(value, masks)[0][0].double().cpu() / steps
    return np.where(task.graph.exists, total.numpy(), np.nan)


def of_edges(task: Task, names: Iterable[tuple[str, str]], method: str = "by hand") -> Circuit:
    """A circuit that is claimed: (writer, reader) of each edge. Raises OptionError for edges that aren't there."""
    kept = np.zeros(task.graph.exists.shape, dtype=bool)
    for writer, reader in names:
        kept[task.graph.index(reader, writer)] = True
    return Circuit(kept, task.graph, method, task.model.name)


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
    """A circuit of so many edges, made of ways from the embeddings to the logits that are drawn at random.

    Edges drawn one by one would mostly lead nowhere, and any circuit beats those.
    """
    graph, size = task.graph, min(checks.whole(size, "size"), int(task.graph.exists.sum()))
    rng = np.random.default_rng(checks.seed(seed))
    kept = np.zeros(graph.exists.shape, dtype=bool)
    reading = [
        [r for r, name in enumerate(graph.readers) if w in graph.owners(name)] for w in range(len(graph.writers))
    ]
    while (missing := size - int(kept.sum())) > 0:
        way, reader, writer = kept.copy(), len(graph.readers) - 1, -1
        while writer:  # 0 are the embeddings
            writer = int(rng.choice(np.flatnonzero(graph.exists[reader])))
            way[reader, writer] = True
            reader = int(rng.choice(reading[writer])) if writer else 0
        if (way & ~kept).sum() <= missing:
            kept = way
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
    smallest loss of faithfulness by one node of the circuit. shown: faithfulness at least 0.8, and that of every random
    circuit less.
    """

    faithfulness: float
    outside: float
    random: tuple[float, ...]
    completeness: float
    minimality: float
    edges: int

    @property
    def shown(self) -> bool:
        return self.faithfulness >= ENOUGH > max(self.random)


def show(task: Task, circuit: Circuit, *, draws: int = 20, seed: int = 0) -> Shown:
    """Holds a circuit against prompts, which should not be those that it was found on. Raises OptionError."""
    draws, rng = checks.whole(draws, "draws"), np.random.default_rng(checks.seed(seed))
    graph, kept = task.graph, circuit.kept
    if kept.shape != graph.exists.shape or circuit.model != task.model.name:
        raise OptionError(f"the circuit is one of {circuit.model}, and the task's model is {task.model.name}")
    if not len(circuit):
        raise OptionError("a circuit without edges keeps nothing: there is nothing to show")
    drawn = [at_random(task, len(circuit), int(rng.integers(2**31))).kept for _ in range(draws)]
    cuts = [kept & (rng.random(kept.shape) < 0.5) for _ in range(draws)]
    without = [np.where(np.arange(kept.shape[1]) == graph.writers.index(node), False, kept) for node in circuit.nodes]
    sets = [np.zeros_like(kept), graph.exists, kept, graph.exists & ~kept, *drawn, *without]
    for cut in cuts:
        sets += [kept & ~cut, graph.exists & ~cut]
    values = measured(task, np.stack(sets)).mean(-1)
    low, high = values[:2]
    if not high > low:
        raise OptionError(f"clean texts have {high:.4g} on average, corrupted ones {low:.4g}: nothing can be kept")
    _, _, own, outside, *rest = ((values - low) / (high - low)).tolist()
    apart = rest[draws + len(without) :]
    return Shown(
        faithfulness=own,
        outside=outside,
        random=tuple(rest[:draws]),
        completeness=float(np.mean([abs(a - b) for a, b in zip(apart[::2], apart[1::2], strict=True)])),
        minimality=min((own - value for value in rest[draws : draws + len(without)]), default=0.0),
        edges=len(circuit),
    )


def _metric(task: Task, logits: torch.Tensor, metric: Metric) -> torch.Tensor:
    """(..., pairs) from logits (..., pairs, choices)."""
    if metric == "target":
        return torch.stack([target.value(logits[..., i, :]) for i, target in enumerate(task.targets)], dim=-1)
    wanted = task.clean.log_softmax(-1)
    return (wanted.exp() * (wanted - logits.log_softmax(-1))).sum(-1)


def _repeated(x: torch.Tensor, n: int) -> torch.Tensor:
    """All of the rows, n times over."""
    return x.repeat(n, *[1] * (x.ndim - 1))

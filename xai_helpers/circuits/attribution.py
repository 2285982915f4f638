"""What would patching find, if the model were linear? All places at once, from two forward passes and one backward.

Attribution patching (Nanda, 2023, "Attribution Patching: Activation Patching at Industrial Scale") multiplies what a
place would gain, the other run's activation minus its own, by the gradient of the metric there. For edges it is edge
attribution patching (Syed et al., 2023); with the gradient's mean along the way from one text's embeddings to the
other's it is EAP-IG (Hanna et al., 2024, "Have Faith in Faithfulness"). It is an estimate: where the model is not
linear between the two runs, as in a softmax that is sure or a norm whose scale changes, it is off, and exact patching
says by how much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from .. import checks
from ..attribution import Target
from ..errors import OptionError
from ..gradients import gradients_for, recording
from ..models import ONE_AT_A_TIME, TextModel
from . import edges
from .patching import (
    DIRECTIONS,
    Direction,
    Metric,
    Patching,
    Plan,
    aligned,
    cell_sums,
    measured,
    named,
    one_of,
    plan_of,
)
from .sites import read, seen, view

if TYPE_CHECKING:
    from ..viz.drawing import Picture


def attribution_patching(
    model: TextModel,
    clean: str,
    corrupted: str,
    target: Target | str | int | None = None,
    *,
    site: str = "resid_pre",
    axes: Sequence[str] | None = None,
    direction: Direction = "denoising",
    metric: Metric = "target",
    layers: Sequence[int] | None = None,
) -> Patching:
    """What `activation_patching` would find, to first order: the same arguments, and a map of the same shape.

    values: the metric of the run into which is patched, plus (donor - own) . gradient there, summed over each cell.
    Raises OptionError for the divergence in noising as well: it has its minimum, 0, at the clean run, and no gradient
    there; and what `activation_patching` raises.
    """
    plan = plan_of("attribution_patching", model, site, axes, metric, layers, "auto")
    return _estimates(model, clean, corrupted, target, [plan], direction)[0]


def attribution_maps(
    model: TextModel,
    clean: str,
    corrupted: str,
    target: Target | str | int | None = None,
    *,
    sites: Sequence[str] | Mapping[str, Sequence[str] | None] = ("resid_pre", "attn_out", "mlp_out", "z"),
    direction: Direction = "denoising",
    metric: Metric = "target",
) -> tuple[Patching, ...]:
    """`attribution_patching` of several sites, from the same two forward passes and one backward.

    sites: names, or names with their axes. Raises as `attribution_patching` does.
    """
    axes = sites if isinstance(sites, Mapping) else dict.fromkeys(sites)
    if not axes:
        raise OptionError("sites=(): name at least one")
    plans = [plan_of("attribution_maps", model, site, axes[site], metric, None, "auto") for site in axes]
    return _estimates(model, clean, corrupted, target, plans, direction)


def _estimates(
    model: TextModel,
    clean: str,
    corrupted: str,
    target: Target | str | int | None,
    plans: Sequence[Plan],
    direction: Direction,
) -> tuple[Patching, ...]:
    one_of(direction, "direction", DIRECTIONS)
    metric = plans[0].metric
    if (metric, direction) == ("kl", "noising"):
        raise OptionError("the divergence from the clean run has its minimum there, and no gradient: denoise instead")
    encoded, other = model.encode(clean), model.encode(corrupted)
    aligned(model, encoded, other, target)
    donor, base = (encoded, other) if direction == "denoising" else (other, encoded)
    wanted = [key for plan in plans for key in plan.wanted]
    with ONE_AT_A_TIME, torch.no_grad(), read(model, wanted) as given:
        donated = model.readout_logits(donor, model.forward(donor), _position(target)).double()
    held: dict[tuple[str, int], torch.Tensor] = {}
    with recording(model), seen(model, wanted, lambda at, layer, x: held.update({(at, layer): x})):
        logits = model.readout_logits(base, model.forward(base), _position(target)).double()
        own = logits.detach()
        clean_logits, corrupted_logits = (donated, own) if direction == "denoising" else (own, donated)
        resolved = model.resolve(target, encoded, clean_logits)
        measure = measured(resolved, metric, clean_logits)
        gradients = dict(zip(wanted, torch.autograd.grad(measure(logits), [held[key] for key in wanted]), strict=True))
    found = []
    for plan in plans:
        cells = []
        for key in plan.wanted:
            own_values, slopes = (view(model, plan.site, x[key].detach()) for x in (held, gradients))
            cells.append(cell_sums(plan.site, plan.axes, (given[key] - own_values).double() * slopes.double()))
        values = float(measure(own)) + np.stack(cells)
        found.append(
            Patching(
                values=values,
                axes=plan.axes,
                names=named(plan, (encoded, other), values.shape),
                clean=float(measure(clean_logits)),
                corrupted=float(measure(corrupted_logits)),
                site=plan.site,
                target=resolved.target,
                metric=metric,
                how=f"{direction}, first order",
                model=model.name,
                texts=(clean, corrupted),
            )
        )
    return tuple(found)


@dataclass(frozen=True, eq=False)
class EdgeScores:
    """How much of the way between the runs each edge brings back, to first order: scores, (readers, writers).

    The scale is that of the target's value: `values` are those of the clean and the corrupted run. Edges that don't
    exist have NaN.
    """

    scores: np.ndarray
    graph: edges.Graph
    values: tuple[float, float]
    target: Target
    model: str
    texts: tuple[str, str]

    @property
    def nodes(self) -> dict[str, float]:
        """Each writer's score, the sum over the edges that leave it: what patching it would do, to first order."""
        return dict(zip(self.graph.writers, np.nansum(self.scores, axis=0).tolist(), strict=True))

    def top(self, k: int = 10) -> tuple[tuple[str, str, float], ...]:
        """The k edges of the greatest size, (writer, reader, score), greatest first."""
        order = np.argsort(-np.nan_to_num(np.abs(self.scores), nan=-1.0), axis=None, kind="stable")[:k]
        places = [np.unravel_index(i, self.scores.shape) for i in order]
        return tuple((self.graph.writers[w], self.graph.readers[r], float(self.scores[r, w])) for r, w in places)


def edge_attribution(
    model: TextModel, clean: str, corrupted: str, target: Target | str | int | None = None, *, steps: int = 1
) -> EdgeScores:
    """The first-order effect of giving each reader what each writer wrote in the clean run, in the corrupted one.

    steps: 1 takes the gradient at the corrupted run (edge attribution patching, which Syed et al. take from the clean
    run: exchange the texts, or see `discovery.scores`); more take its mean at as many points
    on the way to the clean run's embeddings (EAP-IG). Raises NoHeadError for models whose stream is no sum,
    AlignmentError, OptionError, and what the target raises.
    """
    steps = checks.whole(steps, "steps")
    graph = edges.graph_of(model)
    plan_of("edge_attribution", model, "resid_pre", None, "target", None, "auto")
    encoded, other = model.encode(clean), model.encode(corrupted)
    place = aligned(model, encoded, other, target)
    donor = edges.run(model, encoded.ids, place)
    resolved = model.resolve(target, encoded, donor.logits[0])
    total = torch.zeros(graph.exists.shape, dtype=torch.float64)
    given: dict[str, torch.Tensor] = {}
    if steps > 1:
        own = edges.run(model, other.ids, place)
        given["gap"] = donor.written - own.written
    with gradients_for(model, lambda name: False):
        for step in range(steps):
            masks = torch.zeros(1, *graph.exists.shape).to(donor.written).requires_grad_()
            if steps > 1:  # the first is already one step away from the corrupted run, as in Hanna et al.
                given["start"] = own.written[:, 0] + (step + 1) / steps * given["gap"][:, 0]
            logits = edges.patched(model, other.ids, place, donor.written, masks, **given)
            total += torch.autograd.grad(resolved.value(logits).sum(), masks)[0][0].double().cpu() / steps
    ends = donor.logits[0], own.logits[0] if steps > 1 else logits[0].detach()
    scores = np.where(graph.exists, total.numpy(), np.nan)
    values = tuple(float(resolved.value(end)) for end in ends)
    return EdgeScores(scores, graph, (values[0], values[1]), resolved.target, model.name, (clean, corrupted))


def error_of(estimate: Patching, exact: Patching) -> float:
    """The share of the exact effects' variation that an estimate misses: 0 for none, 1 for as much as there is."""
    alike = ("site", "axes", "names", "target", "metric", "model", "texts")
    directions = [one.how.partition(",")[0] for one in (estimate, exact)]
    if len(set(directions)) > 1 or any(getattr(estimate, name) != getattr(exact, name) for name in alike):
        raise OptionError(
            "compare the estimate with exact patching of the same texts, site, axes, target and direction"
        )
    off, size = estimate.values - exact.values, exact.values - exact.values.mean()
    return float((off**2).sum() / (size**2).sum()) if size.any() else float("nan")


def scatter(estimated: Sequence[Patching], exact: Sequence[Patching]) -> Picture:
    """Each estimated effect above the exact one; see `viz.circuits.estimates`."""
    from ..viz.circuits import estimates

    return estimates(estimated, exact)


def _position(target: object) -> int:
    return target.position if isinstance(target, Target) else -1

"""Which activation carries the difference between two texts? Take it from one run, put it into the other, and look.

Activation patching (Vig et al., 2020, "Investigating Gender Bias in Language Models Using Causal Mediation Analysis")
compares two texts that differ in what matters, and in nothing else. (Meng et al., 2022, "Locating and Editing Factual
Associations in GPT", put noise on the subject instead of another one.) Denoising puts clean activations into the
corrupted run, and finds what is enough to mend it; noising puts corrupted ones into the clean run, and finds what it
can't do without. Ablation has no second text: the activation is replaced by zeros, by a mean, or by that of another
text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from ..attention import chosen_layers
from ..attribution import Target
from ..batches import BatchSize, rows_at_once
from ..editing import is_edited
from ..errors import AlignmentError, OptionError
from ..models import ONE_AT_A_TIME, EncodedText, TextModel, require_evaluation, require_text_model
from ..targets import ResolvedTarget, predicted_from
from . import sites
from .resuming import Recording, record, resume

if TYPE_CHECKING:
    from ..viz.drawing import Picture

Direction = Literal["denoising", "noising"]
DIRECTIONS: tuple[Direction, ...] = ("denoising", "noising")
Metric = Literal["target", "kl"]
METRICS: tuple[Metric, ...] = ("target", "kl")
Replacement = Literal["zero", "mean", "resample"]
REPLACEMENTS: tuple[Replacement, ...] = ("zero", "mean", "resample")
AXES = (("layer", "position"), ("layer", "head"), ("layer", "position", "head"), ("layer",))
WORTH = 32  # tokens that a pass of its own must save, by starting later in the text

Measure = Callable[[torch.Tensor], torch.Tensor]
Activations = Mapping[tuple[str, int], torch.Tensor]


@dataclass(frozen=True, eq=False)
class Patching:
    """What becomes of a metric when one activation after the other is replaced.

    values: the metric with each replaced, float64, one axis for each of `axes`; names: what is on each axis. clean,
    corrupted: the metric of the two runs as they are. In an ablation there is no second run, and `corrupted` is None.
    how: "denoising", "noising", or what an ablation puts in the place.
    """

    values: np.ndarray
    axes: tuple[str, ...]
    names: tuple[tuple[str, ...], ...]
    clean: float
    corrupted: float | None
    site: str
    target: Target
    metric: Metric
    how: str
    model: str
    texts: tuple[str, ...]

    @property
    def effect(self) -> np.ndarray:
        """Patching: 0 is the corrupted run, 1 the clean one, in either direction. Ablation: what the metric gains.

        Raises OptionError where the two runs have the same value.
        """
        if self.corrupted is None:
            return self.values - self.clean
        if self.clean == self.corrupted:
            raise OptionError(f"both texts have {self.clean:.4g}: between equal values there is no scale; see .values")
        return (self.values - self.corrupted) / (self.clean - self.corrupted)

    def plot(self) -> Picture:
        """The effect of each cell as a map; see `viz.circuits.patching_map`."""
        from ..viz import circuits

        return circuits.patching_map(self)


def activation_patching(
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
    batch_size: BatchSize = "auto",
) -> Patching:
    """The metric of one text's run, with one activation at a time taken from the other's.

    target: as everywhere, resolved in the clean text; a contrast ("Mary" versus "John") is the logit difference.
    metric: "target", or "kl", how far the prediction is from the clean one (Kullback-Leibler divergence, in nats).
    site: one of `sites.SITES`. axes: what is patched at once: ("layer", "position"), all heads there, the default;
    ("layer", "head"), at all positions, the default of q, k, v, z and pattern; ("layer", "position", "head"); or
    ("layer",), everything there. A pattern's position is that of its query; keys and values that heads share are
    patched once for all of them.
    direction: "denoising" patches clean activations into the corrupted run, "noising" the reverse. layers: which; None
    for all. batch_size: texts in one pass, or "auto"; values depend on it in rounding only.

    No pass is run whose result is known: where both texts have the same activation, after the readout of a causal
    model, and in the last block beside the readout. Raises AlignmentError where the texts have different numbers of
    tokens, OptionError, also within `editing.edited_attention`, and whatever the target raises.
    """
    plan = plan_of("activation_patching", model, site, axes, metric, layers, batch_size)
    one_of(direction, "direction", DIRECTIONS)
    encoded, other = model.encode(clean), model.encode(corrupted)
    place = aligned(model, encoded, other, target)
    runs = [record(model, text, place, plan.wanted) for text in (encoded, other)]
    resolved = model.resolve(target, encoded, runs[0].logits)
    measure = measured(resolved, metric, runs[0].logits)
    donor, base = runs if direction == "denoising" else runs[::-1]
    values = _patched(base, donor.kept, plan, measure, len(encoded.units))
    return Patching(
        values=values,
        axes=plan.axes,
        names=named(plan, (encoded, other), values.shape),
        clean=float(measure(runs[0].logits)),
        corrupted=float(measure(runs[1].logits)),
        site=site,
        target=resolved.target,
        metric=metric,
        how=direction,
        model=model.name,
        texts=(clean, corrupted),
    )


def ablation(
    model: TextModel,
    text: str,
    target: Target | str | int | None = None,
    *,
    site: str = "z",
    axes: Sequence[str] | None = None,
    replacement: Replacement = "zero",
    texts: Sequence[str] = (),
    metric: Metric = "target",
    layers: Sequence[int] | None = None,
    batch_size: BatchSize = "auto",
) -> Patching:
    """The metric of a text's run, with one activation at a time replaced by what says nothing about this text.

    replacement: "zero"; "mean", that of all tokens of `texts`; or "resample", the activation that each of `texts` has
    at the same token, over which the metric is averaged. For "resample", and for the mean of patterns, `texts` have as
    many tokens as the text. The rest as in `activation_patching`. Raises AlignmentError, OptionError, and whatever the
    target raises.
    """
    plan = plan_of("ablation", model, site, axes, metric, layers, batch_size)
    return ablated(model, text, target, replacement, references(model, replacement, texts, plan), plan)


@dataclass(frozen=True)
class Plan:
    """What is replaced, one cell of a map after the other, and what is measured: options that have been checked."""

    site: str
    axes: tuple[str, ...]
    layers: tuple[int, ...]
    metric: Metric
    batch_size: BatchSize

    @property
    def wanted(self) -> list[tuple[str, int]]:
        """The activations that are needed, by (site, layer)."""
        return [(self.site, layer) for layer in self.layers]


def plan_of(
    method: str,
    model: TextModel,
    site: str,
    axes: Sequence[str] | None,
    metric: Metric,
    layers: Sequence[int] | None,
    batch_size: BatchSize,
) -> Plan:
    """Checks the options before anything runs."""
    require_text_model(method, model)
    require_evaluation(model)
    if is_edited(model):  # an edit may go by a query's place, and is handed some of the queries only
        raise OptionError(f"{method} starts in the middle of texts, where an edit goes astray: leave edited_attention")
    one_of(metric, "metric", METRICS)
    rows_at_once(model, 1, batch_size)
    return Plan(site, _axes(model, site, axes), tuple(chosen_layers(model, layers)), metric, batch_size)


def references(model: TextModel, replacement: Replacement, texts: Sequence[str], plan: Plan) -> list[Activations]:
    """What an ablation puts in an activation's place: once, or for "resample" for each of the texts."""
    one_of(replacement, "replacement", REPLACEMENTS)
    if isinstance(texts, str) or bool(len(texts)) == (replacement == "zero"):
        needs = "takes no texts" if replacement == "zero" else "needs texts, in a list"
        raise OptionError(f"replacement={replacement!r} {needs}")
    if replacement == "zero":
        return [dict.fromkeys(plan.wanted, torch.zeros((), dtype=model.model.dtype, device=model.model.device))]
    found: list[Activations] = []
    for encoded in [model.encode(text) for text in texts]:
        with ONE_AT_A_TIME, torch.no_grad(), sites.read(model, plan.wanted) as kept:
            model.forward(encoded)
        found.append(kept)
    if replacement == "resample":
        return found
    if plan.site != "pattern":
        return [{key: torch.cat([kept[key] for kept in found], dim=1).mean(1, keepdim=True) for key in plan.wanted}]
    if len({kept[plan.wanted[0]].shape for kept in found}) > 1:
        raise AlignmentError("the mean of patterns needs texts with the same number of tokens")
    return [{key: torch.stack([kept[key] for kept in found]).mean(0) for key in plan.wanted}]


def ablated(
    model: TextModel,
    text: str,
    target: Target | str | int | None,
    replacement: Replacement,
    donors: Sequence[Activations],
    plan: Plan,
) -> Patching:
    """`ablation` with what `references` found."""
    encoded = model.encode(text)
    place = predicted_from(model, encoded, target.position if isinstance(target, Target) else -1)
    run = record(model, encoded, place, plan.wanted)
    resolved = model.resolve(target, encoded, run.logits)
    measure = measured(resolved, plan.metric, run.logits)
    n = len(encoded.units)
    if replacement == "resample" or (replacement == "mean" and plan.site == "pattern"):
        for donor in donors:
            if (tokens := donor[plan.wanted[0]].shape[-1 if plan.site == "pattern" else 1]) != n:
                raise AlignmentError(f"the text has {n} tokens and one to take from {tokens}: give as long a one")
    values = [_patched(run, donor, plan, measure, n) for donor in donors]
    return Patching(
        values=np.mean(values, axis=0),
        axes=plan.axes,
        names=named(plan, (encoded,), values[0].shape),
        clean=float(measure(run.logits)),
        corrupted=None,
        site=plan.site,
        target=resolved.target,
        metric=plan.metric,
        how=replacement,
        model=model.name,
        texts=(text,),
    )


def _patched(base: Recording, donors: Activations, plan: Plan, measure: Measure, n_tokens: int) -> np.ndarray:
    """The metric with each cell's activation replaced by the donor's: (layers, ...) as the axes say."""
    site, whole = plan.site, float(measure(base.logits))
    results = []
    for layer in plan.layers:
        own = base.kept[site, layer]
        donor = _fitted(site, donors[site, layer], own)
        where, shape = _cells(site, plan.axes, own)
        changes = where & _differs(site, own, donor)
        if layer == base.model.n_layers - 1 and site not in ("resid_pre", "k", "v"):
            changes[:, torch.arange(changes.shape[1]) != base.place] = False  # the rest of the last block is not read
        values = torch.full((len(where),), whole, dtype=torch.float64)
        for rows, start in _parts(base, changes, plan.batch_size):
            change = _replacing(site, donor, where[rows])
            values[rows] = measure(resume(base, site, layer, change, len(rows), start)).cpu()
        results.append(values.view(shape))
    stacked = torch.stack(results).numpy()
    if "position" not in plan.axes:
        return stacked
    after = [(0, 0)] * stacked.ndim  # the readout of a causal model: nothing there is read
    after[1] = (0, n_tokens - stacked.shape[1])
    return np.pad(stacked, after, constant_values=whole)


def cell_sums(site: str, axes: tuple[str, ...], products: torch.Tensor) -> np.ndarray:
    """Sums a site's numbers, shaped as its values with one row, over each cell of one layer's map."""
    summed = products.sum(-1)[0]
    if site == "pattern":
        summed = summed.T
    if summed.ndim == 1:
        summed = summed[:, None]
    for axis, name in ((1, "head"), (0, "position")):
        if name not in axes:
            summed = summed.sum(axis, keepdim=True)
    shape = [n for n, name in zip(summed.shape, ("position", "head"), strict=True) if name in axes]
    return summed.reshape(shape).cpu().numpy()


def _fitted(site: str, donor: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """The donor's activations of the tokens that the text was recorded for; one for all tokens, where it has one."""
    n = own.shape[2 if site == "pattern" else 1]
    if donor.ndim and donor.shape[2 if site == "pattern" else 1] > 1:
        donor = donor[:, :, :n, :n] if site == "pattern" else donor[:, :n]
    return donor.expand_as(own)


def _cells(site: str, axes: tuple[str, ...], own: torch.Tensor) -> tuple[torch.Tensor, tuple[int, ...]]:
    """Where each cell of a layer's map patches, bool (cells, tokens, heads or 1), and the map's shape."""
    heads, tokens = 1, own.shape[1]
    if site in sites.BY_HEAD:
        heads, tokens = (own.shape[1], own.shape[2]) if site == "pattern" else (own.shape[2], own.shape[1])
    shape = tuple({"position": tokens, "head": heads}[axis] for axis in axes[1:])
    one_token = torch.eye(tokens, dtype=torch.bool) if "position" in axes else torch.ones(1, tokens, dtype=torch.bool)
    one_head = torch.eye(heads, dtype=torch.bool) if "head" in axes else torch.ones(1, heads, dtype=torch.bool)
    where = one_token[:, None, :, None] & one_head[None, :, None, :]
    return where.flatten(0, 1), shape


def _differs(site: str, own: torch.Tensor, donor: torch.Tensor) -> torch.Tensor:
    """Where the donor has another activation: bool (tokens, heads or 1)."""
    different = (own != donor).any(-1)[0].cpu()
    if site == "pattern":
        return different.T
    return different if different.ndim == 2 else different[:, None]


def _replacing(site: str, donor: torch.Tensor, where: torch.Tensor) -> Callable[[torch.Tensor, int], torch.Tensor]:
    """The change that puts the donor's activations into some rows: where, bool (rows, tokens, heads or 1)."""
    where = where.to(donor.device)

    def change(values: torch.Tensor, first: int) -> torch.Tensor:
        at = slice(first, first + values.shape[2 if site == "pattern" else 1])
        if site == "pattern":
            return torch.where(where[:, at].transpose(1, 2)[..., None], donor[:, :, at, : values.shape[-1]], values)
        here = where[:, at, :, None] if values.ndim == 4 else where[:, at]
        return torch.where(here, donor[:, at], values)

    return change


def _parts(run: Recording, changes: torch.Tensor, batch_size: BatchSize) -> list[tuple[torch.Tensor, int]]:
    """The cells in which something changes, in passes: their rows, and the first token that changes in any of them."""
    rows = changes.flatten(1).any(1).nonzero().flatten()
    first = changes.any(-1).int().argmax(1)
    if run.memory is None:
        first.zero_()
    rows = rows[first[rows].argsort(stable=True)]
    if not len(rows):
        return []
    starts, at_once = [0], rows_at_once(run.model, changes.shape[1], batch_size)
    for i in range(1, len(rows)):
        saved = int(first[rows[i]] - first[rows[starts[-1]]]) * (len(rows) - i)
        if saved >= WORTH or i - starts[-1] >= at_once:
            starts.append(i)
    ends = [*starts[1:], len(rows)]
    return [(rows[i:j], int(first[rows[i]])) for i, j in zip(starts, ends, strict=True)]


def measured(target: ResolvedTarget, metric: Metric, clean: torch.Tensor) -> Measure:
    """The metric as a function of logits (..., choices)."""
    if metric == "target":
        return target.value
    wanted = clean.log_softmax(-1)
    return lambda logits: (wanted.exp() * (wanted - logits.log_softmax(-1))).sum(-1)


def aligned(model: TextModel, encoded: EncodedText, other: EncodedText, target: Any) -> int:
    """The token that the prediction is read from, the same in both texts. Raises AlignmentError."""
    _same_length(encoded, other)
    position = target.position if isinstance(target, Target) else -1
    places = {predicted_from(model, text, position) for text in (encoded, other)}
    if len(places) > 1:
        raise AlignmentError(f"the predictions are read from different tokens, {sorted(places)}: mask the same place")
    return places.pop()


def _same_length(encoded: EncodedText, other: EncodedText) -> None:
    if len(encoded.units) != len(other.units):
        counts = " and ".join(str(len(text.units)) for text in (encoded, other))
        pieces = "; ".join(" ".join(repr(unit.text) for unit in text.units) for text in (encoded, other))
        raise AlignmentError(
            f"the texts have {counts} tokens, and patching goes token by token: change words into others of as many "
            f"tokens each. They are cut so: {pieces}"
        )


def _axes(model: TextModel, site: str, axes: Sequence[str] | None) -> tuple[str, ...]:
    if site not in sites.sites_of(model):
        if site in sites.SITES:
            sites.port_of(model, site)  # says why
        raise OptionError(f"site={site!r}: choose one of {', '.join(map(repr, sites.sites_of(model)))}")
    chosen = AXES[site in sites.BY_HEAD] if axes is None else tuple(axes)
    if chosen not in AXES:
        raise OptionError(f"axes={axes!r}: choose one of {', '.join(map(str, AXES))}")
    if "head" in chosen and site not in sites.BY_HEAD:
        raise OptionError(f"axes={chosen}: {site} has no heads; only {', '.join(sites.BY_HEAD)} have")
    return chosen


def named(plan: Plan, texts: tuple[EncodedText, ...], shape: tuple[int, ...]) -> tuple[tuple[str, ...], ...]:
    """What is on each axis; a token that differs between the texts is named in both."""
    pairs = zip(*(text.units for text in texts), strict=True)
    tokens = tuple("/".join(dict.fromkeys(unit.text for unit in pair)) for pair in pairs)
    named = {"layer": tuple(map(str, plan.layers)), "position": tokens}
    return tuple(named.get(axis, tuple(map(str, range(n)))) for axis, n in zip(plan.axes, shape, strict=True))


def one_of(value: Any, name: str, choices: Sequence[str]) -> None:
    """Raises OptionError for what is none of the choices."""
    if value not in choices:
        raise OptionError(f"{name}={value!r}: choose one of {', '.join(map(repr, choices))}")

"""Which activation carries the difference between two texts? Take it from one run, put it into the other, and look.

Activation patching (Vig et al., 2020, "Investigating Gender Bias in Language Models Using Causal Mediation Analysis";
Meng et al., 2022, "Locating and Editing Factual Associations in GPT") compares two texts that differ in what matters,
and in nothing else. Denoising puts clean activations into the corrupted run, and finds what is enough to mend it;
noising puts corrupted ones into the clean run, and finds what it can't do without. Ablation has no second text: the
activation is replaced by zeros, by a mean, or by that of another text.
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
from ..errors import AlignmentError, OptionError
from ..models import EncodedText, TextModel, require_evaluation, require_text_model
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
AXES = (("layer", "position"), ("layer", "head"), ("layer", "position", "head"))
WORTH = 32  # tokens that a pass of its own must save, by starting later in the text

Measure = Callable[[torch.Tensor], torch.Tensor]


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
    ("layer", "head"), at all positions, the default of q, k, v, z and pattern; or ("layer", "position", "head"). A
    pattern's position is that of its query; keys and values that heads share are patched once for all of them.
    direction: "denoising" patches clean activations into the corrupted run, "noising" the reverse. layers: which; None
    for all. batch_size: texts in one pass, or "auto"; values depend on it in rounding only.

    No pass is run whose result is known: where both texts have the same activation, after the readout of a causal
    model, and in the last block beside the readout. Raises AlignmentError where the texts have different numbers of
    tokens, OptionError, and whatever the target raises.
    """
    require_text_model("activation_patching", model)
    require_evaluation(model)
    _one_of(direction, "direction", DIRECTIONS)
    _one_of(metric, "metric", METRICS)
    chosen = _axes(model, site, axes)
    depths = chosen_layers(model, layers)
    rows_at_once(model, 1, batch_size)  # complains before the model runs
    encoded, other = model.encode(clean), model.encode(corrupted)
    place = _aligned(model, encoded, other, target)
    wanted = [(site, layer) for layer in depths]
    runs = [record(model, text, place, wanted) for text in (encoded, other)]
    resolved = model.resolve(target, encoded, runs[0].logits)
    measure = _measure(resolved, metric, runs[0].logits)
    donor, base = runs if direction == "denoising" else runs[::-1]
    values = _patched(base, donor.kept, site, chosen, depths, measure, batch_size, len(encoded.units))
    return Patching(
        values=values,
        axes=chosen,
        names=_names(model, chosen, depths, (encoded, other), values.shape),
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
    require_text_model("ablation", model)
    require_evaluation(model)
    _one_of(replacement, "replacement", REPLACEMENTS)
    _one_of(metric, "metric", METRICS)
    chosen = _axes(model, site, axes)
    depths = chosen_layers(model, layers)
    rows_at_once(model, 1, batch_size)
    if isinstance(texts, str) or bool(texts) == (replacement == "zero"):
        needs = "takes no texts" if replacement == "zero" else "needs texts, in a list"
        raise OptionError(f"replacement={replacement!r} {needs}")
    encoded = model.encode(text)
    others = [model.encode(other) for other in texts]
    if replacement == "resample" or site == "pattern":
        for other in others:
            _same_length(encoded, other)
    place = predicted_from(model, encoded, target.position if isinstance(target, Target) else -1)
    wanted = [(site, layer) for layer in depths]
    run = record(model, encoded, place, wanted)
    resolved = model.resolve(target, encoded, run.logits)
    measure = _measure(resolved, metric, run.logits)
    values = [
        _patched(run, donors, site, chosen, depths, measure, batch_size, len(encoded.units))
        for donors in _donors(run, others, wanted, replacement)
    ]
    return Patching(
        values=np.mean(values, axis=0),
        axes=chosen,
        names=_names(model, chosen, depths, (encoded,), values[0].shape),
        clean=float(measure(run.logits)),
        corrupted=None,
        site=site,
        target=resolved.target,
        metric=metric,
        how=replacement,
        model=model.name,
        texts=(text, *texts),
    )


Activations = Mapping[tuple[str, int], torch.Tensor]


def _donors(
    run: Recording, others: Sequence[EncodedText], wanted: Sequence[tuple[str, int]], replacement: Replacement
) -> list[Activations]:
    """What takes the place of a run's activations, once or for each of the other texts."""
    if replacement == "zero":
        return [{key: torch.zeros_like(own) for key, own in run.kept.items()}]
    found: list[Activations] = []
    for other in others:
        with torch.no_grad(), sites.read(run.model, wanted) as kept:
            run.model.forward(other)
        found.append(kept)
    if replacement == "resample":
        return found
    mean: dict[tuple[str, int], torch.Tensor] = {}
    for key in wanted:
        if key[0] == "pattern":
            mean[key] = torch.stack([kept[key] for kept in found]).mean(0)
        else:
            of_all = torch.cat([kept[key] for kept in found], dim=1).mean(1, keepdim=True)
            mean[key] = of_all.expand_as(run.kept[key])
    return [mean]


def _patched(
    base: Recording,
    donors: Activations,
    site: str,
    axes: tuple[str, ...],
    depths: Sequence[int],
    measure: Measure,
    batch_size: BatchSize,
    n_tokens: int,
) -> np.ndarray:
    """The metric with each cell's activation replaced by the donor's: (layers, ...) as the axes say."""
    whole = float(measure(base.logits))
    results = []
    for layer in depths:
        own, donor = base.kept[site, layer], _cut(site, donors[site, layer], base)
        where, shape = _cells(site, axes, own)
        changes = where & _differs(site, own, donor)
        if layer == base.model.n_layers - 1 and site not in ("resid_pre", "k", "v"):
            changes[:, torch.arange(changes.shape[1]) != base.place] = False  # the rest of the last block is not read
        values = torch.full((len(where),), whole, dtype=torch.float64)
        for rows, start in _parts(base, changes, batch_size):
            change = _replacing(site, donor, where[rows])
            values[rows] = measure(resume(base, site, layer, change, len(rows), start)).cpu()
        results.append(values.view(shape))
    stacked = torch.stack(results).numpy()
    if "position" not in axes:
        return stacked
    after = [(0, 0)] * stacked.ndim  # the readout of a causal model: nothing there is read
    after[1] = (0, n_tokens - stacked.shape[1])
    return np.pad(stacked, after, constant_values=whole)


def _cut(site: str, donor: torch.Tensor, base: Recording) -> torch.Tensor:
    """The donor's activations of the tokens that the base was recorded for."""
    n = base.ids.shape[1]
    return donor[:, :, :n, :n] if site == "pattern" else donor[:, :n]


def _cells(site: str, axes: tuple[str, ...], own: torch.Tensor) -> tuple[torch.Tensor, tuple[int, ...]]:
    """Where each cell of a layer's map patches, bool (cells, tokens, heads or 1), and the map's shape."""
    heads, tokens = 1, own.shape[1]
    if site in sites.BY_HEAD:
        heads, tokens = (own.shape[1], own.shape[2]) if site == "pattern" else (own.shape[2], own.shape[1])
    where = torch.eye(tokens * heads, dtype=torch.bool).view(tokens, heads, tokens, heads)
    if axes == AXES[0]:
        return where.any(1), (tokens,)
    if axes == AXES[1]:
        return where.any(0), (heads,)
    return where.flatten(0, 1), (tokens, heads)


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
    starts = [0]
    for i in range(1, len(rows)):
        at_once = rows_at_once(run.model, changes.shape[1], batch_size)
        saved = int(first[rows[i]] - first[rows[starts[-1]]]) * (len(rows) - i)
        if saved >= WORTH or i - starts[-1] >= at_once:
            starts.append(i)
    ends = [*starts[1:], len(rows)]
    return [(rows[i:j], int(first[rows[i]])) for i, j in zip(starts, ends, strict=True)]


def _measure(target: ResolvedTarget, metric: Metric, clean: torch.Tensor) -> Measure:
    """The metric as a function of logits (..., choices)."""
    if metric == "target":
        return target.value
    wanted = clean.log_softmax(-1)
    return lambda logits: (wanted.exp() * (wanted - logits.log_softmax(-1))).sum(-1)


def _aligned(model: TextModel, encoded: EncodedText, other: EncodedText, target: Any) -> int:
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
        sites.port_of(model, site)  # says why
        raise OptionError(f"site={site!r}: choose one of {', '.join(map(repr, sites.sites_of(model)))}")
    chosen = AXES[site in sites.BY_HEAD] if axes is None else tuple(axes)
    if chosen not in AXES:
        raise OptionError(f"axes={axes!r}: choose one of {', '.join(map(str, AXES))}")
    if "head" in chosen and site not in sites.BY_HEAD:
        raise OptionError(f"axes={chosen}: {site} has no heads; only {', '.join(sites.BY_HEAD)} have")
    return chosen


def _names(
    model: TextModel,
    axes: tuple[str, ...],
    depths: Sequence[int],
    texts: tuple[EncodedText, ...],
    shape: tuple[int, ...],
) -> tuple[tuple[str, ...], ...]:
    """What is on each axis; a token that differs between the texts is named in both."""
    tokens = tuple(
        "/".join(dict.fromkeys(unit.text for unit in pair)) for pair in zip(*(t.units for t in texts), strict=True)
    )
    named = {"layer": tuple(map(str, depths)), "position": tokens}
    return tuple(named.get(axis, tuple(map(str, range(n)))) for axis, n in zip(axes, shape, strict=True))


def _one_of(value: Any, name: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise OptionError(f"{name}={value!r}: choose one of {', '.join(map(repr, choices))}")

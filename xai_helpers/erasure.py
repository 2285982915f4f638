"""Does the model use a property? Take it out of the activations while the model runs, and look.

LEACE (Belrose et al., 2023, "LEACE: Perfect Linear Concept Erasure in Closed Form") is the affine map that moves
activations least, among those after which no linear probe beats a constant. Amnesic probing (Elazar et al., 2021,
"Amnesic Probing: Behavioral Explanation with Amnesic Counterfactuals") compares what the model does without the
property with what it does without as many directions that mean nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, overload

import numpy as np
import torch

from . import checks
from .batches import logits_of
from .circuits import sites
from .errors import OptionError
from .models import TextModel, require_evaluation, require_text_model
from .probed import Choices, States, by_length, levels_of

Positions = Literal["all", "last"]


@dataclass(frozen=True, eq=False)
class Eraser:
    """x becomes x - removed (x - mean). removed: float64 (width, width), of so many ranks; mean: float64 (width,)."""

    removed: np.ndarray
    mean: np.ndarray
    rank: int
    concept: str

    @overload
    def __call__(self, values: np.ndarray) -> np.ndarray: ...

    @overload
    def __call__(self, values: torch.Tensor) -> torch.Tensor: ...

    def __call__(self, values: np.ndarray | torch.Tensor) -> np.ndarray | torch.Tensor:
        """Activations (..., width) without the property, in their own precision."""
        if isinstance(values, torch.Tensor):
            removed, mean = (torch.from_numpy(x).to(values) for x in (self.removed, self.mean))
            return values - (values - mean) @ removed.T
        return (values - (values - self.mean) @ self.removed.T).astype(values.dtype)

    def __repr__(self) -> str:
        return f"eraser of {self.concept}, rank {self.rank} of {len(self.mean)}"


def eraser(states: States, level: int, labels: Sequence[str] | None = None) -> Eraser:
    """LEACE, fitted on all examples of one level by the library concept-erasure.

    Of K labels it removes a subspace of K - 1 dimensions. Two defaults of the library are off, so that the laws hold on
    the examples: its tolerance would leave a property in place that correlates weakly, and its shrinkage, meant for few
    examples, would move activations further than is needed. Sums are in double precision.
    labels: other ones than the examples'. Raises OptionError.
    """
    from concept_erasure import LeaceFitter

    known = states.examples.labels if labels is None else tuple(labels)
    if len(known) != len(states.examples):
        raise OptionError(f"{len(known)} labels for {len(states.examples)} examples: give one for each")
    names, which = np.unique(known, return_inverse=True)
    if len(names) < 2:
        raise OptionError(f"all examples have the label {names[0]!r}: there is nothing to erase")
    x = torch.from_numpy(states.level(level).astype(np.float64))
    z = torch.from_numpy(np.eye(len(names))[which, 1:])  # the first label is where all others are not
    # The trace of the covariance can't rise without shrinkage; the library's guard against it would act on rounding.
    found = LeaceFitter.fit(
        x - x.mean(0), z, shrinkage=False, svd_tol=1e-12, constrain_cov_trace=False, affine=False
    ).eraser
    removed = (found.proj_left @ found.proj_right).numpy()
    return Eraser(removed, x.mean(0).numpy(), int(np.linalg.matrix_rank(removed)), states.examples.property)


class Behaviour(NamedTuple):
    """accuracy: how often the right group of words is the most probable. log_odds: its mean, against all others."""

    accuracy: float
    log_odds: float


@dataclass(frozen=True)
class Amnesia:
    """What the model does before the property is erased, after, and after as many random directions were.

    control: the mean over draws; controls: each of them.
    """

    before: Behaviour
    erased: Behaviour
    controls: tuple[Behaviour, ...]
    concept: str
    level: str
    positions: Positions
    rank: int
    model: str

    @property
    def control(self) -> Behaviour:
        """The mean over the draws of random directions."""
        return Behaviour(*np.mean(self.controls, axis=0).tolist())

    def __repr__(self) -> str:
        told = {"before": self.before, "erased": self.erased, "random": self.control}
        shown = ", ".join(f"{name} {x.accuracy:.3f} ({x.log_odds:+.2f})" for name, x in told.items())
        where = f"{self.level}, {self.positions} positions, rank {self.rank}"
        return f"{self.model} without {self.concept} ({where}): accuracy (log odds) {shown}"


def amnesic(
    model: TextModel,
    choices: Choices,
    states: States,
    level: int,
    *,
    positions: Positions = "all",
    draws: int = 5,
    seed: int = 0,
) -> Amnesia:
    """The model's choices while a property of `states` is erased at one level, at all positions or at the readout.

    An eraser knows the places that its examples stand at: for all positions, fit it on `at_every_word`. Random
    directions are those that LEACE removes for the same labels in random order. Raises OptionError, and what targets
    raise for a word that is no single token.
    """
    require_text_model("amnesic", model)
    require_evaluation(model)
    if positions not in ("all", "last"):
        raise OptionError(f"positions={positions!r}: choose 'all' or 'last'")
    if states.model != model.name:
        raise OptionError(f"these are states of {states.model}, not of {model.name}: take them from the same model")
    draws, rng = checks.whole(draws, "draws"), np.random.default_rng(checks.seed(seed))
    place = states.index(level)
    own = eraser(states, place)
    others = [eraser(states, place, rng.permutation(np.array(states.examples.labels)).tolist()) for _ in range(draws)]
    asked = _Asked(model, choices, levels_of(model, states.site)[place], positions)
    return Amnesia(
        before=asked.behaviour(None),
        erased=asked.behaviour(own),
        controls=tuple(asked.behaviour(other) for other in others),
        concept=states.examples.property,
        level=states.levels[place],
        positions=positions,
        rank=own.rank,
        model=model.name,
    )


class _Asked:
    """Prompts encoded once, with the ids of their options, to be answered many times."""

    def __init__(self, model: TextModel, choices: Choices, where: tuple[str, int], positions: Positions) -> None:
        self.model, self.where, self.positions, self.right = model, where, positions, choices.right
        self.encoded = [model.encode(text) for text in choices.texts]
        self.batches = by_length(model, self.encoded)
        ids: dict[str, int] = {}
        for text, options in zip(self.encoded, choices.options, strict=True):
            for word in {word for option in options for word in option} - ids.keys():
                ids[word] = model.resolve(word, text).id
        self.options = [[[ids[word] for word in option] for option in options] for options in choices.options]

    def behaviour(self, erase: Eraser | None) -> Behaviour:
        correct, odds = [], []
        for batch in self.batches:
            for i, logits in zip(batch, self._logits(batch, erase), strict=True):
                mass = torch.stack([logits[option].logsumexp(0) for option in self.options[i]])
                right = self.right[i]
                others = torch.cat([mass[:right], mass[right + 1 :]])
                correct.append(bool(mass[right] > others.max()))
                odds.append(float(mass[right] - others.logsumexp(0)))
        return Behaviour(float(np.mean(correct)), float(np.mean(odds)))

    def _logits(self, batch: list[int], erase: Eraser | None) -> torch.Tensor:
        ids = torch.cat([self.encoded[i].ids for i in batch])
        place = {self.model.readout(self.encoded[i]) for i in batch}
        with torch.no_grad(), contextlib.ExitStack() as stack:
            if erase is not None:
                change = lambda values: self._changed(values, erase, max(place))  # noqa: E731
                stack.enter_context(sites.written(self.model, *self.where, change))
            return logits_of(self.model, ids, max(place)).double()

    def _changed(self, values: torch.Tensor, erase: Eraser, place: int) -> torch.Tensor:
        erased = erase(values.flatten(2)).view_as(values)
        if self.positions == "all":
            return erased
        kept: Any = torch.arange(values.shape[1], device=values.device) != place
        return torch.where(kept.view(-1, *[1] * (values.dim() - 2)), values, erased)

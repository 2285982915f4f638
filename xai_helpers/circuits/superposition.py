"""Can a model hold more features than it has dimensions? Toy models that learn to, or not to.

After Elhage et al. (2022), "Toy Models of Superposition": n features, each of which is there with a small probability,
go through m < n dimensions and back, x' = relu(W^T W x + b). Where features are seldom there together, a model gains by
giving each a direction of its own although there is no room for them all at right angles: they interfere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from .. import checks
from ..errors import OptionError

if TYPE_CHECKING:
    from ..viz.drawing import Picture


@dataclass(frozen=True, eq=False)
class ToyModels:
    """One trained model for each density. W: (models, dimensions, features). b: (models, features).

    densities: the probability that a feature is there. importance: (features,), its weight in the loss. loss:
    (models,), on fresh samples, divided by that of a model that always answers with the best constant.
    """

    W: np.ndarray
    b: np.ndarray
    densities: tuple[float, ...]
    importance: np.ndarray
    loss: np.ndarray

    @property
    def interference(self) -> np.ndarray:
        """W^T W, (models, features, features): how far each is kept on the diagonal, beside it who disturbs whom."""
        return self.W.transpose(0, 2, 1) @ self.W

    @property
    def kept(self) -> np.ndarray:
        """Each feature's length |W_i|, (models, features): 1 where it is represented, 0 where it is given up."""
        return np.linalg.norm(self.W, axis=1)

    def plot(self, model: int) -> Picture:
        """The features of one model of two dimensions: `viz.circuits.toy_features`."""
        from ..viz.circuits import toy_features

        return toy_features(self, model)


def toy_models(
    densities: Sequence[float],
    *,
    features: int = 5,
    dimensions: int = 2,
    decay: float = 0.9,
    steps: int = 2000,
    batch: int = 256,
    tries: int = 4,
    seed: int = 0,
) -> ToyModels:
    """Trains models for each density, all at once, on the CPU, and keeps the best of each.

    A feature is there with the density's probability, and then uniform in [0, 1]. The loss is the mean squared error,
    each feature weighted by its importance, decay ** i. Which features are kept depends on the first weights as well:
    of `tries` models, the one with the smallest loss on fresh samples is kept. Raises OptionError.
    """
    features, dimensions = checks.whole(features, "features"), checks.whole(dimensions, "dimensions")
    steps, batch, seed = checks.whole(steps, "steps"), checks.whole(batch, "batch"), checks.seed(seed)
    tries = checks.whole(tries, "tries")
    if not len(densities) or not all(0 < density <= 1 for density in densities):
        raise OptionError(f"densities={densities!r}: give probabilities above 0, at most 1")
    if not 0 < decay <= 1:
        raise OptionError(f"decay={decay!r}: give a number above 0, at most 1")
    rng = torch.Generator().manual_seed(seed)
    there = torch.tensor(list(densities))[:, None, None, None]
    importance = decay ** torch.arange(features)
    W = torch.randn(len(there), tries, dimensions, features, generator=rng) / features**0.5
    b = torch.zeros(len(there), tries, 1, features)
    optimizer = torch.optim.Adam([W.requires_grad_(), b.requires_grad_()], lr=0.01)

    def drawn(n: int) -> torch.Tensor:
        shape = (len(there), 1, n, features)  # the same samples for each try
        return torch.rand(shape, generator=rng) * (torch.rand(shape, generator=rng) < there)

    def losses(x: torch.Tensor) -> torch.Tensor:
        return ((_through(x, W, b) - x) ** 2 * importance).mean((2, 3))

    with torch.enable_grad():
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = 0.01 * (1 - step / steps)
            optimizer.zero_grad()
            # Each model has its own parameters: a sum trains each alone.
            (losses(drawn(batch)) / there.view(-1, 1)).sum().backward()
            optimizer.step()
    with torch.no_grad():
        best = torch.arange(len(there)), losses(drawn(10 * batch)).argmin(1)
        x = drawn(10 * batch)
        constant = ((x - x.mean(2, keepdim=True)) ** 2 * importance).mean((2, 3))
        loss = (losses(x) / constant)[best]
    return ToyModels(
        W[best].detach().double().numpy(),
        b[best].squeeze(1).detach().double().numpy(),
        tuple(densities),
        importance.double().numpy(),
        loss.double().numpy(),
    )


def _through(x: torch.Tensor, W: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """relu(W^T W x + b) for x (..., samples, features)."""
    return torch.relu(x @ W.mT @ W + b)

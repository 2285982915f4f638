"""What would a part of the model like to see best?

Feature visualisation climbs the gradient of a class, or of a neuron, by changing the input and not the weights (Erhan
et al., 2009, "Visualizing Higher-Layer Features of a Deep Network"; Olah, Mordvintsev & Schubert, 2017, "Feature
Visualization"). A picture is a point of a continuous space, and what is found there can be looked at: `visualise`.

A text is not. `nearest_tokens` climbs on the embeddings, and then takes the nearest tokens in their place: what the
climb had won is lost where no token lies near. Real texts that do best are the comparison that it has to bear.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, SupportsIndex

import numpy as np
import torch
from torch import nn
from transformers import ViTForImageClassification

from . import checks, images
from .architectures import blocks_of, hooked
from .attention import layer_index
from .attribution import Target
from .batches import logits_of
from .errors import LayerRangeError, OptionError
from .gradients import gradients_for
from .models import ONE_AT_A_TIME, EncodedText, TextModel, require_text_model
from .replacements import embedded, stays
from .targets import predicted_from

Metric = Literal["euclidean", "cosine"]
SAMPLED = 500  # tokens of the vocabulary whose nearest neighbours are looked up
Worth = Callable[[torch.Tensor], torch.Tensor]  # of an input, as a number ()


@dataclass(frozen=True)
class Neuron:
    """A neuron of a layer's MLP, after its activation. It is worth its greatest activation over patches or tokens.

    layer: from 0, or from the end if negative. unit: from 0. Where a neuron is off, GELU is nearly flat, and falls
    before it rises: an ascent from there may end at 0. Begin where the neuron is on, as in its best real example.
    Raises OptionError for what is no whole number.
    """

    layer: int
    unit: int

    def __post_init__(self) -> None:
        if isinstance(self.layer, bool) or not isinstance(self.layer, SupportsIndex):
            raise OptionError(f"layer={self.layer!r}: give a whole number, from 0, or from the end if negative")
        checks.whole(self.unit, "unit", least=0)

    def __str__(self) -> str:
        return f"neuron {self.unit} of layer {self.layer}"


# --- images ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Visualisation:
    """An image, float32 (channels, height, width), and what the objective was worth on the way to it, (steps + 1,)."""

    objective: str
    image: np.ndarray
    values: np.ndarray


def visualise(
    model: ViTForImageClassification,
    objective: Target | str | int | Neuron,
    *,
    steps: int = 200,
    rate: float = 0.05,
    norm: float = 0.0,
    variation: float = 0.0,
    low: float = 0.0,
    high: float = 1.0,
    seed: int = 0,
) -> Visualisation:
    """The image to which gradient ascent from noise leads: what a class or a neuron responds to.

    objective: a label, a class, a `Target`, or a `Neuron`. Each of the steps is one of Adam's, of size `rate`, on the
    objective minus norm * (mean square of the pixels) minus variation * (mean absolute difference of neighbours, the
    total variation); then pixels are brought back between low and high. seed: of the noise, uniform between the two.
    The values are the objective's alone. An ascent ends where its start leads it: other seeds, other images. Without a
    penalty it finds noise that the model takes for much; norm=20, variation=5 suit the logits of course-vit.

    Raises UnsupportedArchitectureError for other models, LayerRangeError, UnknownTargetError, OptionError.
    """
    images.require_vit("visualise", model)
    steps, seed = checks.whole(steps, "steps"), checks.seed(seed)
    rate = checks.number(rate, "rate", above=0)
    norm, variation = (checks.number(x, name, least=0) for x, name in ((norm, "norm"), (variation, "variation")))
    low = checks.number(low, "low")
    high = checks.number(high, "high", above=low)
    shape = (model.config.num_channels, *images.patch_numbers(model).shape)
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    start = (low + (high - low) * noise).to(model.device, model.dtype)
    with torch.inference_mode(False), torch.enable_grad(), _image_worth(model, objective) as (name, worth):
        penalty = lambda x: norm * x.square().mean() + variation * total_variation(x)  # noqa: E731
        way = list(_ascent(start, worth, steps, rate, penalty, lambda x: x.clamp_(low, high)))
    image = way[-1][0].float().cpu().numpy()
    return Visualisation(name, image, np.array([value for _, value in way]))


def total_variation(image: torch.Tensor) -> torch.Tensor:
    """The mean absolute difference between neighbours of an image (channels, height, width), down plus across: ()."""
    return image.diff(dim=-2).abs().mean() + image.diff(dim=-1).abs().mean()


@contextlib.contextmanager
def _image_worth(
    model: ViTForImageClassification, objective: Target | str | int | Neuron
) -> Iterator[tuple[str, Worth]]:
    """The objective's name, and its value for an image (channels, height, width)."""
    if isinstance(objective, Neuron):
        layers = model.config.num_hidden_layers
        if not -layers <= objective.layer < layers:
            raise LayerRangeError(f"layer {objective.layer!r}: the model has layers 0 to {layers - 1}")
        layer = list(model.vit.layers)[objective.layer]
        with _activation(layer.get_submodule("mlp.fc2"), objective) as greatest:
            yield str(objective), lambda image: greatest(lambda: images.logits_of(model, image[None]))
        return
    target = objective if isinstance(objective, Target) else Target(objective)
    if target.token is None:
        raise OptionError("an ascent starts from noise, which has no prediction worth climbing: name a class")
    resolved = images.resolve(model, target, torch.empty(0))
    yield str(resolved.target), lambda image: resolved.value(images.logits_of(model, image[None]))[0]


# --- texts ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class NearestTokens:
    """What an ascent on embeddings reached, and what became of it in tokens.

    free: (steps + 1,), the objective's values on the way, with free embeddings; projected: (steps + 1,), those of the
    tokens nearest to them. ids, tokens: of the best projection on the way, the start included. distances: (n_free,),
    from each vector at the end to its nearest token; spacing: the median over the vocabulary of that distance between a
    token and its nearest other. examples: the texts that were given, with their values, best first.
    """

    objective: str
    model: str
    start: str
    free: np.ndarray
    projected: np.ndarray
    ids: tuple[int, ...]
    tokens: tuple[str, ...]
    distances: np.ndarray
    spacing: float
    examples: tuple[tuple[str, float], ...]


def nearest_tokens(
    model: TextModel,
    start: str,
    objective: Target | str | int | Neuron,
    *,
    texts: Sequence[str] = (),
    steps: int = 100,
    rate: float = 0.5,
    metric: Metric = "euclidean",
) -> NearestTokens:
    """Gradient ascent on the embeddings of a text's tokens, and after each step the tokens that lie nearest.

    start: its tokens' embeddings are where the ascent begins; special tokens stay. objective: a `Target` of this text,
    or a `Neuron`. Each of the steps is one of Adam's, of size `rate` standard deviations of the embedding table.
    metric: "euclidean", or "cosine" (1 minus the cosine), which ignores length as a layer norm does. texts: real
    examples, valued as they are, whole and at any length. The same call gives the same result.

    Raises OptionError, LayerRangeError, and whatever the texts and the target raise.
    """
    require_text_model("nearest_tokens", model)
    steps, rate = checks.whole(steps, "steps"), checks.number(rate, "rate", above=0)
    texts = checks.several(texts)
    if metric not in ("euclidean", "cosine"):
        raise OptionError(f"metric={metric!r}: choose 'euclidean' or 'cosine'")
    encoded = model.encode(start)
    with gradients_for(model, lambda name: False), _text_worth(model, objective, encoded) as (name, worth):
        ids = _vocabulary(model)
        own, table = embedded(model, encoded.ids[0]), embedded(model, ids)
        moves = ~stays(model, encoded).to(own.device)
        climbed: Worth = lambda x: worth(encoded, own.masked_scatter(moves[:, None], x)[None])  # noqa: E731
        way = list(_ascent(own[moves], climbed, steps, rate * float(table.std())))
        with torch.no_grad():
            nearest = [_nearest(x, table, metric) for x, _ in way]
            projected = [float(climbed(table[places])) for places, _ in nearest]
            examples = [(text, float(worth(model.encode(text), None))) for text in texts]
    best = ids[nearest[int(np.argmax(projected))][0]].tolist()
    return NearestTokens(
        objective=name,
        model=model.name,
        start=start,
        free=np.array([value for _, value in way]),
        projected=np.array(projected),
        ids=tuple(best),
        tokens=tuple(str(model.tokenizer.decode([id])) for id in best),
        distances=nearest[-1][1].double().cpu().numpy(),
        spacing=_spacing(table, metric),
        examples=tuple(sorted(examples, key=lambda example: -example[1])),
    )


@contextlib.contextmanager
def _text_worth(
    model: TextModel, objective: Target | str | int | Neuron, start: EncodedText
) -> Iterator[tuple[str, Callable[[EncodedText, torch.Tensor | None], torch.Tensor]]]:
    """The objective's name, and its value () for a text, or for embeddings (1, n_tokens, width) in its tokens' place.

    A target is resolved once, for the start: another text may be continued by another id of the same name.
    """
    if isinstance(objective, Neuron):
        block = blocks_of(model.model)[layer_index(model, objective.layer)]
        with _activation(block.get_submodule(model.architecture.neurons), objective) as greatest:
            yield (
                str(objective),
                lambda encoded, x: greatest(lambda: logits_of(model, encoded.ids, model.readout(encoded), x)),
            )
        return
    resolved = model.resolve(objective, start)

    def value(encoded: EncodedText, x: torch.Tensor | None) -> torch.Tensor:
        place = predicted_from(model, encoded, resolved.target.position)
        return resolved.value(logits_of(model, encoded.ids, place, x).double())[0]

    yield str(resolved.target), value


def _vocabulary(model: TextModel) -> torch.Tensor:
    """The ids that a text may have: (n_ids,), special tokens left out."""
    special = set(model.tokenizer.all_special_ids)
    embedding: Any = model.model.get_input_embeddings()
    known = min(len(model.tokenizer), embedding.num_embeddings)
    return torch.tensor([id for id in range(known) if id not in special], device=model.model.device)


def _nearest(points: torch.Tensor, table: torch.Tensor, metric: Metric) -> tuple[torch.Tensor, torch.Tensor]:
    """For each of the points (n, width) the row of the table that is nearest to it, and how far it is: twice (n,)."""
    if metric == "cosine":
        similarity = nn.functional.normalize(points, dim=-1) @ nn.functional.normalize(table, dim=-1).T
        distances, places = (1 - similarity).min(-1)
    else:
        distances, places = torch.cdist(points, table, compute_mode="donot_use_mm_for_euclid_dist").min(-1)
    return places, distances


def _spacing(table: torch.Tensor, metric: Metric) -> float:
    """The median distance from a row to its nearest other, of about SAMPLED rows: a token's room in the vocabulary."""
    away = []
    for row in range(0, len(table), max(1, len(table) // SAMPLED)):
        others = torch.cat([table[:row], table[row + 1 :]])
        away.append(float(_nearest(table[row : row + 1], others, metric)[1]))
    return float(np.median(away))


# --- both -----------------------------------------------------------------------------------------------------------


def _ascent(
    start: torch.Tensor,
    worth: Worth,
    steps: int,
    rate: float,
    penalty: Callable[[torch.Tensor], torch.Tensor | float] = lambda x: 0.0,
    settle: Callable[[torch.Tensor], object] = lambda x: None,
) -> Iterator[tuple[torch.Tensor, float]]:
    """Adam (Kingma & Ba, 2015) uphill on worth minus penalty: each point, from the start on, and what it is worth.

    settle: brings a point back, in place, to where it may be.
    """
    x = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([x], lr=rate, maximize=True)
    for _ in range(steps):
        value = worth(x)
        yield x.detach().clone(), float(value.detach())
        (x.grad,) = torch.autograd.grad(value - penalty(x), x)
        optimizer.step()
        settle(x.detach())
    yield x.detach().clone(), float(worth(x).detach())


@contextlib.contextmanager
def _activation(layer: nn.Module, neuron: Neuron) -> Iterator[Callable[[Callable[[], object]], torch.Tensor]]:
    """A function that runs the model on one input, and returns the neuron's greatest activation there: float64 ().

    layer: the linear layer that reads the neurons.
    """
    seen: list[torch.Tensor] = []

    def keep(module: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        neurons = args[0]  # (1, n_tokens, n_neurons)
        checks.whole(neuron.unit, "unit", least=0, most=neurons.shape[-1] - 1)
        seen.append(neurons[0, :, neuron.unit].double().amax())

    def greatest(run: Callable[[], object]) -> torch.Tensor:
        run()
        return seen.pop()

    with ONE_AT_A_TIME, hooked(layer, keep, before=True):
        yield greatest

"""How does the output change when a token's embedding changes a little?

Saliency (Simonyan, Vedaldi & Zisserman, 2014, "Deep Inside Convolutional Networks") is the size of that gradient: a
sensitivity, which has no sign. Input x gradient (Shrikumar et al., 2016, "Not Just a Black Box") multiplies it by the
embedding: the first-order estimate of what the token contributes, against an embedding of zeros.

Both look at one point. Integrated gradients (Sundararajan, Taly & Yan, 2017, "Axiomatic Attribution for Deep Networks")
follow the gradient from a baseline to the text, and so account for the whole change of the output. SmoothGrad (Smilkov
et al., 2017, "SmoothGrad: removing noise by adding noise") averages the gradient around the text.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from . import checks, targets
from .architectures import hooked
from .attribution import Attribution, Target
from .batches import BatchSize, logits_of, rows_at_once
from .errors import OptionError, ToleranceError
from .installation import versions
from .models import ONE_AT_A_TIME, EncodedText, TextModel, require_evaluation, require_text_model
from .replacements import stand_in
from .targets import ResolvedTarget

Norm = Literal["l2", "l1", "max"]
NORMS: dict[Norm, float] = {"l2": 2, "l1": 1, "max": float("inf")}
Quadrature = Literal["gauss-legendre", "midpoint"]
QUADRATURES: tuple[Quadrature, ...] = ("gauss-legendre", "midpoint")
MOST_STEPS = 1024  # where the search for a tolerance ends


def saliency(
    model: TextModel, text: str, target: Target | str | int | None = None, *, norm: Norm = "l2"
) -> Attribution:
    """The size of the output's gradient at each token's embedding.

    norm: how the gradient's components become one number: "l2", "l1" (the sum of their sizes, as captum's Saliency
    summed over components), or "max" (the paper's, over the channels of a pixel). Scores are at least 0; they are in
    the output's unit per unit of the embedding, and share out nothing, so there is no total. Raises OptionError, and
    whatever the target raises.
    """
    _check("norm", norm, tuple(NORMS))
    found = embedding_gradient(model, text, target, method="saliency")
    scores = _size(found.gradient.double(), norm)
    return _attribution(model, found.encoded, found.target, "saliency", scores, {"norm": norm})


def input_x_gradient(model: TextModel, text: str, target: Target | str | int | None = None) -> Attribution:
    """Each token's embedding times the output's gradient there, summed over components.

    Scores have a sign and the output's unit. total is the output; the scores add up to it only where the model is
    linear along the ray from zero, as a ReLU network without biases is, and gap says how far they are from it. Raises
    whatever the target raises.
    """
    found = embedding_gradient(model, text, target, method="input_x_gradient")
    scores = (found.embeddings.double() * found.gradient.double()).sum(-1)
    return _attribution(model, found.encoded, found.target, "input_x_gradient", scores, {}, total=found.value)


def integrated_gradients(
    model: TextModel,
    text: str,
    target: Target | str | int | None = None,
    *,
    baseline: str = "auto",
    steps: int = 32,
    quadrature: Quadrature = "gauss-legendre",
    tolerance: float | None = None,
    batch_size: BatchSize = "auto",
) -> Attribution:
    """What each token contributes to the change of the output on the straight way from a baseline (section 3).

    baseline: what stands for each token where the way begins, as in `replacements.stand_in`: "auto", "mask", "pad",
    "unk", "zero", "mean", a word, or a text of as many tokens. Special tokens stay, and so do positions. Scores have a
    sign and the output's unit; total is the output, absorbed its value at the baseline, and gap what the quadrature
    missed. A token that equals its baseline has exactly 0, and so has one after the readout of a causal model.

    steps, quadrature: as in `path_integral`. tolerance: the gap that is allowed, in the output's unit; steps are then
    doubled until it is met, and options record how many that took. batch_size: steps in one pass, or "auto"; scores
    depend on it in rounding only. Raises OptionError, ToleranceError, and whatever the target or the baseline raises.
    """
    require_text_model("integrated_gradients", model)
    steps = checks.whole(steps, "steps")
    if tolerance is not None:
        tolerance = checks.number(tolerance, "tolerance", least=0)
    encoded = model.encode(text)
    target = target if isinstance(target, Target) else Target(target)
    place = targets.predicted_from(model, encoded, target.position)
    with gradients_for(model, lambda name: False), _without_weights(model):
        ids = _read(model, encoded, place)
        at_once = rows_at_once(model, ids.shape[1], batch_size, differentiated=True)
        baseline, start = stand_in(model, encoded, baseline, called="baseline")
        start, end = start[: ids.shape[1]], model.model.get_input_embeddings()(ids)[0]
        with torch.no_grad():
            logits = logits_of(model, ids.expand(2, -1), place, torch.stack([end, start])).double()
        resolved = model.resolve(target, encoded, logits[0])  # once: on the way the prediction may change
        total, nothing = resolved.value(logits).tolist()
        gradient = functools.partial(_gradient_at, model, ids, resolved)
        while True:
            scores = path_integral(gradient, start, end, steps, quadrature, at_once=at_once).sum(-1)
            gap = abs(total - nothing - float(scores.sum()))
            if tolerance is None or not gap > tolerance:  # NaN too ends the search; no Attribution accepts it
                break
            if 2 * steps > MOST_STEPS:
                raise ToleranceError(
                    f"with {steps} steps the gap is still {gap:.2g}, over tolerance={tolerance:g}: allow that much, "
                    "start from more steps, or, if rounding is in the way, load the model with dtype=torch.float64"
                )
            steps *= 2
    options = {"baseline": baseline, "steps": steps, "quadrature": quadrature, "tolerance": tolerance}
    options["batch_size"] = "auto" if batch_size == "auto" else at_once
    shares = {"total": total, "absorbed": {"baseline": nothing}}
    return _attribution(model, encoded, resolved, "integrated_gradients", scores, options, **shares)


def path_integral(
    gradient: Callable[[torch.Tensor], torch.Tensor],
    start: torch.Tensor,
    end: torch.Tensor,
    steps: int = 32,
    quadrature: Quadrature = "gauss-legendre",
    *,
    at_once: int | None = None,
) -> torch.Tensor:
    """What each component contributes to a function's change on the straight line from start to end: float64 (...).

    (end - start) * integral of gradient(start + t (end - start)) over t from 0 to 1. gradient: from points (n, ...) to
    the function's gradient at each, (n, ...); it is asked about `at_once` points, or about all. steps: how many points
    there are. quadrature: "gauss-legendre" is exact where the gradient along the line is a polynomial of degree
    2 * steps - 1 at most; "midpoint" up to degree 1, and elsewhere its error falls as steps^-2. Raises OptionError.
    """
    nodes, weights = quadrature_rule(quadrature, steps)
    way = end.double() - start.double()
    integral = torch.zeros_like(way)
    for part in _parts(len(nodes), at_once or len(nodes)):
        t, weight = (torch.tensor(values[part], device=end.device) for values in (nodes, weights))
        points = start + t.view(-1, *[1] * end.ndim) * way
        integral += torch.tensordot(weight, gradient(points.to(end.dtype)).double(), 1)
    return way * integral


def quadrature_rule(quadrature: Quadrature, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Where on [0, 1] a function is asked, and how much each answer counts in its integral: two times (steps,)."""
    _check("quadrature", quadrature, QUADRATURES)
    steps = checks.whole(steps, "steps")
    if quadrature == "midpoint":
        return (np.arange(steps) + 0.5) / steps, np.full(steps, 1 / steps)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return (nodes + 1) / 2, weights / 2


def smoothgrad(
    model: TextModel,
    text: str,
    target: Target | str | int | None = None,
    *,
    noise: float = 0.15,
    samples: int = 50,
    seed: int = 0,
    norm: Norm = "l2",
    batch_size: BatchSize = "auto",
) -> Attribution:
    """The size of the output's gradient at each token's embedding, averaged over Gaussian noise on the embeddings.

    Every component of every token that the prediction is read from gets noise, special tokens' too, with a standard
    deviation of `noise` times the range (greatest minus least) of these components, as in the paper. samples: how many
    noisy texts, at least 2; seed: of the noise, which depends on nothing else. norm: of the averaged gradient, as in
    `saliency`, which noise 0 gives. batch_size: noisy texts in one pass, or "auto"; scores depend on it in rounding
    only.

    details: "standard_errors", (n_units,), of the averaged gradient: the same norm of its components' standard errors.
    A score that does not stand out from its own says little, since a norm counts noise as size. Raises OptionError, and
    whatever the target raises.
    """
    require_text_model("smoothgrad", model)
    noise = checks.number(noise, "noise", least=0)
    samples = checks.whole(samples, "samples", least=2)
    seed = checks.seed(seed)
    _check("norm", norm, tuple(NORMS))
    encoded = model.encode(text)
    with gradients_for(model, lambda name: False), _without_weights(model):
        resolved = model.resolve(target, encoded)
        ids = _read(model, encoded, resolved.position)
        at_once = rows_at_once(model, ids.shape[1], batch_size, differentiated=True)
        own = model.model.get_input_embeddings()(ids)[0]
        deviation = noise * float(own.max() - own.min())
        generator = torch.Generator().manual_seed(seed)
        draw = lambda: torch.randn(own.shape, generator=generator, dtype=torch.float64)  # noqa: E731
        n = samples if deviation else 1  # without noise they are all the same
        mean, square = torch.zeros_like(own, dtype=torch.float64), torch.zeros_like(own, dtype=torch.float64)
        for part in _parts(n, at_once):
            moves = torch.stack([draw() for _ in part]) * deviation  # one by one, whatever the batch size
            found = _gradient_at(model, ids, resolved, own + moves.to(own)).double()
            mean += found.sum(0) / n
            square += found.square().sum(0) / n
    errors = ((square - mean.square()).clamp(min=0) / max(1, n - 1)).sqrt()
    options: dict[str, Any] = {"noise": noise, "samples": samples, "seed": seed, "norm": norm}
    options["batch_size"] = "auto" if batch_size == "auto" else at_once
    details = {"standard_errors": _for_all(encoded, _size(errors, norm)).tolist()}
    return _attribution(model, encoded, resolved, "smoothgrad", _size(mean, norm), options, details=details)


@dataclass(frozen=True, eq=False)
class EmbeddingGradient:
    """One target's value, the tokens' embeddings, and the gradient there: (n_tokens, width), in the model's dtype."""

    encoded: EncodedText
    target: ResolvedTarget
    value: float
    embeddings: torch.Tensor
    gradient: torch.Tensor


def embedding_gradient(
    model: TextModel, text: str, target: Target | str | int | None = None, *, method: str = "embedding_gradient"
) -> EmbeddingGradient:
    """The gradient of a target's value at the tokens' own embeddings, positions not added: one pass in each direction.

    method: the name that an error gives. Raises whatever the target raises.
    """
    require_text_model(method, model)
    encoded = model.encode(text)
    with recording(model) as embeddings:
        resolved, value = model.readout_value(encoded, model.forward(encoded), target)
        (gradient,) = torch.autograd.grad(value, embeddings)
    return EmbeddingGradient(encoded, resolved, float(value.detach()), embeddings[0].detach()[0], gradient[0])


@contextlib.contextmanager
def recording(model: TextModel) -> Iterator[list[torch.Tensor]]:
    """Within the context, forward passes are differentiable by the tokens' embeddings, and by no parameter.

    Each pass appends its embeddings, (batch, n_tokens, width), to the list. It makes no difference whether the caller
    has switched gradients off, or has frozen the model; afterwards both are as they were.
    """
    embeddings: list[torch.Tensor] = []

    def start_here(module: Any, args: Any, output: torch.Tensor) -> torch.Tensor:
        embeddings.append(output.detach().requires_grad_())
        return embeddings[-1]

    with gradients_for(model, lambda name: False), hooked(model.model.get_input_embeddings(), start_here):
        yield embeddings


@contextlib.contextmanager
def gradients_for(model: TextModel, chosen: Callable[[str], bool]) -> Iterator[None]:
    """Within the context, gradients are on, and of the model's parameters those whose name is chosen require one.

    One thread at a time: threads that share a model would put back each other's flags. Raises OptionError in training
    mode, whose dropout explains another model each time.
    """
    require_evaluation(model)
    with ONE_AT_A_TIME:
        before = [(name, parameter, parameter.requires_grad) for name, parameter in model.model.named_parameters()]
        try:
            for name, parameter, _ in before:
                parameter.requires_grad_(chosen(name))
            with torch.inference_mode(False), torch.enable_grad():
                yield
        finally:
            for _, parameter, required in before:
                parameter.requires_grad_(required)


@contextlib.contextmanager
def _without_weights(model: TextModel) -> Iterator[None]:
    """Within the context, attention does not give its weights, which takes less time; where it is edited, it stays."""
    network = model.model
    if network.config._attn_implementation != "eager":
        yield
        return
    network.set_attn_implementation("sdpa")
    try:
        yield
    finally:
        network.set_attn_implementation("eager")


def _gradient_at(model: TextModel, ids: torch.Tensor, resolved: ResolvedTarget, points: torch.Tensor) -> torch.Tensor:
    """The gradient of the target's value where the tokens' embeddings are points: (n_points, n_tokens, width)."""
    points.requires_grad_()
    logits = logits_of(model, ids.expand(len(points), -1), resolved.position, points)
    return torch.autograd.grad(resolved.value(logits.double()).sum(), points)[0]


def _read(model: TextModel, encoded: EncodedText, place: int) -> torch.Tensor:
    """The ids that a prediction at this place depends on: (1, n_tokens)."""
    return encoded.ids[:, : place + 1] if model.architecture.decoder else encoded.ids


def _for_all(encoded: EncodedText, values: torch.Tensor) -> torch.Tensor:
    """0 for what is not read: (n_read,) to (n_units,)."""
    return torch.nn.functional.pad(values, (0, len(encoded.units) - len(values)))


def _parts(n: int, at_once: int) -> list[np.ndarray]:
    """The indices 0 to n - 1, in parts of about the same size."""
    return np.array_split(np.arange(n), math.ceil(n / at_once))


def _size(gradient: torch.Tensor, norm: Norm) -> torch.Tensor:
    return torch.linalg.vector_norm(gradient, ord=NORMS[norm], dim=-1)


def _check(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise OptionError(f"{name}={value!r}: choose {', '.join(map(repr, choices))}")


def _attribution(
    model: TextModel,
    encoded: EncodedText,
    resolved: ResolvedTarget,
    method: str,
    scores: torch.Tensor,
    options: dict[str, Any],
    **shares: Any,
) -> Attribution:
    return Attribution(
        method=method,
        text=encoded.text,
        units=encoded.units,
        scores=_for_all(encoded, scores).cpu().numpy(),
        target=resolved.target,
        model=model.name,
        position=resolved.position,
        options=options,
        versions=versions(),
        **shares,
    )

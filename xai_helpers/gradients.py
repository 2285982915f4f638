"""How does the output change when a token's embedding changes a little?

Saliency (Simonyan, Vedaldi & Zisserman, 2014, "Deep Inside Convolutional Networks") is the size of that gradient: a
sensitivity, which has no sign. Input x gradient (Shrikumar et al., 2016, "Not Just a Black Box") multiplies it by the
embedding: the first-order estimate of what the token contributes, against an embedding of zeros.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch

from .architectures import hooked
from .attribution import Attribution, Target
from .errors import OptionError
from .installation import versions
from .models import EncodedText, TextModel, require_text_model
from .targets import ResolvedTarget

Norm = Literal["l2", "l1", "max"]
NORMS: dict[Norm, float] = {"l2": 2, "l1": 1, "max": float("inf")}
_ONE_AT_A_TIME = threading.RLock()


def saliency(
    model: TextModel, text: str, target: Target | str | int | None = None, *, norm: Norm = "l2"
) -> Attribution:
    """The size of the output's gradient at each token's embedding.

    norm: how the gradient's components become one number: "l2", "l1" (the sum of their sizes, as captum's Saliency
    summed over components), or "max" (the paper's, over the channels of a pixel). Scores are at least 0; they are in
    the output's unit per unit of the embedding, and share out nothing, so there is no total. Raises OptionError, and
    whatever the target raises.
    """
    if norm not in tuple(NORMS):
        raise OptionError(f"norm={norm!r}: choose {', '.join(map(repr, NORMS))}")
    found = embedding_gradient(model, text, target, method="saliency")
    scores = torch.linalg.vector_norm(found.gradient.double(), ord=NORMS[norm], dim=-1)
    return _attribution(model, found, "saliency", scores, {"norm": norm})


def input_x_gradient(model: TextModel, text: str, target: Target | str | int | None = None) -> Attribution:
    """Each token's embedding times the output's gradient there, summed over components.

    Scores have a sign and the output's unit. total is the output; the scores add up to it only where the model is
    linear along the ray from zero, as a ReLU network without biases is, and gap says how far they are from it. Raises
    whatever the target raises.
    """
    found = embedding_gradient(model, text, target, method="input_x_gradient")
    scores = (found.embeddings.double() * found.gradient.double()).sum(-1)
    return _attribution(model, found, "input_x_gradient", scores, {}, total=found.value)


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
    if model.model.training:
        raise OptionError(f"{model.name} is in training mode; switch it back with model.model.eval()")
    with _ONE_AT_A_TIME:
        before = [(name, parameter, parameter.requires_grad) for name, parameter in model.model.named_parameters()]
        try:
            for name, parameter, _ in before:
                parameter.requires_grad_(chosen(name))
            with torch.inference_mode(False), torch.enable_grad():
                yield
        finally:
            for _, parameter, required in before:
                parameter.requires_grad_(required)


def _attribution(
    model: TextModel,
    found: EmbeddingGradient,
    method: str,
    scores: torch.Tensor,
    options: dict[str, Any],
    total: float | None = None,
) -> Attribution:
    return Attribution(
        method=method,
        text=found.encoded.text,
        units=found.encoded.units,
        scores=scores.cpu().numpy(),
        target=found.target.target,
        model=model.name,
        position=found.target.position,
        total=total,
        options=options,
        versions=versions(),
    )

"""Which attention weights is the output sensitive to, and which tokens do those weights lead to?

Attention x gradient weighs each attention weight by the output's gradient there (Barkan et al., 2021, "Grad-SAM"). Two
methods of Chefer, Gur & Wolf carry such weights through the layers, as rollout carries attention: their generic rule
("Generic Attention-model Explainability", ICCV 2021), and transformer attribution ("Transformer Interpretability
Beyond Attention Visualization", CVPR 2021), which weighs LRP's relevance of the attention instead of the attention.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from .attention import chosen_layers, head_index, require_attentions, rollout, stacked
from .attribution import Attribution, Target
from .errors import OptionError
from .gradients import recording
from .installation import versions
from .models import EncodedText, TextModel, require_text_model
from .relevance import relevance_flow
from .targets import ResolvedTarget


@dataclass(frozen=True, eq=False)
class AttentionGradients:
    """Attention weights, and the gradients of one or more targets there.

    weights: float64 (layers, heads, query, key). gradients: float64 (targets, layers, heads, query, key). values: the
    targets' numbers.
    """

    encoded: EncodedText
    targets: tuple[ResolvedTarget, ...]
    values: tuple[float, ...]
    weights: np.ndarray
    gradients: np.ndarray


def attention_gradients(
    model: TextModel, text: str, targets: Sequence[Target | str | int | None] = (None,)
) -> AttentionGradients:
    """The gradient of each target by every attention weight: one forward pass, one backward pass for each target.

    The weights are those that the layers return, after the softmax; each is varied by itself, so that a row need not
    sum to 1 any more. Raises whatever a target raises.
    """
    require_text_model("attention_gradients", model)
    if isinstance(targets, str) or not isinstance(targets, Sequence) or not targets:
        raise OptionError(f"targets={targets!r}: name at least one in a list, as in ['Paris']")
    encoded = model.encode(text)
    with recording(model):
        output = model.forward(encoded, output_attentions=True)
        attentions = require_attentions(model, output)
        found = [model.readout_value(encoded, output, target) for target in targets]
        gradients = [torch.autograd.grad(value, attentions, retain_graph=True) for _, value in found]
    return AttentionGradients(
        encoded,
        tuple(resolved for resolved, _ in found),
        tuple(float(value.detach()) for _, value in found),
        stacked(attentions),
        np.stack([stacked(gradient) for gradient in gradients]),
    )


def attention_x_gradient(
    model: TextModel,
    text: str,
    target: Target | str | int | None = None,
    *,
    layers: Sequence[int] | None = None,
    head: int | None = None,
    positive: bool = False,
) -> Attribution:
    """Attention weights times the output's gradient there, averaged over heads and layers.

    Entry (i, j) of the matrix is the mean, over heads and layers, of what the output would lose to first order if
    position i did not read position j; scores are the row that the prediction is read from. What earlier rows pass on
    does not show in that row. There is no total. layers: which to average, in increasing order; None for all. head:
    one head; None for the mean of all. positive: set negative products to 0 before averaging, as Grad-SAM does with the
    gradient. Raises LayerRangeError, HeadRangeError, OptionError, and whatever the target raises.
    """
    require_text_model("attention_x_gradient", model)
    if not isinstance(positive, bool):
        raise OptionError(f"positive={positive!r}: True or False")
    chosen, one = chosen_layers(model, layers), None if head is None else head_index(model, head)
    found = attention_gradients(model, text, [target])
    products = (found.weights * found.gradients[0])[chosen]
    if positive:
        products = products.clip(min=0.0)
    matrix = (products.mean(1) if one is None else products[:, one]).mean(0)
    return _read(model, found, "attention_x_gradient", matrix, {"layers": chosen, "head": one, "positive": positive})


def chefer_relevance(model: TextModel, text: str, target: Target | str | int | None = None) -> Attribution:
    """Gradient-weighted attention carried through the layers (Chefer, Gur & Wolf, ICCV 2021, eqs. 5 and 6).

    Each layer's heads become one matrix, the mean of the positive part of attention x gradient. R starts as the
    identity, and each layer adds what it reads: R <- R + A R. Row i says which tokens reached position i through
    weights that raised the output; scores are the row of the prediction. Scores are at least 0, and there is no total.
    Raises whatever the target raises.
    """
    require_text_model("chefer_relevance", model)
    found = attention_gradients(model, text, [target])
    mixed = np.eye(found.weights.shape[-1]) + positive_mean(found.weights * found.gradients[0])
    return _read(model, found, "chefer_relevance", rollout(mixed), {})


def transformer_attribution(
    model: TextModel,
    text: str,
    target: Target | str | int | None = None,
    *,
    epsilon: float = 0.0,
    gamma: float = 0.0,
) -> Attribution:
    """Gradient-weighted relevance of attention, multiplied through the layers (Chefer, Gur & Wolf, CVPR 2021).

    Each layer's heads become one matrix, the identity plus the mean of the positive part of the output's gradient times
    the attention's relevance (eq. 13), and the layers are multiplied (eq. 14). Row i and the scores are read as in
    `chefer_relevance`. The relevance is that of `lrp` with AttnLRP, in its options; the paper's own rules for attention
    are older, keep what is positive at every layer, and scale what they hand on. Scores are at least 0, and there is no
    total. Raises OptionError, and whatever the target raises.
    """
    require_text_model("transformer_attribution", model)
    found = attention_gradients(model, text, [target])
    relevance = relevance_flow(model, text, found.targets[0].target, epsilon=epsilon, gamma=gamma).weights
    mixed = np.eye(found.weights.shape[-1]) + positive_mean(found.gradients[0] * relevance)
    options = {"epsilon": float(epsilon), "gamma": float(gamma)}
    return _read(model, found, "transformer_attribution", rollout(mixed), options)


def positive_mean(products: np.ndarray) -> np.ndarray:
    """The mean over heads of the positive part: (..., heads, query, key) to (..., query, key)."""
    return products.clip(min=0.0).mean(-3)


def _read(
    model: TextModel, found: AttentionGradients, method: str, matrix: np.ndarray, options: dict[str, Any]
) -> Attribution:
    """The attribution whose scores are the row that the prediction is read from."""
    position = found.targets[0].position
    return Attribution(
        method=method,
        text=found.encoded.text,
        units=found.encoded.units,
        scores=matrix[position],
        target=found.targets[0].target,
        model=model.name,
        position=position,
        matrix=matrix,
        options=options,
        versions=versions(),
    )

"""How is the output shared out, layer by layer, back to the tokens?

Layer-wise relevance propagation (Bach et al., 2015) starts with the output as relevance and hands it back through each
layer, in proportion to what each input contributed, so that nothing is lost: relevance is conserved. Attention needs
rules of its own. CP-LRP (Ali et al., 2022, "XAI for Transformers") takes the attention weights as constants; AttnLRP
(Achtibat et al., 2024) hands relevance through the softmax to queries and keys. Both take a norm's deviation as a
constant and hand relevance through an activation unchanged.

`lrp_0`, `lrp_epsilon`, `lrp_gamma`, `softmax_rule` and `product_rule` are the rules on single layers, as the papers
write them. `lrp` explains whole models, as input times a modified gradient (`propagation`). LRP is claimed under patent
by its authors, and free for personal and scientific use.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import SupportsFloat, SupportsIndex

import numpy as np
import torch
from torch.nn import functional

from .attribution import Attribution, Target
from .errors import LayerRangeError, OptionError
from .installation import versions
from .models import EncodedText, TextModel, require_text_model
from .propagation import RULES, Entry, Rule, lrp_rules, stabilised
from .targets import ResolvedTarget

ABSORBED = ("positions", "token types", "biases", "softmax", "epsilon", "output")

# --- the rules on single layers -------------------------------------------------------------------------------------


def lrp_0(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, relevance: torch.Tensor) -> torch.Tensor:
    """LRP-0 (Bach et al., 2015, eq. 56) for z = x weight^T + bias: R_i = sum_j x_i w_ji / z_j R_j.

    x: (..., inputs), weight: (outputs, inputs), bias: (outputs,) or None, relevance: (..., outputs). The result,
    (..., inputs), falls short of the relevance by what the bias absorbs, sum_j b_j / z_j R_j.
    """
    return lrp_epsilon(x, weight, bias, relevance, epsilon=0.0)


def lrp_epsilon(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, relevance: torch.Tensor, epsilon: float
) -> torch.Tensor:
    """LRP-epsilon (Bach et al., 2015, eq. 58): as LRP-0, with z_j + epsilon sign(z_j) below the line.

    So a small output, which large contributions cancel in, hands back little. epsilon absorbs the difference.
    """
    z = functional.linear(x, weight, bias)
    return x * ((relevance / stabilised(z, epsilon)) @ weight)


def lrp_gamma(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    relevance: torch.Tensor,
    gamma: float,
    epsilon: float = 0.0,
) -> torch.Tensor:
    """LRP-gamma (Montavon et al., 2019), as zennit generalises it to inputs and outputs of either sign.

    Contributions x_i w_ji with the sign of their output z_j count 1 + gamma times. With gamma = 0 it is LRP-epsilon;
    as gamma grows, what speaks against the output is left out.
    """
    contributions = x.unsqueeze(-2) * weight  # (..., outputs, inputs)
    from_bias = torch.zeros_like(weight[:, 0]) if bias is None else bias
    lowered = contributions.sum(-1) + from_bias < 0
    counted = torch.where((contributions < 0) == lowered.unsqueeze(-1), (1 + gamma) * contributions, contributions)
    z = counted.sum(-1) + torch.where((from_bias < 0) == lowered, (1 + gamma) * from_bias, from_bias)
    return (counted * (relevance / stabilised(z, epsilon)).unsqueeze(-1)).sum(-2)


def softmax_rule(x: torch.Tensor, relevance: torch.Tensor) -> torch.Tensor:
    """AttnLRP through y = softmax(x) over the last dimension (Achtibat et al., 2024, prop. 3.1).

    R_i = x_i (R_i - y_i sum_j R_j), and 0 where x is masked, -inf. It need not conserve: the softmax absorbs what is
    left.
    """
    handed_on = x * (relevance - x.softmax(-1) * relevance.sum(-1, keepdim=True))
    return handed_on.masked_fill(x.isneginf(), 0.0)


def product_rule(a: torch.Tensor, b: torch.Tensor, relevance: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """AttnLRP through the matrix product o = a b (Achtibat et al., 2024, prop. 3.3): each factor gets half.

    relevance has the shape of o; the result has the shapes of a and b.
    """
    share = relevance / stabilised(2 * (a @ b))
    return a * (share @ b.transpose(-1, -2)), b * (a.transpose(-1, -2) @ share)


# --- whole models ---------------------------------------------------------------------------------------------------


def lrp(
    model: TextModel,
    text: str,
    target: Target | str | int | None = None,
    *,
    rule: Rule = "attn-lrp",
    epsilon: float = 0.0,
    gamma: float = 0.0,
    layer: int | None = None,
) -> Attribution:
    """Layer-wise relevance propagation through a whole transformer.

    total, the target's value, is conserved: it is the sum of the tokens' scores, of what is absorbed and of a gap that
    rounding leaves. Absorbed, each where it arises: "positions" and "token types" (embeddings added to the tokens'),
    "biases", "softmax" (what the softmax rule of AttnLRP does not hand on; 0 for CP-LRP), "epsilon", and "output" where
    the target is no logit. Scores have a sign and the target's unit.

    target: a token, a label, an id, or `Target(token, versus=..., output=...)`; None for the model's own prediction.
    rule: how attention is treated, "attn-lrp" or "cp-lrp". epsilon, gamma: of the linear layers' rule, both at least 0;
    with both 0 it is LRP-0. layer: None for the tokens' embeddings; else scores are the relevance of each position's
    vector in the residual stream that enters this layer (the number of layers for what leaves the last), and absorbed
    counts what is absorbed from there on.

    Raises OptionError, LayerRangeError, UnsupportedArchitectureError, and whatever the target raises. Sources: Ali et
    al. 2022 (CP-LRP), Achtibat et al. 2024 (AttnLRP), Montavon et al. 2019 (gamma).
    """
    require_text_model("lrp", model)
    level = None if layer is None else _level(model, layer)
    flow = relevance_flow(model, text, target, rule=rule, epsilon=epsilon, gamma=gamma)
    return Attribution(
        method="lrp",
        text=flow.encoded.text,
        units=flow.encoded.units,
        scores=flow.tokens if level is None else flow.stream[level],
        target=flow.target.target,
        model=model.name,
        position=flow.target.position,
        total=flow.total,
        absorbed=flow.absorbed_from(0 if level is None else level + 1),
        options={"rule": rule, "epsilon": float(epsilon), "gamma": float(gamma), "layer": level},
        versions=versions(),
    )


@dataclass(frozen=True, eq=False)
class RelevanceFlow:
    """Where one target's relevance was on its way back. All arrays are float64.

    tokens: (n_tokens,), at the tokens' embeddings. stream: (layers + 1, n_tokens), of each position's vector where it
    enters a layer, and where it leaves the last. heads: (layers, n_tokens, heads), of each head's output. weights:
    (layers, heads, query, key), of the attention weights; zeros for CP-LRP. neurons: (layers, n_tokens, neurons), of
    the MLPs' neurons.

    absorbed: what is absorbed at each depth, by name: the embeddings, then each layer, then the head.
    """

    encoded: EncodedText = field(repr=False)
    target: ResolvedTarget
    total: float
    tokens: np.ndarray
    stream: np.ndarray = field(repr=False)
    heads: np.ndarray = field(repr=False)
    weights: np.ndarray = field(repr=False)
    neurons: np.ndarray = field(repr=False)
    absorbed: tuple[dict[str, float], ...] = field(repr=False)

    def absorbed_from(self, depth: int) -> dict[str, float]:
        """What is absorbed at this depth (0 for the embeddings, 1 for layer 0, ...) and above, by name."""
        above = self.absorbed[depth:]
        return {
            name: sum(terms.get(name, 0.0) for terms in above) for name in ABSORBED if any(name in t for t in above)
        }


def relevance_flow(
    model: TextModel,
    text: str,
    target: Target | str | int | None = None,
    *,
    rule: Rule = "attn-lrp",
    epsilon: float = 0.0,
    gamma: float = 0.0,
) -> RelevanceFlow:
    """The relevance of everything on the way from the output to the tokens, in one pass in each direction.

    What comes back holds arrays by layer, token, head and neuron: see `RelevanceFlow`. Options and errors as in `lrp`.
    """
    require_text_model("relevance_flow", model)
    if rule not in RULES:
        raise OptionError(f"rule={rule!r}: choose {' or '.join(map(repr, RULES))}")
    for name, value in (("epsilon", epsilon), ("gamma", gamma)):
        most = torch.finfo(model.model.dtype).max
        if isinstance(value, bool) or not isinstance(value, SupportsFloat) or not 0 <= value <= most:
            raise OptionError(f"{name}={value!r}: give a number of at least 0, and at most {most:.0e}")
    encoded = model.encode(text)
    with lrp_rules(model, rule, float(epsilon), float(gamma)) as ledger:
        output = model.forward(encoded)
        resolved, scalar = model.readout_value(encoded, output, target)
        if resolved.target.output != "logit":
            ledger.note("output", output.logits)
        tensors = [entry.tensor for entry in ledger.entries]
        gradients = torch.autograd.grad(scalar, tensors, allow_unused=True)
    return _balanced(model, encoded, resolved, float(scalar.detach()), ledger.entries, gradients)


def _balanced(
    model: TextModel,
    encoded: EncodedText,
    resolved: ResolvedTarget,
    value: float,
    entries: list[Entry],
    gradients: tuple[torch.Tensor | None, ...],
) -> RelevanceFlow:
    """The ledger closed: each noted tensor times its modified gradient."""
    found: dict[str, list[np.ndarray]] = {name: [] for name in ("tokens", "stream", "heads", "weights", "neurons")}
    absorbed: list[dict[str, float]] = [{}, *({"softmax": 0.0} for _ in range(model.n_layers)), {}]

    def absorb(name: str, depth: int, amount: float) -> None:
        absorbed[depth][name] = absorbed[depth].get(name, 0.0) + amount

    for entry, gradient in zip(entries, gradients, strict=True):
        x = entry.tensor.detach().double()
        slope = torch.zeros_like(x) if gradient is None else gradient.double()
        if entry.name in found:
            relevance = (x * slope)[0].cpu().numpy()
            found[entry.name].append(relevance if entry.name in ("weights", "neurons") else relevance.sum(-1))
        elif entry.name == "output":
            absorb("output", entry.depth, value - float(x.flatten() @ slope.flatten()))
        else:
            absorb(entry.name, entry.depth, float(x.flatten() @ slope.flatten()))
        if entry.name == "weights":
            absorb("softmax", entry.depth, softmax_remainder(x, slope))
    layers, heads, n = model.n_layers, model.n_heads, len(encoded.units)
    return RelevanceFlow(
        encoded,
        resolved,
        value,
        tokens=found["tokens"][0],
        stream=np.stack(found["stream"]),
        heads=np.stack(found["heads"]),
        weights=np.stack(found["weights"]) if found["weights"] else np.zeros((layers, heads, n, n)),
        neurons=np.stack(found["neurons"]),
        absorbed=tuple(absorbed),
    )


def softmax_remainder(weights: torch.Tensor, slope: torch.Tensor) -> float:
    """What the softmax rule takes in and does not hand on, summed over the rows of `weights`, the softmax's output.

    The relevance that comes in is R = weights * slope. Scores are known from the weights up to a constant in each row,
    s = log weights, and the constant does not count, since the rule's coefficients, R - weights sum(R), sum to 0.
    """
    relevance = weights * slope
    handed_on = torch.xlogy(relevance - weights * relevance.sum(-1, keepdim=True), weights)
    return float((relevance - handed_on).sum())


def _level(model: TextModel, layer: int) -> int:
    """A level of the residual stream: 0 to the number of layers. Raises LayerRangeError."""
    top = model.n_layers
    if isinstance(layer, bool) or not isinstance(layer, SupportsIndex) or not 0 <= operator.index(layer) <= top:
        raise LayerRangeError(f"layer={layer!r}: {model.name} has layers 0 to {top - 1}, and {top} is what leaves them")
    return operator.index(layer)
